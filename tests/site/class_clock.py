"""How long the lecture notebook takes in front of a class, from what is in it.

Measured by playing it in JupyterLab: a kernel answers within two seconds once the first two cells have run, so what
takes time is people. The rates are those of a calm teacher. What a class asks is on top.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import lecture
import nbformat

from mobilenet_lib import reveal

WORDS = 150  # a minute, read aloud
TYPED, GIVEN = 20, 4  # seconds a line: typed and said; there already, and said
FIGURE, STATE = 120, 15  # to try a figure, and for each setting more that the plan names
PICTURE = 40  # to look at a chart or a table
VOTE = 45  # to think, and to raise hands
QUESTION = 110  # of the quiz: the vote, what the options say, and somebody who defends one
FORMULA, ON_THE_BOARD = 15, 90  # to read one aloud, and to derive it on the board
RUN = 5
FORMULAS = r"\$\$.*?\$\$"


class Step(NamedTuple):
    """What there is to do in a step of the lecture, and its seconds."""

    title: str
    seconds: dict[str, float]

    @property
    def minutes(self) -> float:
        """Return how long it takes."""
        return sum(self.seconds.values()) / 60


def words(text: str) -> int:
    """Count the words of some Markdown, without formulas on lines of their own, addresses and tags."""
    text = re.sub(rf"{FORMULAS}|\]\([^)]*\)|<[^>]+>", " ", text, flags=re.DOTALL)
    return len([word for word in text.split() if re.search(r"\w", word)])


def aloud(text: str) -> str:
    """Return what is said of a text: what stands there, what comes of a cell, and what is asked."""
    told = "\n".join(re.findall(r"<summary>What you should see</summary>(.*?)</details>", text, re.DOTALL))
    asked = re.search(r"\*Ask:\*(.*?)(?=\n\n|\Z)", text, re.DOTALL)
    shown = re.sub(r"<details>.*?</details>|^\*\*Minute .*?\*\*$", "", text, flags=re.DOTALL | re.MULTILINE)
    return "\n".join([shown, told, asked[1] if asked else ""])


def votes(text: str) -> int:
    """Count the questions of a box."""
    box = text.partition("**Predict first**")[2]
    return max(1, len([part for part in box.split("\n>\n")[2:] if part.strip("> \n")])) if box else 0


def missing(cell: nbformat.NotebookNode) -> list[str]:
    """Return the lines that are typed into a blank."""
    key = cell.metadata.get("mobilenet", {}).get("answer")
    there = cell.source.split("\n")
    return [line for line in str(reveal(key)).split("\n") if line.strip() and line not in there] if key else []


def seconds(cells: list[nbformat.NotebookNode], step: lecture.Step) -> dict[str, float]:
    """Return what the cells of a step take, by what is done."""
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    code = [cell for cell in cells if cell.cell_type == "code" and not cell.source.startswith("# @title")]
    figures = [cell for cell in code if cell.source.startswith("explorables.")]
    quizzes = [cell for cell in code if cell.source.startswith("quiz.")]
    given = [line for cell in code if cell not in figures + quizzes for line in cell.source.split("\n")]
    given = [line for line in given if line.strip() and not line.lstrip().startswith("...")]
    states = len(lecture.FIGURE.findall(step.show)) - len(step.figures)
    return {
        "read": 60 * words(aloud(text)) / WORDS,
        "formulas": len(re.findall(FORMULAS, text, re.DOTALL)) * (ON_THE_BOARD if "board" in step.show else FORMULA),
        "typed": TYPED * sum(len(missing(cell)) for cell in code),
        "given": GIVEN * len(given) + RUN * len(code),
        "figures": FIGURE * len(figures) + STATE * max(0, states),
        "pictures": PICTURE * len([cell for cell in code if re.search(r"\bfigures\.|\bTable\(", cell.source)]),
        "votes": VOTE * sum(votes(cell.source) for cell in cells if cell.cell_type == "markdown"),
        "quiz": QUESTION * 3 * len(quizzes),
    }


def clock(notebook: nbformat.NotebookNode, steps: list[lecture.Step]) -> list[Step]:
    """Return the steps of the lecture notebook with what each takes."""
    found = []
    for number, step in enumerate(steps, start=1):
        own = [cell for cell in notebook.cells if cell.id.startswith(f"step-{number}-")]
        found.append(Step(step.title, seconds(own, step)))
    return found
