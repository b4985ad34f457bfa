"""What is typed in front of a class is good to type: enough of it, short, narrow, and no code that only displays."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

from mobilenet_lib.course.answers import blanked, finished

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
COLUMNS, LINES, CELLS = 72, 10, 5


def live_cells(path: Path) -> list[nbformat.NotebookNode]:
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if "live" in cell.metadata.get("tags", [])]


def typed(path: Path) -> list[tuple[str, str]]:
    """Return the live cells' finished code, without the markers."""
    return [(cell.id, finished(cell.source)) for cell in live_cells(path)]


def tables_of_comprehensions(code: str) -> list[str]:
    """Return the calls of Table that have a comprehension among their arguments."""
    return [
        ast.unparse(call)
        for call in ast.walk(ast.parse(code))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "Table"
        for argument in call.args
        if any(isinstance(node, ast.ListComp | ast.GeneratorExp) for node in ast.walk(argument))
    ]


@pytest.mark.parametrize("path", CHAPTERS, ids=[path.stem for path in CHAPTERS])
def test_a_chapter_has_enough_to_type(path):
    assert len(live_cells(path)) >= CELLS


@pytest.mark.parametrize("path", CHAPTERS, ids=[path.stem for path in CHAPTERS])
def test_live_code_is_short_and_narrow(path):
    for name, code in typed(path):
        lines = [line for line in code.splitlines() if line.strip()]
        assert len(lines) <= LINES, name
        assert [line for line in lines if len(line) > COLUMNS] == [], name
    for cell in live_cells(path):  # and what is asked for stands there in full
        assert [line for line in blanked(cell.source).splitlines() if len(line) > COLUMNS] == [], cell.id


@pytest.mark.parametrize("path", CHAPTERS, ids=[path.stem for path in CHAPTERS])
def test_live_code_builds_and_does_not_unpack_for_display(path):
    for name, code in typed(path):
        assert tables_of_comprehensions(code) == [], name
        assert re.findall(r"load_state_dict\(\{|\.momentum\b", code) == [], name


def test_a_table_of_a_comprehension_is_found():
    assert tables_of_comprehensions('Table(["a"], [(x,) for x in y])')
    assert not tables_of_comprehensions("rows = [(x,) for x in y]\nTable.of(rows)")
