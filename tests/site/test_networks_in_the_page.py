"""Networks that run in a page: nothing is downloaded before the reader asks, and then everything works offline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from one_page import write_page
from opened import AXE, Visit, too_wide, violations
from playwright.sync_api import Page

from mobilenet_lib import training
from mobilenet_lib.explorables import digit_canvas
from mobilenet_lib.explorables.digit_canvas import READERS, DigitCanvas
from mobilenet_lib.explorables.latency_lab import LatencyLab

POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:"
PHONE = {"viewport": {"width": 375, "height": 800}, "has_touch": True, "is_mobile": True}
LONG = 60_000  # ms, on a busy machine
TURNS = 3  # in which the lab times each network where nobody cancels it, and not fifteen: one is as long as the other
ROUNDS = "const ROUNDS = 15;"
FIRST = 12  # images of each digit that are drawn
# Play a reader who draws images pixel by pixel: onto the empty paper, and then the pen is lifted. Returns the answers.
DRAW = """async text => {
  const images = JSON.parse(text); // Playwright would give each of the numbers a box of its own
  const root = document.querySelector('[data-explorable="digit-canvas"]');
  const paper = root.querySelector(".mn-paper"), results = root.querySelector(".mn-readers");
  const clear = [...root.querySelectorAll("button")].find(button => button.textContent === "Clear");
  const context = paper.getContext("2d"), answers = [];
  const unit = paper.width / 28;
  for (const image of images) {
    clear.click();
    image.forEach((value, i) => {
      context.fillStyle = `rgb(${value} ${value} ${value})`;
      if (value) context.fillRect(unit * (i % 28), unit * Math.floor(i / 28), unit, unit);
    });
    paper.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
    while (results.ariaBusy === "true") await new Promise(resume => setTimeout(resume));
    answers.push([...root.querySelectorAll(".mn-said")].map(answer => Number(answer.textContent)));
  }
  return answers;
}"""
GREYS = "maps => new Set(maps.getContext('2d').getImageData(0, 0, maps.width, maps.height).data).size"
# Ask a worker of one's own, as the page does.
ASK = """async text => {
  const questions = JSON.parse(text);
  const worker = new Worker(new URL("worker.js", explorables.folder), { type: "module" });
  const answers = [];
  for (const question of questions) {
    if (question.url) question.url = new URL(question.url, explorables.folder).href;
    answers.push(await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => (data.news ? 0 : data.error ? reject(data.error) : resolve(data.value));
      worker.postMessage({ id: 1, ...question });
    }));
  }
  worker.terminate();
  return JSON.stringify(answers.filter(answer => "output" in answer)); // as text, for the same reason
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return the folder of a page with both figures."""
    place = tmp_path_factory.mktemp("page")
    write_page(place, [LatencyLab(), DigitCanvas()])
    return place


@pytest.fixture(scope="module")
def address(folder, serving) -> Iterator[str]:
    """Return the address of that page, under the strictest policy that allows WebAssembly."""
    with serving(folder, {"Content-Security-Policy": POLICY}) as served:
        yield served + "index.html"


class Begun(NamedTuple):
    """A visit up to the moment when the digits' networks are loaded, and what the figure said on the way."""

    visited: Visit
    cancelled: str
    missing: str


@pytest.fixture(scope="module")
def begun(browser, address) -> Iterator[Begun]:
    """Cancel the download, take it up again while a file is missing, and then load the networks."""
    context = browser.new_context()
    context.set_default_timeout(LONG)
    visited = Visit(context.new_page())
    visited.begin(address)
    page = visited.page
    root, held = root_of(page, "digit-canvas"), []
    page.route("**/*.wasm.gz", lambda route: held.append(route))
    with page.expect_request("**/*.wasm.gz"):
        root.locator(".mn-start").click()
    root.get_by_role("button", name="Cancel").click()
    root.get_by_text("Cancelled.").wait_for()
    cancelled = root.inner_text()
    while not held:
        page.wait_for_timeout(50)
    held[0].abort()
    page.unroute("**/*.wasm.gz")
    page.route("**/digit-separable.onnx", lambda route: route.fulfill(status=404))
    root.locator(".mn-start").click()
    root.get_by_role("button", name="Try again").wait_for()
    missing = root.inner_text()
    page.unroute("**/digit-separable.onnx")
    start(page, "digit-canvas", "Time them again")
    yield Begun(visited, cancelled, missing)
    context.close()


@pytest.fixture
def loaded(begun) -> Visit:
    """Return that page as its reader begins, with the networks loaded: once for all tests that may share it."""
    begun.visited.errors.clear()
    root_of(begun.visited.page, "digit-canvas").get_by_role("button", name="Reset").click()
    return begun.visited


def root_of(page: Page, name: str):
    return page.locator(f'[data-explorable="{name}"].mn-live')


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


def test_lab_measures_offline_after_its_download_and_gives_its_result_as_text(visit, address, folder):
    visited = visit("about:blank", permissions=["clipboard-read", "clipboard-write"])
    page, root = visited.page, root_of(visited.page, "latency-lab")
    script = (folder / "_static" / "explorables" / "latency-lab.js").read_text(encoding="utf8")
    assert script.count(ROUNDS) == 1
    fewer = script.replace(ROUNDS, f"const ROUNDS = {TURNS};")
    page.route("**/latency-lab.js", lambda route: route.fulfill(body=fewer, content_type="text/javascript"))
    asked = requests_of(page)
    visited.begin(address)
    page.unroute_all()
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
    assert text != before and f"median and quartiles of {TURNS} turns" in text
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
    lab = "article => article.querySelector('[data-explorable=latency-lab]')"
    assert violations(page, {"rules": {"region": {"enabled": False}}}, lab) == []
    page.set_viewport_size({"width": 375, "height": 800})
    assert too_wide(page) == []
    assert visited.errors == [] and visited.foreign == []


def test_lab_says_what_it_is_doing_and_can_be_cancelled(loaded):
    root = root_of(loaded.page, "latency-lab")
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


def test_download_can_be_cancelled_and_taken_up_again(begun):
    assert "Cancelled." in begun.cancelled
    assert root_of(begun.visited.page, "digit-canvas").get_by_role("button", name="Time them again").is_visible()


def test_what_is_missing_on_the_server_is_named_and_can_be_tried_again(begun):
    assert "the server answers 404" in begun.missing and "digit-separable.onnx" in begun.missing


def test_page_from_the_disk_says_how_to_serve_it(visit, folder):
    visited = visit((folder / "index.html").as_uri())
    for name in ("latency-lab", "digit-canvas"):
        root = root_of(visited.page, name)
        for words in ("opened from the disk", "make serve", "python -m http.server 8000", "http://127.0.0.1:8000"):
            assert words in root.inner_text()
        assert not root.locator(".mn-start").is_visible()
    # What was computed before still shows.
    assert "The book’s machine: the separable block" in visited.page.locator(".mn-result").first.inner_text()
    root.get_by_role("button", name="Example 7", exact=True).click()
    assert root.locator(".mn-said").first.inner_text() in "0123456789"
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


def test_page_computes_what_pytorch_computes(loaded):
    images, canvas = training.digits("test")[0][:3], DigitCanvas()
    questions: list[dict] = [{"do": "start"}]
    expected = []
    for name, reader in READERS.items():
        questions.append({"do": "open", "name": name, "url": digit_canvas.file_of(name), "shape": digit_canvas.SHAPE})
        for image in images:
            questions.append({"do": "run", "name": name, "values": image.flatten().tolist()})
            with torch.inference_mode():
                outputs = canvas.outputs(name, training.trained(name), image[None])
            expected.append((reader.part, outputs))
    answers = json.loads(loaded.page.evaluate(ASK, json.dumps(questions)))
    for answer, (part, outputs) in zip(answers, expected, strict=True):
        torch.testing.assert_close(torch.tensor(answer["output"]), outputs["output"][0], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(torch.tensor(answer[part]), outputs[part].flatten(), rtol=1e-4, atol=1e-4)


def test_digits_of_the_test_set_are_read_in_the_page_as_well_as_the_chapter_says(loaded):
    images, labels = training.digits("test")
    chosen = torch.cat([(labels == digit).nonzero()[:FIRST, 0] for digit in range(10)])
    loaded.page.context.set_offline(True)
    answers = loaded.page.evaluate(DRAW, json.dumps((255 * images[chosen]).round().int().flatten(1).tolist()))
    loaded.page.context.set_offline(False)
    stored = json.loads(digit_canvas.EXAMPLES.read_text("utf8"))["accuracy"]
    for i, name in enumerate(READERS):
        with torch.inference_mode():
            direct = training.trained(name)(images[chosen]).argmax(dim=1)
        read = torch.tensor([answer[i] for answer in answers])
        assert (read != direct).sum() <= 1, name  # through scaling and shifting there and back
        accuracy = 100 * (read == labels[chosen]).float().mean().item()
        # The chapter's number is of 1,000 images: within four standard errors of these 120.
        share = stored[name] / 100
        assert accuracy == pytest.approx(stored[name], abs=100 * 4 * (share * (1 - share) / len(chosen)) ** 0.5)
    assert loaded.errors == []


def answers_of(page: Page) -> list[str]:
    root = root_of(page, "digit-canvas")
    root.locator('.mn-readers[aria-busy="false"]').wait_for()
    return root.locator(".mn-said").all_inner_texts()


def test_a_one_can_be_drawn_from_the_keyboard(loaded):
    page = loaded.page
    root = root_of(page, "digit-canvas")
    root.get_by_role("button", name="Clear").click()
    root.get_by_text("The paper is empty.").first.wait_for()
    page.keyboard.press("Shift+Tab")  # back to the paper
    paper = root.get_by_role("application")
    assert paper.evaluate("paper => paper === document.activeElement")
    assert root.locator(".mn-pen").is_visible()
    page.keyboard.press("ArrowDown")
    assert answers_of(page) == ["?"] * 3  # the pen is up
    page.keyboard.press("Space")
    for _ in range(17):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    assert answers_of(page) == ["1"] * 3
    assert root.get_by_text("pen up").count()
    page.keyboard.press("ArrowDown")  # moves the pen alone
    assert answers_of(page) == ["1"] * 3


def test_a_seven_can_be_drawn_with_a_finger_and_maps_show_on_a_phone(visit, address):
    page = visit(address, **PHONE).page
    start(page, "digit-canvas", "Time them again")
    root = root_of(page, "digit-canvas")
    paper = root.get_by_role("application")
    paper.scroll_into_view_if_needed()
    box, scrolled = paper.bounding_box(), page.evaluate("scrollY")
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": box["x"] + box["width"] * x, "y": box["y"] + box["height"] * y} for x, y in places]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (0.3, 0.2))
    for i in range(1, 11):
        touch("touchMove", (0.3 + 0.04 * i, 0.2))
    for i in range(1, 13):
        touch("touchMove", (0.7 - 0.02 * i, 0.2 + 0.05 * i))
    touch("touchEnd")
    root.get_by_text("All three say 7").first.wait_for()
    assert page.evaluate("scrollY") == scrolled
    assert too_wide(page) == []
    for name, count in (("standard", 11), ("separable", 30), ("inverted", 48)):
        root.get_by_role("radio", name=name).check(force=True)
        maps = root.locator(".mn-maps")
        assert maps.is_visible() and f"The {count} maps" in maps.get_attribute("aria-label")
        greys = maps.evaluate(GREYS)
        assert greys > 20, name


def test_examples_are_read_at_once_and_reset_brings_the_first_back(tabs, address):
    page = tabs(address).page
    root = root_of(page, "digit-canvas")
    first = root.inner_text()
    examples, buttons = DigitCanvas().examples, root.locator(".mn-example")
    assert buttons.count() == len(examples) == 15
    for example, button in zip(examples, buttons.all(), strict=True):
        assert button.get_attribute("aria-label") == f"{'Hard e' if example['hard'] else 'E'}xample {example['label']}"
        button.click()
        said = [max(range(10), key=shares.__getitem__) for shares in example["shares"].values()]
        assert answers_of(page) == [str(digit) for digit in said]
    root.get_by_role("button", name="Reset").click()
    # Not at once: what a screen reader is told follows after a rest.
    handle = root.element_handle()
    page.wait_for_function("([root, text]) => root.innerText === text", arg=[handle, first])
    root.get_by_role("button", name="Clear").click()
    assert answers_of(page) == ["?"] * 3


def test_figures_are_accessible_and_fit_a_phone(tabs, address, loaded):
    """Before and after loading: axe-core finds nothing, in light and dark, and nothing scrolls sideways."""
    page = loaded.page
    for button in page.get_by_role("button", name="Show as table").all():
        button.click()
    for each in (tabs(address).page, page):
        each.evaluate(AXE)
        for scheme in ("light", "dark"):
            each.evaluate("scheme => { document.documentElement.dataset.theme = scheme; }", scheme)
            assert violations(each, {"rules": {"region": {"enabled": False}}}) == []
    page.set_viewport_size({"width": 375, "height": 800})
    assert too_wide(page) == []
    table = root_of(page, "digit-canvas").locator("table").inner_text()
    assert table.count("%") == 30


def test_settings_stand_in_the_address(tabs, address):
    page = tabs(address + "#digit-canvas?network=inverted").page
    assert root_of(page, "digit-canvas").get_by_role("radio", name="inverted").is_checked()
    page = tabs(address + "#latency-lab?shown=networks&beside=ONNX Runtime").page
    lab = root_of(page, "latency-lab")
    assert lab.get_by_role("radio", name="networks").is_checked()
    assert lab.get_by_role("radio", name="Python").is_checked()
    assert lab.locator(".mn-lab-row:visible").count() == 1 + 3
