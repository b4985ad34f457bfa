"""Every page of the built site, in a real browser with the network cut."""

from __future__ import annotations

import pytest


def test_axe_core_finds_nothing_in_light_or_dark(opened):
    assert opened.light == []
    assert opened.dark == []


def test_page_fits_a_phone_and_nothing_of_its_figures_is_cut_off(opened):
    assert opened.too_wide == []
    assert opened.cut_off == []


def test_no_request_leaves_the_site_and_the_console_stays_silent(opened):
    assert opened.foreign == []
    assert opened.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_follows_the_readers_colour_scheme(visit, served, scheme):
    page = visit(served + "index.html", color_scheme=scheme).page
    assert page.evaluate("document.documentElement.dataset.theme") == scheme


def test_page_works_from_a_folder(tabs, site, page_name):
    """Over file://, as after unpacking a download: no request leaves the folder, and the console stays silent."""
    visited = tabs((site / page_name).as_uri())
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
