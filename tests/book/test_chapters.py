"""What every chapter promises: it runs, it is a lesson and not a program, it cites, and it has exercises."""

from __future__ import annotations

import ast
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from notebooks import executed, read

from mobilenet_lib.course.answers import finished

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
MAY_DEFINE = {"exercise", "solution", "note"}  # "note" marks the faulty classes that a chapter takes apart
MAY_BE_LONG = MAY_DEFINE | {"setup"}

pytestmark = pytest.mark.parametrize("path", CHAPTERS, ids=[path.stem for path in CHAPTERS])


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def prose(path: Path) -> str:
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def tags(cell: nbformat.NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def outputs(path: Path) -> list[nbformat.NotebookNode]:
    return [output for cell in executed(path).cells for output in cell.get("outputs", [])]


# The notebook as it runs


@pytest.mark.site
def test_chapter_runs_without_an_error_or_a_warning(path):
    for output in outputs(path):
        assert output.output_type != "error", output
        assert output.get("name") != "stderr", output.text


@pytest.mark.site
def test_every_picture_has_a_text_for_those_who_do_not_see_it(path):
    for output in outputs(path):
        data = output.get("data", {})
        html = "".join(data.get(kind, "") for kind in ("text/html", "image/svg+xml"))
        assert nameless_pictures(html) == []
        # A bitmap's text would be in the cell's metadata; the book's figures are SVG and bring their own.
        assert "image/png" not in data or "image/svg+xml" in data or html
    assert re.findall(r"!\[\s*\]\(", prose(path)) == []
    for options in re.findall(r"\{(?:figure|image)\}[^\n]*\n((?:\s*:.*\n)*)", prose(path)):
        assert ":alt:" in options


def nameless_pictures(html: str) -> list[str]:
    """Return the start tags of the pictures in `html` that have no name for a screen reader."""
    found = []

    class Finder(HTMLParser):
        def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
            given = dict(attributes)
            named = given.get("alt") or given.get("aria-label") or given.get("aria-labelledby")
            if name in ("img", "svg") and not named and given.get("aria-hidden") != "true":
                found.append(self.get_starttag_text())

    Finder().feed(html)
    return found


# The notebook as it is stored


def test_no_outputs_and_stable_cell_ids_in_git(path):
    notebook = read(path)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    for cell in code_cells(path):
        assert cell.outputs == [] and cell.execution_count is None, cell.id
    nbformat.validate(notebook)


def test_first_code_cell_is_the_setup(path):
    first, *others = code_cells(path)
    assert "setup" in tags(first)
    assert not [cell.id for cell in others if "setup" in tags(cell)]


def test_only_exercises_define_things(path):
    for cell in code_cells(path):
        if tags(cell) & MAY_DEFINE:
            continue
        defined = [
            node.name
            for node in ast.walk(ast.parse(cell.source))
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        assert defined == [], f"{cell.id} defines {defined}: that belongs into mobilenet_lib"


def test_cells_have_at_most_ten_lines(path):
    for cell in code_cells(path):
        if not tags(cell) & MAY_BE_LONG:
            lines = [line for line in finished(cell.source).splitlines() if line.strip()]
            assert len(lines) <= 10, cell.source


# The chapter as a lesson


def test_chapter_cites_what_it_draws_on(path):
    keys = {key.strip() for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", prose(path)) for key in keys.split(",")}
    known = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "references.bib").read_text(encoding="utf8"), re.MULTILINE))
    assert keys
    assert keys <= known


def test_at_least_three_exercises_each_with_a_solution(path):
    exercises = set(re.findall(r"\{exercise(?:-start)?\}[^\n]*\n(?:\s*:[^\n]*\n)*?\s*:label: (\S+)", prose(path)))
    solutions = set(re.findall(r"\{solution(?:-start)?\} (\S+)", prose(path)))
    assert len(exercises) >= 3
    assert solutions == exercises


def test_solutions_are_folded_away(path):
    for head in re.findall(r"\{solution(?:-start)?\}[^\n]*\n((?:\s*:[^\n]*\n)*)", prose(path)):
        assert "dropdown" in head
