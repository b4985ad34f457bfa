"""Boxes that ask for a prediction in a notebook, keep it, and say how far off it was once the result is there.

A page asks the same with a script of its own, without a kernel, and says the same of the same prediction. The result
comes packed, as the answers do, so that nobody reads it by accident.
"""

from __future__ import annotations

import base64
import json
import math
import re
import zlib
from collections.abc import Callable, Iterable
from html import escape
from itertools import pairwise

import ipywidgets as widgets

from .._validation import instances, real_numbers, string

POWERS = {"thousand": 1e3, "k": 1e3, "million": 1e6, "m": 1e6, "billion": 1e9}
FACTOR = re.compile(r"(-?)([\d.,_ ]*\d[\d.,_ ]*)(e[-+]?\d+)?\s*(thousand|k|million|m|billion)?\s*%?", re.IGNORECASE)
NUMBER = re.compile(r"(\d[\d,]*(?:\.\d+)?)(?:/(\d+))?(?:\s*(thousand|million|billion))?")
# A number in a name or a size, as in V1, int8, 144-channel and 14×14: nothing is a multiple of it.
NAME = re.compile(r"[A-Za-z]\d|\d[×-]")
NOTHING = re.compile(r"\b(?:none|nothing|zero)\b", re.IGNORECASE)
STOPS = 60  # of a slider, from end to end
WIDE = {"width": "auto", "flex_flow": "row wrap"}


# Numbers, as people write them


def number(text: str) -> float:
    """Return the number that a reader has typed.

    Parameters
    ----------
    text : str
        Digits as people group them, a power of ten by its name, products and quotients.

    Returns
    -------
    float
        nan where the text is no number.

    Examples
    --------
    >>> number("1,280"), number("0,7"), number("2.5 million"), number("9 × 32 / 2"), number("many")
    (1280.0, 0.7, 2500000.0, 144.0, nan)
    """
    string(text=text)
    product = 1.0
    for part in re.split(r"[*×·]", text.replace("−", "-")):
        first, *others = map(_factor, part.split("/"))
        for other in others:
            first = first / other if other else math.nan
        product *= first
    return product


def number_in(text: str) -> float | None:
    """Return the first number that a text has.

    Parameters
    ----------
    text : str
        Words with a number among them.

    Returns
    -------
    float or None
        None where there is no number; 0 where the text says "none".

    Examples
    --------
    >>> number_in("about 2.5 million"), number_in("1/8"), number_in("none"), number_in("a few")
    (2500000.0, 0.125, 0.0, None)
    """
    string(text=text)
    if match := NUMBER.search(text):
        return float(match[1].replace(",", "")) / float(match[2] or 1) * POWERS.get(match[3] or "", 1)
    return 0.0 if NOTHING.search(text) else None


def say(value: float) -> str:
    """Return a number as a box says it.

    Parameters
    ----------
    value : float
        Any finite number.

    Returns
    -------
    str
        Three digits from a million on and below a thousand, every digit between.

    Examples
    --------
    >>> say(231211008), say(8.84), say(1280), say(0.333333)
    ('231 million', '8.84', '1,280', '0.333')
    """
    (value,) = real_numbers("value", [value])
    for name in ("billion", "million"):
        if abs(value) >= POWERS[name]:
            return f"{value / POWERS[name]:.3g} {name}"
    return f"{_whole(value):,}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def told(says: str) -> str:
    """Begin a sentence that tells what came out.

    Parameters
    ----------
    says : str
        The result, or the words of a choice, which may be a sentence about "it".

    Returns
    -------
    str
        A sentence without its full stop.

    Examples
    --------
    >>> told("14 blocks"), told("it depends on the width")
    ('It is 14 blocks', 'In truth it depends on the width')
    """
    string(says=says)
    return f"In truth {says}" if says.startswith("it ") else f"It is {says}"


def is_geometric(values: Iterable[float]) -> bool:
    """Say whether an axis's ticks stand at even factors, so that it is logarithmic.

    Parameters
    ----------
    values : sequence of float
        Two or more, from low to high.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_geometric([1, 10, 100]), is_geometric([0, 50, 100])
    (True, False)
    """
    ticks = real_numbers("values", values)
    if len(ticks) < 2:
        raise ValueError(f"values must be two numbers or more, got {ticks}; [1, 10, 100] are some")
    return ticks[0] > 0 and all(math.isclose(b / a, ticks[1] / ticks[0]) for a, b in pairwise(ticks))


def _whole(value: float) -> int:
    return math.floor(value + 0.5)  # as JavaScript rounds, and people


def _factor(text: str) -> float:
    found = FACTOR.fullmatch(text.strip())
    if found is None:
        return math.nan
    digits = re.sub("[_ ]", "", found[2])
    decimal = re.fullmatch(r"\d+,(\d{1,2}|\d{4,})|0,\d+", digits)
    digits = digits.replace(",", "." if decimal else "")
    try:
        return float(f"{found[1]}{digits}{found[3] or ''}") * POWERS.get((found[4] or "").lower(), 1)
    except ValueError:  # two points
        return math.nan


# How far off


def pack(right: str | float, says: str) -> str:
    """Return a result as a question takes it.

    Parameters
    ----------
    right : str or float
        The right choice's text, or the right number.
    says : str
        What a box says it is, with its unit.

    Returns
    -------
    str
        Letters and digits.

    Examples
    --------
    >>> Number("How many?", result=pack(72, "72 maps")).judge("27")
    'You predicted 27. It is 72 maps: 2.67 times too low.'
    """
    string(says=says)
    if not isinstance(right, str):
        real_numbers("right", [right])
    return base64.b64encode(zlib.compress(json.dumps([right, says]).encode(), 9)).decode()


def _unpacked(result: str) -> tuple[str | float, str]:
    try:
        right, says = json.loads(zlib.decompress(base64.b64decode(result, validate=True)))
    except (ValueError, zlib.error):
        raise ValueError(
            f"result must be what pack(right, says) returns, got {result!r}; pack(9, '9 times') is one"
        ) from None
    return right, says


def _off(mine: float, right: float, unit: str) -> str:
    side = "high" if mine > right else "low"
    if abs(mine - right) <= 0.02 * abs(right):
        return "spot on"
    if unit.startswith("%"):  # also "% of the time"
        points = say(abs(mine - right))
        return f"{points} {'point' if points == '1' else 'points'} too {side}"
    if mine <= 0 or right <= 0:
        return f"too {side}"
    ratio = max(mine / right, right / mine)
    if ratio >= 2:
        return f"{say(ratio)} times too {side}"
    return f"{max(1, _whole(100 * abs(mine / right - 1)))} % too {side}"


# The boxes


class _Question(widgets.VBox):
    """What all kinds of question share: the words, a place to answer, and what is said of the answer."""

    def __init__(self, question: str, entry: list[widgets.Widget], result: str, unit: str = ""):
        string(question=question, unit=unit, result=result)
        self.question, self.unit = question, unit
        self.result = _unpacked(result) if result else None
        self.said = widgets.HTML(_status(""))
        self.compare = widgets.Button(
            description="How far off was I?", layout={"align_self": "flex-start", "width": "auto", "display": "none"}
        )
        self.compare.on_click(lambda _: self._tell(self.judge(self.given)))
        words = widgets.HTML(f"<b>{escape(question)}</b>")
        row = widgets.HBox(entry, layout=WIDE)
        super().__init__(children=[words, row, self.said, self.compare])
        self.given = ""

    def keep(self, given: str) -> None:
        """Keep a prediction, and offer to compare it; what is no prediction is said to be none."""
        if wrong := self._refuse(given):
            return self._tell(wrong)
        self.given = given
        if self.result is None:
            return self._tell("Kept. Compare it with what comes below.")
        self.compare.layout.display = ""
        return self._tell("Kept. The result comes below; press when you have it.")

    def judge(self, given: str) -> str:
        """Return how far off a prediction is, in a sentence."""
        if self.result is None:
            raise ValueError(
                f"there is no result to compare {given!r} with; give the question result=pack(right, says)"
            )
        right, says = self.result
        mine, words = self._outcome(given, right, says)
        if words in ("right", "spot on"):
            return f"You predicted {mine}{'' if mine == says else f', it is {says}'}: {words}."
        return f"You predicted {mine}. {told(says)}: {words}."

    def _refuse(self, given: str) -> str:
        return "" if math.isfinite(number(given)) else "Write a number, as in 1,280 or 2.5 million."

    def _outcome(self, given: str, right: str | float, says: str) -> tuple[str, str]:
        mine = number(given)
        return f"{say(mine)} {self.unit}".strip(), _off(mine, float(right), self.unit)

    def _tell(self, words: str) -> None:
        self.said.value = _status(words)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.question!r})"


class Choice(_Question):
    """A question with a few answers to choose from.

    Parameters
    ----------
    question : str
        What is asked.
    choices : sequence of str
        Two or more.
    unit : str, default=""
        Of the choices' numbers, where they have some: with "%" the difference is told in points.
    result : str, default=""
        What :func:`pack` makes of the right choice. Without it nothing can be compared.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two choices, two are alike, or result is not what :func:`pack` returns.

    Examples
    --------
    >>> box = Choice("How many?", ["about 2", "about 9"], result=pack("about 9", "8.84"))
    >>> box.judge("about 9"), box.judge("about 2")
    ('You predicted about 9, it is 8.84: right.', 'You predicted about 2. It is 8.84: 4.42 times too low.')
    """

    def __init__(self, question: str, choices: Iterable[str], unit: str = "", result: str = ""):
        listed = instances("choices", choices, str, "write each as text")
        if len(set(listed)) < max(len(listed), 2):
            raise ValueError(f"choices must be two or more, none of them twice, got {listed}; add what tempts")
        buttons = widgets.ToggleButtons(options=listed, value=None, style={"button_width": "auto"})
        super().__init__(question, [buttons], result, unit)
        buttons.observe(lambda change: self.keep(change["new"] or ""), "value")

    def _refuse(self, given: str) -> str:
        return "" if given else "Choose one."

    def _outcome(self, given: str, right: str | float, says: str) -> tuple[str, str]:
        if given == right:
            return given, "right"
        mine, answer = (None if NAME.search(text) else number_in(text) for text in (given, says))
        words = "not this time" if mine is None or answer is None else _off(mine, answer, self.unit)
        return given, "close" if words == "spot on" else words


class Number(_Question):
    """A question whose answer is typed as a number.

    Parameters
    ----------
    question : str
        What is asked.
    unit : str, default=""
        Stands behind the number; with "%" the difference is told in points.
    result : str, default=""
        What :func:`pack` makes of the right number. Without it nothing can be compared.

    Raises
    ------
    TypeError, ValueError
        If result is not what :func:`pack` returns.

    Examples
    --------
    >>> Number("What share?", unit="%", result=pack(40, "40 %")).judge("80")
    'You predicted 80 %. It is 40 %: 40 points too high.'
    """

    def __init__(self, question: str, unit: str = "", result: str = ""):
        field = widgets.Text(placeholder="a number", continuous_update=False, layout={"width": "10em"})
        super().__init__(question, [field, *_behind(unit, lambda: self.keep(field.value))], result, unit)
        field.observe(lambda change: self.keep(change["new"]), "value")


class Axis(_Question):
    """A question that is answered by a point on an axis.

    Parameters
    ----------
    question : str
        What is asked.
    ticks : sequence of float
        Three or more from low to high, at even steps or at even factors: then the axis is logarithmic.
    unit : str, default=""
        Stands behind the number; with "%" the difference is told in points.
    result : str, default=""
        What :func:`pack` makes of the right number. Without it nothing can be compared.

    Raises
    ------
    TypeError, ValueError
        If ticks are fewer than three or do not rise, or result is not what :func:`pack` returns.

    Examples
    --------
    >>> Axis("How many times?", [1, 10, 100], "times", pack(8.4, "8.4 times")).judge("8.4")
    'You predicted 8.4 times: spot on.'
    """

    def __init__(self, question: str, ticks: Iterable[float], unit: str = "", result: str = ""):
        values = real_numbers("ticks", ticks)
        if len(values) < 3 or any(b <= a for a, b in pairwise(values)):
            raise ValueError(f"ticks must be three numbers or more that rise, got {values}; [1, 10, 100] are some")
        low, high = values[0], values[-1]
        shares = [i / STOPS for i in range(STOPS + 1)]
        stops = [low * (high / low) ** at if is_geometric(values) else low + (high - low) * at for at in shares]
        options = {say(float(f"{stop:.2g}")): float(f"{stop:.2g}") for stop in stops}
        slider = widgets.SelectionSlider(
            options=list(options.items()), value=list(options.values())[len(options) // 2], layout={"width": "22em"}
        )
        super().__init__(question, [slider, *_behind(unit, lambda: self.keep(str(slider.value)))], result, unit)


def ask(*questions: _Question) -> widgets.VBox:
    """Show one question, or several below each other.

    Parameters
    ----------
    *questions : Choice or Number or Axis
        In their order.

    Returns
    -------
    ipywidgets.VBox
        Ends a cell.

    Raises
    ------
    TypeError, ValueError
        If there is no question, or one is none.

    Examples
    --------
    >>> len(ask(Choice("Which?", ["this", "that"]), Number("How many?")).children)
    2
    """
    listed = instances("questions", questions, _Question, "predictions.Number(...) is one")
    if not listed:
        raise ValueError("questions must hold at least one question, got none; predictions.Number(...) is one")
    return widgets.VBox(listed)


def _behind(unit: str, press: Callable[[], None]) -> list[widgets.Widget]:
    """Return what stands behind a field: its unit, and a button."""
    button = widgets.Button(description="Keep", layout={"width": "auto"})
    button.on_click(lambda _: press())
    return [*([widgets.HTML(escape(str(unit)))] if unit else []), button]


def _status(words: str) -> str:
    return f'<span role="status">{escape(words)}</span>'
