"""How a check ends, and how what a learner's code does becomes one sentence."""

from __future__ import annotations

import dis
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from . import CannotCheck, CheckFailed
from .lines import in_lines

OUTLINED = "write the code in place of NotImplementedError, then run its cell and the check again"
LONGEST = 200  # letters of an error or of an answer that a hint repeats


class NotYet(Exception):
    """There is no answer to check yet."""


def exercise(check: Callable[..., None]) -> Callable[..., None]:
    """Let a check say "not yet" instead of failing, and fail without the chain of errors that led there.

    What an answer does when it is looked at is its own affair: an object may refuse to be compared or printed. That,
    too, ends in a sentence.
    """

    @functools.wraps(check)
    def run(*answers: object, **named: object) -> None:
        try:
            with stopping("This answer cannot be read: it stops with {}"):
                for answer in (*answers, *named.values()):
                    unfinished(answer)
                check(*answers, **named)
        except NotYet as why:
            print(in_lines(f"not yet: {why}"))
        except CheckFailed as failed:
            raise failed from None

    return run


@contextmanager
def stopping(hint: str) -> Iterator[None]:
    """Turn whatever goes wrong in a learner's code into a hint; its {} becomes the error.

    A learner's code may also exit. Only whoever interrupts a cell is obeyed.
    """
    try:
        yield
    except (CheckFailed, CannotCheck, NotYet, KeyboardInterrupt):
        raise
    except NotImplementedError:
        raise NotYet(OUTLINED) from None
    except BaseException as error:
        raise CheckFailed(hint.replace("{}", sentence(error))) from None


# What a function is compiled to whose body is an ellipsis, a pass or a docstring.
IDLE = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}


def written(function: object) -> bool:
    """Say whether a function does anything, as a stub does not; of what has no code to look at, nobody knows."""
    code = getattr(function, "__code__", None)
    return code is not None and not {step.opname for step in dis.get_instructions(code)} <= IDLE


def unfinished(answer: object) -> None:
    """Stop with "not yet" where the answer is still open."""
    if answer is None or answer is ... or answer is NotImplemented:
        raise NotYet("put your answer in place of the ..., then run its cell and the check again")


def praise(why: str) -> None:
    print(in_lines(f"right: {why}"))


def sentence(error: BaseException) -> str:
    """Return an error as the end of a sentence: its first line, in one piece."""
    try:
        text = str(error)
    except Exception:
        text = ""
    text = _short(text.strip().split("\n")[0].rstrip("."))
    return f"{type(error).__name__}{f': {text}' if text else ''}."


def shown(thing: object) -> str:
    """Return a part of an answer as a hint repeats it: on one line, and not too long."""
    try:
        return _short(repr(thing))
    except Exception:
        return f"a {kind(thing)}"


def kind(thing: object) -> str:
    return type(thing).__name__


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST].rstrip()} ..."


def joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)
