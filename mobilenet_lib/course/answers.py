"""The finished code of every blank, so that a class never stalls.

Chapters are written once, complete. A **blank** of the student and live editions is either a cell with the tag
``exercise``, whose finished code stands in the ``solution`` cells that follow it, or a cell with the tag ``live``,
whose answer stands between two lines::

    size = 56
    # --- solution: the MACs of the 3x3 convolution
    cost.conv(144, 144, 3, size).macs
    # --- end

An edition shows ``...  # the MACs of the 3x3 convolution`` instead. The last marker may be left out at the cell's end.
Answers are read from the chapters of a checkout, or from ``data/answers.json``, which the notebooks that bring this
library along have in it, packed, so that nobody reads one by accident.
"""

from __future__ import annotations

import base64
import difflib
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .._validation import flag, positive_int, string

LIBRARY = Path(__file__).parents[1]
CARRIED = LIBRARY / "data" / "answers.json"
CHAPTERS = LIBRARY.parent / "chapters"

BEGIN = re.compile(r"^([ \t]*)# --- solution(?:: *(.*))?$")
END = re.compile(r"^[ \t]*# --- end$")
LABEL = re.compile(r"\{exercise(?:-start)?\}[^\n]*\n(?:[ \t]*:[^\n]*\n)*?[ \t]*:label: *(\S+)")
SOLUTION = re.compile(r"\{solution-start\} *(\S+)")


class Answer(str):
    """Finished code, and what there is to say about it; a notebook shows both, with colours.

    Parameters
    ----------
    code : str
        Python.
    words : str, default=""
        Markdown.

    Examples
    --------
    >>> Answer("1 + 1", "Count.")
    1 + 1
    """

    words: str

    def __new__(cls, code: str, words: str = "") -> Answer:
        """Make text that remembers what is said about it."""
        answer = super().__new__(cls, code)
        answer.words = words
        return answer

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return f"{self.words}\n\n```python\n{self}\n```".lstrip()


def reveal(key: str, next_cell: bool = False) -> Answer | None:
    """Show the finished code of a blank, or put it into a new cell below.

    Parameters
    ----------
    key : str
        The blank's name: chapter and exercise, such as ``"ch3.write"``. Each blank's hint says what it is called;
        :func:`keys` lists them all.
    next_cell : bool, default=False
        Whether to put the code into a new cell, ready to run, instead of showing it. Wants a notebook.

    Returns
    -------
    Answer or None
        The code, which is what a cell shows; None if it went into the next cell.

    Raises
    ------
    ValueError
        If there is no blank of that name; the message lists those of the chapter.
    RuntimeError
        If next_cell is set outside a notebook.
    FileNotFoundError
        If neither a checkout of the book nor a notebook that carries its answers is there to read from.

    Examples
    --------
    >>> reveal("ch6.afford-code")
    size = 56
    standard = cost.conv(144, 144, 3, size).macs
    depthwise = cost.conv(144, 144, 3, size, groups=144).macs
    standard, depthwise, standard / depthwise
    >>> reveal("ch6.aford-code")
    Traceback (most recent call last):
        ...
    ValueError: key must be the name of a blank, got 'ch6.aford-code'; did you mean 'ch6.afford-code'?
    """
    string(key=key)
    flag(next_cell=next_cell)
    answer = _all().get(key)
    if answer is None:
        raise ValueError(f"key must be the name of a blank, got {key!r}; {_suggestion(key)}")
    if not next_cell:
        return answer
    try:
        from IPython import get_ipython
    except ImportError:
        shell = None
    else:
        shell = get_ipython()
    if shell is None:
        raise RuntimeError("next_cell=True wants a notebook, and none is running; leave it out to see the code")
    shell.set_next_input(str(answer))
    return None


def keys(chapter: int | None = None) -> list[str]:
    """Return the names of the blanks that can be revealed.

    Parameters
    ----------
    chapter : int, optional
        Those of one chapter only.

    Returns
    -------
    list of str
        In the order in which they stand in the chapters.

    Examples
    --------
    >>> "ch3.write" in keys(3)
    True
    """
    if chapter is not None:
        (chapter,) = positive_int(chapter=chapter)
    return [key for key in _all() if chapter is None or key.startswith(f"ch{chapter}.")]


class Part(NamedTuple):
    """A cell of a chapter, and which exercise it belongs to.

    Parameters
    ----------
    cell : dict
        As the notebook's file has it.
    exercise : str
        The label of the exercise that the cell poses, tries or solves; "" outside.
    solves : bool
        Whether the cell stands between the exercise's ``solution-start`` and ``solution-end``, those included.

    Examples
    --------
    >>> Part({"cell_type": "code", "source": "1 + 1"}, "ex-sum", True).exercise
    'ex-sum'
    """

    cell: Mapping
    exercise: str
    solves: bool


def parts(cells: Iterable[Mapping]) -> Iterator[Part]:
    r"""Go through a chapter's cells and say to which exercise each of them belongs.

    Parameters
    ----------
    cells : iterable of dict
        A notebook's cells.

    Yields
    ------
    Part

    Examples
    --------
    >>> text = "```{exercise}\n:label: ex-sum\n\nAdd.\n```"
    >>> [part.exercise for part in parts([{"cell_type": "markdown", "source": text}])]
    ['ex-sum']
    """
    exercise, solves = "", False
    for cell in cells:
        text = source(cell)
        ends = False
        if cell["cell_type"] == "markdown":
            if re.match(r"#{1,6} ", text):
                exercise = ""
            if found := LABEL.search(text):
                exercise = found[1]
            if found := SOLUTION.search(text):
                exercise, solves = found[1], True
            ends = "{solution-end}" in text
        yield Part(cell, exercise, solves)
        if ends:
            exercise, solves = "", False


def answers(notebook: Mapping, chapter: int) -> dict[str, str]:
    r"""Return the finished code of each blank of a chapter.

    Parameters
    ----------
    notebook : dict
        A chapter, as its file has it.
    chapter : int
        Its number.

    Returns
    -------
    dict
        Code by key, in the order of the chapter.

    Raises
    ------
    ValueError
        If two blanks have one name.

    Examples
    --------
    >>> cell = {"cell_type": "code", "id": "sum", "metadata": {"tags": ["live"]}, "source": "# --- solution\n1 + 1"}
    >>> answers({"cells": [cell]}, 3)
    {'ch3.sum': '1 + 1'}
    """
    found: dict[str, str] = {}
    live = set()
    for cell, exercise, solves in parts(notebook["cells"]):
        tags = cell["metadata"].get("tags", []) if cell["cell_type"] == "code" else []
        if "live" not in tags and not (solves and "solution" in tags):
            continue
        key = blank_key(chapter, cell["id"] if "live" in tags else exercise)
        if key in (found if "live" in tags else live):
            raise ValueError(f"two blanks are called {key!r}; give one of their cells another id")
        if "live" in tags:
            live.add(key)
            found[key] = finished(source(cell))
        else:
            found[key] = "\n\n".join(filter(None, (found.get(key, ""), source(cell))))
    return found


def blank_key(chapter: int, name: str) -> str:
    """Return what a blank is called.

    Parameters
    ----------
    chapter : int
        The chapter's number.
    name : str
        The exercise's label, or the id of a cell with the tag ``live``.

    Returns
    -------
    str

    Examples
    --------
    >>> blank_key(3, "ex-write")
    'ch3.write'
    """
    return f"ch{chapter}.{name.removeprefix('ex-')}"


def finished(text: str) -> str:
    r"""Return a cell's code without the lines that mark an answer.

    Parameters
    ----------
    text : str
        The source of a cell.

    Returns
    -------
    str

    Examples
    --------
    >>> finished("n = 3\n# --- solution: n squared\nn**2\n# --- end")
    'n = 3\nn**2'
    """
    return "\n".join(line for line in text.split("\n") if not BEGIN.match(line) and not END.match(line))


def blanked(text: str) -> str:
    r"""Return a cell's code with dots in place of each marked answer, and what is asked for beside them.

    Parameters
    ----------
    text : str
        The source of a cell.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If no answer is marked, or an answer begins inside another, or ends before it begins.

    Examples
    --------
    >>> print(blanked("n = 3\n# --- solution: n squared\nn**2\n# --- end\nprint(n)"))
    n = 3
    ...  # n squared
    print(n)
    """
    lines, inside, count = [], False, 0
    for line in text.split("\n"):
        begins = BEGIN.match(line)
        if bool(begins) and inside or END.match(line) and not inside:
            raise ValueError(f"the marker {line.strip()!r} stands at the wrong place; `# --- end` closes an answer")
        if begins:
            inside, count = True, count + 1
            lines.append(f"{begins[1]}...  # {begins[2] or 'your turn'}")
        elif END.match(line):
            inside = False
        elif not inside:
            lines.append(line)
    if not count:
        raise ValueError("no answer is marked; put `# --- solution: what is asked for` above it")
    return "\n".join(lines)


def source(cell: Mapping) -> str:
    r"""Return a cell's text, which a notebook's file has as one string or as a list of lines.

    Parameters
    ----------
    cell : dict
        A cell.

    Returns
    -------
    str

    Examples
    --------
    >>> source({"source": ["a = 1\n", "a"]})
    'a = 1\na'
    """
    text = cell["source"]
    return text if isinstance(text, str) else "".join(text)


@cache
def _all() -> dict[str, Answer]:
    if CARRIED.is_file():
        carried = json.loads(CARRIED.read_text(encoding="utf-8"))
        return {key: Answer(*json.loads(zlib.decompress(base64.b64decode(text)))) for key, text in carried.items()}
    found: dict[str, Answer] = {}
    for path in sorted(CHAPTERS.glob("[0-9]*_*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        code = answers(notebook, int(path.name.split("_")[0]))
        found.update((key, Answer(text)) for key, text in code.items())
    if not found:
        raise FileNotFoundError(
            f"there are no answers in {CARRIED} and no chapters in {CHAPTERS}; open one of the book's student or live "
            "notebooks, which bring them along, or work in a checkout of the book"
        )
    return found


def _suggestion(key: str) -> str:
    if close := difflib.get_close_matches(key, _all(), n=1, cutoff=0.8):
        return f"did you mean {close[0]!r}?"
    chapter = key.split(".")[0] + "."
    names = [name for name in _all() if name.startswith(chapter)] or list(_all())
    return f"there are {', '.join(names)}"
