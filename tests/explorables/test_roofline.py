"""The roofline: its JavaScript equals `roofline`, `cost` and fvcore, and its words are true in every state."""

from __future__ import annotations

import itertools
import random
import re

import pytest
import traitlets
from drawn import drawn, words
from node import esm, javascript
from torch import nn

from mobilenet_lib import cost, measure, timing
from mobilenet_lib.explorables import kit
from mobilenet_lib.explorables.roofline import CHANNELS, Roofline
from mobilenet_lib.measure.roof import Roofline as Limits
from mobilenet_lib.measure.roof import intensity, traffic

KINDS = ("standard", "pointwise", "depthwise")
LEAST, MOST = 0.5, 2048  # the ends of the axis, in MACs for each byte

SIZES, BATCHES = [7, 14, 28, 56, 112], [1, 2, 4, 8, 16, 32, 64]
MACHINES = [{"peak": 123.4e9, "bandwidth": 19.8e9}, {"peak": 2e12, "bandwidth": 9e9}, {"peak": 1e9, "bandwidth": 4e9}]


@pytest.fixture(scope="module")
def computed() -> list[tuple[dict, dict, dict]]:
    """Return every state the sliders can reach, on three machines, with what the JavaScript computes for it."""
    grid = itertools.product(CHANNELS, SIZES, BATCHES)
    states = [dict(zip(("channels", "size", "batch"), values, strict=True)) for values in grid]
    cases = [[state, machine] for machine in MACHINES for state in states]
    return [(*case, found) for case, found in zip(cases, javascript(esm(Roofline), "layersOnRoof", cases), strict=True)]


def expected(state: dict) -> list[cost.Layer]:
    return Roofline(channels=state["channels"], size=state["size"]).layers()


@pytest.fixture(autouse=True)
def no_live_count(monkeypatch):
    """Leave the count of the widget to the tests that are about it."""
    monkeypatch.setattr(kit, "COUNTED_UP_TO", 30_000_000)


def test_the_sliders_cover_what_is_computed_here():
    ranges = Roofline().ranges
    assert [ranges[name]["values"] for name in ("channels", "size", "batch")] == [CHANNELS, SIZES, BATCHES]


def test_javascript_equals_the_closed_forms_in_every_state(computed):
    assert len(computed) == len(MACHINES) * len(CHANNELS) * len(SIZES) * len(BATCHES)
    rows = {}
    for state, machine, found in computed:
        limits = Limits(**machine)
        key = state["channels"], state["size"]
        rows[key] = rows.get(key) or expected(state)
        assert [layer["kind"] for layer in found["layers"]] == list(KINDS)
        assert found["ridge"] == pytest.approx(limits.ridge)
        for layer, row in zip(found["layers"], rows[key], strict=True):
            batch = state["batch"]
            assert layer["macs"] == row.macs and layer["moved"] == traffic(row, batch), (state, row)
            assert layer["intensity"] == pytest.approx(intensity(row, batch))
            assert layer["ms"] == pytest.approx(limits.ms(row, batch))
            assert layer["ceiling"] == pytest.approx(limits.ceiling(layer["intensity"]))
            assert layer["memory"] == (layer["intensity"] < limits.ridge)
            assert LEAST < layer["intensity"] < MOST  # every state stands on the axis


def test_javascript_equals_fvcore_on_real_layers(computed):
    small = [each for each in computed if each[2]["layers"][0]["macs"] < 60_000_000]
    for state, _, found in random.Random(5).sample(small, 15):
        for layer, row in zip(found["layers"], expected(state), strict=True):
            shape = state["batch"], state["channels"], state["size"], state["size"]
            assert measure.macs(timing.build(row), shape) == state["batch"] * layer["macs"], (state, row)


def test_the_depthwise_mark_hardly_moves_and_the_others_do(computed):
    found = [[layer["intensity"] for layer in each["layers"]] for _, _, each in computed]
    standard, pointwise, depthwise = zip(*found, strict=True)
    assert 1 < min(depthwise) and max(depthwise) < 9 / 8
    assert max(standard) / min(standard) > 100 and max(pointwise) / min(pointwise) > 50


def test_the_words_are_true_in_every_state(computed):
    sentences = javascript(esm(Roofline), "roofSentence", [[found] for _, _, found in computed])
    for (_, machine, found), sentence in zip(computed, sentences, strict=True):
        waiting = [layer["kind"] for layer in found["layers"] if layer["memory"]]
        said = re.search(r"this is so for (.*?)\. The", sentence)[1]
        if len(waiting) in (0, 3):
            assert said == {0: "none of the three", 3: "all three layers"}[len(waiting)]
        else:
            assert [kind for kind in KINDS if kind in said] == waiting
            assert said.endswith("layers" if len(waiting) == 2 else "layer")
        standard, _, depthwise = found["layers"]
        assert f"has {standard['macs'] // depthwise['macs']:,} times fewer MACs" in sentence
        number, direction = re.search(r"least time is ([\d.,]+) times (shorter|longer)", sentence).groups()
        ratio = standard["ms"] / depthwise["ms"]
        assert direction == "shorter" if ratio >= 1 else direction == "longer"
        assert float(number.replace(",", "")) == pytest.approx(max(ratio, 1 / ratio), rel=0.006)
        ridge = float(re.search(r"at ([\d.,]+) MACs per byte", sentence)[1].replace(",", ""))
        assert ridge == pytest.approx(machine["peak"] / machine["bandwidth"], rel=0.006)


def test_numbers_are_written_with_three_digits():
    assert javascript(esm(Roofline), "digits", [[0.04213], [3.2449], [118.04], [1152.3], [5]]) == [
        "0.0421", "3.24", "118", "1,152", "5",
    ]  # fmt: skip


def test_one_mac_per_byte_is_written_as_one():
    assert "at 1 MAC per byte" in words(Roofline(channels=8, size=112))
    assert javascript(esm(Roofline), "perByte", [[0.9996], [1.004], [1.1], [64]]) == [
        "1 MAC per byte", "1 MAC per byte", "1.1 MACs per byte", "64 MACs per byte",
    ]  # fmt: skip


def test_the_live_count_is_that_of_the_three_layers_for_one_image():
    layer = Roofline(channels=16, size=14, batch=8)
    assert layer.measured == {"key": "[16,14]", "macs": cost.total(layer.layers()).macs}
    layer.channels = 32
    assert layer.measured["macs"] == cost.total(layer.layers()).macs
    before = layer.measured
    layer.batch = 1
    assert layer.measured == before
    row = nn.Sequential(*(timing.build(each) for each in layer.layers()))
    assert measure.macs(row, (1, 32, 14, 14)) == layer.measured["macs"]


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("channels", 24, "channels must be one of 8, 16, 32"),
        ("size", True, "size must be one of 7, 14, 28, 56, 112, got True"),
        ("batch", 3, "batch must be one of 1, 2, 4"),
        ("peak", 0.0, "peak must be a finite number above 0, got 0"),
        ("bandwidth", float("inf"), "bandwidth must be a finite number above 0, got inf"),
    ],
)
def test_a_value_that_cannot_be_is_refused(setting, value, message):
    with pytest.raises(traitlets.TraitError, match=message):
        Roofline(**{setting: value})


@pytest.mark.parametrize("state", [{}, {"channels": 8, "size": 7}, {"channels": 1024, "size": 112, "batch": 64}])
@pytest.mark.parametrize("machine", MACHINES)
def test_the_static_form_carries_the_numbers_of_its_state(state, machine):
    layer = Roofline(**state, **machine)
    text = words(layer)
    for row in layer.layers():
        assert row.role in text
    for mark in re.finditer(r'<circle cx="([^"]+)" cy="([^"]+)"', drawn(layer).html):
        assert 0 < float(mark[1]) < 804 and 0 < float(mark[2]) < 276
    assert "NaN" not in text and "Infinity" not in text
