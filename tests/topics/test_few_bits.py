"""Few bits: equal ranges leave the network as it is, means come back, ranges are those of torch's observer."""

from __future__ import annotations

import pytest
import torch
from peers import lived_in
from torch import nn

from mobilenet_lib import MobileNetV1, MobileNetV2, shipping
from mobilenet_lib.topics import few_bits, surgery


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return shipping.fold(lived_in(MobileNetV2(10, width_mult=0.35), torch.randn(16, 3, 64, 64)))


@pytest.fixture
def x():
    return torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_equalizing_leaves_what_the_network_computes(network, x):
    equal, before = few_bits.equalize(network), surgery.with_relu(network)
    assert torch.allclose(equal(x), before(x), atol=1e-4 * before(x).abs().max())
    for block, other in zip(equal.blocks, before.blocks, strict=True):
        assert not torch.equal(block.depthwise[0].weight, other.depthwise[0].weight)


@torch.no_grad()
def test_afterwards_a_channel_has_one_range_in_the_layers_around_it(network):
    for block in few_bits.equalize(network).blocks:
        written = block.depthwise[0].weight.abs().amax((1, 2, 3))
        read = block.conv2[0].weight.abs().amax((0, 2, 3))
        assert torch.allclose(written, read, rtol=1e-3)
        if hasattr(block, "conv1"):
            assert torch.allclose(block.conv1[0].weight.abs().amax((1, 2, 3)), written, rtol=1e-3)


@torch.no_grad()
def test_equalizing_brings_rounded_weights_closer(network, x):
    with torch.no_grad():
        uneven = surgery.with_relu(network)
        for block in uneven.blocks:  # the same network, with ranges that no single scale serves
            factor = torch.logspace(-2, 2, len(block.depthwise[0].bias))
            block.depthwise[0].weight *= factor[:, None, None, None]
            block.depthwise[0].bias *= factor
            block.conv2[0].weight /= factor[None, :, None, None]
    wanted = uneven(x)
    error = lambda other: (shipping.with_rounded_weights(other)(x) - wanted).square().mean().item()  # noqa: E731
    assert error(few_bits.equalize(uneven)) < error(uneven) / 4


@torch.no_grad()
def test_corrected_biases_give_each_layer_its_mean_back(network, x):
    rounded = shipping.with_rounded_weights(network, bits=5)
    corrected = few_bits.with_corrected_biases(network, rounded, x)

    def means(model):
        found, hooks = [], []
        for part in model.modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                keep = lambda part, given, output: found.append(output.transpose(0, 1).flatten(1).mean(1))  # noqa: E731
                hooks.append(part.register_forward_hook(keep))
        model(x)
        for hook in hooks:
            hook.remove()
        return torch.cat(found)

    before, after, want = means(rounded), means(corrected), means(network)
    assert (after - want).abs().max() < 1e-4 < 1e-2 < (before - want).abs().max()
    weights = [
        (a.weight, b.weight)
        for a, b in zip(rounded.modules(), corrected.modules(), strict=True)
        if hasattr(a, "weight")
    ]
    assert all(torch.equal(a, b) for a, b in weights)
    assert not any(part._forward_hooks for model in (network, rounded, corrected) for part in model.modules())


def test_ranges_are_those_of_torchs_observer(network):
    from torch.ao.quantization.observer import PerChannelMinMaxObserver

    layers = dict(network.named_modules())
    found = few_bits.ranges(network)
    assert len(found) == 53
    for row in found:
        observer = PerChannelMinMaxObserver(ch_axis=0)
        observer(layers[row.layer].weight.detach())
        widest = torch.maximum(observer.min_val.abs(), observer.max_val.abs())
        assert row[1:5] == pytest.approx(
            (len(widest), *(float(v) for v in (widest.min(), widest.quantile(0.5), widest.max())))
        )
        assert row.lost == (widest < widest.max() / 127 / 2).sum()


def test_what_is_not_folded_or_not_ours_is_refused(network):
    with pytest.raises(
        ValueError, match=r"network must be folded, got one with BatchNorm; give shipping.fold\(network\)"
    ):
        few_bits.equalize(MobileNetV2(10, width_mult=0.35))
    with pytest.raises(TypeError, match="network must be a MobileNetV2 of this library, got MobileNetV1"):
        few_bits.equalize(shipping.fold(MobileNetV1(10, width_mult=0.25)))
    with pytest.raises(ValueError, match="rounded must have the layers of network"):
        few_bits.with_corrected_biases(network, nn.Sequential(nn.Linear(3, 3)), torch.zeros(1, 3, 32, 32))
    with pytest.raises(ValueError, match=r"images must be one or more, got \(0, 3, 32, 32\)"):
        few_bits.with_corrected_biases(network, network, torch.zeros(0, 3, 32, 32))


def test_pictures_that_do_not_fit_leave_no_hooks_behind(network):
    with pytest.raises(ValueError, match="x must have 3 channels"):
        few_bits.with_corrected_biases(network, network, torch.zeros(1, 4, 32, 32))
    assert not any(part._forward_hooks for part in network.modules())


def test_ranges_of_half_numbers_are_those_of_the_same_floats():
    layer = nn.Conv2d(3, 8, 3).half()
    assert few_bits.ranges(layer) == few_bits.ranges(layer.float())
