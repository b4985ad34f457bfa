"""Every chapter as Colab meets it: one file, an empty folder, other versions, no checkout. `make test-colab` runs this.

The student edition runs bare, and again in the same kernel with its blanks filled in with the answers that it reveals;
then its explorables are tried out. No code of the other three is different: the live edition's is the same, the
solutions edition is the student edition filled in, and the whole one that with its exercises open.
tests/site/test_editions.py asserts it, so they need not run. What is no chapter has the whole edition alone.
"""

from __future__ import annotations

import functools
import http.server
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import nbformat
import packing
import pytest
from nbformat.v4 import new_code_cell

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
# The last chapters take longest, and come first: so two processes end together.
EDITIONS = {kind: sorted((SITE / kind).glob("*.ipynb"), reverse=True) for kind in ("colab", "student")}
NO_CHAPTERS = [path for path in EDITIONS["colab"] if path.name not in {each.name for each in EDITIONS["student"]}]

pytestmark = pytest.mark.colab

# Runs behind each cell that shows an explorable: every setting gets another value, and the observer must have answered.
TRY_OUT = """
_shown = Out[max(Out)]  # a chapter may have assigned something to _
for _name in getattr(_shown, "settings", []):
    _range, _before = _shown.ranges[_name], getattr(_shown, _name)
    _values = _range.get("values") or [_range.get("min", ""), _range.get("max", "a")]  # or what a reader types
    setattr(_shown, _name, next(v for v in _values if v != _before))
    if "measured" in _shown.trait_names() and _shown.measured:
        assert _shown.measured["key"] == _shown.key(), (_name, _shown.measured)
        assert "error" not in _shown.measured or "letters" in _range, _shown.measured  # "a" may mean nothing
    setattr(_shown, _name, _before)
print("tried", type(_shown).__name__, len(_shown.settings) if hasattr(_shown, "settings") else 0)
"""
FACTS = """
import json as _json, sys as _sys, ipywidgets as _i, anywidget as _a, torch as _t, mobilenet_lib as _m
print("facts", _json.dumps([_sys.version.split()[0], _i.__version__, _a.__version__, _t.__version__, _m.__file__]))
"""


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def said(notebook: nbformat.NotebookNode, name: str) -> str:
    """Return what a cell printed."""
    cell = next(cell for cell in notebook.cells if cell.id == name)
    return "".join(output.get("text", "") for output in cell.outputs if output.output_type == "stream")


def checked(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.id for cell in notebook.cells if cell.cell_type == "code" and "checks.check_" in cell.source]


def test_there_are_editions_to_run():
    assert len(EDITIONS["student"]) >= 9 and len(NO_CHAPTERS) >= 1


@pytest.mark.parametrize("name", ["mobilenet_lib", "fvcore", "torchinfo"])
def test_the_environment_lacks_the_library_and_what_the_first_cell_brings(pristine, name):
    done = subprocess.run([pristine, "-c", f"import {name}"], capture_output=True, text=True, cwd="/")
    assert f"No module named '{name}'" in done.stderr


def try_out(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Put a cell that moves its settings behind each explorable, and one with facts at the end; return those tried."""
    shown = [cell for cell in notebook.cells if re.match(r"(explorables|quiz)\.\w+\(", cell.source)]
    for count, cell in enumerate(shown):
        notebook.cells.insert(notebook.cells.index(cell) + 1, new_code_cell(TRY_OUT, id=f"try-{count}"))
    notebook.cells.append(new_code_cell(FACTS, id="facts"))
    return shown


def see_that_they_answered(notebook: nbformat.NotebookNode, shown: list[nbformat.NotebookNode]) -> None:
    for count, cell in enumerate(shown):
        assert any("application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in cell.outputs), cell.source
        explorable = re.match(r"explorables\.(\w+)", cell.source)
        assert said(notebook, f"try-{count}").startswith(f"tried {explorable[1]} " if explorable else "tried ")
    _, ipywidgets, anywidget, torch, library = json.loads(said(notebook, "facts").partition(" ")[2])
    assert ipywidgets.startswith("7.7.") and anywidget.startswith("0.9.") and torch.startswith("2.11.")
    assert re.search(r"/content/mobilenet_book/[^/]+/mobilenet_lib/", library)


@pytest.mark.parametrize("path", EDITIONS["student"], ids=lambda path: path.stem)
def test_a_chapter_says_not_yet_while_bare_and_right_with_what_it_reveals_and_its_explorables_answer(run, path):
    notebook = read(path)
    blanks = {cell.metadata.mobilenet.answer: cell for cell in notebook.cells if "mobilenet" in cell.metadata}
    ask = f"import json\nprint(json.dumps({{key: str(reveal(key)) for key in {list(blanks)!r}}}))"
    notebook.cells.append(new_code_cell(ask, id="ask"))
    with run(notebook) as again:
        assert checked(notebook)
        for name in checked(notebook):
            assert said(notebook, name).startswith("not yet: "), (name, said(notebook, name))
        for key, answer in json.loads(said(notebook, "ask")).items():
            blanks[key].source = answer
        shown = try_out(notebook)
        _, *rest = (cell for cell in notebook.cells if cell.cell_type == "code")  # the first brings the library
        for cell in rest:
            again(cell)
    for name in checked(notebook):
        assert said(notebook, name).startswith("right: "), (name, said(notebook, name))
    assert shown  # an explorable, or the quiz at least
    see_that_they_answered(notebook, shown)


@pytest.mark.parametrize("path", NO_CHAPTERS, ids=lambda path: path.stem)
def test_a_page_with_code_runs_from_top_to_bottom_and_its_explorables_answer(run, path):
    notebook = read(path)
    shown = try_out(notebook)
    with run(notebook):
        pass
    see_that_they_answered(notebook, shown)


# Where the site has an address


@pytest.fixture
def published(tmp_path: Path) -> Iterator[str]:
    """Return the address of a server that has the built library's wheel."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=SITE)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_notebook_installs_the_library_from_the_site(run, published):
    """The first cells of one: what follows them is the same whether the library was carried or fetched."""
    notebook = read(SITE / "student" / "01_standard_convolution.ipynb")
    brought = packing.read_library(next((SITE / packing.WHEELS).glob("*.whl")))
    setup = next(cell for cell in notebook.cells if cell.id == "setup")
    needs = json.loads(re.search(r"^NEEDS = (.*?)  #", setup.source, re.MULTILINE)[1])
    setup.source = packing.setup_with_wheel(brought, needs, published)
    assert len(nbformat.writes(notebook)) < 100_000
    end = [cell.id for cell in notebook.cells].index("loop")
    asked = new_code_cell('print("revealed", len(reveal("ch1.loop")))', id="ask")
    notebook.cells = [*notebook.cells[: end + 1], asked, new_code_cell(FACTS, id="facts")]
    with run(notebook) as again:
        again(setup)  # a second time it fetches nothing, and says nothing
    assert said(notebook, "ask").startswith("revealed ")
    assert said(notebook, "setup") == ""
    library = json.loads(said(notebook, "facts").partition(" ")[2])[-1]
    assert library.endswith(f"/content/mobilenet_book/{brought.version}/mobilenet_lib/__init__.py")
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in shown if output.get("data", {}).get("text/plain") == "Ellipsis"]
