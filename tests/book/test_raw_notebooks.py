"""The chapters as they lie in the repository: they say what they are, and run with or without what builds the book."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import editions
import fresh
import nbformat
import pytest
from repository import PUBLISHED

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted([*(ROOT / "chapters").glob("*.ipynb"), *(ROOT / "reference").glob("*.ipynb")])
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def cells(path: Path) -> list[nbformat.NotebookNode]:
    return nbformat.read(path, as_version=4).cells


def setup(path: Path) -> str:
    return next(cell.source for cell in cells(path) if "setup" in cell.metadata.get("tags", []))


@every_notebook
def test_it_begins_with_what_it_is_and_where_the_clean_one_is(path):
    first, title, *_ = cells(path)
    assert first.source.startswith("> **This file is the source of a ") and title.source.startswith("# ")
    assert "remove-cell" in first.metadata.tags  # the page has no such cell
    clean = f"../../{PUBLISHED}/{editions.edition_path('colab', path.stem)}"  # from blob/main/chapters, on the web
    assert f"]({clean})" in first.source and "`make lab`" in first.source
    assert "://" not in first.source
    without_code = re.sub(r"`[^`]*`", "", first.source)
    assert not re.search(r"\{\w+\}|^:::|^```", without_code, re.MULTILINE)


def test_all_find_the_library_in_the_same_way():
    assert len({setup(path) for path in NOTEBOOKS}) == 1


RUN = """
import json, sys
hidden = set(json.loads(sys.argv[2]))
sys.modules.update(dict.fromkeys(hidden & {"myst_nb"}))
if "mobilenet_lib" in hidden:
    import importlib.util
    find = importlib.util.find_spec
    importlib.util.find_spec = lambda name: None if name == "mobilenet_lib" else find(name)
for programs in json.loads(sys.argv[1]):
    there = {}
    for program in programs:
        exec(program, there)
"""


def run(programs: list[list[str]], hidden: list[str], folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-W", "ignore", "-c", RUN, json.dumps(programs), json.dumps(hidden)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_glue_never_stops_a_notebook(monkeypatch):
    """The first cells of all, and what follows the import of glue in each, where myst-nb is not installed."""
    programs = []
    for path in NOTEBOOKS:
        code = [cell.source for cell in cells(path) if cell.cell_type == "code"]
        first = next(i for i, program in enumerate(code) if "mobilenet_lib import" in program)
        glued = re.findall(r"^from myst_nb import glue$", "\n".join(code), re.MULTILINE)
        assert len(glued) <= 1
        programs.append(
            [*code[: first + 1], *glued, *['assert glue("a number", 1, display=False) is None'] * len(glued)]
        )
    programs.append([setup(NOTEBOOKS[0])] * 2)  # and who runs the first cell again meets nothing new
    monkeypatch.chdir(ROOT / "chapters")
    done = fresh.python(RUN, json.dumps(programs), json.dumps(["myst_nb"]))
    assert done.returncode == 0, done.stderr


def test_without_the_library_one_command_is_offered_and_an_address_is_enough(tmp_path):
    done = run([[setup(NOTEBOOKS[0])]], ["mobilenet_lib"], tmp_path)
    assert done.returncode and "%pip install 'mobilenet-lib @ git+ADDRESS'" in done.stderr
    note = "import subprocess; subprocess.run = lambda command, **options: print(command)"
    known = setup(NOTEBOOKS[0]).replace('REPOSITORY = ""', 'REPOSITORY = "https://example.org/book"')
    done = run([[note, known]], ["mobilenet_lib"], tmp_path)
    assert "'install', '--quiet', 'mobilenet-lib @ git+https://example.org/book'" in done.stdout, done.stderr


def test_in_a_checkout_the_library_beside_it_is_taken():
    done = run([[setup(NOTEBOOKS[0]), "import sys; print(sys.path[0])"]], ["mobilenet_lib"], ROOT / "chapters")
    assert done.stdout.strip() == str(ROOT), done.stderr
