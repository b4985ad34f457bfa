"""The built site, served with something in each page that writes down what goes wrong, and a browser to look at it."""

from __future__ import annotations

import functools
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import ENGINES, Engine, Unavailable

# Before everything else in a page. What stays: `book.wrong`.
RECORDER = b"""<script>(() => {
  const wrong = [];
  globalThis.book = { wrong };
  addEventListener("error", (event) => {
    if (event.message?.startsWith("ResizeObserver loop")) return; // a figure measures itself again in the next frame
    const { src, href } = event.target;
    wrong.push(event.message ?? `${src ?? href} does not load`);
  }, true);
  addEventListener("unhandledrejection", (event) => wrong.push(`nobody catches ${event.reason}`));
  const error = console.error;
  console.error = (...words) => { wrong.push(words.join(" ")); error(...words); };
})()</script>"""


@pytest.fixture(scope="module", params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Return a browser. One that is not here is missed aloud: a test fails where it was promised, else it is skipped.

    BOOK_ENGINES names the browsers that a machine promises, as in `firefox,webkit`. Without it both are promised under
    `CI=true`, and elsewhere none.
    """
    in_ci = os.environ.get("CI", "").lower() == "true"
    promised = os.environ.get("BOOK_ENGINES", ",".join(ENGINES) if in_ci else "")
    try:
        browser = ENGINES[request.param]()
    except Unavailable as error:
        must = request.param in promised.replace(" ", "").split(",")
        (pytest.fail if must else pytest.skip)(f"nothing was tried in {request.param}: {error}")
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def recorded(site: Path) -> Iterator[str]:
    """Return the address of the built site."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = Path(self.translate_path(self.path))
            if path.suffix != ".html" or not path.is_file():
                return super().do_GET()
            content = path.read_bytes().replace(b"<head>", b"<head>" + RECORDER, 1)
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:  # the browser has gone on to another page
                self.close_connection = True

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=site))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()
