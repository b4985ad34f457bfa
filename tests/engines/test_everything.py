"""The whole site in Firefox and in WebKit: `make test-browsers`, some twenty minutes."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path

import pytest
from engines import Engine
from pages import FINE, HITS, OFF, SETTLED, sliders, try_keys, try_mouse, try_room, visit

pytestmark = pytest.mark.engines
SITE = Path(__file__).resolve().parents[2] / "_build" / "html"
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html") if "_static" not in path.parts)
PAGES = [page for page in PAGES if not page.startswith("slides/")]
DECKS = sorted(path.stem for path in SITE.glob("slides/*.html"))
CHAPTERS = [page for page in PAGES if page.startswith("chapters/")]
WITH_FIGURES = [page for page in PAGES if 'type="range"' in (SITE / page).read_text(encoding="utf8")]
SECTION = re.compile(r'<section (?:class="[^"]*" )?id="([^"]+)">\s*<h2')
FIGURE = re.compile(r'data-explorable="([\w-]+)"')
PHONE = (390, 800)  # Firefox has no narrower window


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_whole_on_a_desk_and_on_a_phone(engine: Engine, recorded, page):
    engine.size(1280, 900)
    assert visit(engine, recorded + page) == FINE
    engine.size(*PHONE)
    try:
        assert engine.run(f"{SETTLED} return [document.documentElement.scrollWidth, innerWidth]")[0] <= PHONE[0] + 60
        assert visit(engine, recorded + page) == FINE
    finally:
        engine.size(1280, 900)


@pytest.mark.parametrize("page", WITH_FIGURES)
def test_every_slider_answers_keys_and_mouse(engine: Engine, recorded, page):
    assert visit(engine, recorded + page) == FINE
    found = sliders(engine)
    assert len(found) >= 1
    for index in found:
        try_keys(engine, index)
        try_mouse(engine, index)
    assert engine.run("return book.wrong") == []
    try_room(engine)


@pytest.mark.parametrize("page", CHAPTERS)
def test_addresses_lead_to_their_places(engine: Engine, recorded, page):
    html = (SITE / page).read_text(encoding="utf8")
    off = {}
    for name in [*SECTION.findall(html), *dict.fromkeys(FIGURE.findall(html))]:
        assert visit(engine, f"{recorded}{page}#{name}") == FINE
        off[name] = round(engine.run(OFF, name))
    assert len(off) > 5
    assert {name: far for name, far in off.items() if abs(far) > 3} == {}


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_quiz_says_of_each_answer_whether_it_is_right(engine: Engine, recorded, page):
    assert visit(engine, recorded + page) == FINE
    answers = engine.run("return document.querySelectorAll('.mn-quiz .mn-answer').length")
    assert answers >= 6
    signs = """const answer = [...document.querySelectorAll(".mn-quiz .mn-answer")][args[0]];
      const question = answer.closest(".mn-question");
      answer.querySelector("input").click();
      question.querySelector(".mn-button").click();
      return [answer.querySelector(".mn-mark").textContent, question.querySelector(".mn-feedback").textContent];"""
    for index in range(answers):
        mark, said = engine.run(signs, index)
        assert mark and len(said) > 10
    assert engine.run("return book.wrong") == []


@pytest.mark.parametrize("page", CHAPTERS)
def test_solutions_open_by_a_click_on_the_middle_of_their_title(engine: Engine, recorded, page):
    assert visit(engine, recorded + page) == FINE
    middle = """const title = document.querySelectorAll(".admonition.solution > .admonition-title")[args[0]];
      title.scrollIntoView({ block: "center" });
      await new Promise((resume) => requestAnimationFrame(() => requestAnimationFrame(resume)));
      const { x, y, width, height } = title.getBoundingClientRect();
      return [x + width / 2, y + height / 2, title.parentElement.offsetHeight, location.href];"""
    for index in range(engine.run("return document.querySelectorAll('.admonition.solution').length")):
        x, y, height, address = engine.run(middle, index)
        engine.drag((x, y))
        _, _, opened, there = engine.run(middle, index)
        assert opened > height + 20
        assert there == address


def test_search_finds_and_its_key_opens_it(engine: Engine, recorded):
    assert visit(engine, recorded + "index.html") == FINE
    control, k = "\ue009", "k"
    strokes = [("keyDown", control), ("keyDown", k), ("keyUp", k), ("keyUp", control)]
    engine.perform([{"type": "key", "id": "keys", "actions": [{"type": kind, "value": key} for kind, key in strokes]}])
    engine.run("await new Promise((resume) => setTimeout(resume, 300));")
    engine.press(*"depthwise", "Enter")
    for _ in range(100):  # the next page may take its time, and until then there is nobody to answer
        with contextlib.suppress(RuntimeError):
            if engine.run("return location.pathname").endswith("/search.html"):
                break
        time.sleep(0.1)
    found = engine.run(HITS)
    assert found[0] > 5
    assert found[1] == "?q=depthwise"


@pytest.mark.parametrize("name", ["latency-lab", "digit-canvas", "what-it-sees"])
def test_a_lab_fetches_its_network_and_runs_it(engine: Engine, recorded, name):
    page = next(page for page in CHAPTERS if f'data-explorable="{name}"' in (SITE / page).read_text(encoding="utf8"))
    assert visit(engine, recorded + page) == FINE
    root = f"""document.querySelector('[data-explorable="{name}"]')"""
    engine.run(f"{root}.querySelector('.mn-start').click();")
    # Its button goes when the network is there, or says that it measures again.
    done = engine.run(
        f"""const root = {root}, button = root.querySelector(".mn-start"), words = button.textContent;
        for (let i = 0; i < 1800; i += 1) {{
          if (!button.offsetWidth && !root.querySelector("progress")?.offsetWidth) return "gone";
          if (button.offsetWidth && button.textContent !== words && !/cancel/i.test(button.textContent)) return "again";
          await new Promise((resume) => setTimeout(resume, 50));
        }}
        return root.querySelector(".mn-starter")?.textContent;"""
    )
    assert done in ("gone", "again")
    assert engine.run("return book.wrong") == []


@pytest.mark.parametrize("name", DECKS)
def test_a_deck_runs_to_its_end(engine: Engine, recorded, name):
    engine.goto("about:blank")
    engine.goto(f"{recorded}slides/{name}.html")
    engine.run(
        "for (let i = 0; i < 400 && !globalThis.deck?.isReady(); i += 1) await new Promise((r) => setTimeout(r, 50));"
    )
    last = -1
    for _ in range(300):
        if engine.run("return deck.isLastSlide()"):
            break
        engine.press(" ")
    last, total = engine.run(
        "return [deck.getSlidePastCount() + 1, document.querySelectorAll('section[data-cell]').length]"
    )
    assert last == total > 5
    assert engine.run("return book.wrong") == []
