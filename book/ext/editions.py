"""Write each chapter as notebooks that run anywhere: they carry the library, and their text is plain Markdown.

Four editions of one source, under the site:

``colab/``      the chapter as it is, with its solutions folded away
``student/``    blanks and checks, no solutions
``live/``       the same with speaker notes and a clock, for the person in front of the class
``solutions/``  every blank filled in

`mobilenet_lib/course/answers.py` says how a blank is marked, and CONTRIBUTING which tags there are. The same input
gives the same bytes.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from packing import FOR_THE_BOOK, library_archive, needs, setup_cell
from plain_markdown import PlainMarkdown, details
from repository import site_address
from sphinx.errors import ExtensionError

from mobilenet_lib.course.answers import LABEL, answers, blank_key, blanked, finished, parts, source

EDITIONS = ("colab", "student", "live", "solutions")
WITH_BLANKS = ("student", "live")
FORM = {"cellView": "form", "jupyter": {"source_hidden": True}}  # folded away in Colab, and in JupyterLab
READ_ONLY = {"editable": False, "deletable": False}
MINUTES = re.compile(r"\*(\d+) min\.\*\s*")

ABOUT = {
    "colab": "This notebook brings the book's library along. Run the first cell, then go on from top to bottom.",
    "student": "**Student edition.** Run the first cell. Then put your own code in place of each `...`, and run the "
    "check below it. Where there is nothing yet, a check says so and lets you go on.",
    "live": "**Live edition**, for the person in front of the class{minutes}. It has speaker notes where "
    "something is to be said, and blanks where something is to be typed.",
    "solutions": "**Solutions edition.** Every blank is filled in.",
}


def write_editions(app, exception) -> None:
    """Write every edition of every chapter, once the site is built."""
    if exception or app.builder.name != "html":
        return
    site = site_address(Path(app.srcdir))
    chapters = {name: read(app, name) for name in notebooks(app)}
    carried = {}
    for name, notebook in chapters.items():
        carried.update(solutions(name, notebook, PlainMarkdown(app.env, name, glued(app, name), site)))
    written = set()
    for name, notebook in chapters.items():
        archive = library_archive(Path(app.srcdir), carried, notebook)
        setup = setup_cell(archive, needs(Path(app.srcdir), notebook))
        for kind in EDITIONS if chapter_number(name) else EDITIONS[:1]:
            plain = PlainMarkdown(app.env, name, glued(app, name), site)
            path = Path(app.outdir, edition_path(kind, name))
            path.parent.mkdir(parents=True, exist_ok=True)
            edition = Edition(kind, name, notebook, plain).build(setup)
            nbformat.write(edition, path)
            written.add(path)
    for kind in EDITIONS:
        for path in Path(app.outdir, kind).glob("*.ipynb"):
            if path not in written:
                path.unlink()


def notebooks(app) -> list[str]:
    """Return the pages that are notebooks, as the table of contents names them."""
    return sorted(name for name in app.env.found_docs if app.env.doc2path(name).endswith(".ipynb"))


def chapter_number(name: str) -> int:
    """Return a chapter's number, 0 for a notebook that is no chapter.

    >>> chapter_number("chapters/03_blocks"), chapter_number("reference/errata")
    (3, 0)
    """
    match = re.match(r"(\d+)_", name.rpartition("/")[2])
    return int(match[1]) if match else 0


def editions_of(app, name: str) -> list[str]:
    """Return which editions a page has."""
    if name not in notebooks(app):
        return []
    return list(EDITIONS if chapter_number(name) else EDITIONS[:1])


def edition_path(kind: str, name: str) -> str:
    """Return where an edition stands under the site.

    >>> edition_path("live", "chapters/03_blocks")
    'live/03_blocks.ipynb'
    """
    return f"{kind}/{name.rpartition('/')[2]}.ipynb"


def read(app, name: str) -> dict[str, Any]:
    return json.loads(Path(app.env.doc2path(name)).read_text(encoding="utf8"))


def glued(app, name: str) -> dict[str, Any]:
    """Return what the chapter's cells have glued, as myst-nb keeps it beside the executed notebook."""
    path = Path(app.outdir).parent / "jupyter_execute" / f"{name}.glue.json"
    return json.loads(path.read_text(encoding="utf8")) if path.exists() else {}


# Answers


def solutions(name: str, notebook: Mapping, plain: PlainMarkdown) -> dict[str, dict[str, str]]:
    """Return what `reveal` shows for each of a chapter's blanks: the finished code, and what is said about it."""
    number = chapter_number(name)
    found = {key: {"code": code, "words": ""} for key, code in answers(notebook, number).items()}
    for cell, exercise, solves in parts(notebook["cells"]):
        entry = found.get(blank_key(number, exercise))
        if solves and entry and cell["cell_type"] == "markdown":
            plain.where = f"{name}, cell {cell['id']}"
            entry["words"] = f"{entry['words']}\n\n{plain.convert(source(cell))}".strip()
    return found


# The editions


class Edition:
    """One edition of one chapter."""

    def __init__(self, kind: str, name: str, notebook: Mapping, plain: PlainMarkdown):
        self.kind, self.name, self.notebook, self.plain = kind, name, notebook, plain
        self.chapter = chapter_number(name)
        self.parts = list(parts(notebook["cells"]))
        self.answers = answers(notebook, self.chapter)
        self.tried = {part.exercise for part in self.parts if "exercise" in tags(part.cell) and not part.solves}
        self.filled: set[str] = set()
        self.minute = 0

    def build(self, setup: str) -> nbformat.NotebookNode:
        """Return the notebook."""
        cells = [code_cell("setup", setup, tags=["setup"], **FORM)]
        for part in self.parts:
            self.plain.where = f"{self.name}, cell {part.cell['id']}"
            make = self.text if part.cell["cell_type"] == "markdown" else self.code
            cells += make(part.cell, part.exercise, part.solves)
        cells.insert(2, markdown_cell("edition", self.about()))
        cells += self.end()
        metadata = {
            "colab": {"name": f"{self.name.rpartition('/')[2]}.ipynb", "provenance": [], "toc_visible": True},
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
        return new_notebook(cells=cells, metadata=metadata)

    def about(self) -> str:
        where = ""
        if self.plain.site:
            where = f" [Read this chapter in the book.]({self.plain.site}{self.name}.html)"
        minutes = f", {self.minute} minutes" if self.minute else ""
        return ABOUT[self.kind].format(minutes=minutes) + where

    def text(self, cell: Mapping, exercise: str, solves: bool) -> Iterator[nbformat.NotebookNode]:
        if "speaker" in tags(cell):
            if self.kind == "live":
                yield self.speaker(cell)
            return
        if FOR_THE_BOOK & tags(cell) or (solves and self.kind in WITH_BLANKS):
            return
        words = self.plain.convert(source(cell))
        if solves and words:
            title = self.plain.solution_title(exercise)
            words = details(title, words) if self.kind == "colab" else f"**{title}**\n\n{words}"
        if words:
            yield markdown_cell(cell["id"], words, **kept(cell))
        if self.kind in WITH_BLANKS and LABEL.search(source(cell)) and exercise not in self.tried:
            yield from self.blank(f"{cell['id']}-try", "...  # your turn", exercise, ["exercise"])

    def code(self, cell: Mapping, exercise: str, solves: bool) -> Iterator[nbformat.NotebookNode]:
        marks, program = tags(cell), source(cell)
        if marks & FOR_THE_BOOK:
            return
        if solves:
            if self.kind == "colab":
                title = f"# @title {self.plain.solution_title(exercise)}"
                yield code_cell(cell["id"], f"{title}\n{program}", **kept(cell), **FORM)
            elif self.kind == "solutions" and exercise not in self.tried:
                yield code_cell(cell["id"], program, **kept(cell))
        elif "live" in marks:
            if self.kind in WITH_BLANKS:
                yield from self.blank(cell["id"], self.try_blanked(program), cell["id"], sorted(marks))
            else:
                yield code_cell(cell["id"], finished(program), **kept(cell))
        elif "exercise" in marks and self.kind != "colab":
            yield from self.exercise(cell, exercise)
        elif "check" in marks:
            yield code_cell(cell["id"], program, **kept(cell), **READ_ONLY)
        else:
            yield code_cell(cell["id"], program, **kept(cell))

    def exercise(self, cell: Mapping, exercise: str) -> Iterator[nbformat.NotebookNode]:
        key = blank_key(self.chapter, exercise)
        if self.kind == "solutions" and key in self.answers:
            if key not in self.filled:
                self.filled.add(key)
                yield code_cell(cell["id"], self.answers[key], **kept(cell))
            return
        stub, check = without_check(source(cell))
        yield from self.blank(cell["id"], stub, exercise, sorted(tags(cell)))
        if check:
            yield code_cell(f"{cell['id']}-check", check, tags=["check"], **READ_ONLY)

    def blank(self, name: str, stub: str, answer: str, marks: list[str]) -> Iterator[nbformat.NotebookNode]:
        """Yield a cell to fill in, and its hint."""
        key = blank_key(self.chapter, answer)
        if key not in self.answers:
            yield code_cell(name, stub, tags=marks)
            return
        yield code_cell(name, stub, tags=marks, mobilenet={"answer": key})
        yield markdown_cell(f"{name}-hint", details("Stuck?", hint(key, self.answers[key])), tags=["hint"])

    def try_blanked(self, program: str) -> str:
        try:
            return blanked(program)
        except ValueError as error:
            raise ExtensionError(f"{self.plain.where}: {error}") from error

    def speaker(self, cell: Mapping) -> nbformat.NotebookNode:
        """Return a speaker's note with the minutes at which its part of the lesson begins and ends."""
        words = source(cell)
        match = MINUTES.match(words)
        if match is None:
            raise ExtensionError(f"{self.plain.where}: a speaker's note begins with its length, as in `*5 min.*`")
        begin, self.minute = self.minute, self.minute + int(match[1])
        words = self.plain.convert(words[match.end() :])
        lines = f"**Speaker, minute {begin} to {self.minute}**\n\n{words}".split("\n")
        return markdown_cell(cell["id"], "\n".join(f"> {line}".rstrip() for line in lines), **kept(cell))

    def end(self) -> Iterator[nbformat.NotebookNode]:
        """Yield what the chapter cites, and the words of the glossary that it uses."""
        if vocabulary := self.plain.vocabulary():
            yield markdown_cell("vocabulary", f"## Words\n\n{vocabulary}")
        if self.plain.cited:
            yield markdown_cell("references", f"## References\n\n{self.plain.references()}")


def hint(key: str, answer: str) -> str:
    """Return what a stuck reader sees first: how long the finished code is and what it uses, but not the code.

    >>> print(hint("ch1.macs", "a = cost.conv(3, 8, 3, 10)").split(chr(10))[0])
    The finished cell has one line and uses `cost.conv`.
    """
    tree = ast.parse(answer)
    tree.body = [part for part in tree.body if not is_check(part) and not isinstance(part, ast.Assert)]
    lines = len({node.lineno for node in ast.walk(tree) if hasattr(node, "lineno")})
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    used = [f"`{name}`" for name in sorted(called) if re.fullmatch(r"(?!self\.)[a-z]\w*(\.\w+)+", name)]
    uses = f" and uses {', '.join(used[:5])}" if used else ""
    return (
        f"The finished cell has {'one line' if lines == 1 else f'{lines} lines'}{uses}.\n\n"
        f'To see it, run `reveal("{key}")` in a cell of its own. '
        f'`reveal("{key}", next_cell=True)` puts it into a new cell, ready to run.'
    )


def without_check(program: str) -> tuple[str, str]:
    """Take the call of a check off a cell's end.

    >>> without_check("n = ..." + chr(10) + "checks.check_n(n)")
    ('n = ...', 'checks.check_n(n)')
    """
    body = ast.parse(program).body
    if not body or not is_check(body[-1]):
        return program, ""
    lines = program.split("\n")
    return "\n".join(lines[: body[-1].lineno - 1]).rstrip(), "\n".join(lines[body[-1].lineno - 1 :])


def is_check(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and ast.unparse(statement).startswith("checks.")


def tags(cell: Mapping) -> set[str]:
    return set(cell["metadata"].get("tags", []))


def kept(cell: Mapping) -> dict[str, Any]:
    """Return the metadata that a cell takes along: its tags, but for what they say to the book, and its slide."""
    taken = {"tags": sorted(tags(cell) - FOR_THE_BOOK), "slideshow": cell["metadata"].get("slideshow")}
    return {key: value for key, value in taken.items() if value}


def markdown_cell(name: str, words: str, **metadata: Any) -> nbformat.NotebookNode:
    return new_markdown_cell(words, id=name, metadata=metadata)


def code_cell(name: str, program: str, **metadata: Any) -> nbformat.NotebookNode:
    return new_code_cell(program, id=name, metadata=metadata)


# The pages


def hide_markers(app, doctree) -> None:
    """Show a blank's finished code in the book without the lines that mark it."""
    for block in doctree.findall(nodes.literal_block):
        program = block.astext()
        if "# --- " in program and (shown := finished(program)) != program:
            block.rawsource = shown
            block[:] = [nodes.Text(shown)]


def setup(app) -> dict:
    app.connect("doctree-read", hide_markers)
    app.connect("build-finished", write_editions, priority=600)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
