"""Every page of the built site, in a real browser with the network cut."""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Page

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf8")


def test_page_is_quiet_accessible_and_fits_a_phone(visit, served, page_name):
    """No request leaves the site, the console stays silent, axe-core finds nothing, nothing scrolls sideways."""
    visited = visit(served + page_name, color_scheme="light")
    page = visited.page
    page.evaluate(AXE)
    assert violations(page, {}) == []
    page.evaluate("() => { document.documentElement.dataset.theme = 'dark'; }")
    assert violations(page, {"runOnly": ["color-contrast"]}) == []  # nothing else is different in the dark
    page.set_viewport_size({"width": 375, "height": 800})
    assert too_wide(page) == []
    assert cut_off(page) == []
    assert visited.foreign == []
    assert visited.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_follows_the_readers_colour_scheme(visit, served, scheme):
    page = visit(served + "index.html", color_scheme=scheme).page
    assert page.evaluate("document.documentElement.dataset.theme") == scheme


def violations(page: Page, options: dict) -> list[str]:
    """Return what axe-core objects to in the article; the theme's own frame is not the book's."""
    page.evaluate("() => Promise.all(document.getAnimations().map(animation => animation.finished))")
    found = page.evaluate(
        """options => axe.run(document.querySelector("article.bd-article") ?? "main",
                              {resultTypes: ["violations"], ...options})""",
        options,
    )
    return [describe(violation) for violation in found["violations"]]


def describe(violation: dict) -> str:
    nodes = [f"{node['html'][:200]} ({node['failureSummary'].splitlines()[-1].strip()})" for node in violation["nodes"]]
    return f"{violation['id']}: {violation['help']}: " + "; ".join(nodes[:5])


def too_wide(page: Page) -> list[str]:
    """Return what makes the page scroll sideways: elements that stick out of the window, or at least its width."""
    return page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
             [`${document.documentElement.scrollWidth} px`, ...[...document.querySelectorAll("main *")]
               .filter(element => element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0)
               .filter(element => getComputedStyle(element).overflowX === "visible")
               .map(element => element.outerHTML.slice(0, 120))]"""
    )


def cut_off(page: Page) -> list[str]:
    """Return the words that a drawn figure loses at its edge."""
    return page.evaluate(
        """() => [...document.querySelectorAll(".mn-figure svg")].flatMap(figure => {
             const room = figure.getBoundingClientRect();
             return [...figure.querySelectorAll("text")].filter(words => {
               const box = words.getBoundingClientRect();
               return box.width && (box.left < room.left - 1 || box.right > room.right + 1 ||
                                    box.top < room.top - 1 || box.bottom > room.bottom + 1);
             }).map(words => words.textContent);
           })"""
    )


def test_page_works_from_a_folder(visit, site, any_page):
    """Over file://, as after unpacking a download: no request leaves the folder, and the console stays silent."""
    visited = visit((site / any_page).as_uri())
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
