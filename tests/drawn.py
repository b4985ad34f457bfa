"""Explorables as they show without JavaScript, for tests of what is in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from html import unescape
from html.parser import HTMLParser

import static_form
import static_widgets
from node import draw, esm

from mobilenet_lib.explorables.kit import Explorable

DRAWN: dict[str, static_form.Drawn] = {}


def figure_of(explorable: Explorable) -> static_form.Figure:
    """Return what an explorable is drawn from."""
    name = static_widgets.kebab(type(explorable).__name__)
    return static_form.Figure(name, esm(explorable), static_widgets.public(explorable.get_state()))


def drawn(explorable: Explorable) -> static_form.Drawn:
    """Draw an explorable in a node that stays open, once in each of its states."""
    figure = figure_of(explorable)
    key = json.dumps(figure, sort_keys=True)
    if key not in DRAWN:
        DRAWN[key] = static_form.draw([figure], draw)[0]
    return DRAWN[key]


def drawn_anew(explorables: Iterable[Explorable]) -> list[static_form.Drawn]:
    """Draw explorables in a process of their own, as the build does."""
    return static_form.draw(map(figure_of, explorables))


def words(explorable: Explorable) -> str:
    """Return all that a static figure says: its text, and what a screen reader says of its pictures."""
    html = drawn(explorable).html
    labels = re.findall(r'\s(?:aria-label|alt)="([^"]*)"', html)
    return unescape(" ".join([re.sub(r"<[^>]*>", " ", html), *labels]))


class Elements(HTMLParser):
    """The start tags of some HTML, as (name, attributes)."""

    def __init__(self, html: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((name, dict(attributes)))


# How the figures write numbers, in exact arithmetic.


def short(number: int) -> str:
    """Write a count with one decimal and a unit, rounded half up: 115.6 M."""
    for power, unit in ((12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if number >= Decimal(10) ** power * Decimal("0.99995"):
            tenths = (Decimal(number) / 10**power).quantize(Decimal("0.1"), ROUND_HALF_UP)
            return f"{tenths}\N{NO-BREAK SPACE}{unit}"
    return str(number)


def byte_count(numbers: int, bits: int) -> str:
    """Write what so many numbers of so many bits take in memory."""
    text = short(numbers * bits // 8)
    return f"{text}B" if "\N{NO-BREAK SPACE}" in text else f"{text}\N{NO-BREAK SPACE}B"


def nice_ceiling(value: float) -> int:
    """Return the first of 1, 2, 5, 10, 20, 50, ... that is not below a value."""
    return next(n * 10**power for power in range(20) for n in (1, 2, 5) if n * 10**power >= value)
