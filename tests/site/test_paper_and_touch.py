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


@pytest.mark.parametrize("name", ["kit", "quiz"])
def test_a_rule_is_tried_with_the_words_that_it_uses(site, name):
    """Some browsers know `rgb(from red ...)` and not `rgb(from currentColor ...)`: then no slider has a handle."""
    css = (site / "_static" / "explorables" / f"{name}.css").read_text(encoding="utf8")
    for asked, rules in re.findall(r"@supports \(color: rgb\(from (\w+) .*?\)\) \{(.*?)\n\}", css, re.DOTALL):
        assert re.findall(r"rgb\(from (\w+)", rules) == [asked]
