"""Every chapter as Colab meets it: one file, an empty folder, other versions, no checkout. `make test-colab` runs this.

The student edition runs bare, and with its blanks filled in with the answers that it reveals; its explorables are tried
out. Both go through one kernel, cell by cell, and a cell runs twice where it can differ: each blank, and whatever reads
a name that holds something else after the blank than after the answer (both_editions.py compares what they are made
of). Each other cell finds the same in both editions, so its second run would be the first one over again. What an
answer changes in place, nobody may read: the test says so, since the bare edition would find it changed.
No code of the other three is different: the live edition's is the same, the solutions edition is the student edition
filled in, and the whole one that with its exercises open. tests/site/test_editions.py asserts it, so they need not run.
What is no chapter has the whole edition alone.
"""

from __future__ import annotations

import ast
import functools
import http.server
import json
import re
import subprocess
import symtable
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
BOTH = f"""
import sys as _sys
_sys.path.append({str(Path(__file__).parent)!r})
from both_editions import Both as _Both
_sys.path.pop()
_both = _Both(globals(), [*get_ipython().user_ns_hidden, "shell"])
"""
FACTS = """
import json as _json, sys as _sys, ipywidgets as _i, anywidget as _a, torch as _t, mobilenet_lib as _m
print("facts", _json.dumps([_sys.version.split()[0], _i.__version__, _a.__version__, _t.__version__, _m.__file__]))
"""


def read(path: Path) -> nbformat.NotebookNode:
    """Return a notebook without its cells' tags: *Run All* passes over none of them."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.metadata.pop("tags", None)
    return notebook


def said(notebook: nbformat.NotebookNode, name: str) -> str:
    """Return what a cell printed."""
    return printed(next(cell for cell in notebook.cells if cell.id == name))


def printed(cell: nbformat.NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs if output.output_type == "stream")


def checked(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.id for cell in notebook.cells if cell.cell_type == "code" and "checks.check_" in cell.source]


def test_there_are_editions_to_run():
    assert len(EDITIONS["student"]) >= 9 and len(NO_CHAPTERS) >= 1


@pytest.mark.parametrize("name", ["mobilenet_lib", "fvcore", "torchinfo", "onnx", "onnxruntime", "onnxscript"])
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


def outer(table: symtable.SymbolTable) -> Iterator[symtable.Symbol]:
    """Yield the names of a notebook that some code has, without those that are a function's own."""
    yield from (symbol for symbol in table.get_symbols() if table.get_type() == "module" or symbol.is_global())
    for child in table.get_children():
        yield from outer(child)


def reads_and_sets(source: str) -> tuple[set[str], set[str]]:
    """Return the names that a cell may read before it sets them, and those that it sets in any case.

    An assignment at the cell's own level is such a case; what any other statement names counts as read.
    """
    reads: set[str] = set()
    sets: set[str] = set()
    for statement in ast.parse(source).body:
        symbols = list(outer(symtable.symtable(ast.unparse(statement), "cell", "exec")))
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        stored = {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
        stored &= {symbol.get_name() for symbol in symbols if symbol.is_assigned()}
        reads |= {each.get_name() for each in symbols if each.is_referenced() or each.get_name() not in stored} - sets
        sets |= stored
    return reads, sets


def defines(source: str) -> bool:
    kinds = ast.FunctionDef | ast.Lambda | ast.ClassDef
    return any(isinstance(part, kinds) for part in ast.walk(ast.parse(source)))


@pytest.mark.parametrize(
    ("source", "reads", "sets"),
    [
        ("x = y\nx", {"y"}, {"x"}),
        ("x = x + 1", {"x"}, {"x"}),
        ("x += 1", {"x"}, set()),
        ("x, (y, *z) = w", {"w"}, {"x", "y", "z"}),
        ("x[i] = x.a = 1", {"x", "i"}, set()),
        ("if a:\n    x = 1\nx", {"a", "x"}, set()),
        ("x = [y for y in z]", {"z"}, {"x"}),
        ("x = 1\nf = lambda y: x + y + z", {"z"}, {"x", "f"}),
        ("def f(a):\n    b = a\n    return b + c", {"c", "f"}, set()),
        ("import a.b\na = a and (x := 1)", {"a", "x"}, {"a"}),
        ("with a as x:\n    x", {"a", "x"}, set()),
    ],
)
def test_what_a_cell_reads_and_sets(source, reads, sets):
    assert reads_and_sets(source) == (reads, sets)


@pytest.mark.parametrize("path", EDITIONS["student"], ids=lambda path: path.stem)
def test_a_chapter_says_not_yet_while_bare_and_right_with_what_it_reveals_and_its_explorables_answer(run, path):
    notebook = read(path)
    blanks = {cell.id: cell.metadata.mobilenet.answer for cell in notebook.cells if "mobilenet" in cell.metadata}
    shown = try_out(notebook)
    assert checked(notebook) and shown  # an explorable, or the quiz at least
    setup, *rest = (cell for cell in notebook.cells if cell.cell_type == "code")
    with run(notebook) as execute:

        def answer(question: str) -> Any:
            """Ask the kernel, which answers in JSON."""
            cell = new_code_cell(f"import json as _json\nprint(_json.dumps({question}))")
            execute(cell)
            return json.loads(printed(cell))

        execute(setup)
        revealed = answer(f"{{key: str(reveal(key)) for key in {list(blanks.values())!r}}}")
        execute(new_code_cell(BOTH))
        differ: set[str] = set()
        spoiled: set[str] = set()  # what an answer has changed in place: no cell may read it any more
        late: set[str] = set()  # what functions read when they are called
        twice = []
        for cell in rest:
            reads, sets = reads_and_sets(cell.source)
            assert not reads & spoiled, (cell.id, reads & spoiled)
            if cell.id not in blanks and not reads & differ:
                execute(cell)
                differ, spoiled = differ - sets, spoiled - sets
                late |= reads if defines(cell.source) else set()
                continue
            answer(f"_both.bare({sorted(differ)!r})")
            execute(cell)
            if cell.id in checked(notebook):
                assert printed(cell).startswith("not yet: "), (cell.id, printed(cell))
            answer("_both.filled()")
            if cell.id in blanks:
                cell.source = revealed[blanks[cell.id]]
            execute(cell)
            differ, changed = map(set, answer("_both.compare()"))
            spoiled = changed | spoiled - (sets & reads_and_sets(cell.source)[1])
            assert not late & (differ | spoiled)
            twice.append(cell.id)
    assert {*blanks, *checked(notebook)} <= {*twice}
    for name in checked(notebook):
        assert said(notebook, name).startswith("right: "), (name, said(notebook, name))
    see_that_they_answered(notebook, shown)


@pytest.mark.parametrize("path", NO_CHAPTERS, ids=lambda path: path.stem)
def test_a_page_with_code_runs_from_top_to_bottom_and_its_explorables_answer(run, path):
    notebook = read(path)
    shown = try_out(notebook)
    with run(notebook) as execute:
        for cell in notebook.cells:
            execute(cell)
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
    with run(notebook) as execute:
        for cell in [*notebook.cells, setup]:  # a second time it fetches nothing, and says nothing
            execute(cell)
    assert said(notebook, "ask").startswith("revealed ")
    assert said(notebook, "setup") == ""
    library = json.loads(said(notebook, "facts").partition(" ")[2])[-1]
    assert library.endswith(f"/content/mobilenet_book/{brought.version}/mobilenet_lib/__init__.py")
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in shown if output.get("data", {}).get("text/plain") == "Ellipsis"]
