"""Answers in chapter 5, ReLU6 and the linear bottleneck: right, half written, and typically wrong."""

from __future__ import annotations

import math
from fractions import Fraction


def lost_share(n, d=2):
    return sum(math.comb(n, i) for i in range(d)) / 2**n


def missing_share(n, d=2):
    return sum(math.comb(n, i) * (d - i) for i in range(d)) / (d * 2**n)


def bits_needed(top, error):
    return next(bits for bits in range(1, 64) if top / (2**bits - 1) <= 2 * error)


RIGHT = [
    ("check_missing_share", (missing_share,)),
    ("check_missing_share", (lambda n, d=2: 1 - sum(math.comb(n, i) * min(i, d) for i in range(n + 1)) / d / 2**n,)),
    ("check_lost_share", (lost_share,)),
    ("check_lost_share", (lambda n, d=2: Fraction(sum(math.comb(n, i) for i in range(d)), 2**n),)),
    ("check_step", (lambda top, bits: top / (2**bits - 1),)),
    ("check_bits_needed", (bits_needed,)),
    ("check_bits_needed", (lambda top, error: math.ceil(math.log2(top / error / 2 + 1)),)),
    ("check_bits_needed", ((9, 12),)),
    ("check_bits_needed", ([9.0, 12],)),
]
HALF_WRITTEN = [
    ("check_bits_needed", ((9, ...),), "put your answer in place"),
]
WRONG = {
    "check_lost_share": [
        ((lambda n, d=2: (n + 1) / 2**n,), "does not look at d"),
        ((lambda n, d=2: lost_share(n, d + 1),), "at most d"),
        ((lambda n, d=2: 1 - lost_share(n, d),), "survives"),
        ((lambda n, d=2: math.comb(n, d - 1) / 2**n,), "exactly one number"),
        ((lambda n, d=2: math.comb(n, d) / 2**n,), "exactly d"),
        ((lambda n, d=2: lost_share(n, d) * 2**n,), "These are counts"),
        ((lambda n, d=2: 100 * lost_share(n, d),), "per cent"),
        ((lambda n, d=2: lost_share(n, d) - 0.5**n,), "without any active channel is missing"),
        ((lambda n, d=2: 1 / n,), "Count the patterns of signs"),
        ((lambda n: 0.5,), "stops for n=5, d=2 with TypeError"),
    ],
    "check_missing_share": [
        ((lambda n, d=2: missing_share(n),), "does not look at d"),
        ((lost_share,), "each of them lack"),
        ((lambda n, d=2: d * missing_share(n, d),), "Of how many"),
        ((lambda n, d=2: 1 - missing_share(n, d),), "that is left"),
        ((lambda n, d=2: sum(math.comb(n, i) * i for i in range(d)) / d / 2**n,), "i equations are there"),
        ((lambda n, d=2: missing_share(n, d) - 0.5**n,), "without any active channel"),
        ((lambda n, d=2: missing_share(n, d) * 2**n,), "all patterns of signs"),
        ((lambda n, d=2: missing_share(n, d) * d * 2**n,), "patterns of signs together"),
        ((lambda n, d=2: 1 - n / (2 * d),), "at most d equations"),
        ((lambda n, d=2: 100 * missing_share(n, d),), "per cent"),
        ((lambda n, d=2: 1 / n,), "For i active channels"),
        ((lambda n: 0.5,), "stops for n=5, d=2 with TypeError"),
    ],
    "check_step": [
        ((lambda top, bits: top / 2**bits,), "Count the gaps"),
        ((lambda top, bits: top / 255,), "8 bits only"),
        ((lambda top, bits: top / (2 ** (bits - 1) - 1),), "No bit is needed for a sign"),  # and stops for one bit
        ((lambda top, bits: 6 / (2**bits - 1),), "up to 6 only"),
        ((lambda top, bits: top / bits,), "bits are not the levels"),
        ((lambda top, bits: top / (2**bits - 1) / 2,), "largest error of rounding"),
        ((lambda top, bits: (2**bits - 1) / top,), "Upside down"),
        ((lambda top, bits: top / 2 ** (bits - 1),), "for a sign"),
        ((lambda top, bits: 1.0,), "the same answer for different inputs"),
        ((lambda top, bits: top,), "Draw the levels"),
    ],
    "check_bits_needed": [
        ((lambda top, error: bits_needed(top, error / 2),), "the whole step"),
        ((lambda top, error: bits_needed(6.0, error),), "up to 6 only"),
        ((lambda top, error: bits_needed(top, error) - 1,), "too few"),
        ((lambda top, error: bits_needed(top, error) + 1,), "too many"),
        ((lambda top, error: math.ceil(top / (2 * error)),), "number of gaps"),
        ((lambda top, error: math.ceil(top / (2 * error)) + 1,), "number of levels"),
        ((lambda top, error: math.log2(top / (2 * error) + 1),), "come whole"),
        ((lambda top, error: 8,), "the same answer for different inputs"),
        ((lambda top, error: top + error,), "How wide may a step be"),
        (((12, 9),), "swapped"),
        (((10, 12),), "Up to 6: Rounding is off"),
        (((8, 12),), "One bit too few"),
        (((9, 9),), "Up to 64: This is for a range up to 6"),
        (((9, math.log2(3201)),), "Up to 64: Bits come whole"),
        (((9, 3200),), "Up to 64: This is a number of gaps"),
        (((9, 40),), "Up to 64: How wide"),
        (((9, 12, 1),), "Pass the function itself"),
    ],
}
# No hint prints these numbers.
NUMBERS = {}
# Words and pieces of code that would be the solution.
GIVEN_AWAY = {}
