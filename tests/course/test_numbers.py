"""How numbers are written: one rule in Python, which is JavaScript's, and a cell's."""

import math
import random
from fractions import Fraction
from importlib.resources import files

import numpy as np
import pytest
from node import javascript

from mobilenet_lib import figures, tables
from mobilenet_lib.course import numbers

KIT = files("mobilenet_lib").joinpath("explorables", "kit.js").read_text(encoding="utf-8")
DRAW = random.Random(0)
COUNTS = [
    *(*range(2000), 1728, 99_949, 99_950, 99_996, 999_949, 999_950, 999_960, 1_250_000, 115_605_504, 4_866_000_000),
    *(int(10 ** DRAW.uniform(3, 14)) for _ in range(2000)),
    *(-1, -1728, -999_960),
]
# Of numbers that are no counts, those that JavaScript and `:g` write with the same digits.
OTHERS = [0.5, 0.25, 0.001, 1.5, 27.75, 999.5, 999.94, 999.96, 1234.5, 99_949.9, 20e9, 1e12, 5.0, 1e3, -0.5]
OTHERS += [10 ** DRAW.uniform(3, 14) for _ in range(2000)]


def test_numbers_are_short_alike_in_python_and_javascript():
    for given in (COUNTS, OTHERS):
        assert javascript(KIT, "short", [[number] for number in given]) == [numbers.short(number) for number in given]


def test_counts_are_exact_alike_in_python_and_javascript():
    assert javascript(KIT, "exact", [[number] for number in COUNTS]) == [numbers.exact(number) for number in COUNTS]
    assert [numbers.written(number) for number in COUNTS] == [numbers.exact(number) for number in COUNTS]


def test_a_short_number_is_right_to_half_a_tenth_of_its_unit():
    units = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
    for number in (each for each in COUNTS if each >= 1000):
        digits, unit = numbers.short(number).split("\N{NO-BREAK SPACE}")
        assert abs(Fraction(digits) * units[unit] - number) <= Fraction(units[unit], 20)
        assert 1 <= float(digits) < 1000


def test_there_is_one_rule():
    assert figures.short is numbers.short and tables.written is numbers.written


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64, np.float32, np.float64, Fraction])
def test_numbers_of_any_kind_are_written_as_pythons_own(kind):
    assert numbers.short(kind(200)) == numbers.written(kind(200)) == "200"
    assert numbers.short(kind(255) * kind(0)) == "0"


def test_what_is_no_count_is_written_all_the_same():
    assert [numbers.short(value) for value in (math.inf, -math.inf, math.nan)] == ["inf", "-inf", "nan"]
    assert numbers.short(1 / 3) == "0.333333"
    assert [numbers.written(value) for value in (math.inf, math.nan, 1 / 3, None)] == ["inf", "nan", "0.3333", "–"]
