"""Make a deck of slides of each chapter, from the document its page is made of.

What is a slide stands in the notebook, as Jupyter and Colab read it: ``"slideshow": {"slide_type": ...}`` in a cell's
metadata, with ``slide``, ``subslide``, ``fragment``, ``notes``, ``skip``, or nothing for what goes on. A page has long
paragraphs and a slide must not: of a text cell the deck shows the heading, the paragraph below it, formulas, tables,
lists and boxes. The other paragraphs become the speaker's notes, beside what cells with the tag ``speaker`` say.

What is still too long for a slide goes on on the next one: ``book/static/slides/slides.js`` measures it in the browser.

A deck is one HTML file, ``slides/NN_topic.html``. It shares the pages' files and needs reveal.js
(``book/vendor/reveal``) and ``book/static/slides``.
"""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path

from docutils import nodes
from markdown_it import MarkdownIt
from predict import is_result, prediction
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
FOLDER = "slides"
KINDS = ("slide", "subslide", "fragment", "notes", "skip", "-", "")


class Slide:
    """What one slide shows, as (node, whether it waits for a key), and what the speaker reads."""

    def __init__(self, cell: str):
        self.cell = cell
        self.shown: list[tuple[nodes.Node, bool]] = []
        self.notes: list[nodes.Node] = []


# From a document to cells


def cells(document: nodes.document):
    """Yield each cell as (its index, its kind of slide, its nodes). Sections are opened, all else stays whole.

    patches.py puts a mark where a text cell begins.
    """
    index, kind, found = None, "", []
    for node in opened(document):
        if isinstance(node, nodes.comment) and "slide" in node:
            yield index, kind, found
            index, kind, found = node["cell"], node["slide"], []
        elif isinstance(node, nodes.container) and node.get("nb_element") == "cell_code":
            yield index, kind, found
            yield node["cell_index"], node["cell_metadata"].get("slideshow", {}).get("slide_type", ""), [node]
            index, kind, found = None, "", []
        else:
            found.append(node)
    yield index, kind, found


def opened(node: nodes.Element):
    for child in node.children:
        if isinstance(child, nodes.section):
            yield from opened(child)
        else:
            yield child


# From cells to slides


def columns(document: nodes.document, notebook: list[dict]) -> list[list[Slide]]:
    """Sort what the document shows into columns of slides, as reveal.js wants them; `notebook` has all cells."""
    deck: list[list[Slide]] = []
    for index, kind, found in cells(document):
        if kind not in KINDS:
            raise ValueError(
                f"cell {notebook[index]['id']} has slide_type {kind!r}; it must be one of {', '.join(KINDS[:-1])}"
            )
        if not found or kind == "skip" or (not deck and kind != "slide"):
            continue
        if kind == "slide":
            deck.append([])
        if kind in ("slide", "subslide"):
            deck[-1].append(Slide(notebook[index]["id"]))
        slide = deck[-1][-1]
        for node, is_shown in sorted_out(found):
            if is_shown and kind != "notes":
                slide.shown.append((node, kind == "fragment"))
            else:
                slide.notes.append(node)
        for box in (box for node in found for box in node.findall(prediction)):
            slide.notes.append(nodes.paragraph("", box["vote"]))
        slide.notes += said_after(index, notebook)
    return deck


def said_after(index: int | None, notebook: list[dict]) -> list[nodes.Node]:
    """Return what the speaker is to say after a cell: the page leaves those cells out, and so does its document."""
    found = []
    for cell in notebook[index + 1 :] if index is not None else []:
        if "speaker" not in cell["metadata"].get("tags", []):
            break
        found.append(nodes.raw("", MarkdownIt().render("".join(cell["source"])), format="html"))
    return found


def sorted_out(found: list[nodes.Node]):
    """Tell for each node of a cell whether a slide has room for it."""
    leading = True
    for node in found:
        if isinstance(node, nodes.comment | nodes.target) or is_result(node):
            continue
        yield node, leading or not isinstance(node, nodes.paragraph)
        leading = isinstance(node, nodes.title)


# From slides to HTML


def write_deck(app, pagename, templatename, context, doctree) -> None:
    """Write the deck beside the page, if the page is a chapter whose cells say what is a slide."""
    if doctree is None or not pagename.startswith("chapters/"):
        return
    try:
        notebook = json.loads(Path(app.env.doc2path(pagename)).read_text(encoding="utf8"))
        deck = columns(doctree, notebook["cells"])
    except ValueError as error:
        LOGGER.warning("%s", error, location=pagename)
        return
    path = deck_path(app, pagename)
    if not deck:
        path.unlink(missing_ok=True)
        return
    draw = Draw(app.builder, doctree, pagename)
    body = "\n".join(draw.column(column) for column in deck)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page_html(re.sub(r"<[^>]+>", "", context["title"]), pagename, body), encoding="utf8")


def deck_path(app, pagename: str) -> Path:
    return Path(app.outdir, FOLDER, Path(pagename).name + ".html")


class Draw:
    """Turns the nodes of one chapter into the HTML that its page has."""

    def __init__(self, builder, document: nodes.document, pagename: str):
        self.builder, self.document, self.pagename = builder, document, pagename

    def column(self, column: list[Slide]) -> str:
        slides = [self.slide(slide) for slide in column]
        return slides[0] if len(slides) == 1 else "<section>\n" + "\n".join(slides) + "\n</section>"

    def slide(self, slide: Slide) -> str:
        parts = []
        for node, waits in slide.shown:
            html = self.node(node)
            parts.append(f'<div class="fragment">{html}</div>' if waits else html)
        if slide.notes:
            parts.append(f'<aside class="notes">{"".join(map(self.node, slide.notes))}</aside>')
        return f'<section data-cell="{slide.cell}">\n{"".join(parts)}\n</section>'

    def node(self, node: nodes.Node) -> str:
        if isinstance(node, nodes.title):
            level = 1 if isinstance(node.parent.parent, nodes.document) else 2
            return f"<h{level}>{self.html(*node.children)}</h{level}>\n"
        if any("explorable" in raw for raw in node.findall(nodes.raw)):  # the line that makes it says nothing
            node = node.deepcopy()
            node.children = [part for part in node.children if part.get("nb_element") != "cell_code_source"]
        return self.html(node)

    def html(self, *children: nodes.Node) -> str:
        # Not the builder's render_partial: docutils' transforms in it do not know the exercises.
        visitor = self.builder.create_translator(self.document, self.builder)
        for child in children:
            for box in child.findall(nodes.note):  # docutils gave it its title when it wrote the page, and would again
                if isinstance(box.next_node(), nodes.title):
                    box.pop(0)
            child.walkabout(visitor)
        html = re.sub(r"<(/?)section\b", r"<\1div", "".join(visitor.body))  # to reveal.js a section is a slide
        # Links within the chapter lead to its page.
        return re.sub(r'(<a\b[^>]* href=")#', rf"\g<1>../{self.pagename}.html#", html)


def page_html(title: str, pagename: str, body: str) -> str:
    names = sorted(set(re.findall(r'data-explorable="([a-z-]+?)(?:-\d+)?"', body)))
    sheets = ["reveal/reveal.css", "pygments.css", "palette.css", "book.css", "answers.css"]
    sheets += ["katex/katex.min.css"] * ('class="katex' in body)
    sheets += [f"explorables/{name}.css" for name in ("kit", *names)] if names else []
    sheets += ["slides/slides.css"]
    scripts = ["withheld.js", "reveal/reveal.js", "reveal/notes.js", "slides/slides.js"]
    scripts += [f"explorables/{name}.js" for name in ("host", "kit", *names)] if names else []
    links = "\n".join(f'<link rel="stylesheet" href="../_static/{name}">' for name in sheets)
    loads = "\n".join(f'<script src="../_static/{name}"></script>' for name in scripts)
    return f"""<!DOCTYPE html>
<html lang="en" data-theme="light">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title, quote=False)}: slides</title>
<link rel="icon" href="../_static/favicon.svg">
{links}
</head>
<body>
<main class="reveal">
<div class="slides bd-article">
{body}
</div>
<noscript><p>These slides need JavaScript. <a href="../{pagename}.html">The chapter</a> does not.</p></noscript>
</main>
{loads}
</body>
</html>
"""


# Files


def outdated(app, env, added, changed, removed) -> list[str]:
    """Name the chapters to write again: those whose deck is missing, or older than this file."""
    if app.builder.format != "html":
        return []
    written = Path(__file__).stat().st_mtime
    decks = {name: deck_path(app, name) for name in env.found_docs if name.startswith("chapters/")}
    return [name for name, deck in decks.items() if not deck.exists() or deck.stat().st_mtime < written]


def remove_stale_decks(app, exception) -> None:
    """Remove the decks of chapters that are gone."""
    if exception or app.builder.format != "html":
        return
    kept = {deck_path(app, name) for name in app.env.found_docs if name.startswith("chapters/")}
    for path in Path(app.outdir, FOLDER).glob("*.html"):
        if path not in kept:
            path.unlink()


def setup(app) -> dict:
    app.connect("env-get-outdated", outdated)
    app.connect("html-page-context", write_deck, priority=930)
    app.connect("build-finished", remove_stale_decks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
