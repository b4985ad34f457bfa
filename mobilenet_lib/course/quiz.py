"""Quizzes: a few questions that answer back, in a notebook, in a built page with no kernel, and on paper.

A chapter's cell is ``quiz.chapter("standard_convolution")``. Its questions are a Markdown file,
``mobilenet_lib/data/quizzes/standard_convolution.md``::

    # Quiz: standard convolution

    ## How many multiplications does one output value take?

    - [ ] 9
      > Nine is the patch of one map. But a filter is as deep as its input.
    - [x] 576
      > The filter lies on a 3×3 patch of all 64 maps.

A box with an x is a right answer; the quoted lines say why an answer is right or what makes it tempting. Text may hold
`code` in backticks, **bold**, and any Unicode, but no LaTeX.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import anywidget
import traitlets

from .._validation import one_of, several, string
from . import palette

HERE = Path(__file__).parent
LETTERS = "abcdefgh"
INLINE = re.compile(r"(`[^`]+`|\*\*.+?\*\*)")  # as INLINE in quiz.js


class Quiz(anywidget.AnyWidget):
    """Questions with one right answer or more each, and an explanation for whichever answer the reader chooses.

    Parameters
    ----------
    questions : sequence of dict
        Each ``{"question": text, "choices": [{"text": ..., "right": bool, "because": ...}, ...]}``. Text may hold
        `code` in backticks and **bold**.
    title : str, default="Quiz"
        What stands above the questions.

    Raises
    ------
    ValueError
        If there is no question, a question has fewer than two choices or more than eight, no choice is right or all
        are, two texts are the same, a text or an explanation is missing, or a text holds LaTeX or an unfinished mark.
    TypeError
        If a question or a choice is not a dict with these keys, or right is not a bool.

    Examples
    --------
    >>> yes = {"text": "yes", "right": True, "because": "BatchNorm subtracts it again."}
    >>> no = {"text": "no", "right": False, "because": "It looks needed, until BatchNorm takes the mean away."}
    >>> Quiz([{"question": "Is the bias before a BatchNorm useless?", "choices": [yes, no]}])
    Quiz('Quiz', 1 question)
    >>> Quiz([{"question": "Is the bias before a BatchNorm useless?", "choices": [no, {**no, "text": "never"}]}])
    Traceback (most recent call last):
        ...
    ValueError: question 1 has no right choice; set "right" to True for one of them
    """

    _esm = (HERE / "quiz.js").read_text(encoding="utf8")
    # The frame, the buttons and the neutral colours are those of the explorables.
    _css = (
        palette.css()
        + (HERE.parent / "explorables" / "kit.css").read_text(encoding="utf8")
        + (HERE / "quiz.css").read_text(encoding="utf8")
    )

    title = traitlets.Unicode().tag(sync=True)
    questions = traitlets.List().tag(sync=True)

    def __init__(self, questions: Iterable[Mapping[str, object]], title: str = "Quiz"):
        string(title=title)
        super().__init__(questions=_validated(questions), title=title)

    def to_html(self) -> str:
        """Return the quiz as text, for where there is no JavaScript: the answers are in ``<details>``."""
        items = "\n".join(_question_html(question) for question in self.questions)
        title = f"<p><strong>{_html(self.title)}</strong></p>"
        return f'<div class="mn mn-quiz mn-quiz-text">\n{title}\n<ol>\n{items}\n</ol>\n</div>'

    def __repr__(self) -> str:
        count = len(self.questions)
        return f"{type(self).__name__}({self.title!r}, {count} question{'s' * (count != 1)})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/html": self.to_html()}, metadata


def chapter(name: str) -> Quiz:
    """Return the quiz of a chapter.

    Parameters
    ----------
    name : str
        The chapter's file without number and ending; one of :func:`names`.

    Returns
    -------
    Quiz
        Ends a cell.

    Raises
    ------
    ValueError
        If there is no such quiz; the message lists what there is.

    Examples
    --------
    >>> chapter("standard_convolution")
    Quiz('Quiz: standard convolution', 3 questions)
    """
    one_of("name", name, names())
    text = files("mobilenet_lib").joinpath("data", "quizzes", f"{name}.md").read_text(encoding="utf-8")
    title, questions = read(text)
    return Quiz(questions, title)


def names() -> list[str]:
    """Return the chapters that have a quiz.

    Examples
    --------
    >>> "counting" in names()
    True
    """
    folder = files("mobilenet_lib").joinpath("data", "quizzes")
    return sorted(path.name.removesuffix(".md") for path in folder.iterdir() if path.name.endswith(".md"))


def read(markdown: str) -> tuple[str, list[dict]]:
    r"""Read a quiz from its Markdown form.

    Parameters
    ----------
    markdown : str
        ``#`` title, ``##`` question, ``- [ ]`` or ``- [x]`` choice, ``>`` explanation. Any other line goes on with
        what stands above it.

    Returns
    -------
    title : str
    questions : list of dict
        As :class:`Quiz` takes them.

    Raises
    ------
    ValueError
        If a line stands where it cannot belong to anything; the message has its number.

    Examples
    --------
    >>> read("# T\n## Q?\n- [x] yes\n  > It is.\n- [ ] no\n  > It is\n  > not.")[1][0]["choices"][1]
    {'text': 'no', 'right': False, 'because': 'It is not.'}
    """
    title, questions = "", []
    place, key = None, ""  # where the next line of plain text goes on
    for number, line in enumerate(markdown.splitlines(), start=1):
        text = line.strip()
        choice = re.match(r"- \[([ xX])\] ?(.*)", text)
        if not text:
            continue
        if text.startswith("# "):
            title, place = text[2:].strip(), None
            continue
        if text.startswith("## "):
            questions.append({"question": "", "choices": []})
            place, key, text = questions[-1], "question", text[3:]
        elif choice and questions:
            questions[-1]["choices"].append({"text": "", "right": choice[1] != " ", "because": ""})
            place, key, text = questions[-1]["choices"][-1], "text", choice[2]
        elif text.startswith(">") and questions and questions[-1]["choices"]:
            place, key, text = questions[-1]["choices"][-1], "because", text[1:]
        if place is None:
            raise ValueError(f"line {number} belongs to no question: {text!r}; questions begin with ##, choices - [ ]")
        place[key] = f"{place[key]} {text.strip()}".strip()
    return title, questions


def _validated(questions: Iterable[Mapping[str, object]]) -> list[dict]:
    """Return the questions as plain lists and dicts, or say what is wrong with which of them."""
    listed = several("questions", questions, "several questions", "[question]")
    for i, question in enumerate(listed, start=1):
        if not isinstance(question, Mapping):
            raise TypeError(
                f"questions: question {i} must be a dict with the keys question, choices, got {question!r}; "
                "quiz.read(...) returns such"
            )
    found = [_question(f"question {i}", cast("Mapping", question)) for i, question in enumerate(listed, start=1)]
    if not found:
        raise ValueError("questions must hold at least one question, got none; quiz.read(...) returns some")
    _different("questions", [question["question"] for question in found])
    return found


def _question(where: str, question: Mapping[str, Any]) -> dict:
    _keys(where, question, ("question", "choices"))
    choices = [
        _choice(f"choice {LETTERS[i] if i < len(LETTERS) else i + 1} of {where}", choice)
        for i, choice in enumerate(question["choices"])
    ]
    if not 2 <= len(choices) <= len(LETTERS):
        raise ValueError(f"{where} has {len(choices)} choices; give it 2 to {len(LETTERS)}")
    if not any(choice["right"] for choice in choices):
        raise ValueError(f'{where} has no right choice; set "right" to True for one of them')
    if all(choice["right"] for choice in choices):
        raise ValueError(f"every choice of {where} is right; add one that tempts")
    _different(f"choices of {where}", [choice["text"] for choice in choices])
    return {"question": _text(f"the question of {where}", question["question"]), "choices": choices}


def _choice(where: str, choice: Mapping[str, object]) -> dict:
    _keys(where, choice, ("text", "right", "because"))
    if not isinstance(choice["right"], bool):
        raise TypeError(f'"right" of {where} must be True or False, got {choice["right"]!r}')
    return {
        "text": _text(f'"text" of {where}', choice["text"]),
        "right": choice["right"],
        "because": _text(f'"because" of {where}', choice["because"]),
    }


def _keys(where: str, given: Mapping[str, object], keys: tuple[str, ...]) -> None:
    if not isinstance(given, Mapping):
        raise TypeError(f"{where} must be a dict with the keys {', '.join(keys)}, got {given!r}")
    for key in keys:
        if key not in given:
            raise ValueError(f'{where} has no "{key}"; it needs {", ".join(keys)}')
    for key in given:
        if key not in keys:
            raise ValueError(f'{where} has an unknown key "{key}"; it takes {", ".join(keys)}')


def _text(where: str, text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{where} must be text, got {text!r}")
    text = " ".join(text.split())
    if not text:
        raise ValueError(f"{where} is empty; every choice needs a text and a reason, every question a text")
    if re.search(r"\$|\\[(\[a-zA-Z]", INLINE.sub("", text)):
        raise ValueError(
            f"{where} holds LaTeX, which a quiz does not set: {text!r}; write it in Unicode: D², 1/N, ·, ×"
        )
    for mark in ("`", "**"):
        if mark in INLINE.sub("", text):
            raise ValueError(f"{where} has a {mark} without its partner: {text!r}")
    if "*" in INLINE.sub("", text):
        raise ValueError(f"{where} has a single *, which a quiz shows as it is: {text!r}; write **bold**")
    return text


def _different(what: str, texts: list[str]) -> None:
    for text in texts:
        if texts.count(text) > 1:
            raise ValueError(f"two {what} read {text!r}; make them differ")


def inline(text: str) -> list[list[str]]:
    """Take a text apart into ["text" or "code" or "strong", words]; as `inline` in quiz.js.

    Examples
    --------
    >>> inline("`groups=M` is **depthwise**")
    [['code', 'groups=M'], ['text', ' is '], ['strong', 'depthwise']]
    """
    parts = []
    for part in INLINE.split(text):
        if INLINE.fullmatch(part):
            parts.append(["code", part[1:-1]] if part[0] == "`" else ["strong", part[2:-2]])
        elif part:
            parts.append(["text", part])
    return parts


def _html(text: str) -> str:
    return "".join(
        escape(words) if kind == "text" else f"<{kind}>{escape(words)}</{kind}>" for kind, words in inline(text)
    )


def _question_html(question: dict) -> str:
    choices = "".join(f"<li>{_html(choice['text'])}</li>" for choice in question["choices"])
    answers = "".join(
        f"<li><strong>{'Right.' if choice['right'] else 'Not quite.'}</strong> {_html(choice['because'])}</li>"
        for choice in question["choices"]
    )
    return (
        f'<li><p>{_html(question["question"])}</p>\n<ol type="a">{choices}</ol>\n'
        f'<details><summary>The answer, and why</summary><ol type="a">{answers}</ol></details></li>'
    )
