"""What the trained network costs in a page: bytes, milliseconds a picture, how long the first answer takes, and how
long the page's own thread is busy meanwhile.

`make bench` prints the rows. Natively the same file runs in ONNX Runtime, and the network in float32 in PyTorch.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "site"), str(ROOT / "book" / "ext")]

from browser import chromium, serve  # noqa: E402
from one_page import write_page  # noqa: E402
from PIL import Image  # noqa: E402
from report import kept, machine, median, table, verdict  # noqa: E402
from tasks import PAGE, traced  # noqa: E402

from mobilenet_lib import page_model, pretrained, shipping  # noqa: E402
from mobilenet_lib.explorables.what_it_sees import FILE, SIDE, SMALL, WhatItSees  # noqa: E402
from mobilenet_lib.topics._command import DATA  # noqa: E402

RUNS, WARM, VISITS = 25, 25, 3
LARGEST_FILE, LONGEST = 3_500_000, 60  # bytes, ms for one picture of 224 pixels
LONGEST_TASK = 50  # ms of the page's thread, for which a finger waits
# The worker of a page, asked as the figure asks it; a photograph of the gallery is decoded and resized each time.
TIMES = """async ([file, sides, warm, runs]) => {
  const worker = new Worker(new URL("worker.js", explorables.folder), { type: "module" });
  const ask = (question) => new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.news ? 0 : data.error ? reject(data.error) : resolve(data.value));
    worker.postMessage({ id: 1, name: "mobilenet", ...question });
  });
  const url = (name) => new URL(name, explorables.folder).href;
  await ask({ do: "start" });
  await ask({ do: "open", url: url(file), shape: [1, 3, 224, 224] });
  const picture = await (await fetch(url("gallery/china.webp"))).blob();
  const found = {};
  for (const side of sides) {
    found[side] = [];
    for (let i = 0; i < warm + runs; i++) {
      const start = performance.now();
      const { ms } = await ask({ do: "see", picture, side });
      if (i >= warm) found[side].push([ms, performance.now() - start]);
    }
  }
  worker.terminate();
  return found;
}"""


def main() -> int:
    """Measure, print, and say whether the budgets were kept."""
    size = (DATA / FILE).stat().st_size
    rows = [["the file, bytes as they travel", f"{size:,}", kept(size, LARGEST_FILE, "bytes of the file")]]
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        write_page(Path(folder), [WhatItSees()])
        large = Path(folder, "large.jpg")
        Image.new("RGB", (4000, 3000), (90, 120, 40)).save(large)
        with serve(Path(folder)) as address:
            first, tasks = [], []
            for _ in range(VISITS):
                page = browser.new_context().new_page()  # its cache is cold
                page.goto(address + "index.html")
                page.wait_for_load_state("networkidle")
                start = time.perf_counter()
                page.locator(".mn-start").click()
                page.locator(".mn-see-look input[type=range]").wait_for(timeout=120_000)  # with the first answer
                first.append(1000 * (time.perf_counter() - start))
                page.get_by_text("Ready: ONNX Runtime Web").wait_for(timeout=120_000)
                with traced(browser, page) as each:
                    page.locator("input[type=file]").set_input_files(large)
                    page.get_by_text("Looking …").wait_for(state="hidden", timeout=120_000)
                tasks.append(max(each[PAGE]))
                page.context.close()
            page = browser.new_page()
            page.goto(address + "index.html")
            times = page.evaluate(TIMES, [FILE, [SIDE, SMALL], WARM, RUNS])
    for side in (SIDE, SMALL):
        network, whole = (list(each) for each in zip(*times[str(side)], strict=True))
        budget = kept(median(network), LONGEST, f"ms in wasm, {side} px", min(network)) if side == SIDE else ""
        rows.append([f"wasm, {side} px, the network", f"{median(network):.1f} ms", budget])
        rows.append([f"wasm, {side} px, from file to answer", f"{median(whole):.1f} ms", ""])
    rows.append([f"first press to first answer, median of {VISITS}", f"{median(first) / 1000:.1f} s", ""])
    budget = kept(median(tasks), LONGEST_TASK, "ms of the page's longest task", min(tasks))
    rows.append(["the page's longest task, a picture of 12 megapixels", f"{median(tasks):.1f} ms", budget])
    x = torch.randn(1, 3, SIDE, SIDE)
    torch.set_num_threads(1)
    native = shipping.OnnxNetwork(page_model.stored())
    exact = pretrained.from_torchvision()
    with torch.inference_mode():
        same = timed(lambda: native.session.run(["output"], {native.input: x.numpy()}))
        rows.append(["ONNX Runtime, the same file", f"{same:.1f} ms", ""])
        rows.append(["PyTorch, float32", f"{timed(lambda: exact(x)):.1f} ms", ""])
    note = f"One thread, one picture, medians of {RUNS} runs. {machine()}."
    table("The trained network in a page", note, ["what", "measured", "within budget"], rows)
    return verdict()


def timed(call: Callable[[], object]) -> float:
    """Return the median milliseconds of a call."""
    times = []
    for i in range(WARM + RUNS):
        start = time.perf_counter()
        call()
        if i >= WARM:
            times.append(1000 * (time.perf_counter() - start))
    return median(times)


if __name__ == "__main__":
    sys.exit(main())
