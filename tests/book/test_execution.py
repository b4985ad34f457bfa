"""Notebooks run once for each library, and the build says which one it is at."""

from __future__ import annotations

import inspect
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import execution
import nbformat
import pytest
from jupyter_cache.base import CacheBundleIn
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from mobilenet_lib import measure


@pytest.mark.parametrize("name", ["cost.py", "explorables/kit.js", "explorables/kit.css"])
def test_another_library_is_another_cache(tmp_path, name):
    library = tmp_path / "mobilenet_lib"
    (library / "explorables").mkdir(parents=True)
    (library / name).write_text("one")
    (library / "notes.txt").write_text("one")
    before = execution.cache_path(tmp_path, tmp_path)
    (library / "notes.txt").write_text("two")
    assert execution.cache_path(tmp_path, tmp_path) == before
    (library / name).write_text("two")
    assert execution.cache_path(tmp_path, tmp_path) != before


def notebook(text: str = "about it") -> nbformat.NotebookNode:
    cells = [new_markdown_cell(text, id="about"), new_code_cell("1 + 1", id="sum")]
    return new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python"}})


TEXT = """---
file_format: mystnb
kernelspec:
  name: python3
  display_name: Python
---

# A page with code

```{code-cell}
1 + 1
```
"""


@pytest.fixture
def build(tmp_path):
    """Return what a build of three notebooks and a page knows; the code of two of them is in the cache."""
    sources = {"one.ipynb": "{}", "page.md": "# A page\n\nfile_format: mystnb", "text.md": TEXT, "two.ipynb": "{}"}
    for name, text in sources.items():
        (tmp_path / name).write_text(text)
    with execution.opened(tmp_path / "cache") as cache:
        cache.cache_notebook_bundle(CacheBundleIn(notebook(), "two.ipynb"), check_validity=False)
    paths = {Path(name).stem: str(tmp_path / name) for name in sources}
    env = SimpleNamespace(doc2path=paths.__getitem__, docname="")
    return SimpleNamespace(env=env, config=SimpleNamespace(nb_execution_cache_path=str(tmp_path / "cache")))


def read(progress: execution.Progress, build: SimpleNamespace, name: str, text: str) -> None:
    build.env.docname = name
    progress.begin(build, name, [text])
    progress.end(build, None)


@pytest.mark.parametrize(("succeeded", "how"), [(True, "ran"), (False, "failed")])
def test_the_build_says_which_notebook_runs_and_which_came_from_the_cache(build, monkeypatch, capsys, succeeded, how):
    done = {"succeeded": succeeded, "runtime": 12.4 if succeeded else None}
    monkeypatch.setattr(execution.NbMetadataCollector, "get_exec_data", lambda env, name: done)
    progress = execution.Progress()
    progress.plan(build, build.env, ["two", "text", "page", "one"])
    other = notebook()
    other.cells[1].source = "2 + 2"
    read(progress, build, "one", nbformat.writes(other))
    read(progress, build, "page", "# Not a notebook")
    read(progress, build, "text", TEXT)
    read(progress, build, "two", nbformat.writes(notebook("other words")))  # words do not make it run again
    assert capsys.readouterr().out.splitlines() == [
        "running notebook 1 of 3: one ...",
        f"{how} notebook 1 of 3: one" + (" in 12 s" if succeeded else ""),
        "notebook 2 of 3: text from the cache",
        "notebook 3 of 3: two from the cache",
    ]


@pytest.fixture
def ahead(tmp_path):
    """Return a function that writes pages, and notebooks of a cell each, runs them ahead, and the cache they go to."""
    cache = str(tmp_path / "cache")
    config = SimpleNamespace(nb_execution_cache_path=cache, nb_execution_timeout=60)

    def run(*pages: str, **cells: str) -> list[str]:
        paths = {name: tmp_path / f"{name}.ipynb" for name in cells}
        for name, code in cells.items():
            book = notebook()
            book.cells[1].source = code
            nbformat.write(book, paths[name])
        for name in pages:
            paths[name] = tmp_path / f"{name}.md"
            paths[name].write_text(TEXT if name == "text" else "# A page")
        env = SimpleNamespace(doc2path=lambda name: str(paths[name]))
        return execution.run_ahead(SimpleNamespace(config=config), env, list(paths))

    return run, cache


def test_two_cells_run_at_the_same_time_but_one_that_measures_times_by_itself():
    turns, running, beside = execution.Turns(), [], []

    def run(source: str) -> None:
        with turns.of(source):
            running.append(source)
            time.sleep(0.02)
            beside.append((source, len(running)))
            running.remove(source)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(run, ["1 + 1", "1 + 1", "measure.latency(network, shape)"] * 6))
    assert {number for source, number in beside if source == "1 + 1"} == {1, 2}
    assert {number for source, number in beside if source != "1 + 1"} == {1}


def test_whatever_measures_for_some_seconds_is_known_for_it():
    functions = {name: getattr(measure, name) for name in measure.__all__}
    takes_seconds = [
        name
        for name, function in functions.items()
        if callable(function) and "seconds" in inspect.signature(function).parameters
    ]
    assert {"latency", "roofline"} <= {*takes_seconds}
    assert [name for name in takes_seconds if not execution.TIMES.search(f"found = measure.{name}(network)")] == []
    assert not execution.TIMES.search("took.latency, measure.macs(network, shape)")


IN_PARTS = "print('one', end=' ', flush=True)\nprint('line')"


def test_notebooks_run_two_at_a_time_and_one_that_fails_is_left_to_the_build(ahead, tmp_path, capsys, monkeypatch):
    run, folder = ahead
    turns = []
    monkeypatch.setattr(execution.Turns, "of", lambda self, source: nullcontext(turns.append(source)))
    assert run("page", "text", one=IN_PARTS, two="2 + 2", faulty="1 / 0") == ["one", "text", "two"]
    assert sorted(turns) == ["1 + 1", "1 / 0", "2 + 2", IN_PARTS]
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "running 4 notebooks, two at a time ..."
    assert sorted(line.split(" in ")[0] for line in said[1:]) == ["ran one", "ran text", "ran two"]
    with execution.opened(folder) as cache:
        _, two = cache.merge_match_into_notebook(nbformat.read(tmp_path / "two.ipynb", as_version=4))
        _, one = cache.merge_match_into_notebook(nbformat.read(tmp_path / "one.ipynb", as_version=4))
    assert two.cells[1].outputs[0]["data"]["text/plain"] == "4"
    assert [output["text"] for output in one.cells[1].outputs] == ["one line\n"]  # or myst-nb breaks it in two
    assert not execution.is_cached((tmp_path / "faulty.ipynb").read_text(), folder)
    assert execution.is_cached(TEXT, folder)
    assert run("page", "text", one=IN_PARTS) == []


DAMAGED = """from pathlib import Path
import warnings
if Path("weights").read_text() != "right":
    warnings.warn("these weights are damaged; right ones are fetched")
    Path("weights").write_text("right")
"""


def test_a_warning_of_one_time_only_is_said_by_the_build_and_stands_in_no_page(ahead, tmp_path, capsys):
    """As that of a damaged file of weights, which is whole again when the notebook has run."""
    (tmp_path / "weights").write_text("wrong")
    run, folder = ahead
    assert run(one=DAMAGED, two="import warnings\nwarnings.warn('always')") == ["one", "two"]
    said = capsys.readouterr().out
    assert "one runs once more, since it said: " in said and "UserWarning: these weights are damaged" in said
    assert (tmp_path / "weights").read_text() == "right"
    shown = {}
    with execution.opened(folder) as cache:
        for name in ("one", "two"):
            _, ran = cache.merge_match_into_notebook(nbformat.read(tmp_path / f"{name}.ipynb", as_version=4))
            shown[name] = execution.warnings(ran)
    assert shown["one"] == "" and "always" in shown["two"]


def test_kernels_start_with_a_profile_of_the_books_own(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", "of the user")
    execution.quiet_kernel(SimpleNamespace(outdir=tmp_path / "html"))
    profile = Path(execution.os.environ["IPYTHONDIR"], "profile_default", "ipython_kernel_config.py")
    assert profile.is_relative_to(tmp_path)
    assert "log_level = 40" in profile.read_text()
