"""The extension that hosts explorables, on small books whose notebooks were run before (so no kernel starts)."""

from __future__ import annotations

import contextlib
import io
import re
import uuid
import warnings
from pathlib import Path

import nbformat
import node
import pytest
import static_widgets
from sphinx.cmd.build import build_main

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
ESM = """
const render = ({ model, el }) => {
  const label = document.createElement("label");
  const input = document.createElement("input");
  globalThis.mnIds = (globalThis.mnIds ?? 0) + 1;
  input.id = `mn-size-${globalThis.mnIds}`;
  label.setAttribute("for", input.id);
  label.textContent = `size ${model.get("size")}`;
  label.style.width = `${model.get("size") / 7}%`;
  el.append(label, input);
};
export default { render };
"""
HTML = '<p aria-labelledby="name"><b id="name">In words</b> <a href="#name">again</a></p>'
CONF = """
import sys
sys.path.insert(0, {ext!r})
extensions = ["myst_nb", "static_widgets"]
html_theme = "basic"
nb_execution_mode = "off"
exclude_patterns = ["html", "jupyter_execute"]
"""


class Model(dict):
    """A widget's model as a notebook stores it, under an id that differs from run to run."""

    def __init__(self, module: str, name: str, **state):
        super().__init__(model_module=module, model_module_version="1", model_name=name, state=state)
        self.id = uuid.uuid4().hex


def explorable(esm: str = ESM, name: str = "lib.TinyBlock", **state) -> Model:
    private = {"_esm": esm, "_css": ".mn { color: red }", "_anywidget_id": name, "layout": "IPY_MODEL_1"}
    return Model("anywidget", "AnyModel", **private, size=3, **state)


def notebook(*shown: Model, hidden: tuple[Model, ...] = (), html: str = "") -> nbformat.NotebookNode:
    """Return an executed notebook that shows one widget a cell; `html` is the static form it brings itself, if any."""
    cells = [nbformat.v4.new_markdown_cell("# A page")]
    for model in shown:
        data = {"text/plain": model["model_name"], VIEW: {"version_major": 2, "version_minor": 0, "model_id": model.id}}
        data["text/markdown"] = "| numbers |\n| --- |\n| 3 |"
        if html:
            data["text/html"] = html
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

    def build(self, page: nbformat.NotebookNode, name: str = "book", again: bool = False) -> bool:
        source = self.folder / name
        source.mkdir(exist_ok=again)
        (source / "conf.py").write_text(CONF.format(ext=str(self.root / "book" / "ext")), encoding="utf8")
        path, text = source / "index.ipynb", nbformat.writes(page)
        if not path.exists() or path.read_text(encoding="utf8") != text:  # Sphinx looks at a file's time
            path.write_text(text, encoding="utf8")
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


def test_explorable_is_hosted_with_its_state_and_what_its_own_script_draws(book):
    assert book.build(notebook(explorable(), explorable())), book.said
    html = book.read("book/html/index.html")
    assert 'data-explorable="tiny-block"' in html and 'data-explorable="tiny-block-2"' in html
    assert '<script type="application/json">{"size":3}</script>' in html
    assert html.count(">size 3</label>") == 2
    ids = re.findall(r'\bid="(tiny-block[^"]*)"', html)
    assert len(ids) == len(set(ids)) == 2 and set(re.findall(r'\bfor="([^"]*)"', html)) == set(ids)
    assert html.count("explorables/host.js") == html.count("explorables/tiny-block.js") == 1
    for trace in ("require.js", "html-manager", STATE, VIEW, "_esm", "| numbers |"):
        assert trace not in html, trace
    script = book.read("book/html/_static/explorables/tiny-block.js")
    assert "export" not in script and 'explorables.define("tiny-block", render);' in script


def test_what_style_attributes_would_say_stands_in_the_pages_own_sheet(book):
    assert book.build(notebook(explorable())), book.said
    html = book.read("book/html/index.html")
    [name] = re.findall(r'<label[^>]* class="(s\w+)"', html)
    assert "explorables/page-index.css" in html
    assert f".{name} {{ width:0.429%; }}" in book.read("book/html/_static/explorables/page-index.css")


def test_a_widget_may_bring_its_own_static_form_with_ids_that_become_its_own(book):
    assert book.build(notebook(explorable(), explorable(), html=HTML)), book.said
    html = book.read("book/html/index.html")
    assert "size 3" not in html and html.count("In words") == 2
    assert 'id="tiny-block-name"' in html and 'href="#tiny-block-2-name"' in html
    assert 'aria-labelledby="tiny-block-2-name"' in html


def test_a_warm_build_shows_the_script_that_the_notebook_has_now(book):
    """The notebook runs again when the library changes; the page must then follow, static form and script."""
    page = notebook(explorable())
    assert book.build(page), book.said
    changed = notebook(explorable(esm=ESM.replace("size ${", "now ${")))
    assert book.build(changed, again=True), book.said
    assert ">now 3</label>" in book.read("book/html/index.html")
    assert "now ${" in book.read("book/html/_static/explorables/tiny-block.js")


def test_a_warm_build_writes_pages_again_when_what_draws_them_has_changed(book, monkeypatch):
    page = notebook(explorable())
    assert book.build(page), book.said
    (book.folder / "book" / "html" / "index.html").write_text("stale", encoding="utf8")
    assert book.build(page, again=True), book.said
    assert book.read("book/html/index.html") == "stale"  # nothing had changed
    monkeypatch.setattr(static_widgets, "made_with", lambda: "another")
    assert book.build(page, again=True), book.said
    assert ">size 3</label>" in book.read("book/html/index.html")


def test_two_builds_give_the_same_bytes(book):
    for name in ("one", "two"):  # ipywidgets draws new ids each time
        assert book.build(notebook(explorable()), name), book.said
    assert book.read("one/html/index.html") == book.read("two/html/index.html")


SLIDER = Model("@jupyter-widgets/controls", "IntSliderModel", value=3)
INSIDE = explorable()
BOX = Model("@jupyter-widgets/controls", "VBoxModel", children=[f"IPY_MODEL_{INSIDE.id}"])
ELSEWHERE = ESM.replace("size", "other")
BROKEN = "const render = () => { throw new Error('no such trait'); };\nexport default { render };"


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (notebook(SLIDER), ("IntSlider", "anywidget.AnyWidget")),
        (notebook(BOX, hidden=(INSIDE,)), ("VBox", "Show TinyBlock directly")),
        (notebook(explorable(esm="export default { render, initialize };")), ("tiny-block", "does not end with")),
        (notebook(explorable(esm="import * as d3 from 'd3';\n" + ESM)), ("tiny-block", "has an import")),
        (notebook(explorable(), explorable(esm=ELSEWHERE)), ("tiny-block", "Give the class another name")),
        (notebook(explorable(esm=BROKEN)), ("tiny-block", "its render fails in node", "no such trait", "text/html")),
    ],
    ids=["core ipywidget", "inside a VBox", "other exports", "an import", "two of a name", "a render that fails"],
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


def test_what_all_figures_share_is_one_script_and_each_takes_from_it_what_it_uses():
    shared = f"const one = 1;\nconst two = () => one + 1;\nconst three = 3;\n{static_widgets.SHARED_SCRIPT}"
    own = f"function render() {{ return two(); }}\n{static_widgets.EXPORT}\n"
    scripts = static_widgets.classic_scripts("tiny-block", shared + own)
    assert list(scripts) == ["kit.js", "tiny-block.js"]
    assert "const { two } = explorables.shared;" in scripts["tiny-block.js"] and "three" not in scripts["tiny-block.js"]
    host = "globalThis.explorables = { define: (name, render) => console.log(name, render()) };"
    done = node.run(node.node(), "--eval", "\n".join([host, *scripts.values()]))
    assert done.stdout == "tiny-block 2\n", done.stderr
    assert list(static_widgets.classic_scripts("tiny-block", own)) == ["tiny-block.js"]
