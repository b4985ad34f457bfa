"""A formula keeps the comma behind it: no line of a page begins with one."""

from __future__ import annotations

import pytest

CHAPTERS = ["chapters/02_counting.html", "chapters/03_depthwise_separable_convolution.html", "reference/glossary.html"]

LOOSE = r"""() => [...document.querySelectorAll("article span.math:has(.katex)")]
  .filter(formula => formula.nextSibling?.nodeType === Node.TEXT_NODE && /^[.,:;!?)\]]/.test(formula.nextSibling.data))
  .filter(formula => !formula.parentElement.matches(".mn-whole"))
  .map(formula => formula.querySelector("annotation").textContent)"""

LINES = """() => [...document.querySelectorAll("article .mn-whole")].filter(each => each.checkVisibility())
  .map(each => ({text: each.textContent, lines: each.getClientRects().length, width: each.offsetWidth}))"""


@pytest.mark.parametrize("name", CHAPTERS)
def test_short_formula_and_its_punctuation_share_a_line_on_a_phone(visit, served, name):
    page = visit(served + name, viewport={"width": 375, "height": 800}).page
    found = page.evaluate(LINES)
    assert len(found) >= 5
    assert {each["lines"] for each in found} == {1}, found
    assert max(each["width"] for each in found) <= 300, found
    assert all(len(formula) > 40 for formula in page.evaluate(LOOSE))
