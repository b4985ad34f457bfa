"""A real classic Notebook 6.5 with the widgets of Colab's ipywidgets, and a kernel like Colab's."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import environment
import front_ends
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Page

from mobilenet_lib import cost

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
CHAPTER = SITE / "student" / "01_standard_convolution.ipynb"
CLEAN = sorted((SITE / "colab").glob("*.ipynb"))
READY = "window.Jupyter?.notebook?.kernel?.is_connected() && Jupyter.notebook._fully_loaded"
START, ANSWER = 60, 120  # seconds that the server and the kernel may take on a busy machine
TOKEN = "for-this-test-only"

pytestmark = pytest.mark.colab


@pytest.fixture(scope="module")
def server(browser, colab, tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """Return the address of a classic Notebook, and its folder; `browser` comes first, so none is started in vain."""
    folder = tmp_path_factory.mktemp("classic")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [environment.classic_python(), "-m", "notebook", "--no-browser", "--allow-root", f"--port={port}"]
    command += ["--port-retries=0", f"--NotebookApp.token={TOKEN}", f"--notebook-dir={folder}"]
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    surroundings |= {f"JUPYTER_{name}_DIR": str(folder / ".home" / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    surroundings |= {"IPYTHONDIR": str(folder / ".home" / "ipython"), "OMP_NUM_THREADS": "1"}
    log = folder / "notebook.log"
    with log.open("w") as file:
        running = subprocess.Popen(command, env=surroundings, stdout=file, stderr=file, cwd=folder)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/api?token={TOKEN}", running, log)
        yield address, folder
    finally:
        running.terminate()
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def wait_for(url: str, running: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end and running.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
    pytest.fail(f"the classic Notebook did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def page(server, browser) -> Iterator[Page]:
    """Return the beginning of a student's notebook, with a formula and two figures, after all its cells have run."""
    address, folder = server
    notebook = nbformat.read(CHAPTER, as_version=4)
    wanted = {"title", "edition", "setup", "imports", "all-values", "scope"}
    notebook.cells = [cell for cell in notebook.cells if cell.id in wanted]
    notebook.cells.append(new_code_cell("explorables.InvertedBlock()", id="block"))
    notebook.metadata.kernelspec = {"name": "colab", "display_name": "colab", "language": "python"}
    nbformat.write(notebook, folder / "chapter.ipynb")
    opened = browser.new_page(viewport={"width": 1200, "height": 1000})
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(f"{address}/notebooks/chapter.ipynb?token={TOKEN}")
    opened.wait_for_function(READY, timeout=START * 1000)
    # One after another, as a reader does: where all cells run at once, that front end may lose its first widget.
    for cell, figures in enumerate([0, 0, 0, 0, 1, 1, 2]):
        opened.evaluate("cell => Jupyter.notebook.execute_cells([cell])", cell)
        opened.wait_for_function(
            """([cell, figures]) => /^\\d*$/.test(Jupyter.notebook.get_cell(cell).input_prompt_number ?? "")
              && document.querySelectorAll(".output .mn .mn-title").length === figures""",
            arg=[cell, figures],
            timeout=ANSWER * 1000,
        )
    yield opened
    opened.close()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:", "ws:", "about:"))] == []


def test_title_comes_first_and_no_raw_myst_shows(page):
    cells = page.locator(".cell")
    assert cells.first.inner_text().startswith("Standard convolution")
    assert page.locator(".text_cell_render:visible").count() == 3
    shown = "\n".join(page.locator(".text_cell_render").all_inner_texts())
    assert not re.search(r":::|\{\w+\}`", shown)


def test_a_slider_brings_fvcores_count(page):
    figure = page.locator(".output .mn").last
    slider = figure.get_by_role("slider", name="Expansion")
    for expansion in (6, 7):
        macs = cost.inverted_residual(24, 24 * expansion, 24, size=56).macs
        figure.get_by_text(f"fvcore: {macs:,} MACs, agrees").wait_for(timeout=ANSWER * 1000)
        slider.focus()
        page.keyboard.press("ArrowRight")


def test_numbers_in_formulas_are_as_large_as_letters_beside_a_figure(page):
    """MathJax calls a number `mn`, too, and the figures' style sheet must not mean it."""
    page.wait_for_function(
        "document.querySelectorAll('.text_cell_render .MathJax .mn').length > 0", timeout=START * 1000
    )
    sizes = page.evaluate("""[...document.querySelectorAll(".text_cell_render .MathJax .msubsup")].map((power) => {
      const [number, letter] = [".mn", ".mi"].map((name) => power.querySelector(name));
      return number && letter ? [number, letter].map((part) => {
        const style = getComputedStyle(part);
        return [style.display, style.zoom, style.borderTopWidth, style.containerType];
      }) : null;
    }).filter(Boolean)""")
    assert sizes
    for number, letter in sizes:
        assert number == letter


def test_text_of_a_figure_can_be_read(page):
    """There, 1rem is 10 pixels."""
    sizes = page.evaluate("""[...document.querySelectorAll(".output .mn :is(.mn-title, .mn-result, label)")]
      .filter((part) => part.getClientRects().length)
      .map((part) => [parseFloat(getComputedStyle(part).fontSize) * part.currentCSSZoom, part.textContent])""")
    assert len(sizes) > 10
    assert [text for size, text in sizes if size < 12] == []


@pytest.fixture(scope="module")
def reader(server, browser) -> Iterator[Page]:
    """Return an empty notebook, which can be given the cells of others: each of its own would want a kernel."""
    address, folder = server
    kernel = {"name": "colab", "display_name": "colab", "language": "python"}
    nbformat.write(new_notebook(metadata={"kernelspec": kernel}), folder / "empty.ipynb")
    opened = browser.new_page(viewport={"width": 1200, "height": 1000})
    opened.goto(f"{address}/notebooks/empty.ipynb?token={TOKEN}")
    opened.wait_for_function(READY, timeout=START * 1000)
    opened.evaluate("""() => {
      Jupyter.notebook.set_autosave_interval(0);
      MathJax.Hub.processSectionDelay = 0; // or it rests for half a second after each cell
    }""")
    yield opened
    opened.close()


@pytest.mark.parametrize("path", CLEAN, ids=lambda path: path.stem)
def test_every_notebook_reads_as_it_is_meant(reader, path):
    errors: list[str] = []
    notice = lambda error: errors.append(str(error))  # noqa: E731
    reader.on("pageerror", notice)
    cells = [{"cell_type": "markdown", "metadata": {}, "source": source} for source in front_ends.texts(path)]
    reader.evaluate(
        "cells => Jupyter.notebook.fromJSON({ type: 'notebook', content: { cells, metadata: {}, nbformat: 4 } })",
        cells,
    )
    # A cell with a program waits for what gives it colours.
    there = "() => [...document.querySelectorAll('.text_cell_render')].every((cell) => cell.firstElementChild)"
    reader.wait_for_function(there, timeout=START * 1000)
    reader.evaluate("() => new Promise((done) => MathJax.Hub.Queue(done))")
    asked = [".text_cell_render", ".MathJax", ".MathJax_Error, .merror, .noError"]
    front_ends.is_clean(path, lambda program: reader.evaluate(program, asked))
    reader.remove_listener("pageerror", notice)
    assert errors == []
