"""Each chapter has a deck that works from a folder, with the network cut, from the keyboard, with its figures alive."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import slides
from docutils import nodes
from opened import LIVE, too_wide

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = [path.stem for path in sorted((ROOT / "chapters").glob("*.ipynb"))]
SHOWN = "() => deck.getCurrentSlide().dataset.cell"


def cells(name: str) -> list[dict]:
    return json.loads((ROOT / "chapters" / f"{name}.ipynb").read_text(encoding="utf8"))["cells"]


def kind(cell: dict) -> str:
    return cell["metadata"].get("slideshow", {}).get("slide_type", "")


# What is wrong with the slide that is shown: cut off, too small to read from the last row, or a figure out of sight.
FAULTS = """() => {
  const slide = deck.getCurrentSlide();
  const faults = [];
  const over = slide.scrollHeight - slide.clientHeight;
  if (over > 1) faults.push(`${over} px too tall`);
  if (slide.scrollWidth > 1280) faults.push(`${slide.scrollWidth} px wide`);
  for (const code of slide.querySelectorAll("pre")) {
    const wide = code.scrollWidth;
    if (wide > code.clientWidth + 1) faults.push(`${wide} px of code: ${code.textContent.slice(0, 40)}`);
  }
  for (const quiz of slide.querySelectorAll(".mn-quiz .mn-frame")) {
    if (quiz.scrollHeight > quiz.clientHeight + 1) faults.push("a question is cut off");
    const [questions, keys] = [".mn-question", "i.fragment"].map((name) => slide.querySelectorAll(name).length);
    if (questions !== keys + 1) faults.push(`${questions} questions and ${keys} keys between them`);
  }
  const [number, of] = document.querySelector(".slide-number").textContent.split("/").map(Number);
  const all = [...document.querySelectorAll("section[data-cell]")];
  if (number !== all.indexOf(slide) + 1 || of !== all.length) faults.push(`number ${number} of ${of}`);
  const twice = slide.querySelector(".admonition-title + .admonition-title");
  if (twice) faults.push(`${twice.textContent} twice`);
  const words = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const box = words.currentNode.parentElement;
    const said = words.currentNode.data.trim();
    if (!said || box.closest("aside, .katex, script, svg, .mn") || !box.getClientRects().length) continue;
    const size = parseFloat(getComputedStyle(box).fontSize);
    if (size < 24) faults.push(`${size} px: ${said}`);
  }
  for (const text of slide.querySelectorAll(".mn-figure text")) {
    const { a, b } = text.getScreenCTM();
    const size = parseFloat(getComputedStyle(text).fontSize) * Math.hypot(a, b);
    if (size < 15) faults.push(`${size} px: ${text.textContent}`);
  }
  const isShown = (child) => child.checkVisibility({ visibilityProperty: true }) && child.offsetHeight;
  const shown = [...slide.children].filter((child) => !child.matches("aside, h1, h2") && isShown(child));
  const waits = slide.querySelector(".fragment:not(.visible)");
  if (/-[0-9]+$/.test(slide.dataset.cell) && waits && !shown.length) faults.push("an empty slide");
  const frame = slide.querySelector(".mn-frame:has(> .mn-picture)");
  for (const part of frame?.querySelectorAll(":scope > :is(.mn-picture, .mn-controls, .mn-totals), .mn-result") ?? []) {
    const { top, bottom, height } = part.getBoundingClientRect();
    if (height && (top < 0 || bottom > 720)) faults.push(`${part.className} out of sight`);
    const own = parseFloat(getComputedStyle(part).fontSize) * part.currentCSSZoom;
    if (height && part.matches(".mn-result") && own < 24) faults.push(`a verdict of ${own} px`);
  }
  const below = frame?.querySelector(".mn-below");
  const verdict = frame?.querySelector(".mn-below > .mn-result");
  if (verdict && verdict.offsetHeight > below.clientHeight + 1) faults.push("the verdict is cut off");
  const more = below?.scrollHeight > below?.clientHeight + 1;
  if (more && getComputedStyle(below, "::after").position !== "sticky") faults.push("what goes on does not fade");
  const controls = frame?.querySelector(":scope > .mn-controls");
  if (controls?.scrollWidth > controls?.clientWidth + 1) faults.push("a control is cut off");
  if (controls?.scrollHeight > controls?.clientHeight + 1) faults.push("controls scroll");
  for (const table of frame?.querySelectorAll(".mn-table-box") ?? []) {
    if (table.scrollWidth > table.clientWidth + 1) faults.push(`a table of ${table.scrollWidth} px`);
  }
  const picture = frame?.querySelector(":scope > .mn-picture");
  if (picture?.scrollHeight > picture?.clientHeight + 1) faults.push("the picture scrolls");
  if (picture?.currentCSSZoom < 0.5 || controls?.currentCSSZoom < 1) faults.push("a figure is too small");
  for (const drawing of picture?.querySelectorAll("svg.mn-drawing") ?? []) {
    const { bottom, height } = drawing.getBoundingClientRect();
    if (height > 100 && bottom > picture.getBoundingClientRect().bottom + 2) faults.push("a drawing is cut off");
  }
  return faults;
}"""
# What stands there, whether it is the last one, and its faults: a figure is fitted within some frames, which a busy
# machine draws late.
LOOK = f"""async () => {{
  const end = performance.now() + 10_000;
  let faults;
  while ((faults = ({FAULTS})()).length && performance.now() < end) await new Promise(requestAnimationFrame);
  return [({SHOWN})(), deck.isLastSlide(), faults];
}}"""
# Bring each control of the figure that is shown to its ends, one after the other, and tell what is wrong there.
ENDS = f"""async () => {{
  const figure = deck.getCurrentSlide(), found = [];
  const kinds = "input[type=range], input[type=radio]";
  for (let i = 0; i < figure.querySelectorAll(kinds).length; i += 1) {{
    const control = figure.querySelectorAll(kinds)[i];
    for (const end of control.type === "radio" ? [""] : [control.min, control.max]) {{
      if (!control.checkVisibility() || control.disabled) continue;
      if (control.type === "radio") control.click();
      else {{
        control.value = end;
        for (const name of ["input", "change"]) control.dispatchEvent(new Event(name, {{ bubbles: true }}));
      }}
      for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
      const [, , faults] = await ({LOOK})();
      const name = control.getAttribute("aria-label") ?? control.labels[0]?.textContent;
      if (faults.length) found.push([name, end, faults]);
    }}
  }}
  return found;
}}"""
FIGURES = """() => [...document.querySelectorAll("section[data-cell]:has(.mn-picture)")]
  .map((section) => section.dataset.cell)"""
GO = """cell => {
  const { h, v } = deck.getIndices(document.querySelector(`section[data-cell="${cell}"]`));
  deck.slide(h, v);
}"""
CELLS = "() => [...document.querySelectorAll('section[data-cell]')].map(section => section.dataset.cell)"


def ready(page) -> None:
    page.wait_for_function("document.querySelector('.reveal.ready')")
    page.wait_for_function(LIVE)


# What is a slide


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_cell_says_what_it_is_on_a_slide(name):
    for cell in cells(name):
        assert kind(cell) in slides.KINDS[:-1], (cell["id"], kind(cell))
        if "solution" in cell["metadata"].get("tags", []):
            assert kind(cell) == "skip", cell["id"]  # the class sees the exercise, and not its answer


@pytest.mark.parametrize("name", CHAPTERS)
def test_deck_has_the_slides_that_the_notebook_names_in_its_order(name, site):
    html = (site / "slides" / f"{name}.html").read_text(encoding="utf8")
    wanted = [cell["id"] for cell in cells(name) if kind(cell) in ("slide", "subslide")]
    assert re.findall(r'<section data-cell="([\w-]+)"', html) == wanted


def test_long_text_goes_to_the_speaker_and_the_rest_stays():
    title, first, second = nodes.title("", "T"), nodes.paragraph("", "first"), nodes.paragraph("", "second")
    formula = nodes.math_block("", "x")
    assert list(slides.sorted_out([title, first, second, formula])) == [
        (title, True),
        (first, True),
        (second, False),
        (formula, True),
    ]


def test_a_slide_type_that_nobody_knows_is_reported():
    document = nodes.section("", nodes.comment(slide="slid", cell=0), nodes.paragraph("", "text"))
    with pytest.raises(ValueError, match="cell a has slide_type 'slid'; it must be one of slide, subslide"):
        slides.columns(document, [{"id": "a", "metadata": {}}])


# How it runs


@pytest.mark.parametrize("name", CHAPTERS)
def test_deck_runs_from_a_folder_to_its_last_slide(tabs, site, name):
    visited = tabs((site / "slides" / f"{name}.html").as_uri(), viewport={"width": 1280, "height": 720})
    page = visited.page
    ready(page)
    cells = page.evaluate(CELLS)
    key = ("Space", "ArrowRight", "PageDown")[CHAPTERS.index(name) % 3]  # PageDown is a clicker's
    seen = []
    for _ in range(5 * len(cells)):  # fragments take a key of their own
        shown, last, faults = page.evaluate(LOOK)
        assert faults == [], shown
        if shown not in seen[-1:]:
            seen.append(shown)
        if last:
            break
        page.keyboard.press(key)
    assert seen == cells
    assert page.locator("section[data-cell] section").count() == 0  # the deck takes each <section> for a slide
    assert visited.foreign == []
    assert visited.errors == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_picture_controls_and_verdict_stay_in_sight_at_every_end_of_every_control(tabs, site, name):
    address = (site / "slides" / f"{name}.html").as_uri()
    viewport = {"width": 1280, "height": 720}
    page = tabs(address, viewport=viewport).page
    ready(page)
    for cell in page.evaluate(FIGURES):
        page.evaluate(GO, cell)
        assert page.evaluate(SHOWN) == cell
        assert page.evaluate(ENDS) == [], cell


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figure_on_a_slide_keeps_its_keys_and_gives_them_back(visit, served, scheme):
    visited = visit(f"{served}slides/06_inverted_residual.html#inverted-block?expansion=3", color_scheme=scheme)
    page = visited.page
    ready(page)
    here = page.evaluate(SHOWN)
    assert here == "explorable"  # the address led to the figure's slide
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    figure = page.locator("section.present [data-explorable=inverted-block]")
    slider = figure.get_by_role("slider", name="Expansion")
    assert slider.get_attribute("aria-valuetext").startswith("3")
    said = figure.locator(".mn-result").inner_text()
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext").startswith("4")
    assert figure.locator(".mn-result").inner_text() != said
    assert page.evaluate(SHOWN) == here
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(SHOWN) != here
    assert visited.foreign == []
    assert visited.errors == []


def test_a_quiz_asks_one_question_at_a_time_and_has_room_for_its_reasons(tabs, served):
    page = tabs(f"{served}slides/03_depthwise_separable_convolution.html?slide=quiz-md").page
    ready(page)
    questions = page.locator("section.present .mn-question")
    frame = page.locator("section.present .mn-quiz .mn-frame")
    for number in range(3):
        assert [each.is_visible() for each in questions.all()] == [i == number for i in range(3)]
        for answer in questions.nth(number).get_by_role("radio").all():
            answer.click()
            assert frame.evaluate("frame => frame.scrollHeight <= frame.clientHeight + 1")
        page.keyboard.press("Escape")
        page.keyboard.press("ArrowRight")
    assert page.evaluate(SHOWN) != "quiz-md"
    page.keyboard.press("ArrowLeft")
    assert questions.nth(2).is_visible() and not questions.first.is_visible()


def test_slide_stands_in_the_address(tabs, served):
    page = tabs(f"{served}slides/03_depthwise_separable_convolution.html").page
    ready(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    here = page.evaluate(SHOWN)
    assert f"slide={here}" in page.url
    page.reload()
    ready(page)
    assert page.evaluate(SHOWN) == here


def test_speaker_has_notes_in_a_window_of_their_own(visit, served):
    visited = visit(f"{served}slides/01_standard_convolution.html?slide=one-value")
    page = visited.page
    ready(page)
    with page.context.expect_page() as opened:
        page.keyboard.press("s")
    speaker = opened.value
    speaker.get_by_text("as deep as the image").wait_for()  # the page's own text
    speaker.get_by_text("how deep is the filter?").wait_for()  # and a speaker's cell behind it
    assert visited.foreign == []
    assert visited.errors == []


def test_deck_has_the_same_slides_in_every_window_and_fits_a_phone(tabs, served):
    cells = []
    for width, height in ((1920, 1080), (1280, 720), (375, 667)):
        size = {"width": width, "height": height}
        page = tabs(f"{served}slides/01_standard_convolution.html?slide=notation", viewport=size).page
        ready(page)
        assert page.evaluate(SHOWN) == "notation"
        cells.append(page.evaluate(CELLS))
    assert cells[0] == cells[1] == cells[2]
    assert too_wide(page) == []
    assert page.evaluate("deck.getCurrentSlide().scrollWidth <= innerWidth")
