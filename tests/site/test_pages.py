"""Every page of the built site, in a real browser with the network cut."""

from __future__ import annotations

import pytest


import theme


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_follows_the_readers_colour_scheme(visit, served, scheme):
    page = visit(served + "index.html", color_scheme=scheme).page
    assert page.evaluate("document.documentElement.dataset.theme") == scheme


def test_page_works_from_a_folder(tabs, site, any_page):
    """Over file://, as after unpacking a download: no request leaves the folder, and the console stays silent."""
    visited = tabs((site / any_page).as_uri())
    assert visited.foreign == []
    assert visited.errors == []
    explorables = visited.page.locator(".mn-explorable")
    assert visited.page.locator(".mn-explorable.mn-live").count() == explorables.count()


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
