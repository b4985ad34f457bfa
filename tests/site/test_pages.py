"""Every page of the built site, in a real browser with the network cut."""

from __future__ import annotations

import pytest
from opened import AXE, CONTRAST, contrasts, violations


def test_axe_core_finds_nothing_in_light_or_dark(opened):
    assert opened.light == []
    assert opened.dark == []


def test_page_fits_a_phone_and_nothing_of_its_figures_is_cut_off(opened):
    assert opened.too_wide == []
    assert opened.cut_off == []


def test_no_request_leaves_the_site_and_the_console_stays_silent(opened):
    assert opened.foreign == []
    assert opened.errors == []


FAINT = {
    "none": "",
    "a colour of its own": '<p style="color: #999">faint</p>',
    "a ground of its own": '<div style="background: #555"><p>faint</p></div>',
    "half seen": '<p style="opacity: 0.3">faint</p>',
    "before something": '<div style="position: relative; z-index: -1; background: #333; height: 3em"></div>'
    '<p style="margin: -2em 0 0">faint</p>',
    "on a neighbour's ground": '<p style="position: relative">faint</p>'
    '<b style="display: block; background: #222; height: 4em; margin-top: -3em"></b>',
}


@pytest.mark.parametrize("case", FAINT)
def test_one_element_of_all_that_look_alike_shows_what_axe_core_finds_in_all_of_them(tabs, case):
    page = tabs("about:blank").page
    same = "<p>plain</p>" * 3
    page.set_content(
        f"<html lang=en><title>x</title><main><article class=bd-article>{same}{FAINT[case]}{same}</article>"
    )
    page.evaluate(AXE)
    in_all = violations(page, {"runOnly": [CONTRAST]})
    assert len(in_all) == (case != "none")
    assert contrasts(page) == in_all


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
