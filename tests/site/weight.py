"""What a page weighs: every response a real browser asks for when it opens the page for the first time.

Text counts as gzip makes it, as a web server would send it; fonts and pictures are compressed already. Figures count
apart, because one photograph would drown the rest: inline SVGs with `role="img"` (what the cells' plots and the
explorables' static forms are; icons are `aria-hidden`), pictures among the notebooks' outputs, and photographs that an
explorable shows.
"""

from __future__ import annotations

import functools
import gzip
import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Browser, Response

FIGURE = re.compile(rb'<svg\b[^>]*\brole="img".*?</svg>', re.DOTALL)
COMPRESSED = (".woff2", ".woff", ".png", ".jpg", ".webp", ".wasm")


class Part(NamedTuple):
    """One response, in bytes."""

    path: str
    raw: int
    gzipped: int
    figures: int  # of the gzipped bytes


def weigh(browser: Browser, site: str, name: str, **options) -> list[Part]:
    """Open the page called `name` of `site`, an address, in a fresh context: its cache is cold."""
    context = browser.new_context(**options)
    try:
        page = context.new_page()
        responses: list[Response] = []
        page.on("response", lambda response: responses.append(response))  # Playwright takes no builtin
        page.goto(site + name, wait_until="networkidle")
        return parts_of(responses)
    finally:
        context.close()


def parts_of(responses: Iterable[Response]) -> list[Part]:
    return [part_of(unquote(urlsplit(answer.url).path).lstrip("/"), answer.body()) for answer in responses]


def part_of(path: str, body: bytes) -> Part:
    size = len(body) if path.endswith(COMPRESSED) else zipped(body)
    if path.endswith(".html"):
        return Part(path, len(body), size, size - zipped(FIGURE.sub(b"", body)))
    is_figure = path.startswith(("_images/", "_static/explorables/gallery/"))
    return Part(path, len(body), size, size if is_figure else 0)


@functools.lru_cache(maxsize=512)  # many pages share their parts
def zipped(data: bytes) -> int:
    return len(gzip.compress(data, 6, mtime=0))
