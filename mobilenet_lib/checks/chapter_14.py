"""Checks of the exercises in chapter 14: after V2, and a builder of one's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from unittest import mock

import torch
from torch import Tensor, nn

from ..blocks import DepthwiseProjection, DepthwiseSeparableConv, InvertedResidual
from ..layers import ConvBNReLU
from ..measure.threads import one_thread
from ..specs import V2_SPEC, make_divisible
from ..topics import family_results
from . import CheckFailed, compare
from .chapter_08 import DECODED, _decoder_hint, _from_timm, _has_all_keys, _reading, _same_value, _without_e
from .compare import PAIR, Case
from .modules import _randomise
from .verdicts import exercise, joined, kind, praise, shown, stopping, unfinished

# The universal block


def _universal(
    channels: int,
    expansion: int,
    start: int,
    middle: int,
    size: int,
    start_on: str = "thin",
    middle_on: str = "wide",
    pointwise: int = 2,
    power: int = 2,
    standard: bool = False,
    always: bool = False,
) -> int:
    """Return the block's MACs, or what they are with a typical slip."""
    wide = channels * expansion
    width = {"thin": channels, "wide": wide}
    first, second = (max(each, 1) if always else each for each in (start, middle))
    filters = first**power * width[start_on] * (channels if standard else 1)
    filters += second**power * width[middle_on] * (wide if standard else 1)
    return size**2 * (pointwise * channels * wide + filters)


def _slip(**settings: Any) -> Callable[..., int]:
    return lambda *args: _universal(*args, **settings)


UNIVERSAL_MISTAKES = [
    ("The first filter stands in front of the expansion: how many channels does it see?", _slip(start_on="wide")),
    ("The middle filter stands behind the expansion: how many channels does it see?", _slip(middle_on="thin")),
    (
        "The two filters have changed places: which of them works on the thin map?",
        _slip(start_on="wide", middle_on="thin"),
    ),
    ("A pointwise layer is missing: one widens, and one narrows.", _slip(pointwise=1)),
    ("A filter has rows and columns.", _slip(power=1)),
    ("These filters read all channels. A depthwise filter reads one.", _slip(standard=True)),
    ("A switch that is off is 0: then there is no filter, and not one of size 1.", _slip(always=True)),
    ("The filters are missing.", lambda c, t, a, k, d: 2 * c * c * t * d * d),
    (PAIR, lambda *args: 2 * _universal(*args)),
    ("The pixels of the map are missing.", lambda c, t, a, k, d: _universal(c, t, a, k, 1)),
    ("The map has rows and columns.", lambda c, t, a, k, d: _universal(c, t, a, k, 1) * d),
]
UNIVERSAL_CASES = [
    ((24, 6, 0, 3, 56), "an inverted residual of 24 channels"),
    ((96, 4, 7, 0, 14), "a ConvNeXt-like block of 96 channels"),
    ((64, 2, 0, 0, 7), "a feed-forward block of 64 channels"),
    ((80, 4, 3, 5, 28), "a block of 80 channels with both filters"),
]


@exercise
def check_universal_macs(function: Callable[[int, int, int, int, int], int]) -> None:
    """Check a function that counts the MACs of a universal inverted bottleneck with equal ends and stride 1.

    Parameters
    ----------
    function : callable
        ``function(channels, expansion, start, middle, size)``: ``start`` and ``middle`` are the sizes of the two
        depthwise kernels, 0 where there is none; ``size`` is the side of the map.

    Raises
    ------
    CheckFailed
        If a count is wrong; the message says what to look at again.

    Examples
    --------
    >>> check_universal_macs(lambda channels, expansion, start, middle, size: 0)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Your function gives the same answer for different inputs. Does it use all of its \
arguments?
    """
    cases = [Case(args, _universal(*args), name) for args, name in UNIVERSAL_CASES]
    look = "Go through the block layer by layer: which of them work on the thin map, and which on the wide one?"
    compare.expect_function(function, cases, UNIVERSAL_MISTAKES, look)
    praise("four settings of two switches, and one formula for all of them.")


# One convolution in the place of several


def _merged(
    three: Any, one: Any, place: Any = (1, 1), shortcut: bool = True, biases: str = "both", narrow: bool = True
) -> tuple[Tensor, Tensor]:
    """Return weight and bias of the merged convolution, or with a typical slip."""
    weight = three.weight.detach().clone()
    if narrow:
        if place == "all":
            weight += one.weight.detach()
        else:
            weight[:, :, place[0], place[1]] += one.weight.detach()[:, :, 0, 0]
    if shortcut:
        weight[:, 0, 1, 1] += 1
    bias = {
        "both": three.bias + one.bias,
        "three": three.bias,
        "one": one.bias,
        "mean": (three.bias + one.bias) / 2,
        "shortcut": three.bias + one.bias + 1,
        "none": torch.zeros_like(three.bias),
    }[biases].detach()
    return weight, bias


MERGE_WEIGHTS = [
    ("The shortcut is missing. It is a convolution, too: which weights leave a map as it is?", {"shortcut": False}),
    ("The 1x1 filter stands in a corner of the kernel. Which tap reads the pixel itself?", {"place": (0, 0)}),
    ("The 1x1 filter is added to all nine taps. Which one reads the pixel itself?", {"place": "all"}),
    (
        "The 1x1 filter is added to all nine taps. Which one reads the pixel itself?",
        {"place": "all", "shortcut": False},
    ),
    ("The 1x1 filter is missing in the weight.", {"narrow": False}),
    ("Only the 3x3 filter is in the weight.", {"narrow": False, "shortcut": False}),
    (
        "Only one tap of nine reads the pixel itself. Where do shortcut and 1x1 filter belong?",
        {"place": (0, 0), "shortcut": False},
    ),
]
MERGE_BIASES = [
    ("The bias of the 1x1 branch is missing.", "three"),
    ("The bias of the 3x3 branch is missing.", "one"),
    ("The branches are added, not averaged: what becomes of their biases?", "mean"),
    ("The shortcut adds the input, and no constant.", "shortcut"),
    ("The bias is zero. What do the branches give for a map of zeros?", "none"),
]


@exercise
def check_merge(function: Callable[[nn.Conv2d, nn.Conv2d], tuple[Tensor, Tensor]]) -> None:
    """Check a function that merges a 3x3 and a 1x1 depthwise convolution and a shortcut into one convolution.

    Parameters
    ----------
    function : callable
        ``function(three, one)`` takes two depthwise convolutions of C channels with biases, 3x3 with padding 1 and
        1x1; it returns the weight (C, 1, 3, 3) and the bias (C,) of one 3x3 convolution that computes
        three(x) + one(x) + x.

    Raises
    ------
    CheckFailed
        If that convolution computes something else; the message says what to look at again.

    Examples
    --------
    >>> check_merge(lambda three, one: (three.weight, three.bias))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Only the 3x3 filter is in the weight.
    """
    compare.is_function(function)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(0)
        cases = []
        for channels in (6, 4):
            three = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
            cases.append(Case((three, nn.Conv2d(channels, channels, 1, groups=channels)), None, f"{channels} channels"))
        results = [_two_tensors(result) for result in compare.results_of(function, cases)]
        for case, (weight, bias) in zip(cases, results, strict=True):
            right = _merged(*case.args)
            for hint, slip in MERGE_WEIGHTS:
                if compare.close(weight, _merged(*case.args, **slip)[0]):
                    raise CheckFailed(hint)
            for hint, slip in MERGE_BIASES:
                if compare.close(bias, _merged(*case.args, biases=slip)[1]):
                    raise CheckFailed(hint)
            for name, mine, other in (("weight", weight, right[0]), ("bias", bias, right[1])):
                if mine.shape != other.shape:
                    raise CheckFailed(f"The {name} has shape {tuple(mine.shape)}, and {tuple(other.shape)} is needed.")
                if not compare.close(mine, other):
                    raise CheckFailed(f"The {name} is not right. What does each branch add to one output value?")
    praise("one convolution does what three branches did.")


def _two_tensors(result: Any) -> tuple[Tensor, Tensor]:
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise CheckFailed("Two tensors are expected, the weight and the bias: return weight, bias.")
    for each in result:
        unfinished(each)
        if not isinstance(each, Tensor):
            raise CheckFailed(f"Two tensors are expected, and one of them is a {kind(each)}.")
    return result[0], result[1]


CAN_BE_MERGED = {
    1: "Number 1 can be merged: what is added is linear, and ReLU comes after the sum.",
    3: "Number 3 can be merged: nothing stands between the two, and a linear map of a linear map is one.",
    4: "Number 4 can be merged: a 3x3 kernel is a 5x5 kernel with zeros around it.",
}
STAYS_MISSING = {
    2: "One more cannot be merged: is everything in each branch linear?",
    5: "One more cannot be merged: are its factors the same for each image?",
    6: "One more cannot be merged: where does each BatchNorm take its averages from?",
}


@exercise
def check_unmergeable(numbers: Iterable[int]) -> None:
    """Check which of the six structures cannot become one convolution.

    Parameters
    ----------
    numbers : iterable of int
        Their numbers.

    Raises
    ------
    CheckFailed
        If one is missing or too many; the message says what to look at again.

    Examples
    --------
    >>> check_unmergeable([4])
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Number 4 can be merged: a 3x3 kernel is a 5x5 kernel with zeros around it.
    """
    named = "Give their numbers as a list.", "A number", "number"
    empty = "The list is empty. What must hold for each branch, so that the branches can be merged?"
    compare.expect_chosen(numbers, named, CAN_BE_MERGED, STAYS_MISSING, empty)
    praise("a ReLU inside, a factor that depends on the image, averages of the batch.")


# Twenty networks on a machine

MOST_MS, MOST_MACS = 7, 320e6
POINTS = {point.network: point for point in family_results.points("i9_10940x")}
IN_TIME = {name for name, point in POINTS.items() if point.ms <= MOST_MS}
FEW_MACS = {name for name, point in POINTS.items() if point.macs <= MOST_MACS}
MOST = max(IN_TIME, key=lambda name: POINTS[name].macs)
LOST_MISTAKES = [
    ("these are all that are in time. Some of them have few MACs as well.", len(IN_TIME)),
    ("these are all that have few MACs.", len(FEW_MACS)),
    ("these are those that stay on both lists.", len(IN_TIME & FEW_MACS)),
    ("these are all with more MACs. Only those that are in time can be lost.", len(POINTS) - len(FEW_MACS)),
    ("this is how many come in that are too slow.", len(FEW_MACS - IN_TIME)),
]


@exercise
def check_same_time(most: str, lost: Iterable[str] | int, extra: str) -> None:
    """Check what a limit on MACs does to a list that should be in milliseconds.

    Parameters
    ----------
    most : str
        Of the networks with at most 7 ms for an image on the Core i9, the one with the most MACs.
    lost : iterable of str, or int
        Those in time that have more than 320 million MACs, or how many they are.
    extra : str
        The one with at most 320 million MACs that is not in time.

    Raises
    ------
    CheckFailed
        If one of them is not right; the message says what to look at again.

    Examples
    --------
    >>> check_same_time("ghostnet_100", 5, "ghostnet_100")
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: The most MACs: 'ghostnet_100' takes more than 7 ms there.
    """
    name = _one_of_twenty("The most MACs", most)
    if name not in IN_TIME:
        raise CheckFailed(f"The most MACs: {name!r} takes more than {MOST_MS} ms there.")
    if name != MOST:
        raise CheckFailed(f"The most MACs: {name!r} is in time, and so is one with more MACs.")
    if compare.read(lost) is None and compare.is_listed(lost):
        given = {_one_of_twenty("Lost", each) for each in compare.listed(lost)}
        if late := sorted(given - IN_TIME):
            raise CheckFailed(f"Lost: {late[0]!r} is not in time, so it is no loss.")
        if kept := sorted(given & FEW_MACS):
            raise CheckFailed(f"Lost: {kept[0]!r} has at most 320 million MACs, so it stays.")
        lost = len(given)
    look = "which are in time, and have more than 320 million MACs?"
    compare.expect_number("Lost", lost, len(IN_TIME - FEW_MACS), LOST_MISTAKES, look)
    name = _one_of_twenty("Too slow", extra)
    if name not in FEW_MACS:
        raise CheckFailed(f"Too slow: {name!r} has more than 320 million MACs.")
    if name in IN_TIME:
        raise CheckFailed(f"Too slow: {name!r} is in time.")
    praise("if the limit is in milliseconds, the list has to be in milliseconds, too.")


def _one_of_twenty(what: str, answer: object) -> str:
    """Return the name of a network."""
    unfinished(answer)
    if isinstance(answer, str) and answer.strip().lower() in POINTS:
        return answer.strip().lower()
    raise CheckFailed(f"{what}: give the name of one of the twenty networks, such as {next(iter(POINTS))!r}.")


# A builder, in five steps

LITE = ("ds_r1_k3_s1_e1_c16", "ir_r2_k3_s2_e6_c24", "ir_r2_k5_s2_e6_c40", "ir_r3_k3_s2_e6_c80")
LITE += ("ir_r3_k5_s1_e6_c112", "ir_r4_k5_s2_e6_c192", "ir_r1_k3_s1_e6_c320")
V2 = tuple(
    f"ds_r{row.n}_k3_s{row.s}_c{row.c}" if row.t == 1 else f"ir_r{row.n}_k3_s{row.s}_e{row.t}_c{row.c}"
    for row in V2_SPEC
)
OTHER_ORDER = ("ir_c96_e6_s2_k7_r12", "dsa_c48_s2_r2_k5")
UNKNOWN = {"ir_r2_k3_s2_e6_c24_q5": "q5", "ir_r2_k3_s2_e6_x24": "x24"}


def _fields(string: str) -> dict[str, Any]:
    block, *parts = string.split("_")
    numbers = {part[0]: int(part[1:]) for part in parts}
    found = (block, numbers["r"], numbers["k"], numbers["s"], numbers.get("e", 1), numbers["c"])
    return dict(zip(DECODED, found, strict=True))


@exercise
def check_fields(function: Callable[[str], dict]) -> None:
    """Check the first step of the builder: a string becomes fields, and an unknown letter an error.

    Parameters
    ----------
    function : callable
        ``function(string)`` returns a dict with the keys ``block``, ``repeats``, ``kernel_size``, ``stride``,
        ``expansion`` (1 without an ``e``) and ``channels``. A part whose letter it does not know makes it raise a
        ValueError whose message quotes that part.

    Raises
    ------
    CheckFailed
        If it is wrong for a string; the message says what to look at again.

    Examples
    --------
    >>> check_fields(lambda string: string.split("_"))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Your function should return a dict; for 'ds_r1_k3_s1_c16' it returns a list.
    """
    compare.is_function(function)
    order = "Here the parts stand in another order: go by the letter, not by the place."
    strings = {**dict.fromkeys((*V2, *LITE), ""), **dict.fromkeys(OTHER_ORDER, order)}
    cases = [Case((string,), _fields(string), repr(string), look) for string, look in strings.items()]
    answers = []
    for case, answer in zip(cases, compare.results_of(function, cases), strict=True):
        _has_all_keys(answer, case.shown)
        answers.append(answer)
    pairs = [(answer, case.right) for case, answer in zip(cases, answers, strict=True)]
    for case, answer in zip(cases, answers, strict=True):
        for key in DECODED:
            if not _same_value(answer[key], case.right[key]):
                why = _decoder_hint(key, answer, case.right, pairs) or _without_e(case.shown, key) or case.look
                why = why or f"Look at {key} again."
                raise CheckFailed(f"{why} For {case.shown} you give {key}={shown(answer[key])}.")
    for string, part in UNKNOWN.items():
        _refuses(function, string, part)
    praise(f"you read {len(cases)} strings, and say what is wrong with {len(UNKNOWN)} more.")


def _refuses(function: Callable[[str], Any], string: str, part: str) -> None:
    """Want a ValueError that quotes the part that is no part."""
    with stopping(f"For {string!r} your function stops with {{}} A ValueError of your own should say what is wrong."):
        try:
            function(string)
        except ValueError as error:
            said = str(error)
        else:
            raise CheckFailed(
                f"{string!r} is read without a word, and {part!r} is no part of it. timm does the same, and so a typo "
                "becomes another network. Raise a ValueError."
            )
    if part not in said:
        raise CheckFailed(f"For {string!r} the message is {shown(said)}. It should quote the part that is wrong.")


def _scaled(repeats: int, channels: int, depth_mult: float, width_mult: float) -> tuple[int, int]:
    return math.ceil(repeats * depth_mult), make_divisible(channels * width_mult)


def _nearest(value: float) -> int:
    return max(8, int(value + 4) // 8 * 8)


TOO_SMALL = "The nearest multiple of eight may be too small: rounding must not lose more than a tenth."
SCALING_MISTAKES = [
    ("The repeats are rounded to the nearest number.", lambda r, c, d, w: (round(r * d), make_divisible(c * w))),
    ("The repeats are rounded down.", lambda r, c, d, w: (int(r * d), make_divisible(c * w))),
    ("The two multipliers are swapped: which of them deepens?", lambda r, c, d, w: _scaled(r, c, w, d)),
    ("The channels are not rounded.", lambda r, c, d, w: (math.ceil(r * d), int(c * w))),
    ("The channels are not rounded.", lambda r, c, d, w: (math.ceil(r * d), round(c * w))),
    ("The channels are rounded up.", lambda r, c, d, w: (math.ceil(r * d), math.ceil(c * w / 8) * 8)),
    ("The channels are rounded down.", lambda r, c, d, w: (math.ceil(r * d), max(8, int(c * w) // 8 * 8))),
    (TOO_SMALL, lambda r, c, d, w: (math.ceil(r * d), _nearest(c * w))),
    (TOO_SMALL, lambda r, c, d, w: (math.ceil(r * d), round(c * w / 8) * 8)),
    (TOO_SMALL, lambda r, c, d, w: (math.ceil(r * d), max(8, round(c * w / 8) * 8))),
    ("The depth stays as it is.", lambda r, c, d, w: (r, make_divisible(c * w))),
    ("The width stays as it is.", lambda r, c, d, w: (math.ceil(r * d), c)),
    ("The order is (repeats, channels).", lambda r, c, d, w: _scaled(r, c, d, w)[::-1]),
]
SCALING = [(1, 16, 1.0, 1.0), (3, 40, 1.1, 1.0), (4, 24, 1.2, 1.1), (3, 112, 1.4, 1.2), (2, 16, 1.8, 1.4)]
SCALING += [(4, 24, 1.0, 0.5), (3, 16, 1.0, 0.35), (3, 32, 1.0, 0.35), (2, 8, 3.1, 0.5)]


@exercise
def check_scaling(function: Callable[[int, int, float, float], tuple[int, int]]) -> None:
    """Check the second step of the builder: depth and width of one row.

    Parameters
    ----------
    function : callable
        ``function(repeats, channels, depth_mult, width_mult)`` returns the row's new repeats and channels, as timm
        rounds them.

    Raises
    ------
    CheckFailed
        If a row is wrong; the message says what to look at again.

    Examples
    --------
    >>> check_scaling(lambda repeats, channels, depth_mult, width_mult: (repeats, channels))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Neither multiplier has an effect.
    """
    compare.is_function(function)
    cases = [
        Case(args, _scaled(*args), "repeats {}, channels {}, depth {}, width {}".format(*args)) for args in SCALING
    ]
    pairs = []
    for answer in compare.results_of(function, cases):
        pairs.append(compare.read_rows([answer], 2, "(repeats, channels)")[0])
    right = [case.right for case in cases]
    if pairs != right:
        if pairs == [args[:2] for args in SCALING]:
            raise CheckFailed("Neither multiplier has an effect.")
        for hint, wrong in SCALING_MISTAKES:
            if pairs == [wrong(*args) for args in SCALING]:
                raise CheckFailed(hint)
        case, pair, truth = next(row for row in zip(cases, pairs, right, strict=True) if row[1] != row[2])
        which = "repeats" if pair[0] != truth[0] else "channels"
        raise CheckFailed(f"For {case.shown} you give {shown(pair)}. Look at the {which} again.")
    praise(f"{len(cases)} rows, rounded as timm rounds them.")


def _row(fields: Mapping[str, Any], in_channels: int, first_only: bool = True) -> list[nn.Module]:
    """Return a row's blocks."""
    found: list[nn.Module] = []
    for place in range(fields["repeats"]):
        stride = fields["stride"] if place == 0 or not first_only else 1
        ends = in_channels, fields["channels"]
        if fields["block"] == "ir":
            wide = in_channels * fields["expansion"]
            found.append(InvertedResidual(ends[0], wide, ends[1], fields["kernel_size"], stride=stride))
        elif fields["block"] == "ds":
            found.append(DepthwiseProjection(*ends, stride=stride))
        else:
            found.append(DepthwiseSeparableConv(*ends, stride=stride))
        in_channels = fields["channels"]
    return found


def _weights(modules: Iterable[nn.Module]) -> list[tuple[str, Tensor]]:
    """Return all tensors of modules in order, each with the last part of its name."""
    return [(name.rpartition(".")[2], each) for part in modules for name, each in part.state_dict().items()]


def _hand_over(mine: Sequence[tuple[str, Tensor]], theirs: Sequence[tuple[str, Tensor]]) -> str:
    """Copy tensors in order, each to one of its name and shape, or say what does not fit."""
    for place, ((name, tensor), (other, source)) in enumerate(zip(mine, theirs, strict=False)):
        if (name, tensor.shape) != (other, source.shape):
            return (
                f"Tensor {place}, counted from 0, is {name} {tuple(tensor.shape)}, where {other} "
                f"{tuple(source.shape)} is needed."
            )
    if len(mine) != len(theirs):
        return f"There are {len(mine)} tensors of weights and averages, and {len(theirs)} are needed."
    with torch.no_grad():
        for (_, tensor), (_, source) in zip(mine, theirs, strict=True):
            tensor.copy_(source)
    return ""


ROWS = [
    ("ir_r3_k3_s2_e6_c32", 24),
    ("ir_r2_k5_s1_e3_c40", 24),
    ("ir_r2_k3_s1_e6_c16", 16),
    ("ds_r1_k3_s1_c16", 32),
    ("dsa_r2_k3_s2_c48", 24),
]


@exercise
def check_row(function: Callable[[dict, int], Iterable[nn.Module]]) -> None:
    """Check the third step of the builder: the fields of one string become blocks.

    Parameters
    ----------
    function : callable
        ``function(fields, in_channels)`` takes what the first step returns and the channels that come in; it returns
        the row's blocks, as a list or as an ``nn.Sequential``.

    Raises
    ------
    CheckFailed
        If a row is wrong; the message says what to look at again.

    Examples
    --------
    >>> check_row(lambda fields, in_channels: [])
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: For 'ir_r3_k3_s2_e6_c32' there should be 3 blocks, and there are 0.
    """
    compare.is_function(function)
    cases = [Case((_fields(string), channels), None, repr(string)) for string, channels in ROWS]
    with one_thread(), torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(0)
        results = compare.results_of(function, cases)
        for (string, channels), case in zip(ROWS, cases, strict=True):
            _compare_row(_blocks_of(next(results), case.shown), _fields(string), channels, case.shown)
    praise(f"{len(ROWS)} rows, and each computes what the book's blocks compute.")


def _blocks_of(answer: Any, shown_as: str) -> list[nn.Module]:
    if not isinstance(answer, nn.Sequential | nn.ModuleList) and not compare.is_listed(answer):
        raise CheckFailed(f"A list of blocks is expected; for {shown_as} your function returns a {kind(answer)}.")
    blocks = compare.listed(answer)
    for block in blocks:
        unfinished(block)
        if not isinstance(block, nn.Module):
            raise CheckFailed(f"A list of blocks is expected; for {shown_as} it holds a {kind(block)}.")
    return blocks


def _compare_row(mine: list[nn.Module], fields: Mapping[str, Any], channels: int, shown_as: str) -> None:
    theirs = _row(fields, channels)
    if len(mine) != len(theirs):
        raise CheckFailed(f"For {shown_as} there should be {len(theirs)} blocks, and there are {len(mine)}.")
    if len(set(map(id, mine))) < len(mine):
        raise CheckFailed(f"For {shown_as} one block stands there twice. Build each anew, so that it has own weights.")
    x = torch.randn(2, channels, 13, 13)
    wanted = nn.Sequential(*theirs).eval()
    right = wanted(x)
    unfit = _hand_over(_weights(mine), _weights(theirs))
    with stopping(f"The blocks for {shown_as} stop with {{}}{' ' + unfit if unfit else ''}"):
        got = x
        for block in mine:
            got = block.eval()(got)
    if not isinstance(got, Tensor):
        raise CheckFailed(f"The blocks for {shown_as} should return a tensor; they return a {kind(got)}.")
    if got.shape != right.shape:
        every = nn.Sequential(*_row(fields, channels, first_only=False)).eval()(x)
        hint = "Each block has the row's stride. Which of them halves the map?" if got.shape == every.shape else ""
        hint = hint or "The output has the wrong shape."
        raise CheckFailed(f"{hint} For {shown_as}, {tuple(x.shape)} becomes {tuple(got.shape)}.")
    if unfit:
        raise CheckFailed(f"The weights for {shown_as} are not those of this row. {unfit}")
    if not compare.close(got, right):
        raise CheckFailed(
            f"With the same weights the blocks for {shown_as} compute something else. Which block of the book is it?"
        )


class _Built(nn.Module):
    """The network that the fourth step asks for."""

    def __init__(
        self,
        strings: Sequence[str],
        stem: int,
        head: int,
        depth_mult: float,
        width_mult: float,
        fixed_ends: bool = True,
    ):
        super().__init__()
        blocks, channels = [], stem
        for place, string in enumerate(strings):
            fields = _fields(string)
            ends = fixed_ends and place in (0, len(strings) - 1)
            depth = 1.0 if ends else depth_mult
            fields["repeats"], fields["channels"] = _scaled(fields["repeats"], fields["channels"], depth, width_mult)
            blocks += _row(fields, channels)
            channels = fields["channels"]
        self.body = nn.Sequential(ConvBNReLU(3, stem, stride=2), *blocks, ConvBNReLU(channels, head, kernel_size=1))
        self.classifier = nn.Linear(head, 1000)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.body(x).mean((2, 3)))


class _Plan(NamedTuple):
    """What a network is built from, in the order in which a builder takes it."""

    strings: tuple[str, ...]
    stem: int
    head: int
    depth_mult: float
    width_mult: float


PLANS = {
    "MobileNetV2": _Plan(V2, 32, 1280, 1.0, 1.0),
    "MobileNetV2 at half its width": _Plan(V2, 16, 1280, 1.0, 0.5),
    "EfficientNet-Lite1": _Plan(LITE, 32, 1280, 1.1, 1.0),
}


@exercise
def check_network(function: Callable[[list[str], int, int, float, float], nn.Module]) -> None:
    """Check the fourth step of the builder: all strings become a network.

    Parameters
    ----------
    function : callable
        ``function(strings, stem, head, depth_mult, width_mult)`` returns a network with 1000 classes: a 3x3
        convolution of stride 2 to ``stem`` channels, the rows, a 1x1 convolution to ``head`` channels, the mean over
        the map, a linear layer. The first and the last row keep their depth. ``stem`` and ``head`` are final.

    Raises
    ------
    CheckFailed
        If a network is wrong; the message says what to look at again.

    Examples
    --------
    >>> check_network(lambda strings, stem, head, depth_mult, width_mult: nn.Identity())
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: MobileNetV2 should turn (1, 3, 64, 64) into (1, 1000), and gives (1, 3, 64, 64).
    """
    compare.is_function(function)
    cases = [Case((list(plan.strings), *plan[1:]), None, name) for name, plan in PLANS.items()]
    with one_thread(), torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(0)
        results = compare.results_of(function, cases)
        for name, plan in PLANS.items():
            mine = _network(next(results), name)
            _same_scores(mine, _Built(*plan).eval(), name, plan, tolerance=1e-4)
    praise(f"{len(PLANS)} networks, each with the weights and the scores of its plan.")


def _network(answer: Any, name: str) -> nn.Module:
    """Return a learner's network in eval mode, after it has shown that it gives scores."""
    if not isinstance(answer, nn.Module):
        raise CheckFailed(f"Your function should return a network; for {name} it returns a {kind(answer)}.")
    x = torch.zeros(1, 3, 64, 64)
    with stopping(f"{name} stops with {{}}"):
        scores = nn.Module.train(answer, False)(x)
    unfinished(scores)
    if not isinstance(scores, Tensor):
        raise CheckFailed(f"{name} should return a tensor, and returns a {kind(scores)}.")
    if tuple(scores.shape) != (1, 1000):
        raise CheckFailed(f"{name} should turn {tuple(x.shape)} into (1, 1000), and gives {tuple(scores.shape)}.")
    return answer


def _same_scores(mine: nn.Module, theirs: nn.Module, name: str, plan: _Plan, tolerance: float) -> float:
    """Give both the same weights, and return how far their scores are apart: at most a share of the largest one."""
    _randomise(theirs)
    unfit = _hand_over(_weights([mine]), _weights([theirs]))
    if unfit:
        raise CheckFailed(joined(_likely(mine, plan), f"The weights for {name} do not fit.", unfit))
    x = torch.randn(2, 3, 64, 64)
    right = theirs(x)
    with stopping(f"{name} stops with {{}}"):
        off = (mine(x) - right).abs().max().item()
    if not off <= tolerance * right.abs().max().item():
        raise CheckFailed(
            f"All weights for {name} fit, and the scores are {off:.2g} apart. Which operation has no weights?"
        )
    return off


def _likely(mine: nn.Module, plan: _Plan) -> str:
    """Say which typical slip gives a network with as many weights."""
    count = sum(each.numel() for each in mine.parameters())
    slips = {
        "The first and the last row keep their depth.": (plan, False),
        "The depth multiplier has no effect.": (plan._replace(depth_mult=1.0), True),
        "The width multiplier has no effect.": (plan._replace(width_mult=1.0), True),
    }
    for hint, (other, fixed_ends) in slips.items():
        with torch.device("meta"):
            slip = _Built(*other, fixed_ends=fixed_ends)
        if sum(each.numel() for each in slip.parameters()) == count and (other, fixed_ends) != (plan, True):
            return hint
    return ""


CHOICES = (
    *(f"mobilenetv2_{width}" for width in ("035", "050", "075", "100", "110d", "120d", "140")),
    *(f"efficientnet_lite{size}" for size in range(5)),
)


def _plan_of(name: str) -> _Plan:
    """Return what timm builds one of CHOICES from, taken from timm itself while it builds."""
    home = "efficientnet"
    make, _ = _from_timm(home, name), _from_timm(home, "decode_arch_def")
    import timm.models.efficientnet as module

    given: dict[str, Any] = {}

    def decode(strings: Any, depth_multiplier: float = 1.0, **settings: Any) -> list:
        given["strings"], given["depth"] = tuple(row for stage in strings for row in stage), depth_multiplier
        return []

    def create(variant: str, pretrained: bool = False, **settings: Any) -> None:
        given.update(settings)

    with _reading("The generator of this network"):
        with mock.patch.object(module, "decode_arch_def", decode), mock.patch.object(module, "_create_effnet", create):
            make()
        stem = given["stem_size"] if given["fix_stem"] else given["round_chs_fn"](given["stem_size"])
        width = given["round_chs_fn"].keywords["multiplier"]
        return _Plan(given["strings"], stem, given["num_features"], float(given["depth"]), float(width))


@exercise
def check_same_as_timm(
    function: Callable[[list[str], int, int, float, float], nn.Module], name: str = "mobilenetv2_100"
) -> None:
    """Check the last step of the builder: a network of timm's, built anew, gives the same scores to the last bit.

    Parameters
    ----------
    function : callable
        What :func:`check_network` takes.
    name : str, default="mobilenetv2_100"
        One of timm's networks of these blocks, such as "mobilenetv2_140" or "efficientnet_lite2".

    Raises
    ------
    CheckFailed
        If the network differs; the message says what to look at again.
    CannotCheck
        If timm is not installed, or has moved what is asked for.

    Examples
    --------
    >>> check_same_as_timm(lambda *plan: nn.Identity(), "resnet18")
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: 'resnet18' is not made of these blocks alone. Choose a mobilenetv2_ or an \
efficientnet_lite: one of mobilenetv2_035, mobilenetv2_050, mobilenetv2_075, mobilenetv2_100, mobilenetv2_110d, \
mobilenetv2_120d, mobilenetv2_140, efficientnet_lite0, efficientnet_lite1, efficientnet_lite2, efficientnet_lite3, \
efficientnet_lite4.
    """
    compare.is_function(function)
    if not isinstance(name, str):
        raise CheckFailed(f"The second answer is the name of a network, and this is a {kind(name)}.")
    if name not in CHOICES:
        raise CheckFailed(
            f"{shown(name)} is not made of these blocks alone. Choose a mobilenetv2_ or an efficientnet_lite: one of "
            f"{', '.join(CHOICES)}."
        )
    plan = _plan_of(name)
    with one_thread(), torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(0)
        mine = _network(compare.call(function, (list(plan.strings), *plan[1:]), name), name)
        with _reading(f"The network {name}"):
            theirs = _from_timm("efficientnet", name)().eval()
        off = _same_scores(mine, theirs, name, plan, tolerance=0.0)
    praise(f"{name} from timm's own strings, and the largest difference of the scores is {off}.")
