"""Networks that run in a page: nothing is downloaded before the reader asks, and then everything works offline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from one_page import write_page
from playwright.sync_api import Page
from test_pages import AXE, too_wide, violations

from mobilenet_lib.explorables.latency_lab import LatencyLab

POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:"
LONG = 60_000  # ms, on a busy machine


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return the folder of a page with the figure."""
    place = tmp_path_factory.mktemp("page")
    write_page(place, [LatencyLab()])
    return place


@pytest.fixture(scope="module")
def address(folder, serving) -> Iterator[str]:
    """Return the address of that page, under the strictest policy that allows WebAssembly."""
    with serving(folder, {"Content-Security-Policy": POLICY}) as served:
        yield served + "index.html"


def root_of(page: Page, name: str):
    return page.locator(f'[data-explorable="{name}"]')


def requests_of(page: Page) -> list[str]:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    return asked


def is_of_networks(name: str) -> bool:
    return "onnx" in name or "ort" in name or name == "worker.js"


def start(page: Page, name: str, done: str) -> None:
    root = root_of(page, name)
    root.locator(".mn-start").click()
    root.get_by_role("button", name=done).wait_for(timeout=LONG)


def test_lab_measures_offline_after_its_download_and_gives_its_result_as_text(visit, address):
    visited = visit(address, permissions=["clipboard-read", "clipboard-write"])
    page, root = visited.page, root_of(visited.page, "latency-lab")
    asked = requests_of(page)
    assert "Downloads 3.8\N{NO-BREAK SPACE}MB once" in root.inner_text()
    page.wait_for_load_state("networkidle")
    assert not any(map(is_of_networks, asked))
    start(page, "latency-lab", "Measure again")
    assert "Measured with ONNX Runtime Web 1.30.0, WebAssembly, one thread." in root.inner_text()
    assert "This device: the separable block has 7.9 times fewer" in root.locator(".mn-result").inner_text()

    page.context.set_offline(True)
    before = root.locator("textarea").input_value()
    start(page, "latency-lab", "Measure again")
    text = root.locator("textarea").input_value()
    assert text != before
    rows = [line.split("\t") for line in text.splitlines()[-7:]]
    shown = root.locator(".mn-lab-row:not(.mn-lab-heads) .mn-lab-yours").all_inner_texts()
    for (median, low, high, macs, label), entry, ms in zip(rows, LatencyLab().entries, shown, strict=True):
        assert (int(macs), label) == (entry["macs"], entry["label"])
        assert 0 < float(low) <= float(median) <= float(high)
        assert float(ms.removesuffix("\N{NO-BREAK SPACE}ms")) == pytest.approx(float(median), rel=0.02)
    root.get_by_role("button", name="Copy the result").click()
    root.get_by_text("Copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == text
    root.get_by_role("button", name="Show as table").click()
    page.evaluate(AXE)
    assert violations(page, {"rules": {"region": {"enabled": False}}}) == []
    page.set_viewport_size({"width": 375, "height": 800})
    assert too_wide(page) == []
    assert visited.errors == [] and visited.foreign == []


def test_lab_says_what_it_is_doing_and_can_be_cancelled(visit, address):
    page = visit(address).page
    root = root_of(page, "latency-lab")
    root.locator(".mn-start").click()
    said = root.locator(".mn-starter [role=status]")
    cancel = root.get_by_role("button", name="Cancel")
    said.get_by_text("Measuring, each in its turn").wait_for(timeout=LONG)
    assert root.get_by_role("progressbar", name="Progress").is_visible()
    cancel.click()
    root.get_by_text("Cancelled").wait_for()
    assert not root.get_by_role("progressbar").is_visible()
    assert not root.locator("textarea").is_visible()
    assert root.get_by_role("button", name="Measure on this device").is_visible()


def test_download_can_be_cancelled_and_taken_up_again(visit, address):
    page = visit(address).page
    root = root_of(page, "latency-lab")
    held = []
    page.route("**/*.wasm.gz", lambda route: held.append(route))
    root.locator(".mn-start").click()
    for _ in range(100):
        if held:
            break
        page.wait_for_timeout(50)
    root.get_by_role("button", name="Cancel").click()
    root.get_by_text("Cancelled.").wait_for()
    held[0].abort()
    page.unroute("**/*.wasm.gz")
    start(page, "latency-lab", "Measure again")


def test_what_is_missing_on_the_server_is_named_and_can_be_tried_again(visit, address):
    page = visit(address).page
    root = root_of(page, "latency-lab")
    page.route("**/lab-separable.onnx", lambda route: route.fulfill(status=404))
    root.locator(".mn-start").click()
    root.get_by_role("button", name="Try again").wait_for(timeout=LONG)
    assert "the server answers 404" in root.inner_text() and "lab-separable.onnx" in root.inner_text()
    page.unroute("**/lab-separable.onnx")
    start(page, "latency-lab", "Measure again")


def test_page_from_the_disk_says_how_to_serve_it(visit, folder):
    visited = visit((folder / "index.html").as_uri())
    root = root_of(visited.page, "latency-lab")
    for words in ("opened from the disk", "make serve", "python -m http.server 8000", "http://127.0.0.1:8000"):
        assert words in root.inner_text()
    assert not root.locator(".mn-start").is_visible()
    # What was computed before still shows.
    assert "The book’s machine: the separable block" in visited.page.locator(".mn-result").first.inner_text()
    assert visited.errors == []


def test_browser_without_webassembly_is_told_so(browser, address):
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script("delete globalThis.WebAssembly")
    page.goto(address)
    assert "This browser has no WebAssembly" in root_of(page, "latency-lab").inner_text()
    context.close()


def test_policy_that_forbids_webassembly_is_named(visit, folder, serving):
    with serving(folder, {"Content-Security-Policy": "default-src 'self'; img-src 'self' data:"}) as served:
        page = visit(served + "index.html").page
        root = root_of(page, "latency-lab")
        root.locator(".mn-start").click()
        root.get_by_role("button", name="Try again").wait_for(timeout=LONG)
        assert "'wasm-unsafe-eval'" in root.inner_text()


def test_settings_stand_in_the_address(visit, address):
    page = visit(address + "#latency-lab?shown=networks&beside=ONNX Runtime").page
    lab = root_of(page, "latency-lab")
    assert lab.get_by_role("radio", name="networks").is_checked()
    assert lab.get_by_role("radio", name="Python").is_checked()
    assert lab.locator(".mn-lab-row:visible").count() == 1 + 3
