"""Leave out what the theme and the extensions ship and a page does not use.

Font Awesome is 817 kB gzipped (its script and its fonts) for the two dozen icons the pages show: those are drawn here,
as inline SVG. Unlike a mask or an image they need no file and no data: address, so they show over file://, in print and
under a strict Content-Security-Policy.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from sphinx.util import logging

LOGGER = logging.getLogger(__name__)

# 24 by 24, drawn with round strokes of width 2 in the text's colour (book/static/icons.css).
_SHEET = '<path d="M6 3h8l4 4v14H6zM14 3v4h4"/>'
_LEFT, _RIGHT, _DOWN = '<path d="M15 5l-7 7 7 7"/>', '<path d="M9 5l7 7-7 7"/>', '<path d="M5 9l7 7 7-7"/>'
_BRANCHES = '<path d="M6 7v10M18 10c0 5-12 2-12 7"/>' + "".join(
    f'<circle cx="{x}" cy="{y}" r="2"/>' for x, y in ((6, 5), (6, 19), (18, 8))
)
ICONS = {
    "angle-left": _LEFT,
    "angle-right": _RIGHT,
    "arrow-up": '<path d="M12 20V4M5 11l7-7 7 7"/>',
    "bars": '<path d="M4 6h16M4 12h16M4 18h16"/>',
    "bitbucket": _BRANCHES,
    "chevron-down": _DOWN,
    "chevron-right": _RIGHT,
    "circle-half-stroke": '<circle cx="12" cy="12" r="9"/><path fill="currentColor" d="M12 3a9 9 0 0 1 0 18z"/>',
    "code": '<path d="M8 7l-5 5 5 5M16 7l5 5-5 5"/>',
    "download": '<path d="M12 4v11M7 10l5 5 5-5M4 20h16"/>',
    "expand": '<path d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"/>',
    "file": _SHEET,
    "file-pdf": _SHEET + '<path d="M9 12h6M9 16h6"/>',
    "github": _BRANCHES,
    "gitlab": _BRANCHES,
    "lightbulb": '<path d="M9 18h6M10 21h4M8.5 14.5a6 6 0 1 1 7 0L15 17H9z"/>',
    "list": '<path d="M9 6h11M9 12h11M9 18h11M4 6h.5M4 12h.5M4 18h.5"/>',
    "magnifying-glass": '<circle cx="10.5" cy="10.5" r="6.5"/><path d="M15.5 15.5L21 21"/>',
    "moon": '<path d="M20 14A8.5 8.5 0 0 1 10 4a8.5 8.5 0 1 0 10 10z"/>',
    "pencil": '<path d="M4 20l1-5L16 4l4 4L9 19zM13 7l4 4"/>',
    "pencil-alt": '<path d="M4 20l1-5L16 4l4 4L9 19zM13 7l4 4"/>',
    "play": '<path d="M7 4l12 8-12 8z"/>',
    "text-height": '<path d="M2.5 19L8 5l5.5 14M4.5 14.5h7M14.5 19L18 10l3.5 9M16 16h4"/>',
    "sun": '<circle cx="12" cy="12" r="4"/>'
    '<path d="M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5"/>',
}
EMPTY_ICON = re.compile(r'(<(i|span) class="([^"]*\bfa-[^"]*)"[^>]*>)\s*</\2>')

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
SEARCH = re.compile(r'\s*<script src="[^"]*\b(?:searchtools|language_data|searchindex)\.js[^"]*"></script>')


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


def trim_pages(app) -> None:
    """Let each page, whole, pass through `trim_page`: the theme's icons are in no page's body."""
    if app.builder.format != "html":
        return
    render = app.builder.templates.render
    app.builder.templates.render = lambda template, context: trim_page(
        render(template, context), context.get("pagename", "")
    )


def trim_page(html: str, pagename: str) -> str:
    """Draw the icons; leave the search index, 20 kB gzipped and growing, to the page that searches.

    >>> trim_page('<i class="fas fa-bars"></i>', "index")[:66]
    '<i class="fas fa-bars"><svg viewBox="0 0 24 24" aria-hidden="true"'
    """
    html = EMPTY_ICON.sub(lambda match: draw_icon(match, pagename), html)
    return html if pagename == "search" else SEARCH.sub("", html)


def draw_icon(match: re.Match, pagename: str) -> str:
    start, element, classes = match.groups()
    shape = next((ICONS[name] for name in re.findall(r"\bfa-([\w-]+)", classes) if name in ICONS), None)
    if shape is None:
        LOGGER.warning("no icon is drawn for %r: add it to ICONS in book/ext/trim.py", classes, location=pagename)
        return match.group()
    return f'{start}<svg viewBox="0 0 24 24" aria-hidden="true">{shape}</svg></{element}>'


def drop_font_awesome(app, exception) -> None:
    """Take Font Awesome's script, its fonts and its 1,900 rules out of the site."""
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    shutil.rmtree(static / "vendor" / "fontawesome", ignore_errors=True)
    for script in (static / "scripts").glob("fontawesome.js*"):
        script.unlink()
    sheet = static / "styles" / "pydata-sphinx-theme.css"
    css = sheet.read_text(encoding="utf8")
    if "Font Awesome" in css:
        css = without_font_awesome(css)
        sheet.write_text(css, encoding="utf8")
    if "fontawesome" in css:
        LOGGER.warning("the theme's style sheet still asks for Font Awesome: mend book/ext/trim.py")


def without_font_awesome(css: str) -> str:
    """Cut from Font Awesome's first licence comment to the theme's own first rule: nothing else is in between."""
    start, end = css.find("/*!\n * Font Awesome"), css.find("html{--pst-header-height")
    return css[:start] + css[end:] if 0 < start < end else css


def drop_old_listings(app) -> list:
    """Remove the listings of source code that are older than how pages look now.

    viewcode, which writes them next, compares them with the source only.
    """
    root = Path(app.srcdir)
    looks = [root / "_config.yml", *(root / "book" / "ext").glob("*"), *(root / "book" / "static").glob("*")]
    changed = max((path.stat().st_mtime for path in looks if path.is_file()), default=0)
    for page in Path(app.outdir, "_modules").rglob("*.html"):
        if page.stat().st_mtime < changed:
            page.unlink()
    return []  # the event asks for pages to add


def setup(app) -> dict:
    app.connect("builder-inited", trim_pages)
    app.connect("html-collect-pages", drop_old_listings, priority=400)  # before viewcode
    app.connect("html-page-context", drop_assets, priority=920)  # after what adds or doubles scripts
    app.connect("build-finished", drop_font_awesome)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
