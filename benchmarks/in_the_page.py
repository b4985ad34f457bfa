"""How long blocks and small networks take in a browser, and in ONNX Runtime beside it.

`make bench` prints the rows. With ``--write`` they become the book's own results, which the latency lab shows beside
the reader's: ``python benchmarks/in_the_page.py --write``, on a quiet machine.

In the browser the latency lab itself is measured, by its own button; in Python its networks take turns in the same way.
Of several passes the calmest counts, the one whose quartiles are nearest to the medians.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "site"), str(ROOT / "book" / "ext")]

from browser import chromium, serve  # noqa: E402
from one_page import write_page  # noqa: E402
from report import is_busy, machine, table  # noqa: E402

from mobilenet_lib.explorables.latency_lab import RESULTS, LatencyLab  # noqa: E402

PASSES = 5
TURNS, TURN, WARM = 15, 20, 60  # as in runtime.js

Quartiles = dict[str, list[float]]


def main(arguments: list[str]) -> None:
    """Measure, print, and write the results if that is asked for."""
    results = measure()
    report(results)
    if "--write" in arguments and is_busy():
        print("Nothing is written: with other programs running, these numbers are not the machine's. Try again later.")
    elif "--write" in arguments:
        command = "python benchmarks/in_the_page.py --write"
        RESULTS.write_text(json.dumps({"command": command, "results": results}, indent=1) + "\n", encoding="utf8")
        print(f"Written to {RESULTS.relative_to(ROOT)}.")


def measure() -> dict[str, dict]:
    """Return runtime, machine and quartiles, in Chromium and in Python."""
    lab = LatencyLab()
    names = [entry["name"] for entry in lab.entries]
    on = f"{platform.machine()}, {processor()}, {platform.system()}"
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        write_page(Path(folder), [lab])
        with serve(Path(folder)) as address:
            page = browser.new_page()
            page.goto(address + "index.html")
            button = page.locator(".mn-start")
            button.click()

            def in_the_browser() -> Quartiles:
                page.get_by_role("button", name="Measure again").wait_for(timeout=120_000)
                rows = page.locator("textarea").input_value().splitlines()[-len(lab.entries) :]
                button.click()
                times = ([float(value) for value in row.split("\t")[:3]] for row in rows)
                return {name: [low, median, high] for name, (median, low, high) in zip(names, times, strict=True)}

            browser_results = calmest(in_the_browser)
            runtime = page.locator("textarea").input_value().splitlines()[1]
            version = f"Chromium {browser.version.partition('.')[0]}"
    found = calmest(lambda: in_python(lab))
    engine = lab.reply("open", lab.entries[0]["name"], lab.entries[0]["shape"])["runtime"]
    return {
        "Chromium": {"runtime": f"{version}, {runtime}", "machine": on, "quartiles": browser_results},
        "ONNX Runtime": {"runtime": engine, "machine": on, "quartiles": found},
    }


def in_python(lab: LatencyLab) -> Quartiles:
    """Let the networks take turns, as takeTurns in runtime.js does."""
    runs = {}
    for entry in lab.entries:
        lab.reply("open", entry["name"], entry["shape"])
        runs[entry["name"]], spent, tries = 1, 0.0, 0
        while tries < 2 or spent < WARM:
            ms = lab.reply("time", entry["name"], runs=runs[entry["name"]])["ms"]
            spent, tries = spent + ms, tries + 1
            runs[entry["name"]] = max(1, round(runs[entry["name"]] * TURN / max(ms, TURN / 8)))
    samples: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(TURNS):
        for entry in lab.entries:
            name = entry["name"]
            samples[name].append(lab.reply("time", name, runs=runs[name])["ms"] / runs[name] / entry["copies"])
    quartiles = {name: statistics.quantiles(times, n=4, method="inclusive") for name, times in samples.items()}
    return {name: [round(value, 4) for value in values] for name, values in quartiles.items()}


def calmest(measure_once: Callable[[], Quartiles]) -> Quartiles:
    """Measure several times and return the pass with the narrowest quartiles."""
    passes = [measure_once() for _ in range(PASSES)]
    return min(passes, key=lambda found: statistics.mean((high - low) / median for low, median, high in found.values()))


def processor() -> str:
    """Return the processor's name, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf8").splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"


def report(results: dict[str, dict]) -> None:
    """Print a row for each network."""
    rows = []
    for entry in LatencyLab().entries:
        cells = []
        for found in results.values():
            low, median, high = found["quartiles"][entry["name"]]
            cells += [f"{median:.2f}", f"{low:.2f}-{high:.2f}", f"{entry['macs'] / median / 1e6:.1f}"]
        rows.append([entry["label"], f"{entry['macs'] / 1e6:.1f}", *cells])
    note = f"ms for one image, median and quartiles of {TURNS} turns, the calmest of {PASSES} passes. {machine()}."
    head = ["what", "M MACs", "browser", "quartiles", "G MACs/s", "Python", "quartiles", "G MACs/s"]
    table("Blocks and small networks in a page and in Python, one thread", note, head, rows)
    for found in results.values():
        print(f"  {found['runtime']}; {found['machine']}")


if __name__ == "__main__":
    main(sys.argv[1:])
