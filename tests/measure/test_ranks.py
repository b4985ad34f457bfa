"""Two orders: Spearman's correlation, and what has no place in an order."""

import math
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch

from mobilenet_lib import measure


def test_the_rank_correlation_is_the_classical_formula():
    torch.manual_seed(0)
    for n in (2, 5, 22):
        x, y = torch.randperm(n).tolist(), torch.randperm(n).tolist()
        squares = sum((a - b) ** 2 for a, b in zip(x, y, strict=True))
        assert measure.rank_correlation(x, y) == pytest.approx(1 - 6 * squares / (n * (n * n - 1)))


def test_only_the_order_counts_and_equal_numbers_share_their_places():
    x = [3, 1, 4, 1, 5, 9, 2, 6]
    assert measure.rank_correlation(x, [2.0**value for value in x]) == 1
    assert measure.rank_correlation([1, 1, 2], [1, 2, 3]) == pytest.approx(0.75**0.5)
    assert measure.rank_correlation([1, 2, math.inf], [3, 2, -math.inf]) == -1
    with pytest.raises(ValueError, match="y must have 2 numbers like x, got 3"):
        measure.rank_correlation([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="at least two different numbers"):
        measure.rank_correlation([1, 1], [1, 2])


def every(kind):
    """Return what makes a list of such numbers."""
    return lambda numbers: [kind(number) for number in numbers]


@pytest.mark.parametrize("kind", [tuple, np.array, torch.tensor, every(Fraction), every(Decimal), every(np.uint8)])
def test_numbers_may_be_of_any_kind(kind):
    assert measure.rank_correlation(kind([1, 2, 3, 4]), kind([4, 3, 1, 2])) == -0.8
    with pytest.raises(ValueError, match="at least two different numbers"):
        measure.rank_correlation(kind([2, 2]), kind([1, 2]))


@pytest.mark.parametrize("nan", [math.nan, np.float32("nan"), torch.tensor(math.nan), Decimal("nan")])
def test_nan_has_no_place_in_an_order(nan):
    with pytest.raises(ValueError, match=r"y\[1\] must be a number, got nan"):
        measure.rank_correlation([1, 2, 3], [1, nan, 3])
    with pytest.raises(ValueError, match=r"x\[0\] must be a number, got nan"):
        measure.rank_correlation([nan, 2], [1, 2])


def test_an_integer_beyond_all_floats_is_the_largest_or_the_smallest():
    assert measure.rank_correlation([10**400, 1, -(10**400)], [3, 2, 1]) == 1


@pytest.mark.parametrize("value", [None, "many", "3", [1]])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(TypeError, match=r"x\[1\] must be a number, got"):
        measure.rank_correlation([1, value], [1, 2])


def test_an_interval_holds_what_scipys_own_bootstrap_holds():
    from scipy.stats import bootstrap, spearmanr

    rng = np.random.default_rng(1)
    x = rng.normal(size=20)
    y = x + rng.normal(size=20)
    theirs = bootstrap(
        (x, y),
        lambda a, b: spearmanr(a, b)[0],
        paired=True,
        vectorized=False,
        n_resamples=1000,
        method="percentile",
        rng=2,
    ).confidence_interval
    low, high = measure.rank_interval(x, y)
    assert low == pytest.approx(theirs.low, abs=0.06) and high == pytest.approx(theirs.high, abs=0.06)
    assert low < measure.rank_correlation(x, y) < high
    assert measure.rank_interval(x, y) == (low, high) != measure.rank_interval(x, y, seed=1)
    with pytest.raises(ValueError, match="y must have 2 numbers like x, got 3"):
        measure.rank_interval([1, 2], [1, 2, 3])


def test_without_scipy_there_is_a_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(ImportError, match="pip install scipy"):
        measure.rank_correlation([1, 2], [1, 2])
    with pytest.raises(ImportError, match="pip install scipy"):
        measure.rank_interval([1, 2], [1, 2])
