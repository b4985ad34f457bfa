"""Layers under the roof: times of real convolutions, shares of a whole, factors that multiply to the distance."""

from __future__ import annotations

import math

import pytest
import torch

from mobilenet_lib import cost, measure
from mobilenet_lib.measure import placing
from mobilenet_lib.measure import roof as roof_module
from mobilenet_lib.measure.placing import Timed
from mobilenet_lib.measure.roof import Roofline, intensity
from mobilenet_lib.measure.timing import Latency

LAYERS = cost.mobilenet_v2_layers()
ROOF = Roofline(peak=100e9, bandwidth=20e9, cache=60e9)


def took(ms: float, memory_format: str = "contiguous") -> Latency:
    return Latency(ms, 0.0, 10, 1, 1, memory_format, "cpu", "2.9")


def timed(layer: cost.Layer, contiguous: float, channels_last: float) -> Timed:
    return Timed(layer, took(contiguous), took(channels_last, "channels_last"))


TIMED = [timed(layer, 0.1 + 0.01 * i, 0.05 + 0.02 * i) for i, layer in enumerate(LAYERS)]


def test_each_layer_is_timed_in_both_formats_and_equal_ones_once(monkeypatch):
    asked = []

    def latencies(cases, *, threads, memory_format, seconds):
        asked.append(len(cases))
        return {name: took(module.weight.numel(), memory_format) for name, (module, _) in cases.items()}

    monkeypatch.setattr(placing, "latencies", latencies)
    found = measure.time_layers(LAYERS)
    assert [each.layer for each in found] == LAYERS
    assert [each.contiguous.median for each in found] == [layer.weights for layer in LAYERS]
    assert {each.channels_last.memory_format for each in found} == {"channels_last"}
    assert asked == [len({layer._replace(name="", role="") for layer in LAYERS})] * 2
    assert asked[0] < len(LAYERS)


def test_a_real_layer_takes_some_time_in_either_format():
    [each] = measure.time_layers(LAYERS[-3:-2], seconds=0.02)
    assert each.contiguous.median > 0 and each.channels_last.memory_format == "channels_last"
    assert each.best.median == min(each.contiguous.median, each.channels_last.median)
    assert each.rate(each.best) == pytest.approx(LAYERS[-3].macs / each.best.median * 1000)


def test_a_row_of_the_table_says_what_the_roof_allows_and_what_was_measured():
    for each, row in zip(TIMED, measure.placed(TIMED, ROOF), strict=True):
        computing, moving = each.layer.macs / 100e9, roof_module.traffic(each.layer) / 60e9
        assert row["least, ms"] == pytest.approx(1000 * max(computing, moving))
        assert row["best / least"] == pytest.approx(each.best.median / row["least, ms"])


def test_points_are_macs_per_byte_and_macs_a_second():
    found = measure.points(TIMED)
    assert len(found) == 2 * len(TIMED)
    first = TIMED[0]
    assert found["stem, contiguous"] == (intensity(first.layer), first.rate(first.contiguous), "standard")


def test_the_factors_multiply_to_the_distance_between_the_speeds():
    fast, slow = timed(LAYERS[2], 0.2, 0.1), timed(LAYERS[1], 0.9, 0.3)
    found = measure.factors(fast, slow, ROOF)
    assert math.prod(found.values()) == pytest.approx(fast.rate(fast.best) / slow.rate(slow.contiguous))
    assert found["memory format"] == pytest.approx(3)
    # A layer that takes exactly the least time, in both formats, leaves nothing to explain but its bytes.
    perfect = [timed(layer, *(2 * [ROOF.ms(layer, cached=True)])) for layer in (LAYERS[2], LAYERS[1])]
    found = measure.factors(*perfect, ROOF)
    assert found["memory format"] == 1 and found["the rest"] == pytest.approx(1)


def test_shares_of_the_kinds_make_a_whole_in_every_column():
    rows = measure.by_kind(TIMED, ROOF)
    assert sum(row["layers"] for row in rows) == len(LAYERS)
    for column in ("MACs, %", "least time, %", "contiguous, %", "channels_last, %"):
        assert sum(row[column] for row in rows) == pytest.approx(100)
    depthwise = next(row for row in rows if row["kind"] == "depthwise")
    own = sum(layer.macs for layer in LAYERS if layer.role == "depthwise")
    assert depthwise["MACs, %"] == pytest.approx(100 * own / cost.mobilenet_v2().macs)


def test_what_is_timed_may_come_one_by_one():
    assert measure.by_kind(iter(TIMED), ROOF) == measure.by_kind(TIMED, ROOF)
    assert measure.placed(iter(TIMED), ROOF) == measure.placed(TIMED, ROOF)
    assert measure.points(iter(TIMED)) == measure.points(TIMED)
    assert measure.times(iter(TIMED)) == measure.times(TIMED)


def test_the_table_of_times_names_what_was_measured():
    [row] = measure.times(TIMED[:1])
    assert row["MACs"] == LAYERS[0].macs and row["contiguous, ms"] == TIMED[0].contiguous.median
    assert row["G MACs a second, at best"] == pytest.approx(TIMED[0].rate(TIMED[0].best) / 1e9)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this PyTorch has no oneDNN, whose log is read")
def test_the_log_of_a_layer_is_read_and_goes_nowhere_else(capfd):
    large = cost.conv_layer("3x3", "standard", 64, 64, size=56, kernel_size=3)
    for memory_format in ("contiguous", "channels_last"):
        steps = measure.kernel_steps(large, memory_format=memory_format)
        assert all(step["ms"] >= 0 for step in steps)
        assert not steps or "convolution" in [step["step"] for step in steps]
    assert "onednn" not in capfd.readouterr().out


def test_where_there_is_no_onednn_there_are_no_steps(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert measure.kernel_steps(LAYERS[0]) == []
