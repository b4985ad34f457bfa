"""Pages stay light, and load nothing they have no use for."""

from __future__ import annotations

import re

import pytest
import theme
from weight import weigh

LIMIT = 250_000  # bytes, gzipped, first load, figures aside (weight.py says what counts as one)
ONLY_WHEN_ASKED = (("explorables", "worker.js"), ("onnxruntime-web", "ort.wasm.bundle.min.js"))
VIEWPORTS = ({"width": 1280, "height": 800}, {"width": 375, "height": 800})


@pytest.fixture(scope="session")
def loaded(browser, site, served) -> dict[str, list]:
    """Return what each page loads, at both widths: at the smaller one other icons show."""
    pages = [
        page.relative_to(site).as_posix()
        for page in site.rglob("*.html")
        if not {"_static", "slides"} & set(page.parts)
    ]
    return {
        page: weigh(browser, served, page, viewport=VIEWPORTS[0]) + weigh(browser, served, page, viewport=VIEWPORTS[1])
        for page in sorted(pages)
        if not page.startswith("_modules/")
    }


def test_heaviest_page_stays_under_the_limit(loaded):
    weights = {page: sum(part.gzipped - part.figures for part in set(parts)) for page, parts in loaded.items()}
    heaviest = max(weights, key=weights.get)
    parts = sorted(set(loaded[heaviest]), key=lambda part: part.figures - part.gzipped)
    assert any(page.startswith("chapters/") for page in weights)
    assert weights[heaviest] < LIMIT, (heaviest, weights[heaviest], parts[:12])


def test_no_page_asks_for_font_awesome(loaded, site):
    asked = {part.path for parts in loaded.values() for part in parts if re.search("awesome|/fa-", part.path)}
    assert asked == set()
    assert not list(site.rglob("*fontawesome*"))


def test_formulas_bring_their_fonts_and_nothing_else_does(loaded, site):
    for page, parts in loaded.items():
        html = (site / page).read_text("utf8")
        assert any("katex" in part.path for part in parts) == ('class="katex' in html), page


def test_only_the_search_page_loads_the_index(loaded):
    assert {page for page, parts in loaded.items() if any("searchindex" in part.path for part in parts)} == {
        "search.html"
    }


def test_a_page_loads_the_scripts_of_its_own_explorables_only(loaded, site):
    for page, parts in loaded.items():
        shown = set(re.findall(r'data-explorable="([a-z-]+?)(?:-\d+)?"', (site / page).read_text("utf8")))
        scripts = {part.path for part in parts if part.path.startswith("_static/explorables/")}
        scripts = {path.rpartition("/")[2].removesuffix(".js") for path in scripts if path.endswith(".js")}
        assert scripts == shown | ({"host"} if shown else set()), page


def test_search_finds_without_the_index_on_the_page_that_asks(visit, served):
    visited = visit(served + "index.html")
    page = visited.page
    page.keyboard.press("Control+k")
    page.locator("dialog input[name=q]").fill("depthwise")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a")
    assert "search.html?q=depthwise" in page.url
    assert visited.errors == []


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("width", [1280, 375])
def test_every_button_of_the_header_shows_its_icon(visit, served, served_strictly, strict, width):
    address = served_strictly if strict else served
    page = visit(address + "index.html", viewport={"width": width, "height": 800}).page
    icons = page.locator('.bd-header-article :is(i, span)[class*="fa-"]')
    assert icons.count() >= 6
    shown = [icon for icon in icons.all() if icon.is_visible()]
    assert len(shown) >= 4
    for icon in shown:
        box = icon.locator("svg").bounding_box()
        assert 12 <= box["width"] <= 28 and 12 <= box["height"] <= 28, icon.evaluate("icon => icon.outerHTML")


def test_no_icon_is_left_undrawn(page_name, site):
    html = (site / page_name).read_text("utf8")
    assert not theme.EMPTY_ICON.search(html)


def test_an_unknown_icon_is_reported(monkeypatch):
    said = []
    monkeypatch.setattr(theme.LOGGER, "warning", lambda text, *values, location: said.append((location, values[0])))
    html = '<span class="fas fa-dragon"></span>'
    assert theme.draw_icons(html, "chapters/x") == html
    assert said == [("chapters/x", "fas fa-dragon")]


def test_no_page_downloads_a_network_or_what_runs_it_by_itself(loaded, site):
    assert [site.joinpath("_static", *path).exists() for path in ONLY_WHEN_ASKED] == [True] * len(ONLY_WHEN_ASKED)
    for page, parts in loaded.items():
        assert not [part.path for part in parts if re.search(r"onnx|/worker\.js|\.wasm", part.path)], page
