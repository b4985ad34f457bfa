"""How a check ends: right, look again, not yet, or cannot check; each is one sentence."""

from __future__ import annotations

import functools
from collections.abc import Callable

from . import CheckFailed

OUTLINED = "write the code in place of NotImplementedError and run this cell again"


class NotYet(Exception):
    """There is no answer to check yet."""


def exercise(check: Callable[..., None]) -> Callable[..., None]:
    """Let a check say "not yet" instead of failing, and fail without the chain of errors that led there."""

    @functools.wraps(check)
    def run(*answers: object, **named: object) -> None:
        try:
            for answer in (*answers, *named.values()):
                unfinished(answer)
            check(*answers, **named)
        except NotYet as why:
            print(f"not yet: {why}")
        except CheckFailed as failed:
            raise failed from None

    return run


def unfinished(answer: object) -> None:
    if answer is None or answer is ... or answer is NotImplemented:
        raise NotYet("put your answer in place of the ... and run this cell again")


def praise(praise: str) -> None:
    print(f"right: {praise}")


def sentence(error: BaseException) -> str:
    """Return an error as the end of a sentence: its first line, in one piece."""
    text = str(error).strip().split("\n")[0].rstrip(".")
    return f"{type(error).__name__}{f': {text}' if text else ''}."


def joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)
