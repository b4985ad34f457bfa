"""Checks of the exercises in chapter 9: fewer MACs, faster?."""

from __future__ import annotations

from collections.abc import Callable

from .. import cost
from ..cost import Layer
from ..measure import roof as roofline
from . import compare
from .compare import THREE_DIGITS, Case
from .verdicts import exercise, praise


def _moved(layer: Layer, batch: int, read: int = 1, weights: int = 1, written: int = 1) -> int:
    maps = read * layer.inputs + written * layer.activations
    return 4 * (batch * maps + weights * layer.weights)


def _without(**parts: int) -> Callable[[Layer, int], float]:
    return lambda layer, batch: batch * layer.macs / _moved(layer, batch, **parts)


def _times(factor: float) -> Callable[[Layer, int], float]:
    return lambda layer, batch: factor * roofline.intensity(layer, batch)


def _at_output_size(layer: Layer, batch: int) -> float:
    return roofline.intensity(layer._replace(in_size=layer.out_size), batch)


def _with_norm(layer: Layer, batch: int) -> float:
    return batch * layer.macs / (_moved(layer, batch, weights=0) + 4 * layer.params)


INTENSITY_MISTAKES = [
    ("These are MACs for each number. How many bytes has a float32?", _times(4)),
    ("These are MACs for each bit. Divide by bytes.", _times(1 / 8)),
    ("This counts operations, two for a MAC. The book counts MACs.", _times(2)),
    ("Only the output is counted. The input and the weights have to be read.", _without(read=0, weights=0)),
    (
        "Only the output is counted. The input and the weights have to be read.",
        lambda layer, batch: layer.macs / (4 * layer.activations),
    ),
    ("The output is missing: it has to be written.", _without(written=0)),
    ("The input is missing: it has to be read.", _without(read=0)),
    ("The weights are missing: they have to be read, too.", _without(weights=0)),
    (
        "The batch cancels in your function. The maps grow with it. Do the weights?",
        lambda layer, batch: layer.macs / _moved(layer, 1),
    ),
    (
        "The bytes grow with the batch in your function, and the MACs do not.",
        lambda layer, batch: layer.macs / _moved(layer, batch),
    ),
    (
        "The MACs grow with the batch in your function, and the bytes do not.",
        lambda layer, batch: batch * layer.macs / _moved(layer, 1),
    ),
    ("Upside down: these are bytes for each MAC.", lambda layer, batch: 1 / roofline.intensity(layer, batch)),
    ("With a stride the input is larger than the output.", _at_output_size),
    ("BatchNorm's numbers are in it. The convolution alone has layer.weights.", _with_norm),
]


@exercise
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
        Case((row, batch), roofline.intensity(row, batch), f"a {row.role} layer and a batch of {batch}")
        for batch in (1, 8)
        for row in rows
    ]

    compare.expect_function(
        function, cases, INTENSITY_MISTAKES, "Count the numbers in three tensors: input, weights, output."
    )
    praise("a depthwise layer has little work for each byte, and a larger batch changes almost nothing about it.")


def _least(macs: float, moved: float, peak: float, bandwidth: float) -> float:
    return 1000 * max(macs / peak, moved / bandwidth)


LEAST_TIME_MISTAKES = [
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
    ("These are seconds, and milliseconds are asked for.", lambda *all_: _least(*all_) / 1000),
    ("These are microseconds, and milliseconds are asked for.", lambda *all_: _least(*all_) * 1000),
    (
        "The seconds are divided where they should be multiplied: a second has a thousand milliseconds.",
        lambda *all_: _least(*all_) / 1e6,
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


@exercise
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
    machines = [(100e9, 20e9), (2e12, 300e9), (4e9, 8e9)]
    layers = [(115_605_504, 1_753_088), (7_225_344, 6_459_648), (1_806_336, 1_607_936)]
    cases = [
        Case((*layer, *machine), _least(*layer, *machine), "{:,} MACs and {:,} bytes".format(*layer))
        for machine in machines
        for layer in layers
    ]
    compare.expect_function(
        function, cases, LEAST_TIME_MISTAKES, "How long would the arithmetic take alone? And the bytes?"
    )
    praise("the slower of the two decides, and that is all that a roofline says.")


INT8_LIMIT = 9 / 2
INT8_MISTAKES = [
    ("this is the limit in float32. How many bytes has a number here?", 9 / 8),
    ("one number is read for it, and one is written.", 9),
    ("this is for numbers of two bytes.", 9 / 4),
    ("upside down: MACs for each byte, not bytes for each MAC.", 2 / 9),
    ("fewer bytes make more MACs per byte, not fewer.", 9 / 32),
    ("a byte has eight bits, but it is bytes that are counted here.", 36),
]


@exercise
def check_int8_limit(limit: float) -> None:
    """Check which intensity a 3x3 depthwise layer of stride 1 never reaches in int8.

    Parameters
    ----------
    limit : float
        MACs for each byte.

    Raises
    ------
    CheckFailed
        If it is another number; the message says what to look at again.

    Examples
    --------
    >>> check_int8_limit(9)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: MACs per byte: one number is read for it, and one is written.
    """
    look = "for one value of the output: how many MACs, and how many bytes at the least?"
    compare.expect_number("MACs per byte", limit, INT8_LIMIT, INT8_MISTAKES, look, THREE_DIGITS)
    praise("four times float32's limit. The weights only add bytes.")
