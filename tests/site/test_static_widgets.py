"""The extension that hosts explorables, on small books whose notebooks were run before (so no kernel starts)."""

from __future__ import annotations

import contextlib
import io
import uuid
import warnings
from pathlib import Path

import nbformat
import pytest
from sphinx.cmd.build import build_main

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
ESM = "const render = ({ model, el }) => { el.textContent = model.get('size'); };\nexport default { render };\n"
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" aria-labelledby="name"><title id="name">A</title><use href="#name"/></svg>'
)
CONF = """
import sys
sys.path.insert(0, {ext!r})
extensions = ["myst_nb", "static_widgets"]
html_theme = "basic"
nb_execution_mode = "off"
"""


class Model(dict):
    """A widget's model as a notebook stores it, under an id that differs from run to run."""

    def __init__(self, module: str, name: str, **state):
        super().__init__(model_module=module, model_module_version="1", model_name=name, state=state)
        self.id = uuid.uuid4().hex


def explorable(esm: str = ESM, name: str = "lib.TinyBlock", **state) -> Model:
    private = {"_esm": esm, "_css": ".mn { color: red }", "_anywidget_id": name, "layout": "IPY_MODEL_1"}
    return Model("anywidget", "AnyModel", **private, size=3, **state)


def notebook(*shown: Model, hidden: tuple[Model, ...] = (), svg: str | None = SVG) -> nbformat.NotebookNode:
    """Return an executed notebook that shows one widget a cell."""
    cells = [nbformat.v4.new_markdown_cell("# A page")]
    for model in shown:
        data = {"text/plain": model["model_name"], VIEW: {"version_major": 2, "version_minor": 0, "model_id": model.id}}
        if svg:
            data["image/svg+xml"] = svg
        cells.append(nbformat.v4.new_code_cell("x", outputs=[nbformat.v4.new_output("display_data", data)]))
    states = {model.id: dict(model) for model in (*shown, *hidden)}
    metadata = {"language_info": {"name": "python", "pygments_lexer": "python"}}
    metadata |= {"widgets": {STATE: {"version_major": 2, "version_minor": 0, "state": states}}}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


class Book:
    """Build small books in this process, and keep what Sphinx said about the last one."""

    def __init__(self, root: Path, folder: Path):
        self.root, self.folder = root, folder
        self.said = ""

    def build(self, page: nbformat.NotebookNode, name: str = "book") -> bool:
        source = self.folder / name
        source.mkdir()
        (source / "conf.py").write_text(CONF.format(ext=str(self.root / "book" / "ext")), encoding="utf8")
        nbformat.write(page, source / "index.ipynb")
        said = io.StringIO()
        with warnings.catch_warnings(), contextlib.redirect_stderr(said):
            warnings.simplefilter("ignore")  # of Sphinx and its extensions about each other
            code = build_main(["-q", "-W", "-b", "html", str(source), str(source / "html")])
        self.said = said.getvalue()
        return code == 0

    def read(self, file: str) -> str:
        return (self.folder / file).read_text(encoding="utf8")


@pytest.fixture
def book(root, tmp_path) -> Book:
    return Book(root, tmp_path)


def test_explorable_is_hosted_with_its_state_and_its_picture(book):
    assert book.build(notebook(explorable(), explorable())), book.said
    html = book.read("book/html/index.html")
    assert 'data-explorable="tiny-block"' in html and 'data-explorable="tiny-block-2"' in html
    assert '<script type="application/json">{"size":3}</script>' in html
    assert 'id="tiny-block-name"' in html and 'href="#tiny-block-2-name"' in html
    assert 'aria-labelledby="tiny-block-2-name"' in html
    assert html.count("explorables/host.js") == html.count("explorables/tiny-block.js") == 1
    for trace in ("require.js", "html-manager", STATE, VIEW, "_esm"):
        assert trace not in html
    script = book.read("book/html/_static/explorables/tiny-block.js")
    assert "export" not in script and 'explorables.define("tiny-block", render);' in script


def test_two_builds_give_the_same_bytes(book):
    for name in ("one", "two"):  # ipywidgets draws new ids each time
        assert book.build(notebook(explorable()), name), book.said
    assert book.read("one/html/index.html") == book.read("two/html/index.html")


SLIDER = Model("@jupyter-widgets/controls", "IntSliderModel", value=3)
INSIDE = explorable()
BOX = Model("@jupyter-widgets/controls", "VBoxModel", children=[f"IPY_MODEL_{INSIDE.id}"])
ELSEWHERE = ESM.replace("size", "other")


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (notebook(SLIDER), ("IntSlider", "anywidget.AnyWidget")),
        (notebook(BOX, hidden=(INSIDE,)), ("VBox", "Show TinyBlock directly")),
        (notebook(explorable(esm="export default { render, initialize };")), ("tiny-block", "does not end with")),
        (notebook(explorable(esm="import * as d3 from 'd3';\n" + ESM)), ("tiny-block", "has an import")),
        (notebook(explorable(), explorable(esm=ELSEWHERE)), ("tiny-block", "Give the class another name")),
        (notebook(explorable(), svg=None), ("TinyBlock", "image/svg+xml")),
    ],
    ids=["core ipywidget", "inside a VBox", "other exports", "an import", "two of a name", "no picture"],
)
def test_widget_that_cannot_be_hosted_fails_the_build_and_says_what_to_do(book, page, says):
    assert not book.build(page)
    for text in ("index: the widget", *says):
        assert text in book.said


def test_widget_whose_state_is_missing_fails_the_build(book):
    page = notebook(explorable())
    del page.metadata["widgets"]
    assert not book.build(page)
    assert "Execute the notebook again" in book.said
