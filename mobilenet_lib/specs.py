"""The two networks as tables: rows that look like the papers', and the rule that scales their channels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import ceil
from typing import NamedTuple, TypeVar, cast

from ._validation import instances, one_or_two, positive_int, positive_number, several, shown

STEM_CHANNELS = 32
V2_HEAD_CHANNELS = 1280
TOTAL_STRIDE = 32
OUTPUT_STRIDES = (32, 16, 8)


class V1Row(NamedTuple):
    """A row of MobileNetV1's table: n depthwise separable blocks of c channels, the first with stride s.

    Examples
    --------
    >>> V1_SPEC[6]
    V1Row(c=512, n=5, s=1)
    """

    c: int
    n: int
    s: int


class V2Row(NamedTuple):
    """A row of MobileNetV2's table: n bottlenecks with expansion t and c channels, the first with stride s.

    Examples
    --------
    >>> V2_SPEC[1]
    V2Row(t=6, c=24, n=2, s=2)
    """

    t: int
    c: int
    n: int
    s: int


# Howard et al. 2017, table 1, one row for each "Conv dw + Conv" pair. The paper prints stride 2 on the
# last depthwise layer too; its own input and output sizes (7x7 to 7x7) need stride 1.
V1_SPEC = (
    #      c     n  s
    V1Row(64, 1, 1),
    V1Row(128, 1, 2),
    V1Row(128, 1, 1),
    V1Row(256, 1, 2),
    V1Row(256, 1, 1),
    V1Row(512, 1, 2),
    V1Row(512, 5, 1),
    V1Row(1024, 1, 2),
    V1Row(1024, 1, 1),
)

# Sandler et al. 2018, table 2.
V2_SPEC = (
    #     t  c  n  s
    V2Row(1, 16, 1, 1),
    V2Row(6, 24, 2, 2),
    V2Row(6, 32, 3, 2),
    V2Row(6, 64, 4, 2),
    V2Row(6, 96, 3, 1),
    V2Row(6, 160, 3, 2),
    V2Row(6, 320, 1, 1),
)


def make_divisible(value: float, divisor: int = 8, min_value: int | None = None, round_limit: float = 0.9) -> int:
    """Round a channel count to a multiple of `divisor` without losing more than a tenth of it.

    Parameters
    ----------
    value : float
        The wished number of channels, for example 24 * 0.35.
    divisor : int, default=8
        What the result is a multiple of; 8 suits vector units.
    min_value : int, optional
        The smallest result; `divisor` when left out.
    round_limit : float, default=0.9
        If rounding down would leave less than this share of `value`, go up one multiple instead.

    Returns
    -------
    int
        Number of channels.

    Raises
    ------
    TypeError, ValueError
        If value or round_limit is not a positive number, or divisor or min_value is not a positive integer.

    References
    ----------
    The rule of the released MobileNetV2 models; `timm.layers.make_divisible` is the same rule.

    Examples
    --------
    >>> make_divisible(32 * 0.75), make_divisible(24 * 0.5), make_divisible(32 * 0.35)
    (24, 16, 16)
    """
    value, round_limit = positive_number(value=value, round_limit=round_limit)
    (divisor,) = positive_int(divisor=divisor)
    if min_value is None:
        min_value = divisor
    (min_value,) = positive_int(min_value=min_value)
    rounded = max(min_value, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < round_limit * value else rounded


def v2_spec(expansion: int = 6) -> tuple[V2Row, ...]:
    """Return MobileNetV2's table with another expansion in the rows that have t = 6.

    The first row keeps its t = 1.

    Raises
    ------
    TypeError, ValueError
        If expansion is not a positive integer.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, section 4: rates from 5 to 10 give nearly the same curves.

    Examples
    --------
    >>> v2_spec() == V2_SPEC
    True
    >>> [row.t for row in v2_spec(4)]
    [1, 4, 4, 4, 4, 4, 4]
    """
    (expansion,) = positive_int(expansion=expansion)
    return tuple(row if row.t == 1 else row._replace(t=int(expansion)) for row in V2_SPEC)


def v2_rows(spec: Iterable[Sequence[int]] = V2_SPEC) -> tuple[V2Row, ...]:
    """Return the rows of a table, checked; lists of four integers, as JSON holds them, become rows.

    Parameters
    ----------
    spec : iterable of V2Row, default=V2_SPEC
        The rows.

    Raises
    ------
    TypeError, ValueError
        If spec holds no row, or a row is not four positive integers t, c, n, s with s of 1 or 2.

    Examples
    --------
    >>> v2_rows([[1, 16, 1, 1], [6, 24, 2, 2]])
    (V2Row(t=1, c=16, n=1, s=1), V2Row(t=6, c=24, n=2, s=2))
    """
    rows = _rows(spec)
    if not rows:
        raise ValueError("spec must hold one row or more, got (); specs.V2_SPEC is the table of the paper")
    return rows


def _rows(spec: object) -> tuple[V2Row, ...]:
    rows = several("spec", spec, "rows (t, c, n, s)", "[(6, 24, 2, 2)]")
    return tuple([_row(f"spec[{i}]", row) for i, row in enumerate(rows)])


def _row(name: str, row: object) -> V2Row:
    if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != 4:
        raise TypeError(f"{name} must be a row (t, c, n, s), got {shown(row)}; such as (6, 24, 2, 2)")
    found = V2Row(*positive_int(**{f"{name}.{field}": row[i] for i, field in enumerate(V2Row._fields)}))
    one_or_two(found.s, f"{name}.s")
    return found


def scaled(spec: Iterable[V2Row] = V2_SPEC, width_mult: float = 1.0, depth_mult: float = 1.0) -> tuple[V2Row, ...]:
    """Return a table with wider rows and more blocks in them: a network that is scaled in its middle alone.

    What is not in the table stays: the stem's 32 channels and the head's 1280. The first and the last row keep their
    number of blocks.

    Parameters
    ----------
    spec : iterable of V2Row, default=V2_SPEC
        The rows to start from.
    width_mult : float, default=1.0
        Scales c, rounded to multiples of 8.
    depth_mult : float, default=1.0
        Scales n, rounded up.

    Returns
    -------
    tuple of V2Row
        For ``MobileNetV2(spec=...)``.

    Raises
    ------
    TypeError, ValueError
        If a multiplier is not a finite number above 0, or spec does not hold rows.

    References
    ----------
    `timm.models.efficientnet`, ``_gen_mobilenet_v2`` with ``fix_stem_head``: mobilenetv2_110d and mobilenetv2_120d.
    The idea to scale width and depth together: Tan and Le 2019, arXiv:1905.11946, section 3.

    Examples
    --------
    >>> scaled(width_mult=1.1, depth_mult=1.2)[:3]
    (V2Row(t=1, c=16, n=1, s=1), V2Row(t=6, c=24, n=3, s=2), V2Row(t=6, c=32, n=4, s=2))
    """
    width_mult, depth_mult = positive_number(width_mult=width_mult, depth_mult=depth_mult)
    rows = [row._replace(c=make_divisible(row.c * width_mult)) for row in _rows(spec)]
    return (*rows[:1], *(row._replace(n=ceil(row.n * depth_mult)) for row in rows[1:-1]), *rows[1:][-1:])


# timm's deeper networks: "110d" is 1.1 times as wide and 1.2 times as deep, "120d" 1.2 and 1.4.
V2_110D_SPEC = scaled(V2_SPEC, width_mult=1.1, depth_mult=1.2)
V2_120D_SPEC = scaled(V2_SPEC, width_mult=1.2, depth_mult=1.4)


class V1Block(NamedTuple):
    """One depthwise separable block of a MobileNetV1, after scaling.

    Attributes
    ----------
    in_channels, out_channels : int
        M and N.
    stride : {1, 2}
        Of the depthwise layer.

    Examples
    --------
    >>> next(v1_blocks(0.25))
    V1Block(in_channels=8, out_channels=16, stride=1)
    """

    in_channels: int
    out_channels: int
    stride: int


class V2Block(NamedTuple):
    """One bottleneck of a MobileNetV2, after scaling.

    Attributes
    ----------
    in_channels, out_channels : int
        Of the thin ends.
    expansion : int
        t: the middle has t times in_channels; 1 means that there is nothing to widen.
    stride : {1, 2}
        Of the depthwise layer.

    Examples
    --------
    >>> next(v2_blocks(0.25))
    V2Block(in_channels=8, expansion=1, out_channels=8, stride=1)
    """

    in_channels: int
    expansion: int
    out_channels: int
    stride: int


def stem_channels(width_mult: float = 1.0) -> int:
    """Channels after the first convolution, in both networks: 32 times width_mult, rounded.

    Examples
    --------
    >>> stem_channels(), stem_channels(0.5)
    (32, 16)
    """
    (width_mult,) = positive_number(width_mult=width_mult)
    return make_divisible(STEM_CHANNELS * width_mult)


def v2_head_channels(width_mult: float = 1.0) -> int:
    """Channels of MobileNetV2's last 1x1 convolution: 1280, and more only for width_mult above 1.

    A thin network keeps its full-width feature vector (Sandler et al. 2018, section 4).

    Examples
    --------
    >>> v2_head_channels(0.35), v2_head_channels(1.4)
    (1280, 1792)
    """
    (width_mult,) = positive_number(width_mult=width_mult)
    return make_divisible(V2_HEAD_CHANNELS * max(1.0, width_mult))


def v1_blocks(width_mult: float = 1.0) -> Iterator[V1Block]:
    """Yield the 13 blocks of MobileNetV1 in order, channels scaled by `width_mult`.

    Raises
    ------
    TypeError, ValueError
        If width_mult is not a finite number above 0.

    References
    ----------
    Howard et al. 2017, arXiv:1704.04861, table 1 and section 3.3.

    Examples
    --------
    >>> blocks = list(v1_blocks(0.5))
    >>> len(blocks), blocks[0]
    (13, V1Block(in_channels=16, out_channels=32, stride=1))
    """
    in_channels = stem_channels(width_mult)
    for c, n, s in V1_SPEC:
        out_channels = make_divisible(c * width_mult)
        for i in range(n):
            yield V1Block(in_channels, out_channels, s if i == 0 else 1)
            in_channels = out_channels


def v2_blocks(width_mult: float = 1.0, spec: Iterable[V2Row] = V2_SPEC) -> Iterator[V2Block]:
    """Yield the 17 bottlenecks of MobileNetV2 in order, channels scaled by `width_mult`.

    Parameters
    ----------
    width_mult : float, default=1.0
        α: scales every bottleneck's channels.
    spec : iterable of V2Row, default=V2_SPEC
        The table's rows; :func:`v2_spec` has them with another expansion.

    Raises
    ------
    TypeError, ValueError
        If width_mult is not a finite number above 0, or spec does not hold rows.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, table 2 and section 4.

    Examples
    --------
    >>> blocks = list(v2_blocks())
    >>> len(blocks), blocks[1]
    (17, V2Block(in_channels=16, expansion=6, out_channels=24, stride=2))
    """
    in_channels = stem_channels(width_mult)
    for t, c, n, s in v2_rows(spec):
        out_channels = make_divisible(c * width_mult)
        for i in range(n):
            yield V2Block(in_channels, t, out_channels, s if i == 0 else 1)
            in_channels = out_channels


Block = TypeVar("Block", bound=V1Block | V2Block)


def dilate(blocks: Iterable[Block], output_stride: int = 32) -> list[tuple[Block, int]]:
    """Walk along the blocks and turn strides into dilation, so that the map never shrinks below 1/output_stride.

    A block that gives up its stride still sees the map as finely as before, so its own taps stay where they are; all
    blocks after it see twice as many pixels and space their taps twice as far. The pixels that the strided network
    would have computed come out with the same values; the others are new and lie between them.

    Parameters
    ----------
    blocks : iterable of V1Block or V2Block
        What :func:`v1_blocks` or :func:`v2_blocks` yields.
    output_stride : {32, 16, 8}, default=32
        Image pixels to one pixel of the last map; 32 changes nothing.

    Returns
    -------
    list of (block, dilation)
        The block with the stride that is left, and the dilation of its depthwise layer.

    Raises
    ------
    TypeError, ValueError
        If output_stride is not 32, 16 or 8, or blocks does not hold blocks.

    References
    ----------
    Chen et al. 2017, arXiv:1706.05587, section 3.1; the walk is that of timm's ``EfficientNetBuilder``.

    Examples
    --------
    >>> walked = dilate(v2_blocks(), output_stride=16)
    >>> [(block.stride, dilation) for block, dilation in walked[12:]]
    [(1, 1), (1, 1), (1, 2), (1, 2), (1, 2)]
    """
    blocks, output_stride = _blocks(blocks), _output_stride(output_stride)
    walked = []
    reduction, dilation = 2, 1  # the stem has halved the image
    for block in blocks:
        if reduction * block.stride > output_stride:
            walked.append((block._replace(stride=1), dilation))
            dilation *= block.stride
        else:
            walked.append((block, dilation))
            reduction *= block.stride
    return walked


class Level(NamedTuple):
    """A level of the pyramid: the last map before the network halves it again.

    Attributes
    ----------
    end : int
        Index of the block that gives the map.
    channels : int
        Of the map.
    reduction : int
        Image pixels to one pixel of the map: it has ceil(H / reduction) by ceil(W / reduction).

    Examples
    --------
    >>> levels(v2_blocks())[2]
    Level(end=5, channels=32, reduction=8)
    """

    end: int
    channels: int
    reduction: int


def levels(blocks: Iterable[V1Block | V2Block], output_stride: int = 32) -> tuple[Level, ...]:
    """Find the levels of the pyramid: where the table's blocks stand just before a stride, and the last one.

    Parameters
    ----------
    blocks : iterable of V1Block or V2Block
        What :func:`v1_blocks` or :func:`v2_blocks` yields, with the table's strides.
    output_stride : {32, 16, 8}, default=32
        Below 32 the last levels have the same reduction; there are as many.

    Raises
    ------
    TypeError, ValueError
        If output_stride is not 32, 16 or 8, or blocks does not hold blocks.

    References
    ----------
    Lin et al. 2017, arXiv:1612.03144, section 3; timm's ``features_only=True`` gives the same maps.

    Examples
    --------
    >>> [(level.channels, level.reduction) for level in levels(v2_blocks())]
    [(16, 2), (24, 4), (32, 8), (96, 16), (320, 32)]
    >>> [level.reduction for level in levels(v1_blocks(), output_stride=16)]
    [2, 4, 8, 16, 16]
    """
    blocks, output_stride = _blocks(blocks), _output_stride(output_stride)
    found, reduction = [], 2
    for end, block in enumerate(blocks):
        reduction = min(reduction * block.stride, output_stride)
        if end + 1 == len(blocks) or blocks[end + 1].stride > 1:
            found.append(Level(end, block.out_channels, reduction))
    return tuple(found)


def squeeze_channels(channels: int) -> int:
    """Channels of the narrow middle of a squeeze-and-excitation: a quarter, rounded to a multiple of 8.

    Parameters
    ----------
    channels : int
        Of the map that is weighted: in MobileNetV3 the fat middle of the block.

    Raises
    ------
    TypeError, ValueError
        If channels is not a positive integer.

    References
    ----------
    Howard et al. 2019, arXiv:1905.02244, section 5.3.

    Examples
    --------
    >>> squeeze_channels(72), squeeze_channels(960)
    (24, 240)
    """
    (channels,) = positive_int(channels=channels)
    return make_divisible(channels / 4)


def _blocks(blocks: Iterable[Block]) -> list[Block]:
    found = instances("blocks", blocks, (V1Block, V2Block), "specs.v1_blocks() and specs.v2_blocks() yield such")
    return cast("list[Block]", found)


def _output_stride(output_stride: object) -> int:
    (found,) = positive_int(output_stride=output_stride)
    if found not in OUTPUT_STRIDES:
        raise ValueError(
            f"output_stride must be 32, 16 or 8, got {found}; 32 is the network of the paper, "
            "8 the finest map with dilation"
        )
    return found
