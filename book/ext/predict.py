"""Boxes that ask for a prediction, and what the page says once the result is there.

An author writes the question, how it is answered, and which of the chapter's own results is right::

    :::{predict} MACs of one layer
    :choices: 2 million / 20 million / 200 million
    :answer: layer_macs
    A 3×3 convolution turns 64 feature maps into 128. How many multiplications does it do?
    :::

The answer is a value that a cell has glued, times or by a plain number where the units differ (``share * 100``). With
``:number: %`` a number is typed, with ``:axis: 1 10 100 1000; times`` a point is set on an axis. A second and a third
question have ``-2`` and ``-3`` behind each option and their own words in ``:ask-2:``. The result stands above the first
text that glues the answer, or where ``:shown: CELL`` says: above that text, below that code.

``book/static/answers.js`` does the rest. `answers.py` has the exercises.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterable
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.utils.smartquotes import smartyPants
from fields import later
from myst_nb.core.variables import RetrievalError
from myst_nb.ext.glue.utils import retrieve_glue_data
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from mobilenet_lib.course.predictions import is_geometric, number_in, pack, say, told

TITLE = "Predict first"
KINDS = ("choices", "number", "axis")
OPTIONS = ("ask", *KINDS, "answer", "shown", "unit")
BELOW = "*Run the next cell, and answer there.*"  # in a notebook
ENDS = ("", "-2", "-3")  # of the options of a box's first, second and third question
STEPS = 200  # of a slider, from end to end
BOX = re.compile(r"^:::\{predict\} *([^\n]+)$", re.MULTILINE)
WHOLE = re.compile(rf"{BOX.pattern}.*?^:::$", re.MULTILINE | re.DOTALL)
ANSWER = re.compile(r"([\w.-]+?)(?:\s*([*/])\s*([\d.]+(?:e\d+)?))?")


class Ask(NamedTuple):
    """One question of a box.

    Attributes
    ----------
    key : str
        Its name on the page.
    title : str
        What the picture at the chapter's end calls it.
    words : str
        The question, where the box has several.
    kind : str
        How it is answered, one of `KINDS`.
    choices : list of str
        What may be chosen.
    values : list of float
        The choices' numbers where each has one, or an axis's ticks.
    unit : str
        What stands behind a number.
    right : str or float
        The answer: the text of a choice, or a number.
    says : str
        The answer as the page says it.
    glued : str
        Where the answer comes from, as the option has it.
    shown : str
        The cell that gives the result, or "".
    """

    key: str
    title: str
    words: str
    kind: str
    choices: list[str]
    values: list[float]
    unit: str
    right: Any
    says: str
    glued: str
    shown: str


# What an option says


def plain(text: str) -> Any:
    """Return the value that a glued text stands for.

    >>> plain("'8.5'"), plain("np.float64(0.25)"), plain("True"), plain("'blurs'"), plain("'93 % (88 to 98)'")
    (8.5, 0.25, True, 'blurs', 93.0)
    """
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        match = re.search(r"\((-?[\d.]+(?:e[-+]?\d+)?)", text)
        return float(match[1]) if match else text
    if isinstance(value, str):
        bare = re.fullmatch(r"\s*(-?[\d,]*\.?\d+)\s*%?\s*(?:\(.*)?", value)
        return float(bare[1].replace(",", "")) if bare else value
    return value


def nearest(value: float, choices: list[str], numbers: list[float]) -> str:
    """Return the choice whose number is nearest; "more than" and "less than" mean what they say.

    >>> nearest(8.9, ["about 2", "about 9", "about 50"], [2, 9, 50])
    'about 9'
    >>> nearest(16, ["4.5 %", "more than 10 %", "50 %"], [4.5, 10, 50])
    'more than 10 %'
    """
    for choice, number in zip(choices, numbers, strict=True):
        if re.match(r"(?:less than|below|under)\b", choice) and value < number:
            return choice
        if choice == choices[-1] and re.match(r"(?:more than|over|above)\b", choice) and value > number:
            return choice

    def far(number: float) -> float:
        return abs(math.log(number / value)) if value > 0 and min(numbers) > 0 else abs(number - value)

    return min(zip(choices, numbers, strict=True), key=lambda pair: far(pair[1]))[0]


def chosen(value: Any, choices: list[str]) -> str:
    """Return which choice a result makes right.

    >>> chosen(True, ["yes", "no"]), chosen("edges", ["mostly blurs", "mostly edges"]), chosen(72, ["64", "72"])
    ('yes', 'mostly edges', '72')
    """
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if isinstance(value, str):
        same = [choice for choice in choices if choice.casefold() == value.casefold()]
        fits = same or [choice for choice in choices if re.search(rf"\b{re.escape(value)}\b", choice, re.IGNORECASE)]
        if len(fits) == 1:
            return fits[0]
        raise ValueError(f"the answer {value!r} must be in one of the choices {choices}; glue the words of one")
    numbers = [number_in(choice) for choice in choices]
    if None in numbers:
        raise ValueError(f"the answer is {value}, and of {choices} not each has a number; give it one, or glue words")
    return nearest(float(value), choices, [number for number in numbers if number is not None])


def axis(text: str) -> tuple[list[float], str]:
    """Return an axis's ticks and its unit.

    >>> axis("1 10 100; times")
    ([1.0, 10.0, 100.0], 'times')
    """
    ticks, _, unit = text.partition(";")
    values = [float(tick) for tick in ticks.split()]
    if len(values) < 3 or not (is_even(values) or is_geometric(values)):
        raise ValueError(f"an axis needs three ticks or more at even steps or at even factors, got {ticks.strip()!r}")
    return values, unit.strip()


def is_even(values: list[float]) -> bool:
    return all(math.isclose(b - a, values[1] - values[0], abs_tol=1e-9) for a, b in pairwise(values))


# The directive


class prediction(nodes.admonition):  # noqa: N801 -- docutils' own way
    """A box that asks; `asks` are its questions."""


class Predict(SphinxDirective):
    """A box that asks for a prediction."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = {name: directives.unchanged for option in OPTIONS for name in (option + end for end in ENDS)}

    def run(self) -> list[nodes.Node]:
        title = self.arguments[0].strip()
        try:
            asks = self.asks(title)
        except ValueError as error:
            raise self.error(f"{{predict}} {title}: {error}") from None
        box = prediction("", nodes.title("", TITLE), classes=["important", "predict"])
        box["asks"] = [ask._asdict() for ask in asks]
        box["vote"] = vote(asks)
        self.set_source_info(box)
        self.state.nested_parse(self.content, self.content_offset, box)
        box += [nodes.raw("", ask_html(ask), format="html") for ask in asks]
        return [box]

    def asks(self, title: str) -> list[Ask]:
        given = [
            {option: self.options[option + end] for option in OPTIONS if option + end in self.options} for end in ENDS
        ]
        return [self.ask(title if i == 0 else f"{title} {i + 1}", title, one) for i, one in enumerate(given) if one]

    def ask(self, name: str, title: str, given: dict[str, str]) -> Ask:
        kinds = [kind for kind in KINDS if kind in given]
        if len(kinds) != 1:
            raise ValueError(f"a question has one of {', '.join(KINDS)}, got {kinds or 'none'}")
        kind = kinds[0]
        if "answer" not in given:
            raise ValueError("a question has an :answer:, the name of a value that a cell glues")
        choices, values, unit = [], [], given.get("unit", "")
        if kind == "choices":
            choices = [choice.strip() for choice in given[kind].split(" / ")]
            if len(choices) < 2 or len(set(choices)) < len(choices):
                raise ValueError(f"choices must be two or more, with ' / ' between them, got {given[kind]!r}")
            values = [number for choice in choices if (number := number_in(choice)) is not None]
            values = values if len(values) == len(choices) else []
            unit = unit or "%" * any("%" in choice for choice in choices)
        elif kind == "axis":
            values, unit = axis(given[kind])
        elif kind == "number":
            unit = given[kind]
        right, says = self.right(kind, given, choices, unit)
        title = f"{title.rstrip('?')}: {given['ask'].rstrip('?')}" if "ask" in given else title
        return Ask(slug(name), title, given.get("ask", ""), kind, choices, values, unit, right, says,
                   given["answer"], given.get("shown", ""))  # fmt: skip

    def right(self, kind: str, given: dict[str, str], choices: list[str], unit: str) -> tuple[Any, str]:
        match = ANSWER.fullmatch(given["answer"])
        if match is None:
            raise ValueError(f"answer must be a glued name, as in key or key * 100, got {given['answer']!r}")
        value = plain(self.glued(match[1]))
        if match[2]:
            value = value * float(match[3]) if match[2] == "*" else value / float(match[3])
        number = None if isinstance(value, bool | str) else float(value)
        if kind == "choices":
            choice = chosen(value, choices)
            return choice, choice if number is None else f"{say(number)} {unit}".strip()
        if number is None:
            raise ValueError(f"the answer must be a number, and {match[1]} is {value!r}")
        return number, f"{say(number)} {unit}".strip()

    def glued(self, key: str) -> str:
        try:
            return str(retrieve_glue_data(self.state.document, key).data["text/plain"])
        except RetrievalError:
            raise ValueError(f"no cell that ran has glued {key!r}") from None


def slug(title: str) -> str:
    """Return a name for a place on the page.

    >>> slug("MACs of one layer 2")
    'macs-of-one-layer-2'
    """
    return nodes.make_id(title)


def letter(i: int) -> str:
    return "abcdefgh"[i]


def ended(words: str, mark: str) -> str:
    """Return a question with a mark at its end, if it has none.

    >>> ended("More MACs", ":"), ended("Which one?", ":"), ended("", ":")
    ('More MACs:', 'Which one?', '')
    """
    return words + mark if words and words[-1] not in ".:?!" else words


def vote(asks: list[Ask]) -> str:
    """Return what the person in front of a class does with a box."""
    parts = []
    for ask in asks:
        way = "Ask for the lowest and the highest number."
        if ask.kind == "choices":
            way = f"Vote by hand: {', '.join(f'{letter(i)} {choice}' for i, choice in enumerate(ask.choices))}."
        parts.append(f"{ended(ask.words, '.')} {way} {told(ask.says)}.".strip())
    return f"{' '.join(parts)} The numbers stay on the board."


def to_write(options: dict[str, str]) -> str:
    """Return, for a notebook, how a box is answered: the choices, and where.

    >>> print(to_write({"choices": "2 / 9", "ask-2": "More MACs", "choices-2": "yes / no", "number-3": "of 63"}))
    a) 2, b) 9
    <BLANKLINE>
    More MACs: a) yes, b) no
    <BLANKLINE>
    (of 63)
    <BLANKLINE>
    *Run the next cell, and answer there.*
    >>> to_write({"ask": "How much?", "number": "times longer"}).splitlines()[0]
    'How much? (times longer)'
    """
    lines = []
    for end in ENDS:
        given = {option: options[option + end] for option in OPTIONS if option + end in options}
        if not given:
            continue
        unit = given.get("number") or given.get("axis", "").partition(";")[2].strip()
        by_itself = unit.startswith(("of ", "times"))  # "in times longer" is no English
        words, ways = given.get("ask", ""), f"({'' if by_itself else 'in '}{unit})" if unit else ""
        if "choices" in given:
            words = ended(words, ":")
            ways = ", ".join(f"{letter(i)}) {choice}" for i, choice in enumerate(given["choices"].split(" / ")))
        lines.append(f"{words} {ways}".strip())
    return "\n\n".join([*filter(None, lines), BELOW])


def program(asks: Iterable[dict]) -> str:
    """Return the cell of a notebook that asks what a page asks with its script.

    >>> print(program([Ask("c", "Cost", "", "choices", ["2", "9"], [], "", "9", "8.9", "macs", "")._asdict()]))
    # @title Your prediction
    from mobilenet_lib import predictions
    <BLANKLINE>
    predictions.ask(
        predictions.Choice('Cost', ['2', '9'], result='eNqLVrJU0lFQstCzVIoFAA9aAmU='),
    )
    """
    calls = "".join(f"    predictions.{call(Ask(**ask))},\n" for ask in asks)
    return f"# @title Your prediction\nfrom mobilenet_lib import predictions\n\npredictions.ask(\n{calls})"


def call(ask: Ask) -> str:
    kind = {"choices": "Choice", "number": "Number", "axis": "Axis"}[ask.kind]
    given = [repr(ask.words or ask.title)]
    given += [repr(ask.choices)] if ask.kind == "choices" else [repr(ask.values)] if ask.kind == "axis" else []
    given += [f"unit={ask.unit!r}"] if ask.unit else []
    return f"{kind}({', '.join(given)}, result={pack(ask.right, ask.says)!r})"


# HTML


def ask_html(ask: Ask) -> str:
    """Return how a question is answered; without a script it is a list of choices, or a line to write on."""
    asked = escape(smartyPants(ask.words, "q"))  # as Sphinx writes quotes and apostrophes around it
    name = asked or "Your prediction"
    words = f'<p class="pr-words">{asked}</p>' if asked else ""
    unit = f' <span class="pr-unit">{escape(ask.unit)}</span>' if ask.unit else ""
    keep = '<button type="button" class="pr-keep">Keep</button>'
    if ask.kind == "choices":
        body = "".join(
            f'<button type="button" aria-pressed="false">{escape(choice)}</button>' for choice in ask.choices
        )
    elif ask.kind == "axis":
        ticks = "".join(f"<span>{escape(say(value))}</span>" for value in ask.values)
        ends = json.dumps([ask.values[0], ask.values[-1]])
        low, high = ask.values[0], ask.values[-1]
        scale = "log" if is_geometric(ask.values) else "linear"
        middle = float(f"{math.sqrt(low * high) if scale == 'log' else (low + high) / 2:.2g}")
        body = (
            f'<span class="pr-axis"><input type="range" min="0" max="{STEPS}" value="{STEPS // 2}" aria-label="{name}" '
            f'data-ends="{ends}" data-scale="{scale}"><span class="pr-ticks" aria-hidden="true">{ticks}</span></span>'
            f'<output aria-hidden="true">{escape(say(middle))}</output>{unit} {keep}'
        )
    else:
        typed = f'<input type="text" inputmode="decimal" autocomplete="off" aria-label="{name}">'
        body = f"{later(typed)}{unit} {keep}"
    blank = "" if ask.kind == "choices" else f'<p class="pr-blank" aria-hidden="true">Your prediction:{unit}</p>'
    return (
        f'<div class="pr-ask" role="group" aria-label="{name}" data-kind="{ask.kind}" data-key="{ask.key}">{words}'
        f'<div class="pr-row">{body}</div>{blank}<p class="pr-said" role="status"></p></div>'
    )


def result_html(ask: Ask) -> str:
    """Return where the result stands; the script fills it when there is a prediction."""
    right = ask.right if isinstance(ask.right, str) else repr(ask.right)
    data = {**{name: getattr(ask, name) for name in ("key", "title", "kind", "says", "unit")}, "right": right}
    attributes = "".join(f' data-{name}="{escape(str(value))}"' for name, value in data.items() if value != "")
    return f"<pr-result{attributes}></pr-result>"


# Where results stand


def place_results(app, doctree: nodes.document) -> None:
    """Put each result where the text gives it, and the picture of all of them at the chapter's end."""
    boxes = list(doctree.findall(prediction))
    if not boxes:
        return
    page = app.env.docname
    app.env.metadata[page]["predictions"] = {box["asks"][0]["key"]: box["asks"] for box in boxes}  # for the notebooks
    cells = json.loads(Path(app.env.doc2path(page)).read_text(encoding="utf8"))["cells"]
    marks = {node["cell"]: node for node in doctree.findall(nodes.comment) if "cell" in node}
    outputs = {
        node["cell_index"]: node
        for node in doctree.findall(nodes.container)
        if node.get("nb_element") == "cell_code"
    }  # fmt: skip
    seen: set[str] = set()
    for box in boxes:
        for ask in (Ask(**each) for each in box["asks"]):
            if ask.key in seen:
                raise ExtensionError(f"{page}: two predictions are called {ask.title!r}; give one another name")
            seen.add(ask.key)
            index = place(page, cells, ask)
            node = marks.get(index) or outputs.get(index)
            if node is None:
                remedy = "it shows nothing, or has no slide type"
                raise ExtensionError(f"{page}: the prediction {ask.title!r} is shown at {ask.shown!r}, and {remedy}")
            parent, after = node.parent, node.parent.index(node) + 1
            while after < len(parent) and is_result(parent[after]):  # in the order of the questions
                after += 1
            parent.insert(after, nodes.raw("", result_html(ask), format="html", predicted="result"))
    last = next(doctree.findall(nodes.section))
    last += nodes.raw("", '<div class="pr-predictions"></div>', format="html", predicted="all")


def is_result(node: nodes.Node) -> bool:
    """Say whether a node is one that the page's script fills."""
    return isinstance(node, nodes.raw) and "predicted" in node


def place(page: str, cells: list[dict], ask: Ask) -> int:
    """Return which cell gives a result."""
    found = [index for index, cell in enumerate(cells) if ask.shown and cell.get("id") == ask.shown]
    if not found and not ask.shown:
        key = re.split(r"\s*[*/]", ask.glued)[0]
        begin = next((i for i, cell in enumerate(cells) if key in options_of(cell)), 0)
        use = re.compile(rf"\{{glue:text\}}`{re.escape(key)}[:`]")
        found = [i for i, cell in enumerate(cells) if i > begin and key and use.search("".join(cell["source"]))]
    if not found:
        remedy = "say so with :shown:, the id of a cell"
        raise ExtensionError(f"{page}: no cell gives the result of the prediction {ask.title!r}; {remedy}")
    return found[0]


def options_of(cell: dict) -> str:
    """Return what the boxes of a cell say about their answers."""
    text = "".join(cell["source"])
    return " ".join(re.findall(r"^:answer(?:-\d)?: *(.+)$", text, re.MULTILINE)) if "{predict}" in text else ""


def visit(translator, node) -> None:
    translator.visit_admonition(node)


def depart(translator, node) -> None:
    translator.depart_admonition(node)


def setup(app) -> dict:
    """Register the directive and what becomes of it."""
    app.add_node(prediction, html=(visit, depart))
    app.add_directive("predict", Predict)
    app.connect("doctree-read", place_results)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
