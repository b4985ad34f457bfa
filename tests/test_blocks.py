"""The blocks, held against the note's minimal classes, torchvision's and timm's, with the same weights."""

import itertools
import random

import numpy as np
import pytest
import torch
from peers import carry, shake
from timm.models import _efficientnet_blocks as timm_blocks
from torch import nn
from torchvision.models.mobilenetv2 import InvertedResidual as TorchvisionInvertedResidual

import mobilenet_lib
from mobilenet_lib import ConvDepthwiseConv, DepthwiseProjection, DepthwiseSeparableConv, InvertedResidual


def plain(m, n, kernel_size, stride=1, padding=0, groups=1, activation=True):
    """Convolution with a bias, BatchNorm, ReLU6, as the note writes them."""
    parts = [nn.Conv2d(m, n, kernel_size, stride, padding, groups=groups, bias=True), nn.BatchNorm2d(n)]
    return nn.Sequential(*parts, *([nn.ReLU6()] if activation else []))


class NoteSeparable(nn.Module):
    """The note's depthwise separable block."""

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.depthwise = plain(in_channels, in_channels, 3, stride, 1, groups=in_channels)
        self.pointwise = plain(in_channels, out_channels, 1)

    def forward(self, x):
        return self.pointwise(self.depthwise(x))


class NoteInverted(nn.Module):
    """The note's inverted residual."""

    def __init__(self, in_channels, mid_channels, out_channels, stride=1):
        super().__init__()
        self.conv1 = plain(in_channels, mid_channels, 1)
        self.depthwise = plain(mid_channels, mid_channels, 3, stride, 1, groups=mid_channels)
        self.conv2 = plain(mid_channels, out_channels, 1, activation=False)
        self.use_residual = stride == 1 and in_channels == out_channels

    def forward(self, x):
        y = self.conv2(self.depthwise(self.conv1(x)))
        return x + y if self.use_residual else y


def assert_equal_outputs(ours, peer, in_channels, size=(11, 8)):
    """Require bit-equal outputs in both modes, and bit-equal running averages after training mode."""
    for training in (False, True):
        x = 3 * torch.randn(2, in_channels, *size)
        with torch.no_grad():
            difference = (ours.train(training)(x) - peer.train(training)(x)).abs().max()
        assert difference == 0.0
    for mine, theirs in zip(ours.buffers(), peer.buffers(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("in_channels", "out_channels"), [(8, 8), (8, 24), (24, 8)])
def test_with_a_bias_a_separable_block_loads_the_notes_state_and_equals_it(in_channels, out_channels, stride):
    note = shake(NoteSeparable(in_channels, out_channels, stride))
    ours = DepthwiseSeparableConv(in_channels, out_channels, stride, bias=True)
    ours.load_state_dict(note.state_dict(), strict=True)
    assert_equal_outputs(ours, note, in_channels)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("in_channels", "mid_channels", "out_channels"), [(8, 48, 8), (8, 8, 8), (8, 32, 12)])
def test_with_a_bias_an_inverted_residual_loads_the_notes_state_and_equals_it(
    in_channels, mid_channels, out_channels, stride
):
    note = shake(NoteInverted(in_channels, mid_channels, out_channels, stride))
    ours = ConvDepthwiseConv(in_channels, mid_channels, out_channels, stride=stride, bias=True)
    ours.load_state_dict(note.state_dict(), strict=True)
    assert_equal_outputs(ours, note, in_channels)
    assert {"conv1.0.weight", "depthwise.0.weight", "conv2.1.running_var"} < set(note.state_dict())


def test_arguments_stand_in_the_order_that_the_note_promised():
    assert DepthwiseSeparableConv(4, 8, 2).depthwise[0].stride == (2, 2)
    block = ConvDepthwiseConv(4, 16, 8, 5, 2, 3, 2)
    depthwise = block.depthwise[0]
    assert (block.conv1[0].out_channels, block.conv2[0].out_channels) == (16, 8)
    assert (depthwise.kernel_size, depthwise.stride, depthwise.padding, depthwise.dilation) == (
        (5, 5), (2, 2), (3, 3), (2, 2),
    )  # fmt: skip
    projection = DepthwiseProjection(4, 8, 5, 2, 3, 2).depthwise[0]
    assert (projection.kernel_size, projection.stride, projection.padding, projection.dilation) == (
        (5, 5), (2, 2), (3, 3), (2, 2),
    )  # fmt: skip


def test_without_asking_no_convolution_has_a_bias():
    for block in (DepthwiseSeparableConv(4, 8), ConvDepthwiseConv(4, 8, 4), DepthwiseProjection(4, 8)):
        convolutions = [part for part in block.modules() if isinstance(part, nn.Conv2d)]
        assert len(convolutions) >= 2
        assert all(part.bias is None for part in convolutions)


@pytest.mark.parametrize(
    ("in_channels", "expansion", "out_channels", "stride"),
    [*itertools.product([8], [1, 2, 6, 10], [8, 12], [1, 2])],
)
def test_inverted_residual_is_torchvisions(in_channels, expansion, out_channels, stride):
    if expansion == 1:
        ours = DepthwiseProjection(in_channels, out_channels, stride=stride)
    else:
        ours = ConvDepthwiseConv(in_channels, in_channels * expansion, out_channels, stride=stride)
    peer = TorchvisionInvertedResidual(in_channels, out_channels, stride, expansion)
    carry(shake(ours), peer)
    assert ours.use_residual == peer.use_res_connect
    assert_equal_outputs(ours, peer, in_channels)


def test_inverted_residual_is_timms_for_any_kernel_and_dilation():
    draw = random.Random(3)
    for seed in range(30):
        in_channels, expansion = 8 * draw.randint(1, 3), draw.randint(1, 10)
        out_channels = draw.choice([in_channels, 8 * draw.randint(1, 3)])
        options = {"stride": draw.choice([1, 2]), "dilation": draw.choice([1, 2, 3])}
        kernel_size = draw.choice([1, 3, 5, 7])
        ours = ConvDepthwiseConv(in_channels, in_channels * expansion, out_channels, kernel_size, **options)
        peer = timm_blocks.InvertedResidual(
            in_channels, out_channels, kernel_size, exp_ratio=expansion, act_layer=nn.ReLU6, **options
        )
        carry(shake(ours, seed), peer)
        assert ours.use_residual == peer.has_skip
        assert_equal_outputs(ours, peer, in_channels)


def test_separable_and_projection_blocks_are_timms_with_and_without_the_last_activation():
    draw = random.Random(4)
    for seed in range(30):
        in_channels = draw.randint(1, 20)
        out_channels = draw.choice([in_channels, draw.randint(1, 20)])
        options = {"stride": draw.choice([1, 2]), "dilation": draw.choice([1, 2, 3])}
        kernel_size = draw.choice([1, 3, 5, 7])
        for ours, last in ((DepthwiseSeparableConv, True), (DepthwiseProjection, False)):
            block = ours(in_channels, out_channels, kernel_size=kernel_size, **options)
            peer = timm_blocks.DepthwiseSeparableConv(
                in_channels, out_channels, kernel_size, act_layer=nn.ReLU6, pw_act=last, noskip=last, **options
            )
            carry(shake(block, seed), peer)
            assert_equal_outputs(block, peer, in_channels)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("in_channels", "out_channels"), [(8, 8), (8, 16), (16, 8), (1, 1)])
@pytest.mark.parametrize("kernel_size", [1, 3, 5, 7])
@pytest.mark.parametrize("dilation", [1, 2])
def test_residual_only_when_stride_is_one_and_channels_match(in_channels, out_channels, stride, kernel_size, dilation):
    rule = stride == 1 and in_channels == out_channels
    for block in (
        ConvDepthwiseConv(in_channels, 24, out_channels, kernel_size, stride, dilation=dilation),
        DepthwiseProjection(in_channels, out_channels, kernel_size, stride, dilation=dilation),
    ):
        assert block.use_residual is rule
        # With the projection silenced, all that can come out is the residual.
        nn.init.zeros_(block.conv2[1].weight)
        x = torch.randn(2, in_channels, 6, 6)
        expected = x if rule else torch.zeros(2, out_channels, 6 // stride, 6 // stride)
        assert torch.equal(block.eval()(x), expected)


@pytest.mark.parametrize("kernel_size", [1, 3, 5, 7])
@pytest.mark.parametrize("dilation", [1, 2, 3, 4])
def test_padding_left_out_keeps_the_size_for_any_kernel_and_dilation(kernel_size, dilation):
    blocks = (
        DepthwiseSeparableConv(4, 4, kernel_size=kernel_size, dilation=dilation),
        ConvDepthwiseConv(4, 8, 4, kernel_size, dilation=dilation),
        DepthwiseProjection(4, 4, kernel_size, dilation=dilation),
    )
    for block, size in itertools.product(blocks, [(1, 1), (2, 7), (14, 9)]):
        assert block.eval()(torch.zeros(1, 4, *size)).shape == (1, 4, *size)


@pytest.mark.parametrize("block", [DepthwiseSeparableConv, DepthwiseProjection])
@pytest.mark.parametrize("size", [(7, 7), (8, 5), (2, 2), (3, 2)])
def test_stride_two_rounds_odd_sizes_up(block, size):
    assert block(4, 6, stride=2).eval()(torch.zeros(1, 4, *size)).shape[2:] == (-(-size[0] // 2), -(-size[1] // 2))


def test_a_block_leaves_its_input_alone():
    for block in (DepthwiseSeparableConv(4, 4), ConvDepthwiseConv(4, 8, 4), DepthwiseProjection(4, 4)):
        x = torch.randn(2, 4, 5, 5)
        before = x.clone()
        block(x)
        assert torch.equal(x, before)


def test_gradients_reach_every_weight():
    for block in (DepthwiseSeparableConv(4, 4), ConvDepthwiseConv(4, 8, 4), DepthwiseProjection(4, 4)):
        block(torch.randn(2, 4, 6, 6)).square().sum().backward()
        assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in block.parameters())


def test_inverted_residual_is_another_name():
    assert InvertedResidual is ConvDepthwiseConv
    assert mobilenet_lib.blocks.InvertedResidual is ConvDepthwiseConv


def test_padding_that_the_residual_can_bear_is_taken():
    assert ConvDepthwiseConv(8, 16, 8, kernel_size=5, padding=2).use_residual
    assert ConvDepthwiseConv(8, 16, 8, padding=np.int64(2), dilation=2).use_residual
    assert ConvDepthwiseConv(8, 16, 12, padding=0).eval()(torch.zeros(1, 8, 7, 7)).shape == (1, 12, 5, 5)
    assert ConvDepthwiseConv(8, 16, 8, padding=0, stride=2).eval()(torch.zeros(1, 8, 7, 7)).shape == (1, 8, 3, 3)


def test_numpys_integers_are_integers():
    block = ConvDepthwiseConv(np.int64(8), np.int32(16), np.int64(8), np.int64(3), np.int8(1))
    assert block.use_residual is True
    assert block(torch.zeros(2, 8, 4, 4)).shape == (2, 8, 4, 4)
    assert DepthwiseSeparableConv(np.int64(8), np.int64(4), np.int64(2))(torch.zeros(2, 8, 4, 4)).shape == (2, 4, 2, 2)


SEPARABLE, INVERTED, PROJECTION = DepthwiseSeparableConv, ConvDepthwiseConv, DepthwiseProjection
BAD_BLOCKS = [
    (lambda: SEPARABLE(0, 8), ValueError, "in_channels", "0"),
    (lambda: SEPARABLE(8, -8), ValueError, "out_channels", "-8"),
    (lambda: SEPARABLE(8.0, 8), TypeError, "in_channels", "8.0"),
    (lambda: SEPARABLE(True, 8), TypeError, "in_channels", "True"),
    (lambda: SEPARABLE(8, "8"), TypeError, "out_channels", "'8'"),
    (lambda: SEPARABLE(8, 8, 4), ValueError, "stride", "4"),
    (lambda: SEPARABLE(8, 8, 0), ValueError, "stride", "0"),
    (lambda: SEPARABLE(8, 8, kernel_size=2), ValueError, "kernel_size", "2"),
    (lambda: SEPARABLE(8, 8, dilation=0), ValueError, "dilation", "0"),
    (lambda: SEPARABLE(8, 8, padding=-1), ValueError, "padding", "-1"),
    (lambda: SEPARABLE(8, 8, 1, 3), TypeError, "positional", ""),
    (lambda: SEPARABLE(8, 8, expansion=6), TypeError, "expansion", ""),
    (lambda: SEPARABLE(8), TypeError, "out_channels", ""),
    (lambda: INVERTED(0, 48, 8), ValueError, "in_channels", "0"),
    (lambda: INVERTED(8, 0, 8), ValueError, "mid_channels", "0"),
    (lambda: INVERTED(8, 48.0, 8), TypeError, "mid_channels", "48.0"),
    (lambda: INVERTED(8, True, 8), TypeError, "mid_channels", "True"),
    (lambda: INVERTED(8, 48, -8), ValueError, "out_channels", "-8"),
    (lambda: INVERTED(8, 48, 8, 4), ValueError, "kernel_size", "4"),
    (lambda: INVERTED(8, 48, 8, 0), ValueError, "kernel_size", "0"),
    (lambda: INVERTED(8, 48, 8, 3, 3), ValueError, "stride", "3"),
    (lambda: INVERTED(8, 48, 8, dilation=0), ValueError, "dilation", "0"),
    (lambda: INVERTED(8, 48, 8, dilation=-2), ValueError, "dilation", "-2"),
    (lambda: INVERTED(8, 48, 12, padding=-1), ValueError, "padding", "-1"),
    (lambda: INVERTED(8, 48, 8, padding=0), ValueError, "padding", "got 0"),
    (lambda: INVERTED(8, 48, 8, padding=2), ValueError, "padding", "got 2"),
    (lambda: INVERTED(8, 48, 8, padding=1, dilation=2), ValueError, "padding must be 2", "got 1"),
    (lambda: INVERTED(8, 48, 8, kernel_size=5, padding=1), ValueError, "padding must be 2", "got 1"),
    (lambda: INVERTED(8, 48, 8, unused=1), TypeError, "unused", ""),
    (lambda: INVERTED(8, 48, 8, expansion=6), TypeError, "expansion", ""),
    (lambda: PROJECTION(8, 0), ValueError, "out_channels", "0"),
    (lambda: PROJECTION(8, 8, padding=0), ValueError, "padding", "got 0"),
    (lambda: PROJECTION(8, 8, 2), ValueError, "kernel_size", "2"),
    (lambda: PROJECTION(8, 8, stride=3), ValueError, "stride", "3"),
    (lambda: PROJECTION(8, 8, mid_channels=8), TypeError, "mid_channels", ""),
]


@pytest.mark.parametrize(("build", "error", "name", "value"), BAD_BLOCKS)
def test_bad_arguments_are_refused_by_name_and_value(build, error, name, value):
    with pytest.raises(error) as caught:
        build()
    assert name in str(caught.value)
    assert value in str(caught.value)


@pytest.mark.parametrize(
    "block", [SEPARABLE(4, 8, 2), INVERTED(4, 24, 4), INVERTED(4, 24, 8, stride=2), PROJECTION(4, 8, stride=2)]
)
@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.zeros((1, 4, 8, 8), dtype=np.float32), TypeError, "ndarray"),
        (torch.zeros(4, 8, 8), ValueError, "(4, 8, 8)"),
        (torch.zeros(1, 3, 8, 8), ValueError, "got 3"),
    ],
)
def test_what_is_not_a_batch_of_maps_is_refused(block, x, error, words):
    with pytest.raises(error, match="x must") as caught:
        block(x)
    assert words in str(caught.value)


@pytest.mark.parametrize("block", [SEPARABLE(4, 8, 2), INVERTED(4, 24, 8, stride=2), PROJECTION(4, 8, stride=2)])
def test_a_map_smaller_than_the_stride_is_refused(block):
    with pytest.raises(ValueError, match="x must be at least 2x2 pixels.*got 1x5"):
        block(torch.zeros(1, 4, 1, 5))
