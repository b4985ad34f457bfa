"""The roofline: bytes counted on real tensors, and limits that meet where they should."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mobilenet_lib import cost, measure, timing
from mobilenet_lib.measure.roof import Roofline, intensity, traffic

LAYERS = [*cost.mobilenet_v1_layers(), *cost.mobilenet_v2_layers(0.35, 96)]


@pytest.mark.parametrize("batch", [1, 3])
def test_the_traffic_is_what_the_tensors_of_the_real_layer_hold(batch):
    for layer in [*LAYERS[:6], *LAYERS[-6:]]:
        conv = timing.build(layer)
        x = torch.zeros(batch, layer.in_channels, *layer.in_size)
        tensors = [x, conv(x), *conv.parameters()]
        assert traffic(layer, batch) == sum(each.nbytes for each in tensors), layer
        halves = [each.half() for each in tensors]
        assert traffic(layer, batch, bytes_each=2) == sum(each.nbytes for each in halves), layer


def test_a_layer_is_built_as_its_row_says():
    for layer in LAYERS:
        conv = timing.build(layer)
        with torch.device("meta"):
            x = torch.empty(1, layer.in_channels, *layer.in_size)
        out = conv.to("meta")(x)
        assert out.shape == (1, layer.out_channels, *layer.out_size), layer
        assert conv.weight.numel() == layer.weights
    stem = LAYERS[0]
    assert measure.macs(timing.build(stem), (1, 3, *stem.in_size)) == stem.macs


def test_a_depthwise_layer_has_less_than_nine_eighths_of_a_mac_for_a_byte_however_large_the_batch():
    for layer in LAYERS:
        if layer.role == "depthwise" and layer.stride == 1:
            assert intensity(layer) < intensity(layer, batch=64) < 9 / 8


def test_a_larger_batch_raises_the_intensity_since_the_weights_are_read_once():
    for layer in LAYERS:
        assert intensity(layer, 32) > intensity(layer, 1)
        assert intensity(layer, 1, bytes_each=1) == pytest.approx(4 * intensity(layer, 1))


def test_the_roof_is_the_lower_of_two_limits_and_they_meet_at_the_ridge():
    roof = Roofline(peak=100e9, bandwidth=20e9)
    assert roof.ceiling(roof.ridge) == pytest.approx(roof.peak) == pytest.approx(roof.ridge * roof.bandwidth)
    assert roof.ceiling(roof.ridge / 10) == pytest.approx(roof.peak / 10)
    assert roof.ceiling(roof.ridge * 10) == roof.peak


def test_the_least_time_is_the_longer_of_computing_and_moving():
    roof = Roofline(peak=100e9, bandwidth=20e9)
    for layer in LAYERS:
        for batch in (1, 32):
            computing, moving = batch * layer.macs / roof.peak, traffic(layer, batch) / roof.bandwidth
            assert roof.ms(layer, batch) == pytest.approx(1000 * max(computing, moving))


def test_numbers_in_a_cache_have_a_steeper_slope_and_the_same_peak():
    roof = Roofline(peak=100e9, bandwidth=20e9, cache=80e9)
    assert [roof.ceiling(1, cached) for cached in (False, True)] == [20e9, 80e9]
    assert roof.ceiling(50, cached=True) == roof.ceiling(50) == roof.peak
    for layer in LAYERS:
        assert roof.ms(layer, cached=True) <= roof.ms(layer)
    assert Roofline(peak=100e9, bandwidth=20e9).ceiling(1, cached=True) == 20e9
    with pytest.raises(ValueError, match="cache must be a finite number above 0, got 0"):
        Roofline(1e9, 1e9, cache=0)


@pytest.mark.parametrize("wrong", [{"peak": 0, "bandwidth": 1e9}, {"peak": 1e9, "bandwidth": float("nan")}])
def test_a_limit_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match=r"must be a finite number above 0"):
        Roofline(**wrong)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="batch must be a positive integer, got 0"):
        traffic(LAYERS[0], batch=0)
    with pytest.raises(TypeError, match="bytes_each must be a positive integer"):
        intensity(LAYERS[0], bytes_each=0.5)
    with pytest.raises(TypeError, match="threads must be"):
        Roofline(1e9, 1e9, threads=None)
    with pytest.raises(ValueError, match="intensity must be a finite number above 0, got -1"):
        Roofline(1e9, 1e9).ceiling(-1)
    with pytest.raises(TypeError, match="layer must be a Layer, got None"):
        Roofline(1e9, 1e9).ms(None)


def test_limits_of_numpy_become_pythons_own_numbers():
    roof = Roofline(np.float32(2), np.int8(100), threads=np.int64(1), cache=np.int8(100))
    assert [type(value) for value in (roof.peak, roof.bandwidth, roof.threads, roof.cache)] == [
        float,
        float,
        int,
        float,
    ]
    assert roof.ceiling(np.int8(100)) == 2
