"""A function that is one function after another, with the signature and the help of the first."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
Middle = TypeVar("Middle")
Result = TypeVar("Result")

ORDER = ("Parameters", "Returns", "Raises", "Notes", "References", "Examples")


def composed(
    name: str, last: Callable[[Middle], Result], first: Callable[P, Middle], opening: str, *others: Callable
) -> Callable[P, Result]:
    """Return a function that calls `first`, then `last` on what comes out.

    Parameters
    ----------
    name : str
        Of the new function.
    last, first : callable
        The new function takes what `first` takes and returns what `last` returns.
    opening : str
        Its help is the help of `first`, with these words before it.
    *others : callable
        Whose help has the sections that the help of `first` has not, the nearest first.

    Examples
    --------
    >>> def words(text: str) -> list[str]:
    ...     "The words of a text."
    ...     return text.split()
    >>> count = composed("count", len, words, "Number of")
    >>> count("one two"), count.__name__, inspect.getdoc(count), list(inspect.signature(count).parameters)
    (2, 'count', 'Number of the words of a text.', ['text'])
    """

    @wraps(first)
    def function(*args: P.args, **kwargs: P.kwargs) -> Result:
        return last(first(*args, **kwargs))

    returned = inspect.signature(last).return_annotation
    function.__name__ = function.__qualname__ = name
    function.__annotations__ = {**first.__annotations__, "return": returned}
    function.__dict__["__signature__"] = inspect.signature(first).replace(return_annotation=returned)
    text, found = parts(first)
    found = {**{title: body for one in reversed(others) for title, body in parts(one)[1].items()}, **found}
    below = [f"{title}\n{'-' * len(title)}\n{found[title]}" for title in ORDER if title in found]
    function.__doc__ = "\n\n".join([f"{opening} {text[:1].lower()}{text[1:]}", *below])
    return function


def parts(function: Callable) -> tuple[str, dict[str, str]]:
    """Return what a function's help says before its sections, and these by title."""
    text, *rest = re.split(r"^(\w+)\n-+\n", inspect.getdoc(function) or "", flags=re.MULTILINE)
    text = re.sub(r"\n+Parameters as\s+:func:`\w+`\.", "", text)
    return text.strip(), {title: body.strip() for title, body in zip(rest[::2], rest[1::2], strict=True)}
