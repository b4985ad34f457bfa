"""The page for instructors keeps its promises: minutes add up, links lead somewhere, no exercise is left out."""

from __future__ import annotations

import json
import re
from functools import cache
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from mobilenet_lib import explorables

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "reference" / "instructors.md").read_text(encoding="utf8")
LINKS = sorted(set(re.findall(r"\]\(page:([^)]+)\)", PAGE)))
STATES = [link for link in LINKS if "?" in link]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
PLAN = re.compile(r"^#+ ([^\n]+?) \((\d+) minutes\)\n(.*?)(?=^#)", re.DOTALL | re.MULTILINE)
PLANS = {title: (int(minutes), text) for title, minutes, text in PLAN.findall(PAGE)}


def rows(text: str) -> list[list[str]]:
    """Return the cells of the tables in a piece of Markdown, without heads and rules."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if not set(row[0]) <= {":", "-"} and row[0] not in ("min", "exercise")]


# Minutes


@pytest.mark.parametrize("title", [title for title, (_, text) in PLANS.items() if rows(text)])
def test_minutes_of_a_plan_add_up(title):
    promised, text = PLANS[title]
    *steps, total = rows(text)
    assert [int(step[0]) for step in steps if int(step[0]) <= 0] == []
    assert total[0] == f"**{promised}**"
    assert sum(int(step[0]) for step in steps) == promised


def test_there_is_a_lecture_a_workshop_and_a_module_of_four_weeks():
    minutes = {title: promised for title, (promised, _) in PLANS.items()}
    weeks = [promised for title, promised in minutes.items() if title.startswith("Week")]
    assert minutes["A lecture"] == 90
    assert minutes["A workshop"] == 180
    assert len(weeks) == 4
    assert minutes["A module"] == sum(weeks)


# Links


def page_of(link: str, site: Path) -> str:
    return read(site / f"{link.partition('#')[0]}.html")


@cache
def read(path: Path) -> str:
    return path.read_text(encoding="utf8")


@pytest.mark.parametrize("link", [link for link in LINKS if "?" not in link])
def test_link_leads_to_a_section_that_is_there(link, site):
    html, place = page_of(link, site), link.partition("#")[2]
    assert not place or re.search(rf'\bid="{re.escape(place)}"', html)


@pytest.mark.parametrize("link", STATES)
def test_link_sets_a_figure_that_is_there_to_values_it_can_have(link, site, monkeypatch):
    name, _, query = link.partition("#")[2].partition("?")
    found = re.search(
        rf'data-explorable="{name}">\s*<script type="application/json">(.*?)</script>', page_of(link, site), re.DOTALL
    )
    assert found, f"the page has no {name}"
    state = json.loads(unescape(found[1]))
    wished = dict(parse_qsl(query, keep_blank_values=True))
    assert set(wished) <= set(state["settings"])
    values = {key: type(state[key])(wished[key]) for key in wished}
    kind = getattr(explorables, "".join(part.title() for part in name.split("-")))
    if "measure_state" in vars(kind):
        monkeypatch.setattr(kind, "measure_state", lambda figure: 0)  # nobody asks what fvcore counts there
    shown = {key: state[key] for key in state["ranges"]} | values
    assert {key: getattr(kind(**shown), key) for key in values} == values  # a value it cannot have raises


def test_figure_stands_as_the_link_says(tabs, served):
    """One of them, in a browser: the others are set by the same script."""
    link = next(link for link in STATES if "inverted-block?expansion=3" in link)
    page = tabs(f"{served}{link.replace('#', '.html#', 1)}").page
    figure = page.locator("[data-explorable=inverted-block]")
    assert figure.get_by_role("slider", name="Expansion").get_attribute("aria-valuetext").startswith("3")


def test_links_of_the_page_are_those_of_its_source(tabs, served):
    page = tabs(served + "reference/instructors.html").page
    shown = page.locator("article a").evaluate_all("links => links.map(a => a.getAttribute('href'))")
    assert {f"../{link.replace('#', '.html#', 1)}" for link in LINKS if "#" in link} <= set(shown)
    assert not [address for address in shown if address.startswith("page:")]


# Exercises


@pytest.mark.parametrize("path", CHAPTERS, ids=[path.stem for path in CHAPTERS])
def test_page_says_what_each_exercise_catches(path):
    labels = re.findall(r":label: (ex-[\w-]+)", path.read_text(encoding="utf8"))
    table = PAGE[PAGE.index("## What each exercise catches") :]
    told = {row[0] for row in rows(table) if len(row) == 3 and all(row)}
    assert labels
    for label in labels:
        assert any(f"(page:chapters/{path.stem}#{label})" in cell for cell in told), label


# Large type

TALLER = """least => [...document.querySelectorAll("[data-explorable=inverted-block] .mn-drawing text")]
  .find(each => each.textContent.toLowerCase().includes("expansion")).getBoundingClientRect().height > least"""


@pytest.mark.parametrize("width", [1280, 375])
def test_large_type_makes_text_and_figures_larger_and_breaks_no_line(visit, served, width):
    visited = visit(served + "chapters/06_inverted_residual.html", viewport={"width": width, "height": 800})
    page = visited.page
    button = page.get_by_role("button", name="Large type")
    letters = page.locator("[data-explorable=inverted-block] .mn-drawing text").filter(has_text="expansion").first
    text = "() => parseFloat(getComputedStyle(document.querySelector('article p')).fontSize)"
    before, drawn = page.evaluate(text), letters.bounding_box()["height"]
    assert button.get_attribute("aria-pressed") == "false"
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    assert page.evaluate(text) > 1.14 * before
    # The drawing is laid out anew, in its own time.
    page.wait_for_function(TALLER, arg=(1.14 if width > 400 else 0.99) * drawn)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.reload()
    assert button.get_attribute("aria-pressed") == "true"
    assert page.evaluate(text) > 1.14 * before
    button.click()
    assert page.evaluate(text) == before
    assert visited.errors == []


def test_large_type_works_where_nothing_may_be_stored(visit, served):
    page = visit("about:blank").page
    page.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no'); }});")
    page.goto(served + "reference/glossary.html")
    button = page.get_by_role("button", name="Large type")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert page.evaluate("document.documentElement.classList.contains('large-type')")
