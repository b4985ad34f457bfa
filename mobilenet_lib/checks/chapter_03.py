"""Checks of the exercises in chapter 3: depthwise separable convolution."""

from __future__ import annotations

from torch import nn

from .. import cost
from ..blocks import DepthwiseSeparableConv
from . import CheckFailed, compare, modules
from .compare import PAIR
from .verdicts import exercise, praise

PIXELS = 112 * 112
DEPTHWISE, POINTWISE = (layer.macs for layer in cost.depthwise_separable_layers(32, 64, size=112))
DEPTHWISE_MISTAKES = [
    ("this is a standard convolution. Here each filter reads one channel only.", 9 * 32 * 64 * PIXELS),
    ("the groups are forgotten: each filter reads one channel, not all of them.", 9 * 32 * 32 * PIXELS),
    (
        "twice too much. It filters the 32 channels that come in; and one MAC is a multiplication with its addition.",
        9 * 64 * PIXELS,
    ),
    ("this is for a single pixel of the output.", 9 * 32),
    ("the kernel has two sides.", 3 * 32 * PIXELS),
    ("this is one filter. There is one for each input channel.", 9 * PIXELS),
    ("the block works on a map of 112 pixels a side.", 9 * 32 * 224 * 224),
    ("the block has stride 1: the map keeps its size.", 9 * 32 * 56 * 56),
]
POINTWISE_MISTAKES = [
    ("its kernel is a single pixel; the 3x3 filter is in the layer before it.", 9 * 32 * 64 * PIXELS),
    ("this is for a single pixel of the output.", 32 * 64),
    ("each of the 64 outputs reads all the channels that come in.", 64 * PIXELS),
    ("how many channels come out?", 32 * 32 * PIXELS),
    ("there are several outputs, and each reads all the channels.", 32 * PIXELS),
    ("this is the sum of the two layers. What is the second one alone?", DEPTHWISE + POINTWISE),
    ("the block works on a map of 112 pixels a side.", 32 * 64 * 224 * 224),
    ("the block has stride 1: the map keeps its size.", 32 * 64 * 56 * 56),
    (PAIR, 2 * POINTWISE),
]


@exercise
def check_block_cost(depthwise: int, pointwise: int) -> None:
    """Check the MACs of the two layers of MobileNetV1's first block.

    Parameters
    ----------
    depthwise, pointwise : int
        MACs of its 3x3 depthwise and of its pointwise layer, from 32 channels to 64 on a 112x112 map, stride 1.

    Raises
    ------
    CheckFailed
        If one of them is not right; the message says what to look at again.

    Examples
    --------
    >>> check_block_cost(depthwise=9 * 32 * 64 * 112 * 112, pointwise=32 * 64 * 112 * 112)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Depthwise: this is a standard convolution. Here each filter reads \
one channel only.
    """
    macs = (DEPTHWISE, POINTWISE)
    compare.expect_order((depthwise, pointwise), macs, "the depthwise layer first, then the pointwise one")
    look = "for each pixel and each channel, how many weights lie on the map?"
    compare.expect_number("Depthwise", depthwise, DEPTHWISE, DEPTHWISE_MISTAKES, look)
    look = "at each pixel, every output channel is a weighted sum of the input channels."
    compare.expect_number("Pointwise", pointwise, POINTWISE, POINTWISE_MISTAKES, look)
    times = POINTWISE / DEPTHWISE
    praise(f"{DEPTHWISE:,} and {POINTWISE:,} MACs. The mixing is {times:.1f} times as much as the filtering.")


EIGHTH = 72  # 1/N + 1/9 = 1/8
EIGHTH_MISTAKES = [
    ("1/N alone would be an eighth, but the kernel's 1/9 comes on top of it.", 8),
    ("That is the kernel's part. Solve 1/N + 1/9 = 1/8 for N.", 9),
    ("Fractions do not add up like that: 1/8 − 1/9 needs a common denominator.", 1),
    ("Fractions do not add up like that: the denominators are not added.", 17),
    ("Nearly. This is 1/N; the question is for N.", 1 / 72),
    ("The sign: what is left for 1/N is 1/8 − 1/9, not their sum.", 72 / 17),
]


@exercise
def check_exact_eighth(n: int) -> None:
    """Check for which N a 3x3 separable convolution costs exactly an eighth of the standard one.

    Parameters
    ----------
    n : int
        Number of output channels.

    Raises
    ------
    CheckFailed
        If it costs another share; the message says which way to go.

    Examples
    --------
    >>> check_exact_eighth(8)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: 1/N alone would be an eighth, but the kernel's 1/9 comes on top of it.
    """
    number = compare.real("N", n)
    for hint, wrong in EIGHTH_MISTAKES:
        if compare.same(number, wrong, 1e-3):
            raise CheckFailed(hint)
    value = compare.whole(number)
    if value <= 0 or value != int(value):
        raise CheckFailed("N counts channels, so it is a positive whole number.")
    if not compare.same(number, EIGHTH):
        share = 1 / value + 1 / 9
        more = "more" if share > 1 / 8 else "less"
        given = compare.amount(value).replace(",", "")
        raise CheckFailed(f"With N = {given} it costs {share:.2%} of the standard one, {more} than an eighth.")
    praise("an eighth exactly, whatever the input channels and the map.")


@exercise
def check_separable(block: type[nn.Module]) -> None:
    """Check a depthwise separable block: its shapes, its parameters, and its numbers with the library's weights.

    Parameters
    ----------
    block : type
        A ``torch.nn.Module`` whose instances are built by ``block(in_channels, out_channels, stride=1)``: a 3x3
        depthwise convolution and a pointwise convolution, each with BatchNorm and ReLU6. Names do not matter: weights
        are handed over in the order in which the layers run.

    Raises
    ------
    CheckFailed
        If it differs from :class:`~mobilenet_lib.DepthwiseSeparableConv`; the message says where.

    Examples
    --------
    >>> check_separable(DepthwiseSeparableConv)
    right: DepthwiseSeparableConv gives what the library's block gives, in
    eval and in train mode.
    """
    parts = {"depthwise": "relu6", "pointwise": "relu6"}
    settings = [((8, 16), {}), ((8, 8), {}), ((8, 16), {"stride": 2})]
    modules.same_block(block, DepthwiseSeparableConv, parts, settings)
