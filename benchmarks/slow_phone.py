"""How long a reader waits, with a slow phone and without: `make bench`.

A phone's screen and an empty cache; first 9 Mb/s with 60 ms to each answer and the processor throttled four times, then
nothing of that. Each round visits a page of constant cost, 3,000 elements and a script that counts a while, with a
slider, and then every page. Its time says what this machine is today; a page's ratio to it can be compared with that of
another machine.

ready
    From the start of the navigation until the first control moves its figure. The control is moved by a script of the
    page's own thread, so what keeps that thread busy counts.
first paint, layout shift
    As the browser reports them. Of the shift the median counts.
late
    The longest task of the main thread after that: a finger waits for its end.

What is asked for here are goals: nothing fails. On a busy machine read the ratios.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"
sys.path.insert(0, str(ROOT / "tests" / "site"))  # how to find a browser, the tests know

from browser import chromium, serve  # noqa: E402
from playwright.sync_api import Browser  # noqa: E402
from report import machine, median, percentile, table  # noqa: E402

VISITS = 9
PAINT, LATE, SHIFT = 500, 50, 0.005  # ms, ms, and what is written 0.00
PHONE = {"viewport": {"width": 390, "height": 800}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
NETWORK = {"offline": False, "latency": 60, "downloadThroughput": 9e6 / 8, "uploadThroughput": 3e6 / 8}
THROTTLED = 4
# What each is called, whether anything is held back, and until when a page is to be ready, in ms.
PROFILES = (
    ("On a slow phone (9 Mb/s, 60 ms, a quarter of the processor)", True, 900),
    ("On a phone's screen, with this machine's own network and processor", False, 350),
)

WATCH = """
globalThis.bench = { paint: 0, shift: 0, tasks: [] };
const see = (type, take) =>
  new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
see("paint", ({ name, startTime }) => { if (name === "first-contentful-paint") bench.paint = startTime; });
see("layout-shift", ({ value }) => { bench.shift += value; });
see("longtask", ({ startTime, duration }) => bench.tasks.push([startTime, duration]));
"""
MOVE = """() => new Promise((done) => {
  const attempt = () => {
    const input = document.querySelector(".mn-live input");
    const figure = input?.closest(".mn") ?? input?.closest(".mn-live");
    const before = figure?.innerHTML;
    if (input?.type === "range") {
      const way = Number(input.value) < Number(input.max) ? 1 : -1;
      input.value = Number(input.value) + way * (Number(input.step) || 1);
      input.dispatchEvent(new Event("input", { bubbles: true }));
    } else input?.closest(".mn").querySelector("input:not(:checked)")?.click();
    if (figure && figure.innerHTML !== before) done(performance.now());
    else if (performance.now() > 30_000) done(Infinity); // said below the tables
    else setTimeout(attempt, 10);
  };
  attempt();
})"""
REFERENCE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>A page of constant cost</title><div class="mn-live"><input type="range" min="1" max="9" value="3"><p>3</p></div>
{rows}<script src="reference.js"></script></html>"""
SCRIPT = """let sum = 0;
for (let i = 0; i < 2_000_000; i += 1) sum = (sum * 31 + i) | 0;
const [input, said] = document.querySelector(".mn-live").children;
input.addEventListener("input", () => { said.textContent = `${input.value} ${sum}`; });
"""


class Wait(NamedTuple):
    """What one visit took, in ms, and how far the page moved."""

    ready: float
    paint: float
    late: float
    shift: float


def main() -> int:
    if not (SITE / "index.html").exists():
        print("There are no pages to measure: run `make book` first, or `make bench`, which does both.")
        return 2
    start = time.monotonic()
    names = ["index.html", *(f"chapters/{path.name}" for path in sorted((SITE / "chapters").glob("*.html")))]
    waits: dict[tuple[bool, str], list[Wait]] = {
        (slow, name): [] for _, slow, _ in PROFILES for name in ("reference.html", *names)
    }
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        write_reference(Path(folder))
        with serve(Path(folder), SITE) as address:
            for _ in range(VISITS):
                for (slow, name), seen in waits.items():
                    seen.append(visit(browser, address + name, slow))
    for title, slow, goal in PROFILES:
        constant = median([wait.ready for wait in waits[slow, "reference.html"]])
        rows = [row(name, waits[slow, name], constant, goal) for name in ("reference.html", *names)]
        head = ["page", "ready", "spread", "ratio", f"in {goal}", "first paint", f"in {PAINT}", "late", "shift"]
        note = f"ms, medians of {VISITS} visits; the spread is that of the middle half. {machine()}."
        table(title, note, head, rows)
    never = [name for (_, name), seen in waits.items() for wait in seen if wait.ready == float("inf")]
    if never:
        print(f"\nNever ready: {', '.join(never)}.")
    print(f"\nMeasured in {time.monotonic() - start:.0f} s.")
    return 0


def row(name: str, seen: list[Wait], constant: float, goal: float) -> list[str]:
    ready, paint, late, shift = (median(values) for values in zip(*seen, strict=True))
    times = [wait.ready for wait in seen]
    spread = f"{percentile(times, 0.25):.0f}-{percentile(times, 0.75):.0f}"
    goals = ["yes" if value < limit else "no" for value, limit in ((ready, goal), (paint, PAINT))]
    numbers = [f"{ready:.0f}", spread, f"{ready / constant:.2f}", goals[0], f"{paint:.0f}", goals[1]]
    return [name.removesuffix(".html"), *numbers, f"{late:.0f}", f"{shift:.2f}"]


def visit(browser: Browser, url: str, slow: bool) -> Wait:
    context = browser.new_context(**PHONE)
    try:
        page = context.new_page()
        if slow:
            session = context.new_cdp_session(page)
            session.send("Network.enable")
            session.send("Network.emulateNetworkConditions", NETWORK)
            session.send("Emulation.setCPUThrottlingRate", {"rate": THROTTLED})
        page.add_init_script(WATCH)
        page.goto(url, wait_until="commit")
        ready = page.evaluate(MOVE)
        page.wait_for_load_state("load")
        page.wait_for_timeout(1000)
        seen = page.evaluate("bench")
        late = max((duration for begun, duration in seen["tasks"] if begun > ready), default=0)
        return Wait(ready, seen["paint"], late, seen["shift"])
    finally:
        context.close()


def write_reference(folder: Path) -> None:
    rows = "".join(f"<p><b>{i}</b> <span>one line of many</span></p>" for i in range(1000))
    (folder / "reference.html").write_text(REFERENCE.format(rows=rows), encoding="utf8")
    (folder / "reference.js").write_text(SCRIPT, encoding="utf8")


if __name__ == "__main__":
    sys.exit(main())
