"""Exercises that are answered in the page: a number, a list or a word, with the hints of the library's own checks.

A page has no Python. So each check is asked beforehand, with the right answer and with every typical mistake of its
list, and what it says travels with the page. Nothing is written twice, and no answer stands there in clear: the page
knows answers by their hashes, as `judge` in ``book/static/answers_more.js`` reads them. Whatever is asked for a
function or a class wants Python, and the page says which notebook to open.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from fields import later
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx_exercise.nodes import exercise_enumerable_node, exercise_node, solution_node

from mobilenet_lib import checks
from mobilenet_lib.checks import (
    chapter_01,
    chapter_02,
    chapter_03,
    chapter_04,
    chapter_05,
    chapter_06,
    chapter_07,
    chapter_08,
    chapter_09,
    chapter_10,
    chapter_11,
    chapter_12,
    chapter_13,
    chapter_14,
)
from mobilenet_lib.checks.compare import THREE_DIGITS, TWO_DIGITS
from mobilenet_lib.course.answers import parts, source

CHECK = re.compile(r"\bchecks\.(check_\w+)")
BEHIND = "take the <em>Student edition</em>: it is behind the triangle above the page."
WANTS_CODE = f"To write and check your code, {BEHIND}"
WANTS_WORDS = f"To try it in code, and to write down what you find, {BEHIND}"


class Field(NamedTuple):
    """One answer of an exercise.

    Attributes
    ----------
    label : str
        What stands before its box.
    kind : str
        "number", "list", "choice" or "text".
    right : object
        The answer.
    wrong : sequence
        Answers to which the check has something of their own to say; for a list, items that do not belong in it.
        Of a choice, all others.
    other : object
        An answer of which nothing is known, for the hint that fits them all.
    step : float
        The relative width within which a number counts as right, 0 for exactly.
    most : int
        The largest item of a list.
    """

    label: str
    kind: str
    right: Any
    wrong: Sequence = ()
    other: Any = None
    step: float = 0.0
    most: int = 0


class Exercise(NamedTuple):
    """What a check asks for, and how its answers are handed over."""

    check: Callable
    fields: list[Field]
    call: Callable = lambda check, answers: check(*answers)
    look: str = ""


def values(mistakes: Sequence, *arguments: Any) -> list:
    """Return the wrong answers of a list of mistakes, computed where they are functions."""
    return [wrong(*arguments) if callable(wrong) else wrong for _, wrong in mistakes]


def pair(check: Callable, *fields: tuple) -> Exercise:
    return Exercise(check, [Field(label, "number", right, values(wrong), 7) for label, right, wrong in fields])


def rounded(check: Callable, step: float, *fields: tuple) -> Exercise:
    """Return an exercise whose numbers may be rounded; 1e-9 is what nobody answers."""
    return Exercise(check, [Field(label, "number", right, values(wrong), 1e-9, step) for label, right, wrong in fields])


def choice(label: str, right: str, others: Sequence[str]) -> Field:
    return Field(label, "choice", right, [other for other in others if other != right])


@cache
def asked() -> dict[str, Exercise]:
    """Return the exercises that a page can answer, by the name of their check."""
    found = [
        pair(
            checks.check_stem,
            ("Parameters", chapter_01.STEM.params, chapter_01.STEM_PARAMS_MISTAKES),
            ("MACs", chapter_01.STEM.macs, chapter_01.STEM_MACS_MISTAKES),
        ),
        pair(
            checks.check_block_cost,
            ("Depthwise", chapter_03.DEPTHWISE, chapter_03.DEPTHWISE_MISTAKES),
            ("Pointwise", chapter_03.POINTWISE, chapter_03.POINTWISE_MISTAKES),
        ),
        pair(
            checks.check_useless_bias,
            ("V1", chapter_02.USELESS[0], chapter_02.BIAS_MISTAKES[0]),
            ("V2", chapter_02.USELESS[1], chapter_02.BIAS_MISTAKES[1]),
        ),
        Exercise(
            checks.check_extra_layer,
            [Field("Million MACs", "number", chapter_06.EXTRA, values(chapter_06.EXTRA_MISTAKES), 1, step=1e-3)],
        ),
        Exercise(
            checks.check_exact_eighth,
            [Field("N", "number", chapter_03.EIGHTH, [*values(chapter_03.EIGHTH_MISTAKES), 0, 64, 128, 256, 512])],
            look=chapter_03.EIGHTH_MISTAKES[1][0].partition(". ")[2],  # "Solve ... for N."
        ),
        Exercise(
            checks.check_width_for_budget,
            [
                Field(
                    "alpha",
                    "number",
                    chapter_04._widest(300_000_000) / 20,
                    [
                        *(step / 20 for step in range(1, 21) if step != chapter_04._widest(300_000_000)),
                        *(round(chapter_04._in_proportion(300_000_000), digits) for digits in (2, 3, 4)),
                    ],
                    0.333,
                )
            ],
        ),
        pair(checks.check_printed_stride, ("MACs", chapter_04._printed()[1], chapter_04._printed()[2])),
        Exercise(
            checks.check_peak,
            [
                Field(
                    "Bytes at width 0.35 and 96×96",
                    "number",
                    int(chapter_07._peak_cases()[0].right),
                    values(chapter_07.PEAK_MISTAKES, *chapter_07._peak_cases()[0].args),
                )
            ],
            look=chapter_07.PEAK_LOOK,
        ),
        Exercise(
            checks.check_break_even,
            [
                Field(
                    "t for 24 channels",
                    "number",
                    chapter_06._break_even(24, 3),
                    [*values(chapter_06.BREAK_EVEN_MISTAKES, 24, 3), *values(chapter_06.ROUNDED, 24, 3)],
                    step=5e-3,
                )
            ],
            look=chapter_06.BALANCE,
        ),
        Exercise(
            checks.check_script,
            [Field("Lines", "list", list(chapter_13.SCRIPT_MISSING), list(chapter_13.SCRIPT_FINE), [], most=8)],
            lambda check, answers: check(answers[0]),
        ),
        Exercise(
            checks.check_unmergeable,
            [Field("Numbers", "list", list(chapter_14.STAYS_MISSING), list(chapter_14.CAN_BE_MERGED), [], most=6)],
            lambda check, answers: check(answers[0]),
        ),
        rounded(
            checks.check_two_for_one, THREE_DIGITS, ("Percent", chapter_01.TWO_FOR_ONE, chapter_01.TWO_FOR_ONE_MISTAKES)
        ),
        rounded(
            checks.check_padding_zeros,
            TWO_DIGITS,
            ("112×112, %", chapter_01.ZEROS[0], chapter_01.ZEROS_MISTAKES[0]),
            ("7×7, %", chapter_01.ZEROS[1], chapter_01.ZEROS_MISTAKES[1]),
        ),
        Exercise(
            checks.check_five_tools,
            [choice(f"{number:,}", tool, list(chapter_02.TOOLS)) for number, tool in chapter_02.PRINTED],
            lambda check, answers: check({n: tool for (n, _), tool in zip(chapter_02.PRINTED, answers, strict=True)}),
        ),
        Exercise(
            checks.check_training_mode,
            [Field("For each value", "number", chapter_02.TRAINING_NORM, values(chapter_02.TRAINING_MISTAKES), 1e-9)],
        ),
        Exercise(
            checks.check_shallow,
            [
                Field("MACs", "number", chapter_04._shallow()[0], values(chapter_04._shallow()[1]), 1e-9, THREE_DIGITS),
                Field(
                    "alpha",
                    "number",
                    chapter_04.SHALLOW_ALPHA,
                    [*values(chapter_04.SHALLOW_ALPHA_MISTAKES), *(s / 20 for s in range(1, 21) if s != 15)],
                    0.333,
                ),
            ],
        ),
        Exercise(
            checks.check_left_out,
            [
                choice(
                    "Layer",
                    "stem",
                    ["stem", "blocks.0.depthwise", "blocks.0.pointwise", "blocks.12.pointwise", "classifier"],
                )
            ],
        ),
        Exercise(
            checks.check_bits_needed,
            [
                Field(label, "number", chapter_05._bits(top, 0.01), values(chapter_05.BITS_MISTAKES, top, 0.01), 1e-9)
                for label, top in (("Bits up to 6", 6.0), ("Bits up to 64", 64.0))
            ],
            lambda check, answers: check(tuple(answers)),
        ),
        Exercise(
            checks.check_extra_shortcut,
            [Field("Block, counted from 0", "number", 0, [place for place in range(1, 17)], 17)],
        ),
        Exercise(
            checks.check_dearer_kernel,
            [
                *(
                    Field(f"{k}×{k}, % more", "number", right, values(wrong), 1e-9, TWO_DIGITS)
                    for k, right, wrong in zip((5, 7), chapter_06.KERNELS, chapter_06.KERNEL_MISTAKES, strict=True)
                ),
                Field(
                    "t for 10 % more", "number", chapter_06.WIDER, values(chapter_06.WIDER_MISTAKES), 1e-9, THREE_DIGITS
                ),
            ],
        ),
        rounded(checks.check_smallest, chapter_07.SMALLEST_DIGITS, ("MACs", *chapter_07._smallest())),
        rounded(
            checks.check_narrow_head,
            TWO_DIGITS,
            *(
                (label, right, wrong)
                for label, right, wrong in zip(("Parameters, %", "MACs, %"), *chapter_07._narrow_head(), strict=True)
            ),
        ),
        rounded(checks.check_thin_blocks, THREE_DIGITS, ("MACs", *chapter_07._thin_blocks())),
        rounded(
            checks.check_int8_limit,
            THREE_DIGITS,
            ("MACs per byte in int8", chapter_09.INT8_LIMIT, chapter_09.INT8_MISTAKES),
        ),
        Exercise(
            checks.check_seeds,
            [
                Field(
                    "Pairs",
                    "number",
                    chapter_10.PAIRS,
                    [*values(chapter_10.PAIRS_MISTAKES), *(n for n in range(2, 100) if n != chapter_10.PAIRS)],
                    1e6,
                )
            ],
            look=chapter_10.SEEDS_LOOK,
        ),
        rounded(
            checks.check_separable_share,
            chapter_11.HEAD_SHARE_DIGITS,
            ("Percent", chapter_11.HEAD_SHARE, chapter_11.HEAD_SHARE_MISTAKES),
        ),
        rounded(
            checks.check_weight_bytes,
            chapter_12.WEIGHT_BYTES_DIGITS,
            *zip(("float32", "int8"), chapter_12.WEIGHT_BYTES, chapter_12.WEIGHT_BYTES_MISTAKES, strict=True),
        ),
        rounded(
            checks.check_two_heads,
            TWO_DIGITS,
            *zip(("New head, %", "Old head, %"), chapter_13.TWO_HEADS, chapter_13.TWO_HEADS_MISTAKES, strict=True),
        ),
        Exercise(
            checks.check_same_time,
            [
                choice("Most MACs in time", chapter_14.MOST, list(chapter_14.POINTS)),
                Field(
                    "How many you lose",
                    "number",
                    len(chapter_14.IN_TIME - chapter_14.FEW_MACS),
                    values(chapter_14.LOST_MISTAKES),
                    1e-9,
                ),
                choice("Too slow", next(iter(chapter_14.FEW_MACS - chapter_14.IN_TIME)), list(chapter_14.POINTS)),
            ],
        ),
    ]
    try:
        found.append(hunt())
    except checks.CannotCheck:  # timm is not there: the exercise is one for the notebook
        pass
    return {exercise.check.__name__: exercise for exercise in found}


def hunt() -> Exercise:
    """Return the treasure hunt: its answers are in the installed timm."""
    found = chapter_08.treasures()
    either = {"shortcut": ("before", "after"), "v1_skip": ("True", "False")}  # so that nobody has to guess the word
    fields = [
        choice(key, str(right), either[key])
        if key in either
        else Field(
            key, "number" if isinstance(right, int | float) and not isinstance(right, bool) else "text", right, (), -1
        )
        for key, right in found.items()
    ]
    return Exercise(checks.check_hunt, fields, lambda check, answers: check(dict(zip(found, answers, strict=True))))


# What a check says, as data


def said(exercise: Exercise, answers: Sequence) -> tuple[bool, str]:
    """Return whether a check calls answers right, and its words."""
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            exercise.call(exercise.check, answers)
    except checks.CheckFailed as failed:
        return False, str(failed)
    state, _, words = printed.getvalue().strip().partition(": ")
    return state == "right", words


@cache
def exported(name: str) -> dict | None:
    """Return what a page knows about an exercise, by the name of its check, or nothing if it wants code.

    >>> stem = exported("check_stem")
    >>> [field["label"] for field in stem["fields"]], stem["hints"][6]
    (['Parameters', 'MACs'], 'MACs: the stride is forgotten. How many pixels a side has the **output**?')
    """
    if name not in asked():
        return None
    exercise = asked()[name]
    right = [field.right for field in exercise.fields]
    is_right, praise = said(exercise, right)
    assert is_right, (name, praise)
    hints: list[str] = []
    fields = []
    for i, field in enumerate(exercise.fields):
        entry = {
            "label": field.label,
            "kind": field.kind,
            **{k: getattr(field, k) for k in ("step", "most") if getattr(field, k)},
        }
        entry["right"] = [code(name, i, answer) for answer in near(field, field.right)]
        entry["wrong"] = {}
        if field.kind == "choice":
            entry["choices"] = sorted([field.right, *field.wrong], key=str.lower)
        beside: dict[str, int] = {}  # a hint is for the rounded number as well, where no other mistake gives that
        for key, answer in tried(field):
            was_right, words = said(exercise, [*right[:i], answer, *right[i + 1 :]])
            if not was_right and code(name, i, key) not in entry["right"]:
                hints += [words] * (words not in hints)
                entry["wrong"][code(name, i, key)] = hints.index(words)
                if field.step and answer in field.wrong:
                    beside |= {code(name, i, cell): hints.index(words) for cell in near(field, answer)}
        entry["wrong"] = {k: v for k, v in beside.items() if k not in entry["right"]} | entry["wrong"]
        if field.kind != "choice":
            entry["look"] = exercise.look or said(exercise, [*right[:i], field.other, *right[i + 1 :]])[1]
        fields.append(entry)
    data = {"name": name, "fields": fields, "hints": hints}
    if len(right) == 2 and not (swapped := said(exercise, right[::-1]))[0] and "swapped" in swapped[1]:
        data["swapped"] = swapped[1]
    key = " ".join("~" if field.step else canonical(field, field.right) for field in exercise.fields)
    return {**data, "praise": hidden(praise, key)}


def near(field: Field, answer: Any) -> list[str]:
    """Return the canonical forms that count as this answer."""
    if not field.step:
        return [canonical(field, answer)]
    middle = round(math.log(abs(answer)) / field.step)
    return [f"~{cell}" for cell in (middle - 1, middle, middle + 1)]


def tried(field: Field) -> list[tuple[str, Any]]:
    """Return wrong answers with the names under which the page looks for their hints."""
    if field.kind != "list":
        wrongs, right = [*field.wrong], near(field, field.right)
        if field.kind == "number":
            wrongs += [number for number in coarse(field.right) if canonical(field, number) not in right]
        return [(canonical(field, wrong), wrong) for wrong in wrongs]
    more = [(f"+{item}", [*field.right, item]) for item in field.wrong]
    return more + [(f"-{item}", [each for each in field.right if each != item]) for item in field.right]


def coarse(right: float) -> list[float]:
    """Return what becomes of a number that is rounded or cut off, to two digits or more, or given in millions.

    >>> coarse(864), coarse(18.1), coarse(0.25)
    ([860, 870], [18, 19], [])
    >>> coarse(3504872)[-5:]
    [3.5, 3.5, 3.505, 3.5049, 3.504872]
    """
    digits = len(str(int(right)))
    units = [10**zeros for zeros in range(digits - 1) if right % 10**zeros]
    numbers = [unit * whole(right / unit) for unit in units for whole in (math.floor, math.ceil)]
    if right >= 1e6:
        numbers += [*(round(right / 1e6, 8 - digits + more) for more in range(4)), right / 1e6]
    return numbers


def canonical(field: Field, answer: Any) -> str:
    """Return an answer as the page reads it; as `canonical` and `readField` in answers_more.js.

    >>> number = Field("n", "number", 864)
    >>> canonical(number, 864), canonical(number, 0.25), canonical(Field("l", "list", []), [5, 3])
    ('864', '2.50000e-1', '3,5')
    """
    if field.kind == "list":
        return ",".join(map(str, sorted(answer)))
    if field.kind in ("text", "choice"):
        return re.sub(r"\s", "", str(answer)).lower()
    if field.step:
        return f"~{round(math.log(abs(answer)) / field.step)}"
    if abs(answer - round(answer)) <= 1e-9 * abs(round(answer)):
        return str(round(answer))
    digits, _, power = f"{answer:.5e}".partition("e")
    return f"{digits}e{int(power):+d}"


def hash_of(text: str) -> str:
    """Return a short hash, FNV-1a in base 36.

    >>> hash_of("stem 0 864")
    '1rihvuq'
    """
    value = 0x811C9DC5
    for letter in text:
        value = (value ^ ord(letter)) * 0x01000193 & 0xFFFFFFFF
    digits = ""
    while value:
        value, digit = divmod(value, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"


def code(name: str, i: int, answer: str) -> str:
    return hash_of(f"{name} {i} {answer}")


def hidden(text: str, key: str) -> str:
    """Hide a text, or show it again: it cannot be read in the page's source without the answer.

    >>> hidden(hidden("864 parameters", "864"), "864")
    '864 parameters'
    """
    value, letters = int(hash_of(key), 36), []
    for letter in text:
        value = (value * 1664525 + 1013904223) & 0xFFFFFFFF
        letters.append(chr(ord(letter) ^ (value >> 27)))
    return "".join(letters)


# In the page


def form_html(data: dict) -> str:
    """Return where an exercise is answered."""
    typed = '<input type="text" autocomplete="off" autocapitalize="off" spellcheck="false">'
    typed = later(typed, wide=len(data["fields"]) == 1)
    boxes = "".join(
        f"<label>{escape(field['label'])} {chosen(field['choices']) if 'choices' in field else typed}</label>"
        for field in data["fields"]
    )
    carried = {**data, "fields": [{k: v for k, v in field.items() if k != "choices"} for field in data["fields"]]}
    carried = escape(json.dumps(carried, ensure_ascii=False, separators=(",", ":")))
    return (
        f'<div class="pr-answer-box" role="group" aria-label="Your answer" data-exercise="{carried}">'
        f'<div class="pr-row">{boxes}<button type="button">Check</button></div>'
        '<p class="pr-said" role="status"></p></div>'
    )


def chosen(choices: Sequence[str]) -> str:
    """Return a box in which one of several is chosen."""
    options = "".join(f"<option>{escape(each)}</option>" for each in ("", *choices))
    return later(f"<select>{options}</select>", wide=True)


def add_forms(app, doctree: nodes.document) -> None:
    """Put a place to answer at the end of each exercise, or say where the notebook is."""
    path = Path(app.env.doc2path(app.env.docname))
    boxes = {
        node["label"]: node for kind in (exercise_node, exercise_enumerable_node) for node in doctree.findall(kind)
    }
    if not boxes or path.suffix != ".ipynb":
        return
    checked: dict[str, str] = {}
    functions: set[str] = set()
    for cell, exercise, solves in parts(json.loads(path.read_text(encoding="utf8"))["cells"]):
        tags = set(cell["metadata"].get("tags", []))
        if not solves and tags & {"exercise", "check"}:
            checked.setdefault(exercise, "")
            if "def " in source(cell):
                functions.add(exercise)
            if match := CHECK.search(source(cell)):
                checked[exercise] = match[1]
    app.env.note_dependency(str(Path(checks.__file__)))
    for label, box in boxes.items():
        name = checked.get(label, "")
        data = exported(name)
        html = form_html(data) if data else ""
        if not data or label in functions:
            html += f'<p class="pr-code">{WANTS_CODE if name else WANTS_WORDS}</p>'
        box += nodes.raw("", html, format="html")


class LinkedTitles(SphinxPostTransform):
    """Begin the link in a solution's title with its first letter: sphinx-exercise puts the space before it inside."""

    default_priority = 22  # right behind sphinx-exercise's own
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Look at every solution's title."""
        for solution in self.document.findall(solution_node):
            for link in solution[0].findall(nodes.reference):
                if (words := link[0]).startswith(" "):
                    link.parent.insert(link.parent.index(link), nodes.Text(" "))
                    link.replace(words, nodes.Text(words.lstrip()))


def setup(app) -> dict:
    """Register what is done to exercises."""
    app.connect("doctree-read", add_forms)
    app.add_post_transform(LinkedTitles)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
