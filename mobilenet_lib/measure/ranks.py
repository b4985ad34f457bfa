"""Whether two counts put things into one order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .._validation import several, shown, zero_or_more

DRAWS = 2000


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> float:
    """Say how well one order agrees with another: Spearman's rank correlation.

    Parameters
    ----------
    x, y : sequence of float
        Two numbers for each thing: its MACs and its milliseconds.

    Returns
    -------
    float
        1 where the larger x always has the larger y, -1 where it always has the smaller one, about 0 where the one
        order says nothing about the other.

    Raises
    ------
    TypeError, ValueError
        If a number is not one, x and y differ in length, all numbers of one are equal, or one of them is nan.
    ImportError
        If scipy is not installed.

    References
    ----------
    Spearman 1904, "The proof and measurement of association between two things"; ``scipy.stats.spearmanr``.

    Examples
    --------
    >>> rank_correlation([1, 2, 3, 4], [10, 100, 1000, 10000])
    1.0
    >>> rank_correlation([1, 2, 3, 4], [4, 3, 1, 2])
    -0.8
    """
    x, y = _pairs(x, y)
    try:
        from scipy.stats import spearmanr
    except ImportError as error:
        raise ImportError("rank_correlation needs scipy: pip install scipy") from error
    statistic: Any = spearmanr(x, y)[0]
    return round(float(statistic), 12)


def rank_interval(x: Sequence[float], y: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """Say how far a rank correlation can be trusted: the ends of its 95 % interval, by a bootstrap.

    The things are drawn anew, 2000 times, as many as there are and each as often as chance has it. Each draw has a
    rank correlation; the interval holds the middle 95 % of them.

    Parameters
    ----------
    x, y : sequence of float
        As in :func:`rank_correlation`.
    seed : int, default=0
        What decides the draws.

    Returns
    -------
    tuple of float
        The lower and the upper end.

    Raises
    ------
    TypeError, ValueError
        As :func:`rank_correlation`, or if seed is not an integer from 0 on.
    ImportError
        If scipy is not installed.

    References
    ----------
    Efron 1979, "Bootstrap methods: another look at the jackknife".

    Examples
    --------
    >>> low, high = rank_interval([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5])
    >>> low < rank_correlation([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5]) < high
    True
    """
    x, y = _pairs(x, y)
    (seed,) = zero_or_more(seed=seed)
    try:
        from scipy.stats import rankdata
    except ImportError as error:
        raise ImportError("rank_interval needs scipy: pip install scipy") from error
    import numpy as np

    drawn = np.random.default_rng(seed).integers(len(x), size=(DRAWS, len(x)))
    a, b = (rankdata(np.asarray(values)[drawn], axis=1) - (len(x) + 1) / 2 for values in (x, y))
    size = np.sqrt((a * a).sum(1) * (b * b).sum(1))
    kept = size > 0  # a draw of one thing alone has no order
    low, high = np.quantile((a * b).sum(1)[kept] / size[kept], (0.025, 0.975))
    return round(float(low), 12), round(float(high), 12)


def _pairs(x: Sequence[Any], y: Sequence[Any]) -> tuple[list[float], list[float]]:
    """Return both as Python's own numbers, or say why they have no common order."""
    x, y = _numbers("x", x), _numbers("y", y)
    if len(x) != len(y):
        raise ValueError(f"y must have {len(x)} numbers like x, got {len(y)}; each thing has one of both")
    if len(set(x)) < 2 or len(set(y)) < 2:
        raise ValueError("x and y must each hold at least two different numbers, got no order to compare")
    return x, y


def _numbers(name: str, values: Sequence[Any]) -> list[float]:
    """Return them as Python's own, or say which of them has no place in an order."""
    numbers = []
    value: Any
    for i, value in enumerate(several(name, values, "several numbers", "[0.5]")):
        try:
            number = float(value)
        except OverflowError:  # an integer beyond all floats
            number = math.inf if value > 0 else -math.inf
        except (TypeError, ValueError):
            number = None
        if number is None or isinstance(value, str):  # float() reads the number in a text
            raise TypeError(f"{name}[{i}] must be a number, got {shown(value)}; leave the pair out")
        if math.isnan(number):
            raise ValueError(f"{name}[{i}] must be a number, got nan, which has no rank; leave the pair out")
        numbers.append(number)
    return numbers
