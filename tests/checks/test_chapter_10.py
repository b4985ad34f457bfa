"""Answers in chapter 10, training and ablations: right, half written, and typically wrong."""

from __future__ import annotations

import math
import operator
import statistics

import numpy as np
import torch


def half_width(a, b, t):
    differences = np.subtract(a, b)
    return t * differences.std(ddof=1) / math.sqrt(len(a))


def seeds(spread, half_width, t):
    n = 1
    while t * spread / math.sqrt(n) > half_width * (1 + 1e-12):
        n += 1
    return n


def pairs_needed(spread, half_width):
    """Return how many pairs it takes, with Student's quantile for each number of pairs as printed in tables."""
    quantiles = {27: 2.056, 28: 2.052, 29: 2.048, 30: 2.045, 31: 2.042}  # two-sided 95 %, n - 1 degrees of freedom
    return min(n for n, t in quantiles.items() if t * spread / n**0.5 <= half_width)


RIGHT = [
    ("check_half_width", (half_width,)),
    ("check_half_width", (lambda a, b, t: t * statistics.stdev(map(operator.sub, a, b)) / len(b) ** 0.5,)),
    ("check_half_width", (lambda a, b, t: t * torch.tensor(a).double().sub(torch.tensor(b)).std() / len(a) ** 0.5,)),
    ("check_seeds", (seeds,)),
    ("check_seeds", (lambda s, h, t: math.ceil((t * s / h) ** 2),)),
    ("check_seeds", (lambda s, h, t: max(2, math.ceil((t * s / h) ** 2)),)),  # one pair alone has no spread
    ("check_seeds", (lambda s, h, t: math.ceil(t * t * s * s / (h * h)),)),
    ("check_seeds", (pairs_needed(0.8, 0.3),)),
]
HALF_WRITTEN = [
    ("check_half_width", (lambda a, b, t: ...,), "put your answer in place"),
    ("check_seeds", (lambda spread, half_width, t: None,), "put your answer in place"),
]
WRONG = {
    "check_half_width": [
        ((lambda a, b, t: t * np.std(a, ddof=1) / len(a) ** 0.5,), "first network alone"),
        ((lambda a, b, t: t * np.std(b, ddof=1) / len(a) ** 0.5,), "second network alone"),
        ((lambda a, b, t: t * (np.var(a, ddof=1) / len(a) + np.var(b, ddof=1) / len(b)) ** 0.5,), "two groups"),
        ((lambda a, b, t: half_width(a, b, t) * len(a) ** 0.5,), "surer than one"),
        ((lambda a, b, t: half_width(a, b, t) / len(a) ** 0.5,), "four times as many halve"),
        ((lambda a, b, t: half_width(a, b, t) * (len(a) / (len(a) - 1)) ** 0.5,), "not of one fewer"),
        ((lambda a, b, t: t * np.subtract(a, b).std() / len(a) ** 0.5,), "by one fewer than there are"),
        ((lambda a, b, t: half_width(a, b, 1),), "t is not used"),
        ((lambda a, b, t: 2 * half_width(a, b, t),), "the whole width"),
        ((lambda a, b, t: t * np.var(np.subtract(a, b), ddof=1) / len(a) ** 0.5,), "This is a variance"),
        ((lambda a, b, t: np.mean(a) - np.mean(b),), "mean difference"),
        ((lambda a, b, t: t / len(a),), "First the differences"),
        ((lambda a, b, t: round(half_width(a, b, t), 2),), "rounds what it returns"),
        ((lambda a, b: 0.0,), "stops for a=[95.0, 94.0, 96.5]"),
    ],
    "check_seeds": [
        ((lambda s, h, t: math.ceil(t * s / h),), "only twice as many"),
        ((lambda s, h, t: (t * s / h) ** 2,), "no part of a pair"),
        ((lambda s, h, t: int((t * s / h) ** 2),), "Downwards"),
        ((lambda s, h, t: round((t * s / h) ** 2),), "To the nearest"),
        ((lambda s, h, t: int((t * s / h) ** 2) + 1,), "even where the number is whole"),
        ((lambda s, h, t: math.ceil(t * (s / h) ** 2),), "t is squared as well"),
        ((lambda s, h, t: math.ceil((s / h) ** 2),), "t is left out"),
        ((lambda s, h, t: seeds(s, h, 2),), "taken to be 2"),
        ((lambda s, h, t: math.ceil((h / (t * s)) ** 2),), "Upside down"),
        ((lambda s, h, t: seeds(2 * s, h, t),), "half the width that is given"),
        ((lambda s, h, t: 30,), "same answer for different inputs"),
        ((lambda s, h, t: math.ceil(s * t),), "solve for n"),
        ((6,), "only twice as many"),
        ((29.9,), "no part of a pair"),
        ((29,), "One too few"),
        ((28,), "very many pairs"),
        ((8,), "t is left out"),
        ((15,), "t is squared as well"),
        ((120,), "not the whole"),
        ((58,), "four times of five"),
        ((20,), "More are needed"),
        ((40,), "Fewer are needed"),
    ],
}
# No hint prints these numbers.
NUMBERS = {}
# Words and pieces of code that would be the solution.
GIVEN_AWAY = {
    "check_half_width": ["stdev", "sqrt", "t *", "ddof"],
    "check_seeds": ["ceil", "** 2", "t * s"],
}
