"""A page that arrives: few files, colours before the first paint, presses that come early, heights that come late."""

from __future__ import annotations

import io
import re

import bundles
import numpy as np
import pytest
from opened import RESTED
from PIL import Image
from playwright.sync_api import Page

CHAPTER = "chapters/06_inverted_residual.html"
LATE = re.compile(r"/_static/scripts/(bootstrap|pydata-sphinx-theme)\.js")
ARRIVED = "!document.documentElement.classList.contains('arriving')"
# As long as this is so, nothing is idle: what waits for a pause comes late.
NEVER_IDLE = "globalThis.requestIdleCallback = () => {};"
SHIFTS = """globalThis.moved = 0;
new PerformanceObserver((list) => { for (const { value } of list.getEntries()) moved += value; })
  .observe({ type: "layout-shift", buffered: true });"""
# How many boxes are reached by key and do not scroll, or the other way round.
OTHERWISE = """[...document.querySelectorAll("pre, .cell_output > .output, .pst-scrollable-table-container")].filter(
  (box) => (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) !== (box.tabIndex === 0)
).length"""
# How many elements each part brings that waits for its turn (late.js), without those that are in a part of it.
PARTS = """async ([name, waits]) => {
  const there = new DOMParser().parseFromString(await (await fetch(name)).text(), "text/html");
  const parts = new Map();
  for (const each of there.querySelectorAll(".bd-article section section *")) {
    const part = each.closest(waits);
    const drawn = part.querySelector(":scope > .cell_output .mn-explorable"); // in two widths, of which one is laid out
    const closed = each.closest(".admonition.dropdown > :not(.admonition-title)");
    if (!drawn && !closed) parts.set(part, (parts.get(part) ?? 0) + 1);
  }
  return [...parts].map(([part, count]) => [count, part.id || part.parentElement.id]);
}"""
SIZE = "({ offsetWidth, offsetHeight }) => [offsetWidth, offsetHeight]"


@pytest.fixture(scope="module")
def busy(tabs):
    """Return a function that gives a tab where nothing is idle."""
    made = set()

    def tab(**options) -> Page:
        page = tabs("about:blank", place=1, **options).page
        if page not in made:
            page.add_init_script(NEVER_IDLE)
            made.add(page)
        return page

    return tab


@pytest.fixture
def held(busy, served):
    """Return a function that opens a page at which the theme's scripts have not arrived, and lets them come later."""
    opened = []

    def open_page(name: str, **options) -> tuple[Page, list]:
        page, waiting = busy(**options), []
        opened.append(page)
        page.route(LATE, lambda route: waiting.append(route))  # and nothing is taken from the browser's store
        page.goto(served + name)
        return page, waiting

    yield open_page
    for page in opened:
        page.evaluate("localStorage.clear(), sessionStorage.clear()")
        page.unroute_all(behavior="ignoreErrors")


def let_come(page: Page, waiting: list) -> None:
    """Let the theme's scripts come: those that have been asked for, and those that they ask for."""
    page.route(LATE, lambda route: route.continue_())
    for route in waiting:
        route.continue_()
    page.wait_for_function("document.querySelector('script[src*=pydata-sphinx-theme]') && window.bootstrap && true")


def test_a_page_asks_for_five_files_before_its_figures_live(site, page_name):
    head = (site / page_name).read_text("utf8").partition("</head>")[0]
    asked = re.findall(r'<(?:link rel="stylesheet"|script defer)[^>]*(?:href|src)="([^"]+)"', head)
    assert 2 <= len(asked) <= 5 + 3 * (page_name == "search.html")
    assert not re.search(r'<script src=|rel="preload"', head)  # nothing holds the text up


def test_each_picture_has_its_place_before_it_has_come(site, page_name):
    pictures = re.findall(r"<img\b[^>]*>", (site / page_name).read_text("utf8"))
    of_the_book = [picture for picture in pictures if not re.search(r'\bclass="(logo|toggler)|\.svg"', picture)]
    assert [each for each in of_the_book if len(re.findall(r'\b(?:width|height)="\d+"', each)) != 2] == []


def test_each_bundle_has_its_parts_and_addresses_that_exist(site):
    found = sorted((site / "_static").rglob("bundle-*"))
    assert len(found) > 10
    for path in found:
        text = path.read_text("utf8")
        parts = bundles.parts_of(path)
        assert all((site / part).is_file() for part in parts if bundles.is_file(part)), path
        for _, address in bundles.URL.findall(text) if path.suffix == ".css" else ():
            assert (path.parent / address).is_file(), (path.name, address)


@pytest.mark.parametrize(("smooth", "off"), [(False, 0), (True, 2)])
def test_a_picture_in_a_chart_keeps_its_look_and_loses_half_its_bytes(smooth, off):
    random = np.random.default_rng(0)
    grey = Image.fromarray(random.integers(0, 256, (12, 12), dtype=np.uint8)).resize(
        (120, 120), Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    )
    file = io.BytesIO()
    grey.convert("RGBA").save(file, "PNG")
    webp = bundles.as_webp(file.getvalue())
    with Image.open(io.BytesIO(webp)) as opened:
        assert np.abs(np.asarray(opened.convert("L"), int) - np.asarray(grey, int)).mean() <= off
    assert len(webp) < len(file.getvalue()) / 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_are_known_before_the_theme_has_come(held, scheme):
    page, waiting = held("index.html", color_scheme=scheme)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert waiting == []  # nothing was idle


def test_a_colour_that_was_chosen_is_there_before_the_theme(held):
    page, waiting = held("index.html", color_scheme="light")
    page.evaluate("localStorage.setItem('mode', 'dark')")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_an_early_press_on_the_switch_is_kept(held):
    page, waiting = held("index.html", color_scheme="light")
    page.locator(".theme-switch-button").first.click()
    assert page.evaluate("document.documentElement.dataset.mode") == "auto"
    let_come(page, waiting)
    page.wait_for_function("document.documentElement.dataset.mode !== 'auto'")
    page.wait_for_timeout(100)
    assert page.evaluate("document.documentElement.dataset.mode") == "dark"  # one step, not none and not two


def test_an_early_press_opens_search(held):
    page, waiting = held("index.html")
    page.locator(".search-button__button").first.click()
    let_come(page, waiting)
    page.wait_for_selector("dialog[open] input[name=q]")


def test_early_keys_open_search(held):
    page, waiting = held("index.html")
    page.keyboard.press("Control+k")
    let_come(page, waiting)
    page.wait_for_selector("dialog[open] input[name=q]")


@pytest.mark.parametrize("width", [375, 1280])
def test_an_early_press_opens_or_closes_the_contents(held, width):
    page, waiting = held(CHAPTER, viewport={"width": width, "height": 800})
    page.locator(".primary-toggle").click()
    let_come(page, waiting)
    if width == 375:
        page.wait_for_selector("#pst-primary-sidebar-modal[open] nav a >> visible=true")
    else:
        page.wait_for_selector("#pst-primary-sidebar.pst-sidebar-hidden", state="attached")


def test_an_early_press_opens_the_menu_of_downloads(held):
    page, waiting = held(CHAPTER)
    page.locator(".dropdown-download-buttons > button").click()
    let_come(page, waiting)
    page.wait_for_selector(".dropdown-download-buttons .dropdown-menu.show")


@pytest.mark.parametrize(
    ("button", "done"),
    [
        (".large-type-button", "document.documentElement.classList.contains('large-type')"),
        (".admonition.solution > .admonition-title", "!!document.querySelector('.toggle:not(.toggle-hidden)')"),
    ],
)
def test_an_early_press_on_what_comes_after_the_first_figure_is_kept(busy, site, served, button, done):
    page, waiting = busy(), []
    frame = re.search(r'data-soon="(?:\.\./)*([^"?]+)', (site / CHAPTER).read_text("utf8"))[1]
    page.route(f"**/{frame}*", lambda route: waiting.append(route))
    page.goto(served + CHAPTER, wait_until="commit")
    page.wait_for_selector(".mn-live", state="attached")
    page.locator(button).first.click()
    assert not page.evaluate(done)
    while not page.evaluate(done):
        page.wait_for_timeout(50)
        while waiting:
            waiting.pop().continue_()
    page.evaluate("localStorage.clear()")
    page.unroute_all(behavior="ignoreErrors")


def test_the_theme_comes_by_itself_and_the_page_has_its_heights(tabs, served):
    visited = tabs(served + CHAPTER)
    page = visited.page
    page.wait_for_function(RESTED)
    waits = page.evaluate(
        "[...document.querySelectorAll('.bd-article *')].filter(e => getComputedStyle(e).contentVisibility === 'auto')"
    )
    assert waits == []
    assert visited.errors == []


def test_what_fills_in_forms_finds_no_field_below_the_screen(site, page_name):
    """It would ask where the field stands, and so have everything laid out that waits."""
    article = (site / page_name).read_text("utf8").partition("<article")[2].partition("</article>")[0]
    at_once = re.sub(r"<template>.*?</template>", "", article)
    assert re.findall(r'<input type="text"[^>]*>|<textarea(?! disabled)[^>]*>|<select\b[^>]*>', at_once) == []


def test_a_field_comes_with_its_reader_into_a_place_of_its_size(held):
    page, _ = held("chapters/14_after_v2.html", viewport={"width": 375, "height": 800})
    for part in (".pr-answer-box", "[data-kind=number]"):
        field = page.locator(f"{part} pr-field").last
        assert field.locator("template").count() == 1
        before = field.evaluate(SIZE)
        field.scroll_into_view_if_needed()
        field.locator("input, select").focus()
        assert field.evaluate(SIZE) == before


def test_boxes_that_scroll_are_reached_by_key_and_others_are_not(tabs, served):
    page = tabs(served + CHAPTER, viewport={"width": 375, "height": 800}).page
    page.wait_for_function(RESTED)
    assert page.evaluate(OTHERWISE) == 0
    assert page.locator("pre[tabindex='0']").count() > 0


def test_figures_further_down_wait_until_nothing_else_is_to_do(held):
    page, _ = held("chapters/03_depthwise_separable_convolution.html")
    page.wait_for_selector(".mn-explorable.mn-live")
    page.wait_for_timeout(300)
    assert [each.get_attribute("data-explorable") for each in page.locator(".mn-live").all()] == ["kernel-scope"]


@pytest.mark.parametrize("link", ["#exercises", "#break-network?block=5", "#:~:text=Break%20it%20yourself"])
def test_who_comes_by_a_link_to_a_place_does_not_wait_for_heights(held, link):
    page, _ = held(CHAPTER + link)
    assert page.evaluate(ARRIVED)


def test_what_is_laid_out_at_once_is_small(root, site, served, visit):
    """What waits below the screen has its turn part by part: no part of a text brings many elements with it."""
    static = root / "book" / "static"
    waits = re.search(r'WAIT = "(.+?)";', (static / "late.js").read_text("utf8"))[1]
    for part in re.split(r", (?=\.bd)", waits):
        assert f"{part}:not(.arrived)" in (static / "book.css").read_text("utf8")
    page = visit("about:blank").page
    page.goto(served + "index.html")
    for path in sorted((site / "chapters").glob("*.html")):
        parts = page.evaluate(PARTS, [f"chapters/{path.name}", waits])
        assert len(parts) > 20 and max(parts)[0] < 600, (path.name, max(parts))


def test_a_closed_solution_is_not_laid_out_and_once_open_is_scrolled_by_key(visit, served):
    page = visit("about:blank", viewport={"width": 390, "height": 800}).page
    page.goto(served + CHAPTER)
    page.wait_for_function(RESTED)
    boxes = (
        "[...document.querySelectorAll('.admonition.solution > :not(.admonition-title)')].map((e) => e.offsetHeight)"
    )
    assert set(page.evaluate(boxes)) == {0}
    inside = page.locator(".admonition.solution pre[tabindex='0']")
    assert inside.count() == 0
    for title in page.locator(".admonition.solution > .admonition-title").all():
        title.click(position={"x": 5, "y": 5})
    assert min(page.evaluate(boxes)) > 0
    page.wait_for_function(f"{OTHERWISE} === 0")
    assert inside.count() > 0


def test_who_leaves_the_top_by_a_link_lands_where_it_leads(held):
    page, _ = held(CHAPTER, viewport={"width": 1280, "height": 800})
    assert not page.evaluate(ARRIVED)
    page.locator("#pst-page-toc-nav a[href='#exercises']").click()
    assert page.evaluate(ARRIVED)
    page.wait_for_function("0 < exercises.getBoundingClientRect().top && exercises.getBoundingClientRect().top < 200")


def test_reloading_in_the_middle_stays_there(visit, served):
    page = visit(served + CHAPTER).page
    page.wait_for_function(RESTED)
    page.evaluate("document.getElementById('exercises').scrollIntoView()")
    page.wait_for_timeout(300)
    before = page.evaluate("scrollY")
    page.reload()
    page.wait_for_timeout(500)
    assert page.evaluate("scrollY") == pytest.approx(before, abs=5)


def test_a_page_that_is_printed_early_is_whole(held):
    page, _ = held(CHAPTER)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(ARRIVED)


def test_nothing_in_sight_moves_while_a_page_arrives(visit, served):
    for width, name in ((390, CHAPTER), (390, "index.html"), (1280, CHAPTER)):
        page = visit("about:blank", viewport={"width": width, "height": 800}).page
        page.add_init_script(SHIFTS)
        page.goto(served + name)
        page.wait_for_function(RESTED)
        page.wait_for_timeout(300)
        assert page.evaluate("moved") < 0.01, (width, name)


def test_the_page_below_stays_where_it_is_while_a_live_figure_takes_the_place_of_the_still_one(visit, served):
    """WebKit scrolls up where a page is shorter for a moment: an address near the end of chapter 7 was 220 px off."""
    page = visit("about:blank").page
    page.add_init_script("""globalThis.places = [];
      new MutationObserver((records) => {
        for (const { target: root, oldValue } of records)
          if (root.matches(".mn-explorable.mn-live") && !/mn-live/.test(oldValue))
            places.push(parseFloat(getComputedStyle(root).minHeight));
      }).observe(document, { subtree: true, attributeFilter: ["class"], attributeOldValue: true });""")
    page.goto(served + CHAPTER + "#exercises")  # nothing waits below the screen then, and nothing ever does in WebKit
    page.wait_for_function(RESTED)
    page.wait_for_function("places.length === document.querySelectorAll('.mn-explorable').length")
    assert page.evaluate("places.length > 1 && Math.min(...places)") > 300
    page.wait_for_function("[...document.querySelectorAll('.mn-explorable')].every((root) => !root.style.minHeight)")
