"""Ten pages in Firefox and in WebKit: nothing goes wrong, each figure lives and answers a key, addresses lead there."""

from __future__ import annotations

import pytest
from engines import Engine
from pages import FINE, HITS, OFF, SLIDERS, sliders, try_keys, try_room, visit

PAGES = (
    "index.html",
    "chapters/02_counting.html",
    "chapters/03_depthwise_separable_convolution.html",
    "chapters/06_inverted_residual.html",
    "chapters/07_mobilenet_v2.html",
    "chapters/09_fewer_macs_faster.html",
    "chapters/11_beyond.html",
    "chapters/12_shipping.html",
    "reference/glossary.html",
    "search.html?q=depthwise",
)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_whole_and_its_figures_answer_a_key(engine: Engine, recorded, page):
    assert visit(engine, recorded + page) == FINE
    found = sliders(engine)
    assert bool(found) == page.startswith(("chapters/", "index"))
    if found:
        try_keys(engine, 0)
    if page.startswith("search"):
        assert engine.run(HITS)[0] > 5
    if page == PAGES[4]:
        try_room(engine)


@pytest.mark.parametrize(("page", "name"), [(PAGES[4], "three-questions"), (PAGES[3], "inverted-block?expansion=3")])
def test_an_address_leads_to_its_place(engine: Engine, recorded, page, name):
    assert visit(engine, f"{recorded}{page}#{name}") == FINE
    assert abs(engine.run(OFF, name.partition("?")[0])) <= 3
    if "?" in name:
        said = SLIDERS + "return sliders.find((each) => each.dataset.setting === 'expansion').ariaValueText"
        assert engine.run(said).startswith("3")
