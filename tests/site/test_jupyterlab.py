"""The explorables live: a real JupyterLab and Notebook 7, a real kernel, and fvcore's count beside the closed form."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fresh
import front_ends
import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page

from mobilenet_lib import cost, explorables, photographs

CLEAN = sorted((Path(__file__).resolve().parents[2] / "_build" / "html" / "colab").glob("*.ipynb"))
TOKEN = "for-this-test-only"
NAMES = ["InvertedBlock", *(name for name in explorables.__all__ if name != "InvertedBlock")]
TURNS = 3  # in which the lab times each network here, and not fifteen: each is a question to the kernel like the others
CELLS = ("from mobilenet_lib import explorables", *(f"explorables.{name}()" for name in NAMES))
FEWER = f"""lab = explorables.LatencyLab()
lab._esm = lab._esm.replace("const ROUNDS = 15;", "const ROUNDS = {TURNS};")
lab"""
# As `python -m jupyterlab`, but that jsonschema sets up no grammar of internationalised addresses: tests/conftest.py.
SERVER = "import sys; sys.modules['rfc3987_syntax'] = None; from jupyterlab.labapp import main; main()"
START, ANSWER = 60, 240  # seconds that JupyterLab and the kernel may take on a busy machine
# JupyterLab draws the cells in sight alone, and a figure above that grows pushes others out of it.
THERE = {"state": "attached", "timeout": ANSWER * 1000}


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory) -> Iterator[str]:
    """Return the address of a JupyterLab with one notebook; `browser` comes first, so that none is started in vain."""
    folder = tmp_path_factory.mktemp("lab")
    sources = [FEWER if source == "explorables.LatencyLab()" else source for source in CELLS]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), folder / "live.ipynb")
    address = f"http://127.0.0.1:{free_port()}"
    options = {
        "ServerApp.port": address.rpartition(":")[2],
        "ServerApp.port_retries": "0",
        "ServerApp.root_dir": folder,
        "IdentityProvider.token": TOKEN,
        "LabApp.expose_app_in_browser": "True",
        "LabApp.news_url": "None",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    command = [sys.executable, "-c", SERVER, "--no-browser", "--allow-root"]
    command += [f"--{name}={value}" for name, value in options.items()]
    home = folder / "home"  # nobody's settings, and none left behind
    environment = os.environ | {f"JUPYTER_{name}_DIR": str(home / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    environment |= {"IPYTHONDIR": str(home / "ipython"), "JUPYTERLAB_SETTINGS_DIR": str(home / "lab")}
    environment["JUPYTER_PATH"] = fresh.kernels(home)
    log = folder / "lab.log"
    with log.open("w") as file:
        server = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
    try:
        wait_for(address, server, log)
        yield address
    finally:
        server.terminate()  # it stops its kernels before it goes
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=5):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


@contextmanager
def opened(browser: Browser, lab: str, place: str) -> Iterator[Page]:
    """Open the notebook in a front end. It asks its own server alone."""
    page = browser.new_page(viewport={"width": 1200, "height": 1000})
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{lab}/{place}/live.ipynb?token={TOKEN}")
    page.wait_for_selector(".jp-NotebookPanel .jp-CodeCell", timeout=START * 1000)
    yield page
    page.close()
    assert [url for url in asked if not url.startswith((lab, "data:", "blob:"))] == []


@pytest.fixture(scope="module")
def jupyterlab(lab, browser) -> Iterator[Page]:
    """Return a JupyterLab in which the notebook has not run yet."""
    with opened(browser, lab, "lab/tree") as page:
        yield page


@pytest.fixture(scope="module")
def notebook7(lab, browser) -> Iterator[Page]:
    """Return a Notebook 7 in which the notebook has not run yet."""
    with opened(browser, lab, "notebooks") as page:
        yield page


# Every notebook's text


@pytest.fixture
def reader(jupyterlab) -> Iterator[Page]:
    """Return a JupyterLab whose own renderer can be asked, and take away what it has rendered."""
    ready = "window.jupyterapp?.started && jupyterapp.restored.then(() => true)"
    jupyterlab.wait_for_function(ready, timeout=START * 1000)
    yield jupyterlab
    jupyterlab.evaluate("document.querySelector('#read')?.remove()")


@pytest.mark.parametrize("path", CLEAN, ids=lambda path: path.stem)
def test_every_notebook_reads_as_it_is_meant(reader, path):
    written = front_ends.texts(path)
    reader.evaluate(
        """async (sources) => {
          const { rendermime } = jupyterapp.docRegistry.getWidgetFactory("Notebook");
          const place = Object.assign(document.createElement("div"), { id: "read" });
          document.body.append(place);
          for (const source of sources) {
            const renderer = rendermime.createRenderer("text/markdown");
            place.append(renderer.node);
            const data = { "text/markdown": source };
            await renderer.renderModel({ data, metadata: {}, trusted: true, setData() {} });
          }
          await rendermime.latexTypesetter.typeset(place); // as it does once a cell is in its notebook
        }""",
        written,
    )
    wanted = sum(map(front_ends.formulas, written))
    found = "count => document.querySelectorAll('#read mjx-container').length === count"
    reader.wait_for_function(found, arg=wanted, timeout=START * 1000)
    asked = ["#read > *", "mjx-container", "mjx-merror, .mjx-c5C"]
    front_ends.is_clean(path, lambda program: reader.evaluate(program, asked))


# The notebook's figures. In each front end something else says that its kernel is ready.
LAB, NOTEBOOK = ("jupyterlab", ":text('| Idle')"), ("notebook7", ".jp-Notebook-ExecutionIndicator[data-status='idle']")


@pytest.fixture(scope="module", params=[LAB, NOTEBOOK], ids=["lab", "notebook"])
def figures(request, browser) -> Iterator[Locator]:
    """Run the notebook, in JupyterLab and in Notebook 7, and return its figures, one for each explorable.

    `browser` stands here for tests/conftest.py, which marks what asks for one.
    """
    name, ready = request.param
    page = request.getfixturevalue(name)
    page.locator(ready).first.wait_for(timeout=ANSWER * 1000)  # or it asks for a kernel
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator(".lm-Menu-item", has_text="Run All Cells").first.click()
    found = page.locator(".jp-OutputArea .mn")
    page.wait_for_function(
        "count => document.querySelectorAll('.jp-OutputArea .mn .mn-title').length === count",
        arg=len(NAMES),
        timeout=ANSWER * 1000,
    )
    yield found
    page.close()  # the kernel would tell it what it tells the other one


def test_arrow_key_brings_fvcores_count_of_the_new_block(figures):
    figure = figures.nth(NAMES.index("InvertedBlock"))
    slider = figure.get_by_role("slider", name="Expansion")

    def agrees(expansion: int) -> None:
        macs = cost.inverted_residual(24, 24 * expansion, 24, size=56).macs
        figure.get_by_text(f"fvcore: {macs:,} MACs, agrees").wait_for(**THERE)

    agrees(6)
    slider.focus()
    figure.page.keyboard.press("ArrowRight")
    agrees(7)
    # In JupyterLab the arrow keys belong to the notebook, unless the slider keeps them.
    assert slider.evaluate("input => input === document.activeElement")
    figure.page.keyboard.press("ArrowRight")
    agrees(8)


def test_the_kernel_times_the_networks_of_the_latency_lab(figures):
    figure = figures.nth(NAMES.index("LatencyLab"))
    figure.get_by_role("button", name="Measure on your kernel").click()
    figure.get_by_text("in Python, one thread.").first.wait_for(**THERE)
    assert figure.locator(".mn-result").inner_text().startswith("Your kernel: the separable block has 7.9 times fewer")
    said = figure.locator("textarea").input_value()
    assert "in Python, one thread" in said and f"median and quartiles of {TURNS} turns" in said


def test_the_kernel_reads_digits(figures):
    figure = figures.nth(NAMES.index("DigitCanvas"))
    figure.get_by_text("The 30 maps").wait_for(**THERE)  # nobody had to press a button
    example = next(each for each in explorables.DigitCanvas().examples if each["label"] == 4)
    figure.get_by_role("button", name="Example 4", exact=True).click()
    for answer, shares in zip(figure.locator(".mn-said").all(), example["shares"].values(), strict=True):
        answer.get_by_text(str(shares.index(max(shares)))).wait_for(**THERE)


def test_the_kernel_names_what_it_sees_in_a_photograph_and_in_the_readers_own(figures, released):
    released("mobilenet_v2")
    figure = figures.nth(NAMES.index("WhatItSees"))
    figure.scroll_into_view_if_needed()
    figure.locator(".mn-see-stage > img[src^='data:image/jpeg']:not([hidden])").wait_for(**THERE)  # the kernel has it
    broken = "root => [...root.querySelectorAll('img')].filter((each) => each.checkVisibility() && !each.naturalWidth)"
    assert figure.evaluate(f"root => ({broken})(root).length") == 0  # a page has files for them, a notebook has none
    figure.scroll_into_view_if_needed()
    if figure.get_by_role("button", name="Start the network").is_visible():
        figure.get_by_role("button", name="Start the network").click()
    figure.get_by_text("Ready: PyTorch").wait_for(**THERE)
    figure.get_by_text("for a picture on this device").wait_for(**THERE)
    assert figure.locator(".mn-see-first label").first.inner_text().startswith("palace")
    own = io.BytesIO()
    photographs.picture("coffee").save(own, "PNG")
    chosen = {"name": "mine.png", "mimeType": "image/png", "buffer": own.getvalue()}
    figure.locator("input[type=file]").set_input_files(chosen)
    figure.locator(".mn-see-first").get_by_text("espresso").wait_for(**THERE)
    assert "Your picture, as the network gets it." in figure.inner_text()


# Take the first slider of a figure in hand, or what is chosen where it has none; return what the figure says.
TAKE = """figure => {
  const sliders = [...figure.querySelectorAll("input[type=range]")].filter((each) => each.checkVisibility());
  const control = sliders[0] ?? figure.querySelector("input[type=radio]:checked");
  control.scrollIntoView({ block: "center" });
  control.focus();
  return figure.innerText;
}"""


@pytest.mark.parametrize("name", NAMES)
def test_every_explorable_answers_in_a_live_notebook(figures, name):
    figure = figures.nth(NAMES.index(name))
    shown = figure.evaluate(TAKE)
    figure.page.keyboard.press("ArrowLeft")
    now = figure.inner_text()
    if now == shown:  # it stood at its left end
        figure.page.keyboard.press("ArrowRight")
        now = figure.inner_text()
    assert now != shown
    if "fvcore" in now:  # there is nothing to count in the one about ReLU
        figure.get_by_text("MACs, agrees").first.wait_for(**THERE)
