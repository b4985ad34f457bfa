r"""How numbers are written: in figures and tables made in Python as in those that JavaScript draws.

A count is written :func:`exact` where it can be checked, and :func:`short` where its size is what matters; the twins of
both stand in the explorables' ``kit.js``, and a test holds them together. A cell of a table is :func:`written`, and a
whole column :func:`aligned`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from numbers import Integral, Real

UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))
DIGITS = 4  # of a number in a table
# A hyphen in front of a digit, where a number begins: not that of top-1, of 1e-06, of 2018-01 or of conv-3.
SIGN = re.compile(r"(?<![^\s(\[±])-(?=\.?\d)")


def exact(number: int) -> str:
    """Write a count in full, with separators.

    Examples
    --------
    >>> exact(115_605_504)
    '115,605,504'
    """
    return f"{number:,}"


def short(number: float) -> str:
    r"""Write a number with one decimal and a unit, as a reader says it, with a space that does not break.

    Examples
    --------
    >>> short(115_605_504), short(1728), short(9), short(999_960), short(0.25)
    ('115.6\xa0M', '1.7\xa0k', '9', '1.0\xa0M', '0.25')
    """
    number = int(number) if isinstance(number, Integral) else float(number)
    if math.isfinite(number):
        for size, unit in UNITS:
            if number >= size * 0.99995:  # 999,960 rounds up to the next unit
                tenths = math.floor((10 * number + size // 2) / size)  # halves go up, here and in JavaScript
                return f"{tenths // 10}.{tenths % 10}\N{NO-BREAK SPACE}{unit}"
        if number == int(number):
            return str(int(number))
    return f"{number:g}"


def written(value: object) -> str:
    """Write a cell of a table: integers with separators, other numbers with four digits, None as a dash, − as a minus.

    Parameters
    ----------
    value : object
        What the cell holds.

    Returns
    -------
    str
        What the reader sees.

    Examples
    --------
    >>> [written(value) for value in (568740352, 568.740352, -0.1130642, 1.5e-17, None, True, "stem")]
    ['568,740,352', '568.7', '−0.1131', '1.5e-17', '–', 'yes', 'stem']
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return signed(exact(int(value)))
    if isinstance(value, Real):
        number = float(value)
        return signed(f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.{DIGITS}g}")
    return signed(str(value))


def aligned(values: Iterable[object]) -> list[str]:
    """Write the cells of a column: where a number has decimals, the zeros at its end stay, as far as its digits go.

    Parameters
    ----------
    values : iterable
        What the cells hold.

    Returns
    -------
    list of str
        What the reader sees. An exact 0 stays 0: it says that there is none.

    Examples
    --------
    >>> aligned([76.4, 88.0, 0.3, 0.0]), aligned([29.801, 23.27]), aligned([1, 1.5, "stem"])
    (['76.4', '88.0', '0.3', '0'], ['29.80', '23.27'], ['1', '1.5', 'stem'])
    """
    cells = [(value, written(value)) for value in values]
    most = max((_decimals(text) for value, text in cells if _has_decimals(value)), default=0)
    return [_filled(float(value), text, most) if _has_decimals(value) else text for value, text in cells]  # type: ignore[arg-type]


def signed(text: str) -> str:
    """Write the minus signs of numbers as such, which are as wide as a plus; hyphens stay.

    Examples
    --------
    >>> signed("-1.28 ± 0.50"), signed("0.50 (-0.04 to 0.90)"), signed("top-1 at 1e-06")
    ('−1.28 ± 0.50', '0.50 (−0.04 to 0.90)', 'top-1 at 1e-06')
    """
    return SIGN.sub("\N{MINUS SIGN}", text)


def _has_decimals(value: object) -> bool:
    """Return whether a cell is a number that may have decimals, and is written with them and not with an exponent."""
    if isinstance(value, Integral) or not isinstance(value, Real):
        return False
    number = abs(float(value))
    return 1e-4 <= number < 1000


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])


def _filled(number: float, text: str, most: int) -> str:
    """Return a number with as many decimals as its column has, or as its digits allow."""
    before = math.floor(math.log10(abs(float(f"{number:.{DIGITS}g}"))))  # 0 for 1 to 9, -1 for 0.1 to 0.9
    wanted = min(most, max(0, DIGITS - 1 - before))
    return text if wanted <= _decimals(text) else signed(f"{number:.{wanted}f}")
