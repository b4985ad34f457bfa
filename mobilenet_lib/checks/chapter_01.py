"""Checks of the exercises in chapter 1: standard convolution."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from .. import cost
from . import compare
from .compare import BIAS, PAIR, PERCENT, THREE_DIGITS, TWO_DIGITS, Case
from .verdicts import exercise, praise

STEM = cost.conv(3, 32, kernel_size=3, out_size=112)
STEM_PARAMS_MISTAKES = [
    (BIAS, STEM.params + 32),
    ("BatchNorm's two numbers for each channel are in it. The question is about the convolution alone.", 928),
    ("a filter is as deep as its input. How many channels has the image?", 9 * 32),
    ("this is one filter. There is one for each output channel.", 9 * 3),
    ("the kernel has two sides.", 3 * 3 * 32),
    ("they do not depend on the size of the map: the same weights serve every pixel.", STEM.macs),
]
STEM_MACS_MISTAKES = [
    ("the stride is forgotten. How many pixels a side has the **output**?", STEM.params * 224 * 224),
    (
        "twice too much. The stride acts on both sides of the map; and one MAC is a multiplication with its addition.",
        STEM.params * 224 * 112,
    ),
    ("this is for a single pixel of the output.", STEM.params),
    ("the filter is as deep as its input. How many channels has the image?", 9 * 32 * 112**2),
    ("this is for one output channel.", 27 * 112**2),
    ("with padding 1, a stride of 2 halves the side exactly.", STEM.params * 111 * 111),
    (BIAS, (STEM.params + 32) * 112**2),
    ("the output is a square: its side counts twice.", STEM.params * 112),
]


@exercise
def check_stem(params: int, macs: int) -> None:
    """Check parameters and MACs of the first convolution of both MobileNets.

    Parameters
    ----------
    params, macs : int
        Of the 3x3 convolution with stride 2 that takes a 224x224 image from 3 channels to 32; the convolution alone,
        without its BatchNorm.

    Raises
    ------
    CheckFailed
        If one of them is not right; the message says what to look at again.

    Examples
    --------
    >>> check_stem(3 * 3 * 3 * 32, ...)
    not yet: put your answer in place of the ..., then run its cell and the
    check again
    >>> check_stem(3 * 3 * 32, 3 * 3 * 32 * 112 * 112)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Parameters: a filter is as deep as its input. How many channels has the image?
    """
    compare.expect_order((params, macs), (STEM.params, STEM.macs), "parameters first, then MACs")
    look = "multiply the numbers that make up one filter, and then by how many filters there are."
    compare.expect_number("Parameters", params, STEM.params, STEM_PARAMS_MISTAKES, look)
    look = "every weight is used once for each pixel of the output. How many pixels has it?"
    compare.expect_number("MACs", macs, STEM.macs, STEM_MACS_MISTAKES, look)
    praise(f"{STEM.params:,} parameters and {STEM.macs:,} MACs.")


def _with_sides(conv: nn.Conv2d, height: int, width: int, sides: Callable[..., int], weights: int = 0) -> int:
    out = [
        sides(size, conv.kernel_size[i], conv.stride[i], conv.padding[i], conv.dilation[i])
        for i, size in enumerate((height, width))
    ]
    return (weights or conv.weight.numel()) * out[0] * out[1]


def _side(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _wrong_sides(sides: Callable[..., int]) -> Callable[..., int]:
    return lambda conv, height, width: _with_sides(conv, height, width, sides)


def _wrong_weights(weights: Callable[[nn.Conv2d], int]) -> Callable[..., int]:
    return lambda conv, height, width: _with_sides(conv, height, width, _side, weights(conv))


def _taps(conv: nn.Conv2d) -> int:
    return conv.kernel_size[0] * conv.kernel_size[1]


OF_INPUT = "Your function multiplies by the pixels of the input. A weight is used once for each pixel of the output."
MACS_MISTAKES = [
    (OF_INPUT, lambda conv, height, width: conv.weight.numel() * height * width),
    ("The stride is forgotten.", _wrong_sides(lambda h, k, s, p, d: _side(h, k, 1, p, d))),
    ("The padding is forgotten.", _wrong_sides(lambda h, k, s, p, d: _side(h, k, s, 0, d))),
    (
        "The padding is on both sides of the map.",
        _wrong_sides(lambda h, k, s, p, d: (h + p - d * (k - 1) - 1) // s + 1),
    ),
    ("The dilation is forgotten.", _wrong_sides(lambda h, k, s, p, d: _side(h, k, s, p, 1))),
    ("The sides are one pixel short; compare with the formula.", _wrong_sides(lambda *a: _side(*a) - 1)),
    (
        "The groups are forgotten: with groups, a filter reads in_channels / groups channels.",
        _wrong_weights(lambda conv: _taps(conv) * conv.in_channels * conv.out_channels),
    ),
    (
        "The channels are divided by the groups twice: only the channels that a filter **reads** get fewer.",
        _wrong_weights(lambda conv: _taps(conv) * conv.in_channels * conv.out_channels // conv.groups**2),
    ),
    (
        "The kernel is taken for a square; its two sides may differ.",
        _wrong_weights(lambda conv: conv.weight.numel() // _taps(conv) * conv.kernel_size[0] ** 2),
    ),
    (
        "Height and width are mixed up, or the second is taken for the first.",
        lambda conv, height, width: _with_sides(conv, width, height, _side),
    ),
    (
        "A bias is counted. It is added, and nothing is multiplied.",
        _wrong_weights(lambda conv: sum(p.numel() for p in conv.parameters())),
    ),
    (PAIR, lambda conv, height, width: 2 * _with_sides(conv, height, width, _side)),
    ("These are the parameters: multiply by the pixels.", lambda conv, height, width: conv.weight.numel()),
    (
        "This is for one output channel.",
        lambda conv, height, width: _with_sides(conv, height, width, _side) // conv.out_channels,
    ),
]


def _macs_cases() -> Iterator[Case]:
    plain = "Begin with the plainest of layers."
    settings: list[tuple[dict[str, Any], int, int, str]] = [
        # (the layer's settings, height, width, what to look at when this is the first that fails)
        ({"kernel_size": 3, "padding": 1}, 20, 30, plain),
        ({"kernel_size": 1}, 20, 30, plain),
        ({"kernel_size": 3}, 20, 30, "Without padding the map shrinks."),
        ({"kernel_size": 3, "stride": 2, "padding": 1}, 31, 40, "The stride changes the output's size."),
        ({"kernel_size": (1, 5), "padding": (0, 1)}, 31, 40, "Kernel and padding may differ by side."),
        ({"kernel_size": 3, "stride": (1, 2)}, 31, 40, "The stride may differ by side."),
        ({"kernel_size": 3, "dilation": 3}, 31, 40, "Dilation makes the kernel reach further."),
        ({"kernel_size": 3, "padding": 1, "groups": 4}, 31, 40, "With groups a filter reads fewer channels."),
        ({"kernel_size": 3, "padding": 1, "bias": True}, 31, 40, "This one has a bias, and that is no multiplication."),
    ]
    for setting, height, width, look in settings:
        named: dict[str, Any] = {"bias": False, **setting}
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            conv = nn.Conv2d(8, 16, **named)
            pixels = conv(torch.zeros(1, 8, height, width))[0, 0].numel()
        shown = str(conv).replace("Conv2d", "nn.Conv2d", 1)
        yield Case((conv, height, width), conv.weight.numel() * pixels, f"{shown} on {height}x{width}", look)


@exercise
def check_macs_function(function: Callable[[nn.Conv2d, int, int], int]) -> None:
    """Check a function that counts the MACs of any ``nn.Conv2d``.

    Parameters
    ----------
    function : callable
        ``function(conv, height, width)`` returns the MACs of the layer for one input of that size.

    Raises
    ------
    CheckFailed
        If it is wrong for one of the layers it is tried on; the message says what to look at again.

    Examples
    --------
    >>> check_macs_function(lambda conv, height, width: conv.weight.numel() * height * width)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Your function multiplies by the pixels of the input. A weight is used once for \
each pixel of the output.
    """
    compare.expect_function(function, list(_macs_cases()), MACS_MISTAKES)
    praise("your function counts every layer it was tried on: stride, padding, dilation, groups and a bias.")


TWO_FOR_ONE = 72  # 2 * 9 weights against 25, for each pair of channels and each pixel
TWO_FOR_ONE_MISTAKES = [
    (PERCENT, 18 / 25),
    ("there are two of the small layers.", 36),
    ("a kernel has two sides: 3×3 are nine weights.", 120),
    ("a kernel has two sides, and there are two of the small layers.", 60),
    ("upside down: divide the cheaper by the more expensive.", 2500 / 18),
    ("this is what is saved. What is needed?", 28),
    ("this is how many weights more the single layer has for a pair of channels. What is the share?", 7),
]


@exercise
def check_two_for_one(percent: float) -> None:
    """Check what percentage of the other's MACs the cheaper one needs: two 3x3 layers or one 5x5 layer.

    Parameters
    ----------
    percent : float
        With the same number of channels everywhere, and the same map.

    Raises
    ------
    CheckFailed
        If it is another number; the message says what to look at again.

    Examples
    --------
    >>> check_two_for_one(36)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Percent: there are two of the small layers.
    """
    look = "for one pixel and one pair of channels, how many weights has each of the two?"
    compare.expect_number("Percent", percent, TWO_FOR_ONE, TWO_FOR_ONE_MISTAKES, look, THREE_DIGITS)
    praise("the pair needs 18/25 of the single layer, with a nonlinearity in the middle as well.")


def _outside(side: int) -> float:
    """Return how many percent of a 3x3 filter's taps lie outside of a map, with padding 1."""
    return 100 * (1 - ((3 * side - 2) / (3 * side)) ** 2)


ZEROS = _outside(112), _outside(7)
ZEROS_MISTAKES = [
    [
        (PERCENT, right / 100),
        ("this is along one axis. Rows meet the border, and columns do.", 200 / (3 * side)),
        ("a tap at a corner is outside by its row and by its column. It is counted twice.", 400 / (3 * side)),
        ("these are the pixels at the border. Most of the nine taps of such a pixel lie inside.",
         100 * (1 - ((side - 2) / side) ** 2)),
        ("this is the share of zeros in the padded map. Each of them meets fewer than nine taps.",
         100 * (1 - (side / (side + 2)) ** 2)),
        ("this is what lies inside.", 100 - right),
    ]
    for side, right in zip((112, 7), ZEROS, strict=True)
]  # fmt: skip
ZEROS_LOOK = "take one axis first: of the three taps at each of its positions, how many fall outside, all in all?"


@exercise
def check_padding_zeros(large: float, small: float) -> None:
    """Check what share of a 3x3 convolution's counted MACs multiplies a padding zero.

    Parameters
    ----------
    large, small : float
        In percent, on a map of 112x112 and on one of 7x7.

    Raises
    ------
    CheckFailed
        If one of them is not right; the message says what to look at again.

    Examples
    --------
    >>> check_padding_zeros(100 * 2 / 336, 100 * 2 / 21)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: 112×112: this is along one axis. Rows meet the border, and columns do.
    """
    compare.expect_order((large, small), ZEROS, "the large map first, then the small one", TWO_DIGITS)
    for name, answer, right, mistakes in zip(("112×112", "7×7"), (large, small), ZEROS, ZEROS_MISTAKES, strict=True):
        compare.expect_number(name, answer, right, mistakes, ZEROS_LOOK, TWO_DIGITS)
    praise(f"{ZEROS[0]:.1f} % and {ZEROS[1]:.1f} %. The smaller the map, the more of it is border.")
