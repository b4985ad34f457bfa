"""Lines of installed source, looked up by what they do: which line of a class sets this, calls that."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple


class Lines(NamedTuple):
    """Lines of one function: their numbers in the file, and their text; a call over many lines is one of them."""

    file: str
    where: str
    lines: tuple[tuple[int, str], ...]


class Pattern(NamedTuple):
    """What a line is looked up by, and how an error calls that."""

    words: str
    matches: Callable[[ast.AST], bool]


def moved(library: str, what: str) -> LookupError:
    """Return the error for a name that a library no longer has."""
    package = import_module(library)
    return LookupError(
        f"{library} {package.__version__} has no {what} any more, which the explorable Rosetta looks up by that name: "
        f"see what {library} calls it now, and change it in mobilenet_lib/explorables/rosetta_parts.py, or in the "
        f"function of rosetta_found.py that reads {library}"
    )


class Source:
    """A class of an installed package, or a module, whose lines are looked up by name.

    Examples
    --------
    >>> from mobilenet_lib import blocks
    >>> found, = Source("mobilenet_lib", blocks.DepthwiseSeparableConv).find("forward", calls_own("pointwise"))
    >>> found.where, found.lines[0][1]
    ('DepthwiseSeparableConv.forward', 'return self.pointwise(self.depthwise(x))')
    """

    def __init__(self, library: str, owner: object):
        self.library, self.owner = library, owner

    def find(self, method: str, wanted: Pattern, whole: bool = True) -> list[Lines]:
        """Return the lines of a method that hold what is wanted: whole statements, or the expression's lines alone."""
        function = inspect.unwrap(getattr(self.owner, method))
        source, start, tree = _read(function)
        found = _matches(tree, wanted, whole)
        spans = sorted({(node.lineno, node.end_lineno or node.lineno, isinstance(node, ast.If)) for node in found})
        if not spans:
            raise moved(self.library, f"{wanted.words} in {function.__qualname__}")
        lines = []
        for first, last, compound in spans:
            piece = dedent("".join(source[first - 1 : last])).rstrip().split("\n")
            if not compound:  # a call over many lines is shown in one
                piece = [" ".join(text.strip() for text in piece).replace("( ", "(").replace(", )", ")")]
            lines += [(start + first - 1 + i, text.rstrip()) for i, text in enumerate(piece)]
        parts = Path(inspect.getfile(function)).parts
        package = self.library if self.library in parts else function.__module__.split(".")[0]
        place = len(parts) - parts[::-1].index(package) - 1
        return [Lines("/".join(parts[place:]), function.__qualname__, tuple(lines))]

    def own_calls(self, method: str) -> list[str]:
        """Return the names of all `self.name(...)` in a method, in order."""
        _, _, tree = _read(inspect.unwrap(getattr(self.owner, method)))
        found = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        own = [node for node in found if isinstance(node, ast.Attribute) and _is_own(node, node.attr)]
        return list(dict.fromkeys(node.attr for node in sorted(own, key=lambda node: (node.lineno, node.col_offset))))


def merged(groups: Iterable[list[Lines]]) -> list[Lines]:
    """Put lines of one function together."""
    found: dict[tuple[str, str], set] = {}
    for lines in (own for group in groups for own in group):
        found.setdefault((lines.file, lines.where), set()).update(lines.lines)
    return [Lines(file, where, tuple(sorted(lines))) for (file, where), lines in found.items()]


@cache
def _read(function: Callable) -> tuple[list[str], int, ast.Module]:
    """Return a function's lines, the number of the first, and their syntax: a dozen parts are looked up in each."""
    source, start = inspect.getsourcelines(function)
    return source, start, ast.parse(dedent("".join(source)))


def _matches(tree: ast.AST, wanted: Pattern, whole: bool) -> Iterator[ast.stmt | ast.expr]:
    """Yield what is wanted, or the smallest statement around it."""
    for statement in ast.walk(tree):
        if not isinstance(statement, ast.stmt) or isinstance(statement, ast.FunctionDef):
            continue
        for node in _without_inner_statements(statement):
            if isinstance(node, ast.stmt | ast.expr) and wanted.matches(node):
                yield statement if whole else node


def _without_inner_statements(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.stmt):
            yield from _without_inner_statements(child)


# Patterns.


def _is_own(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == name and getattr(node.value, "id", "") == "self"


def sets(name: str) -> Pattern:
    """Match ``self.name = ...``, or ``name = ...``."""
    return Pattern(
        f"self.{name} = ...",
        lambda node: (
            isinstance(node, ast.Assign)
            and any(_is_own(target, name) or getattr(target, "id", "") == name for target in node.targets)
        ),
    )


def calls_own(name: str) -> Pattern:
    """Match ``self.name(...)``."""
    return Pattern(f"self.{name}(...)", lambda node: isinstance(node, ast.Call) and _is_own(node.func, name))


def asks(name: str) -> Pattern:
    """Match ``if self.name``, as a statement with all that depends on it, or within an expression."""
    return Pattern(f"if self.{name}", lambda node: isinstance(node, ast.If | ast.IfExp) and _is_own(node.test, name))


def calls(name: str, keyword: str | None = None, has: bool = True) -> Pattern:
    """Match ``name(...)`` or ``module.name(...)``; with or without a certain keyword."""

    def matches(node: ast.AST) -> bool:
        if not isinstance(node, ast.Call) or name != getattr(node.func, "id", getattr(node.func, "attr", None)):
            return False
        return keyword is None or has == any(own.arg == keyword for own in node.keywords)

    kind = "" if keyword is None else f" {'with' if has else 'without'} {keyword}"
    return Pattern(f"{name}(...){kind}", matches)
