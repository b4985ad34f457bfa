"""Firefox and WebKitGTK, as a distribution packs them, driven over the WebDriver protocols that they speak themselves.

Firefox speaks WebDriver BiDi, over a socket of the web's. WebKitGTK has a program, WebKitWebDriver, that speaks the
older protocol over HTTP and opens MiniBrowser; it needs a screen, which Xvfb pretends to be.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import websocket

KEYS = {"End": "\ue010", "Home": "\ue011", "ArrowLeft": "\ue012", "ArrowRight": "\ue014", "Enter": "\ue007"}
KEYS |= {"Escape": "\ue00c", "Tab": "\ue004", "Control": "\ue009"}
START = 60  # seconds that a browser may take to start, on a busy machine
SCRIPT = 120  # and one step in a page

# Firefox asks its makers for much: here it asks nobody.
PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.ipc.processCount": 1,
    "dom.ipc.processPrelaunch.enabled": False,
    "extensions.enabledScopes": 0,  # without those that it brings along it starts in two thirds of the time
    "extensions.update.enabled": False,
    "fission.autostart": False,
    "focusmanager.testmode": True,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.proxy.type": 1,  # the network is cut: nobody listens at the proxy, and this machine is asked directly
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "remote.active-protocols": 1,
    "services.settings.server": "http://127.0.0.1:9/",
    "toolkit.telemetry.enabled": False,
    "ui.prefersReducedMotion": 1,
}


class Unavailable(Exception):
    """There is no such browser here; the message says how to get one."""


class Engine:
    """A browser with one page in it."""

    name = ""

    def goto(self, url: str) -> None:
        """Open an address and wait until it is loaded."""
        raise NotImplementedError

    def run(self, body: str, *values: Any) -> Any:
        """Run the body of an async function in the page, with `values` as its arguments, and return what it returns."""
        raise NotImplementedError

    def perform(self, actions: list[dict]) -> None:
        """Let the browser do what a hand does: WebDriver's actions."""
        raise NotImplementedError

    def size(self, width: int, height: int) -> None:
        """Give the page another size."""
        raise NotImplementedError

    def close(self) -> None:
        """End the browser."""
        raise NotImplementedError

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        strokes = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self.perform([{"type": "key", "id": "keys", "actions": strokes}])

    def drag(self, *points: Iterable[float], pointer: str = "mouse") -> None:
        """Put the pointer down at the first point and lift it at the last one; one point alone is a click."""
        moves = [{"type": "pointerMove", "x": round(x), "y": round(y), "duration": 0} for x, y in points]
        actions = [moves[0], {"type": "pointerDown", "button": 0}, *moves[1:], {"type": "pointerUp", "button": 0}]
        self.perform([{"type": "pointer", "id": pointer, "parameters": {"pointerType": pointer}, "actions": actions}])


class Firefox(Engine):
    """Firefox without windows."""

    name = "firefox"

    def __init__(self):
        binary = os.environ.get("BOOK_FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
        if not binary:
            raise Unavailable("no Firefox: install the package firefox-esr (Debian) or firefox, or set BOOK_FIREFOX")
        if b"/snap/" in str(Path(binary).resolve()).encode() + Path(binary).read_bytes()[:4096]:
            raise Unavailable("Firefox is a snap, which may not read a test's folder: set BOOK_FIREFOX to another one")
        self.profile = tempfile.TemporaryDirectory(prefix="book-firefox-", ignore_cleanup_errors=True)
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
        Path(self.profile.name, "user.js").write_text("".join(lines), encoding="utf8")
        command = [binary, "--headless", "--no-remote", "--profile", self.profile.name, "--remote-debugging-port", "0"]
        self.process = start(command, os.environ | {"MOZ_HEADLESS_WIDTH": "1400", "MOZ_HEADLESS_HEIGHT": "1000"})
        try:
            port = json.loads(waited_for(Path(self.profile.name, "WebDriverBiDiServer.json"), self.process))["ws_port"]
            address = f"ws://127.0.0.1:{port}/session"
            self.socket = websocket.create_connection(address, timeout=SCRIPT, suppress_origin=True)
            self.numbers = itertools.count(1)
            self.version = self.ask("session.new", capabilities={})["capabilities"]["browserVersion"]
            self.context = self.ask("browsingContext.getTree")["contexts"][0]["context"]
        except BaseException:
            end(self.process)
            raise

    def ask(self, method: str, **params: Any) -> dict:
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == number:
                if answer["type"] == "error":
                    raise RuntimeError(f"{method}: {answer['error']}: {answer['message']}")
                return answer["result"]

    def goto(self, url: str) -> None:
        self.ask("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def run(self, body: str, *values: Any) -> Any:
        function = f"(async (...args) => {{{body}}})"
        done = self.ask(
            "script.callFunction",
            functionDeclaration=f"async (json) => JSON.stringify(await {function}(...JSON.parse(json)))",
            arguments=[{"type": "string", "value": json.dumps(values)}],
            awaitPromise=True,
            target={"context": self.context},
            userActivation=True,
        )
        if done["type"] == "exception":
            raise RuntimeError(done["exceptionDetails"]["text"])
        return json.loads(done["result"].get("value", "null"))

    def perform(self, actions: list[dict]) -> None:
        self.ask("input.performActions", context=self.context, actions=actions)

    def size(self, width: int, height: int) -> None:
        self.ask("browsingContext.setViewport", context=self.context, viewport={"width": width, "height": height})

    def close(self) -> None:
        try:
            self.ask("browser.close")
            self.socket.close()
            self.process.wait(10)
        except (OSError, websocket.WebSocketException, subprocess.TimeoutExpired):
            pass
        end(self.process)
        self.profile.cleanup()


class WebKit(Engine):
    """WebKitGTK, the nearest relative of Safari that a Linux has."""

    name = "webkit"

    def __init__(self):
        driver, screen = shutil.which("WebKitWebDriver"), shutil.which("Xvfb")
        places = (Path("/usr", folder) for folder in ("lib", "lib64", "libexec"))
        patterns = ("webkit2gtk-4.*/MiniBrowser", "*/webkit2gtk-4.*/MiniBrowser")
        browsers = (path for place in places for pattern in patterns for path in place.glob(pattern))
        browser = os.environ.get("BOOK_MINIBROWSER") or next(map(str, browsers), None) if driver else None
        if not (driver and screen and browser):
            raise Unavailable("no WebKitGTK: install the packages webkit2gtk-driver and xvfb")
        self.home = tempfile.TemporaryDirectory(prefix="book-webkit-", ignore_cleanup_errors=True)
        out, into = os.pipe()
        command = [screen, "-displayfd", str(into), "-screen", "0", "1600x1200x24", "-nolisten", "tcp"]
        self.screen = start(command, dict(os.environ), pass_fds=(into,))
        os.close(into)
        with os.fdopen(out, encoding="ascii") as said:
            display = said.readline().strip()
        port = free_port()
        environment = os.environ | {
            "DISPLAY": f":{display}",
            "GDK_BACKEND": "x11",
            "HOME": self.home.name,
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "NO_AT_BRIDGE": "1",
            "WEBKIT_DISABLE_DMABUF_RENDERER": "1",  # without a graphics card it halves the work
            "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",  # in a container there is no other; pages are our own
            "XDG_CACHE_HOME": self.home.name,
            "XDG_DATA_HOME": self.home.name,
            "no_proxy": "127.0.0.1",
            "http_proxy": "http://127.0.0.1:9/",
            "https_proxy": "http://127.0.0.1:9/",
        }
        self.process = start([driver, f"--port={port}"], environment)
        self.address = f"http://127.0.0.1:{port}/session"
        try:
            wanted = {"webkitgtk:browserOptions": {"binary": browser, "args": ["--automation"]}}
            wanted["timeouts"] = {"script": 1000 * SCRIPT, "pageLoad": 1000 * SCRIPT}
            made = self.ask("POST", "", {"capabilities": {"alwaysMatch": wanted}}, patience=START)
            self.address += f"/{made['sessionId']}"
            self.version = made["capabilities"]["browserVersion"]
        except BaseException:
            self.close()
            raise

    def ask(self, method: str, path: str, body: dict | None = None, patience: float = 0) -> Any:
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, content, {"Content-Type": "application/json"})
        request.method = method
        end_of_patience = time.monotonic() + patience
        while True:
            try:
                with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                    request, timeout=SCRIPT
                ) as answer:
                    return json.load(answer)["value"]
            except urllib.error.HTTPError as error:
                raise RuntimeError(f"{method} {path}: {error.read().decode()[:500]}") from None
            except urllib.error.URLError:  # it does not listen yet
                if time.monotonic() > end_of_patience:
                    raise
                time.sleep(0.1)

    def goto(self, url: str) -> None:
        self.ask("POST", "/url", {"url": url})

    def run(self, body: str, *values: Any) -> Any:
        script = f"""const [json, done] = arguments;
            (async (...args) => {{{body}}})(...JSON.parse(json))
              .then((value) => ({{ value }}), (error) => ({{ error: `${{error}}` }}))
              .then((answer) => done(JSON.stringify(answer)));"""
        answer = json.loads(self.ask("POST", "/execute/async", {"script": script, "args": [json.dumps(values)]}))
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer.get("value")

    def perform(self, actions: list[dict]) -> None:
        self.ask("POST", "/actions", {"actions": actions})

    def size(self, width: int, height: int) -> None:
        for _ in range(2):  # MiniBrowser's toolbar is in its window and not in its page
            inner = self.run("return [innerWidth, innerHeight]")
            rect = self.ask("GET", "/window/rect")
            more = [rect["width"] - inner[0], rect["height"] - inner[1]]
            self.ask("POST", "/window/rect", {"x": 0, "y": 0, "width": width + more[0], "height": height + more[1]})
            time.sleep(0.3)

    def close(self) -> None:
        try:
            self.ask("DELETE", "")
        except (OSError, RuntimeError):
            pass
        end(self.process)
        end(self.screen)
        self.home.cleanup()


ENGINES = {engine.name: engine for engine in (Firefox, WebKit)}


def start(command: list[str], environment: dict[str, str], **options: Any) -> subprocess.Popen:
    """Start a program in a session of its own, so that what it starts ends with it."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, env=environment, start_new_session=True, **quiet, **options)


def end(process: subprocess.Popen) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(5)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue


def waited_for(path: Path, process: subprocess.Popen) -> str:
    """Return what a file says once a browser has written it."""
    limit = time.monotonic() + START
    while time.monotonic() < limit and process.poll() is None:
        text = path.read_text(encoding="utf8") if path.exists() else ""
        if text.rstrip().endswith("}"):
            return text
        time.sleep(0.1)
    raise RuntimeError(f"{process.args} did not start in {START} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
