"""Whether two counts put things into one order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .._validation import several


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
    x, y = _numbers("x", x), _numbers("y", y)
    if len(x) != len(y):
        raise ValueError(f"y must have {len(x)} numbers like x, got {len(y)}; each thing has one of both")
    if len(set(x)) < 2 or len(set(y)) < 2:
        raise ValueError("x and y must each hold at least two different numbers, got no order to compare")
    try:
        from scipy.stats import spearmanr
    except ImportError as error:
        raise ImportError("rank_correlation needs scipy: pip install scipy") from error
    statistic: Any = spearmanr(x, y)[0]
    return round(float(statistic), 12)


def _numbers(name: str, values: Sequence[Any]) -> list[float]:
    """Return them as Python's own, or say which of them has no place in an order."""
    numbers = []
    for i, value in enumerate(several(name, values, "several numbers", "[0.5]")):
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise TypeError(f"{name}[{i}] must be a number, got {value!r}; leave the pair out") from None
        if math.isnan(number):
            raise ValueError(f"{name}[{i}] must be a number, got nan, which has no rank; leave the pair out")
        numbers.append(number)
    return numbers
