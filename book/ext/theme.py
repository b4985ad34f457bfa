"""What the theme shows: its templates, edited as they are read, its icons, drawn, and what a page's frame says.

Font Awesome is 817 kB gzipped (its script and its fonts) for the two dozen icons that the pages show: those are drawn
here, as inline SVG. Unlike a mask or an image they need no file and no data: address, so they show over file://, in
print and under a strict Content-Security-Policy.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import used_rules
from docutils import nodes
from jinja2 import DictLoader
from sphinx.errors import ExtensionError
from sphinx.jinja2glue import BuiltinTemplateLoader
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
SHEETS = ("pydata-sphinx-theme.css", "sphinx-book-theme.css")
MEASURES_ALL = ',"complete"===document.readyState?I():window.addEventListener("load",I)'
WHOLE_BOOK = "mobilenet.pdf"  # book/tools/pdf.py prints it
WORDS_A_MINUTE, CODE_LINES_A_MINUTE = 200, 30

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


# Templates


class Templates(BuiltinTemplateLoader):
    """The theme's templates with the edits below, and pages with their icons; `_config.yml` names this class."""

    def init(self, builder, theme=None, dirs=None) -> None:
        """Edit what the theme has."""
        super().init(builder, theme, dirs)
        if theme:
            self.loaders.insert(0, DictLoader(dict(map(self.edited, EDITS))))

    def edited(self, name: str) -> tuple[str, str]:
        source = self.get_source(self.environment, name)[0]
        for old, new in EDITS[name]:
            source, found = re.subn(old, new, source)
            if not found:
                raise ExtensionError(f"the theme's {name} no longer contains {old!r}; see EDITS in {__file__}")
        return name, source

    def render(self, template: str, context: dict) -> str:
        """Return a page with its icons: those of the theme are in no page's body."""
        return draw_icons(super().render(template, context), context.get("pagename", ""))


EDITS = {
    "static/webpack-macros.html": [
        # 543 kB gzipped on every page; the icons are drawn, below.
        (r".*fontawesome\.js.*\n", ""),
        # It only imports this one, which some browsers then look for in the wrong folder first.
        (r"styles/theme\.css", "basic.css"),
    ],
    "pydata_sphinx_theme/layout.html": [
        # Before the first script that looks at localStorage, which stands in the page.
        (
            r'(?=<script data-cfasync="false">)',
            """<script src="{{ pathto('_static/withheld.js', 1) | e }}"></script>\n  """,
        ),
        # 20 kB gzipped and growing, on every page: the page that searches loads them itself.
        (
            r"""\s*<script src="[^"]*'(?:_static/searchtools|_static/language_data|searchindex)\.js'[^"]*"></script>""",
            "",
        ),
        # So that the column beside the text is kept free before it is read, at the end of the page: book.css.
        (
            r'(?<=<div class="bd-content)(?=">)',
            "{% if not remove_sidebar_secondary %} has-contents{% endif %}",
        ),
    ],
    "../macros/buttons.html": [
        # A notebook is a file to keep, not a page to look at.
        (r'target="_blank"', '{% if url.endswith(".ipynb") %}download{% else %}target="_blank"{% endif %}'),
    ],
    # Large type, beside the colours: book/static/large_type.js listens, book.css sets the scale.
    "article-header-buttons.html": [
        (
            r"(?=\{% include \"theme-switcher\.html\" %\})",
            '<button type="button" class="btn btn-sm nav-link pst-navbar-icon large-type-button pst-js-only" '
            'aria-label="Large type" aria-pressed="false" title="Large type"><i class="fa-solid fa-text-height"></i>'
            "</button>\n",
        ),
    ],
}


# Icons


def draw_icons(html: str, pagename: str) -> str:
    """Draw the icons that a page names.

    >>> draw_icons('<i class="fas fa-bars"></i>', "index")[:66]
    '<i class="fas fa-bars"><svg viewBox="0 0 24 24" aria-hidden="true"'
    """
    return EMPTY_ICON.sub(lambda match: draw_icon(match, pagename), html)


def draw_icon(match: re.Match, pagename: str) -> str:
    start, element, classes = match.groups()
    shape = next((ICONS[name] for name in re.findall(r"\bfa-([\w-]+)", classes) if name in ICONS), None)
    if shape is None:
        LOGGER.warning("no icon is drawn for %r: add it to ICONS in book/ext/theme.py", classes, location=pagename)
        return match.group()
    return f'{start}<svg viewBox="0 0 24 24" aria-hidden="true">{shape}</svg></{element}>'


def drop_what_no_page_uses(app, exception) -> None:
    """Take Font Awesome's script and fonts out of the site, and of the theme's rules those that no page can use."""
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    shutil.rmtree(static / "vendor" / "fontawesome", ignore_errors=True)
    for script in (static / "scripts").glob("fontawesome.js*"):
        script.unlink()
    words = used_rules.words_of_site(Path(app.outdir))
    for name in SHEETS:
        # From the theme's own: a page that came since the last build may use more of it.
        css = used_rules.used(without_font_awesome(original(app, name)), words)
        if "fontawesome" in css:
            LOGGER.warning("the theme's style sheet %s still asks for Font Awesome: mend book/ext/theme.py", name)
        (static / "styles" / name).write_text(css, encoding="utf8")


def leave_scrolling_to_us(app, exception) -> None:
    """Take out of the theme's script what measures all boxes of a page at once: late.js does it in parts."""
    if exception or app.builder.format != "html":
        return
    script = original(app, "pydata-sphinx-theme.js", "scripts")
    if MEASURES_ALL not in script:
        raise ExtensionError(f"the theme's script no longer contains {MEASURES_ALL!r}; see MEASURES_ALL in {__file__}")
    path = Path(app.outdir, "_static", "scripts", "pydata-sphinx-theme.js")
    path.write_text(script.replace(MEASURES_ALL, ""), encoding="utf8")


def original(app, name: str, kind: str = "styles") -> str:
    """Return one of the theme's style sheets or scripts as the theme brings it."""
    files = (Path(folder, "static", kind, name) for folder in app.builder.theme.get_theme_dirs())
    return next(file for file in files if file.is_file()).read_text(encoding="utf8")


def without_font_awesome(css: str) -> str:
    """Cut from Font Awesome's first licence comment to the theme's own first rule: nothing else is in between."""
    start, end = css.find("/*!\n * Font Awesome"), css.find("html{--pst-header-height")
    return css[:start] + css[end:] if 0 < start < end else css


# A page's body


def depend_on_cited_works(app, doctree) -> None:
    """Have a page read again when a work that it cites may have changed; sphinxcontrib-bibtex does not see to it."""
    domain, page = app.env.get_domain("cite"), app.env.docname
    if any(each.docname == page for each in [*domain.citation_refs, *domain.bibliographies]):
        for name in app.config.bibtex_bibfiles:
            app.env.note_dependency(str(Path(app.srcdir, name)))


def repair_roles(app, pagename, templatename, context, doctree) -> None:
    """Give the bibliography's entries the role of list items: ARIA has withdrawn docutils' own."""
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


def add_reading_time(app, pagename, templatename, context, doctree) -> None:
    if doctree is None or not pagename.startswith("chapters/"):
        return
    minutes = reading_minutes(doctree)
    context["body"] = context["body"].replace(
        "</h1>", f'</h1>\n<p class="reading-time">{minutes} min to read, more to try</p>', 1
    )


def offer_pdf(app, pagename, templatename, context, doctree) -> None:
    """Link the first page to the whole book as one PDF, where `make pdf` has made it."""
    if pagename == app.config.root_doc and "body" in context:
        context["body"] += pdf_note(app)


def pdf_note(app) -> str:
    pdf = Path(app.outdir, WHOLE_BOOK)
    if not pdf.is_file():
        return ""
    size = f"{pdf.stat().st_size / 1e6:.1f}"
    return f'<p>For paper: <a href="{WHOLE_BOOK}">the whole book as one PDF</a> ({size} MB).</p>'


def first_page_with_other_pdf(app, env, added, changed, removed) -> list[str]:
    """Return the first page where it says something else of the PDF than what is there now."""
    if app.builder.format != "html":
        return []
    page = Path(app.builder.get_outfilename(app.config.root_doc))
    html = page.read_text(encoding="utf8") if page.is_file() else ""
    note = pdf_note(app)
    return [app.config.root_doc] if html and (note not in html if note else WHOLE_BOOK in html) else []


def reading_minutes(doctree: nodes.document) -> int:
    words = sum(len(node.astext().split()) for node in doctree.findall(nodes.paragraph))
    lines = sum(node.astext().count("\n") + 1 for node in doctree.findall(nodes.literal_block))
    return max(1, round(words / WORDS_A_MINUTE + lines / CODE_LINES_A_MINUTE))


def setup(app) -> dict:
    """Register what is done to each page, and to the theme's files."""
    app.connect("doctree-read", depend_on_cited_works)
    app.connect("html-page-context", repair_roles)
    app.connect("html-page-context", add_reading_time, priority=910)
    app.connect("html-page-context", offer_pdf, priority=910)
    app.connect("env-get-outdated", first_page_with_other_pdf)
    app.connect("build-finished", drop_what_no_page_uses)
    app.connect("build-finished", leave_scrolling_to_us)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
