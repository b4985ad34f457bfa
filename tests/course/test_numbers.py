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
    # A cell of a table has a sign as wide as a plus.
    cells = [numbers.written(number).replace("−", "-") for number in COUNTS]
    assert cells == [numbers.exact(number) for number in COUNTS]


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


@pytest.mark.parametrize(
    ("column", "seen"),
    [
        ([3.1, 88.0, 41.7, 0.0], ["3.1", "88.0", "41.7", "0"]),  # of 0 there is none, whatever the decimals
        ([29.801, 23.27, 7.0071], ["29.80", "23.27", "7.007"]),
        ([4.0, 5.4444, 1.0], ["4.000", "5.444", "1.000"]),
        ([385.8, 1827.3, -36.0], ["385.8", "1,827", "−36.0"]),
        ([0.1378, 0.00116], ["0.1378", "0.00116"]),  # no digit that was not there
        ([9.9996, 0.25], ["10.00", "0.25"]),
        ([138.0, 64.0], ["138", "64"]),
        ([1, 1.5, 2], ["1", "1.5", "2"]),  # a count has no decimals
        ([3.3e-06, 8.138, None, "none", True], ["3.3e-06", "8.138", "–", "none", "yes"]),
    ],
)
def test_the_numbers_of_a_column_have_as_many_decimals_as_their_digits_allow(column, seen):
    assert numbers.aligned(column) == seen


def test_a_column_says_what_its_numbers_are():
    for column in ([DRAW.uniform(-1, 1) * 10.0**power for power in range(-3, 3)] for _ in range(200)):
        for value, seen in zip(column, numbers.aligned(column), strict=True):
            assert float(seen.replace("−", "-")) == float(f"{value:.4g}")


@pytest.mark.parametrize("text", ["top-1, %", "1e-06", "2018-01-13", "conv-3", "a - b", "mobilenet_v2-0.35"])
def test_a_hyphen_is_no_minus_sign(text):
    assert numbers.signed(text) == numbers.written(text) == text
