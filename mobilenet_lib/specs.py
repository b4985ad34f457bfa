"""The two networks as tables: rows that look like the papers', and the rule that scales their channels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ._validation import positive_int, positive_number

STEM_CHANNELS = 32
V2_HEAD_CHANNELS = 1280
TOTAL_STRIDE = 32


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
    positive_number(value=value, round_limit=round_limit)
    positive_int(divisor=divisor)
    if min_value is None:
        min_value = divisor
    positive_int(min_value=min_value)
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
    positive_int(expansion=expansion)
    return tuple(row if row.t == 1 else row._replace(t=int(expansion)) for row in V2_SPEC)


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
    positive_number(width_mult=width_mult)
    return make_divisible(STEM_CHANNELS * width_mult)


def v2_head_channels(width_mult: float = 1.0) -> int:
    """Channels of MobileNetV2's last 1x1 convolution: 1280, and more only for width_mult above 1.

    A thin network keeps its full-width feature vector (Sandler et al. 2018, section 4).

    Examples
    --------
    >>> v2_head_channels(0.35), v2_head_channels(1.4)
    (1280, 1792)
    """
    positive_number(width_mult=width_mult)
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
        If width_mult is not a finite number above 0.

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
    for t, c, n, s in spec:
        out_channels = make_divisible(c * width_mult)
        for i in range(n):
            yield V2Block(in_channels, t, out_channels, s if i == 0 else 1)
            in_channels = out_channels
