"""Pages live where a browser withholds storage: with cookies off, and in the sandboxed frame of a learning platform."""

from __future__ import annotations

import pytest
from opened import LIVE
from playwright.sync_api import Frame, Page

CHAPTER = "chapters/06_inverted_residual.html"
PLAIN = "reference/api.html"  # no formulas: a sandboxed frame may load no font
NO_STORAGE = """for (const name of ["localStorage", "sessionStorage"])
  Object.defineProperty(window, name, { get() { throw new DOMException("Access is denied", "SecurityError"); } });"""
NONE = "for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, { value: null });"
FULL = """Storage.prototype.setItem = () => { throw new DOMException("no room", "QuotaExceededError"); };"""


@pytest.fixture(params=["blocked", "absent", "full", "sandboxed"])
def withheld(request, visit, served):
    """Return a function that opens a page where storage is withheld in one of four ways, and the errors it meets."""
    visited = visit("about:blank")
    page = visited.page

    def open_page(name: str) -> Page | Frame:
        if request.param != "sandboxed":
            page.add_init_script({"blocked": NO_STORAGE, "absent": NONE, "full": FULL}[request.param])
            page.goto(served + name)
            rest(page)
            return page
        page.goto(served + PLAIN)  # a frame of another site would be another process
        rest(page)  # or its last script would run in the document that follows
        page.set_content(f'<iframe sandbox="allow-scripts" width="1200" height="700" src="{served}{name}"></iframe>')
        frame = page.frames[1]
        frame.wait_for_load_state()
        rest(frame)
        assert frame.evaluate("origin") == "null"
        page.locator("iframe").focus()
        return frame

    open_page.visited = visited
    return open_page


def rest(page: Page | Frame) -> None:
    """Wait until the theme's scripts have come. What is pressed earlier, tests/site/test_arriving.py looks at."""
    page.locator("html.rested, .reveal").first.wait_for(state="attached")


def test_the_switches_of_a_page_work_and_its_search_opens_and_leads_to_results(withheld):
    page = withheld(PLAIN)
    switch = page.get_by_role("button", name="Color mode")
    modes = []
    for _ in range(4):
        switch.click()
        modes.append(page.evaluate("document.documentElement.dataset.mode"))
    assert sorted(modes[:3]) == ["auto", "dark", "light"] and modes[3] == modes[0]
    page.get_by_role("button", name="Large type").click()
    assert page.evaluate("document.documentElement.classList.contains('large-type')")

    asked = page.locator("dialog[open] input[name=q]")
    page.locator(".search-button-field, .search-button__button").locator("visible=true").first.click()
    assert asked.is_visible()
    asked.press("Escape")
    assert not asked.is_visible()
    page.locator("body").press("Control+k")
    assert asked.is_visible()
    assert withheld.visited.errors == []
    asked.fill("depthwise & more")
    asked.press("Enter")
    page.wait_for_url("**/search.html?q=depthwise+%26+more")
    page.goto(page.url.replace("+%26+more", ""))
    page.locator("#search-results li a").first.wait_for()


def test_figures_and_quizzes_answer(withheld):
    page = withheld(CHAPTER)
    page.wait_for_function("document.querySelectorAll('.mn-explorable').length >= 2")
    page.wait_for_function(LIVE)
    slider = page.locator("[data-explorable=inverted-block]").get_by_role("slider", name="Expansion")
    before = slider.get_attribute("aria-valuetext")
    slider.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext") != before


def test_deck_runs(withheld):
    page = withheld("slides/01_standard_convolution.html")
    page.wait_for_function("document.querySelector('.reveal.ready')")
    here = page.evaluate("deck.getCurrentSlide().dataset.cell")
    page.locator("body").press("Space")
    page.wait_for_function("here => deck.getCurrentSlide().dataset.cell !== here", arg=here)


def test_a_strict_server_changes_nothing(visit, served_strictly):
    """Only the site's own files may run there: the stand-in is one of them."""
    page = visit("about:blank").page
    page.add_init_script(NO_STORAGE)
    page.goto(served_strictly + PLAIN)
    rest(page)
    page.locator("body").press("Control+k")
    assert page.locator("dialog[open] input[name=q]").is_visible()


def test_what_may_be_stored_is_stored(visit, served):
    """The stand-in stays away where it is not needed: a choice lasts from page to page."""
    page = visit(served + PLAIN).page
    page.get_by_role("button", name="Large type").click()
    page.goto(served + "reference/glossary.html")
    assert page.evaluate("document.documentElement.classList.contains('large-type')")
    assert page.evaluate("localStorage instanceof Storage && sessionStorage instanceof Storage")
