"""The lecture of the page for instructors is one notebook, with its clock, and runs with every blank open."""

from __future__ import annotations

import os
import re
from itertools import accumulate
from pathlib import Path

import lecture
import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell
from test_editions import RAW, unknown_names, visible

ROOT = Path(__file__).resolve().parents[2]
MINUTES, STEPS = lecture.plan(ROOT)


@pytest.fixture(scope="module")
def notebook(site) -> nbformat.NotebookNode:
    return nbformat.read(site / lecture.lecture_path(ROOT), as_version=4)


def markdown(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def programs(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code" and cell.id != "setup"]


def test_the_plan_has_its_minutes_and_each_row_is_a_step():
    page = (ROOT / "reference" / "instructors.md").read_text(encoding="utf8")
    rows = re.findall(r"^\| \d+ \|", page.partition("## A lecture")[2].partition("\n## ")[0], re.MULTILINE)
    assert len(rows) == len(STEPS) >= 8
    assert sum(step.minutes for step in STEPS) == MINUTES


def test_the_clock_runs_through_the_sections_in_their_order(notebook):
    nbformat.validate(notebook)
    text = "\n".join(markdown(notebook))
    ends = list(accumulate(step.minutes for step in STEPS))
    wanted = [(begin, end) for begin, end in zip([0, *ends], ends, strict=False)]
    assert [tuple(map(int, found)) for found in re.findall(r"^\*\*Minute (\d+) to (\d+)\*\*$", text, re.M)] == wanted
    titles = re.findall(r"^#{2,6} (.+)$", text, re.MULTILINE)
    at = -1
    for step in STEPS:
        at = next(i for i in range(at + 1, len(titles)) if titles[i].replace("`", "") == step.title.replace("`", ""))


def test_it_shows_no_raw_myst_and_its_notes_are_folded(notebook):
    for text in markdown(notebook):
        assert not RAW.search(visible(text)), text
        if "*Ask:*" in text or "Speaker" in text:
            assert "<details>" in text
    assert not re.search(r"\]\(page:", "".join(markdown(notebook)))


def test_figures_stand_as_the_plan_says(notebook):
    code = "\n".join(programs(notebook))
    for step in STEPS:
        for name, settings in step.figures.items():
            assert lecture.figure_call(name, settings) in code


def test_each_part_brings_what_it_needs(notebook):
    assert unknown_names(programs(notebook)) == []


def test_it_runs_with_every_blank_open_and_shows_no_ellipsis(notebook):
    """In one kernel, from top to bottom. The library is installed, so the first cell only says where."""
    notebook = nbformat.from_dict(notebook)
    notebook.cells.append(new_code_cell("print('the end')"))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(ROOT / "chapters")}})
    client.execute(env=environment)
    assert notebook.cells[-1].outputs[0].text == "the end\n"
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in shown if output.get("data", {}).get("text/plain") == "Ellipsis"]
    blanks = [cell for cell in notebook.cells if "mobilenet" in cell.metadata]
    assert len(blanks) >= 6
    for cell in blanks:
        assert not [output for output in cell.outputs if output.output_type == "error"]
