"""The latency lab: what is timed costs what is said, the files hold those networks, and the kernel answers."""

from __future__ import annotations

import json
import random
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import traitlets
from drawn import words
from node import esm, javascript

from mobilenet_lib import cost, measure, published, shipping
from mobilenet_lib.explorables import export, latency_lab, runtime
from mobilenet_lib.explorables.latency_lab import LatencyLab
from mobilenet_lib.explorables.runtime import DATA


def milliseconds(ms: float) -> str:
    """Write a time with three digits."""
    decimals = 3 if ms < 0.0995 else 2 if ms < 9.995 else 1 if ms < 99.95 else 0
    return f"{ms:.{decimals}f}\N{NO-BREAK SPACE}ms"


def axis_around(times: list[float]) -> tuple[float, float]:
    """Return where the axis of milliseconds starts and ends: at a step, 1, 2, 5, 10, ..., with room below and above."""
    steps = [step * 10.0**power for power in range(-4, 6) for step in (1, 2, 5)]
    return max(s for s in steps if s <= min(times) / 1.15), min(s for s in steps if s >= max(times) * 1.15)


ROOT = Path(__file__).parents[2]
TIMED = latency_lab.timed()


@pytest.fixture(scope="module")
def modules() -> dict[str, torch.nn.Module]:
    return latency_lab.modules()


def test_closed_forms_equal_fvcore_on_the_modules_that_are_timed(modules):
    assert list(modules) == list(TIMED)
    for name, entry in TIMED.items():
        assert entry.copies * cost.total(entry.layers).macs == measure.macs(modules[name], entry.shape), name
        assert entry.copies * cost.total(entry.layers).params == measure.params(modules[name]), name


def conv_macs(file: str) -> int:
    """Count the MACs of an ONNX file from its own operations and shapes."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(DATA / file), data_prop=True).graph
    shapes = {value.name: [size.dim_value for size in value.type.tensor_type.shape.dim] for value in graph.value_info}
    shapes |= {value.name: [size.dim_value for size in value.type.tensor_type.shape.dim] for value in graph.output}
    shapes |= {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    sizes = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    filled = {node.output[0]: sizes[node.input[0]].tolist() for node in graph.node if node.op_type == "ConstantOfShape"}
    total = 0
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm", "MatMul"):
            weights, output = (shapes | filled)[node.input[1]], shapes[node.output[0]]
            total += int(np.prod(weights)) * int(np.prod(output[2:]))  # for a linear layer the product of nothing: 1
    return total


@pytest.mark.parametrize("name", TIMED)
def test_the_file_of_a_network_holds_that_network(name):
    entry = TIMED[name]
    assert conv_macs(latency_lab.file_of(name)) == entry.copies * cost.total(entry.layers).macs
    assert LatencyLab().files[latency_lab.file_of(name)] == (DATA / latency_lab.file_of(name)).stat().st_size


def skeleton(model: bytes) -> list:
    """Return an ONNX model's operations and constants, without the names, which depend on torch's version."""
    graph = onnx.load_model_from_string(model).graph
    operations = [(node.op_type, [str(each) for each in node.attribute]) for node in graph.node]
    return [operations, sorted(onnx.numpy_helper.to_array(tensor).tolist().__repr__() for tensor in graph.initializer)]


@pytest.mark.parametrize("name", ["standard", "thin"])
def test_the_files_are_current(modules, name):
    """If this fails: python -m mobilenet_lib.explorables.export"""
    made = export.with_equal_weights(shipping.to_onnx(modules[name], TIMED[name].shape))
    assert skeleton(made) == skeleton((DATA / latency_lab.file_of(name)).read_bytes())


def test_equal_weights_change_nothing_but_the_weights(modules):
    """The same file, and PyTorch with those weights, give the same numbers: none of them is too large or lost."""
    block = modules["thin"]
    model = shipping.OnnxNetwork((DATA / latency_lab.file_of("thin")).read_bytes())
    folded = shipping.fold(block)
    for conv in (part for part in folded.modules() if isinstance(part, torch.nn.Conv2d)):
        torch.nn.init.constant_(conv.weight, (2 / conv.weight[0].numel()) ** 0.5)
        torch.nn.init.zeros_(conv.bias)
    image = torch.rand(2, 24, 56, 56)
    with torch.inference_mode():
        expected = folded(image)
    assert expected.abs().max() > 1
    torch.testing.assert_close(model(image), expected, rtol=1e-4, atol=1e-4)


def test_the_two_mobilenets_were_published_with_the_same_accuracy():
    found = []
    for page, accuracy, network in (
        ("tf_slim_mobilenet_v1", "top1_float", latency_lab.V1),
        ("tf_slim_mobilenet_v2", "top1", latency_lab.V2),
    ):
        size = network["width_mult"], network["resolution"]
        rows = published.table(page, "checkpoints").rows
        found += [row[accuracy] for row in rows if (row["alpha"], row["resolution"]) == size]
    assert len(found) == 2 and found[0] == found[1]


def test_what_the_note_says_of_the_blocks_is_true():
    macs = {name: cost.total(entry.layers).macs for name, entry in TIMED.items()}
    assert max(("standard", "separable", "inverted"), key=macs.get) == "inverted"
    for name in ("standard", "separable", "inverted"):
        assert TIMED[name].layers[0].in_channels == TIMED[name].layers[-1].out_channels == 64

    def shape(layer: cost.Layer) -> tuple:
        return layer.in_channels, layer.out_channels, layer.in_size, layer.stride

    assert set(map(shape, TIMED["thin"].layers)) <= set(map(shape, cost.mobilenet_v2_layers()))
    twin, v1 = TIMED["twin"].layers, TIMED["v1"].layers
    assert (twin[0], twin[-1]) == (v1[0], v1[-1]) and len(twin) == 15 and len(v1) == 28


def test_the_books_own_results_are_complete_and_say_how_to_measure_them():
    stored = json.loads(latency_lab.RESULTS.read_text("utf8"))
    script = stored["command"].split()[1]
    assert (ROOT / script).is_file()
    for found in stored["results"].values():
        assert list(found["quartiles"]) == list(TIMED)
        assert all(0 < low <= median <= high for low, median, high in found["quartiles"].values())
        assert found["runtime"].endswith("one thread") and found["machine"]
        # What the chapter teaches holds on the book's own machine.
        own = {name: median for name, (_, median, _) in found["quartiles"].items()}
        assert own["separable"] < own["standard"] < own["inverted"] and own["thin"] < own["standard"]
        saved = TIMED["standard"].layers[0].macs / cost.total(TIMED["separable"].layers).macs
        assert 1 < own["standard"] / own["separable"] < saved


# --- the page's words and numbers


def test_quartiles_are_those_of_numpy():
    rng = random.Random(1)
    cases = [[rng.lognormvariate(0, 1) for _ in range(length)] for length in (1, 2, 3, 4, 7, 15, 16)]
    for case, found in zip(cases, javascript(esm(LatencyLab), "quartilesOf", [[case] for case in cases]), strict=True):
        assert found == pytest.approx(np.quantile(case, [0.25, 0.5, 0.75]).tolist())


def test_times_and_axes_are_written_alike_in_python_and_javascript():
    times = [10 ** (i / 17) for i in range(-50, 60)]
    written = javascript(esm(LatencyLab), "milliseconds", [[ms] for ms in times])
    assert written == [milliseconds(ms) for ms in times]
    pairs = [[ms, 2.6 * ms] for ms in times]
    axes = javascript(esm(LatencyLab), "axisAround", [[pair] for pair in pairs])
    assert [tuple(axis) for axis in axes] == [axis_around(pair) for pair in pairs]


def test_the_sentence_is_true_whatever_was_measured():
    rng, lab = random.Random(2), LatencyLab()
    medians = [{name: rng.lognormvariate(1, 1) for name in TIMED} for _ in range(200)]
    cases = [["Here", lab.entries, each] for each in medians]
    macs = {name: cost.total(entry.layers).macs for name, entry in TIMED.items()}
    for own, sentence in zip(medians, javascript(esm(LatencyLab), "latencySentence", cases), strict=True):
        said = re.findall(r"([\d.]+) times fewer .*? and is (?:([\d.]+) times (faster|slower)|about as fast)", sentence)
        for (fewer, times, how), (a, b) in zip(said, [("standard", "separable"), ("v1", "v2")], strict=True):
            assert float(fewer) == pytest.approx(macs[a] / macs[b], abs=0.05)
            ratio = own[a] / own[b]
            if not how:
                assert 0.95 < ratio < 1.0527
            else:
                assert float(times) == pytest.approx(ratio if how == "faster" else 1 / ratio, rel=0.03, abs=0.5)
                assert (how == "faster") == (ratio > 1)


def test_the_announced_download_is_what_the_files_weigh():
    vendored = ROOT / "book" / "vendor" / "onnxruntime-web"
    size = sum(file.stat().st_size for file in vendored.iterdir() if file.name != "LICENSE")
    assert javascript(esm(LatencyLab), "() => RUNTIME_BYTES", [[]]) == [size]
    assert "1.30.0" in (vendored / "ort.wasm.bundle.min.js").read_text("utf8")[:100]
    assert "| 1.30.0 |" in (ROOT / "book" / "vendor" / "README.md").read_text("utf8")


# --- in a notebook


def ask(lab: LatencyLab, **question) -> dict:
    """Ask as the page does, through the synced traits."""
    lab.question = {"id": f"x-{random.random()}", **question}
    assert lab.answer["id"] == lab.question["id"]
    return lab.answer


def test_the_kernel_times_a_network_and_says_with_what():
    lab = LatencyLab()
    assert 0 < ask(lab, do="start")["value"]["clock"] < 1
    opened = ask(lab, do="open", name="separable", shape=[1, 64, 56, 56], url="http://x/")
    assert opened["value"]["runtime"].startswith("ONNX Runtime ")
    one, five = (ask(lab, do="time", name="separable", runs=runs)["value"]["ms"] for runs in (1, 5))
    assert 0 < one and 0 < five


def test_without_onnx_runtime_pytorch_is_timed(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    lab = LatencyLab()
    assert ask(lab, do="open", name="v2", shape=[1, 3, 96, 96])["value"]["runtime"].startswith("PyTorch ")
    threads = torch.get_num_threads()
    assert ask(lab, do="time", name="v2", runs=1)["value"]["ms"] > 0
    assert torch.get_num_threads() == threads


def test_a_notebook_that_carries_the_library_without_the_files_does_with_pytorch(monkeypatch, tmp_path):
    for module in (runtime, latency_lab):
        monkeypatch.setattr(module, "DATA", tmp_path)
    lab = LatencyLab()
    assert set(lab.files.values()) == {0}
    assert ask(lab, do="open", name="thin", shape=[1, 24, 56, 56])["value"]["runtime"].startswith("PyTorch ")


def test_what_goes_wrong_in_the_kernel_reaches_the_page():
    assert "never" in ask(LatencyLab(), do="time", name="never")["error"]


@pytest.mark.parametrize(("setting", "value"), [("shown", "all"), ("beside", "Firefox"), ("beside", 1)])
def test_a_choice_that_is_none_is_refused(setting, value):
    with pytest.raises(traitlets.TraitError, match=f"{setting} must be one of"):
        LatencyLab(**{setting: value})


@pytest.mark.parametrize("state", [{}, {"shown": "blocks"}, {"shown": "networks", "beside": "ONNX Runtime"}])
def test_the_static_form_carries_the_numbers_of_its_state(state):
    lab = LatencyLab(**state)
    text = words(lab)
    shown = [entry for entry in lab.entries if state.get("shown", entry["group"]) == entry["group"]]
    assert len(shown) == {"blocks": 4, "networks": 3}.get(lab.shown, 7)
    for entry in shown:
        median = lab.results[lab.beside]["quartiles"][entry["name"]][1]
        assert entry["label"] in text and milliseconds(median) in text
