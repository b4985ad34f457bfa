"""A page with explorables and nothing else, hosted as the site hosts them: for tests and benchmarks of one figure."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import static_form
import static_widgets

ROOT = Path(__file__).resolve().parents[2]
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<title>One page</title>
<script src="_static/explorables/host.js"></script>
{head}
<main><article class="bd-article"><h1>One page</h1>
{body}
</article></main>
</html>
"""


def write_page(folder: Path, explorables: Iterable[Any]) -> None:
    """Write `folder`/index.html with these explorables, and everything that it may ask for."""
    shutil.copytree(ROOT / "book" / "vendor" / "onnxruntime-web", folder / "_static" / "onnxruntime-web")
    builder = SimpleNamespace(format="html", get_target_uri=lambda docname: f"{docname}.html")
    app = SimpleNamespace(builder=builder, outdir=folder, srcdir=ROOT)
    host = SimpleNamespace(app=app, env=SimpleNamespace(docname="index"))
    static_widgets.write_host(app)
    states = {static_widgets.kebab(type(each).__name__): each.get_state() for each in explorables}
    for name, state in states.items():
        static_widgets.HostExplorables.write_assets(host, name, state)
        static_widgets.HostExplorables.copy_files(host, name, [*state.get("files", []), *state.get("pictures", [])])
    figures = [static_form.Figure(name, state["_esm"], static_widgets.public(state)) for name, state in states.items()]
    sheet, statics = static_widgets.HostExplorables.draw(host, figures)
    body = [static_widgets.page_html(name, state, statics[name]) for name, state in states.items()]
    sheets = dict.fromkeys(file for name, state in states.items() for file in static_widgets.style_sheets(name, state))
    head = [f'<link rel="stylesheet" href="_static/explorables/{file}">' for file in (*sheets, sheet)]
    shared = ["kit"] if (folder / "_static" / "explorables" / "kit.js").exists() else []
    head += [f'<script src="_static/explorables/{name}.js"></script>' for name in [*shared, *states]]
    (folder / "index.html").write_text(PAGE.format(head="\n".join(head), body="\n".join(body)), encoding="utf8")
