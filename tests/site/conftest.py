"""A real browser with the network cut, and the built site served to it."""

from __future__ import annotations

import functools
import http.server
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from opened import Opened, Visit, cold, look_at
from playwright.sync_api import Browser

EXPLORABLE = re.compile(r'class="mn-explorable" data-explorable="(?!quiz)')
LONG = 120_000  # ms that a page may take for anything, on a machine that does much else


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Return a function that opens a page; keyword arguments are those of Playwright's new_context."""
    contexts = []

    def open_page(url: str, **options) -> Visit:
        context = browser.new_context(**options)
        context.set_default_timeout(LONG)
        contexts.append(context)
        visited = Visit(context.new_page())
        visited.begin(url)
        return visited

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def tabs(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Return a function that opens a page in a tab that stays open, in a third of the time.

    That is for pages that keep nothing but what stands in their address. `place` tells tabs apart that are looked at
    side by side; other keyword arguments are those of Playwright's new_context.
    """
    kept: dict[tuple[int, str], Visit] = {}

    def open_page(url: str, place: int = 0, **options) -> Visit:
        key = (place, repr(sorted(options.items())))
        if key not in kept:
            context = browser.new_context(**options)
            context.set_default_timeout(LONG)
            kept[key] = Visit(context.new_page())
        visited = kept[key]
        if visited.page.url.partition("#")[0] == url.partition("#")[0]:
            visited.page.goto("about:blank")  # another address of the same page would not load it again
        visited.page.mouse.move(0, 0)
        visited.begin(url)
        return visited

    yield open_page
    for visited in kept.values():
        visited.page.context.close()


@pytest.fixture(scope="session")
def served(site: Path) -> Iterator[str]:
    """Return the address of the built site, served on this machine."""
    with serve(site) as address:
        yield address


@pytest.fixture(scope="session")
def served_strictly(site: Path) -> Iterator[str]:
    """Return the address of the built site under a Content-Security-Policy that only allows its own files."""
    with serve(site, {"Content-Security-Policy": "default-src 'self'"}) as address:
        yield address


@pytest.fixture(scope="session")
def homes(site: Path) -> list[str]:
    """Return the pages that show an explorable. A quiz is hosted alike, but has no sliders, and tests of its own."""
    pages = [path for path in sorted(site.rglob("*.html")) if EXPLORABLE.search(path.read_text("utf8"))]
    pages = [path for path in pages if path.parent.name != "slides"]  # where most figures wait for their slide
    assert pages, "no page of the site shows an explorable"
    return [page.relative_to(site).as_posix() for page in pages]


@pytest.fixture(scope="session")
def cold_tab(browser: Browser) -> Iterator[Visit]:
    """Return a tab for pages that are opened for the first time: it has the program of axe-core ready, and no files."""
    with browser.new_context(color_scheme="light") as context:
        context.set_default_timeout(LONG)
        visited = Visit(context.new_page())
        cold(visited.page)
        yield visited


@pytest.fixture(scope="session")
def opened(cold_tab: Visit, served: str, page_name: str) -> Opened:
    """Return what was seen when the page was opened for the first time: once, for all tests that ask about it."""
    return look_at(cold_tab, served, page_name)


@pytest.fixture(scope="session")
def serving() -> Callable:
    """Return what serves a folder of a test's own."""
    return serve


@contextmanager
def serve(folder: Path, headers: dict[str, str] | None = None) -> Iterator[str]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            super().end_headers()

        def log_message(self, *args) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()
