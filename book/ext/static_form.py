"""Draw explorables while the book is built, for readers without JavaScript, for print, and until the script runs.

``static_form.mjs`` runs each explorable's own ``render`` in node. Nothing is drawn twice: the picture is the live
figure's first state. What it would say in style attributes, which a strict Content-Security-Policy forbids, stands in a
style sheet that belongs to the page.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import nodejs

SCRIPT = Path(__file__).with_suffix(".mjs")
LIBRARY = SCRIPT.parents[1] / "vendor" / "linkedom" / "linkedom.mjs"
MADE_WITH = (SCRIPT, SCRIPT.with_name("no_page.mjs"), LIBRARY, Path(__file__))


class Figure(NamedTuple):
    """What a figure is drawn from: its name on the page, its module's text, and its state."""

    name: str
    esm: str
    state: dict


class Drawn(NamedTuple):
    """A static figure.

    Attributes
    ----------
    html : str
        An element that looks like the live one. Addresses of images start with ``explorables:``.
    settings : list of str
        What the controls are set to, in words.
    rules : dict of str to str
        Style rules, each under the name of its class.
    images : dict of str to bytes
        Files that it shows.
    """

    html: str
    settings: list[str]
    rules: dict[str, str]
    images: dict[str, bytes]


class CannotDraw(Exception):
    """A figure's ``render`` failed in node; `figure` is its name on the page."""

    def __init__(self, figure: str, why: str):
        super().__init__(why)
        self.figure = figure


def _in_node(given: str) -> list[dict]:
    done = nodejs.run(SCRIPT, input=given)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)


def draw(figures: Iterable[Figure], ask: Callable[[str], list[dict]] = _in_node) -> list[Drawn]:
    """Draw the figures of a page; the same figures give the same bytes. Tests `ask` a node that stays open."""
    figures = list(figures)
    if not figures:
        return []
    # In the order of the page's own JSON: a figure may show what is in a dict one after the other.
    given = json.dumps([figure._asdict() for figure in figures], sort_keys=True)
    try:
        answers = ask(given)
    except RuntimeError as error:
        raise CannotDraw(figures[0].name, str(error)) from None
    drawn = []
    for figure, found in zip(figures, answers, strict=True):
        if "error" in found:
            raise CannotDraw(figure.name, found["error"])
        # As strong as the style attributes of the live figure are.
        rules = {name: f".mn.mn.mn .{name} {{ {declarations}; }}" for name, declarations in found["rules"].items()}
        images = {file: base64.b64decode(content) for file, content in found["images"].items()}
        html = f'<div class="{found["classes"]}">{found["html"]}</div>'
        drawn.append(Drawn(html, found["settings"], {**rules, **found["queries"]}, images))
    return drawn


def sheet(drawn: Iterable[Drawn]) -> str:
    """Return the style sheet of a page that shows these figures."""
    rules = {name: rule for figure in drawn for name, rule in figure.rules.items()}
    return "".join(f"{rules[name]}\n" for name in sorted(rules))
