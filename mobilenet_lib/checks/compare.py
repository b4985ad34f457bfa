"""What the checks share: numbers, functions, rows and tensors, compared with what typical mistakes give.

A number may be of any library and any type. What is exact is compared exactly; what is rounded may differ by a few of
its type's last places.
"""

from __future__ import annotations

import copy
import inspect
import io
import itertools
import math
import numbers
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from typing import Any, NamedTuple, TypeGuard

import numpy as np
import torch
from torch import Tensor

from .. import cost
from . import CheckFailed
from .verdicts import NotYet, kind, shown, stopping, unfinished, written

Mistakes = Sequence[tuple[str, Any]]  # a hint, and the value (or the function) that somebody who needs it would give

BIAS = "A bias is counted, but BatchNorm follows and would take it out again: the convolution has none."
PAIR = "This is twice too much: multiplications and additions are counted apart. One MAC is a pair of them."
PERCENT = "give percent: a hundred times this."
MILLIONS = "give the number itself, not millions."
TOO_FEW_DIGITS = "Your function rounds what it returns. Leave it as it is."
SAME_FOR_ALL = "Your function gives the same answer for different inputs. Does it use all of its arguments?"

PLACES = 4  # how many of its type's last places a result may be off: a few operations were rounded on the way
ROUNDING = PLACES * torch.finfo(torch.float32).eps  # a float may have been a float32 before
COARSEST = 1 / 8  # numbers of 8 bits
TWO_DIGITS, THREE_DIGITS = 1.25e-2, 5e-3  # how far an answer may be off that was rounded to so many
MANY = 10_000  # nobody's list is longer, and some never end


# Numbers


class Number(NamedTuple):
    """A number, and the relative error that the type it came in allows."""

    value: int | float
    slack: float = ROUNDING


def read(answer: Any) -> Number | None:
    """Return a number, whatever it came as, or nothing if it is none.

    What can be an index is an integer; a fraction of denominator 1 is one as well; all else is asked for its float.
    """
    held, slack = single(answer)
    if isinstance(held, (bool, str, bytes, bytearray)):
        return None
    if isinstance(held, numbers.Complex) and not isinstance(held, numbers.Real):
        return None if held.imag else _converted(held.real, slack)
    return _converted(held, slack)


def _converted(number: Any, slack: float) -> Number | None:
    with suppress(Exception):
        return Number(operator.index(number))
    if isinstance(number, numbers.Rational) and number.denominator == 1:
        return Number(int(math.trunc(number)))
    try:
        return Number(float(number), slack)
    except OverflowError:  # a fraction: its integer part is as far from any right answer
        return Number(int(math.trunc(number)))
    except Exception:
        return None


def single(answer: Any) -> tuple[Any, float]:
    """Return what an array or tensor of one element holds, and the relative error that its type allows."""
    if isinstance(answer, Tensor | np.ndarray | np.generic) and math.prod(answer.shape) == 1:
        try:
            return answer.item(), _precision(answer.dtype)
        except Exception:  # it holds nothing: a tensor on the device "meta"
            return answer, ROUNDING
    return answer, ROUNDING


def _precision(dtype: Any) -> float:
    try:
        last = torch.finfo(dtype).eps if isinstance(dtype, torch.dtype) else np.finfo(dtype).eps
    except (TypeError, ValueError):  # integers have no last place
        return ROUNDING
    return min(max(PLACES * float(last), ROUNDING), COARSEST)


def real(what: str, answer: object) -> Number:
    """Return a finite number, or say why the answer is none."""
    unfinished(answer)
    if isinstance(answer, cost.Cost):
        raise CheckFailed(f"{what}: this is a whole Cost. Take its .params or its .macs.")
    number, (held, _) = read(answer), single(answer)
    if isinstance(held, (str, bytes)):
        with suppress(ValueError):
            float(held.replace(",", "") if isinstance(held, str) else held)
            raise CheckFailed(f"{what}: write the number without quotation marks, as in 1_000_000.")
        raise CheckFailed(f"{what}: a number is expected here, and this is {shown(held)}.")
    if number is None:
        raise CheckFailed(f"{what}: a number is expected here, and this is a {kind(held)}.")
    if isinstance(number.value, float) and not math.isfinite(number.value):
        raise CheckFailed(f"{what}: this is not a finite number. Is something divided by zero?")
    return number


def near(number: Number, right: float, tolerance: float = 0.0) -> bool:
    """Compare a number with another within a tolerance, whatever their types; without one, as `same` does."""
    return same(number, float(right) if tolerance else right, tolerance)


def same(number: Number, right: float, tolerance: float = 0.0) -> bool:
    """Compare a number with another: integers exactly, floats within what their type allows, or `tolerance`."""
    if isinstance(number.value, int) and isinstance(right, int):
        return number.value == right
    try:
        return math.isclose(number.value, right, rel_tol=max(tolerance, number.slack), abs_tol=1e-12)
    except OverflowError:  # an integer too large for a float is near to none
        return False


def whole(number: Number) -> int | float:
    """Return the integer that a number is, or else the number."""
    nearest = round(number.value)
    return nearest if same(number, nearest) else number.value


def amount(value: float) -> str:
    """Return a number as a hint shows it."""
    if isinstance(value, int) and abs(value) >= 10**30:
        return f"an integer of {int(math.log10(abs(value))) + 1} digits"
    return f"{value:,}"


def expect_number(
    what: str, answer: object, right: float, mistakes: Mistakes, look: str, tolerance: float = 0.0
) -> None:
    """Compare a number with the right one, then with what the typical mistakes give."""
    number = real(what, answer)
    if near(number, right, tolerance):
        return
    for hint, wrong in mistakes:
        if wrong != right and near(number, wrong, tolerance):
            raise CheckFailed(hint if hint[0].isupper() and ":" in hint else f"{what}: {hint}")
    raise CheckFailed(f"{what}: {_coarse(number, right, tolerance) or look}")


def _coarse(number: Number, right: float, tolerance: float) -> str:
    """Return what helps where a number is right and its digits or its unit are not: other hints would mislead."""
    if near(number, right, 0.1) and _cut(number.value, right):
        return f"this is close. Is it rounded? {'Give more digits.' if tolerance else 'The exact number is asked for.'}"
    return MILLIONS if right >= 1e6 and near(number, right / 1e6, TWO_DIGITS) else ""


def _cut(value: float, right: float) -> bool:
    """Say whether a number is another one to two digits or more, rounded to a whole one or further, or cut off."""
    units = [10**zeros for zeros in range(len(str(int(right))) - 1)]
    return any(value % unit == 0 and abs(value - right) < unit for unit in units)


def expect_order(answers: Sequence[object], right: Sequence[float], order: str, tolerance: float = 0.0) -> None:
    """Say so if both numbers are there, but the other way round."""
    found = [read(answer) for answer in answers]
    if all(one is not None and near(one, other, tolerance) for one, other in zip(found, reversed(right), strict=True)):
        raise CheckFailed(f"Both numbers are there, but swapped: {order}.")


# Functions


class Case(NamedTuple):
    """What a learner's function is tried on."""

    args: tuple
    right: Any
    shown: str
    look: str = ""


def is_function(function: object) -> None:
    if not callable(function):
        raise CheckFailed("Pass the function itself, without calling it: its name, and no brackets behind it.")


def run(function: Callable, args: tuple, shown: str) -> Any:
    """Call a learner's function; whatever goes wrong in it becomes a sentence, and what it prints is printed."""
    said = io.StringIO()
    try:
        with stopping(f"Your function stops{f' for {shown}' if shown else ''} with {{}}"), redirect_stdout(said):
            result = function(*args)
            if inspect.iscoroutine(result):
                result.close()  # or Python warns that nobody waited for it
            if isinstance(result, Iterator):
                result = list(itertools.islice(result, MANY))
    finally:
        print(said.getvalue(), end="")
    if result is None and said.getvalue():
        raise CheckFailed("Your function prints something and returns nothing. End it with return.")
    return result


def call(function: Callable, args: tuple, shown: str) -> Any:
    """Call a learner's function with these very arguments, and want an answer."""
    result = run(function, args, shown)
    _returned(function, result, shown)
    return result


def _returned(function: Callable, result: Any, shown: str) -> None:
    """Want an answer: nothing comes out of a stub, and of what is written without a return."""
    if result is None and written(function):
        raise CheckFailed(f"Your function returns nothing{f' for {shown}' if shown else ''}. End it with return.")
    unfinished(result)


def results_of(function: Callable, cases: Sequence[Case]) -> Iterator[Any]:
    """Call a learner's function for every case, with copies: it may change its arguments, and use them up.

    It has to return something for all of them.
    Results come one by one, so that what is wrong with the first is said before the second is asked for.
    """
    for place, case in enumerate(cases):
        result = run(function, copy.deepcopy(case.args), case.shown)
        if result is None and (place or any(_returns(function, other) for other in cases[1:])):
            raise CheckFailed(f"Your function returns nothing for {case.shown}. Is there a return for every case?")
        _returned(function, result, "")
        yield result


def _returns(function: Callable, case: Case) -> bool:
    try:
        return run(function, copy.deepcopy(case.args), "") is not None
    except (CheckFailed, NotYet):
        return False


def expect_function(
    function: Callable, cases: Sequence[Case], mistakes: Mistakes, look: str = "", tolerance: float = 0.0
) -> list[Any]:
    """Compare a function with the right results, then with the functions that make the typical mistakes.

    Returns what the function gave, as it gave it.
    """
    is_function(function)
    answers, results = [], []
    try:
        for answer in results_of(function, cases):
            answers.append(answer)
            results.append(real("The result", answer))
    except CheckFailed:
        # A mistake that is known by two results or more says more than where the function stops.
        hint = _recognised(results, cases, mistakes, tolerance) if len(results) > 1 else ""
        if hint:
            raise CheckFailed(hint) from None
        raise
    expect_results(results, cases, mistakes, look, tolerance)
    return answers


def _recognised(results: Sequence[Number], cases: Sequence[Case], mistakes: Mistakes, tolerance: float) -> str:
    """Return the hint of the typical mistake that gives these results, or nothing."""
    pairs = list(zip(results, cases, strict=False))
    if all(same(result, case.right, tolerance) for result, case in pairs):
        return ""
    for hint, wrong in mistakes:
        if all(same(result, wrong(*case.args), tolerance) for result, case in pairs):
            return hint
    return ""


def expect_results(
    results: Sequence[Number],
    cases: Sequence[Case],
    mistakes: Mistakes,
    look: str = "",
    tolerance: float = 0.0,
    given: bool = True,
) -> None:
    """Compare what a function gives with the right results, then with what the typical mistakes give."""
    right = [same(result, case.right, tolerance) for result, case in zip(results, cases, strict=True)]
    if all(right):
        return
    if hint := _recognised(results, cases, mistakes, tolerance):
        raise CheckFailed(hint)
    if len(cases) > 1 and len({result.value for result in results}) == 1:
        raise CheckFailed(SAME_FOR_ALL)
    if len(cases) == 1 and (hint := _coarse(results[0], cases[0].right, tolerance)):
        raise CheckFailed(hint[0].upper() + hint[1:])
    for digits in range(1, 6):
        if all(same(result, round(case.right, digits)) for result, case in zip(results, cases, strict=True)):
            raise CheckFailed(TOO_FEW_DIGITS)
    first = right.index(False)
    case, place = cases[first], "the first that is not right" if first else "not right"
    returns = f", where your function returns {amount(results[first].value)}" if given else ""
    raise CheckFailed(f"{case.look or look} For {case.shown} the result is {place}{returns}.".strip())


# Rows


def listed(things: Iterable) -> list:
    """Return what an answer holds as a list that ends."""
    with stopping("Your list stops with {}"):
        return list(itertools.islice(things, MANY))


def is_listed(things: object) -> TypeGuard[Iterable]:
    """Say whether an answer holds several things in an order; an array of no dimensions only looks like it."""
    several = isinstance(things, Iterable) and not isinstance(things, (str, bytes, Mapping))
    return several and getattr(things, "shape", None) != ()


def read_rows(answer: object, width: int, columns: str) -> list[tuple[int | float, ...]]:
    """Return the rows of an answer as tuples of integers."""
    unfinished(answer)
    if not is_listed(answer):
        raise CheckFailed(f"A list of rows {columns} is expected here, and this is a {kind(answer)}.")
    found = []
    for place, row in enumerate(listed(answer)):
        values = listed(row) if is_listed(row) else []
        if len(values) != width:
            raise CheckFailed(f"Row {place} is {shown(row)}; each row has {width} numbers, {columns}.")
        found.append(tuple(whole(real(f"Row {place}", value)) for value in values))
    if not found:
        raise NotYet("the list is still empty")
    return found


def expect_rows(rows: list[tuple], right: list[tuple], mistakes: Mistakes) -> None:
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
    before = f"Up to row {place}, counted from 0, all is right; look at that row" if place else "Look at the first row"
    raise CheckFailed(f"{before}, {shown(rows[place])}, again.")


# Tensors


def expect_chosen(
    answer: object, named: tuple[str, str, str], fine: Mapping[int, str], faulty: Mapping[int, str], empty: str
) -> None:
    """Require a list of the numbers that are faulty, and no others.

    ``named`` says how to ask for the list, what one of its entries is, and what is not there when a number is strange.
    """
    ask, entry, what = named
    if not is_listed(answer):
        raise CheckFailed(ask)
    given = {whole(real(entry, number)) for number in listed(answer)}
    strange = [number for number in given if number not in {**fine, **faulty}]
    if strange:
        raise CheckFailed(f"There is no {what} {shown(strange[0])}.")
    for number, hint in fine.items():
        if number in given:
            raise CheckFailed(hint)
    missing = [hint for number, hint in faulty.items() if number not in given]
    if missing:
        raise CheckFailed(empty if len(missing) == len(faulty) else missing[0])


def is_tensor(result: object, like: Tensor) -> None:
    """Say so if a function does not return a tensor of the shape it is given."""
    if not isinstance(result, Tensor):
        raise CheckFailed(f"Your function should return a tensor; it returns a {kind(result)}.")
    if result.shape != like.shape:
        raise CheckFailed(f"The shape should stay; {tuple(like.shape)} becomes {tuple(result.shape)}.")


def plain(tensor: Tensor) -> Tensor:
    """Return a tensor's numbers in float64."""
    if tensor.is_complex():
        if tensor.imag.any():
            raise CheckFailed("These numbers are complex, and real ones are expected.")
        tensor = tensor.real
    return tensor.detach().double()


def close(mine: Tensor, right: Tensor, relative: float = 1e-4, absolute: float = 1e-4) -> bool:
    """Compare tensors within a tolerance, or what the type of the first allows if that is more."""
    if mine.shape != right.shape:
        return False
    rounding = _precision(mine.dtype)
    return torch.allclose(
        plain(mine), plain(right), max(relative, rounding), max(absolute, rounding * absolute / relative)
    )
