"""What the chapters print fits into a notebook's window, and their code onto a page.

JupyterLab breaks a printed line at its end, inside a word, too; a page cuts a line of code.
"""

from __future__ import annotations

import re
from pathlib import Path

import notebooks
import pytest

from mobilenet_lib import ConvBNReLU, checks, measure
from mobilenet_lib.course.answers import finished
from mobilenet_lib.measure.roof import Roofline
from mobilenet_lib.measure.timing import Latency

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
NOTEBOOKS = [*CHAPTERS, *sorted((ROOT / "reference").glob("*.ipynb"))]
# A window of 1024 pixels, with the list of files beside the notebook, has room for 74 letters. So have live cells.
WIDTH = 72
CODE = 96  # what a page has room for on a laptop of 1366 pixels
TORCH, SOURCE = "PyTorch prints a module", "lines of a file, as they stand there"
WIDER = {
    "01": {"block-repr": TORCH},
    "03": {"block-printed": TORCH},
    "07": {"spec-loop": SOURCE},
    "08": dict.fromkeys(("generator-code", "width-code", "stride-code", "torchvision-code"), SOURCE),
}


def printed(cell) -> str:
    """Return what a cell shows as text alone."""
    found = []
    for output in cell.get("outputs", []):
        data = output.get("data", {"text/plain": output.get("text", "\n".join(output.get("traceback", [])))})
        if set(data) == {"text/plain"}:
            found.append(re.sub(r"\x1b\[[\d;]*m", "", data["text/plain"]))
    return "\n".join(found)


def width(text: str) -> int:
    return max(map(len, text.split("\n")))


@pytest.mark.parametrize("path", CHAPTERS, ids=[path.stem for path in CHAPTERS])
def test_no_printed_line_is_wider_than_a_window(path):
    widths = {cell["id"]: width(printed(cell)) for cell in notebooks.executed(path).cells}
    assert {name: wide for name, wide in widths.items() if wide > WIDTH}.keys() == WIDER.get(path.stem[:2], {}).keys()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_no_line_of_code_is_wider_than_a_page(path):
    hidden = {"remove-cell", "remove-input"}
    shown = [
        finished(cell.source)
        for cell in notebooks.read(path).cells
        if cell.cell_type == "code" and not hidden & set(cell.metadata.get("tags", []))
    ]
    assert shown
    assert [line for source in shown for line in source.splitlines() if len(line) > CODE] == []


def test_a_time_and_a_roof_have_two_lines():
    took = Latency(12345.0, 1234.0, 1000, 128, 16, "channels_last", "cuda", "2.14.1+cu128")
    roof = Roofline(peak=123.4e9, bandwidth=123.4e9, cache=123.4e9, threads=16)
    for text in map(repr, (took, roof)):
        assert text.count("\n") == 1 and width(text) <= WIDTH
        first, second = text.split("\n")
        assert second.startswith(" " * 8) and len(first) < WIDTH  # below what stands in the brackets
        assert " ".join(text.split()).endswith(")")


def test_a_sentence_of_a_check_goes_on_on_the_next_line():
    words = "look again: " + "some words and a number, 1,234,567,890. " * 9
    shown = checks.CheckFailed(words.removeprefix("look again: ").strip())._render_traceback_()
    assert len(shown) == 1 and width(shown[0]) <= WIDTH
    assert shown[0].split() == words.split()


def test_torchinfos_columns_stand_close_together_and_lose_no_letter():
    table = measure.summary(ConvBNReLU(64, 128), (1, 64, 56, 56))
    assert width(str(table)) <= WIDTH
    rows = str(table).split("\n")
    wide = super(type(table), table).__repr__().split("\n")
    assert [row.split() for row in rows if "=" not in row] == [row.split() for row in wide if "=" not in row]
    for row in rows[3:7]:
        assert row.index("[1, 128") == rows[1].index("Output Shape")
