"""Checks for the exercises: right, or what to look at again, and never the solution.

Each ``check_...`` takes an answer, a function or a class. If it is right, one line says so. If not,
:class:`CheckFailed` says in one sentence where to look; in a notebook that sentence is all that shows. While the answer
is still ``...``, the check says "not yet" and lets the notebook go on.

A check finds out what went wrong by making the typical mistakes itself: it compares the answer with what each of them
would give.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
import math
import operator
import re
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Real
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .. import cost, specs
from ..blocks import ConvDepthwiseConv, DepthwiseSeparableConv
from ..cost import Layer
from ..measure import roof as roofline

Mistakes = Sequence[tuple[str, Any]]  # a hint, and the value (or the function) that somebody who needs it would give

BIAS = "A bias is counted, but BatchNorm follows and would take it out again: the convolution has none."
PAIR = "This is twice too much: multiplications and additions are counted apart. One MAC is a pair of them."
OUTLINED = "write the code in place of NotImplementedError and run this cell again"
SAME_FOR_ALL = "Your function gives the same answer for different inputs. Does it use all of its arguments?"


class CheckFailed(AssertionError):
    """An answer that is not right yet; the message says where to look again.

    A notebook shows the message alone, without a traceback.

    Parameters
    ----------
    hint : str
        What to look at again.

    Examples
    --------
    >>> CheckFailed("Look at the stride.")._render_traceback_()
    ['look again: Look at the stride.']
    """

    def __init__(self, hint: str):
        super().__init__(hint)

    def _render_traceback_(self) -> list[str]:
        return [f"look again: {self}"]


class _NotYet(Exception):
    """There is no answer to check yet."""


def _exercise(check: Callable[..., None]) -> Callable[..., None]:
    """Let a check say "not yet" instead of failing, and fail without the chain of errors that led there."""

    @functools.wraps(check)
    def run(*answers: object, **named: object) -> None:
        try:
            for answer in (*answers, *named.values()):
                _unfinished(answer)
            check(*answers, **named)
        except _NotYet as why:
            print(f"not yet: {why}")
        except CheckFailed as failed:
            raise failed from None

    return run


def _unfinished(answer: object) -> None:
    if answer is None or answer is ... or answer is NotImplemented:
        raise _NotYet("put your answer in place of the ... and run this cell again")


def _right(praise: str) -> None:
    print(f"right: {praise}")


# Chapter 1: standard convolution


@_exercise
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
    not yet: put your answer in place of the ... and run this cell again
    >>> check_stem(3 * 3 * 32, 3 * 3 * 32 * 112 * 112)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Parameters: a filter is as deep as its input. How many channels has the image?
    """
    right = cost.conv(3, 32, kernel_size=3, out_size=112)
    _not_swapped((params, macs), (right.params, right.macs), "parameters first, then MACs")
    _number(
        "Parameters",
        params,
        right.params,
        [
            (BIAS, right.params + 32),
            ("BatchNorm's two numbers for each channel are in it. The question is about the convolution alone.", 928),
            ("a filter is as deep as its input. How many channels has the image?", 9 * 32),
            ("this is one filter. There is one for each output channel.", 9 * 3),
            ("the kernel has two sides.", 3 * 3 * 32),
            ("they do not depend on the size of the map: the same weights serve every pixel.", right.macs),
        ],
        "multiply the numbers that make up one filter, and then by how many filters there are.",
    )
    weights = right.params
    _number(
        "MACs",
        macs,
        right.macs,
        [
            ("the stride is forgotten. How many pixels a side has the **output**?", weights * 224 * 224),
            (
                "twice too much. The stride acts on both sides of the map; and one MAC is a multiplication with its "
                "addition.",
                weights * 224 * 112,
            ),
            ("this is for a single pixel of the output.", weights),
            ("the filter is as deep as its input. How many channels has the image?", 9 * 32 * 112**2),
            ("this is for one output channel.", 27 * 112**2),
            ("with padding 1, a stride of 2 halves the side exactly.", weights * 111 * 111),
            (BIAS, (weights + 32) * 112**2),
            ("the output is a square: its side counts twice.", weights * 112),
        ],
        "every weight is used once for each pixel of the output. How many pixels has it?",
    )
    _right(f"{right.params:,} parameters and {right.macs:,} MACs.")


@_exercise
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
    layers = [
        # (layer, height, width, what to look at when this is the first that fails)
        (nn.Conv2d(8, 16, 3, padding=1, bias=False), 20, 30, "Begin with the plainest of layers."),
        (nn.Conv2d(8, 16, 1, bias=False), 20, 30, "Begin with the plainest of layers."),
        (nn.Conv2d(8, 16, 3, bias=False), 20, 30, "Without padding the map shrinks."),
        (nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False), 31, 40, "The stride changes the output's size."),
        (nn.Conv2d(8, 16, (1, 5), padding=(0, 1), bias=False), 31, 40, "Kernel and padding may differ by side."),
        (nn.Conv2d(8, 16, 3, stride=(1, 2), bias=False), 31, 40, "The stride may differ by side."),
        (nn.Conv2d(8, 16, 3, dilation=3, bias=False), 31, 40, "Dilation makes the kernel reach further."),
        (nn.Conv2d(8, 16, 3, padding=1, groups=4, bias=False), 31, 40, "With groups a filter reads fewer channels."),
        (nn.Conv2d(8, 16, 3, padding=1), 31, 40, "This one has a bias, and that is no multiplication."),
    ]
    cases = []
    for conv, height, width, look in layers:
        with torch.no_grad():
            pixels = conv(torch.zeros(1, conv.in_channels, height, width))[0, 0].numel()
        shown = str(conv).replace("Conv2d", "nn.Conv2d", 1)
        cases.append(_Case((conv, height, width), conv.weight.numel() * pixels, f"{shown} on {height}x{width}", look))

    def with_sides(conv: nn.Conv2d, height: int, width: int, sides: Callable[..., int], weights: int = 0) -> int:
        out = [
            sides(size, conv.kernel_size[i], conv.stride[i], conv.padding[i], conv.dilation[i])
            for i, size in enumerate((height, width))
        ]
        return (weights or conv.weight.numel()) * out[0] * out[1]

    def side(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
        return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1

    def wrong_sides(sides: Callable[..., int]) -> Callable[..., int]:
        return lambda conv, height, width: with_sides(conv, height, width, sides)

    def wrong_weights(weights: Callable[[nn.Conv2d], int]) -> Callable[..., int]:
        return lambda conv, height, width: with_sides(conv, height, width, side, weights(conv))

    def taps(conv: nn.Conv2d) -> int:
        return conv.kernel_size[0] * conv.kernel_size[1]

    of_input = (
        "Your function multiplies by the pixels of the input. A weight is used once for each pixel of the output."
    )
    mistakes = [
        (of_input, lambda conv, height, width: conv.weight.numel() * height * width),
        ("The stride is forgotten.", wrong_sides(lambda h, k, s, p, d: side(h, k, 1, p, d))),
        ("The padding is forgotten.", wrong_sides(lambda h, k, s, p, d: side(h, k, s, 0, d))),
        (
            "The padding is on both sides of the map.",
            wrong_sides(lambda h, k, s, p, d: (h + p - d * (k - 1) - 1) // s + 1),
        ),
        ("The dilation is forgotten.", wrong_sides(lambda h, k, s, p, d: side(h, k, s, p, 1))),
        ("The sides are one pixel short; compare with the formula.", wrong_sides(lambda *a: side(*a) - 1)),
        (
            "The groups are forgotten: with groups, a filter reads in_channels / groups channels.",
            wrong_weights(lambda conv: taps(conv) * conv.in_channels * conv.out_channels),
        ),
        (
            "The channels are divided by the groups twice: only the channels that a filter **reads** get fewer.",
            wrong_weights(lambda conv: taps(conv) * conv.in_channels * conv.out_channels // conv.groups**2),
        ),
        (
            "The kernel is taken for a square; its two sides may differ.",
            wrong_weights(lambda conv: conv.weight.numel() // taps(conv) * conv.kernel_size[0] ** 2),
        ),
        (
            "Height and width are mixed up, or the second is taken for the first.",
            lambda conv, height, width: with_sides(conv, width, height, side),
        ),
        (
            "A bias is counted. It is added, and nothing is multiplied.",
            wrong_weights(lambda conv: sum(p.numel() for p in conv.parameters())),
        ),
        (PAIR, lambda conv, height, width: 2 * with_sides(conv, height, width, side)),
        ("These are the parameters: multiply by the pixels.", lambda conv, height, width: conv.weight.numel()),
        (
            "This is for one output channel.",
            lambda conv, height, width: with_sides(conv, height, width, side) // conv.out_channels,
        ),
    ]
    _function(function, cases, mistakes)
    _right("your function counts every layer it was tried on: stride, padding, dilation, groups and a bias.")


# Chapter 2: counting


def _networks() -> list[tuple[str, list[Layer]]]:
    return [
        ("MobileNetV1", cost.mobilenet_v1_layers()),
        ("MobileNetV2", cost.mobilenet_v2_layers()),
        ("MobileNetV2 of width 0.35 at 96x96 with 10 classes", cost.mobilenet_v2_layers(0.35, 96, num_classes=10)),
    ]


def _macs(layers: list[Layer]) -> int:
    return cost.total(layers).macs


def _normed(layers: list[Layer]) -> int:
    """Return C: how many values pass a BatchNorm."""
    return sum(layer.activations for layer in layers if layer.norm)


def _pooled(layers: list[Layer]) -> int:
    """Return G: how many values go into the global average, which stands before the classifier."""
    return layers[-2].activations


def _norm_params(layers: list[Layer]) -> int:
    return sum(2 * layer.out_channels for layer in layers if layer.norm)


@_exercise
def check_fvcore_total(function: Callable[[list[Layer]], int]) -> None:
    """Check a function that predicts what fvcore prints as the total of a whole MobileNet in eval mode.

    Parameters
    ----------
    function : callable
        ``function(layers)`` returns the total. ``layers`` is a list of :class:`~mobilenet_lib.cost.Layer`, as
        :func:`~mobilenet_lib.cost.mobilenet_v1_layers` gives it. The last one is the classifier; the output of the one
        before it goes through the global average.

    Raises
    ------
    CheckFailed
        If it is wrong for one of the networks it is tried on; the message says what to look at again.

    Examples
    --------
    >>> check_fvcore_total(lambda layers: sum(layer.macs for layer in layers))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: These are the convolutions and the classifier. fvcore counts two kinds \
of layer more.
    """
    cases = [
        _Case((layers,), _macs(layers) + 2 * _normed(layers) + _pooled(layers), name) for name, layers in _networks()
    ]
    relu6 = ("projection", "classifier")
    mistakes = [
        ("These are the convolutions and the classifier. fvcore counts two kinds of layer more.", _macs),
        ("One of fvcore's flops is a whole multiply-accumulate: do not double them.", lambda L: 2 * _macs(L)),
        (
            "The pooling is missing: the global average reads a map, and fvcore counts that.",
            lambda L: _macs(L) + 2 * _normed(L),
        ),
        ("The BatchNorms are missing.", lambda L: _macs(L) + _pooled(L)),
        (
            "How many operations does fvcore book for each value that passes a BatchNorm?",
            lambda L: _macs(L) + _normed(L) + _pooled(L),
        ),
        ("That is how fvcore counts BatchNorm in training mode.", lambda L: _macs(L) + 5 * _normed(L) + _pooled(L)),
        (
            "A BatchNorm is counted behind the classifier, and there is none.",
            lambda L: _macs(L) + 2 * sum(layer.activations for layer in L) + _pooled(L),
        ),
        (
            "The pooling is counted by its outputs, one for each channel; fvcore counts what goes in.",
            lambda L: _macs(L) + 2 * _normed(L) + L[-2].out_channels,
        ),
        (
            "BatchNorm is counted by its parameters. That is torchinfo's way; fvcore counts the values that pass.",
            lambda L: _macs(L) + _norm_params(L) + _pooled(L),
        ),
        (
            "ReLU6 is counted, and fvcore leaves activations out.",
            lambda L: _macs(L) + 2 * _normed(L) + _pooled(L) + sum(x.activations for x in L if x.role not in relu6),
        ),
        (
            "BatchNorm stands behind the convolution: take the values that come out, not those that go in.",
            lambda L: _macs(L) + 2 * sum(math.prod(x.in_size) * x.in_channels for x in L if x.norm) + _pooled(L),
        ),
    ]
    _function(function, cases, mistakes, "Take the parts one by one: MACs, BatchNorm, pooling.")
    _right("M + 2C + G. You can predict fvcore's total of any MobileNet.")


@_exercise
def check_torchinfo_total(function: Callable[[list[Layer]], int]) -> None:
    """Check a function that predicts torchinfo's "total mult-adds" of a whole MobileNet, for one image.

    Parameters
    ----------
    function : callable
        ``function(layers)`` returns the total. ``layers`` is a list of :class:`~mobilenet_lib.cost.Layer`, as
        :func:`~mobilenet_lib.cost.mobilenet_v1_layers` gives it; the last one is the classifier.

    Raises
    ------
    CheckFailed
        If it is wrong for one of the networks it is tried on; the message says what to look at again.

    Examples
    --------
    >>> check_torchinfo_total(lambda layers: sum(layer.macs for layer in layers))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: These are the MACs. torchinfo books something more for BatchNorm and for a bias.
    """

    def right(layers: list[Layer]) -> int:
        return _macs(layers) + _norm_params(layers) + layers[-1].out_channels

    cases = [_Case((layers,), right(layers), name) for name, layers in _networks()]
    mistakes = [
        ("These are the MACs. torchinfo books something more for BatchNorm and for a bias.", _macs),
        (
            "The classifier's bias is missing: torchinfo books one for each of its numbers.",
            lambda L: _macs(L) + _norm_params(L),
        ),
        (
            "BatchNorm is missing: torchinfo books one for each of its parameters.",
            lambda L: _macs(L) + L[-1].out_channels,
        ),
        (
            "A BatchNorm has two numbers for each channel, a scale and a shift.",
            lambda L: _macs(L) + _norm_params(L) // 2 + L[-1].out_channels,
        ),
        (
            "The number of classes is fixed in your function; take it from the last layer.",
            lambda L: _macs(L) + _norm_params(L) + 1000,
        ),
        (
            "All parameters are added, the weights too; those are in the MACs already.",
            lambda L: _macs(L) + cost.total(L).params,
        ),
        (
            "BatchNorm is counted by the values that pass. That is fvcore's way; torchinfo takes its parameters.",
            lambda L: _macs(L) + 2 * _normed(L) + L[-1].out_channels,
        ),
        ("That is fvcore's total.", lambda L: _macs(L) + 2 * _normed(L) + _pooled(L)),
        (
            "A BatchNorm is counted behind the classifier, and there is none.",
            lambda L: right(L) + 2 * L[-1].out_channels,
        ),
        (PAIR, lambda L: 2 * right(L)),
    ]
    _function(function, cases, mistakes, "Take the parts one by one: MACs, BatchNorm, the classifier's bias.")
    _right("MACs, plus the parameters of BatchNorm and the classifier's bias, each booked once.")


# Chapter 3: depthwise separable convolution


@_exercise
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
    first, second = (layer.macs for layer in cost.depthwise_separable_layers(32, 64, size=112))
    pixels = 112 * 112
    _not_swapped((depthwise, pointwise), (first, second), "the depthwise layer first, then the pointwise one")
    _number(
        "Depthwise",
        depthwise,
        first,
        [
            ("this is a standard convolution. Here each filter reads one channel only.", 9 * 32 * 64 * pixels),
            ("the groups are forgotten: each filter reads one channel, not all of them.", 9 * 32 * 32 * pixels),
            (
                "twice too much. It filters the 32 channels that come in; and one MAC is a multiplication with its "
                "addition.",
                9 * 64 * pixels,
            ),
            ("this is for a single pixel of the output.", 9 * 32),
            ("the kernel has two sides.", 3 * 32 * pixels),
            ("this is one filter. There is one for each input channel.", 9 * pixels),
            ("the block works on a map of 112 pixels a side.", 9 * 32 * 224 * 224),
            ("the block has stride 1: the map keeps its size.", 9 * 32 * 56 * 56),
        ],
        "for each pixel and each channel, how many weights lie on the map?",
    )
    _number(
        "Pointwise",
        pointwise,
        second,
        [
            ("its kernel is a single pixel; the 3x3 filter is in the layer before it.", 9 * 32 * 64 * pixels),
            ("this is for a single pixel of the output.", 32 * 64),
            ("each of the 64 outputs reads all the channels that come in.", 64 * pixels),
            ("how many channels come out?", 32 * 32 * pixels),
            ("there are several outputs, and each reads all the channels.", 32 * pixels),
            ("this is the sum of the two layers. What is the second one alone?", first + second),
            ("the block works on a map of 112 pixels a side.", 32 * 64 * 224 * 224),
            ("the block has stride 1: the map keeps its size.", 32 * 64 * 56 * 56),
            (PAIR, 2 * second),
        ],
        "at each pixel, every output channel is a weighted sum of the input channels.",
    )
    _right(f"{first:,} and {second:,} MACs. The mixing is {second / first:.1f} times as much as the filtering.")


@_exercise
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
    value = _real("N", n)
    hints = [
        ("1/N alone would be an eighth, but the kernel's 1/9 comes on top of it.", 8),
        ("That is the kernel's part. Solve 1/N + 1/9 = 1/8 for N.", 9),
        ("Fractions do not add up like that: 1/8 − 1/9 needs a common denominator.", 1),
        ("Fractions do not add up like that: the denominators are not added.", 17),
        ("Nearly. This is 1/N; the question is for N.", 1 / 72),
        ("The sign: what is left for 1/N is 1/8 − 1/9, not their sum.", 72 / 17),
    ]
    for hint, wrong in hints:
        if math.isclose(value, wrong, rel_tol=1e-3):
            raise CheckFailed(hint)
    if value <= 0 or value != int(value):
        raise CheckFailed("N counts channels, so it is a positive whole number.")
    share = 1 / value + 1 / 9
    if not math.isclose(share, 1 / 8, rel_tol=1e-12):
        more = "more" if share > 1 / 8 else "less"
        raise CheckFailed(f"With N = {int(value)} it costs {share:.2%} of the standard one, {more} than an eighth.")
    _right("an eighth exactly, whatever the input channels and the map.")


@_exercise
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
    right: DepthwiseSeparableConv gives what the library's block gives, in eval and in train mode.
    """
    parts = {"depthwise": "relu6", "pointwise": "relu6"}
    settings = [((8, 16), {}), ((8, 8), {}), ((8, 16), {"stride": 2})]
    _block(block, DepthwiseSeparableConv, parts, settings)


# Chapter 4: MobileNetV1


@_exercise
def check_width_for_budget(alpha: float) -> None:
    """Check the widest MobileNetV1 at 224x224 that stays under 300 million MACs.

    Parameters
    ----------
    alpha : float
        The width multiplier, in steps of 0.05.

    Raises
    ------
    CheckFailed
        If it is too wide, or not the widest; the message says which.

    Examples
    --------
    >>> check_width_for_budget(1.0)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: At this width the network takes 568.7 million MACs: over the budget.
    """
    value = _real("alpha", alpha)
    budget = 300_000_000
    if not 0 < value <= 2:
        raise CheckFailed(
            "alpha multiplies the channels: 1.0 is the network of the paper, and here it lies below that."
        )
    steps = round(value * 20)
    if not math.isclose(steps, value * 20, abs_tol=1e-6):
        raise CheckFailed(
            "alpha goes in steps of 0.05. Is this where the parabola α² meets the budget? Channels come in whole "
            "multiples of 8, so try the steps beside it with the real network."
        )
    widest = max(s for s in range(1, 41) if cost.mobilenet_v1(s / 20).macs < budget)
    in_proportion = 20 * budget / cost.mobilenet_v1().macs
    if abs(steps - in_proportion) < 1:
        raise CheckFailed(
            "It fits, but the MACs do not grow in proportion to the width: in a pointwise layer both channel counts "
            "change. A wider one fits too."
        )
    if steps < widest:
        raise CheckFailed("It fits, but a wider one fits too.")
    if steps > widest:
        macs = cost.mobilenet_v1(value).macs / 1e6
        close = " Just over is over." if steps == widest + 1 else ""
        raise CheckFailed(f"At this width the network takes {macs:.1f} million MACs: over the budget.{close}")
    _right(f"{cost.mobilenet_v1(value).macs:,} MACs, and the next step would be over the budget.")


@_exercise
def check_v1_blocks(blocks: Callable[[], Iterable] | Iterable) -> None:
    """Check the 13 blocks of a MobileNetV1 of width 0.5.

    Parameters
    ----------
    blocks : list of tuple or callable
        Rows ``(in_channels, out_channels, stride)``, or a function without arguments that returns them. The first
        convolution (the stem) and the classifier are not among them.

    Raises
    ------
    CheckFailed
        If a row is wrong; the message says what to look at again.

    Examples
    --------
    >>> check_v1_blocks([(32, 64, 1), (64, 128, 2)])
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: There are too few rows. Does each row of the table come as often as it says?
    """
    rows = _rows(_call(blocks, (), "") if callable(blocks) else blocks, 3, "(in_channels, out_channels, stride)")
    right = [tuple(block) for block in specs.v1_blocks(0.5)]

    def walk(rows: Iterable[tuple[int, int, int]], first: int, alpha: float, all_strided: bool = False) -> list[tuple]:
        found, before = [], first
        for c, n, s in rows:
            for i in range(n):
                found.append((before, int(c * alpha), s if i == 0 or all_strided else 1))
                before = int(c * alpha)
        return found

    spec = [tuple(row) for row in specs.V1_SPEC]
    mistakes = [
        ("This is width 1. At 0.5 every layer has half the channels.", walk(spec, 32, 1.0)),
        ("The stem is scaled too: what does the first block read?", walk(spec, 32, 0.5)),
        ("The first block reads what the stem writes, not the image's channels.", walk(spec, 3, 0.5)),
        (
            "You trusted table 1's last stride. What is its output size, and what does the next layer read?",
            [*right[:-1], (*right[-1][:2], 2)],
        ),
        ("A row comes only once where the table says five times.", walk([(c, 1, s) for c, n, s in spec], 16, 0.5)),
        ("The first number of a row is what comes in, the second what goes out.", [(b, a, s) for a, b, s in right]),
        ("The stem is among the rows; the question is for the separable blocks.", [(3, 16, 2), *right]),
        (
            "Only what goes out is scaled; what comes in is what the block before gave out.",
            [(a * 2, b, s) for a, b, s in right],
        ),
        (
            "Where a block halves the map, that is its own stride, not that of the block before.",
            [(a, b, s) for (a, b, _), s in zip(right, [*(s for _, _, s in right[1:]), 1], strict=True)],
        ),
        ("The strides are missing: four blocks halve the map.", [(a, b, 1) for a, b, _ in right]),
    ]
    _list(rows, right, mistakes)
    _right("13 blocks, each reading what the one before it wrote.")


@_exercise
def check_printed_stride(macs: int) -> None:
    """Check the MACs that MobileNetV1 would have if its last depthwise layer had stride 2, as table 1 prints.

    Parameters
    ----------
    macs : int
        Of the whole network at 224x224 and width 1. The padding stays "same", so the last depthwise layer takes the 7x7
        map to 4x4, and the last pointwise layer works on that.

    Raises
    ------
    CheckFailed
        If it is another number; the message says what to look at again.

    Examples
    --------
    >>> check_printed_stride(cost.mobilenet_v1().macs)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: MACs: this is the network with stride 1 in that place. What does stride 2 change?
    """
    layers = cost.mobilenet_v1_layers()
    *rest, depthwise, pointwise, classifier = layers
    outside = _macs([*rest, classifier])

    def with_maps(first: float, second: float) -> int:
        return int(outside + 9 * 1024 * first + 1024 * 1024 * second)

    right = with_maps(16, 16)
    _number(
        "MACs",
        macs,
        right,
        [
            ("this is the network with stride 1 in that place. What does stride 2 change?", _macs(layers)),
            ('half of 7 is not whole. With "same" padding the side is rounded up.', with_maps(49 / 4, 49 / 4)),
            ('with "same" padding the side is rounded up, not down.', with_maps(9, 9)),
            ("the layer behind it works on the small map as well.", with_maps(16, 49)),
            ("the depthwise layer itself does less: count its output's pixels.", with_maps(49, 16)),
            ("the classifier is left out.", right - classifier.macs),
            ("this is what is saved. What remains of the whole?", _macs(layers) - right),
            ("this is for the last block alone. What does the whole network take?", right - outside),
            ("the last block is gone altogether.", outside),
            ("the side is halved, so the area is not.", with_maps(28, 28)),
            (PAIR, 2 * right),
            ("give the number itself, not millions.", right / 1e6),
        ],
        "only the last depthwise layer and the pointwise layer behind it change. On which maps do they work?",
    )
    _right(f"{right:,} MACs, {_macs(layers) - right:,} fewer than the network that everybody built.")


# Chapter 5: ReLU6 and the linear bottleneck


@_exercise
def check_lost_share(function: Callable[..., float]) -> None:
    """Check a function for the share of points that ReLU leaves with fewer than d active channels of n.

    Parameters
    ----------
    function : callable
        ``function(n, d=2)``: the probability that fewer than d of n channels are positive, when each is positive with
        probability one half, independently of the others.

    Raises
    ------
    CheckFailed
        If it is wrong for some n and d; the message says what to look at again.

    Examples
    --------
    >>> check_lost_share(lambda n, d=2: (n + 1) / 2**n)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Your function is right for d = 2 and does not look at d.
    """

    def upto(n: int, d: int) -> float:
        return sum(math.comb(n, i) for i in range(d)) / 2**n

    cases = [_Case((n,), upto(n, 2), f"n={n}") for n in (2, 3, 10)]
    cases += [_Case((n, d), upto(n, d), f"n={n}, d={d}") for n, d in ((5, 2), (5, 1), (5, 3), (3, 4), (12, 4))]
    mistakes = [
        ("Your function is right for d = 2 and does not look at d.", lambda n, d=2: (n + 1) / 2**n),
        ('This is "at most d". Fewer than d stops one earlier.', lambda n, d=2: upto(n, d + 1)),
        (
            "This is for exactly one number of active channels; add up all that are fewer than d.",
            lambda n, d=2: math.comb(n, d - 1) / 2**n,
        ),
        ("This is for exactly d active channels.", lambda n, d=2: math.comb(n, d) / 2**n),
        ("This is the share that survives.", lambda n, d=2: 1 - upto(n, d)),
        ("This is the share where no channel is active at all.", lambda n, d=2: 1 / 2**n),
        ("The case without any active channel is missing.", lambda n, d=2: upto(n, d) - 1 / 2**n),
        ("These are counts. Of how many patterns of signs altogether?", lambda n, d=2: upto(n, d) * 2**n),
        ("Which channels are active matters: one of n can be chosen in n ways.", lambda n, d=2: d / 2**n),
        ("Give a share from 0 to 1, not per cent.", lambda n, d=2: 100 * upto(n, d)),
    ]
    _function(function, cases, mistakes, "Count the patterns of signs with 0, 1, ... active channels.")
    _right("the share of points that ReLU makes unrecoverable, for any n and d.")


@_exercise
def check_step(function: Callable[[float, int], float]) -> None:
    """Check a function for the step of uniform quantisation.

    Parameters
    ----------
    function : callable
        ``function(top, bits)``: the distance between neighbours when the range from 0 to ``top`` is covered by
        2 ** bits equally spaced levels, of which the first is 0 and the last is ``top``.

    Raises
    ------
    CheckFailed
        If it is wrong for some range; the message says what to look at again.

    Examples
    --------
    >>> check_step(lambda top, bits: top / 2**bits)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Count the gaps, not the levels: five fence posts have four gaps between them.
    """
    cases = [
        _Case((top, bits), top / (2**bits - 1), f"top={top}, bits={bits}")
        for top, bits in ((6.0, 8), (60.0, 8), (6.0, 4), (1.0, 1))
    ]
    mistakes = [
        ("Count the gaps, not the levels: five fence posts have four gaps between them.", lambda t, b: t / 2**b),
        ("Your function is for 8 bits only.", lambda t, b: t / 255),
        ("Your function is for a range up to 6 only.", lambda t, b: 6 / (2**b - 1)),
        ("The bits are not the levels: each bit doubles their number.", lambda t, b: t / b),
        ("This is the largest error of rounding. The step is twice that.", lambda t, b: t / (2**b - 1) / 2),
        ("Upside down: more levels make a smaller step.", lambda t, b: (2**b - 1) / t),
        ("No bit is needed for a sign: nothing is below 0.", lambda t, b: t / (2 ** (b - 1) - 1) if b > 1 else t),
        ("No bit is needed for a sign: nothing is below 0.", lambda t, b: t / 2 ** (b - 1)),
        ("Two levels have one gap between them: one fewer, not one more.", lambda t, b: t / (2**b + 1)),
        ("That is the number of gaps. How wide is one?", lambda t, b: 2**b - 1),
    ]
    _function(function, cases, mistakes, "Draw the levels for 1 and for 2 bits.")
    _right("the range, divided by the number of gaps.")


# Chapter 6: the inverted residual


def _break_even(channels: int, kernel_size: int) -> float:
    return kernel_size**2 * channels / (2 * channels + kernel_size**2)


@_exercise
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

    def with_standard_middle(c: int, k: int) -> float:
        return (math.sqrt(1 + k**4) - 1) / k**2  # t·2C² + (tC)²k² = k²C²

    mistakes = [
        (
            "The depthwise layer is left out. It matters least in wide layers: this is the limit for very many "
            "channels.",
            lambda c, k: k**2 / 2,
        ),
        ("One of the two pointwise layers is left out.", lambda c, k: k**2 * c / (c + k**2)),
        ("Both pointwise layers are left out, and they are most of the block.", lambda c, k: c),
        ("The kernel has two sides: square it.", lambda c, k: k * c / (2 * c + k)),
        (
            "Upside down: divide the standard convolution by what the block costs for t = 1.",
            lambda c, k: 1 / _break_even(c, k),
        ),
        ("The middle is taken for a standard convolution; its filters read one channel each.", with_standard_middle),
        ("Your function is for a 3x3 kernel only.", lambda c, k: _break_even(c, 3)),
        ("Your function is for 24 channels only.", lambda c, k: _break_even(24, k)),
        (
            "These are the channels of the middle. t says how many times the input that is.",
            lambda c, k: c * _break_even(c, k),
        ),
    ]
    if callable(answer):
        cases = [
            _Case((c, k), _break_even(c, k), f"channels={c}, kernel_size={k}")
            for c, k in ((24, 3), (96, 3), (24, 5), (320, 7))
        ]
        whole = "Do not round: t need not be a whole number for the two to balance."
        rounded = [(whole, lambda c, k, f=f: f(_break_even(c, k))) for f in (math.floor, math.ceil, round)]
        look = (
            "Write down the block's MACs for one pixel, set them equal to the standard convolution's, and solve for t."
        )
        _function(answer, cases, [*mistakes, *rounded], look)
    else:
        value, right = _real("t", answer), _break_even(24, 3)
        if not math.isclose(value, right, rel_tol=5e-3):
            for hint, wrong in mistakes:
                if math.isclose(value, wrong(24, 3), rel_tol=5e-3):
                    raise CheckFailed(hint)
            if value in (math.floor(right), math.ceil(right)):
                raise CheckFailed("Near. But do not round: t need not be a whole number for the two to balance.")
            dearer = "more" if value > right else "less"
            raise CheckFailed(f"With this t the block costs {dearer} than the standard convolution.")
    _right("above it the block is the dearer one. With a 3x3 kernel, MobileNetV2's 6 always lies above it.")


@_exercise
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

    def rule(i: int, o: int, s: int) -> bool:
        return s == 1 and i == o

    cases = [
        _Case((i, o, s), rule(i, o, s), f"{i} channels in, {o} out, stride {s}")
        for i, o, s in itertools.product((16, 24, 32), (16, 24, 32), (1, 2))
    ]
    mistakes = [
        ("The stride is one condition. What else must agree before two tensors can be added?", lambda i, o, s: s == 1),
        ("The channels are one condition. What does the stride do to the map?", lambda i, o, s: i == o),
        ("Either condition alone is not enough: both must hold.", lambda i, o, s: s == 1 or i == o),
        ("The sum does not exist in every block: look at the shapes.", lambda i, o, s: True),
        ("Some blocks do have it.", lambda i, o, s: False),
        ("The wrong way round: your function says when there is none.", lambda i, o, s: not rule(i, o, s)),
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
    for case in cases:
        result = _call(function, case.args, case.shown)
        if not isinstance(result, (bool, int)) and type(result).__name__ not in ("bool_", "bool"):
            raise CheckFailed(f"Your function should return True or False; for {case.shown} it returns {result!r}.")
    _function(lambda *args: int(bool(function(*args))), cases, mistakes, "Compare the two shapes.", given=False)
    _right("the residual exists exactly where both tensors have one shape.")


@_exercise
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
    right: ConvDepthwiseConv gives what the library's block gives, in eval and in train mode.
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
    _block(block, ConvDepthwiseConv, parts, settings)


# Chapter 7: MobileNetV2


@_exercise
def check_table2(function: Callable[[Sequence[tuple[int, int, int, int]]], Iterable]) -> None:
    """Check a function that expands the rows of the V2 paper's table 2 into single blocks.

    Parameters
    ----------
    function : callable
        ``function(rows)`` takes rows ``(t, c, n, s)``, as ``specs.V2_SPEC`` has them, and returns a list of
        ``(in_channels, expansion, out_channels, stride)``, one for each block. The first block reads the 32 channels of
        the stem.

    Raises
    ------
    CheckFailed
        If a block is wrong; the message says what to look at again.

    Examples
    --------
    >>> check_table2(lambda rows: [(32, t, c, s) for t, c, n, s in rows])
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: There are too few rows. Does each row of the table come as often as it says?
    """

    def walk(rows: Iterable, first: int = 32, strides: str = "first", inputs: str = "chain") -> list[tuple]:
        found, before = [], first
        for t, c, n, s in rows:
            entering = before
            for i in range(n):
                stride = s if strides == "all" or (i == 0 if strides == "first" else i == n - 1) else 1
                found.append((entering if inputs == "row" else before, t, c, stride))
                before = c
        return found

    other = [specs.V2Row(1, 16, 1, 1), specs.V2Row(6, 24, 3, 2), specs.V2Row(4, 40, 2, 1)]
    mistakes = [
        (
            "Every block of a row has its stride. Only the first one halves the map.",
            lambda rows: walk(rows, strides="all"),
        ),
        ("The stride belongs to the first block of a row, not to the last.", lambda rows: walk(rows, strides="last")),
        ("The blocks of a row after its first one read the row's own channels.", lambda rows: walk(rows, inputs="row")),
        ("The first block reads the stem's channels, not the image's.", lambda rows: walk(rows, first=3)),
        (
            "The first block reads the stem's channels, and those are more than it writes.",
            lambda rows: walk(rows, first=16),
        ),
        (
            "The first row has an expansion of its own: read t from each row.",
            lambda rows: [(i, 6, o, s) for i, _, o, s in walk(rows)],
        ),
        (
            "The second number is t itself, not the width of the middle.",
            lambda rows: [(i, t * i, o, s) for i, t, o, s in walk(rows)],
        ),
        (
            "The order is (in_channels, expansion, out_channels, stride).",
            lambda rows: [(t, i, o, s) for i, t, o, s in walk(rows)],
        ),
        (
            "The order is (in_channels, expansion, out_channels, stride).",
            lambda rows: [(i, o, t, s) for i, t, o, s in walk(rows)],
        ),
        ("The strides are missing.", lambda rows: [(i, t, o, 1) for i, t, o, _ in walk(rows)]),
    ]
    tables = [("table 2", specs.V2_SPEC), ("another table", other)]
    got = [_rows(_call(function, (rows,), name), 4, "(in, expansion, out, stride)") for name, rows in tables]
    for hint, wrong in mistakes:
        if got == [wrong(rows) for _, rows in tables] != [walk(rows) for _, rows in tables]:
            raise CheckFailed(hint)
    for (name, rows), found in zip(tables, got, strict=True):
        if name != "table 2" and found == walk(specs.V2_SPEC):
            raise CheckFailed("Your function gives table 2's blocks for any table. Use the rows that it is given.")
        _list(found, walk(rows), [(hint, wrong(rows)) for hint, wrong in mistakes])
    _right("each block reads what the one before it wrote.")


@_exercise
def check_peak(answer: object) -> None:
    """Check where MobileNetV2 needs the most memory for its maps, and how much.

    The peak is the largest sum of the input and the output of one convolution, both of which must be there while it
    runs. Each number takes 16 bits. BatchNorm and ReLU6 work in place; weights, and an input that a residual still
    waits for, are not counted.

    Parameters
    ----------
    answer : int, tuple or callable
        Bytes for MobileNetV2 at width 1, 224x224, one image; or ``(block, bytes)`` with the block's place in
        ``MobileNetV2().blocks`` or its layer's name; or ``answer(layers)`` that returns one of these for a list of
        :class:`~mobilenet_lib.cost.Layer`.

    Raises
    ------
    CheckFailed
        If it is not right; the message says what to look at again.

    Examples
    --------
    >>> check_peak(2 * max(layer.activations for layer in cost.mobilenet_v2_layers()))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: This is one tensor alone, the largest. A convolution needs its input and its \
output at once.
    """

    def read(layer: Layer) -> int:
        return layer.in_channels * math.prod(layer.in_size)

    def both(layer: Layer) -> int:
        return read(layer) + layer.activations

    def over(
        value: Callable[[Layer], float], factor: float = 2, join: Callable = max
    ) -> Callable[[list[Layer]], float]:
        return lambda layers: factor * join(value(layer) for layer in layers)

    alone = "This is one tensor alone, the largest. A convolution needs its input and its output at once."
    unit = "Give bytes, not kB or MB."
    mistakes = [
        (alone, over(lambda layer: layer.activations)),
        (alone, over(read)),
        ("These are numbers, not bytes: each takes 16 bits.", over(both, 1)),
        ("This is for 32 bits a number; here each takes 16.", over(both, 4)),
        ("These are bits. How many are in a byte?", over(both, 16)),
        ("Two slips: one tensor alone, and numbers instead of bytes.", over(lambda layer: layer.activations, 1)),
        ("Two slips: one tensor alone, and 32 bits a number.", over(lambda layer: layer.activations, 4)),
        ("The weights are in it; count the maps only.", over(lambda layer: both(layer) + layer.weights)),
        ("This is the sum over all layers. What must be there at one moment?", over(both, join=sum)),
        ("This is the sum over all layers. What must be there at one moment?", over(lambda x: x.activations, join=sum)),
        *((unit, over(both, 2 / size)) for size in (10**3, 2**10, 10**6, 2**20)),
    ]
    networks = [
        ("MobileNetV2", cost.mobilenet_v2_layers()),
        ("MobileNetV2 of width 0.35 at 96x96", cost.mobilenet_v2_layers(0.35, 96)),
        ("MobileNetV1", cost.mobilenet_v1_layers()),
    ]
    if not callable(answer):
        networks = networks[:1]
    peaks, cases, places = [], [], []
    for name, layers in networks:
        given = _call(answer, (layers,), name) if callable(answer) else answer
        place, size = given if isinstance(given, (tuple, list)) and len(given) == 2 else (None, given)
        if isinstance(place, Real) and not isinstance(place, bool) and isinstance(size, Real) and place > 1000 > size:
            raise CheckFailed("Swapped: give the block first, then the bytes.")
        _unfinished(size)
        peaks.append(_real("The size", size))
        cases.append(_Case((layers,), over(both)(layers), name))
        places.append((place, max(layers, key=both).name))
    known = iter(peaks)
    look = "For each convolution, add up the numbers that go in and come out, and take the largest sum."
    _function(lambda layers: next(known), cases, mistakes, look, tolerance=1e-4)
    for place, name in places:
        _check_place(place, name)
    _right(f"the peak is in {places[0][1]}: {int(cases[0].right):,} bytes.")


def _check_place(place: object, name: str) -> None:
    """Compare a block's place (2, "blocks.2") or a layer's name ("blocks.2.depthwise") with the name of the layer."""
    if place is None:
        return
    number = int(name.split(".")[1])
    if isinstance(place, str):
        if place == name or (place.startswith("blocks.") and place == name.rpartition(".")[0]):
            return
        if place.rpartition(".")[0] == name.rpartition(".")[0]:
            raise CheckFailed("The bytes are right and so is the block, but another of its layers holds more at once.")
    elif place == number:
        return
    elif place == number + 1:
        raise CheckFailed("The bytes are right. For the block, count as Python does, from 0: see the layer's name.")
    raise CheckFailed(
        "The bytes are right, but they belong to another block: see the name of the layer that needs them."
    )


# Chapter 8: reading timm

DECODED = ("block", "repeats", "kernel_size", "stride", "expansion", "channels")


class CannotCheck(ImportError):
    """What a check reads in timm is not there: timm is not installed, or a release has moved it.

    The answer may well be right. A notebook shows the message alone, without a traceback.

    Parameters
    ----------
    why : str
        What is missing, and what to do.

    Examples
    --------
    >>> CannotCheck("timm is not installed here.")._render_traceback_()
    ['cannot check: timm is not installed here.']
    """

    def __init__(self, why: str):
        super().__init__(why)

    def _render_traceback_(self) -> list[str]:
        return [f"cannot check: {self}"]


@_exercise
def check_decoder(function: Callable[[str], dict]) -> None:
    """Check a function that decodes timm's architecture strings; timm's own decoder says what is right.

    Parameters
    ----------
    function : callable
        ``function(string)``: for a string such as ``ir_r2_k3_s2_e6_c24`` a dict with the keys ``block``, ``repeats``,
        ``kernel_size``, ``stride``, ``expansion`` and ``channels``. A ``ds`` or ``dsa``, which has no ``e``, has
        expansion 1. Further keys are welcome.

    Raises
    ------
    CheckFailed
        If it is wrong for one of the strings of MobileNetV1 and V2, or for one made up; the message says what to look
        at again.
    CannotCheck
        If timm is not installed, or has moved its decoder.

    Examples
    --------
    >>> check_decoder(lambda string: string.split("_"))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Your function should return a dict; for 'ds_r1_k3_s1_c16' it returns a list.
    """
    if not callable(function):
        raise CheckFailed("Pass the function itself, without calling it: its name, and no brackets behind it.")
    order = "Here the parts stand in another order: go by the letter, not by the place."
    cases = [
        *((string, "") for string in _strings_of("_gen_mobilenet_v2")),
        *((string, "") for string in _strings_of("_gen_mobilenet_v1")),
        ("ir_r12_k5_s1_e4_c1280", "This one is made up, and its numbers are long."),
        ("ir_r3_k5_s2_e6_c40_se0.25", "This one has a part more, and se is not the stride."),
        ("ir_r2_k3_s1_e3_c40_nsw_noskip", "This one has parts that are no numbers; go on to the next part there."),
        ("ir_c96_e6_s2_k7_r4", order),
        ("dsa_c48_s2_r2_k5", order),
    ]
    answers = []
    for string, look in cases:
        try:
            answer = _call(function, (string,), repr(string))
        except CheckFailed as failed:
            without = _without_e(string, "expansion") if str(failed).endswith("KeyError: 'e'.") else ""
            raise CheckFailed(_joined(str(failed), without or look)) from None
        if not isinstance(answer, Mapping):
            kind = type(answer).__name__
            raise CheckFailed(f"Your function should return a dict; for {string!r} it returns a {kind}.")
        for key in DECODED:
            if key not in answer:
                raise CheckFailed(_joined(f"For {string!r} the dict has no key {key!r}.", _without_e(string, key)))
            if answer[key] is ...:
                _unfinished(answer[key])
        answers.append(answer)
    truths = [_decoded(string) for string, _ in cases]
    for (string, look), answer, truth in zip(cases, answers, truths, strict=True):
        for key in DECODED:
            if not _same_value(answer[key], truth[key]):
                why = _decoder_hint(key, answer, truth, list(zip(answers, truths, strict=True)))
                why = why or _without_e(string, key) or look or f"Look at {key} again."
                raise CheckFailed(f"{why} For {string!r} you give {key}={answer[key]!r}.")
    _right(f"you read {len(cases)} strings as timm's own decoder does.")


@_exercise
def check_stride_walk(function: Callable[[Sequence[int], int], Iterable]) -> None:
    """Check a function that turns strides into dilations where a limit is reached, by timm's rule.

    The block that loses its stride keeps the dilation that held before it; the blocks behind it are dilated.

    Parameters
    ----------
    function : callable
        ``function(strides, output_stride)`` returns a list of ``(stride, dilation)``, one for each block. ``strides``
        are those of the blocks in order; the stem in front of them has a stride of 2.

    Raises
    ------
    CheckFailed
        If a block is wrong; the message says what to look at again.

    Examples
    --------
    >>> check_stride_walk(lambda strides, output_stride: [(stride, 1) for stride in strides])
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Nothing is changed. Where does the running stride pass the limit?
    """
    networks = {
        "MobileNetV1": [block.stride for block in specs.v1_blocks()],
        "MobileNetV2": [block.stride for block in specs.v2_blocks()],
    }
    cases = [((s, limit), f"{name} at output stride {limit}") for limit in (32, 16, 8) for name, s in networks.items()]
    cases.append((([2, 1, 2, 2, 1, 2, 1], 4), "the strides 2, 1, 2, 2, 1, 2, 1 at output stride 4"))

    def wrong(**slips: Any) -> Callable[[Sequence[int], int], list[tuple]]:
        return lambda strides, limit: _walk(strides, limit, **slips)

    every = "The dilation grows at every block behind the limit. Only a block that loses a stride multiplies it."
    mistakes = [
        (
            "The block that loses its stride is dilated itself. It still reads a map of the old density: which blocks "
            "do not?",
            wrong(own=True),
        ),
        ("The stem in front of the blocks has a stride already: the walk does not begin at 1.", wrong(reached=1)),
        (every, wrong(every="behind")),
        (every, wrong(every="behind", own=True)),
        (every, wrong(every="at")),
        (every, wrong(every="at", own=True)),
        ("The stride is still there: where it becomes a dilation, it must go.", wrong(keep=True)),
        ("The stride is still there: where it becomes a dilation, it must go.", wrong(keep=True, own=True)),
        ("The limit itself may be reached; only what would go beyond it is changed.", wrong(beyond=operator.ge)),
        ("Nothing is changed. Where does the running stride pass the limit?", lambda s, limit: [(x, 1) for x in s]),
        ("The strides go, but no block is dilated in their place.", wrong(grow=lambda dilation, stride: 1)),
        (
            "A second lost stride adds to the first: the dilation is multiplied, not set anew.",
            wrong(grow=lambda d, s: s),
        ),
        ("The dilation is multiplied by the lost stride; nothing is added to it.", wrong(grow=operator.add)),
        ("The dilation is multiplied by the lost stride; nothing is added to it.", wrong(grow=lambda d, s: d + 1)),
        ("The order in a pair is (stride, dilation).", lambda *a: [pair[::-1] for pair in _walk(*a)]),
        ("Only lost strides are in the list; every block has a pair.", lambda *a: [x for x in _walk(*a) if x[1] > 1]),
    ]
    # each call has a list of its own: a walk may change the one it is given
    got = [_call(function, ([*strides], limit), shown) for (strides, limit), shown in cases]
    got = [_rows(rows, 2, "(stride, dilation)") for rows in got]
    truths = [_walk(*args) for args, _ in cases]
    if got != truths:
        for hint, mistaken in mistakes:
            if got == [mistaken(*args) for args, _ in cases]:
                raise CheckFailed(hint)
    for (args, shown), rows, truth in zip(cases, got, truths, strict=True):
        if len(rows) != len(truth):
            raise CheckFailed(f"For {shown} there are {len(args[0])} blocks, and your list has {len(rows)} pairs.")
        for place, (pair, other) in enumerate(zip(rows, truth, strict=True)):
            if pair != other:
                before = f"up to block {place}, counted from 0, all is right" if place else "the first pair is wrong"
                which = "stride" if pair[0] != other[0] else "dilation"
                raise CheckFailed(f"For {shown} {before}; there your pair is {pair}. Look at its {which}.")
    _right("V1 and V2 at output stride 32, 16 and 8, as timm builds them.")


@_exercise
def check_hunt(answers: dict[str, object]) -> None:
    """Check the ten answers of the treasure hunt; the right ones are looked up in the installed timm.

    Parameters
    ----------
    answers : dict
        With the keys ``padding``, ``shortcut``, ``norm``, ``linear``, ``v1_skip``, ``activation``, ``head``, ``depth``,
        ``letters`` and ``eps``. What is still ``...`` is left out.

    Raises
    ------
    CheckFailed
        If some are wrong; the message says which, and in which function of timm to look.
    CannotCheck
        If timm is not installed, or has moved what is asked for.

    Examples
    --------
    >>> check_hunt({"padding": ..., "shortcut": ...})
    not yet: 0 of 10
    """
    if not isinstance(answers, Mapping):
        raise CheckFailed(f"A dict of answers is expected here, and this is a {type(answers).__name__}.")
    unknown = [key for key in answers if key not in WHERE_TO_LOOK]
    if unknown:
        raise CheckFailed(f"There is no question {unknown[0]!r}; the keys are {', '.join(WHERE_TO_LOOK)}.")
    given = {key: answer for key, answer in answers.items() if answer is not None and answer is not ...}
    if given:
        truths = _treasures()
        wrong = [key for key in WHERE_TO_LOOK if key in given and not _found(given[key], truths[key])]
        if wrong:
            raise CheckFailed("; ".join(f"{key}: look in {WHERE_TO_LOOK[key]}" for key in wrong) + ".")
    if len(given) < len(WHERE_TO_LOOK):
        raise _NotYet(f"{len(given)} of {len(WHERE_TO_LOOK)}")
    _right("all ten. You can find your way in timm.")


# Chapter 9: fewer MACs, faster?


@_exercise
def check_intensity(function: Callable[[Layer, int], float]) -> None:
    """Check a function for the arithmetic intensity of a layer: MACs for each byte that has to move.

    Parameters
    ----------
    function : callable
        ``function(layer, batch)``: ``layer`` is a :class:`~mobilenet_lib.cost.Layer` without a bias. Its numbers are
        float32; input and weights are read once, the output is written once.

    Raises
    ------
    CheckFailed
        If it is wrong for some layer; the message says what to look at again.

    Examples
    --------
    >>> check_intensity(lambda layer, batch: layer.macs / (4 * layer.activations))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Only the output is counted. The input and the weights have to be read.
    """
    rows = [
        cost.conv_layer("", "standard", 64, 96, 56, kernel_size=3),
        cost.conv_layer("", "pointwise", 256, 512, 14),
        cost.conv_layer("", "depthwise", 96, 96, (56, 40), kernel_size=3, stride=2, groups=96),
    ]
    cases = [
        _Case((row, batch), roofline.intensity(row, batch), f"a {row.role} layer and a batch of {batch}")
        for batch in (1, 8)
        for row in rows
    ]

    def moved(layer: Layer, batch: int, read: int = 1, weights: int = 1, written: int = 1) -> int:
        maps = read * layer.in_channels * math.prod(layer.in_size) + written * layer.activations
        return 4 * (batch * maps + weights * layer.weights)

    def without(**parts: int) -> Callable[[Layer, int], float]:
        return lambda layer, batch: batch * layer.macs / moved(layer, batch, **parts)

    def times(factor: float) -> Callable[[Layer, int], float]:
        return lambda layer, batch: factor * roofline.intensity(layer, batch)

    def at_output_size(layer: Layer, batch: int) -> float:
        return roofline.intensity(layer._replace(in_size=layer.out_size), batch)

    def with_norm(layer: Layer, batch: int) -> float:
        return batch * layer.macs / (moved(layer, batch, weights=0) + 4 * layer.params)

    mistakes = [
        ("These are MACs for each number. How many bytes has a float32?", times(4)),
        ("These are MACs for each bit. Divide by bytes.", times(1 / 8)),
        ("This counts operations, two for a MAC. The book counts MACs.", times(2)),
        ("Only the output is counted. The input and the weights have to be read.", without(read=0, weights=0)),
        (
            "Only the output is counted. The input and the weights have to be read.",
            lambda layer, batch: layer.macs / (4 * layer.activations),
        ),
        ("The output is missing: it has to be written.", without(written=0)),
        ("The input is missing: it has to be read.", without(read=0)),
        ("The weights are missing: they have to be read, too.", without(weights=0)),
        (
            "The batch cancels in your function. The maps grow with it. Do the weights?",
            lambda layer, batch: layer.macs / moved(layer, 1),
        ),
        (
            "The bytes grow with the batch in your function, and the MACs do not.",
            lambda layer, batch: layer.macs / moved(layer, batch),
        ),
        (
            "The MACs grow with the batch in your function, and the bytes do not.",
            lambda layer, batch: batch * layer.macs / moved(layer, 1),
        ),
        ("Upside down: these are bytes for each MAC.", lambda layer, batch: 1 / roofline.intensity(layer, batch)),
        ("With a stride the input is larger than the output.", at_output_size),
        ("BatchNorm's numbers are in it. The convolution alone has layer.weights.", with_norm),
    ]
    _function(function, cases, mistakes, "Count the numbers in three tensors: input, weights, output.")
    _right("a depthwise layer has little work for each byte, and a larger batch changes almost nothing about it.")


@_exercise
def check_least_time(function: Callable[[float, float, float, float], float]) -> None:
    """Check a function for the least time a layer can take under a roofline.

    Parameters
    ----------
    function : callable
        ``function(macs, moved, peak, bandwidth)`` returns milliseconds. ``moved`` is in bytes, ``peak`` in MACs a
        second, ``bandwidth`` in bytes a second.

    Raises
    ------
    CheckFailed
        If it is wrong for some layer or machine; the message says what to look at again.

    Examples
    --------
    >>> check_least_time(lambda macs, moved, peak, bandwidth: 1000 * (macs / peak + moved / bandwidth))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: The two times are added. A machine computes while it moves, so one of them hides \
behind the other.
    """

    def least(macs: float, moved: float, peak: float, bandwidth: float) -> float:
        return 1000 * max(macs / peak, moved / bandwidth)

    machines = [(100e9, 20e9), (2e12, 300e9), (4e9, 8e9)]
    layers = [(115_605_504, 1_753_088), (7_225_344, 6_459_648), (1_806_336, 1_607_936)]
    cases = [
        _Case((*layer, *machine), least(*layer, *machine), "{:,} MACs and {:,} bytes".format(*layer))
        for machine in machines
        for layer in layers
    ]
    mistakes = [
        (
            "The two times are added. A machine computes while it moves, so one of them hides behind the other.",
            lambda macs, moved, peak, bandwidth: 1000 * (macs / peak + moved / bandwidth),
        ),
        (
            "This is the shorter of the two times. The layer is done when both are over.",
            lambda macs, moved, peak, bandwidth: 1000 * min(macs / peak, moved / bandwidth),
        ),
        ("Only the arithmetic is counted; the bytes take time, too.", lambda macs, moved, peak, b: 1000 * macs / peak),
        ("Only the bytes are counted; the arithmetic takes time, too.", lambda macs, moved, p, b: 1000 * moved / b),
        ("These are seconds, and milliseconds are asked for.", lambda *all_: least(*all_) / 1000),
        ("These are microseconds, and milliseconds are asked for.", lambda *all_: least(*all_) * 1000),
        (
            "The seconds are divided where they should be multiplied: a second has a thousand milliseconds.",
            lambda *all_: least(*all_) / 1e6,
        ),
        (
            "Bytes a second and MACs a second are compared as they are. They have different units.",
            lambda macs, moved, peak, bandwidth: 1000 * macs / min(peak, bandwidth),
        ),
        (
            "This is the ceiling, in MACs a second. How long do all the MACs take at that speed?",
            lambda macs, moved, peak, bandwidth: min(peak, macs / moved * bandwidth),
        ),
    ]
    _function(function, cases, mistakes, "How long would the arithmetic take alone? And the bytes?")
    _right("the slower of the two decides, and that is all that a roofline says.")


# Chapter 10: training and ablations


@_exercise
def check_half_width(function: Callable[[Sequence[float], Sequence[float], float], float]) -> None:
    """Check a function for half the width of a confidence interval of paired differences.

    Parameters
    ----------
    function : callable
        ``function(a, b, t)``: a and b are accuracies of two networks, one for each seed, in the same order; t is the
        quantile of Student's distribution for so many pairs.

    Raises
    ------
    CheckFailed
        If it is wrong for some numbers; the message says what to look at again.

    Examples
    --------
    >>> import statistics
    >>> check_half_width(lambda a, b, t: t * statistics.stdev(a) / len(a) ** 0.5)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: This is the spread of the first network alone. It is the differences that vary.
    """

    def spread(a: Sequence[float], b: Sequence[float]) -> float:
        return statistics.stdev(x - y for x, y in zip(a, b, strict=True))

    def right(a: Sequence[float], b: Sequence[float], t: float) -> float:
        return t * spread(a, b) / math.sqrt(len(a))

    def unpaired(a: Sequence[float], b: Sequence[float], t: float) -> float:
        return t * math.sqrt((statistics.variance(a) + statistics.variance(b)) / len(a))

    shrunk = "The differences' own mean is taken off them, so divide their squares by one fewer than there are."
    runs = [
        ([95.0, 94.0, 96.5], [96.0, 95.5, 97.0], 4.303),
        ([90.0, 94.0, 91.0, 95.0, 92.0], [91.5, 95.0, 92.5, 95.5, 93.0], 2.776),
        ([60.0, 50.0], [55.0, 58.0], 12.706),
        ([93.0, 93.5, 94.0, 92.0, 95.0, 91.5], [93.0, 93.0, 94.5, 92.5, 94.0, 92.0], 1.0),
    ]
    cases = [_Case(case, right(*case), f"a={case[0]}, b={case[1]}, t={case[2]}") for case in runs]
    mistakes = [
        ("This is the spread of the first network alone. It is the differences that vary.",
         lambda a, b, t: t * statistics.stdev(a) / math.sqrt(len(a))),
        ("This is the spread of the second network alone. It is the differences that vary.",
         lambda a, b, t: t * statistics.stdev(b) / math.sqrt(len(b))),
        ("This is for two groups that have nothing to do with each other. Take the differences first, pair by pair.",
         unpaired),
        ("This says how far a single difference lies from the mean. The mean of many is surer than one.",
         lambda a, b, t: t * spread(a, b)),
        ("More pairs help less than that: four times as many halve the width.",
         lambda a, b, t: right(a, b, t) / math.sqrt(len(a))),
        ("The square root of the number of pairs, not of one fewer: that one belongs inside the spread.",
         lambda a, b, t: t * spread(a, b) / math.sqrt(len(a) - 1)),
        (shrunk, lambda a, b, t: right(a, b, t) * math.sqrt(1 - 1 / len(a))),
        ("t is not used: with few pairs the spread itself is a guess, and the interval must be wider.",
         lambda a, b, t: right(a, b, 1)),
        ("This is the whole width, from end to end.", lambda a, b, t: 2 * right(a, b, t)),
        ("This is a variance. Its square root has the unit of the accuracies.",
         lambda a, b, t: t * spread(a, b) ** 2 / math.sqrt(len(a))),
        ("This is the mean difference: the middle of the interval, not its width.",
         lambda a, b, t: statistics.fmean(a) - statistics.fmean(b)),
    ]  # fmt: skip
    _function(function, cases, mistakes, "First the differences, then their spread, then the spread of their mean.")
    _right("what the runs of a pair share has gone with the difference.")


@_exercise
def check_seeds(function: Callable[[float, float, float], int]) -> None:
    """Check a function for how many pairs of runs it takes to see a difference.

    Parameters
    ----------
    function : callable
        ``function(spread, half_width, t)``: the smallest number of pairs for which t times the spread of the mean
        difference is at most half_width; spread is the standard deviation of a single difference.

    Raises
    ------
    CheckFailed
        If it is wrong for some numbers; the message says what to look at again.

    Examples
    --------
    >>> check_seeds(lambda spread, half_width, t: math.ceil(t * spread / half_width))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Half the width takes four times as many pairs, and here only twice as many.
    """

    def exactly(s: float, h: float, t: float) -> float:
        return (t * s / h) ** 2

    numbers = [(1.0, 0.5, 2.0), (0.9, 0.31, 2.0), (3.0, 0.7, 2.0), (0.5, 1.5, 2.0), (1.1, 0.4, 3.0)]
    cases = [
        _Case(case, math.ceil(exactly(*case)), "spread={}, half_width={}, t={}".format(*case)) for case in numbers
    ]
    mistakes = [
        ("Half the width takes four times as many pairs, and here only twice as many.",
         lambda s, h, t: math.ceil(t * s / h)),
        ("There is no part of a pair: give a whole number, the next one upwards.", exactly),
        ("Downwards is a pair too few: then the interval is still too wide.", lambda s, h, t: int(exactly(s, h, t))),
        ("To the nearest is too few half of the time.", lambda s, h, t: round(exactly(s, h, t))),
        ("This rounds upwards even where the number is whole.", lambda s, h, t: int(exactly(s, h, t)) + 1),
        ("t is squared as well: it stands beside the spread.", lambda s, h, t: math.ceil(t * (s / h) ** 2)),
        ("t is left out.", lambda s, h, t: math.ceil((s / h) ** 2)),
        ("t is taken to be 2.", lambda s, h, t: math.ceil(exactly(s, h, 2))),
        ("Upside down: a larger spread takes more pairs.", lambda s, h, t: math.ceil((h / (t * s)) ** 2)),
        ("It is half the width that is given, not the whole.", lambda s, h, t: math.ceil(exactly(2 * s, h, t))),
    ]  # fmt: skip
    _function(function, cases, mistakes, "Set the half width equal to t times the spread of the mean, and solve for n.")
    _right("and the number of pairs grows with the square of what you want to see.")


# Chapter 11: beyond


@_exercise
def check_padding(function: Callable[[int, int], int]) -> None:
    """Check a function for the padding that keeps the size of a map at stride 1.

    Parameters
    ----------
    function : callable
        ``function(kernel_size, dilation)``: how many zeros on each side, for an odd kernel.

    Raises
    ------
    CheckFailed
        If it is wrong for some kernel; the message says what to look at again.

    Examples
    --------
    >>> check_padding(lambda kernel_size, dilation: kernel_size // 2)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: The dilation is forgotten: it pulls the taps of the kernel apart.
    """
    cases = [
        _Case((k, d), d * (k - 1) // 2, f"kernel_size={k}, dilation={d}")
        for k, d in ((3, 1), (5, 1), (3, 2), (3, 4), (5, 2), (7, 3), (1, 2))
    ]
    mistakes = [
        ("The dilation is forgotten: it pulls the taps of the kernel apart.", lambda k, d: k // 2),
        ("The dilation is forgotten: it pulls the taps of the kernel apart.", lambda k, d: k - 1),
        ("Your function is right for a 3x3 kernel only.", lambda k, d: d),
        ("Your function gives one pixel for every kernel, and that is right for a plain 3x3 only.", lambda k, d: 1),
        ("Between k taps there are k − 1 gaps, and only the gaps are stretched.", lambda k, d: d * k // 2),
        ("Between k taps there are k − 1 gaps, and only the gaps are stretched.", lambda k, d: d * k / 2),
        (
            "This is for both sides together; the argument padding is what stands on each.",
            lambda k, d: d * (k - 1),
        ),
        (
            "This is how far the kernel reaches. How many zeros does that need on each side?",
            lambda k, d: d * (k - 1) + 1,
        ),
        ("The dilation is added; it multiplies each of the gaps.", lambda k, d: (k - 1) // 2 + d),
        ("The dilation is added; it multiplies each of the gaps.", lambda k, d: (k - 1) // 2 + d - 1),
        ("The dilation is added; it multiplies each of the gaps.", lambda k, d: (k + d - 1) // 2),
        ("Divided instead of multiplied: a dilation makes the kernel reach further.", lambda k, d: (k - 1) // 2 // d),
        ("The middle of the kernel needs no zero of its own.", lambda k, d: d * (k - 1) // 2 + 1),
    ]
    _function(function, cases, mistakes, "Draw the kernel on its first pixel: how far does it hang over the edge?")
    if any(isinstance(function(*case.args), float) for case in cases):
        raise CheckFailed(
            "The values are right, but they are floats, and nn.Conv2d wants whole numbers: divide with //."
        )
    _right("the map keeps its size, for any odd kernel and any dilation.")


@_exercise
def check_receptive_field(function: Callable[[list[tuple[int, int, int]]], int]) -> None:
    """Check a function for the receptive field of a chain of convolutions.

    Parameters
    ----------
    function : callable
        ``function(layers)``: how many pixels of the input, along one side, one value of the output can see. ``layers``
        is a list of ``(kernel_size, stride, dilation)``, the first layer first.

    Raises
    ------
    CheckFailed
        If it is wrong for some chain; the message says what to look at again.

    Examples
    --------
    >>> check_receptive_field(lambda layers: 1 + sum(dilation * (k - 1) for k, stride, dilation in layers))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: The strides are forgotten: behind a stride of 2, neighbours on the map are two \
pixels of the image apart.
    """

    def field(
        layers: list[tuple[int, int, int]],
        reach: Callable[[int, int], int] = lambda k, d: d * (k - 1),
        jump_of: Callable[[int, int], int] = operator.mul,
        first: int = 1,
        early: bool = False,
    ) -> int:
        pixels, jump = first, 1
        for k, s, d in layers:
            after = jump_of(jump, s)
            pixels += reach(k, d) * (after if early else jump)
            jump = after
        return pixels

    def wrong(**slips: Any) -> Callable[[list], int]:
        return lambda layers: field(layers, **slips)

    def backwards(layers: list[tuple[int, int, int]]) -> int:
        return functools.reduce(lambda r, layer: (r - 1) * layer[1] + layer[2] * (layer[0] - 1) + 1, layers, 1)

    def network(strides: Iterable[tuple[int, int]], pointwise_first: bool) -> list[tuple[int, int, int]]:
        chain = [(3, 2, 1)]
        for stride, dilation in strides:
            chain += [(1, 1, 1)] * pointwise_first + [(3, stride, dilation), (1, 1, 1)]
        return chain

    v1, v2 = ([block.stride for block in blocks] for blocks in (specs.v1_blocks(), specs.v2_blocks()))
    cases = [
        _Case((layers,), field(layers), shown or str(layers), look)
        for layers, shown, look in [
            ([(3, 1, 1)], "", "Begin with a single layer: it sees as far as its kernel reaches."),
            ([(3, 1, 1), (5, 1, 1)], "", "The second layer widens what the first one sees."),
            ([(3, 1, 2), (5, 1, 3)], "", "Dilation makes a kernel reach further."),
            ([(3, 2, 1), (3, 1, 1)], "", "A stride moves apart what the layers **behind** it read."),
            ([(3, 2, 1), (3, 2, 1), (5, 1, 1)], "", "Two strides in a row work together."),
            ([(7, 1, 1), (1, 2, 1), (3, 1, 2)], "", "A kernel of a single pixel sees no more, but its stride counts."),
            ([*network([(s, 1) for s in v1], False)], "MobileNetV1", ""),
            ([*network([(s, 1) for s in v2], True)], "MobileNetV2", ""),
            ([*network(_walk(v2, 16), True)], "MobileNetV2 at output stride 16", ""),
        ]
    ]
    apart = "neighbours on the map are two pixels of the image apart."
    gaps = "A kernel of k taps has k − 1 gaps, and each layer adds its gaps, not its taps."
    mistakes = [
        (f"The strides are forgotten: behind a stride of 2, {apart}", wrong(jump_of=lambda jump, s: 1)),
        (gaps, wrong(reach=lambda k, d: d * k)),
        (gaps, wrong(reach=lambda k, d: d * k, first=0)),
        (gaps, wrong(reach=lambda k, d: d * (k - 1) + 1)),
        (gaps, wrong(reach=lambda k, d: d * (k - 1) + 1, first=0)),
        (gaps, wrong(reach=lambda k, d: d * k - 1)),
        (
            "A layer's own stride comes too early: it moves apart what the layers behind it read, not what it reads "
            "itself.",
            wrong(early=True),
        ),
        ("The dilation is forgotten: it pulls the taps of a kernel apart.", wrong(reach=lambda k, d: k - 1)),
        (
            "Only the stride of the layer before is used. The strides of all the layers before a layer work together.",
            wrong(jump_of=lambda jump, s: s),
        ),
        ("The strides are added; two in a row multiply.", wrong(jump_of=operator.add)),
        ("Without any layer a value sees one pixel, itself; begin there.", wrong(first=0)),
        ("The kernels are multiplied; each layer adds something.", lambda layers: math.prod(k for k, _, _ in layers)),
        ("This recipe begins at the last layer and goes to the first.", backwards),
        ("These are half of the pixels: a kernel reaches to both sides.", wrong(reach=lambda k, d: d * (k - 1) // 2)),
    ]
    _function(function, cases, mistakes)
    unchanged = "as much at output stride 16 as at 32" if cases[-1].right == cases[-2].right else "more when dilated"
    _right(f"the last map of MobileNetV2 sees {cases[-2].right} pixels a side, {unchanged}.")


@_exercise
def check_hard_sigmoid(function: Callable[[Tensor], Tensor]) -> None:
    """Check a hard sigmoid: 0 up to -3, 1 from 3 on, and a straight line between.

    Parameters
    ----------
    function : callable
        ``function(x)`` takes a tensor of any shape and returns one of the same shape.

    Raises
    ------
    CheckFailed
        If it differs from ``torch.nn.functional.hardsigmoid``; the message says what to look at again.

    Examples
    --------
    >>> check_hard_sigmoid(torch.sigmoid)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: This is the smooth sigmoid. The hard one is made of three straight pieces.
    """
    if not callable(function):
        raise CheckFailed("Pass the function itself, without calling it: its name, and no brackets behind it.")
    scale = "Between the two ends the line climbs by 1 over a length of 6."
    mistakes = [
        ("This is the smooth sigmoid. The hard one is made of three straight pieces.", torch.sigmoid),
        ("Nothing stops the line: what keeps the value between 0 and 1?", lambda x: (x + 3) / 6),
        ("The value can pass 1.", lambda x: functional.relu(x + 3) / 6),
        ("The value can fall below 0.", lambda x: (x + 3).clamp(max=6) / 6),
        ("The value runs from 0 to 6. Scale it.", lambda x: functional.relu6(x + 3)),
        ("At 0 the value should be one half: shift the line before you cut it.", lambda x: functional.relu6(x) / 6),
        ("This is h-swish. The gate is the factor in it that x is multiplied with.", functional.hardswish),
        (scale, lambda x: x.clamp(0, 1)),
        (scale, lambda x: (x + 0.5).clamp(0, 1)),
        (scale, lambda x: ((x + 1) / 2).clamp(0, 1)),
        (f"{scale} A fifth is the slope of another library's hard sigmoid.", lambda x: (x / 5 + 0.5).clamp(0, 1)),
        (f"{scale} A quarter is too steep.", lambda x: (x / 4 + 0.5).clamp(0, 1)),
        ("The sign: large values of x open the gate.", lambda x: functional.hardsigmoid(-x)),
        ("It should end at 0, not at −1.", functional.hardtanh),
        ("This is a step; between −3 and 3 there is a slope.", lambda x: (x > 0).float()),
        ("This is a step; between −3 and 3 there is a slope.", lambda x: (x >= 0).float()),
    ]
    tensors = [torch.linspace(-6, 6, 49).reshape(7, 7), torch.tensor([[-3.0, 0.0, 3.0]]), torch.tensor(1.5)]
    results = []
    for x in tensors:
        shown = f"a tensor of shape {tuple(x.shape)}"
        given = x.clone()
        try:
            result = _call(function, (given,), shown)
        except CheckFailed as failed:
            many = "A tensor holds many values, so no if can choose between them." if "ambiguous" in str(failed) else ""
            raise CheckFailed(_joined(str(failed), many)) from None
        if not isinstance(result, Tensor):
            raise CheckFailed(f"Your function should return a tensor; it returns a {type(result).__name__}.")
        if result.shape != x.shape:
            raise CheckFailed(f"The shape should stay; {tuple(x.shape)} becomes {tuple(result.shape)}.")
        if not torch.equal(given, x):
            raise CheckFailed("Your function changes the tensor that it is given. Who calls it may still need that.")
        results.append(result.detach().to(x.dtype))
    if not all(_close(result, functional.hardsigmoid(x)) for result, x in zip(results, tensors, strict=True)):
        for hint, wrong in mistakes:
            if all(_close(result, wrong(x)) for result, x in zip(results, tensors, strict=True)):
                raise CheckFailed(hint)
        x, y, right = (
            torch.cat([t.flatten() for t in each]) for each in (tensors, results, map(functional.hardsigmoid, tensors))
        )
        place = int((y - right).abs().argmax())
        raise CheckFailed(f"At x = {x[place]:g} your function gives {y[place]:.4g}. Draw it from −6 to 6.")
    _right("three straight pieces, and no exponential to compute.")


@_exercise
def check_squeeze_excite(block: type[nn.Module]) -> None:
    """Check a squeeze-and-excitation: its shapes, its parameters, and its numbers.

    Parameters
    ----------
    block : type
        A ``torch.nn.Module`` whose instances are built by ``block(channels, squeeze_channels)``: the mean of each map,
        a 1x1 convolution to ``squeeze_channels``, ReLU, a 1x1 convolution back, a hard sigmoid; the input is
        multiplied with what comes out. Both convolutions have a bias, and may as well be linear layers.

    Raises
    ------
    CheckFailed
        If it computes something else; the message says where.

    Examples
    --------
    >>> class Forgetful(nn.Module):
    ...     def __init__(self, channels, squeeze_channels):
    ...         super().__init__()
    ...         self.reduce = nn.Conv2d(channels, squeeze_channels, 1)
    ...         self.expand = nn.Conv2d(squeeze_channels, channels, 1)
    ...     def forward(self, x):
    ...         return x * functional.hardsigmoid(self.expand(functional.relu(self.reduce(x))))
    >>> check_squeeze_excite(Forgetful)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: The first convolution runs on the whole map. Squeeze first: one number for each \
channel.
    """
    _is_class(block)
    with _one_thread(), torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        for channels, squeeze in ((16, 4), (24, 8)):
            _compare_gate(block, channels, squeeze, f"{block.__name__}({channels}, {squeeze})")
    _right(f"{block.__name__} weighs each channel by what it sees on the whole map.")


# Chapter 12: shipping


@_exercise
def check_fold(function: Callable[[Tensor, nn.BatchNorm2d], tuple[Tensor, Tensor]]) -> None:
    """Check a function that folds a BatchNorm into the convolution in front of it.

    Parameters
    ----------
    function : callable
        ``function(weight, norm)`` takes the weight of a convolution without a bias, (C_out, C_in / groups, k, k), and
        the BatchNorm behind it; it returns the new weight, and the bias.

    Raises
    ------
    CheckFailed
        If a convolution with them computes something else; the message says what to look at again.

    Examples
    --------
    >>> check_fold(lambda weight, norm: (weight, norm.bias))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: The weights are those of before. BatchNorm divides and multiplies each channel.
    """
    if not callable(function):
        raise CheckFailed("Pass the function itself, without calling it: its name, and no brackets behind it.")

    def pair(
        weight: Tensor,
        norm: nn.BatchNorm2d,
        spread: Callable[[nn.BatchNorm2d], Tensor] = lambda norm: (norm.running_var + norm.eps).sqrt(),
        gamma: bool = True,
    ) -> tuple[Tensor, Tensor]:
        scale = (norm.weight if gamma else 1) / spread(norm)
        return weight * scale[:, None, None, None], norm.bias - scale * norm.running_mean

    def scale(norm: nn.BatchNorm2d) -> Tensor:
        return norm.weight / (norm.running_var + norm.eps).sqrt()

    of_weights = [
        ("The weights are those of before. BatchNorm divides and multiplies each channel.", lambda w, n: w),
        ("The small number eps is forgotten.", lambda w, n: pair(w, n, lambda n: n.running_var.sqrt())[0]),
        ("eps belongs under the root.", lambda w, n: pair(w, n, lambda n: n.running_var.sqrt() + n.eps)[0]),
        (
            "BatchNorm divides by a standard deviation, not by a variance.",
            lambda w, n: pair(w, n, lambda n: n.running_var + n.eps)[0],
        ),
        ("The learned scale, norm.weight, is missing.", lambda w, n: pair(w, n, gamma=False)[0]),
        (
            "BatchNorm divides by the spread.",
            lambda w, n: w * (n.weight * (n.running_var + n.eps).sqrt())[:, None, None, None],
        ),
        (
            "The scale is put on the input channels. Which dimension of a weight counts the outputs?",
            lambda w, n: w * scale(n)[None, :, None, None],
        ),
    ]
    of_bias = [
        ("The mean is forgotten: BatchNorm subtracts it.", lambda n: n.bias),
        ("The learned shift, norm.bias, is missing.", lambda n: -scale(n) * n.running_mean),
        ("The mean is added. BatchNorm subtracts it.", lambda n: n.bias + scale(n) * n.running_mean),
        ("The mean is subtracted before the scale works. What becomes of it then?", lambda n: n.bias - n.running_mean),
        ("The shift is scaled, too. BatchNorm adds it last.", lambda n: scale(n) * (n.bias - n.running_mean)),
        ("The bias is zero. What does BatchNorm do to a map of zeros?", lambda n: torch.zeros_like(n.bias)),
    ]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        cases = []
        for shape in ((6, 6, 3, 3), (6, 1, 3, 3), (4, 6, 1, 1)):
            norm = nn.BatchNorm2d(shape[0], eps=0.1).eval()
            for tensor in (norm.weight, norm.bias, norm.running_mean):
                tensor.uniform_(0.5, 2)
            norm.running_var.uniform_(0.2, 4)
            cases.append((torch.randn(shape), norm))
        results = []
        for weight, norm in cases:
            shown = f"a weight of shape {tuple(weight.shape)}"
            given = weight.clone()
            result = _call(function, (given, norm), shown)
            if not isinstance(result, tuple | list) or len(result) != 2:
                raise CheckFailed("Two tensors are expected, the weight and the bias: return weight, bias.")
            for each in result:
                _unfinished(each)
                if not isinstance(each, Tensor):
                    raise CheckFailed(f"Two tensors are expected, and one of them is a {type(each).__name__}.")
            if not torch.equal(given, weight):
                raise CheckFailed("Your function changes the weight that it is given. Make a new one.")
            results.append([each.detach() for each in result])
    right = [pair(*case) for case in cases]
    for i, (name, mistakes) in enumerate((("weight", of_weights), ("bias", of_bias))):
        mine, wanted = [result[i] for result in results], [each[i].detach() for each in right]
        if all(_close(*each) for each in zip(mine, wanted, strict=True)):
            continue
        for hint, wrong in mistakes:
            # Some mistakes need as many inputs as outputs, so the first layer is compared.
            if _close(mine[0], wrong(*cases[0][i:]).detach()):
                raise CheckFailed(hint)
        for own, other in zip(mine, wanted, strict=True):
            if own.shape != other.shape:
                raise CheckFailed(f"The {name} has shape {tuple(own.shape)}, and {tuple(other.shape)} is needed.")
        raise CheckFailed(f"The {name} is not right. Write BatchNorm down for one channel and put the convolution in.")
    _right("one convolution does what the two layers did.")


@_exercise
def check_rounding(function: Callable[[Tensor, int], Tensor]) -> None:
    """Check a function that rounds weights to integers of some bits, with one scale for each output channel.

    Parameters
    ----------
    function : callable
        ``function(weight, bits)`` returns a tensor of the same shape: in each output channel, whole multiples of a
        scale. The largest absolute value of the channel is 2^(bits−1) − 1 times the scale.

    Raises
    ------
    CheckFailed
        If it rounds otherwise; the message says what to look at again.

    Examples
    --------
    >>> check_rounding(lambda weight, bits: weight)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Nothing is rounded.
    """
    if not callable(function):
        raise CheckFailed("Pass the function itself, without calling it: its name, and no brackets behind it.")

    def rounded(
        weight: Tensor,
        bits: int,
        dims: tuple[int, ...] = (1, 2, 3),
        top: Callable[[int], int] = lambda bits: 2 ** (bits - 1) - 1,
        size: Callable[[Tensor], Tensor] = torch.abs,
        whole: Callable[[Tensor], Tensor] = torch.round,
        back: bool = True,
    ) -> Tensor:
        scale = size(weight).amax(dims, keepdim=True) / top(bits)
        return whole(weight / scale) * (scale if back else 1)

    def wrong(**slips: Any) -> Callable[[Tensor, int], Tensor]:
        return lambda weight, bits: rounded(weight, bits, **slips)

    mistakes = [
        ("Nothing is rounded.", lambda weight, bits: weight),
        ("One scale serves the whole tensor. Each output channel should have its own.", wrong(dims=(0, 1, 2, 3))),
        ("There is a scale for each input channel. Which dimension counts the outputs?", wrong(dims=(0, 2, 3))),
        ("Each kernel has a scale of its own. One for each output channel is asked for.", wrong(dims=(2, 3))),
        ("These are the integers. Bring them back to the size of the weights.", wrong(back=False)),
        ("One bit is for the sign.", wrong(top=lambda bits: 2**bits - 1)),
        ("This uses one level more on one side. The largest integer is one less.", wrong(top=lambda b: 2 ** (b - 1))),
        ("The bits are not the levels: each bit doubles them.", wrong(top=lambda bits: bits)),
        ("Your function is right for 8 bits only.", wrong(top=lambda bits: 127)),
        ("A weight may be negative, and the most negative one may be the largest in size.", wrong(size=lambda w: w)),
        ("The fraction is cut off. Take the nearest integer.", wrong(whole=torch.trunc)),
        ("The fraction is cut off. Take the nearest integer.", wrong(whole=torch.floor)),
        ("Always up is not to the nearest.", wrong(whole=torch.ceil)),
    ]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        weight = torch.randn(6, 5, 3, 3) * torch.logspace(0, -2, 6)[:, None, None, None]
        cases = [(weight, bits) for bits in (8, 4, 3)]
        results = []
        for weight, bits in cases:
            result = _call(function, (weight.clone(), bits), f"{bits} bits")
            if not isinstance(result, Tensor):
                raise CheckFailed(f"Your function should return a tensor; it returns a {type(result).__name__}.")
            if result.shape != weight.shape:
                raise CheckFailed(f"The shape should stay; {tuple(weight.shape)} becomes {tuple(result.shape)}.")
            results.append(result)

        def all_close(one: Callable[[Tensor, int], Tensor]) -> bool:
            pairs = zip(results, cases, strict=True)
            return all(torch.allclose(result, one(*case), rtol=1e-3, atol=1e-5) for result, case in pairs)

        if not all_close(rounded):
            for hint, slip in mistakes:
                if all_close(slip):
                    raise CheckFailed(hint)
            levels = [len(result[0].unique()) for result in results]
            raise CheckFailed(
                f"In one channel {levels[-1]} different values are left with 3 bits. Divide by the scale, round, "
                "multiply by the scale."
            )
    _right("each channel uses its integers to the full.")


# Numbers, functions and lists


def _real(what: str, answer: object) -> float:
    """Return a plain number, whatever kind of number it came as."""
    _unfinished(answer)
    if isinstance(answer, cost.Cost):
        raise CheckFailed(f"{what}: this is a whole Cost. Take its .params or its .macs.")
    if isinstance(answer, Tensor) and answer.numel() == 1:
        answer = answer.item()
    if isinstance(answer, str):
        raise CheckFailed(f"{what}: write the number without quotation marks, as in 1_000_000.")
    if isinstance(answer, bool) or not isinstance(answer, Real):
        raise CheckFailed(f"{what}: a number is expected here, and this is a {type(answer).__name__}.")
    if not math.isfinite(answer):
        raise CheckFailed(f"{what}: this is not a finite number. Is something divided by zero?")
    return answer


def _same(a: float, b: float, tolerance: float = 1e-9) -> bool:
    if isinstance(a, int) and isinstance(b, int):
        return a == b
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=1e-12)


def _number(what: str, answer: object, right: int, mistakes: Mistakes, look: str) -> None:
    """Compare a number with the right one, then with what the typical mistakes give."""
    value = _real(what, answer)
    if value == right:
        return
    for hint, wrong in mistakes:
        if wrong != right and _same(value, wrong):
            raise CheckFailed(hint if hint[0].isupper() and ":" in hint else f"{what}: {hint}")
    raise CheckFailed(f"{what}: {look}")


def _not_swapped(answers: tuple[object, object], right: tuple[int, int], order: str) -> None:
    if answers == right[::-1]:
        raise CheckFailed(f"Both numbers are there, but swapped: {order}.")


class _Case(NamedTuple):
    """What a learner's function is tried on."""

    args: tuple
    right: float
    shown: str
    look: str = ""


def _call(function: Callable, args: tuple, shown: str) -> Any:
    """Call a learner's function; whatever goes wrong in it becomes a sentence."""
    try:
        result = function(*args)
    except (CheckFailed, _NotYet):
        raise
    except NotImplementedError:
        raise _NotYet(OUTLINED) from None
    except Exception as error:
        raise CheckFailed(f"Your function stops{f' for {shown}' if shown else ''} with {_sentence(error)}") from None
    _unfinished(result)
    return list(result) if inspect.isgenerator(result) else result


def _sentence(error: BaseException) -> str:
    """Return an error as the end of a sentence: its first line, in one piece."""
    text = str(error).strip().split("\n")[0].rstrip(".")
    return f"{type(error).__name__}{f': {text}' if text else ''}."


def _function(
    function: Callable,
    cases: Sequence[_Case],
    mistakes: Mistakes,
    look: str = "",
    tolerance: float = 1e-9,
    given: bool = True,
) -> None:
    """Compare a function with the right results, then with the functions that make the typical mistakes."""
    if not callable(function):
        raise CheckFailed("Pass the function itself, without calling it: its name, and no brackets behind it.")
    results = [_real("The result", _call(function, case.args, case.shown)) for case in cases]
    if all(_same(result, case.right, tolerance) for result, case in zip(results, cases, strict=True)):
        return
    for hint, wrong in mistakes:
        made = [wrong(*case.args) for case in cases]
        if all(_same(result, other, tolerance) for result, other in zip(results, made, strict=True)):
            raise CheckFailed(hint)
    if len(cases) > 1 and len(set(results)) == 1:
        raise CheckFailed(SAME_FOR_ALL)
    result, case = next(
        (result, case) for result, case in zip(results, cases, strict=True) if not _same(result, case.right, tolerance)
    )
    returns = f", where your function returns {result:,}" if given else ""
    first = "not right" if case is cases[0] else "the first that is not right"
    raise CheckFailed(f"{case.look or look} For {case.shown} the result is {first}{returns}.".strip())


def _rows(answer: object, width: int, columns: str) -> list[tuple[int, ...]]:
    """Return the rows of an answer as tuples of integers."""
    _unfinished(answer)
    if isinstance(answer, (str, dict)) or not isinstance(answer, Iterable):
        raise CheckFailed(f"A list of rows {columns} is expected here, and this is a {type(answer).__name__}.")
    rows = []
    for number, row in enumerate(answer):
        if isinstance(row, (str, dict)) or not isinstance(row, Iterable) or len(tuple(row)) != width:
            raise CheckFailed(f"Row {number} is {row!r}; each row has {width} numbers, {columns}.")
        rows.append(tuple(int(_real(f"Row {number}", value)) for value in row))
    if not rows:
        raise _NotYet("the list is still empty")
    return rows


def _list(rows: list[tuple], right: list[tuple], mistakes: Mistakes) -> None:
    """Compare a list of rows with the right one, then with what the typical mistakes give."""
    if rows == right:
        return
    for hint, wrong in mistakes:
        if wrong != right and rows == wrong:
            raise CheckFailed(hint)
    if len(rows) < len(right):
        raise CheckFailed("There are too few rows. Does each row of the table come as often as it says?")
    if len(rows) > len(right):
        raise CheckFailed(
            "There are too many rows. Only the blocks are asked for: neither stem nor head nor classifier."
        )
    place = next(i for i, (row, other) in enumerate(zip(rows, right, strict=True)) if row != other)
    if place and rows[place][0] != rows[place - 1][-2]:
        raise CheckFailed(f"Row {place}, counted from 0, does not read what row {place - 1} writes.")
    raise CheckFailed(f"Up to row {place}, counted from 0, all is right; look at that row, {rows[place]}, again.")


# timm: what is read from it is found by name


def _timm_module(module: str) -> ModuleType:
    """Import timm.models.<module>, or say what is missing."""
    try:
        import timm
    except ImportError:
        raise CannotCheck("timm is not installed here, and this is about its source: run `pip install timm`.") from None
    try:
        return importlib.import_module(f"timm.models.{module}")
    except ImportError:
        raise CannotCheck(f"timm {timm.__version__} has no timm.models.{module}: {MOVED}") from None


def _from_timm(module: str, name: str) -> Any:
    """Return timm.models.<module>.<name>, or say that it has moved."""
    home = _timm_module(module)
    if not hasattr(home, name):
        version = sys.modules["timm"].__version__
        raise CannotCheck(f"timm {version} has no {name} in timm.models.{module}: {MOVED}")
    return getattr(home, name)


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """Turn whatever goes wrong in reading timm into a sentence."""
    try:
        yield
    except CannotCheck:
        raise
    except Exception as error:
        version = sys.modules["timm"].__version__
        raise CannotCheck(
            f"{what} of timm {version} cannot be read as before, {_sentence(error)[:-1]}: {MOVED}"
        ) from None


MOVED = "it has moved since this was written, and your answer cannot be compared. It may well be right."


def _strings_of(generator: str) -> list[str]:
    """Return the architecture strings in the source of a function of timm's efficientnet module, each once."""
    source = inspect.getsource(_from_timm("efficientnet", generator))
    strings = re.findall(r"""["']((?:ir|dsa?)_[a-z0-9_.]+)["']""", source)
    if not strings:
        version = sys.modules["timm"].__version__
        raise CannotCheck(f"timm {version} has no architecture strings in {generator}: {MOVED}")
    return list(dict.fromkeys(strings))


def _decoded(string: str) -> dict[str, object]:
    """Return what timm's decoder makes of a string, in the words of the exercise."""
    decode = _from_timm("_efficientnet_builder", "_decode_block_str")
    with _reading("_decode_block_str"):
        arguments, repeats = decode(string)
        return {
            "block": arguments["block_type"],
            "repeats": repeats,
            "kernel_size": arguments["dw_kernel_size"],
            "stride": arguments["stride"],
            "expansion": arguments.get("exp_ratio", 1),
            "channels": arguments["out_chs"],
        }


def _same_value(value: object, right: object) -> bool:
    if isinstance(right, str) or isinstance(value, (str, bool)) or not isinstance(value, Real):
        return type(value) is type(right) and value == right
    return value == right


def _without_e(string: str, key: str) -> str:
    if key == "expansion" and "_e" not in string:
        return "It has no e: what is the expansion of a block that does not expand?"
    return ""


def _decoder_hint(key: str, answer: Mapping, truth: Mapping, pairs: list[tuple[Mapping, Mapping]]) -> str:
    """Return what is typically wrong when one value of a decoded string is wrong, or nothing."""
    value, right = answer[key], truth[key]
    if key == "block":
        if isinstance(value, str) and value and right.startswith(value):
            return "The name of the block is cut: it goes on up to the first underscore."
        return "The block's name stands in front of the first underscore, and stays text."
    if isinstance(value, str):
        if value.isdigit():
            return f"{key}: this is still text; make a number of it."
        return f"{key}: this is still text, with its letter; make a number of what stands behind the letter."
    for other in DECODED[1:]:
        if other != key and all(_same_value(a[key], t[other]) for a, t in pairs):
            return f"You give the {other} as {key}: which letter belongs to which?"
    digits = str(right)
    if (
        isinstance(value, int)
        and str(value) != digits
        and (digits.startswith(str(value)) or digits.endswith(str(value)))
    ):
        return f"{key}: this is cut; a number can have more than one digit."
    return ""


def _walk(
    strides: Sequence[int],
    limit: int,
    reached: int = 2,
    own: bool = False,
    keep: bool = False,
    every: str = "",
    beyond: Callable[[int, int], bool] = operator.gt,
    grow: Callable[[int, int], int] = operator.mul,
) -> list[tuple[int, int]]:
    """Return (stride, dilation) by timm's rule, or with a typical slip in it."""
    dilation, found = 1, []
    for stride in strides:
        full = every == "at" and reached >= limit
        if full or (stride > 1 or every == "behind") and beyond(reached * stride, limit):
            before, dilation = dilation, grow(dilation, 2 if every else stride)
            found.append((stride if keep else 1, dilation if own else before))
            if every == "behind":
                reached *= stride
        else:
            found.append((stride, dilation))
            reached *= stride
    return found


WHERE_TO_LOOK = {
    "padding": "the signature of InvertedResidual.__init__, and what create_conv2d is given",
    "shortcut": "the last lines of InvertedResidual.forward",
    "norm": "InvertedResidual.__init__, at what get_norm_act_layer makes, or ask the object itself for its class",
    "linear": "InvertedResidual.__init__, where bn3 is made",
    "v1_skip": "_decode_block_str, at what it hands on for separable blocks, and DepthwiseSeparableConv.__init__",
    "activation": "_decode_block_str, where an option begins with n",
    "head": "_gen_mobilenet_v2, at what becomes of num_features when the width is below 1",
    "depth": "_scale_stage_depth, and at what the function mobilenetv2_120d hands to it",
    "letters": "EfficientNetBuilder._make_block",
    "eps": "_gen_mobilenet_v2, at its norm_layer, and resolve_bn_args; then ask the object",
}


def _treasures() -> dict[str, object]:
    """Return the answers of the treasure hunt, each looked up in the installed timm."""
    block_class = _from_timm("_efficientnet_blocks", "InvertedResidual")
    edge_class = _from_timm("_efficientnet_blocks", "EdgeResidual")
    builder_class = _from_timm("_efficientnet_builder", "EfficientNetBuilder")
    decode = _from_timm("_efficientnet_builder", "_decode_block_str")
    networks = {name: _from_timm("efficientnet", f"mobilenetv2_{name}") for name in ("050", "100", "120d")}
    with torch.random.fork_rng(devices=[]), _reading("What the treasure hunt asks for in the MobileNets"):
        source = inspect.getsource(block_class.__init__)
        (padding,) = set(re.findall(r"padding=(\w+)", source)) & set(inspect.signature(block_class).parameters)
        (linear,) = re.findall(r"(\w+)=False", re.search(r"self\.bn3 = .*", source)[0])

        block = block_class(8, 8).eval()
        block.drop_path = _Zero()
        x = torch.randn(1, 8, 3, 3)
        with torch.no_grad():
            after = torch.equal(block(x.clone()), x)

        asked = []  # a copy of the decoder that notes for which activation it asks
        noting = {**decode.__globals__, "get_act_layer": asked.append}
        type(decode)(decode.__code__, noting)("ir_r1_k3_s1_e1_c8_nhs")
        (activation,) = asked

        letters = []
        for word in sorted(set(re.findall(r"'([a-z]{2,4})'", inspect.getsource(decode)))):
            try:
                arguments, _ = decode(f"{word}_r1_k3_s1_e1_c8")
                with torch.device("meta"):
                    build = builder_class(norm_layer=nn.BatchNorm2d)
                    stages = build(8, [[{**arguments, "act_layer": nn.ReLU}]])
            except Exception:
                continue  # not a block's name, or a block that wants more
            letters += [word] * isinstance(stages[0][0], edge_class)
        (letter,) = letters

        plain = networks["100"]()
        return {
            "padding": padding,
            "shortcut": "after" if after else "before",
            "norm": type(plain.blocks[1][1].bn1).__name__,
            "linear": linear,
            "v1_skip": not decode("dsa_r1_k3_s1_c8_skip")[0]["noskip"],
            "activation": activation,
            "head": networks["050"]().num_features,
            "depth": len(networks["120d"]().blocks[3]),
            "letters": letter,
            "eps": plain.bn1.eps,
        }


class _Zero(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


def _found(answer: object, right: object) -> bool:
    """Compare an answer of the hunt with the right one; how it is written does not matter."""
    if isinstance(right, bool):
        return str(answer) == str(right)
    if isinstance(right, Real):
        try:
            return not isinstance(answer, bool) and math.isclose(float(answer), right, rel_tol=1e-6)
        except (TypeError, ValueError):
            return False
    if isinstance(answer, (tuple, list)) and answer:
        answer = answer[0]  # a name, and the default that goes with it
    text = answer.__name__ if isinstance(answer, type) else str(answer)
    return re.split(r"\s*=", text.strip(" '\"`()"))[0].casefold() == right.casefold()


# Blocks


class _Run(NamedTuple):
    """What happened when a block was run once."""

    output: Any
    error: Exception | None
    layers: list[
        tuple[nn.Module, tuple[int, ...]]
    ]  # the modules without children, as they ran, and their outputs' shapes

    def of_kind(self, *kinds: type[nn.Module]) -> list[nn.Module]:
        return [module for module, _ in self.layers if isinstance(module, kinds)]


ACTIVATIONS = {"relu6": functional.relu6, "relu": functional.relu, None: lambda x: x}
RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.Hardtanh)
ROLES = {
    "conv1": "expansion",
    "depthwise": "depthwise convolution",
    "pointwise": "pointwise convolution",
    "conv2": "projection",
}


def _block(
    block: type[nn.Module],
    reference: type[nn.Module],
    parts: dict[str, str | None],
    settings: Sequence[tuple[tuple[int, ...], dict[str, int]]],
) -> None:
    """Compare a learner's block with the library's, for several settings."""
    _is_class(block)
    with _one_thread(), torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        for args, named in settings:
            values = [*map(str, args), *(f"{name}={value}" for name, value in named.items())]
            _compare(block, reference, parts, args, named, f"{block.__name__}({', '.join(values)})")
    _right(f"{block.__name__} gives what the library's block gives, in eval and in train mode.")


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run small layers on one thread: on a busy machine several would wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _is_class(block: object) -> None:
    if isinstance(block, nn.Module):
        raise CheckFailed("Pass the class itself, not a block built from it: its name, and no brackets behind it.")
    if not isinstance(block, type) or not issubclass(block, nn.Module):
        raise CheckFailed("A class that derives from nn.Module is expected here.")
    if block.__init__ is nn.Module.__init__:
        raise _NotYet(f"{block.__name__} has no __init__")
    if block.forward is nn.Module.forward:
        raise _NotYet(f"{block.__name__} has no forward")


def _built(block: type[nn.Module], shown: str, *args: int, **named: int) -> nn.Module:
    """Build a learner's block."""
    try:
        mine = block(*args, **named)
    except NotImplementedError:
        raise _NotYet(OUTLINED) from None
    except Exception as error:
        raise CheckFailed(f"{shown} cannot be built: {_sentence(error)}") from None
    if "_modules" not in vars(mine):
        raise _NotYet(f"the __init__ of {block.__name__} does not call super().__init__()")
    return mine


def _compare(
    block: type[nn.Module],
    reference: type[nn.Module],
    parts: dict[str, str | None],
    args: tuple[int, ...],
    named: dict[str, int],
    shown: str,
) -> None:
    mine = _built(block, shown, *args, **named)
    theirs = reference(*args, **named)
    _randomise(theirs)
    x = torch.randn(2, args[0], 13, 13)
    run, wanted = _run(mine.eval(), x), _run(theirs.eval(), x)
    if run.error is None:
        _unfinished(run.output)
    hints = [*_structure(run, wanted, list(parts), named), ""]

    if run.error is not None:
        raise CheckFailed(
            _why_it_stopped(run, wanted, theirs, x, shown)
            or _joined(hints[0], f"{shown} stops with {_sentence(run.error)}")
        )
    if not isinstance(run.output, Tensor):
        raise CheckFailed(f"forward should return a tensor; {shown} returns a {type(run.output).__name__}.")
    if run.output.shape != wanted.output.shape:
        at = f"{shown} turns {tuple(x.shape)} into {tuple(run.output.shape)}."
        raise CheckFailed(_joined(hints[0] or "The output has the wrong shape.", at))
    count = sum(parameter.numel() for parameter in mine.parameters())
    if count != sum(parameter.numel() for parameter in theirs.parameters()):
        raise CheckFailed(_joined(hints[0] or "The number of parameters is not right.", f"{shown} has {count}."))
    if not _hand_over(run, wanted):
        raise CheckFailed(
            hints[0] or f"The layers of {shown} do not come in the library's order, or have other shapes."
        )
    for mode in ("eval", "train"):
        getattr(mine, mode)(), getattr(theirs, mode)()
        if not _close(mine(x.clone()), theirs(x.clone())):
            hint = _variant(mine, theirs, parts, x) or hints[0]
            if mode == "train" and not hint:
                hint = "In eval mode all is right. Which layer behaves differently in training?"
            where = f"With the library's weights {shown} gives other numbers."
            raise CheckFailed(_joined(hint, where))


def _joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def _close(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-4)


def _randomise(block: nn.Module) -> None:
    """Draw weights so large that ReLU6 cuts on both sides, and averages that a BatchNorm cannot ignore."""
    for module in block.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.normal_(std=2 / math.sqrt(module.weight[0].numel()))
        elif isinstance(module, nn.BatchNorm2d):
            module.weight.uniform_(2, 4)
            module.bias.normal_()
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2)


def _run(block: nn.Module, x: Tensor) -> _Run:
    layers = []
    hooks = [
        module.register_forward_hook(lambda module, _, output: layers.append((module, tuple(output.shape))))
        for module in block.modules()
        if module is not block and not list(module.children())
    ]
    output, error = None, None
    try:
        output = block(x.clone())
    except Exception as caught:
        error = caught
    for hook in hooks:
        hook.remove()
    if isinstance(error, NotImplementedError):
        raise _NotYet(OUTLINED)
    return _Run(output, error, layers)


def _structure(run: _Run, wanted: _Run, names: list[str], named: dict[str, int]) -> Iterable[str]:
    """Compare the layers one by one; each hint is something that differs, the weightiest first."""
    mine, theirs = run.of_kind(nn.Conv2d), wanted.of_kind(nn.Conv2d)
    if len(set(mine)) < len(mine):
        yield "One convolution is used twice; each has weights of its own."
    if len(mine) != len(theirs):
        if run.error is None:
            yield f"The block has {len(theirs)} convolutions, and here {len(mine)} ran."
        return
    kernels = [conv.kernel_size for conv in mine]
    if kernels != [conv.kernel_size for conv in theirs] and kernels == [conv.kernel_size for conv in theirs][::-1]:
        yield "The order is swapped: first the depthwise convolution, then the pointwise one."
        return
    for name, conv, other in zip(names, mine, theirs, strict=True):
        role = ROLES[name]
        if conv.kernel_size != other.kernel_size:
            size = " x ".join(map(str, conv.kernel_size))
            yield f"The {role} has a {size} kernel, and that is not the one asked for."
        if conv.groups != other.groups:
            if conv.groups == 1:
                yield f"The {role} has no groups: each of its filters reads all the channels."
            else:
                yield f"The {role} has groups={conv.groups}. How many channels should each of its filters read?"
        if (conv.in_channels, conv.out_channels) != (other.in_channels, other.out_channels):
            yield f"The {role} takes {conv.in_channels} channels to {conv.out_channels}; look at its ends again."
        if conv.stride != other.stride:
            wrong = "ignores the stride" if conv.stride == (1, 1) else "has a stride that belongs to another layer"
            yield f"The {role} {wrong}."
        if conv.dilation != other.dilation:
            wrong = (
                "ignores the dilation" if conv.dilation == (1, 1) else "has a dilation that belongs to another layer"
            )
            yield f"The {role} {wrong}."
        if conv.padding != other.padding and conv.padding != "same":
            cause = " and ".join(what for what in ("kernel_size", "dilation") if named.get(what, 0) > 1)
            grow = f" for this {cause}: it must follow {'them' if ' and ' in cause else 'it'}" if cause else ""
            yield f"The padding of the {role} does not keep the size of the map{grow}."
        if conv.bias is not None:
            yield f"The {role} has a bias. BatchNorm follows and would take it out again."
    norms = [len(each.of_kind(nn.BatchNorm2d)) for each in (run, wanted)]
    if norms[0] < norms[1]:
        yield "A BatchNorm is missing: one follows each convolution."
    elif norms[0] > norms[1]:
        yield "There is a BatchNorm too many: one follows each convolution."
    kinds = [module for module, _ in run.layers if isinstance(module, (nn.Conv2d, nn.BatchNorm2d, *RECTIFIERS))]
    for before, after in itertools.pairwise(kinds):
        if isinstance(before, RECTIFIERS) and isinstance(after, nn.BatchNorm2d):
            yield "BatchNorm stands between the convolution and ReLU6, not behind both."
            break


def _why_it_stopped(run: _Run, wanted: _Run, theirs: nn.Module, x: Tensor, shown: str) -> str:
    """Say why a block raised, if it did so in adding the residual."""
    convs = [shape for module, shape in run.layers if isinstance(module, nn.Conv2d)]
    if len(convs) != len(wanted.of_kind(nn.Conv2d)) or convs[-1] == tuple(x.shape):
        return ""
    shapes = (
        f"In {shown} the input is {tuple(x.shape[1:])} and the output {convs[-1][1:]}, as channels, height and width."
    )
    if getattr(theirs, "use_residual", False):
        return f"The map changes its size inside the block. The padding must follow kernel size and dilation. {shapes}"
    return f"The input is added to an output of another shape. When does the residual exist? {shapes}"


def _hand_over(run: _Run, wanted: _Run) -> bool:
    """Copy weights and averages in the order in which the layers ran; say whether they fit."""
    for kind in (nn.Conv2d, nn.BatchNorm2d):
        mine, theirs = run.of_kind(kind), wanted.of_kind(kind)
        if len(mine) != len(theirs):
            return False
        for a, b in zip(mine, theirs, strict=True):
            own, other = a.state_dict(), b.state_dict()
            if {name: value.shape for name, value in own.items()} != {
                name: value.shape for name, value in other.items()
            }:
                return False
            a.load_state_dict(other)
    return True


def _variant(mine: nn.Module, theirs: nn.Module, parts: dict[str, str | None], x: Tensor) -> str:
    """Make the typical mistakes with activations and residual, and return the hint of the one that gives `mine`."""
    got = mine(x.clone())
    names, right = list(parts), tuple(parts.values())
    adds = getattr(theirs, "use_residual", False)

    def forward(activations: Sequence[str | None] = right, add: bool = adds, after: str | None = None) -> Tensor:
        y = x
        for name, activation in zip(names, activations, strict=True):
            part = getattr(theirs, name)
            y = ACTIVATIONS[activation](part[1](part[0](y)))
        return ACTIVATIONS[after](x + y if add else y)

    def changed(place: int, activation: str | None) -> tuple[str | None, ...]:
        return (*right[:place], activation, *right[place + 1 :])

    mistakes = []
    for place, name in enumerate(names):
        if right[place] is None:
            hint = f"An activation follows the {ROLES[name]}: the bottleneck is linear."
            mistakes += [(hint, {"activations": changed(place, each)}) for each in ("relu6", "relu")]
        else:
            mistakes.append(
                (f"The activation behind the {ROLES[name]} is missing.", {"activations": changed(place, None)})
            )
            mistakes.append(
                (f"What lets values above 6 pass behind the {ROLES[name]}?", {"activations": changed(place, "relu")})
            )
    every_relu = tuple("relu" if activation else None for activation in right)
    mistakes.append(("ReLU lets values above 6 pass; the block has ReLU6.", {"activations": every_relu}))
    mistakes.append(("All activations are missing.", {"activations": (None,) * len(names)}))
    if adds:
        mistakes.append(("The residual is missing: here stride is 1, and the ends are equal.", {"add": False}))
        hint = "An activation follows the sum: what the block hands on should stay linear."
        mistakes += [(hint, {"after": each}) for each in ("relu6", "relu")]
    elif x.shape == got.shape:
        mistakes.append(("The input is added although there is no residual in this block.", {"add": True}))
    for hint, settings in mistakes:
        if _close(got, forward(**settings)):
            return hint
    return ""


# Squeeze-and-excitation


def _compare_gate(block: type[nn.Module], channels: int, squeeze: int, shown: str) -> None:
    mine = _built(block, shown, channels, squeeze)
    for module in mine.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.weight.normal_(std=2 / math.sqrt(module.weight[0].numel()))
            if module.bias is not None:
                module.bias.normal_()
    x = torch.randn(2, channels, 9, 7) + 3 * torch.randn(2, channels, 1, 1)
    run = _run(mine.eval(), x)
    if run.error is None:
        _unfinished(run.output)
    hint = next(iter(_gate_structure(run, channels, squeeze)), "")
    if run.error is not None:
        raise CheckFailed(_joined(hint, f"{shown} stops with {_sentence(run.error)}"))
    if not isinstance(run.output, Tensor):
        raise CheckFailed(f"forward should return a tensor; {shown} returns a {type(run.output).__name__}.")
    if hint:
        raise CheckFailed(hint)
    if run.output.shape != x.shape:
        at = f"{shown} turns {tuple(x.shape)} into {tuple(run.output.shape)}."
        only = "The factors themselves are returned; what are they for?" if run.output.numel() == 2 * channels else ""
        raise CheckFailed(_joined(only or "The output has the wrong shape.", at))
    count = sum(parameter.numel() for parameter in mine.parameters())
    if count != 2 * channels * squeeze + squeeze + channels:
        raise CheckFailed(f"There are parameters outside the two convolutions: {shown} has {count}.")
    first, second = run.of_kind(nn.Conv2d, nn.Linear)
    for mode in ("eval", "train"):
        getattr(mine, mode)()
        got = mine(x.clone())
        if not _close(got, _gate(x, first, second)):
            for why, slips in GATE_MISTAKES:
                if _close(got, _gate(x, first, second, **slips)):
                    raise CheckFailed(why)
            if mode == "train":
                raise CheckFailed("In eval mode all is right. Which layer behaves differently in training?")
            raise CheckFailed(f"The layers of {shown} are right, but not what happens between and behind them.")


def _gate_structure(run: _Run, channels: int, squeeze: int) -> Iterable[str]:
    """Compare the layers one by one; each hint is something that differs, the weightiest first."""
    mine = [(module, shape) for module, shape in run.layers if isinstance(module, (nn.Conv2d, nn.Linear))]
    if run.of_kind(nn.BatchNorm1d, nn.BatchNorm2d):
        yield "There is a BatchNorm. The two convolutions see one number for each channel and need none."
    if mine and math.prod(mine[0][1]) > 2 * mine[0][0].weight.shape[0]:
        yield "The first convolution runs on the whole map. Squeeze first: one number for each channel."
    if len(mine) != 2:
        if run.error is None:
            yield f"There are two 1x1 convolutions, one in and one back, and here {len(mine)} ran."
        return
    if mine[0][0] is mine[1][0]:
        yield "One convolution is used twice; each has weights of its own."
    for (module, _), name, (before, after) in zip(
        mine, ("first", "second"), ((channels, squeeze), (squeeze, channels)), strict=True
    ):
        if getattr(module, "groups", 1) != 1:
            yield f"The {name} convolution has groups. Each of its outputs looks at all the channels."
        elif tuple(module.weight.shape[:2]) != (after, before):
            ends = f"{module.weight.shape[1]} channels to {module.weight.shape[0]}"
            yield f"The {name} convolution takes {ends}; look at its ends again."
        elif module.weight[0, 0].numel() != 1:
            yield f"The kernel of the {name} convolution is larger than the single pixel that is left."
        if module.bias is None:
            yield f"The {name} convolution has no bias, and no BatchNorm follows that could take its place."


GATES = {"mean": lambda x: x.mean((2, 3)), "max": lambda x: x.amax((2, 3)), "sum": lambda x: x.sum((2, 3))}
GATE_MISTAKES = [
    ("The gate is the smooth sigmoid. MobileNetV3's is made of straight lines.", {"gate": torch.sigmoid}),
    ("The activation between the two convolutions is missing.", {"between": lambda s: s}),
    (
        "Two slips: the activation between the two convolutions is missing, and the gate is the smooth sigmoid.",
        {"between": lambda s: s, "gate": torch.sigmoid},
    ),
    (
        "The activation between the two convolutions is ReLU; nothing is cut off at the top.",
        {"between": functional.relu6},
    ),
    *(
        ("The activation between the two convolutions is plain ReLU.", {"between": activation})
        for activation in (
            functional.hardswish,
            functional.silu,
            functional.hardsigmoid,
            torch.sigmoid,
            functional.gelu,
        )
    ),
    ("The factors are added to the input; they should weigh it.", {"join": operator.add}),
    ("The input is added once more: there is no residual in here.", {"join": lambda x, s: x * s + x}),
    ("The factors are returned, spread over the map; what are they for?", {"join": lambda x, s: s + 0 * x}),
    ("Nothing keeps the factors between 0 and 1.", {"gate": lambda s: s}),
    ("The gate is cut off at 6 and not at 1.", {"gate": lambda s: functional.relu6(s + 3)}),
    ("The gate is not shifted: at 0 it should be half open.", {"gate": lambda s: functional.relu6(s) / 6}),
    ("The gate does not have this slope: it opens between −3 and 3.", {"gate": lambda s: s.clamp(0, 1)}),
    *(
        ("The last activation belongs to a gate, from 0 to 1.", {"gate": activation})
        for activation in (functional.relu, functional.relu6, functional.hardswish, torch.tanh)
    ),
    ("The channels compete: each gate is open or shut by itself.", {"gate": lambda s: s.softmax(1)}),
    ("The largest value of each map is taken, not its mean.", {"pool": "max"}),
    ("Each map is summed up. Divide, or a larger image opens the gates further.", {"pool": "sum"}),
]


def _gate(
    x: Tensor,
    first: nn.Module,
    second: nn.Module,
    pool: str = "mean",
    between: Callable[[Tensor], Tensor] = functional.relu,
    gate: Callable[[Tensor], Tensor] = functional.hardsigmoid,
    join: Callable[[Tensor, Tensor], Tensor] = operator.mul,
) -> Tensor:
    """Return what a squeeze-and-excitation with these two layers gives, or with a typical slip in it."""
    s = between(functional.linear(GATES[pool](x), first.weight.flatten(1), first.bias))
    s = gate(functional.linear(s, second.weight.flatten(1), second.bias))
    return join(x, s[:, :, None, None])
