"""What the checks share: numbers, functions, lists of rows and tensors, compared with what typical mistakes give."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .. import cost
from . import CheckFailed
from .verdicts import OUTLINED, NotYet, sentence, unfinished

Mistakes = Sequence[tuple[str, Any]]  # a hint, and the value (or the function) that somebody who needs it would give

BIAS = "A bias is counted, but BatchNorm follows and would take it out again: the convolution has none."
PAIR = "This is twice too much: multiplications and additions are counted apart. One MAC is a pair of them."
SAME_FOR_ALL = "Your function gives the same answer for different inputs. Does it use all of its arguments?"


def real(what: str, answer: object) -> float:
    """Return a plain number, whatever kind of number it came as."""
    unfinished(answer)
    if isinstance(answer, cost.Cost):
        raise CheckFailed(f"{what}: this is a whole Cost. Take its .params or its .macs.")
    if isinstance(answer, Tensor) and answer.numel() == 1:
        answer = answer.item()
    if isinstance(answer, str):
        raise CheckFailed(f"{what}: write the number without quotation marks, as in 1_000_000.")
    if isinstance(answer, bool) or not isinstance(answer, Real):
        raise CheckFailed(f"{what}: a number is expected here, and this is a {type(answer).__name__}.")
    if not math.isfinite(answer):
        raise CheckFailed(f"{what}: this is not a finite number. Is something divided by zero?")
    return answer


def same(a: float, b: float, tolerance: float = 1e-9) -> bool:
    if isinstance(a, int) and isinstance(b, int):
        return a == b
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=1e-12)


def number(what: str, answer: object, right: int, mistakes: Mistakes, look: str) -> None:
    """Compare a number with the right one, then with what the typical mistakes give."""
    value = real(what, answer)
    if value == right:
        return
    for hint, wrong in mistakes:
        if wrong != right and same(value, wrong):
            raise CheckFailed(hint if hint[0].isupper() and ":" in hint else f"{what}: {hint}")
    raise CheckFailed(f"{what}: {look}")


def not_swapped(answers: tuple[object, object], right: tuple[int, int], order: str) -> None:
    if answers == right[::-1]:
        raise CheckFailed(f"Both numbers are there, but swapped: {order}.")


class Case(NamedTuple):
    """What a learner's function is tried on."""

    args: tuple
    right: float
    shown: str
    look: str = ""


def call(function: Callable, args: tuple, shown: str) -> Any:
    """Call a learner's function; whatever goes wrong in it becomes a sentence."""
    try:
        result = function(*args)
    except (CheckFailed, NotYet):
        raise
    except NotImplementedError:
        raise NotYet(OUTLINED) from None
    except Exception as error:
        raise CheckFailed(f"Your function stops{f' for {shown}' if shown else ''} with {sentence(error)}") from None
    unfinished(result)
    return list(result) if inspect.isgenerator(result) else result


def function(
    function: Callable,
    cases: Sequence[Case],
    mistakes: Mistakes,
    look: str = "",
    tolerance: float = 1e-9,
    given: bool = True,
) -> None:
    """Compare a function with the right results, then with the functions that make the typical mistakes."""
    if not callable(function):
        raise CheckFailed("Pass the function itself, without calling it: its name, and no brackets behind it.")
    results = [real("The result", call(function, case.args, case.shown)) for case in cases]
    if all(same(result, case.right, tolerance) for result, case in zip(results, cases, strict=True)):
        return
    for hint, wrong in mistakes:
        made = [wrong(*case.args) for case in cases]
        if all(same(result, other, tolerance) for result, other in zip(results, made, strict=True)):
            raise CheckFailed(hint)
    if len(cases) > 1 and len(set(results)) == 1:
        raise CheckFailed(SAME_FOR_ALL)
    result, case = next(
        (result, case) for result, case in zip(results, cases, strict=True) if not same(result, case.right, tolerance)
    )
    returns = f", where your function returns {result:,}" if given else ""
    first = "not right" if case is cases[0] else "the first that is not right"
    raise CheckFailed(f"{case.look or look} For {case.shown} the result is {first}{returns}.".strip())


def rows(answer: object, width: int, columns: str) -> list[tuple[int, ...]]:
    """Return the rows of an answer as tuples of integers."""
    unfinished(answer)
    if isinstance(answer, (str, dict)) or not isinstance(answer, Iterable):
        raise CheckFailed(f"A list of rows {columns} is expected here, and this is a {type(answer).__name__}.")
    rows = []
    for number, row in enumerate(answer):
        if isinstance(row, (str, dict)) or not isinstance(row, Iterable) or len(tuple(row)) != width:
            raise CheckFailed(f"Row {number} is {row!r}; each row has {width} numbers, {columns}.")
        rows.append(tuple(int(real(f"Row {number}", value)) for value in row))
    if not rows:
        raise NotYet("the list is still empty")
    return rows


def table(rows: list[tuple], right: list[tuple], mistakes: Mistakes) -> None:
    """Compare a list of rows with the right one, then with what the typical mistakes give."""
    if rows == right:
        return
    for hint, wrong in mistakes:
        if wrong != right and rows == wrong:
            raise CheckFailed(hint)
    if len(rows) < len(right):
        raise CheckFailed("There are too few rows. Does each row of the table come as often as it says?")
    if len(rows) > len(right):
        raise CheckFailed(
            "There are too many rows. Only the blocks are asked for: neither stem nor head nor classifier."
        )
    place = next(i for i, (row, other) in enumerate(zip(rows, right, strict=True)) if row != other)
    if place and rows[place][0] != rows[place - 1][-2]:
        raise CheckFailed(f"Row {place}, counted from 0, does not read what row {place - 1} writes.")
    raise CheckFailed(f"Up to row {place}, counted from 0, all is right; look at that row, {rows[place]}, again.")


def close(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-4)
