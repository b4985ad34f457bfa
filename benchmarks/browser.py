"""A browser, a server that compresses, and the probes that run in the page."""

from __future__ import annotations

import functools
import gzip
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chromium import ARGUMENTS, REMEDY, find_chromium
from playwright.sync_api import Browser, sync_playwright

TEXT = {".html", ".js", ".css", ".svg", ".json"}

# When the first slider of an explorable is there, with the script behind it.
FIRST_SLIDER = """
new MutationObserver((changes, observer) => {
  if (!document.querySelector(".mn input")) return;
  globalThis.benchSlider = performance.now();
  observer.disconnect();
}).observe(document, { childList: true, subtree: true });
"""

# For each key: the time the browser needs to bring it to the screen.
#
# The clock starts at the key's own time stamp, which the browser gives when the key arrives. It stops at the end of the
# frame in which the picture (anything but the controls) has changed: a message posted in the frame's first callback is
# delivered when style, layout and paint are done. (Other threads then put the pixels together; that is not in it.)
# Chromium begins a frame at most 60 times a second, so in between the change may wait for its turn, however fast it was
# made. That wait is left out: the time to the end of the key's own task counts, and the frame from its beginning on.
PAINTED = """root => {
  globalThis.benchPaints = [];
  let key = null, changed = false;
  new MutationObserver((changes) => {
    changed ||= changes.some(({ target }) => !(target.closest ? target : target.parentNode)?.closest?.(".mn-control"));
  }).observe(root, { subtree: true, childList: true, attributes: true, characterData: true });
  const handled = new MessageChannel(), painted = new MessageChannel();
  handled.port2.onmessage = () => {
    if (key && key.handled === null) key.handled = performance.now();
  };
  const frame = () => {
    key.frame = performance.now();
    key.handled ??= key.frame;
    painted.port1.postMessage(0);
  };
  painted.port2.onmessage = () => {
    const now = performance.now();
    if (changed) {
      globalThis.benchPaints.push(key.handled - key.at + now - key.frame);
      key = null;
    } else if (now - key.at < 500) requestAnimationFrame(frame);
    else key = null; // a key that changed nothing: the slider was at its end
  };
  root.addEventListener("keydown", (event) => {
    if (key) return; // the picture of the key before is not there yet
    key = { at: event.timeStamp, handled: null, frame: null };
    changed = false;
    handled.port1.postMessage(0);
    requestAnimationFrame(frame);
  }, true);
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = find_chromium(playwright)
        if path is None:
            raise SystemExit(REMEDY.replace("The browser tests need", "The benchmarks need"))
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def serve(*folders: Path) -> Iterator[str]:
    """Serve what is in the folders, the first that has it, compressed as a web server would; nothing is cached."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            try:
                body, kind, encoding = load(self.path.partition("?")[0].lstrip("/"))
            except FileNotFoundError:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            if encoding:
                self.send_header("Content-Encoding", encoding)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args) -> None:
            pass

    @functools.cache
    def load(name: str) -> tuple[bytes, str, str]:
        path = next((folder / name for folder in folders if (folder / name).is_file()), None)
        if path is None:
            raise FileNotFoundError(name)
        kind = TYPES.get(path.suffix, "application/octet-stream")
        body = path.read_bytes()
        return (gzip.compress(body, 6), kind, "gzip") if path.suffix in TEXT else (body, kind, "")

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
