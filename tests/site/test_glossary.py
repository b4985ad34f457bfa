"""A term shows its definition where it stands: pointed at, or reached with the keyboard."""

from __future__ import annotations

import html
import re

import pytest

CHAPTER = "chapters/03_depthwise_separable_convolution.html"
SHOWN = "element => getComputedStyle(element, '::after').content"


@pytest.fixture
def term(tabs, served):
    page = tabs(served + CHAPTER).page
    return page.locator("a.mn-term-link", has_text="pointwise convolution").first


def test_definition_appears_while_the_term_is_pointed_at(term):
    assert term.evaluate(SHOWN) == "none"
    term.hover()
    assert "1×1 kernel" in term.evaluate(SHOWN)


def test_definition_appears_for_the_keyboard(term):
    term.page.keyboard.press("Tab")  # only what the keyboard reached counts as visibly focused
    term.focus()
    assert "1×1 kernel" in term.evaluate(SHOWN)


def test_every_definition_is_plain_words(site):
    pages = (path.read_text(encoding="utf8") for path in (site / "chapters").glob("*.html"))
    definitions = {html.unescape(found) for page in pages for found in re.findall(r'data-definition="([^"]*)"', page)}
    assert len(definitions) >= 30
    assert any("D\N{LATIN LETTER SMALL CAPITAL K}²" in definition for definition in definitions)
    for definition in definitions:
        assert not any(sign in definition for sign in ("\\", "$", "{", "`", "_K", "_F"))


def test_definition_stays_on_a_phone(tabs, served):
    page = tabs(served + CHAPTER, viewport={"width": 375, "height": 800}).page
    for link in page.locator("a.mn-term-link").all():
        link.hover()
        assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_link_leads_to_the_entry(term):
    term.click()
    assert term.page.url.endswith("reference/glossary.html#term-pointwise-convolution")
