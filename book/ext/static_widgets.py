"""Host explorables in the built pages, where there is no kernel.

An explorable is an ``anywidget.AnyWidget``. In the page it becomes::

    <div class="mn-explorable" data-explorable="inverted-block">
      <script type="application/json">its state</script>
      <div class="mn-static">its first state, which is what shows without JavaScript</div>
    </div>

Its JavaScript is written once, as a classic script, to ``_static/explorables/NAME.js`` (a module would need a
server: browsers refuse modules over file://), and is loaded only by the pages that show it. What all figures share, the
kit, is a script of its own before it.
``static_widgets.js`` brings it to life there. The first state is what that script itself draws, in node, while the book
is built (``static_form.py``); a widget whose output has ``text/html`` brings its own, as the quiz does.

Some explorables run networks, when the reader asks for it. ``onnx_worker.js`` does that, and the networks are the files
that the state's ``files`` names, copied from the library's data. No page loads either by itself. What ``pictures``
names is copied, too: photographs, which the page shows as it shows its other figures.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable
from html import escape
from pathlib import Path

import static_form
from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.osutil import relative_uri

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
EXPORT = "export default { render };"
SHARED = "/* Here ends what every figure of the book shares. */\n"  # a page with three figures loads it once
SHARED_SCRIPT = "// Here ends what every figure of the book shares.\n"
FOLDER = "explorables"
DATA = Path("mobilenet_lib", "data")
OF_THE_KERNEL = ("layout", "tabbable", "tooltip")  # state that only a live ipywidget has a use for

NOWHERE = "https://page.example/"  # the folder that a figure finds while it is drawn: no_page.mjs
NOSCRIPT = "This figure has controls. They need JavaScript; what you see is the state they start from"
NOSCRIPT_TEXT = "With JavaScript, this page answers you as you choose."


class Unhostable(ExtensionError):
    """A widget that would be dead in the built page."""

    def __init__(self, docname: str, widget: str, why: str, remedy: str):
        super().__init__(f"{docname}: the widget {widget} cannot work in the built page: {why}. {remedy}")


class HostExplorables(SphinxPostTransform):
    """Replace the output of each explorable by what the page needs to show it."""

    default_priority = 3  # before myst-nb's SelectMimeType (4), which would keep the kernel's view only
    formats = ("html",)

    def run(self, **kwargs) -> None:
        shown = Counter()
        places = []
        for bundle in list(self.document.findall(is_mime_bundle)):
            parts = {part["mime_type"]: part for part in bundle.children}
            if VIEW not in parts:
                continue
            if execution_failed(self.env):  # myst-nb has said so; the states of the widgets were not stored
                bundle.parent.remove(bundle)
                continue
            model = self.model_of(parts[VIEW])
            name = kebab(class_name(model))
            self.write_assets(name, model["state"])
            self.copy_files(name, [*model["state"].get("files", []), *model["state"].get("pictures", [])])
            shown[name] += 1
            where = name if shown[name] == 1 else f"{name}-{shown[name]}"
            places.append((bundle, where, name, model["state"], own_text(parts)))
        figures = [
            static_form.Figure(where, state["_esm"], public(state)) for _, where, _, state, text in places if not text
        ]
        sheet, statics = self.draw(figures)
        for bundle, where, name, state, text in places:
            html = page_html(where, state, unique_ids(text, where) if text else statics[where])
            sheets = [*style_sheets(name, state), *([sheet] if sheet else [])]
            shares = SHARED_SCRIPT in state["_esm"]
            bundle.replace_self(nodes.raw("", html, format="html", explorable=name, sheets=sheets, shares=shares))

    def draw(self, figures: list[static_form.Figure]) -> tuple[str, dict[str, str]]:
        """Draw the figures of the page; return their style sheet's name, and the HTML of each by its name."""
        if not figures:
            return "", {}
        try:
            drawn = static_form.draw(figures)
        except static_form.CannotDraw as error:
            raise Unhostable(
                self.env.docname,
                error.figure,
                f"its render fails in node, so nothing would show without JavaScript: {error}",
                "Make render work there (book/ext/no_page.mjs says what it finds), or put `text/html` into what "
                "its _repr_mimebundle_ returns.",
            ) from None
        sheet = f"page-{self.env.docname.replace('/', '-')}.css"
        write_changed(assets_folder(self.app) / sheet, static_form.sheet(drawn).encode())
        folder = relative_uri(self.app.builder.get_target_uri(self.env.docname), f"_static/{FOLDER}/")
        for file, content in ((file, content) for each in drawn for file, content in each.images.items()):
            write_changed(assets_folder(self.app) / file, content)
        return sheet, {figure.name: static_html(each, folder) for figure, each in zip(figures, drawn, strict=True)}

    def model_of(self, view: nodes.Element) -> dict:
        """Return the model behind a view, if it is one that can be hosted."""
        # The view is myst-nb's <script>; its JSON holds nothing but version numbers and this id.
        model_id = re.search(r'"model_id":\s*"(\w+)"', view.astext())[1]
        models = {}
        scripts = NbMetadataCollector.get_js_files(self.env, self.env.docname)
        if "ipywidgets_state" in scripts:
            models = json.loads(scripts["ipywidgets_state"][1]["body"])["state"]
        if model_id not in models:
            raise Unhostable(
                self.env.docname, model_id, "its state is not in the notebook", "Execute the notebook again."
            )
        model = models[model_id]
        if model["model_module"] != "anywidget":
            inside = [class_name(models[i]) for i in children(model) if models[i]["model_module"] == "anywidget"]
            raise Unhostable(
                self.env.docname,
                class_name(model),
                "it belongs to ipywidgets, which needs a kernel",
                f"Show {', '.join(inside)} directly, as the last line of a cell of its own."
                if inside
                else "Write it as an anywidget.AnyWidget, or show a figure instead.",
            )
        return model

    def write_assets(self, name: str, state: dict) -> None:
        """Write the explorable's script and style sheets, once per name."""
        try:
            scripts = classic_scripts(name, state["_esm"])
        except ValueError as error:
            raise Unhostable(
                self.env.docname,
                name,
                str(error),
                f"An explorable's JavaScript has no imports and ends with `{EXPORT}`.",
            ) from None
        for file, text in {**scripts, **style_sheets(name, state)}.items():
            path = assets_folder(self.app) / file
            if self.app.explorables.setdefault(path.name, text) != text:
                raise Unhostable(
                    self.env.docname,
                    name,
                    "another widget of that name has different code",
                    "Give the class another name.",
                )
            write_changed(path, text.encode())

    def copy_files(self, name: str, files: Iterable[str]) -> None:
        """Copy what the explorable fetches when its reader asks for it."""
        for file in files:
            source = Path(self.app.srcdir) / DATA / file
            if not source.is_file():
                raise Unhostable(
                    self.env.docname, name, f"its file {file} is not in {DATA}", "Write it there, or do not name it."
                )
            target = assets_folder(self.app) / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def style_sheets(name: str, state: dict) -> dict[str, str]:
    """Return what the explorable's style sheets hold by their names: what all share, and its own."""
    shared, mark, own = state.get("_css", "").rpartition(SHARED)
    return {"kit.css": shared, f"{name}.css": own} if mark else {f"{name}.css": own}


def own_text(parts: dict) -> str:
    """Return the static form that a widget brings itself: its HTML, or nothing."""
    text = next(iter(parts["text/html"].findall(nodes.raw)), None) if "text/html" in parts else None
    return "" if text is None else text.astext()


def execution_failed(env) -> bool:
    data = NbMetadataCollector.get_exec_data(env, env.docname)
    return data is not None and not data["succeeded"]


def is_mime_bundle(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "mime_bundle"


def class_name(model: dict) -> str:
    """Return the Python class of an anywidget, or the model name of another widget (``VBoxModel`` -> ``VBox``)."""
    name = model["state"].get("_anywidget_id") or model["model_name"]
    return name.rpartition(".")[2].removesuffix("Model")


def kebab(name: str) -> str:
    """``InvertedBlock`` -> ``inverted-block``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def children(model: dict) -> list[str]:
    return [child.removeprefix("IPY_MODEL_") for child in model["state"].get("children", [])]


def classic_scripts(name: str, esm: str) -> dict[str, str]:
    """Turn the module ``esm`` into scripts, by file: what all figures share, and what registers its ``render``."""
    shared, mark, own = esm.rpartition(SHARED_SCRIPT)
    body, export, rest = own.rpartition(EXPORT)
    if not export or rest.strip():
        raise ValueError(f"its _esm does not end with `{EXPORT}`")
    if re.search(r"^\s*(import|export)\b", shared + body, re.MULTILINE):
        raise ValueError("its _esm has an import, or a second export")
    # In the module all of it is one scope. Two scripts pass the names on that the second one uses.
    names = re.findall(r"^(?:const|let|function|class) (\w+)", shared, re.MULTILINE)
    used = ", ".join(each for each in names if re.search(rf"\b{each}\b", body))
    take = f"const {{ {used} }} = explorables.shared;\n" if used else ""
    define = f"{take}{body.strip()}\nexplorables.define({json.dumps(name)}, render);"
    kit = f"{shared.strip()}\nexplorables.shared = {{ {', '.join(names)} }};"
    return {**({"kit.js": _apart(kit)} if mark else {}), f"{name}.js": _apart(define)}


def _apart(script: str) -> str:
    return f'(() => {{\n"use strict";\n{without_remarks(script)}\n}})();\n'


def without_remarks(script: str) -> str:
    r"""Return a script without the lines that hold a remark alone: a third of the kit, for the reader of its source.

    >>> without_remarks("// Adds.\nconst add = (a, b) => a + b; // both\n  // Done.\nadd(1, 2);")
    'const add = (a, b) => a + b; // both\nadd(1, 2);'
    """
    return re.sub(r"^[ \t]*//.*\n", "", script, flags=re.MULTILINE)


def public(state: dict) -> dict:
    """Return what of a widget's state the page needs."""
    return {key: value for key, value in state.items() if key[0] != "_" and key not in (*OF_THE_KERNEL, "pictures")}


def static_html(drawn: static_form.Drawn, folder: str) -> str:
    """Return a figure as it stands in the page, with what its controls are set to in words."""
    settings = f": {'; '.join(drawn.settings)}" if drawn.settings else ""
    note = f"<noscript><p>{escape(NOSCRIPT + settings)}.</p></noscript>"
    return (
        drawn.html.replace('src="explorables:', f'src="{folder}').replace(f'src="{NOWHERE}', f'src="{folder}')
        + "\n"
        + note
    )


def page_html(name: str, state: dict, static: str) -> str:
    """Return the explorable's place in the page; the same state gives the same bytes."""
    data = json.dumps(public(state), sort_keys=True, separators=(",", ":")).replace("<", "\\u003c")
    if "<noscript>" not in static:
        static = f"{static.strip()}\n<noscript><p>{NOSCRIPT_TEXT}</p></noscript>"
    return (
        f'<div class="mn-explorable" data-explorable="{name}">\n'
        f'<script type="application/json">{data}</script>\n'
        f'<div class="mn-static">{static}</div>\n</div>\n'
    )


def unique_ids(html: str, prefix: str) -> str:
    """Prefix the ids inside ``html`` and what refers to them."""
    for name in set(re.findall(r'\sid="([^"]+)"', html)):
        word = re.escape(name)
        html = re.sub(rf'(\sid="|url\(["\']?#|href="#){word}(?=["\')])', rf"\g<1>{prefix}-{name}", html)
        html = re.sub(rf'(\saria-\w+="(?:[^"]*\s)?){word}(?=[\s"])', rf"\g<1>{prefix}-{name}", html)
    return html


def write_changed(path: Path, content: bytes) -> None:
    """Write a file only where it would change."""
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)


def assets_folder(app) -> Path:
    return Path(app.outdir, "_static", FOLDER)


def made_with() -> str:
    """Return a hash of what the figures of a page are made with, but for what its notebook brings."""
    here = Path(__file__)
    files = (
        *static_form.MADE_WITH,
        here,
        here.with_suffix(".js"),
        here.with_name("onnx_worker.js"),
        here.with_name("picture.js"),
    )
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:12]


def forget_html_manager(app, config) -> None:
    config.nb_ipywidgets_js = {}  # myst-nb's default loads require.js and the html-manager from elsewhere


def write_host(app) -> None:
    if app.builder.format != "html":
        return
    app.explorables = {}
    assets_folder(app).mkdir(parents=True, exist_ok=True)
    here = Path(__file__)
    for source, name in (
        ("static_widgets.js", "host.js"),
        ("onnx_worker.js", "worker.js"),
        ("picture.js", "picture.js"),
    ):
        (assets_folder(app) / name).write_text(here.with_name(source).read_text(encoding="utf8"), encoding="utf8")


def load_assets(app, pagename, templatename, context, doctree) -> None:
    """Load the host and the explorables that this page shows, and not the kernel's state."""
    if doctree is None:
        return
    if f'<script type="{VIEW}"' in context.get("body", ""):
        raise Unhostable(
            pagename,
            "on this page",
            "it does not come from a cell's output",
            "Show it as the last line of a cell of its own, not through glue.",
        )
    context["script_files"][:] = [
        script for script in context["script_files"] if getattr(script, "attributes", {}).get("type") != STATE
    ]
    shown = [node for node in doctree.findall(nodes.raw) if "explorable" in node]
    names = sorted({node["explorable"] for node in shown})
    if names:
        app.add_js_file(f"{FOLDER}/host.js")
    if any(node["shares"] for node in shown):
        app.add_js_file(f"{FOLDER}/kit.js")
    for name in names:
        app.add_js_file(f"{FOLDER}/{name}.js")
    for sheet in dict.fromkeys(sheet for node in shown for sheet in node["sheets"]):
        app.add_css_file(f"{FOLDER}/{sheet}")


def setup(app) -> dict:
    # A page is written anew when what draws its figures has changed. What they are drawn from is in the notebook.
    app.add_config_value("explorables_made_with", made_with(), "html", str)
    app.add_post_transform(HostExplorables)
    app.connect("config-inited", forget_html_manager)
    app.connect("builder-inited", write_host)
    app.connect("html-page-context", load_assets, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
