"""The site keeps to the browsers that the README names, and older ones get the figures standing still."""

from __future__ import annotations

import fnmatch
import json
import re
from pathlib import Path

import floor
import pytest
from opened import RESTED

ROOT = Path(__file__).resolve().parents[2]
TABLE = json.loads(floor.TABLE.read_text(encoding="utf8"))

# What the pages use although a browser at the floor does not know it, and what its reader sees without.
WITHOUT_HARM = {
    "at-rule media: scripting": "without JavaScript controls stand there, too, that nothing moves",
    "member getCoalescedEvents": "asked for before it is called: a fast hand draws corners",
    "property resize": "the lab's field keeps its height",
    "property text-wrap": "a title's two lines are not of one length",
    "property user-select": "a prompt or a button's word is marked with what surrounds it",
    "property zoom": "only for classic Notebook, and for reveal.js's own scaling, which is off",
    "property scrollbar-width": "reveal.js's own scrolling view, which is off, has a bar",
    "property mask-position": "a placeholder of the theme's that no page has",
    "property content-visibility": "what stands below the screen does not wait; and with ::details-content, below",
    "selector details-content": "on paper, a quiz's folded hints stay folded",
    "value break-after: avoid": "on paper, a title may stand alone",
    "value page-break-after: avoid": "on paper, a title may stand alone",
    "value cursor: *": "a finger has no cursor",
    "value font-family: ui-*": "the next font in the list",
    "value text-decoration: dotted": "an abbreviation's underline is not dotted",
    "event beforeunload": "the theme forgets where the sidebar was scrolled to",
    "member checkVisibility": "asked for before it is called: a figure below the screen is laid out when it starts",
    "member requestIdleCallback": "asked for before it is called: late.js waits for a while instead",
    "member userAgentData": "asked for before it is used, by bootstrap",
    "member gpu": "asked for before it is used, by ONNX Runtime, which computes on the processor here",
    "member ml": "as gpu",
    "member waitAsync": "asked for before it is used, by ONNX Runtime",
}
# Names that stand in a browser's interface that is newer than the floor, and here are something else's.
OF_ITS_OWN = {
    *("alpha", "brands", "details", "features", "fontWeight", "grow", "handle", "hide", "ic", "layers", "level"),
    *("limits", "locale", "messages", "methodName", "path", "requestAdapter", "requestDevice", "resize", "tag", "to"),
    *("touches", "vb"),
}


@pytest.fixture(scope="module")
def used(site: Path) -> dict[str, set[str]]:
    """Return what scripts and style sheets use that is newer than the floor, and the files that do."""
    found: dict[str, set[str]] = {}
    for sheet in site.rglob("*.css"):
        for use in floor.in_css(sheet.read_text(encoding="utf8"), TABLE):
            found.setdefault(use, set()).add(sheet.name)
    scripts = [path for path in site.rglob("*.js") if "locales" not in path.parts]
    assert len(scripts) > 30
    for path, uses in floor.in_scripts(scripts, TABLE).items():
        for use in uses:
            found.setdefault(use, set()).add(path.name)
    return found


def test_pages_use_nothing_that_is_newer_than_the_floor(used):
    names = {f"member {name}" for name in OF_ITS_OWN}
    newer = {
        use: (TABLE.get(use.partition(" ")[0], {}).get(use.partition(" ")[2]), sorted(files))
        for use, files in used.items()
        if use not in names and not any(fnmatch.fnmatchcase(use, known) for known in WITHOUT_HARM)
    }
    assert newer == {}


def test_no_exception_is_left_of_what_is_gone(used):
    assert [known for known in WITHOUT_HARM if not fnmatch.filter(used, known)] == []
    assert OF_ITS_OWN - {use.removeprefix("member ") for use in used} == set()


def test_the_floor_is_one(root):
    words = "Safari {Safari}, Firefox {Firefox}, Chrome or Edge {Chrome}".format(**floor.FLOOR)
    assert TABLE["floor"] == floor.FLOOR
    assert words in (root / "README.md").read_text(encoding="utf8")
    assert words in (root / "book" / "ext" / "static_widgets.js").read_text(encoding="utf8")


@pytest.mark.parametrize(
    ("css", "use"),
    [
        ("a { color: rgb(from red r g b) }", "function relative_color"),
        ("a { b { color: red } }", "selector nesting"),
        ("@media print { p { zoom: 2 } }", "property zoom"),
        ("p:is(.a, :open) { top: 0 }", "selector open"),
        ("@property --a { syntax: '*' }", "at-rule property"),
        ("h1 { text-wrap: balance }", "property text-wrap"),
        ("p { print-color-adjust: exact }", "property print-color-adjust"),
    ],
)
def test_a_style_sheet_that_is_too_new_is_found(css, use):
    assert use in floor.in_css(css, TABLE)


def test_what_is_guarded_or_named_twice_is_let_pass():
    assert floor.in_css("@supports (zoom: 2) { p { zoom: 2 } }", TABLE) == set()
    assert floor.in_css("p { -webkit-print-color-adjust: exact; print-color-adjust: exact }", TABLE) == set()
    assert (
        floor.in_css("@container (min-width: 1rem) { p:has(a) { color: color-mix(in hsl, red, blue) } }", TABLE)
        == set()
    )


@pytest.mark.parametrize(
    ("script", "use"),
    [
        ("Object.groupBy([], (x) => x);", "member groupBy"),
        ("Promise.withResolvers();", "member withResolvers"),
        ("new TaskController();", "global TaskController"),
        ("addEventListener('scrollend', f);", "event scrollend"),
        ("/[a--b]/v;", "newer than ECMAScript 2022"),
        ("/(?<=a)b/.test(c);", ""),
        ("const groupBy = 1; a.groupBy = groupBy; [1].findLast((x) => x);", ""),
    ],
)
def test_a_script_that_is_too_new_is_found(script, use, tmp_path):
    path = tmp_path / "script.js"
    path.write_text(script, encoding="utf8")
    found = floor.in_scripts([path], TABLE)[path]
    assert any(use in each for each in found) if use else found == set()


def test_below_the_floor_figures_stand_still_and_say_why(visit, served):
    visited = visit("about:blank")
    page = visited.page
    page.add_init_script("const known = CSS.supports; CSS.supports = (...a) => !/:has/.test(a[0]) && known(...a);")
    visited.begin(f"{served}chapters/06_inverted_residual.html")
    page.wait_for_function(RESTED)
    figure = page.locator("[data-explorable=inverted-block]")
    said = figure.locator(".mn-too-old").inner_text()
    assert re.search(r"not older than Safari [\d.]+, Firefox \d+, Chrome or Edge \d+; what you see", said)
    assert figure.locator(".mn-static svg").evaluate_all("(all) => all.some((each) => each.checkVisibility())")
    assert page.locator(".mn-live").count() == 0
    assert visited.errors == []


def test_slides_run_where_the_speakers_plugin_does_not(visit, served):
    page = visit("about:blank").page
    page.route("**/notes.js", lambda route: route.fulfill(body="syntax error(", content_type="text/javascript"))
    page.goto(f"{served}slides/06_inverted_residual.html")
    page.wait_for_function("globalThis.deck?.isReady()")
    page.keyboard.press("Space")
    assert page.evaluate("deck.getSlidePastCount()") == 1
