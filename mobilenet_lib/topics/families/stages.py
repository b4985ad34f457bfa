"""From strings to blocks in their places, by arithmetic alone: repeats, channels, strides, dilation.

This half of the builder needs no torch. Costs are derived from it, and networks are built from it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ... import _validation as check
from ...specs import make_divisible
from .grammar import BlockSpec, Misread, parse

Rows = Iterable[str | Iterable[str]]
ACTIVATIONS = ("re", "r6", "hs", "sw")
SQUEEZES = ("input", "middle")


class Placed(NamedTuple):
    """A block in its place in a network: what its string leaves open is settled.

    Attributes
    ----------
    spec : BlockSpec
        What the string says; repeats, stride and activation are those of the row, not of this block.
    stage : int
        Which row of the table it belongs to.
    in_channels, mid_channels, out_channels : int
        The middle is as wide as the input where nothing expands.
    squeeze_channels : int
        Of squeeze-and-excitation; 0 without one.
    stride, dilation : int
        Of the block's filters.
    activation : str
        re, r6, hs or sw.

    Examples
    --------
    >>> first, second = place(["ir_r2_k3_s2_e6_c24"], stem=16)
    >>> first.in_channels, first.mid_channels, first.out_channels, first.stride
    (16, 96, 24, 2)
    >>> second.in_channels, second.mid_channels, second.out_channels, second.stride
    (24, 144, 24, 1)
    """

    spec: BlockSpec
    stage: int
    in_channels: int
    mid_channels: int
    out_channels: int
    squeeze_channels: int
    stride: int
    dilation: int
    activation: str


def place(
    rows: Rows, stem: int = 32, *, width_mult: float = 1.0, depth_mult: float | Sequence[float] = 1.0,
    activation: str = "r6", squeeze: str = "input", round_limit: float = 0.9, output_stride: int = 32,
) -> list[Placed]:  # fmt: skip
    """Put the blocks of a table one behind another.

    Parameters
    ----------
    rows : iterable of str, or of several str
        A stage each: one string, or those that share the stage.
    stem : int, default=32
        Channels that the first block gets.
    width_mult : float, default=1.0
        Scales the channels of every row, rounded to multiples of 8.
    depth_mult : float or several, default=1.0
        Scales the repeats of every stage, or of each; see :func:`deepened`.
    activation : {"r6", "re", "hs", "sw"}
        Where a string names none.
    squeeze : {"input", "middle"}
        What a share of squeeze-and-excitation is a share of: see :func:`squeeze_of_input` and
        :func:`squeeze_of_middle`.
    round_limit : float, default=0.9
        As :func:`~mobilenet_lib.make_divisible`.
    output_stride : {32, 16, 8}, default=32
        Image pixels to one pixel of the last map; below 32, strides become dilation.

    Returns
    -------
    list of Placed
        In order.

    Raises
    ------
    TypeError, ValueError
        If rows holds no strings or a wrong one (a :class:`~mobilenet_lib.topics.families.grammar.Misread`), or another
        argument is not as above.

    References
    ----------
    `timm.models._efficientnet_builder`, ``EfficientNetBuilder``.

    Examples
    --------
    >>> blocks = place(["dsa_r1_k3_s1_c64", "dsa_r2_k3_s2_c128"], width_mult=0.5, stem=16)
    >>> [(block.stage, block.in_channels, block.out_channels, block.stride) for block in blocks]
    [(0, 16, 32, 1), (1, 32, 64, 2), (1, 64, 64, 1)]
    """
    (channels,), stages = check.positive_int(stem=stem), _stages(rows)
    depths = _depths(depth_mult, len(stages))
    width_mult, round_limit = check.positive_number(width_mult=width_mult, round_limit=round_limit)
    check.one_of("activation", activation, ACTIVATIONS)
    check.one_of("squeeze", squeeze, SQUEEZES)
    if check.positive_int(output_stride=output_stride)[0] not in (32, 16, 8):
        raise ValueError(f"output_stride must be 32, 16 or 8, got {output_stride}; 32 is the network of the paper")
    placed, reduction, dilation = [], 2, 1
    for stage, (specs, depth) in enumerate(zip(stages, depths, strict=True)):
        counts = deepened([spec.repeats for spec in specs], depth)
        for i, spec in enumerate([spec for spec, n in zip(specs, counts, strict=True) for _ in range(n)]):
            stride = spec.stride if i == 0 else 1  # the first block of a stage alone takes the step
            fits = reduction * stride <= output_stride
            out = make_divisible(spec.channels * width_mult, round_limit=round_limit)
            mid = make_divisible(channels * spec.expansion) if spec.kind in ("ir", "er", "uir") else channels
            ratio, rule = spec.se_ratio, squeeze_of_input if squeeze == "input" else squeeze_of_middle
            se = rule(mid, ratio, spec.expansion) if ratio else 0
            act = spec.activation or activation
            placed.append(Placed(spec, stage, channels, mid, out, se, stride if fits else 1, dilation, act))
            reduction, dilation = (reduction * stride, dilation) if fits else (reduction, dilation * stride)
            channels = out
    return placed


def deepened(repeats: Sequence[int], depth_mult: float) -> list[int]:
    """Scale the repeats of a stage: the sum is rounded up, and shared out from the last string to the first.

    Parameters
    ----------
    repeats : sequence of int
        Of the strings that share the stage.
    depth_mult : float
        How many times as deep the stage becomes.

    Returns
    -------
    list of int
        At least 1 each.

    References
    ----------
    Tan and Le 2019, arXiv:1905.11946; `timm.models._efficientnet_builder`, ``_scale_stage_depth``.

    Examples
    --------
    >>> deepened([4], 1.1), deepened([4], 1.2), deepened([1, 3], 2.0)
    ([5], [5], [2, 6])
    """
    rest, (depth,) = list(check.positive_ints("repeats", repeats)), check.positive_number(depth_mult=depth_mult)
    left, scaled = math.ceil(sum(rest) * depth), []
    while rest:
        scaled.insert(0, max(1, round(rest[-1] / sum(rest) * left)))
        left -= scaled[0]
        rest.pop()
    return scaled


def squeeze_of_input(mid_channels: int, se_ratio: float, expansion: float = 1.0) -> int:
    """Channels of a squeeze that is a share of the block's input: MnasNet's and EfficientNet's rule.

    Parameters
    ----------
    mid_channels : int
        Of the fat middle, which is weighted.
    se_ratio : float
        The share that the string names.
    expansion : float, default=1.0
        How many times as wide as the input the middle is.

    Examples
    --------
    >>> squeeze_of_input(96, 0.25, 6)
    4
    """
    mid_channels, se_ratio = _share(mid_channels, se_ratio)
    return round(mid_channels * (se_ratio / check.positive_number(expansion=expansion)[0]))


def squeeze_of_middle(mid_channels: int, se_ratio: float, expansion: float = 1.0) -> int:
    """Channels of a squeeze that is a share of the fat middle, in multiples of 8: MobileNetV3's rule.

    Parameters
    ----------
    mid_channels : int
        Of the fat middle, which is weighted.
    se_ratio : float
        The share that the string names.
    expansion : float, default=1.0
        Makes no difference here.

    Examples
    --------
    >>> squeeze_of_middle(96, 0.25, 6)
    24
    """
    mid_channels, se_ratio = _share(mid_channels, se_ratio)
    (expansion,) = check.positive_number(expansion=expansion)
    return make_divisible(mid_channels * se_ratio)


def _share(mid_channels: int, se_ratio: float) -> tuple[int, float]:
    (mid_channels,) = check.positive_int(mid_channels=mid_channels)
    (se_ratio,) = check.positive_number(se_ratio=se_ratio)
    (se_ratio,) = check.share(se_ratio=se_ratio)
    return mid_channels, se_ratio


def _stages(rows: Rows) -> list[list[BlockSpec]]:
    found = check.several("rows", rows, "several of timm's strings", '["ir_r2_k3_s2_e6_c24"]')
    if not found:
        raise ValueError('rows must have a string, got none; such as ["ir_r2_k3_s2_e6_c24"]')
    stages = []
    for i, row in enumerate(found):
        strings = (
            (row,) if isinstance(row, str) else check.several(f"rows[{i}]", row, "a string or several", "a string")
        )
        if not strings:
            raise ValueError(f"rows[{i}] must have a string, got {row!r}; leave the stage out")
        try:
            stages.append([parse(check.string(**{f"rows[{i}]": string})[0]) for string in strings])
        except Misread as error:
            raise Misread(f"rows[{i}]: {error}", error.place) from None
    return stages


def _depths(depth_mult: float | Sequence[float], count: int) -> list[float]:
    if isinstance(depth_mult, str) or not isinstance(depth_mult, Iterable):
        return [check.positive_number(depth_mult=depth_mult)[0]] * count
    depths = [check.positive_number(**{f"depth_mult[{i}]": depth})[0] for i, depth in enumerate(depth_mult)]
    if len(depths) != count:
        raise ValueError(
            f"depth_mult must be one number, or one for each of {count} stages, got {depth_mult!r}; give 1.0"
        )
    return depths
