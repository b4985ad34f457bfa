"""Paper and fingers: what a mouse on a screen would never show."""

from __future__ import annotations

import re

import pytest

PAGE = "chapters/06_inverted_residual.html"
PHONE = {"viewport": {"width": 375, "height": 800}, "has_touch": True, "is_mobile": True}


def test_paper_is_light_whatever_the_screen_is(visit, served):
    page = visit(served + PAGE, color_scheme="dark").page
    theme = "document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "dark"
    page.evaluate(f"addEventListener('beforeprint', () => {{ globalThis.printed = {theme}; }})")
    page.pdf()
    assert page.evaluate("printed") == "light"
    assert page.evaluate(theme) == "dark"


def test_on_paper_no_line_of_code_is_cut(visit, served):
    page = visit(served + PAGE, viewport={"width": 600, "height": 900}).page
    wider = """() => [...document.querySelectorAll(".bd-article pre")].filter((pre) => pre.checkVisibility() &&
      pre.scrollWidth > pre.clientWidth + 1).length"""
    assert page.evaluate(wider) > 0  # on the screen they scroll
    page.emulate_media(media="print")
    assert page.evaluate(wider) == 0


def test_a_tap_on_the_middle_of_a_solutions_title_opens_it(tabs, served):
    page = tabs(served + PAGE, **PHONE).page
    titles = page.locator(".admonition.solution > .admonition-title")
    assert titles.count() >= 3
    for title in titles.all():
        title.scroll_into_view_if_needed()
        box = title.bounding_box()
        before = title.locator("..").evaluate("(box) => box.offsetHeight")
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert title.locator("..").evaluate("(box) => box.offsetHeight") > before
    assert page.url == served + PAGE


def test_a_finger_on_a_figure_does_not_turn_the_slide(visit, served):
    page = visit(f"{served}slides/06_inverted_residual.html").page
    page.wait_for_function("globalThis.deck?.isReady()")
    figures = page.locator(".mn-explorable")
    assert figures.count() >= 1
    assert page.locator(".mn-explorable[data-prevent-swipe]").count() == figures.count()


def test_a_copy_button_can_be_seen_where_nothing_hovers(tabs, served):
    page = tabs(served + PAGE, **PHONE).page
    button = page.locator(".bd-article .copybtn").first
    button.wait_for(state="attached")
    assert float(button.evaluate("(button) => getComputedStyle(button).opacity")) == 1


def test_no_line_stays_under_its_copy_button_where_nothing_hovers(tabs, served):
    page = tabs(served + PAGE, **PHONE).page
    page.locator(".bd-article .copybtn").first.wait_for(state="attached")
    covered = """() => [...document.querySelectorAll(".bd-article .copybtn")].filter((button) => {
      const pre = button.parentElement.querySelector("pre"), range = document.createRange();
      if (!pre.checkVisibility()) return false;
      pre.scrollLeft = pre.scrollWidth;
      range.selectNodeContents(pre);
      const over = button.getBoundingClientRect();
      return [...range.getClientRects()].some((text) =>
        text.right > over.left + 1 && text.top < over.bottom && text.bottom > over.top);
    }).length"""
    assert page.evaluate(covered) == 0


def test_a_table_that_goes_on_has_a_shadow_where_it_is_cut(tabs, served):
    page = tabs(served + PAGE, **PHONE).page
    boxes = """() => [...document.querySelectorAll(".bd-article table")].map((table) => {
      let box = table;
      while (box && !/auto|scroll/.test(getComputedStyle(box).overflowX)) box = box.parentElement;
      return box && box.scrollWidth > box.clientWidth + 1 ? getComputedStyle(box).backgroundAttachment : null;
    }).filter(Boolean)"""
    found = page.evaluate(boxes)
    assert found
    assert set(found) == {"local, local, scroll, scroll"}


def test_the_index_is_one_column_on_a_phone(tabs, served):
    page = tabs(served + "genindex.html", **PHONE).page
    columns = """() => [...document.querySelectorAll(".genindextable")].flatMap((table) =>
      [table.scrollWidth, ...[...table.querySelectorAll("td")].map((column) => column.offsetWidth)].map((width) =>
        Math.abs(width - table.clientWidth)))"""
    assert max(page.evaluate(columns)) <= 1


def test_links_in_tables_have_the_colour_of_links(tabs, served):
    page = tabs(served + "reference/instructors.html", **PHONE).page
    colour = "(name) => getComputedStyle(document.querySelector(name)).color"
    assert page.evaluate(colour, ".bd-article table a") == page.evaluate(colour, ".bd-article p > a")


@pytest.mark.parametrize("name", ["kit", "quiz"])
def test_a_rule_is_tried_with_the_words_that_it_uses(site, name):
    """Some browsers know `rgb(from red ...)` and not `rgb(from currentColor ...)`: then no slider has a handle."""
    css = (site / "_static" / "explorables" / f"{name}.css").read_text(encoding="utf8")
    for asked, rules in re.findall(r"@supports \(color: rgb\(from (\w+) .*?\)\) \{(.*?)\n\}", css, re.DOTALL):
        assert re.findall(r"rgb\(from (\w+)", rules) == [asked]
