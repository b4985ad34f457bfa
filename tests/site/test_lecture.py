"""The lecture of the page for instructors is one notebook, with its clock, and runs with every blank open."""

from __future__ import annotations

import re
from itertools import accumulate
from pathlib import Path

import class_clock
import fresh
import lecture
import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell
from test_editions import RAW, unknown_names, visible

from mobilenet_lib import reveal

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


def test_the_plan_has_time_for_what_is_in_its_steps(notebook):
    """Each step takes less than its minutes and more than half of them; what all take is what the page says."""
    found = class_clock.clock(notebook, STEPS)
    for planned, step in zip(STEPS, found, strict=True):
        assert planned.minutes / 2 <= step.minutes <= planned.minutes, (step.title, planned.minutes, step.seconds)
    page = (ROOT / "reference" / "instructors.md").read_text(encoding="utf8")
    said, of = map(int, re.search(r"take about (\d+) of the (\d+) minutes", page).groups())
    assert of == MINUTES
    assert sum(step.minutes for step in found) == pytest.approx(said, abs=2)


def test_the_clock_counts_what_a_class_does():
    title = nbformat.v4.new_markdown_cell("## Cost\n\n" + "word " * 149)
    box = "> **Predict first**\n>\n> How many?\n>\n> Alone? a) 1, b) 2\n>\n> Together? a) 1, b) 2"
    vote = nbformat.v4.new_markdown_cell(box)
    blank = nbformat.v4.new_code_cell("size = 56\n...  # both", metadata={"mobilenet": {"answer": "ch6.afford-code"}})
    told = nbformat.v4.new_markdown_cell("<details>\n<summary>Stuck?</summary>\n\nNo word of this.\n\n</details>")
    figure = nbformat.v4.new_code_cell("explorables.Manifold(n=3)")
    step = lecture.Step(
        9, "Cost", "chapters/x", "cost", "[2](page:chapters/x#manifold?n=2), [3](page:x#manifold?n=3)", ""
    )
    assert class_clock.votes(box) == 2
    spent = class_clock.seconds([title, vote, blank, told, figure], step)
    assert spent["read"] == 60 * (150 + len(re.findall(r"\w+\S*", box))) / 150
    assert spent["typed"] == 3 * class_clock.TYPED  # standard, depthwise, and what is shown
    assert spent["figures"] == class_clock.FIGURE + class_clock.STATE
    assert spent["votes"] == 2 * class_clock.VOTE


def test_no_text_on_the_wall_says_what_the_cell_above_it_will_say(notebook):
    after_code, told = False, []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            after_code = True
            continue
        text = re.sub(r"<details>.*?</details>", "", cell.source, flags=re.DOTALL).strip()
        if re.match(r"#|>|\*\*Minute", text):
            after_code = False
        elif after_code and text and not text.endswith((":", "?")):
            told.append(text)
    assert told == []


def test_a_vote_is_taken_before_its_result(notebook):
    ids = [cell.id for cell in notebook.cells]
    boxes = [cell.id for cell in notebook.cells if "**Predict first**" in cell.source]
    for opening, result in (
        ("step-2-predict-first", "step-3-whole-layer"),
        ("step-5-predict-first", "step-7-measure-both"),
        ("step-10-predict-first", "step-11-linear-meaning"),
    ):
        assert opening in boxes and ids.index(opening) < ids.index(result)
    assert "Your prediction" not in "".join(markdown(notebook))  # the class raises its hands


def test_what_takes_long_the_first_time_is_done_before_the_class_comes(notebook):
    ready = next(cell.source for cell in notebook.cells if cell.id == "ready")
    later = [cell.source for cell in notebook.cells if cell.cell_type == "code" and cell.id not in ("setup", "ready")]
    assert not re.search(r"^(?:from|import) ", "\n".join(later), re.MULTILINE)
    assert "import torch" in ready and "pretrained.from_torchvision" in ready
    # All of it is of use.
    for name in lecture.defined(ready) - {"_"}:
        assert any(re.search(rf"\b{name}\b", program) for program in [*later, *map(str, answers_of(notebook))]), name


def answers_of(notebook: nbformat.NotebookNode) -> list[str]:
    return [reveal(cell.metadata.mobilenet.answer) for cell in notebook.cells if "mobilenet" in cell.metadata]


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


def test_it_runs_with_every_blank_open_and_shows_no_ellipsis(notebook, monkeypatch, tmp_path):
    """In one kernel, from top to bottom. The library is installed, so the first cell only says where."""
    notebook = nbformat.from_dict(notebook)
    notebook.cells.append(new_code_cell("print('the end')"))
    monkeypatch.setenv("JUPYTER_PATH", fresh.kernels(tmp_path))
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(ROOT / "chapters")}})
    client.execute()
    assert notebook.cells[-1].outputs[0].text == "the end\n"
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in shown if output.get("data", {}).get("text/plain") == "Ellipsis"]
    blanks = [cell for cell in notebook.cells if "mobilenet" in cell.metadata]
    assert len(blanks) >= 6
    for cell in blanks:
        assert not [output for output in cell.outputs if output.output_type == "error"]
