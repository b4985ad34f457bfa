"""EfficientNet-Lite0 from our block: timm's network to the last bit, and the released names."""

from __future__ import annotations

import warnings

import pytest
import timm
import torch
from peers import carry, shake
from timm.layers.padding import pad_same

from mobilenet_lib import InvertedResidual
from mobilenet_lib.topics import lite0


@pytest.mark.parametrize("size", [64, 75])
@torch.no_grad()
def test_it_is_timms_network(size):
    theirs = shake(timm.create_model("tf_efficientnet_lite0", num_classes=10)).eval()
    ours = lite0.EfficientNetLite0(10).eval()
    carry(theirs, ours)
    x = torch.randn(2, 3, size, size)
    assert theirs(x).std() > 0
    assert torch.equal(ours(x), theirs(x))


@torch.no_grad()
def test_timms_weights_are_found_under_timms_names():
    theirs = shake(timm.create_model("tf_efficientnet_lite0", num_classes=10)).eval()
    ours = lite0.load(lite0.EfficientNetLite0(10), theirs.state_dict()).eval()
    x = torch.randn(2, 3, 64, 64)
    assert theirs(x).std() > 0
    assert torch.equal(ours(x), theirs(x))
    fewer = {name: tensor for name, tensor in theirs.state_dict().items() if name != "blocks.0.0.conv_dw.weight"}
    with pytest.raises(ValueError, match="must have blocks.0.0.conv_dw.weight for blocks.0.depthwise.0.weight"):
        lite0.load(lite0.EfficientNetLite0(10), fewer)


@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("size", [(7, 8), (14, 15), (2, 3)])
def test_padding_is_timms(kernel_size, size):
    x = torch.randn(1, 2, *size)
    for stride in (1, 2):
        theirs = pad_same(x, (kernel_size, kernel_size), (stride, stride))
        assert torch.equal(lite0.SamePadding(kernel_size, stride)(x), theirs)


@pytest.mark.parametrize(("kernel_size", "stride"), [(3, 2), (5, 2), (3, 1), (1, 2), (2, 3)])
def test_padding_is_recorded_for_all_sizes(kernel_size, stride):
    """A tracer has no numbers when it writes down what is done; the zeros follow the input all the same."""
    padding = lite0.SamePadding(kernel_size, stride)
    with warnings.catch_warnings():
        warnings.simplefilter("error", torch.jit.TracerWarning)
        recorded = [torch.fx.symbolic_trace(padding), torch.jit.trace(padding, torch.zeros(1, 2, 9, 12))]
    for size in ((7, 8), (14, 15), (1, 2)):
        x = torch.randn(1, 2, *size)
        theirs = pad_same(x, (kernel_size, kernel_size), (stride, stride))
        assert all(torch.equal(one(x), theirs) for one in (padding, torch.jit.script(padding), *recorded))


def test_its_blocks_are_the_books_own():
    blocks = lite0.EfficientNetLite0(10).blocks
    assert all(isinstance(block, InvertedResidual) for block in blocks[1:])
    assert [block.depthwise[0].kernel_size[0] for block in blocks] == [3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3]
    assert sum(weight.numel() for weight in lite0.EfficientNetLite0().parameters()) == 4_652_008


def released(classes=10):
    """Return a state dict under the released names: the same layers, each with its number and part."""
    state = {}
    for ours, tensor in lite0.EfficientNetLite0(classes).state_dict().items():
        name = ours.replace("classifier", "_fc").replace("stem.0", "_conv_stem").replace("stem.1", "_bn0")
        name = name.replace("head.0", "_conv_head").replace("head.1", "_bn1").replace("blocks", "_blocks")
        for part, (conv, norm) in {
            "conv1": ("_expand_conv", "_bn0"),
            "depthwise": ("_depthwise_conv", "_bn1"),
            "conv2": ("_project_conv", "_bn2"),
        }.items():
            name = name.replace(f"{part}.0", conv).replace(f"{part}.1", norm)
        state[name] = torch.randn_like(tensor) if tensor.is_floating_point() else tensor
    return state


def test_released_names_find_their_tensors(tmp_path):
    state = released()
    network = lite0.load(lite0.EfficientNetLite0(10), state)
    assert torch.equal(network.blocks[15].conv2[1].running_mean, state["_blocks.15._bn2.running_mean"])
    assert torch.equal(network.blocks[0].depthwise[0].weight, state["_blocks.0._depthwise_conv.weight"])
    assert torch.equal(network.head[1].bias, state["_bn1.bias"])
    torch.save(state, tmp_path / "weights.pth")
    again = lite0.load(lite0.EfficientNetLite0(10), tmp_path / "weights.pth")
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in network.state_dict().items())


def test_what_does_not_fit_is_refused_whole():
    network = lite0.EfficientNetLite0(10)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(ValueError, match=r"_fc.weight in source must have shape \(10, 1280\).*got \(11, 1280\)"):
        lite0.load(network, released(11))
    with pytest.raises(ValueError, match="source has more, for which"):
        lite0.load(network, {**released(), "more": torch.zeros(1)})
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
