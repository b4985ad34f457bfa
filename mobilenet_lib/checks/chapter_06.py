"""Checks of the exercises in chapter 6: the inverted residual."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from contextlib import suppress

from torch import nn

from .. import specs
from ..blocks import ConvDepthwiseConv
from . import CheckFailed, compare, modules
from .compare import PERCENT, THREE_DIGITS, TWO_DIGITS, Case
from .verdicts import exercise, praise, shown


def _break_even(channels: int, kernel_size: int) -> float:
    return kernel_size**2 * channels / (2 * channels + kernel_size**2)


def _with_standard_middle(c: int, k: int) -> float:
    return (math.sqrt(1 + k**4) - 1) / k**2  # t·2C² + (tC)²k² = k²C²


BREAK_EVEN_MISTAKES = [
    (
        "The depthwise layer is left out. It matters least in wide layers: this is the limit for very many channels.",
        lambda c, k: k**2 / 2,
    ),
    ("One of the two pointwise layers is left out.", lambda c, k: k**2 * c / (c + k**2)),
    ("Both pointwise layers are left out, and they are most of the block.", lambda c, k: c),
    ("The kernel has two sides: square it.", lambda c, k: k * c / (2 * c + k)),
    (
        "Upside down: divide the standard convolution by what the block costs for t = 1.",
        lambda c, k: 1 / _break_even(c, k),
    ),
    ("The middle is taken for a standard convolution; its filters read one channel each.", _with_standard_middle),
    ("Your function is for a 3x3 kernel only.", lambda c, k: _break_even(c, 3)),
    ("Your function is for 24 channels only.", lambda c, k: _break_even(24, k)),
    (
        "These are the channels of the middle. t says how many times the input that is.",
        lambda c, k: c * _break_even(c, k),
    ),
]


WHOLE = "Do not round: t need not be a whole number for the two to balance."
ROUNDED = [(WHOLE, lambda c, k, f=f: f(_break_even(c, k))) for f in (math.floor, math.ceil, round)]
BREAK_EVEN_CASES = [
    Case((c, k), _break_even(c, k), f"channels={c}, kernel_size={k}") for c, k in ((24, 3), (96, 3), (24, 5), (320, 7))
]
BALANCE = "Write down the block's MACs for one pixel, set them equal to the standard convolution's, and solve for t."


@exercise
def check_break_even(answer: Callable[[int, int], float] | float) -> None:
    """Check at which expansion an inverted residual costs as much as the standard convolution with the same ends.

    Parameters
    ----------
    answer : callable or float
        ``answer(channels, kernel_size)`` returns t, not rounded; or a number: t for 24 channels and kernel 3. Both
        ends have the same number of channels and the stride is 1.

    Raises
    ------
    CheckFailed
        If it is not right; the message says what to look at again.

    Examples
    --------
    >>> check_break_even(4.5)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: The depthwise layer is left out. It matters least in wide layers: this is the \
limit for very many channels.
    """
    if callable(answer):
        compare.expect_function(answer, BREAK_EVEN_CASES, [*BREAK_EVEN_MISTAKES, *ROUNDED], BALANCE)
    else:
        _compare_break_even(compare.real("t", answer))
    praise("above it the block is the more expensive one. With a 3x3 kernel, MobileNetV2's 6 always lies above it.")


def _compare_break_even(number: compare.Number) -> None:
    """Compare t for 24 channels and a 3x3 kernel, of which people give two or three digits."""
    right, digits = _break_even(24, 3), 5e-3
    if compare.same(number, right, digits):
        return
    for hint, wrong in BREAK_EVEN_MISTAKES:
        if compare.same(number, wrong(24, 3), digits):
            raise CheckFailed(hint)
    if number.value in (math.floor(right), math.ceil(right)):
        raise CheckFailed("Near. But do not round: t need not be a whole number for the two to balance.")
    costs = "more" if number.value > right else "less"
    raise CheckFailed(f"With this t the block costs {costs} than the standard convolution.")


EXTRA = 16 * 16 * 112**2 / 1e6  # at width 0.5: the chapter prints what it is at width 1
EXTRA_LOOK = "Which of the 17 blocks has a layer fewer than the others in the paper's network?"
EXTRA_MISTAKES = [
    ("Give millions, as the two totals are.", EXTRA * 1e6),
    ("This is the difference of the two printed totals. Which layer is it? Its own MACs are exact.", 3.2),
    ("A 1x1 convolution on that map, but the paper has this one: it is a projection.", 16 * 8 * 112**2 / 1e6),
    ("This is a depthwise layer, and the block needs it.", 9 * 16 * 112**2 / 1e6),
    ("The layer is right, and its map is not: how large is the first block's?", 16 * 16 * 56**2 / 1e6),
    ("Twice too much: one MAC is a multiplication with its addition.", 2 * EXTRA),
    ("This is at width 1. How many channels has the stem at half the width?", 32 * 32 * 112**2 / 1e6),
]


@exercise
def check_extra_layer(millions: float) -> None:
    """Check the MACs of the layer that is too many in a colleague's MobileNetV2.

    Parameters
    ----------
    millions : float
        Million MACs of the layer that takes the count at width 0.5 from 97.1 to 100.3 million.

    Raises
    ------
    CheckFailed
        If it is another number; the message says what to look at again.

    Examples
    --------
    >>> check_extra_layer(3.2)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: This is the difference of the two printed totals. Which layer is it? Its own \
MACs are exact.
    """
    number, digits = compare.real("The MACs", millions), 1e-3
    if not compare.same(number, EXTRA, digits):
        for hint, wrong in EXTRA_MISTAKES:
            if compare.same(number, wrong, digits):
                raise CheckFailed(hint)
        raise CheckFailed(EXTRA_LOOK)
    praise("the general block puts an expansion into the first block, where t = 1 needs none.")


def _rule(i: int, o: int, s: int) -> bool:
    return s == 1 and i == o


RULE_MISTAKES = [
    ("The stride is one condition. What else must agree before two tensors can be added?", lambda i, o, s: s == 1),
    ("The channels are one condition. What does the stride do to the map?", lambda i, o, s: i == o),
    ("Either condition alone is not enough: both must hold.", lambda i, o, s: s == 1 or i == o),
    ("The sum does not exist in every block: look at the shapes.", lambda i, o, s: True),
    ("Some blocks do have it.", lambda i, o, s: False),
    ("The wrong way round: your function says when there is none.", lambda i, o, s: not _rule(i, o, s)),
    (
        "A narrower input cannot be added either: the channels must agree exactly.",
        lambda i, o, s: s == 1 and i <= o,
    ),
    ("A wider input cannot be added either: the channels must agree exactly.", lambda i, o, s: s == 1 and i >= o),
    (
        "With stride 2 the map is halved, with stride 1 it is not. Which fits the input?",
        lambda i, o, s: s == 2 and i == o,
    ),
]


@exercise
def check_residual_rule(function: Callable[[int, int, int], bool]) -> None:
    """Check a function that says whether an inverted residual adds its input to its output.

    Parameters
    ----------
    function : callable
        ``function(in_channels, out_channels, stride)`` returns True or False.

    Raises
    ------
    CheckFailed
        If it is wrong for some block; the message says what to look at again.

    Examples
    --------
    >>> check_residual_rule(lambda in_channels, out_channels, stride: stride == 1)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: The stride is one condition. What else must agree before two tensors can be added?
    """
    cases = [
        Case((i, o, s), _rule(i, o, s), f"{i} channels in, {o} out, stride {s}")
        for i, o, s in itertools.product((16, 24, 32), (16, 24, 32), (1, 2))
    ]
    results = [
        compare.Number(int(_truth(result, case.shown)))
        for result, case in zip(compare.results_of(function, cases), cases, strict=True)
    ]
    compare.expect_results(results, cases, RULE_MISTAKES, "Compare the two shapes.", given=False)
    praise("the residual exists exactly where both tensors have one shape.")


def _truth(result: object, where: str) -> bool:
    """Return True or False, whatever it came as; integers count as Python counts them."""
    held, _ = compare.single(result)
    number = compare.read(held)
    if isinstance(held, bool):
        return held
    if number is not None and (isinstance(number.value, int) or number.value in (0, 1)):
        return bool(number.value)
    with suppress(Exception):
        if held in (True, False):  # another library's own
            return bool(held)
    raise CheckFailed(f"Your function should return True or False; for {where} it returns {shown(result)}.")


@exercise
def check_inverted_residual(block: type[nn.Module]) -> None:
    """Check an inverted residual: its shapes, its parameters, and its numbers with the library's weights.

    Parameters
    ----------
    block : type
        A ``torch.nn.Module`` whose instances are built by
        ``block(in_channels, mid_channels, out_channels, kernel_size=3, stride=1, dilation=1)``: expansion, depthwise
        filter, linear projection, each with BatchNorm, and the residual where it exists. Names do not matter: weights
        are handed over in the order in which the layers run.

    Raises
    ------
    CheckFailed
        If it differs from :class:`~mobilenet_lib.InvertedResidual`; the message says where.

    Examples
    --------
    >>> check_inverted_residual(ConvDepthwiseConv)
    right: ConvDepthwiseConv gives what the library's block gives, in eval
    and in train mode.
    """
    parts = {"conv1": "relu6", "depthwise": "relu6", "conv2": None}
    settings = [
        ((8, 24, 16), {}),
        ((8, 24, 8), {}),
        ((8, 24, 8), {"stride": 2}),
        ((8, 24, 8), {"kernel_size": 5}),
        ((8, 24, 8), {"dilation": 2}),
        ((8, 24, 16), {"kernel_size": 5, "stride": 2, "dilation": 2}),
    ]
    modules.same_block(block, ConvDepthwiseConv, parts, settings)


def _ends_agree(width: float) -> list[bool]:
    """Return for each of the 17 blocks whether it has a shortcut at a width."""
    return [block.stride == 1 and block.in_channels == block.out_channels for block in specs.v2_blocks(width)]


@exercise
def check_extra_shortcut(block: int) -> None:
    """Check which block has a shortcut at width 0.25, and none at width 1.

    Parameters
    ----------
    block : int
        Its place in ``MobileNetV2(width_mult=0.25).blocks``, counted from 0.

    Raises
    ------
    CheckFailed
        If it is another one; the message says what to look at again.

    Examples
    --------
    >>> check_extra_shortcut(1)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Block 1 has stride 2, at each width.
    """
    wide, narrow, blocks = _ends_agree(1.0), _ends_agree(0.25), list(specs.v2_blocks(0.25))
    place = compare.whole(compare.real("The block", block))
    if not isinstance(place, int) or not 0 <= place < len(blocks):
        raise CheckFailed(f"There are {len(blocks)} blocks. Give the place of one, counted from 0.")
    if wide[place]:
        raise CheckFailed(f"Block {place} has its shortcut at width 1, too.")
    if blocks[place].stride == 2:
        raise CheckFailed(f"Block {place} has stride 2, at each width.")
    if not narrow[place]:
        raise CheckFailed(f"The ends of block {place} differ at width 0.25, too. Which channels does rounding change?")
    praise("its output is rounded up to 8 channels, and the stem has 8 as well.")


KERNELS = tuple(100 * (k**2 - 9) / (96 + 9 + 96) for k in (5, 7))
KERNEL_MISTAKES = [
    [
        (PERCENT, right / 100),
        ("this is the new block in percent of the old one. How much comes on top?", 100 + right),
        ("this is the depthwise layer alone. Both pointwise layers stay as they are.", 100 * (k**2 / 9 - 1)),
        ("one of the two pointwise layers is left out.", 100 * (k**2 - 9) / (96 + 9)),
        ("the kernel has two sides: square it.", 100 * (k - 3) / (96 + 3 + 96)),
        ("each filter of the middle reads one channel only.", 100 * (k**2 - 9) * 576 / (96 + 9 * 576 + 96)),
    ]
    for k, right in zip((5, 7), KERNELS, strict=True)
]
KERNEL_LOOK = "in the bracket of the formula only k² changes, from 9. What is the bracket before and after?"
WIDER = 6.6
WIDER_MISTAKES = [
    ("this is what is added to t.", 0.6),
    ("these are the channels of the middle. t is how many times the input they are.", 633),
    ("the ends stay at 96 channels, so the MACs grow with t and not with its square.", 6 * math.sqrt(1.1)),
    ("this is the factor. What is t then?", 1.1),
    ("a tenth of 6 is less than that.", 7),
]


@exercise
def check_dearer_kernel(five: float, seven: float, t: float) -> None:
    """Check what larger kernels cost in an inverted residual, and how wide it could be for 10 % more MACs.

    Parameters
    ----------
    five, seven : float
        By how many percent a kernel of 5x5 and one of 7x7 raise the MACs of ``InvertedResidual(96, 576, 96)``.
    t : float
        The expansion with a 3x3 kernel that costs 10 % more than 6 does.

    Raises
    ------
    CheckFailed
        If one of them is not right; the message says what to look at again.

    Examples
    --------
    >>> check_dearer_kernel(100 * 16 / 9, 100 * 40 / 9, 6.6)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: 5×5: this is the depthwise layer alone. Both pointwise layers stay as they are.
    """
    compare.expect_order((five, seven), KERNELS, "5×5 first, then 7×7", TWO_DIGITS)
    for name, answer, right, mistakes in zip(("5×5", "7×7"), (five, seven), KERNELS, KERNEL_MISTAKES, strict=True):
        compare.expect_number(name, answer, right, mistakes, KERNEL_LOOK, TWO_DIGITS)
    look = "with equal ends, to what are the block's MACs in proportion?"
    compare.expect_number("t", t, WIDER, WIDER_MISTAKES, look, THREE_DIGITS)
    praise("5×5 fits into the budget, 7×7 does not, and the wider block would cost as much as the budget allows.")
