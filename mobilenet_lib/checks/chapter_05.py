"""Checks of the exercises in chapter 5: ReLU6 and the linear bottleneck."""

from __future__ import annotations

import math
from collections.abc import Callable

from . import compare
from .compare import Case
from .verdicts import exercise, praise


def _upto(n: int, d: int) -> float:
    return sum(math.comb(n, i) for i in range(d)) / 2**n


LOST_SHARE_MISTAKES = [
    ("Your function is right for d = 2 and does not look at d.", lambda n, d=2: (n + 1) / 2**n),
    ('This is "at most d". Fewer than d stops one earlier.', lambda n, d=2: _upto(n, d + 1)),
    (
        "This is for exactly one number of active channels; add up all that are fewer than d.",
        lambda n, d=2: math.comb(n, d - 1) / 2**n,
    ),
    ("This is for exactly d active channels.", lambda n, d=2: math.comb(n, d) / 2**n),
    ("This is the share that survives.", lambda n, d=2: 1 - _upto(n, d)),
    ("This is the share where no channel is active at all.", lambda n, d=2: 1 / 2**n),
    ("The case without any active channel is missing.", lambda n, d=2: _upto(n, d) - 1 / 2**n),
    ("These are counts. Of how many patterns of signs altogether?", lambda n, d=2: _upto(n, d) * 2**n),
    ("Which channels are active matters: one of n can be chosen in n ways.", lambda n, d=2: d / 2**n),
    ("Give a share from 0 to 1, not per cent.", lambda n, d=2: 100 * _upto(n, d)),
]


@exercise
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
    cases = [Case((n,), _upto(n, 2), f"n={n}") for n in (2, 3, 10)]
    cases += [Case((n, d), _upto(n, d), f"n={n}, d={d}") for n, d in ((5, 2), (5, 1), (5, 3), (3, 4), (12, 4))]
    compare.expect_function(
        function, cases, LOST_SHARE_MISTAKES, "Count the patterns of signs with 0, 1, ... active channels."
    )
    praise("the share of points that ReLU makes unrecoverable, for any n and d.")


def _missing(n: int, d: int) -> float:
    return sum(math.comb(n, i) * (d - i) for i in range(d)) / (d * 2**n)


MISSING_SHARE_MISTAKES = [
    ("Your function is right for d = 2 and does not look at d.", lambda n, d=2: _missing(n, 2)),
    (
        "This is the share of points that lack an equation. How many of its d equations does each of them lack?",
        lambda n, d=2: _upto(n, d),
    ),
    ("This is how many equations are missing. Of how many?", lambda n, d=2: d * _missing(n, d)),
    ("This is the share that is left.", lambda n, d=2: 1 - _missing(n, d)),
    (
        "With i active channels, i equations are there. How many of the d are then missing?",
        lambda n, d=2: sum(math.comb(n, i) * i for i in range(d)) / (d * 2**n),
    ),
    (
        "The case without any active channel is missing; there, all equations are.",
        lambda n, d=2: _missing(n, d) - 1 / 2**n,
    ),
    ("Divide by the number of all patterns of signs.", lambda n, d=2: _missing(n, d) * 2**n),
    ("These are equations in all patterns of signs together.", lambda n, d=2: _missing(n, d) * d * 2**n),
    ("More active channels than d help no further: count at most d equations.", lambda n, d=2: 1 - n / (2 * d)),
    ("Give a share from 0 to 1, not per cent.", lambda n, d=2: 100 * _missing(n, d)),
]


@exercise
def check_missing_share(function: Callable[..., float]) -> None:
    """Check a function for the mean share of the d equations of a point that ReLU takes away.

    Parameters
    ----------
    function : callable
        ``function(n, d=2)``: of the d equations that a point needs, the share that is missing on average, when each of
        n channels is active with probability one half, independently of the others, and each active one gives one.

    Raises
    ------
    CheckFailed
        If it is wrong for some n and d; the message says what to look at again.

    Examples
    --------
    >>> check_missing_share(lambda n, d=2: sum(math.comb(n, i) for i in range(d)) / 2**n)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: This is the share of points that lack an equation. How many of its d equations \
does each of them lack?
    """
    cases = [Case((n,), _missing(n, 2), f"n={n}") for n in (2, 3, 10)]
    cases += [Case((n, d), _missing(n, d), f"n={n}, d={d}") for n, d in ((5, 2), (5, 1), (5, 3), (3, 4), (12, 4))]
    compare.expect_function(
        function, cases, MISSING_SHARE_MISTAKES, "For i active channels: how probable is it, and how many are missing?"
    )
    praise("the share of its equations that a point loses on average, for any n and d.")


STEP_MISTAKES = [
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


@exercise
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
        Case((top, bits), top / (2**bits - 1), f"top={top}, bits={bits}")
        for top, bits in ((6.0, 8), (60.0, 8), (6.0, 4), (1.0, 1))
    ]
    compare.expect_function(function, cases, STEP_MISTAKES, "Draw the levels for 1 and for 2 bits.")
    praise("the range, divided by the number of gaps.")


def _bits(top: float, error: float) -> int:
    """Return the fewest bits whose half step is at most the error, by counting: a logarithm may be off."""
    bits = 1
    while top / (2**bits - 1) / 2 > error:
        bits += 1
    return bits


BITS_MISTAKES = [
    ("Rounding is off by half a step at most. You take the whole step for the error.", lambda t, e: _bits(t, e / 2)),
    ("This is for a range up to 6 only.", lambda t, e: _bits(6.0, e)),
    ("One bit too few: with it the error is larger than asked for.", lambda t, e: _bits(t, e) - 1),
    ("One bit too many: fewer are enough.", lambda t, e: _bits(t, e) + 1),
    ("This is a number of levels. How many bits can tell so many apart?", lambda t, e: math.ceil(t / (2 * e)) + 1),
    ("This is a number of gaps. How many bits do its levels need?", lambda t, e: math.ceil(t / (2 * e))),
    ("Bits come whole. Round up, or the error is larger than asked for.", lambda t, e: math.log2(t / (2 * e) + 1)),
]


BITS_LOOK = "How wide may a step be, and how many steps is that?"


@exercise
def check_bits_needed(answer: Callable[[float, float], int] | tuple[int, int]) -> None:
    """Check a function for the fewest bits that keep every value of a range within an error.

    Parameters
    ----------
    answer : callable or (int, int)
        ``answer(top, error)``: the smallest number of bits such that each value from 0 to ``top`` is at most ``error``
        away from the nearest of 2 ** bits equally spaced levels, of which the first is 0 and the last is ``top``. Or
        two numbers: its results for an error of 0.01 and tops of 6 and 64.

    Raises
    ------
    CheckFailed
        If it is wrong for some range; the message says what to look at again.

    Examples
    --------
    >>> check_bits_needed(lambda top, error: math.ceil(top / (2 * error)))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: This is a number of gaps. How many bits do its levels need?
    """
    cases = [
        Case((top, error), _bits(top, error), f"top={top}, error={error}")
        # the third is met exactly: 3 bits have 7 gaps of 2
        for top, error in ((6.0, 0.01), (64.0, 0.01), (14.0, 1.0), (1.0, 0.6), (1.2, 0.5))
    ]
    if compare.is_listed(answer) and len(numbers := compare.listed(answer)) == 2:
        names, right = ("Up to 6", "Up to 64"), [case.right for case in cases[:2]]
        compare.expect_order(numbers, right, "the range up to 6 first, then the one up to 64")
        for name, number, case in zip(names, numbers, cases, strict=False):
            mistakes = [(hint, wrong(*case.args)) for hint, wrong in BITS_MISTAKES]
            compare.expect_number(name, number, case.right, mistakes, BITS_LOOK)
    else:
        compare.expect_function(answer, cases, BITS_MISTAKES, BITS_LOOK)  # type: ignore[arg-type]
    praise("each bit halves the step, and a range ten times as long takes three or four bits more.")
