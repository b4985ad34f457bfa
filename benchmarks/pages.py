"""What the built pages take: `make bench`.

Everything is measured on this machine in this run, and beside each number stands its budget. The pages are those of
`make book`. Exit code 1 says that a budget is broken.

Slider to picture
    Real key presses, through the browser's own input path, on every slider of every explorable. "Painted" is the
    time the browser needs from the key to the picture (browser.py has the details). "Processor" is all that its main
    thread computes for the key, and "script" the JavaScript in that, both in processor time, as the browser counts it:
    other programs do not disturb these much. Of several rounds the calmest counts: what else runs only ever adds.
Navigation to working sliders
    From the start of the navigation to the moment the first slider stands in the page with its script behind it, with
    an empty cache, from a server on this machine; the median of several visits. Beside it, visit by visit, the same
    page as html-manager would have it (html_manager.py); a key press proves that both work.
Live
    In a real kernel, from a slider's new value on the wire to fvcore's count on the wire (live.py); beside it the
    processor time of the kernel.

On a busy machine a time over its budget says little. Where the processor time (of the usual key, or round trip) is
under it, the budget is called "busy": left open.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"
sys.path.insert(0, str(ROOT / "tests" / "site"))  # how to find a browser, and what a page weighs, the tests know

import html_manager  # noqa: E402
import live  # noqa: E402
from browser import FIRST_SLIDER, PAINTED, chromium, serve  # noqa: E402
from playwright.sync_api import Browser, Page  # noqa: E402
from report import kept, machine, median, percentile, table, verdict  # noqa: E402
from weight import weigh, zipped  # noqa: E402

FRAME, SCRIPT = 16, 4  # ms
BLOCK, NETWORK = 100, 250  # ms
SHARE_OF_HTML_MANAGER = 0.5
PAGE = 250  # kB, gzipped, figures aside

ROUNDS = 5
PRESSES = 48  # a round at each explorable, spread over its sliders
VISITS = 7
SLIDERS = "input[type=range]:visible"  # some figures have one only once a network is there
CHOICES = "input[type=radio]:checked:visible"  # for what has no slider
SHOWN = re.compile(r'class="mn-explorable" data-explorable="((?!quiz)[\w-]+)"')


def main() -> int:
    if not (SITE / "index.html").exists():
        print("There are no pages to measure: run `make book` first, or `make bench`, which does both.")
        return 2
    start = time.monotonic()
    print(f"Benchmarks: {machine()}")
    homes = find_homes()
    with serve(SITE) as address:
        report_sizes(homes)
        report_pages(address)
        report_inputs(address, homes)
    report_loading(homes)
    report_live()
    print(f"\nMeasured in {time.monotonic() - start:.0f} s. {machine()}.")
    return verdict()


def find_homes() -> dict[str, str]:
    """Return for each explorable the page that shows it: a chapter, where there is one."""
    homes = {}
    for path in sorted(SITE.rglob("*.html"), key=lambda path: ("chapters" not in path.parts, path)):
        for name in SHOWN.findall(path.read_text(encoding="utf8")):
            if not re.search(r"-\d+$", name):
                homes.setdefault(name, path.relative_to(SITE).as_posix())
    return homes


def report_sizes(homes: dict[str, str]) -> None:
    rows = []
    for name, home in homes.items():
        html = (SITE / home).read_text(encoding="utf8")
        state = re.search(rf'data-explorable="{name}">\s*<script type="application/json">(.*?)</script>', html, re.S)[1]
        parts = [(SITE / "_static" / "explorables" / f"{name}{kind}").read_bytes() for kind in (".js", ".css")]
        parts.append(state.encode())
        sizes = [f"{len(part) / 1000:.1f} / {zipped(part) / 1000:.1f}" for part in parts]
        rows.append([name, *sizes, f"{sum(map(len, parts)) / 1000:.1f} / {sum(map(zipped, parts)) / 1000:.1f}"])
    once = b"".join((SITE / "_static" / "explorables" / name).read_bytes() for name in ("host.js", "kit.js"))
    note = f"kB raw / gzipped. Host and kit, {len(once) / 1000:.1f} / {zipped(once) / 1000:.1f}, come once a page."
    table("What each explorable weighs", note, ["explorable", "script", "style", "state", "together"], rows)


def report_pages(address: str) -> None:
    rows = []
    with chromium() as browser:
        for path in [SITE / "index.html", *sorted((SITE / "chapters").glob("*.html"))]:
            name = path.relative_to(SITE).as_posix()
            parts = weigh(browser, address, name)
            raw, figures = sum(part.raw for part in parts) / 1000, sum(part.figures for part in parts) / 1000
            rest = sum(part.gzipped for part in parts) / 1000 - figures
            light = kept(rest, PAGE, f"weight of {name}, kB")
            rows.append([name, len(parts), f"{raw:.0f}", f"{rest:.0f}", light, f"{figures:.0f}"])
    head = ["page", "requests", "raw", "gzipped, no figures", f"under {PAGE} kB", "figures"]
    table("What each page weighs", "kB, first visit, cold cache.", head, rows)


def report_inputs(address: str, homes: dict[str, str]) -> None:
    rows = []
    with chromium() as browser:
        for name, home in homes.items():
            rounds = zip(*(press_keys(browser, address + home, name) for _ in range(ROUNDS)), strict=True)
            painted, processor, script = (min(times, key=lambda round: percentile(round, 0.95)) for times in rounds)
            low = [f"{percentile(times, 0.5):.1f}" for times in (painted, processor, script)]
            high = [percentile(times, 0.95) for times in (painted, processor, script)]
            in_time = kept(high[0], FRAME, f"{name}, key to painted, p95 in ms", at_best=percentile(processor, 0.5))
            light = kept(high[2], SCRIPT, f"{name}, script per key, p95 in ms")
            pairs = [f"{each} / {worse:.1f}" for each, worse in zip(low, high, strict=True)]
            rows.append([name, len(painted), pairs[0], in_time, pairs[1], pairs[2], light])
    head = ["explorable", "keys", "painted", f"within {FRAME} ms", "processor", "script", f"under {SCRIPT} ms"]
    table("Slider to picture", f"ms, p50 / p95, the calmest of {ROUNDS} rounds. {machine()}.", head, rows)


def press_keys(browser: Browser, url: str, name: str) -> tuple[list[float], list[float], list[float]]:
    """Return for the key presses the milliseconds to the painted picture, of the main thread, and of script."""
    # Without animation a key's work ends with its picture.
    page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page.goto(url, wait_until="networkidle")
    root = page.locator(f'[data-explorable="{name}"]')
    root.scroll_into_view_if_needed()
    root.evaluate(PAINTED)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent() -> dict[str, float]:
        return {each["name"]: 1000 * each["value"] for each in session.send("Performance.getMetrics")["metrics"]}

    sliders = root.locator(SLIDERS).all() or root.locator(CHOICES).all()
    processor, script = [], []
    for slider in sliders:
        slider.evaluate("slider => slider.focus()")
        page.wait_for_timeout(400)  # the address is written some time after the last change
        for key in ["ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft"] * max(1, round(PRESSES / 4 / len(sliders))):
            before = spent()
            for kind in ("keyDown", "keyUp"):
                session.send("Input.dispatchKeyEvent", {"type": kind, "key": key, "code": key, **CODES[key]})
            time.sleep(0.05)
            after = spent()
            processor.append(after["TaskDuration"] - before["TaskDuration"])
            script.append(after["ScriptDuration"] - before["ScriptDuration"])
    page.wait_for_timeout(600)
    painted = page.evaluate("benchPaints")
    page.close()
    if len(painted) < len(script) / 2:
        raise SystemExit(f"{name}: of {len(script)} key presses only {len(painted)} changed the picture")
    return painted, processor, script


CODES = {
    "ArrowRight": {"windowsVirtualKeyCode": 39, "nativeVirtualKeyCode": 39},
    "ArrowLeft": {"windowsVirtualKeyCode": 37, "nativeVirtualKeyCode": 37},
}


def report_loading(homes: dict[str, str]) -> None:
    rows, note = [], f"Medians of {VISITS} visits, ms. {machine()}."
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        peer = Path(folder)
        try:
            html_manager.fetch(peer / "peer")
        except html_manager.Unavailable as error:
            note += f" Nothing to compare with: {error}"
        with serve(peer, SITE) as address:
            for name, home in homes.items():
                there = write_peer_page(peer, name, home) if (peer / "peer" / "embed-amd.js").exists() else None
                ours, theirs = [], []
                for _ in range(VISITS):
                    ours.append(time_to_slider(browser, address + home))
                    if there:
                        theirs.append(time_to_slider(browser, address + there))
                row = [name, f"{median(ours):.0f}", "-", "-", "not measured"]
                if theirs:
                    ratio = median(ours) / median(theirs)
                    row[2:] = [f"{median(theirs):.0f}", f"{ratio:.2f}"]
                    row.append(kept(ratio, SHARE_OF_HTML_MANAGER, f"{name}, loading, share of html-manager's time"))
                rows.append(row)
    head = ["explorable", "this page", "html-manager", "ratio", f"under {SHARE_OF_HTML_MANAGER}"]
    table("Navigation to working sliders", note, head, rows)


def write_peer_page(folder: Path, name: str, home: str) -> str:
    """Write the page of `home` as html-manager would have it, and return its path."""
    there = Path(home).with_name(f"{name}-html-manager.html")
    (folder / there).parent.mkdir(exist_ok=True)
    base = "../" * (len(there.parts) - 1) + "peer"
    html = (SITE / home).read_text(encoding="utf8")
    (folder / there).write_text(html_manager.page(html, name, base), encoding="utf8")
    return there.as_posix()


def time_to_slider(browser: Browser, url: str) -> float:
    context = browser.new_context()
    try:
        page = context.new_page()
        page.add_init_script(FIRST_SLIDER)
        page.goto(url, wait_until="commit")
        page.wait_for_function("globalThis.benchSlider", timeout=60_000)
        check_it_works(page)
        return page.evaluate("benchSlider")
    finally:
        context.close()


def check_it_works(page: Page) -> None:
    page.wait_for_load_state("load")
    root = page.locator(".mn").filter(has=page.locator("input")).first
    before = root.inner_html()
    root.locator(f"{SLIDERS}, {CHOICES}").first.focus()
    for key in ("ArrowRight", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
        page.wait_for_timeout(30)
        if root.inner_html() != before:
            return
    raise SystemExit(f"the explorable of {page.url} does not react to a key")


def report_live() -> None:
    widths = [0.5, 0.75, 1.0, 1.25, 0.4, 0.6, 0.8, 0.9, 1.1, 1.2, 1.3]
    cases = [
        ("a block", "InvertedBlock", "expansion", [3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3], BLOCK),
        ("MobileNetV2", "Network", "width_mult", widths, NETWORK),
    ]
    rows = []
    for what, widget, trait, values, limit in cases:
        times, processor = live.round_trips(widget, trait, values)
        held = kept(median(times), limit, f"live, {what}, median in ms", at_best=median(processor))
        numbers = [f"{number:.0f}" for number in (median(times), max(times), median(processor))]
        rows.append([what, f"{widget}.{trait}", *numbers, limit, held])
    head = ["counted", "slider", "median", "slowest", "processor", "budget", "kept"]
    table("Slider to fvcore's number, in a kernel", f"ms. {machine()}.", head, rows)


if __name__ == "__main__":
    sys.exit(main())
