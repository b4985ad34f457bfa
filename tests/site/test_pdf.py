"""The whole book on paper: one page that holds all pages, and the PDF that Chromium prints of it."""

from __future__ import annotations

import io
import re
from collections import Counter

import pdf
import pytest
import yaml
from bs4 import BeautifulSoup
from pypdf import PdfReader

CONFIG = {"title": "A book", "author": "Its authors", "copyright": "2026"}


@pytest.fixture(scope="module")
def chapters(site, root) -> list[pdf.Chapter]:
    found = pdf.chapters_of(root / "_toc.yml")
    assert [each for each in found if not (site / f"{each.name}.html").exists()] == []
    return found


@pytest.fixture(scope="module")
def some(chapters) -> list[pdf.Chapter]:
    """Return pages of each kind: to read all takes ten seconds."""
    return [*chapters[:4], *chapters[6:8], *chapters[-4:]]


@pytest.fixture(scope="module")
def book(some) -> BeautifulSoup:
    return BeautifulSoup(pdf.joined(some, CONFIG), "html.parser")


FIGURES = "svg[role=img], img, .mn-title, .mn-result, figcaption, div.math, pre"


@pytest.fixture(scope="module")
def printed(browser, served, chapters) -> PdfReader:
    """Return the first pages and the first chapter as a PDF, with numbers in the contents."""
    html = pdf.joined(chapters[:2], CONFIG)
    numbers = pdf.pages_of(pdf.printed(browser, served, html))
    return PdfReader(io.BytesIO(pdf.finished(pdf.printed(browser, served, pdf.numbered(html, numbers)), CONFIG)))


@pytest.fixture(scope="module")
def texts(printed) -> list[str]:
    return [page.extract_text() for page in printed.pages]


def test_all_chapters_are_in_it_in_their_order(chapters, some, book, root):
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf8"))
    files = [each["file"] for part in toc["parts"] for each in part["chapters"]]
    assert [name for name in files if name.startswith("chapters/")] == [each.name for each in chapters[1:-4]]
    titles = [heading.get_text() for heading in book.select("article > section > h1")]
    assert [entry.find("a").get_text() for entry in book.select(".book-chapter")] == titles
    assert len(titles) == len(some)


def test_every_link_within_the_book_leads_to_one_place(book):
    ids = Counter(element["id"] for element in book.select("[id]"))
    assert [name for name, count in ids.items() if count > 1] == []
    inside = {link["href"][1:] for link in book.select("a[href^='#']")}
    assert len(inside) > 100
    assert inside - set(ids) == set()
    assert [link["href"] for link in book.select("a[href]") if not re.match(r"#|https?://|mailto:", link["href"])] == []


def test_every_figure_is_in_it_with_its_words(book, site, some):
    for number, chapter in enumerate(some):
        html = (site / f"{chapter.name}.html").read_text(encoding="utf8")
        page = BeautifulSoup(html[html.index("<article") : html.index("</article>") + 10], "html.parser")
        article = book.select_one(f"#page-{number}")
        kinds = [sorted((each.name, *each.get("class", [])) for each in of.select(FIGURES)) for of in (article, page)]
        assert kinds[0] == kinds[1], chapter.name
    assert book.select("noscript, script, button.copybtn") == []
    assert "JavaScript answers" not in book.get_text()


def test_solutions_stand_at_the_end_of_their_chapter(book):
    places = [solution.parent.h2.get_text() for solution in book.select(".admonition.solution")]
    assert len(places) > 20
    assert set(places) == {"Solutions"}


def test_contents_say_on_which_page_a_section_stands(texts):
    contents = "\n".join(texts[1:3])
    for title in ("Standard convolution", "Five letters", "Stride and padding", "Exercises"):
        number = int(re.search(rf"{title}\s*(\d+)", contents)[1])
        assert title in texts[number - 1], (title, number)


def test_text_can_be_selected_and_links_work(printed, texts):
    assert "multiply-accumulate" in "\n".join(texts)
    assert printed.metadata.title == "A book"
    assert len(printed.outline) > 2
    places = {str(name) for name in printed.named_destinations}
    links = [link.get_object() for page in printed.pages for link in page.get("/Annots") or []]
    inside = [str(link["/Dest"]) for link in links if "/Dest" in link]
    assert len(inside) > 20
    assert set(inside) <= places


WIDE = """() => [...document.querySelectorAll("article :is(pre, table, svg, img, .katex-display)")]
  .filter((each) => each.checkVisibility() && each.getBoundingClientRect().right > innerWidth + 1)
  .map((each) => each.outerHTML.slice(0, 90))"""
SHOWN = ("standard_convolution", "linear_bottleneck", "inverted_residual", "mobilenet_v2", "after_v2")


@pytest.fixture(scope="module")
def on_paper(browser, served, chapters):
    """Return chapters with the tallest and the widest figures as they are printed, and what was too wide before."""
    html = pdf.joined([each for each in chapters if each.name[len("chapters/00_") :] in SHOWN], CONFIG)
    size = {"width": 657, "height": 900}  # A4 without its margins is 174 mm
    with browser.new_context(java_script_enabled=False, viewport=size) as context:
        page = context.new_page()
        page.route("**/whole-book.html", lambda route: route.fulfill(body=html, content_type="text/html;charset=utf-8"))
        page.goto(served + "whole-book.html", wait_until="load")
        page.emulate_media(media="print")
        too_wide = page.evaluate(WIDE)
        pdf.fit(page)
        yield page, too_wide


@pytest.fixture(scope="module")
def laid_out(on_paper):
    return on_paper[0]


def test_nothing_is_wider_than_the_paper(on_paper):
    assert on_paper[1] == []


def test_a_figure_and_its_words_fit_on_a_page(laid_out):
    tall = """([height]) => [...document.querySelectorAll(".mn-explorable:has(.mn-frame)")].map((figure) => {
      const below = (figure.nextElementSibling ?? figure).getBoundingClientRect().bottom;
      return [figure.querySelector(".mn-title").textContent, below - figure.getBoundingClientRect().top <= height];
    })"""
    fits = dict(laid_out.evaluate(tall, [pdf.PAPER_SIZE[1]]))
    assert len(fits) >= 6
    # The network with all its rows, bars and curves would be too small to read.
    assert [title for title, is_so in fits.items() if not is_so] == ["MobileNetV2, row by row"]


def test_a_figure_that_would_leave_half_a_page_empty_breaks_between_its_parts(laid_out):
    breaks = """([height]) => [...document.querySelectorAll(".mn-explorable:has(.mn-frame)")].map((figure) => {
      const inside = (name) => getComputedStyle(figure.querySelector(name)).breakInside;
      return [figure.offsetHeight > 0.7 * height, inside(".mn"), inside(".mn-picture")];
    })"""
    found = laid_out.evaluate(breaks, [pdf.PAPER_SIZE[1]])
    assert {whole for is_tall, whole, _ in found if is_tall} == {"auto"}
    assert {part for *_, part in found} == {"avoid"}
    quizzes = """() => [...document.querySelectorAll(".mn-quiz-text")].map((q) => getComputedStyle(q).breakInside)"""
    assert set(laid_out.evaluate(quizzes)) == {"auto"}


def test_lines_of_code_are_not_broken_where_smaller_letters_help(laid_out):
    broken = """() => [...document.querySelectorAll("article pre")].filter((pre) => {
      const style = getComputedStyle(pre), lines = pre.textContent.replace(/\\n$/, "").split("\\n").length;
      const inside = pre.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
      return Math.round(inside / parseFloat(style.lineHeight)) > lines;
    }).map((pre) => pre.textContent.slice(0, 200))"""
    assert len(laid_out.evaluate(broken)) <= 3  # lines of more than 130 letters


def test_questions_stand_with_their_choices_and_headings_with_their_text(laid_out):
    apart = """() => [...document.querySelectorAll("article .admonition:not(.solution)")]
      .filter((each) => getComputedStyle(each).breakInside !== "avoid").length"""
    assert laid_out.evaluate(apart) == 0
    kept = """() => [...document.querySelectorAll("article :is(h2, h3, summary)")]
      .filter((each) => getComputedStyle(each).breakAfter !== "avoid").length"""
    assert laid_out.evaluate(kept) == 0
    output = """() => [...document.querySelectorAll(".cell_output > :is(.stream, .text_plain, :has(.mn-quiz-text))")]
      .map((each) => getComputedStyle(each).breakBefore)"""
    assert set(laid_out.evaluate(output)) == {"avoid"}
    stems = """() => [...document.querySelectorAll(".mn-quiz-text > ol > li > p")]
      .map((each) => getComputedStyle(each).breakInside)"""
    assert set(laid_out.evaluate(stems)) == {"avoid"}
    units = """() => [...document.querySelectorAll(".pr-ask .pr-row .pr-unit")]
      .filter((each) => each.checkVisibility()).length"""
    assert laid_out.evaluate(units) == 0  # the line to write on says it


def test_no_page_holds_the_end_of_a_box_alone(laid_out):
    """What comes after a box's last line, its padding and its border, may be all that stands on a page."""
    after = """() => [...document.querySelectorAll(".admonition.solution")].map((box) => {
      const bottom = (each) => each.getBoundingClientRect().bottom;
      return bottom(box) - Math.max(...[...box.querySelectorAll("p, pre, li, td, img")].map(bottom));
    })"""
    found = laid_out.evaluate(after)
    assert len(found) > 20
    assert max(found) <= 1, found
