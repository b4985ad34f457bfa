"""Make the whole book one PDF from the built site, for paper: `make pdf`.

The pages' articles become one page, in the order of the contents, which Chromium prints. Its scripts stay out, so each
figure stands in the state it starts from. Solutions move to the end of their chapter. What the pages link to within the
book, the PDF links to within itself. The numbers in its contents come from a first print.

The reference on the library's code stays on the site: it is for looking things up.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html import escape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from posixpath import dirname, normpath
from typing import NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

import yaml
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
JOINED = "whole-book.html"  # the page that is printed; it is never written
LEFT_OUT = ("reference/api", "reference/instructors")
sys.path[:0] = [str(ROOT / "tests" / "site"), str(ROOT / "book" / "ext")]

from chromium import ARGUMENTS, REMEDY, find_headless  # noqa: E402
from repository import site_address  # noqa: E402
from theme import WHOLE_BOOK  # noqa: E402

PAPER_SIZE = 657, 994  # A4 without its margins, in pixels
CODE_BEFORE = 104  # a figure leaves room on its page for the line of code that makes it
TALL = 0.6  # of a page: what is higher may go on on the next one, or what stands before it would have a page alone
LEAST = 0.68  # what would have to be smaller than this breaks instead
# All is measured before anything changes: a page of all pages is laid out once and not a thousand times.
FIT = """({ width, height, least, tall }) => {
  const figures = [...document.querySelectorAll(".mn-explorable:has(.mn-frame)")].map((figure) => {
    const note = figure.nextElementSibling?.matches(".book-note") ? figure.nextElementSibling.offsetHeight + 8 : 0;
    return [figure, figure.offsetWidth, height / (figure.offsetHeight + note)];
  });
  const code = [...document.querySelectorAll("article pre")].map((pre) => [pre, pre.clientWidth]);
  for (const [pre] of code) Object.assign(pre.style, { whiteSpace: "pre", width: "max-content" });
  const lines = code.map(([pre, wide]) => {
    const { paddingLeft, paddingRight, fontSize } = getComputedStyle(pre);
    const beside = parseFloat(paddingLeft) + parseFloat(paddingRight);
    return [pre, (wide - beside) / (pre.clientWidth - beside), parseFloat(fontSize)];
  });
  for (const [figure, wide, scale] of figures) {
    figure.classList.toggle("book-tall", scale < tall);
    if (scale < 1 && scale >= least) figure.style.cssText = `zoom: ${scale}; width: ${wide}px; margin-inline: auto`;
  }
  for (const [pre, scale, size] of lines) {
    pre.style.whiteSpace = pre.style.width = "";
    if (scale < 1 && scale >= least) pre.style.fontSize = `${Math.floor(98 * scale * size) / 100}px`;
  }
}"""
MARGIN = {"top": "16mm", "bottom": "18mm", "left": "18mm", "right": "18mm"}
FOOTER = '<div style="width: 100%; text-align: center; font: 8px sans-serif"><span class="pageNumber"></span></div>'
CONTROLS = re.compile(r"This figure has controls\. They need JavaScript; what you see is the state they start from")
ANSWERS = "With JavaScript, this page answers"
# What a page brings for the screen, or for a reader who can press something.
ONLY_ON_A_SCREEN = (
    ".headerlink, .toctree-wrapper, .reading-time, script, link, style, .copybtn, .mn-prediction, "
    "button:not(.pr-ask [aria-pressed])"  # the choices of a prediction are its text
)


class Chapter(NamedTuple):
    """A page of the site, as it stands in the contents."""

    name: str
    part: str


def main() -> int:
    if not (SITE / "index.html").exists():
        print("There is no built site to print: run `make book` first, or `make pdf`, which does both.")
        return 2
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf8"))
    chapters = [each for each in chapters_of(ROOT / "_toc.yml") if (SITE / f"{each.name}.html").exists()]
    with sync_playwright() as playwright, served(SITE) as address:
        path = find_headless(playwright)
        if path is None:
            print(REMEDY)
            return 1
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        html = joined(chapters, config)
        first = printed(browser, address, html)
        last = printed(browser, address, numbered(html, pages_of(first)))
        browser.close()
    pdf = SITE / WHOLE_BOOK
    pdf.write_bytes(finished(last, config))
    print(f"Printed {pdf}: {count(last)} pages, {pdf.stat().st_size / 1e6:.1f} MB")
    return subprocess.run([sys.executable, Path(__file__).with_name("build.py")]).returncode  # to link to it


# One page of all


def chapters_of(contents: Path) -> list[Chapter]:
    """Return the pages of the book in their order, without those that stay on the site."""
    toc = yaml.safe_load(contents.read_text(encoding="utf8"))
    pages = [Chapter(toc["root"], "")]
    for part in toc["parts"]:
        pages += [Chapter(each["file"], part["caption"]) for each in part["chapters"]]
    return [page for page in pages if not page.name.startswith(LEFT_OUT)]


def joined(chapters: list[Chapter], config: dict) -> str:
    """Return one page that holds them all, with contents before them."""
    places = {chapter.name: f"page-{number}" for number, chapter in enumerate(chapters)}
    sheets: dict[str, None] = {}
    articles, entries, part = [], [], ""
    for chapter in chapters:
        soup = BeautifulSoup((SITE / f"{chapter.name}.html").read_text(encoding="utf8"), "html.parser")
        for link in soup.select('link[rel="stylesheet"][href]'):
            sheets[normpath(f"{dirname(chapter.name)}/{link['href']}".lstrip("/")).partition("?")[0]] = None
        article = soup.select_one("article.bd-article")
        assert article is not None, chapter.name
        place = places[chapter.name]
        entries += list(entries_of(article, place, chapter, part))
        part = chapter.part
        prepare(article, chapter.name, places)
        articles.append(f'<article class="bd-article" id="{place}">{article.decode_contents()}</article>')
    own = {sheet: place for chapter, place in places.items() for sheet in sheets if is_of(sheet, chapter)}
    head = [f'<link rel="stylesheet" href="{sheet}">' for sheet in sheets if sheet not in own]
    # What a page's own sheet says of its figures it says of none of another page.
    for sheet, place in own.items():
        head.append(f"<style>#{place} {{ {(SITE / sheet).read_text(encoding='utf8')} }}</style>")
    title, author = escape(config["title"]), escape(config["author"])
    rights = f"{config['copyright']}. Text and figures: CC BY 4.0; code: MIT License."
    return f"""<!doctype html>
<html lang="en" data-theme="light"><head><meta charset="utf-8"><title>{title}</title>
{"".join(head)}<style>{PAPER}</style></head>
<body><div class="bd-article-container">
<header class="book-cover"><h1>{title}</h1><p>{author}</p><p>{rights}</p></header>
<nav class="book-contents"><h1>Contents</h1>{"".join(entries)}</nav>
{"".join(articles)}</div></body></html>"""


def is_of(sheet: str, chapter: str) -> bool:
    return sheet.endswith(f"/page-{chapter.replace('/', '-')}.css")


def entries_of(article: Tag, place: str, chapter: Chapter, last_part: str) -> Iterator[str]:
    """Return the lines of the contents for a page: its part, where that begins, its title, its sections."""
    if chapter.part != last_part:
        yield f'<p class="book-part">{escape(chapter.part)}</p>'
    yield entry(article.h1, place, "book-chapter")
    for section in article.select("section[id] > h2"):
        yield entry(section, f"{place}-{section.parent['id']}", "book-section")


def entry(heading: Tag | None, target: str, kind: str) -> str:
    assert heading is not None, target
    words = "".join(each for each in heading.find_all(string=True) if "headerlink" not in each.parent.get("class", []))
    link = f'<a href="#{target}"><span>{escape(words.strip())}</span></a>'
    return f'<p class="{kind}">{link}<span class="book-number" data-of="{target}"></span></p>'


def prepare(article: Tag, page: str, places: dict[str, str]) -> None:
    """Make of a page's article what can stand beside those of all others, on paper."""
    for note in article.select("noscript"):
        words = note.get_text()
        note.name, note["class"] = "div", "book-note"
        note.string = CONTROLS.sub("On the site this figure has controls. Here it shows", words).strip()
        if ANSWERS in words:
            note.decompose()
    for gone in article.select(ONLY_ON_A_SCREEN):
        gone.decompose()
    solutions = [solution.extract() for solution in article.select(".admonition.solution")]
    for solution in solutions:
        solution["class"] = [each for each in solution["class"] if each != "dropdown"]
    if solutions:
        heading = BeautifulSoup("<section><h2>Solutions</h2></section>", "html.parser").section
        assert heading is not None
        heading.extend(solutions)
        (article.find("section", recursive=False) or article).append(heading)
    for details in article.select("details"):
        details["open"] = ""
    place = places[page]
    taken = set()
    for element in article.select("[id]"):
        if element["id"] in taken:  # sphinx-exercise gives all its boxes one
            del element["id"]
            continue
        taken.add(element["id"])
        element["id"] = f"{place}-{element['id']}"
    for element in article.find_all(True):
        for name in ("for", "aria-labelledby", "aria-describedby"):
            if name in element.attrs:
                element[name] = " ".join(f"{place}-{word}" for word in str(element[name]).split())
        for name, value in list(element.attrs.items()):
            if isinstance(value, str) and ("url(#" in value or (name.endswith("href") and element.name == "use")):
                element[name] = re.sub(r"(url\(|^)#", rf"\1#{place}-", value)
        element.attrs.pop("loading", None)  # nobody scrolls here
        for name in ("src", "srcset"):
            if name in element.attrs:
                element[name] = urljoin(f"{dirname(page)}/", element[name]) if dirname(page) else element[name]
    for link in article.select("a[href]"):
        lead(link, page, places)


def lead(link: Tag, page: str, places: dict[str, str]) -> None:
    """Let a link lead to its place in the PDF, on the site, or, where no address is known, nowhere."""
    parts = urlsplit(str(link["href"]))
    if parts.scheme or parts.netloc:
        return
    path = normpath(f"{dirname(page)}/{unquote(parts.path)}".lstrip("/")) if parts.path else f"{page}.html"
    name, place = path.removesuffix(".html"), parts.fragment.partition("?")[0]
    if name in places:
        link["href"] = f"#{places[name]}-{place}" if place else f"#{places[name]}"
    elif address := site_address(ROOT):
        link["href"] = urljoin(f"{address.rstrip('/')}/", path) + (f"#{parts.fragment}" if parts.fragment else "")
    else:
        del link["href"]


# Printing


@contextmanager
def served(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def printed(browser: Browser, address: str, html: str) -> bytes:
    page = browser.new_page(java_script_enabled=False, color_scheme="light")
    page.route(f"**/{JOINED}", lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8"))
    page.goto(address + JOINED, wait_until="load", timeout=300_000)  # the network is idle before all is read
    fit(page)
    pdf = page.pdf(
        format="A4",
        margin=MARGIN,
        display_header_footer=True,
        header_template="<span></span>",
        footer_template=FOOTER,
        print_background=False,
        outline=True,
        tagged=True,
    )
    page.close()
    return pdf


def fit(page: Page) -> None:
    """Make what is a little too large for the paper smaller: figures that fill a page, and lines of code."""
    page.set_viewport_size({"width": PAPER_SIZE[0], "height": PAPER_SIZE[1]})
    page.emulate_media(media="print")
    page.evaluate(
        FIT, {"width": PAPER_SIZE[0], "height": PAPER_SIZE[1] - CODE_BEFORE, "least": LEAST, "tall": 1 / TALL}
    )


def pages_of(pdf: bytes) -> dict[str, int]:
    """Return for each place that a link leads to the number of its page."""
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(pdf))
    numbers = {each.indirect_reference.idnum: number for number, each in enumerate(reader.pages, 1)}
    return {name.lstrip("/"): numbers[place.page.idnum] for name, place in reader.named_destinations.items()}


def numbered(html: str, pages: dict[str, int]) -> str:
    return re.sub(
        r'(<span class="book-number" data-of="([^"]+)">)', lambda match: match[1] + str(pages.get(match[2], "")), html
    )


def finished(pdf: bytes, config: dict) -> bytes:
    """Return the PDF with its title and author."""
    from pypdf import PdfWriter

    writer = PdfWriter(clone_from=io.BytesIO(pdf))
    writer.add_metadata({"/Title": config["title"], "/Author": config["author"]})
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def count(pdf: bytes) -> int:
    from pypdf import PdfReader

    return len(PdfReader(io.BytesIO(pdf)).pages)


PAPER = (Path(__file__).with_name("pdf.css")).read_text(encoding="utf8")


if __name__ == "__main__":
    sys.exit(main())
