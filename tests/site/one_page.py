"""A page with explorables and nothing else, hosted as the site hosts them: for tests and benchmarks of one figure."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

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
    app = SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=folder, srcdir=ROOT)
    host = SimpleNamespace(app=app, env=SimpleNamespace(docname="index"))
    static_widgets.write_host(app)
    head, body = [], []
    for explorable in explorables:
        name, state = static_widgets.kebab(type(explorable).__name__), explorable.get_state()
        static_widgets.HostExplorables.write_assets(host, name, state)
        static_widgets.HostExplorables.copy_files(host, name, state.get("files", []))
        static = static_widgets.unique_ids(explorable.static_svg(), name)
        body.append(static_widgets.page_html(name, state, static))
        head.append(f'<link rel="stylesheet" href="_static/explorables/{name}.css">')
        head.append(f'<script src="_static/explorables/{name}.js"></script>')
    (folder / "index.html").write_text(PAGE.format(head="\n".join(head), body="\n".join(body)), encoding="utf8")
