"""Which files the site has, and which of them a page loads: style sheets, scripts, and pages that are gone."""

from __future__ import annotations

import re
from pathlib import Path

import myst_nb.sphinx_ext
import sphinx_exercise
from repository import LIBRARY
from sphinx.errors import ExtensionError

OURS = Path("book", "static")  # Sphinx copies what is in there
NOT_OF_SPHINX = {"_static", "slides"}  # folders whose pages are no documents

# What a file is good for, as a pattern in the page's body; files of other names stay.
NEEDED_WHERE = {
    r"katex": r'class="katex',
    r"copybutton|clipboard": r'<div class="highlight',
    r"togglebutton": r"\btoggle\b|\bdropdown\b",
    r"mystnb": r'class="cell\b|class="[^"]*output|<table',
    r"exercise": r'class="[^"]*\b(exercise|solution)\b',
    r"design-tabs": r"\bsd-tab-set\b",
    r"sphinx-design": r'class="sd-|class="[^"]* sd-',
}
INLINE_NEEDED_WHERE = {r"toggleHint|toggleOpenOnPrint|togglebuttonSelector": NEEDED_WHERE["togglebutton"]}


# The site's files


def write_palette(app) -> None:
    """Give the pages the library's colours as CSS variables."""
    if app.builder.format != "html":
        return
    try:
        from mobilenet_lib.course import palette
    except ImportError as error:
        raise ExtensionError(f"{LIBRARY} cannot be imported ({error}); `make book` installs it.") from error
    static = Path(app.outdir, "_static")
    static.mkdir(parents=True, exist_ok=True)
    (static / "palette.css").write_text(palette.css(), encoding="utf8")
    app.add_css_file("palette.css", priority=400)


def copy_late_assets(app) -> None:
    """Copy now what two extensions copy when the build ends.

    Links carry a checksum of their file if it is there: a first build and a second one would differ.
    """
    if app.builder.format == "html":
        Path(app.outdir, "_static").mkdir(parents=True, exist_ok=True)
        myst_nb.sphinx_ext.add_global_html_resources(app, None)
        sphinx_exercise.copy_asset_files(app, None)


def pages_with_old_assets(app, env, added, changed, removed) -> set[str]:
    """Return every page where a style sheet or script of the book has changed: its links carry a checksum of them.

    Without a page to write Sphinx copies no asset at all.
    """
    ours = Path(app.confdir) / OURS
    for asset in ours.rglob("*"):
        copy = Path(app.outdir, "_static", asset.relative_to(ours))
        if asset.is_file() and not (copy.exists() and copy.read_bytes() == asset.read_bytes()):
            return set(env.all_docs)
    return set()


def remove_stale_pages(app, exception) -> None:
    """Remove pages whose source is gone; Sphinx leaves them in the site."""
    if exception or app.builder.format != "html":
        return
    known = {app.builder.get_outfilename(name) for name in (*app.env.found_docs, "genindex", "search", "py-modindex")}
    for page in Path(app.outdir).rglob("*.html"):
        if str(page) not in known and page.relative_to(app.outdir).parts[0] not in NOT_OF_SPHINX:
            page.unlink()


# What a page loads


def clean_scripts(app, pagename, templatename, context, doctree) -> None:
    """Drop scripts from elsewhere, and those that an extension registers twice."""
    seen = set()
    kept = []
    for script in context["script_files"]:
        key = (str(script.filename), script.attributes.get("body"))
        if key in seen or "://" in key[0]:
            continue
        seen.add(key)
        kept.append(script)
    context["script_files"][:] = kept


def drop_assets(app, pagename, templatename, context, doctree) -> None:
    """Keep the scripts and style sheets that this page has a use for."""
    body = context.get("body", "")

    def is_needed(file) -> bool:
        inline = getattr(file, "attributes", {}).get("body") or ""
        name = str(getattr(file, "filename", None) or "").rpartition("/")[2]
        rules = INLINE_NEEDED_WHERE if inline else NEEDED_WHERE
        return all(re.search(use, body) for what, use in rules.items() if re.search(what, inline or name))

    for kind in ("script_files", "css_files"):
        context[kind][:] = [file for file in context[kind] if is_needed(file)]


def setup(app) -> dict:
    """Register what is written, what is loaded, and what is removed."""
    app.connect("builder-inited", write_palette)
    app.connect("builder-inited", copy_late_assets)
    app.connect("env-get-outdated", pages_with_old_assets)
    app.connect("html-page-context", clean_scripts, priority=910)
    app.connect("html-page-context", drop_assets, priority=920)  # after what adds or doubles scripts
    app.connect("build-finished", remove_stale_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
