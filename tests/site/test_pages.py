"""Every page of the built site, in a real browser with the network cut."""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python
import pytest

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf8")
ARTICLE = "article.bd-article"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_article_is_accessible_and_page_is_quiet(visit, served, page_name, scheme):
    """No request leaves the site, the console stays silent, and axe-core finds nothing in the article."""
    visited = visit(served + page_name, color_scheme=scheme)
    page = visited.page
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    page.evaluate(AXE)
    found = page.evaluate(
        "selector => axe.run(document.querySelector(selector) ? selector : 'main', {resultTypes: ['violations']})",
        ARTICLE,
    )
    assert [describe(violation) for violation in found["violations"]] == []
    assert visited.foreign == []
    assert visited.errors == []


def describe(violation: dict) -> str:
    nodes = [f"{node['html'][:200]} ({node['failureSummary'].splitlines()[-1].strip()})" for node in violation["nodes"]]
    return f"{violation['id']}: {violation['help']}: " + "; ".join(nodes[:5])


def test_page_does_not_scroll_sideways_on_a_phone(visit, served, page_name):
    page = visit(served + page_name, viewport={"width": 375, "height": 800}).page
    too_wide = page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
             [...document.querySelectorAll("main *")]
               .filter(element => element.getBoundingClientRect().right > innerWidth + 1)
               .map(element => element.outerHTML.slice(0, 120))"""
    )
    assert too_wide == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_page_works_from_a_folder(visit, site, page_name):
    """Over file://, as after unpacking a download."""
    visited = visit((site / page_name).as_uri())
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
