r"""How numbers are written: in figures and tables made in Python as in those that JavaScript draws.

A count is written :func:`exact` where it can be checked, and :func:`short` where its size is what matters; the twins of
both stand in the explorables' ``kit.js``, and a test holds them together. A cell of a table is :func:`written`.
"""

from __future__ import annotations

import math
from numbers import Integral, Real

UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


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
    """Write a cell of a table: integers with separators, other numbers with four digits, None as a dash.

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
    >>> [written(value) for value in (568740352, 568.740352, 0.1130642, 1.5e-17, None, True, "stem")]
    ['568,740,352', '568.7', '0.1131', '1.5e-17', '–', 'yes', 'stem']
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return exact(int(value))
    if isinstance(value, Real):
        number = float(value)
        return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"
    return str(value)
