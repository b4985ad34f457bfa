"""A formula keeps the comma behind it: no line of a page begins with one."""

from __future__ import annotations

import pytest
from opened import RESTED

CHAPTERS = ["chapters/02_counting.html", "chapters/03_depthwise_separable_convolution.html", "reference/glossary.html"]

LOOSE = r"""() => [...document.querySelectorAll("article span.math:has(.katex)")]
  .filter(formula => formula.nextSibling?.nodeType === Node.TEXT_NODE && /^[.,:;!?)\]]/.test(formula.nextSibling.data))
  .filter(formula => !formula.parentElement.matches(".mn-whole"))
  .map(formula => formula.querySelector("annotation").textContent)"""

LINES = """() => [...document.querySelectorAll("article .mn-whole")].filter(each => each.checkVisibility())
  .map(each => ({text: each.textContent, lines: each.getClientRects().length, width: each.offsetWidth}))"""


@pytest.mark.parametrize("name", CHAPTERS)
def test_short_formula_and_its_punctuation_share_a_line_on_a_phone(tabs, served, name):
    page = tabs(served + name, viewport={"width": 375, "height": 800}).page
    found = page.evaluate(LINES)
    assert len(found) >= 5
    assert {each["lines"] for each in found} == {1}, found
    assert max(each["width"] for each in found) <= 300, found
    assert all(len(formula) > 40 for formula in page.evaluate(LOOSE))


@pytest.mark.parametrize("chapter", ["06_inverted_residual", "11_beyond", "12_shipping"])
def test_displayed_formula_begins_on_the_page_and_leaves_its_number_alone(tabs, served, chapter):
    page = tabs(f"{served}chapters/{chapter}.html", viewport={"width": 375, "height": 800}).page
    page.wait_for_function(RESTED)
    found = page.evaluate(
        """() => [...document.querySelectorAll("article div.math")].filter(each => each.checkVisibility()).map(each => {
             const first = each.querySelector(".katex-html > .base").getBoundingClientRect();
             const number = each.querySelector(".eqno")?.getBoundingClientRect();
             const room = each.querySelector(".katex-display").getBoundingClientRect();
             return {from: first.left, room: [room.left, room.right], number: number?.left ?? innerWidth};
           })"""
    )
    assert found
    for each in found:
        assert each["from"] >= each["room"][0] - 0.5, each
        assert each["room"][1] <= each["number"], each


def test_formulas_are_in_the_pages_and_free_of_errors(site):
    chapters = list((site / "chapters").glob("*.html"))
    assert chapters
    for page in chapters:
        html = page.read_text(encoding="utf8")
        assert 'class="katex"' in html
        assert "katex-error" not in html
