"""Pages stay light, and load nothing they have no use for."""

from __future__ import annotations

import re
from pathlib import Path

import bundles
import pytest
import theme

LIMIT = 250_000  # bytes, gzipped, first load, figures aside (weight.py says what counts as one)
ONLY_WHEN_ASKED = (("explorables", "worker.js"), ("onnxruntime-web", "ort.wasm.bundle.min.js"))


def test_page_stays_under_the_limit(opened):
    weight = sum(part.gzipped - part.figures for part in opened.parts)
    heaviest = sorted(opened.parts, key=lambda part: part.figures - part.gzipped)
    assert 0 < weight < LIMIT, (weight, heaviest[:12])


def test_chapters_are_among_the_pages(site):
    assert list((site / "chapters").glob("*.html"))


def test_no_page_asks_for_font_awesome(opened):
    assert [part.path for part in opened.parts if re.search("awesome|/fa-", part.path)] == []


def test_font_awesome_is_not_in_the_site(site):
    assert not list(site.rglob("*fontawesome*"))


def test_formulas_bring_their_fonts_and_nothing_else_does(opened, site):
    html = (site / opened.name).read_text("utf8")
    assert any("katex" in part.path for part in opened.parts) == ('class="katex' in html)


def test_only_the_search_page_loads_the_index(opened):
    assert any("searchindex" in part.path for part in opened.parts) == (opened.name == "search.html")


def test_a_page_loads_the_scripts_of_its_own_explorables_only(opened, site):
    shown = set(re.findall(r'data-explorable="([a-z-]+?)(?:-\d+)?"', (site / opened.name).read_text("utf8")))
    asked = [part.path for part in opened.parts if part.path.endswith(".js")]
    parts = {part for path in asked if "/bundle-" in path for part in bundles.parts_of(site / path)}
    scripts = {Path(part).stem for part in parts if part.startswith("_static/explorables/")}
    figures = {name for name in shown if not name.startswith("quiz")}
    assert scripts == shown | ({"host"} if shown else set()) | ({"kit"} if figures else set())


def test_no_page_downloads_a_network_or_what_runs_it_by_itself(opened, site):
    assert [site.joinpath("_static", *path).exists() for path in ONLY_WHEN_ASKED] == [True] * len(ONLY_WHEN_ASKED)
    assert not [part.path for part in opened.parts if re.search(r"onnx|/worker\.js|\.wasm", part.path)]


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
def test_every_button_of_the_header_shows_its_icon(tabs, served, served_strictly, strict, width):
    address = served_strictly if strict else served
    page = tabs(address + "index.html", viewport={"width": width, "height": 800}).page
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
