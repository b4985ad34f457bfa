"""What is asked of a page in any browser: JavaScript that runs in it, and hands that move what it shows."""

from __future__ import annotations

from typing import Any

from engines import Engine
from opened import GROWN, MOVED, NO_QUIZ

# Once nothing moves any more: figures live, fonts loaded, two frames drawn.
SETTLED = """
  const until = async (what) => {
    for (let i = 0; i < 600 && !what(); i += 1) await new Promise((resume) => setTimeout(resume, 50));
  };
  const frames = () => new Promise((resume) => requestAnimationFrame(() => requestAnimationFrame(resume)));
  await until(() => document.readyState === "complete");
  await until(() => !document.querySelector(".mn-explorable:not(.mn-live)"));
  await document.fonts.ready;
  await frames();
"""
STATE = (
    SETTLED
    + """
  const fields = () => document.querySelectorAll("article pr-field > template").length;
  await until(() => !fields());
  const asked = performance.getEntriesByType("resource").map(({ name }) => name);
  return {
    wrong: book.wrong,
    dead: [...document.querySelectorAll(".mn-explorable:not(.mn-live)")].map((root) => root.dataset.explorable),
    foreign: asked.filter((name) => !name.startsWith(location.origin) && !/^(data|blob):/.test(name)),
    wide: Math.max(0, document.documentElement.scrollWidth - innerWidth),
    unfilled: fields(),
  };"""
)
FINE = {"wrong": [], "dead": [], "foreign": [], "wide": 0, "unfilled": 0}
SLIDERS = """
  const sliders = [...document.querySelectorAll(".mn-live input[type=range]")].filter((each) => each.offsetWidth);"""
# What the search has found, once it has.
HITS = """
  const hits = () => document.querySelectorAll("#search-results li a").length;
  for (let i = 0; i < 200 && hits() < 6; i += 1) await new Promise((resume) => setTimeout(resume, 50));
  return [hits(), location.search];"""
SAYS = (
    SLIDERS
    + """
  const slider = sliders[args[0]];
  const { value, min, max, ariaValueText } = slider;
  const root = slider.closest(".mn-explorable");
  const name = `${root.dataset.explorable}: ${slider.labels[0]?.textContent}`;
  const { x, y, width, height } = slider.getBoundingClientRect();
  return { name, value: Number(value), min: Number(min), max: Number(max), spoken: ariaValueText,
    picture: root.querySelector(".mn-frame").innerHTML, box: [x, y, width, height] };"""
)
BRING = (
    SLIDERS
    + "const slider = sliders[args[0]]; slider.scrollIntoView({ block: 'center' }); slider.focus();"
    + """
  await new Promise((resume) => requestAnimationFrame(() => requestAnimationFrame(resume)));"""
)
# How far a browser landed from where the address leads, in pixels.
OFF = (
    SETTLED
    + """
  const target = document.getElementById(args[0]) ?? document.querySelector(`[data-explorable="${args[0]}"]`);
  const landed = target.getBoundingClientRect().top;
  target.scrollIntoView();
  return landed - target.getBoundingClientRect().top;"""
)

# What functions find, one after the other, once all of a page is laid out in a frame as narrow as a phone: no window
# here is.
NARROW = """
  const frame = Object.assign(document.createElement("iframe"), { width: args[0], height: 800 });
  frame.src = `${location.pathname}?framed`; // no page may hold itself
  document.body.replaceChildren(frame);
  await new Promise((done) => { frame.onload = done; });
  const page = frame.contentDocument.documentElement;
  for (let i = 0; i < 600 && !page.matches(".rested:not(:has(.mn-explorable:not(.mn-live)))"); i += 1)
    await new Promise((resume) => setTimeout(resume, 50));
  await page.ownerDocument.fonts.ready;
  const found = [];
  for (const [what, ...given] of args[1]) found.push(await frame.contentWindow.eval(`(${what})`)(...given));
  return found;"""


def visit(engine: Engine, url: str) -> dict[str, Any]:
    """Open a page anew and return what is to be seen without touching it."""
    engine.goto("about:blank")  # another address of the same page would not load it again
    engine.goto(url)
    return engine.run(STATE)


def sliders(engine: Engine) -> range:
    return range(engine.run(SLIDERS + "return sliders.length"))


def try_keys(engine: Engine, index: int) -> None:
    """Move a slider by one step and to both of its ends, from the keyboard."""
    engine.run(BRING, index)
    before = engine.run(SAYS, index)
    engine.press("ArrowRight" if before["value"] < before["max"] else "ArrowLeft")
    after = engine.run(SAYS, index)
    for what in ("value", "spoken", "picture"):
        assert after[what] != before[what], (after["name"], what)
    engine.press("End")
    assert engine.run(SAYS, index)["value"] == before["max"], before["name"]
    engine.press("Home")
    assert engine.run(SAYS, index)["value"] == before["min"], before["name"]


def try_mouse(engine: Engine, index: int) -> None:
    """Drag a slider from one end to a place near the other one: it stays under the pointer."""
    engine.run(BRING, index)
    engine.press("Home")
    before = engine.run(SAYS, index)
    x, y, width, height = before["box"]
    thumb = 10  # half of it
    ends = [(x + thumb + share * (width - 2 * thumb), y + height / 2) for share in (0, 0.4, 0.97)]
    engine.drag(*ends)
    after = engine.run(SAYS, index)
    assert after["value"] > before["value"], before["name"]
    assert after["picture"] != before["picture"], before["name"]
    assert abs(after["box"][1] - y) <= 2, (before["name"], "moved under the pointer", after["box"][1] - y)


def try_room(engine: Engine) -> None:
    """Look, on a desk and on a phone, whether a figure is as high from the start as it will be, and a slider stays."""
    faults = {}
    for width in (1280, 375):
        grown, moved = engine.run(NARROW, width, [[GROWN], [MOVED, NO_QUIZ]])
        faults |= {(width, figure, "grew"): pixels for figure, pixels in grown.items()}
        faults |= {(width, slider, "moved"): pixels for slider, pixels in moved.items() if pixels > 2}
    assert faults == {}
