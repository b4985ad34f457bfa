"""Every page of the built site, in a real browser with the network cut."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opened import Visit


import theme


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_follows_the_readers_colour_scheme(visit, served, scheme):
    page = visit(served + "index.html", color_scheme=scheme).page
    assert page.evaluate("document.documentElement.dataset.theme") == scheme


@pytest.fixture(scope="module")
def tab(browser) -> Iterator[Visit]:
    """Return one tab, for a reader who goes from page to page of a folder."""
    context = browser.new_context()
    yield Visit(context.new_page(), ("file:///",))
    context.close()


def test_page_works_from_a_folder(tab, site, any_page):
    """Over file://, as after unpacking a download: no request leaves the folder, and the console stays silent."""
    tab.foreign.clear()
    tab.errors.clear()
    tab.page.goto((site / any_page).as_uri())
    assert tab.foreign == []
    assert tab.errors == []
    explorables = tab.page.locator(".mn-explorable")
    assert tab.page.locator(".mn-explorable.mn-live").count() == explorables.count()


def test_theme_has_names_for_its_buttons(visit, served):
    page = visit(served + "index.html").page
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, a[href], input")]
             .filter(element => element.checkVisibility())
             .filter(element => !(element.textContent.trim() || element.ariaLabel || element.title ||
                                  element.labels?.length || element.querySelector("img[alt]")))
             .map(element => element.outerHTML)"""
    )
    assert unnamed == []
