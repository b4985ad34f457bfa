"""Checks of the exercises in chapter 10: training and ablations."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

from . import CheckFailed, compare
from .compare import Case
from .verdicts import exercise, praise


def _spread(a: Sequence[float], b: Sequence[float]) -> float:
    return statistics.stdev(x - y for x, y in zip(a, b, strict=True))


def _half_width(a: Sequence[float], b: Sequence[float], t: float) -> float:
    return t * _spread(a, b) / math.sqrt(len(a))


def _unpaired(a: Sequence[float], b: Sequence[float], t: float) -> float:
    return t * math.sqrt((statistics.variance(a) + statistics.variance(b)) / len(a))


SHRUNK = "The differences' own mean is taken off them, so divide their squares by one fewer than there are."
RUNS = [
    ([95.0, 94.0, 96.5], [96.0, 95.5, 97.0], 4.303),
    ([90.0, 94.0, 91.0, 95.0, 92.0], [91.5, 95.0, 92.5, 95.5, 93.0], 2.776),
    ([60.0, 50.0], [55.0, 58.0], 12.706),
    ([93.0, 93.5, 94.0, 92.0, 95.0, 91.5], [93.0, 93.0, 94.5, 92.5, 94.0, 92.0], 1.0),
]


HALF_WIDTH_MISTAKES = [
    ("This is the spread of the first network alone. It is the differences that vary.",
     lambda a, b, t: t * statistics.stdev(a) / math.sqrt(len(a))),
    ("This is the spread of the second network alone. It is the differences that vary.",
     lambda a, b, t: t * statistics.stdev(b) / math.sqrt(len(b))),
    ("This is for two groups that have nothing to do with each other. Take the differences first, pair by pair.",
     _unpaired),
    ("This says how far a single difference lies from the mean. The mean of many is surer than one.",
     lambda a, b, t: t * _spread(a, b)),
    ("More pairs help less than that: four times as many halve the width.",
     lambda a, b, t: _half_width(a, b, t) / math.sqrt(len(a))),
    ("The square root of the number of pairs, not of one fewer: that one belongs inside the spread.",
     lambda a, b, t: t * _spread(a, b) / math.sqrt(len(a) - 1)),
    (SHRUNK, lambda a, b, t: _half_width(a, b, t) * math.sqrt(1 - 1 / len(a))),
    ("t is not used: with few pairs the spread itself is a guess, and the interval must be wider.",
     lambda a, b, t: _half_width(a, b, 1)),
    ("This is the whole width, from end to end.", lambda a, b, t: 2 * _half_width(a, b, t)),
    ("This is a variance. Its square root has the unit of the accuracies.",
     lambda a, b, t: t * _spread(a, b) ** 2 / math.sqrt(len(a))),
    ("This is the mean difference: the middle of the interval, not its width.",
     lambda a, b, t: statistics.fmean(a) - statistics.fmean(b)),
]  # fmt: skip


@exercise
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
    cases = [Case(case, _half_width(*case), f"a={case[0]}, b={case[1]}, t={case[2]}") for case in RUNS]
    compare.expect_function(
        function, cases, HALF_WIDTH_MISTAKES, "First the differences, then their spread, then the spread of their mean."
    )
    praise("what the runs of a pair share has gone with the difference.")


def _exactly(s: float, h: float, t: float) -> float:
    return (t * s / h) ** 2


SEEDS_LOOK = "Set the half width equal to t times the spread of the mean, and solve for n."
SEEDS_MISTAKES = [
    ("Half the width takes four times as many pairs, and here only twice as many.",
     lambda s, h, t: math.ceil(t * s / h)),
    ("There is no part of a pair: give a whole number, the next one upwards.", _exactly),
    ("Downwards is a pair too few: then the interval is still too wide.", lambda s, h, t: int(_exactly(s, h, t))),
    ("To the nearest is too few half of the time.", lambda s, h, t: round(_exactly(s, h, t))),
    ("This rounds upwards even where the number is whole.", lambda s, h, t: int(_exactly(s, h, t)) + 1),
    ("t is squared as well: it stands beside the spread.", lambda s, h, t: math.ceil(t * (s / h) ** 2)),
    ("t is left out.", lambda s, h, t: math.ceil((s / h) ** 2)),
    ("t is taken to be 2.", lambda s, h, t: math.ceil(_exactly(s, h, 2))),
    ("Upside down: a larger spread takes more pairs.", lambda s, h, t: math.ceil((h / (t * s)) ** 2)),
    ("It is half the width that is given, not the whole.", lambda s, h, t: math.ceil(_exactly(2 * s, h, t))),
]  # fmt: skip


PAIRS = 30  # for 30 pairs t is 2.045, and (2.045 * 0.8 / 0.3)² is below 30
PAIRS_MISTAKES = [
    ("Half the width takes four times as many pairs, and here only twice as many.", 6),
    ("There is no part of a pair: give a whole number, the next one upwards.", _exactly(0.8, 0.3, 2.05)),
    ("There is no part of a pair: give a whole number, the next one upwards.", _exactly(0.8, 0.3, 2.045)),
    ("One too few: for so many pairs t is about 2.05, and the interval is still too wide.", 29),
    ("This takes 1.96 for t, which is its value for very many pairs. For so few it is larger.", 28),
    ("t is left out.", 8),
    ("t is squared as well: it stands beside the spread.", 15),
    ("It is half the width that is given, not the whole.", 120),
    ("This is how many it takes to resolve such an effect four times of five. Here only the interval counts.", 58),
]


@exercise
def check_seeds(answer: Callable[[float, float, float], int] | int) -> None:
    """Check a function for how many pairs of runs it takes to see a difference.

    Parameters
    ----------
    answer : callable or int
        ``answer(spread, half_width, t)``: the smallest number of pairs for which t times the spread of the mean
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
    numbers = [(1.0, 0.5, 2.0), (0.9, 0.31, 2.0), (3.0, 0.7, 2.0), (0.9, 1.5, 2.0), (1.1, 0.4, 3.0)]
    cases = [Case(case, math.ceil(_exactly(*case)), "spread={}, half_width={}, t={}".format(*case)) for case in numbers]
    if compare.read(answer) is None:
        compare.expect_function(answer, cases, SEEDS_MISTAKES, SEEDS_LOOK)  # type: ignore[arg-type]
    else:
        _compare_pairs(compare.real("Pairs", answer))
    praise("and the number of pairs grows with the square of what you want to see.")


def _compare_pairs(number: compare.Number) -> None:
    if compare.same(number, PAIRS):
        return
    for hint, wrong in PAIRS_MISTAKES:
        if compare.same(number, wrong, 1e-3):
            raise CheckFailed(hint)
    raise CheckFailed(f"{'Fewer' if number.value > PAIRS else 'More'} are needed. {SEEDS_LOOK}")
