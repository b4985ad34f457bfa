"""How long the trained MobileNetV2 takes in float32 and in eight bits, in a browser and in ONNX Runtime beside it.

With ``--write`` they become the times that the chapter on shipping quotes: ``python benchmarks/eight_bits.py --write``.
The two networks take turns, and the quickest of many turns counts: other programs can only make a turn longer.
"""

from __future__ import annotations

import json
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "site")]

import torch  # noqa: E402
from browser import chromium, serve  # noqa: E402
from in_the_page import processor  # noqa: E402
from report import machine, table  # noqa: E402

from mobilenet_lib import compare, photographs, preparing, pretrained, shipping  # noqa: E402

RESULTS = ROOT / "mobilenet_lib" / "data" / "eight_bits.json"
SHAPE, TURNS = (1, 3, 224, 224), 41
PAGE = """<!doctype html><title>Eight bits</title><script type="module">
import * as ort from "./onnxruntime-web/ort.wasm.bundle.min.js";
const fetched = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmBinary = (await fetched("./ort.wasm")).buffer;
const sessions = {};
for (const name of ["float32", "int8"]) {
  sessions[name] = await ort.InferenceSession.create(await fetched(`./${name}.onnx`));
}
const pixels = Float32Array.from({ length: 3 * 224 * 224 }, (_, i) => (i % 97) / 97);
const feed = new ort.Tensor("float32", pixels, [1, 3, 224, 224]);
globalThis.time = async (name) => {
  const start = performance.now();
  await sessions[name].run({ [sessions[name].inputNames[0]]: feed });
  return performance.now() - start;
};
</script>"""


def main(arguments: list[str]) -> None:
    """Measure, print, and write the results if that is asked for."""
    torch.set_num_threads(1)
    models = models_of()
    found: dict[str, Any] = {"native": in_python(models), "browser": in_the_browser(models)}
    note = f"ms for one image of 224 pixels, one thread, the quickest of {TURNS} turns. {machine()}."
    rows = [[where, *(f"{found[where][name]:.1f}" for name in models)] for where in found]
    table("MobileNetV2 in float32 and in eight bits", note, ["where", *models], rows)
    if "--write" in arguments:
        found["command"] = "python benchmarks/eight_bits.py --write"
        found["machine"] = f"{processor()}, {platform.system()}"
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf8")
        print(f"Written to {RESULTS.relative_to(ROOT)}.")


def models_of() -> dict[str, bytes]:
    """Return both networks as ONNX files; the second is calibrated on pieces of photographs."""
    folded = shipping.fold(pretrained.from_torchvision(weights="IMAGENET1K_V1"))
    pieces = compare.crops(photographs.pictures("coffee", "chelsea", "china", "hopper"), each=8, seed=11)
    model = shipping.to_onnx(folded, SHAPE)
    return {"float32": model, "int8": shipping.to_int8(model, preparing.prepared(pieces.pictures))}


def in_python(models: dict[str, bytes]) -> dict[str, float]:
    """Let both take turns in ONNX Runtime."""
    runs = {name: shipping.OnnxNetwork(model) for name, model in models.items()}
    x = (torch.arange(3 * 224 * 224) % 97 / 97).reshape(SHAPE)
    samples: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(TURNS):
        for name, run in runs.items():
            start = time.perf_counter()
            run(x)
            samples[name].append(1000 * (time.perf_counter() - start))
    return {name: round(min(times), 1) for name, times in samples.items()}


def in_the_browser(models: dict[str, bytes]) -> dict[str, float]:
    """Let both take turns in ONNX Runtime Web."""
    import gzip

    samples: dict[str, list[float]] = {name: [] for name in models}
    with tempfile.TemporaryDirectory() as place, chromium() as browser:
        folder, vendored = Path(place), ROOT / "book" / "vendor" / "onnxruntime-web"
        shutil.copytree(vendored, folder / "onnxruntime-web")
        binary = (vendored / "ort-wasm-simd-threaded.wasm.gz").read_bytes()
        (folder / "ort.wasm").write_bytes(gzip.decompress(binary))
        (folder / "index.html").write_text(PAGE, encoding="utf8")
        for name, model in models.items():
            (folder / f"{name}.onnx").write_bytes(model)
        with serve(folder) as address:
            page = browser.new_page()
            page.goto(address + "index.html")
            page.wait_for_function("() => globalThis.time !== undefined", timeout=120_000)
            for _ in range(TURNS):
                for name, times in samples.items():
                    times.append(page.evaluate("name => time(name)", name))
    return {name: round(min(times), 1) for name, times in samples.items()}


if __name__ == "__main__":
    main(sys.argv[1:])
