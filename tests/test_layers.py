"""ConvBN and ConvBNReLU, held against torch's own modules in a row and torchvision's Conv2dNormActivation."""

import random

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.ops import Conv2dNormActivation

from mobilenet_lib import ConvBN, ConvBNReLU, layers


def test_numbers_of_numpys_are_pythons_in_a_layer():
    numbers = {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 1, "groups": 4}
    layer = ConvBN(np.uint8(4), np.int8(8), **{name: np.int8(value) for name, value in numbers.items()})
    assert torch.jit.script(layer)(torch.zeros(1, 4, 6, 6)).shape == (1, 8, 3, 3)  # it takes no others


def random_options(count):
    """Yield (in_channels, out_channels, options) for `count` layers."""
    draw = random.Random(7)
    for _ in range(count):
        groups = draw.choice([1, 1, 2, 4])
        options = {
            "kernel_size": draw.choice([1, 3, 5, 7]),
            "stride": draw.choice([1, 2]),
            "dilation": draw.choice([1, 2, 3, 4]),
            "groups": groups,
            "bias": draw.choice([False, True]),
        }
        yield groups * draw.randint(1, 6), groups * draw.randint(1, 6), options


@pytest.mark.parametrize(("ours", "activation"), [(ConvBN, None), (ConvBNReLU, nn.ReLU6)])
@pytest.mark.parametrize("training", [False, True])
def test_a_layer_is_torchvisions_with_the_same_weights(ours, activation, training):
    torch.manual_seed(0)
    for m, n, options in random_options(40):
        layer = ours(m, n, **options).train(training)
        peer = Conv2dNormActivation(m, n, activation_layer=activation, **options).train(training)
        peer.load_state_dict(layer.state_dict())  # strict: the keys are the same
        x = 9 * torch.randn(2, m, 13, 10)
        with torch.no_grad():
            assert torch.equal(layer(x), peer(x)), (m, n, options)
        for (name, mine), theirs in zip(layer.state_dict().items(), peer.state_dict().values(), strict=True):
            assert torch.equal(mine, theirs), name


def test_convbn_is_linear_and_convbnrelu_clips_it_to_0_and_6():
    torch.manual_seed(0)
    linear, clipped = ConvBN(8, 16).eval(), ConvBNReLU(8, 16).eval()
    clipped.load_state_dict(linear.state_dict())
    x = 20 * torch.randn(2, 8, 9, 9)
    with torch.no_grad():
        y = linear(x)
        assert y.min() < 0
        assert y.max() > 6
        assert torch.equal(clipped(x), y.clamp(0, 6))
        assert torch.allclose(linear(3 * x) - linear(x), 2 * (y - linear(0 * x)), atol=1e-4)


def test_a_layer_leaves_its_input_alone():
    x = torch.randn(2, 4, 5, 5)
    before = x.clone()
    ConvBNReLU(4, 4, kernel_size=1)(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("kernel_size", [1, 3, 5, 7])
@pytest.mark.parametrize("dilation", [1, 2, 3, 4])
def test_padding_left_out_keeps_the_size_for_any_kernel_and_dilation(kernel_size, dilation):
    for size in ((1, 1), (2, 3), (7, 7), (14, 5)):
        x = torch.zeros(2, 3, *size)
        assert ConvBN(3, 4, kernel_size, dilation=dilation).eval()(x).shape == (2, 4, *size)
        if min(size) > 1:
            halved = ConvBNReLU(3, 4, kernel_size, stride=2, dilation=dilation).eval()(x)
            assert halved.shape == (2, 4, -(-size[0] // 2), -(-size[1] // 2))
    padding = layers.same_padding(kernel_size, dilation)
    # torch accepts "same" at stride 1 and works out the same number of zeros.
    torchs = nn.Conv2d(1, 1, kernel_size, dilation=dilation, padding="same")._reversed_padding_repeated_twice
    assert torchs == [padding] * 4


def test_padding_can_be_chosen():
    x = torch.zeros(1, 3, 9, 9)
    assert ConvBN(3, 4, kernel_size=5, padding=0).eval()(x).shape[2:] == (5, 5)
    assert ConvBN(3, 4, kernel_size=1, padding=2).eval()(x).shape[2:] == (13, 13)
    assert ConvBN(3, 4, kernel_size=3, padding=np.int64(1)).eval()(x).shape[2:] == (9, 9)


def test_there_is_no_bias_unless_asked_for():
    assert ConvBN(3, 4)[0].bias is None
    assert ConvBNReLU(3, 4, bias=True)[0].bias.shape == (4,)


def test_a_bias_before_batchnorm_changes_nothing_in_training():
    torch.manual_seed(0)
    without, biased = ConvBN(3, 4).double(), ConvBN(3, 4, bias=True).double()
    biased.load_state_dict(without.state_dict(), strict=False)
    nn.init.constant_(biased[0].bias, 5.0)
    x = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    assert torch.allclose(without(x), biased(x), atol=1e-9)


def test_numpys_integers_are_integers():
    layer = ConvBNReLU(np.int64(4), np.int32(8), np.int64(3), np.int8(2), np.int64(1), np.int64(1), np.int16(2))
    assert layer(torch.zeros(2, 4, 8, 8)).shape == (2, 8, 4, 4)


BAD_LAYERS = [
    ((0, 8), {}, ValueError, "in_channels", "0"),
    ((8, -1), {}, ValueError, "out_channels", "-1"),
    ((8.0, 8), {}, TypeError, "in_channels", "8.0"),
    ((8, True), {}, TypeError, "out_channels", "True"),
    ((8, "8"), {}, TypeError, "out_channels", "'8'"),
    ((8, None), {}, TypeError, "out_channels", "None"),
    ((8, 8), {"kernel_size": 2}, ValueError, "kernel_size", "2"),
    ((8, 8), {"kernel_size": 4}, ValueError, "kernel_size", "4"),
    ((8, 8), {"kernel_size": 0}, ValueError, "kernel_size", "0"),
    ((8, 8), {"kernel_size": 3.0}, TypeError, "kernel_size", "3.0"),
    ((8, 8), {"kernel_size": (3, 3)}, TypeError, "kernel_size", "(3, 3)"),
    ((8, 8), {"stride": 3}, ValueError, "stride", "3"),
    ((8, 8), {"stride": 0}, ValueError, "stride", "0"),
    ((8, 8), {"stride": True}, TypeError, "stride", "True"),
    ((8, 8), {"dilation": 0}, ValueError, "dilation", "0"),
    ((8, 8), {"dilation": 1.5}, TypeError, "dilation", "1.5"),
    ((8, 8), {"padding": -1}, ValueError, "padding", "-1"),
    ((8, 8), {"padding": "same"}, TypeError, "padding", "'same'"),
    ((8, 8), {"padding": 0.0}, TypeError, "padding", "0.0"),
    ((8, 8), {"padding": False}, TypeError, "padding", "False"),
    ((8, 8), {"groups": 3}, ValueError, "groups", "3"),
    ((8, 8), {"groups": 0}, ValueError, "groups", "0"),
    ((8, 8), {"momentum": 0.1}, TypeError, "momentum", ""),
]


@pytest.mark.parametrize("build", [ConvBN, ConvBNReLU])
@pytest.mark.parametrize(("arguments", "options", "error", "name", "value"), BAD_LAYERS)
def test_bad_arguments_are_refused_by_name_and_value(build, arguments, options, error, name, value):
    with pytest.raises(error) as caught:
        build(*arguments, **options)
    assert name in str(caught.value)
    assert value in str(caught.value)


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.zeros((1, 4, 8, 8)), TypeError, "ndarray"),
        ([1.0], TypeError, "list"),
        (None, TypeError, "NoneType"),
        (torch.zeros(4, 8, 8), ValueError, "(4, 8, 8)"),
        (torch.zeros(1, 1, 4, 8, 8), ValueError, "(1, 1, 4, 8, 8)"),
        (torch.zeros(1, 3, 8, 8), ValueError, "got 3"),
        (torch.zeros(1, 8, 8, 4), ValueError, "in_channels=4"),
        (torch.zeros(1, 4, 8, 8, dtype=torch.uint8), TypeError, "got torch.uint8"),
        (torch.zeros(1, 4, 8, 8, dtype=torch.long), TypeError, "got torch.int64"),
    ],
)
def test_what_is_not_a_batch_of_maps_is_refused(x, error, words):
    with pytest.raises(error, match="x must") as caught:
        ConvBN(4, 8)(x)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"stride": 2}, (1, 8)),
        ({"stride": 2}, (8, 1)),
        ({"kernel_size": 5, "padding": 0}, (4, 9)),
        ({"kernel_size": 3, "padding": 0, "dilation": 4}, (8, 8)),
        ({"stride": 2}, (0, 8)),
    ],
)
def test_a_map_too_small_for_the_layer_is_refused(options, size):
    with pytest.raises(ValueError, match="x must be at least") as caught:
        ConvBN(4, 8, **options)(torch.zeros(1, 4, *size))
    assert f"{size[0]}x{size[1]}" in str(caught.value)


def test_the_smallest_map_that_fits_is_taken():
    assert ConvBN(4, 8, kernel_size=5, padding=0).eval()(torch.zeros(1, 4, 5, 5)).shape == (1, 8, 1, 1)
    assert ConvBN(4, 8, padding=0, dilation=4).eval()(torch.zeros(1, 4, 9, 9)).shape == (1, 8, 1, 1)


@pytest.mark.parametrize("call", [lambda block: block(), lambda block: block(1, 2), lambda block: block(y=1)])
def test_a_wrong_number_of_inputs_is_told_of_forward(call):
    with pytest.raises(TypeError, match=r"ConvBN.forward\(\) "):
        call(ConvBN(3, 8))


def test_a_convolution_put_in_its_place_may_have_a_kernel_that_is_no_square():
    layer = ConvBN(3, 8)
    layer[0] = nn.Conv2d(3, 8, (5, 1), bias=False)
    assert layer(torch.zeros(2, 3, 8, 3)).shape == (2, 8, 4, 3)
