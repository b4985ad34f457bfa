"""Squeeze-and-excitation, h-swish and the MobileNetV3 block, held against timm's and torchvision's, same weights."""

import random
from functools import partial

import numpy as np
import pytest
import torch
from peers import carry, flops, shake
from timm.layers import make_divisible as timm_make_divisible
from timm.models import _efficientnet_blocks as timm_blocks
from torch import nn
from torchvision.models import mobilenet_v3_large
from torchvision.models.mobilenetv3 import InvertedResidual as TorchvisionBlock
from torchvision.models.mobilenetv3 import InvertedResidualConfig
from torchvision.ops import Conv2dNormActivation, SqueezeExcitation

from mobilenet_lib import ConvBNHardswish, InvertedResidual, InvertedResidualSE, SqueezeExcite, cost, measure, specs


def assert_equal_outputs(ours, peer, channels, size=(11, 8)):
    """Require bit-equal outputs in both modes, and bit-equal running averages after training mode."""
    for training in (False, True):
        x = 3 * torch.randn(2, channels, *size)
        with torch.no_grad():
            y, peers = ours.train(training)(x.clone()), peer.train(training)(x.clone())
        assert y.std() > 0
        assert (y - peers).abs().max() == 0.0
    for mine, theirs in zip(ours.buffers(), peer.buffers(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize(("channels", "squeeze"), [(16, 8), (72, 24), (7, 3), (1, 1), (120, 32)])
@pytest.mark.parametrize("gate", [nn.Hardsigmoid, nn.Sigmoid])
def test_squeeze_excite_is_torchvisions_and_timms_with_either_gate(channels, squeeze, gate):
    ours = shake(SqueezeExcite(channels, squeeze))
    assert isinstance(ours.gate, nn.Hardsigmoid)
    ours.gate = gate()
    torchvisions = SqueezeExcitation(channels, squeeze, scale_activation=gate)
    timms = timm_blocks.SqueezeExcite(channels, rd_channels=squeeze, gate_layer=gate)
    for peer in (torchvisions, timms):
        carry(ours, peer)
        for size in ((11, 8), (1, 1), (28, 28)):
            assert_equal_outputs(ours, peer, channels, size)


@pytest.mark.parametrize(("ours", "timms"), [(nn.Hardsigmoid(), "hard_sigmoid"), (nn.Hardswish(), "hard_swish")])
def test_straight_lines_are_timms_up_to_rounding(ours, timms):
    from timm.layers import create_act_layer

    x = torch.linspace(-8, 8, 10001, dtype=torch.float64)
    assert torch.allclose(ours(x), create_act_layer(timms)(x), atol=1e-15)


def test_h_swish_and_hard_sigmoid_are_what_the_docstrings_say():
    x = torch.linspace(-8, 8, 1001, dtype=torch.float64)
    hard = nn.functional.relu6(x + 3) / 6
    assert torch.allclose(nn.Hardsigmoid()(x), hard, atol=1e-15)
    assert torch.allclose(nn.Hardswish()(x), x * hard, atol=1e-15)


def test_convbnhardswish_is_torchvisions():
    draw = random.Random(1)
    for seed in range(20):
        m, n, k = draw.randint(1, 12), draw.randint(1, 12), draw.choice([1, 3, 5])
        options = {"stride": draw.choice([1, 2]), "dilation": draw.choice([1, 2])}
        ours = shake(ConvBNHardswish(m, n, k, **options), seed)
        peer = Conv2dNormActivation(m, n, k, activation_layer=nn.Hardswish, **options)
        carry(ours, peer)
        assert_equal_outputs(ours, peer, m)


def test_the_block_is_torchvisions_mobilenet_v3_block():
    draw = random.Random(2)
    for seed in range(20):
        in_channels = 8 * draw.randint(1, 4)
        mid_channels = in_channels + 8 * draw.randint(1, 20)
        out_channels = draw.choice([in_channels, 8 * draw.randint(1, 4)])
        kernel_size, stride = draw.choice([3, 5]), draw.choice([1, 2])
        dilation = draw.choice([1, 2]) if stride == 1 else 1
        ours = InvertedResidualSE(
            in_channels, mid_channels, out_channels, specs.squeeze_channels(mid_channels), kernel_size, stride, dilation
        )
        config = InvertedResidualConfig(
            in_channels, kernel_size, mid_channels, out_channels, True, "HS", stride, dilation, width_mult=1.0
        )
        peer = TorchvisionBlock(config, norm_layer=nn.BatchNorm2d)
        carry(shake(ours, seed), peer)
        assert ours.use_residual == peer.use_res_connect
        assert_equal_outputs(ours, peer, in_channels)


def test_the_block_is_timms_inverted_residual_with_an_se_layer():
    se_layer = partial(
        timm_blocks.SqueezeExcite,
        gate_layer=nn.Hardsigmoid,
        force_act_layer=nn.ReLU,
        rd_round_fn=partial(timm_make_divisible, divisor=8),
    )
    draw = random.Random(3)
    for seed in range(20):
        in_channels, expansion = 8 * draw.randint(1, 3), draw.randint(1, 8)
        out_channels = draw.choice([in_channels, 8 * draw.randint(1, 3)])
        options = {"stride": draw.choice([1, 2]), "dilation": draw.choice([1, 2])}
        kernel_size, mid_channels = draw.choice([3, 5]), in_channels * expansion
        squeeze = specs.squeeze_channels(mid_channels)
        ours = InvertedResidualSE(in_channels, mid_channels, out_channels, squeeze, kernel_size, **options)
        peer = timm_blocks.InvertedResidual(
            in_channels, out_channels, kernel_size, exp_ratio=expansion, act_layer=nn.Hardswish, se_layer=se_layer,
            **options,
        )  # fmt: skip
        carry(shake(ours, seed), peer)
        assert ours.use_residual == peer.has_skip
        assert_equal_outputs(ours, peer, in_channels)


def test_squeeze_channels_are_those_of_torchvisions_mobilenet_v3():
    found = [part for part in mobilenet_v3_large(weights=None).modules() if isinstance(part, SqueezeExcitation)]
    assert len(found) == 8
    for part in found:
        assert specs.squeeze_channels(part.fc1.in_channels) == part.fc1.out_channels


def test_a_shut_gate_lets_nothing_through_and_an_open_one_everything():
    se = SqueezeExcite(4, 2)
    x = torch.randn(2, 4, 5, 5)
    nn.init.zeros_(se.expand.weight)
    for bias, expected in ((-3.0, torch.zeros_like(x)), (3.0, x), (0.0, x / 2)):
        nn.init.constant_(se.expand.bias, bias)
        with torch.no_grad():
            assert torch.allclose(se(x), expected)


def test_blocks_leave_their_input_alone_and_gradients_reach_every_weight():
    for block in (SqueezeExcite(4, 16), ConvBNHardswish(4, 4), InvertedResidualSE(4, 8, 4, 16)):
        x = torch.randn(2, 4, 6, 6)
        before = x.clone()
        shake(block)(x).square().sum().backward()
        assert torch.equal(x, before)
        assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in block.parameters())


def test_closed_form_of_squeeze_excite_equals_fvcore_at_any_size():
    draw = random.Random(4)
    for _ in range(40):
        channels, squeeze = draw.randint(1, 100), draw.randint(1, 30)
        size = (draw.randint(1, 20), draw.randint(1, 20))
        assert cost.squeeze_excite(channels, squeeze) == measure.cost(
            SqueezeExcite(channels, squeeze), (1, channels, *size)
        )


def test_closed_form_of_the_block_equals_fvcore_and_torch():
    draw = random.Random(5)
    for _ in range(40):
        m, mid, n, squeeze = (draw.randint(1, 40) for _ in range(4))
        n = draw.choice([m, n])
        options = {
            "kernel_size": draw.choice([1, 3, 5, 7]),
            "stride": draw.choice([1, 2]),
            "dilation": draw.choice([1, 2, 3]),
        }
        size = (draw.randint(2, 30), draw.randint(2, 30))
        block = InvertedResidualSE(m, mid, n, squeeze, **options)
        derived = cost.inverted_residual_se(m, mid, n, squeeze, size, **options)
        assert derived == measure.cost(block, (1, m, *size))
        rows = cost.inverted_residual_se_layers(m, mid, n, squeeze, size, **options)
        assert cost.total(rows) == derived
        for row in rows:
            part = block.get_submodule(row.name)
            conv = part if isinstance(part, nn.Conv2d) else part[0]
            assert (row.weights, row.bias, row.norm) == (
                conv.weight.numel(),
                conv.bias is not None,
                not isinstance(part, nn.Conv2d),
            )
        assert 2 * derived.macs == flops(block.eval(), 1, m, *size)


def test_the_gate_adds_its_two_small_layers_and_nothing_else():
    plain, gated = cost.inverted_residual(80, 480, 112, 14), cost.inverted_residual_se(80, 480, 112, 120, 14)
    assert gated == plain + cost.squeeze_excite(480, 120)
    assert measure.cost(InvertedResidual(80, 480, 112), (1, 80, 14, 14)) == plain


def test_numpys_integers_are_integers():
    block = InvertedResidualSE(np.int64(8), np.int32(16), np.int64(8), np.int64(4), np.int64(3), np.int8(1))
    assert block.use_residual is True
    assert block(torch.zeros(2, 8, 4, 4)).shape == (2, 8, 4, 4)
    assert type(cost.squeeze_excite(np.int32(8), np.int32(4)).params) is int


BAD = [
    (lambda: SqueezeExcite(0, 8), ValueError, "channels", "0"),
    (lambda: SqueezeExcite(8, 0), ValueError, "squeeze_channels", "0"),
    (lambda: SqueezeExcite(8, 2.0), TypeError, "squeeze_channels", "2.0"),
    (lambda: SqueezeExcite("8", 2), TypeError, "channels", "'8'"),
    (lambda: SqueezeExcite(8, True), TypeError, "squeeze_channels", "True"),
    (lambda: SqueezeExcite(8), TypeError, "squeeze_channels", ""),
    (lambda: SqueezeExcite(8, 2, ratio=4), TypeError, "ratio", ""),
    (lambda: InvertedResidualSE(8, 0, 8, 4), ValueError, "mid_channels", "0"),
    (lambda: InvertedResidualSE(8, 48, 8, -4), ValueError, "squeeze_channels", "-4"),
    (lambda: InvertedResidualSE(8.0, 48, 8, 4), TypeError, "in_channels", "8.0"),
    (lambda: InvertedResidualSE(8, 48, 8, 4, kernel_size=4), ValueError, "kernel_size", "4"),
    (lambda: InvertedResidualSE(8, 48, 8, 4, stride=3), ValueError, "stride", "3"),
    (lambda: InvertedResidualSE(8, 48, 8, 4, dilation=0), ValueError, "dilation", "0"),
    (lambda: InvertedResidualSE(8, 48, 8, 4, padding=1), TypeError, "padding", ""),
    (lambda: ConvBNHardswish(8, 8, stride=3), ValueError, "stride", "3"),
    (lambda: specs.squeeze_channels(0), ValueError, "channels", "0"),
    (lambda: specs.squeeze_channels(7.5), TypeError, "channels", "7.5"),
    (lambda: cost.squeeze_excite(8, 0), ValueError, "squeeze_channels", "0"),
    (lambda: cost.squeeze_excite(8.0, 4), TypeError, "channels", "8.0"),
    (lambda: cost.inverted_residual_se(8, 48, 8, 0, 7), ValueError, "squeeze_channels", "0"),
    (lambda: cost.inverted_residual_se(8, 48, 8, 4, 1, stride=2), ValueError, "size", "1x1"),
]


@pytest.mark.parametrize(("build", "error", "name", "value"), BAD)
def test_bad_arguments_are_refused_by_name_and_value(build, error, name, value):
    with pytest.raises(error) as caught:
        build()
    assert name in str(caught.value)
    assert value in str(caught.value)


@pytest.mark.parametrize("block", [SqueezeExcite(4, 2), InvertedResidualSE(4, 8, 4, 2)])
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
