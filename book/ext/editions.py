"""Write each chapter as notebooks that run anywhere: they bring the library, and their text is plain Markdown.

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
import builtins
import json
import re
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
import predict
from docutils import nodes
from nbformat.v4 import new_notebook
from packing import FOR_THE_BOOK, FORM, WHEELS, Library, library, library_archive, needs, setup_alone, setup_with_wheel
from plain_markdown import PlainMarkdown, details
from repository import site_address
from sphinx.errors import ExtensionError

from mobilenet_lib.course.answers import BEGIN, END, LABEL, answers, blank_key, blanked, finished, parts, source

EDITIONS = ("colab", "student", "live", "solutions")
WITH_BLANKS = ("student", "live")
READ_ONLY = {"editable": False, "deletable": False}
FOLDED_TITLE = "# @title What this part takes from before"
UNFOLD = "What you should see"
NOTICED = "**What you should have noticed"
NEW_SUBJECT = re.compile(r"^(?:#{1,6} |:::|```\{)", re.MULTILINE)  # a heading, or a box
MINUTES = re.compile(r"\*(\d+) min\.\*\s*")

# How a class answers: choices have letters, and all else are numbers.
BY_HAND = {True: "vote by hand, letter by letter", False: "ask for the lowest and the highest number"}

ABOUT = {
    "colab": "This notebook brings the book's library along. Run the next cell, then go on from top to bottom.",
    "student": "**Student edition.** Run the next cell. Then put your own code in place of each `...`, and run the "
    "check below it. Where there is nothing yet, a check says so and lets you go on. What would give an answer away is "
    "folded: open it when you have yours.",
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
    carried: dict[str, dict[str, str]] = {}
    for name, notebook in chapters.items():
        carried.update(solutions(name, notebook, PlainMarkdown(app.env, name, glued(app, name), site)))
    brought = library(Path(app.srcdir), carried)
    written = {Path(app.outdir, WHEELS, brought.name)}
    for path in written:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(brought.wheel)
    shutil.copytree(Path(app.srcdir, ".binder"), Path(app.outdir, ".binder"), dirs_exist_ok=True)
    questions = asked(Path(app.srcdir))
    for name, notebook in chapters.items():
        setup = setup_of(Path(app.srcdir), brought, notebook, site)
        for kind in EDITIONS if chapter_number(name) else EDITIONS[:1]:
            plain = PlainMarkdown(app.env, name, glued(app, name), site)
            path = Path(app.outdir, edition_path(kind, name))
            path.parent.mkdir(parents=True, exist_ok=True)
            edition = Edition(kind, name, notebook, plain, questions).build(setup)
            nbformat.write(edition, path)
            written.add(path)
    for kind in (*EDITIONS, WHEELS):
        for path in Path(app.outdir, kind).iterdir():
            if path not in written:
                path.unlink()


def setup_of(root: Path, brought: Library, notebook: Mapping, site: str) -> str:
    """Return a notebook's first code cell: where the site has no address, it carries the library."""
    packages = needs(root, notebook)
    if site:
        return setup_with_wheel(brought, packages, site)
    return setup_alone(brought, packages, library_archive(root, brought.files, notebook))


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


def asked(root: Path) -> dict[str, str]:
    """Return by an exercise's label what the page for instructors asks somebody who is stuck there."""
    page = (root / "reference" / "instructors.md").read_text(encoding="utf8")
    rows = re.findall(r"^\| \[[^\]]*\]\(page:[^)#]*#(ex-[\w-]+)\).*?\bAsk: ([^|]*\?)[^|?]* \|$", page, re.MULTILINE)
    questions = {label: re.sub(r"\[([^\]]*)\]\(page:[^)]*\)", r"\1", question) for label, question in rows}
    return {label: question[0].upper() + question[1:] for label, question in questions.items()}


# The editions


class Edition:
    """One edition of one chapter."""

    def __init__(
        self, kind: str, name: str, notebook: Mapping, plain: PlainMarkdown, questions: Mapping[str, str] | None = None
    ):
        self.kind, self.name, self.notebook, self.plain = kind, name, notebook, plain
        self.questions = questions or {}
        self.asked = plain.env.metadata[name].get("predictions", {})
        self.chapter = chapter_number(name)
        self.parts = list(parts(notebook["cells"]))
        self.answers = answers(notebook, self.chapter)
        self.tried = {part.exercise for part in self.parts if "exercise" in tags(part.cell) and not part.solves}
        self.missing = {part.cell["id"]: marked(source(part.cell)) for part in self.parts if "live" in tags(part.cell)}
        self.filled: set[str] = set()
        self.minute = 0
        self.answered = False  # whether the text that comes now tells what a blank asks for
        self.solution: list[str] = []
        self.solved = "", ""  # the id of a solution's first cell, and the exercise

    def build(self, setup: str) -> nbformat.NotebookNode:
        """Return the notebook: its title, what it is, the cell that brings the library, and the rest."""
        cells = []
        for part in self.parts:
            cells += self.convert(*part)
        cells += self.folded_solution(False)
        folded = FORM if "LIBRARY = " in setup else {}  # a short one is there to be read
        cells[1:1] = [markdown_cell("edition", self.about()), code_cell("setup", setup, tags=["setup"], **folded)]
        cells += self.end()
        return notebook_of(cells, self.name.rpartition("/")[2])

    def convert(self, cell: Mapping, exercise: str, solves: bool) -> Iterator[nbformat.NotebookNode]:
        """Yield what becomes of a cell."""
        self.plain.where = f"{self.name}, cell {cell['id']}"
        yield from self.folded_solution(solves)
        make = self.text if cell["cell_type"] == "markdown" else self.code
        yield from make(cell, exercise, solves)

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
        if solves and self.kind == "colab":
            if not self.solution:
                self.solved = cell["id"], exercise
            self.solution.append(self.plain.convert(source(cell)))
            return
        before, after = self.given_away(source(cell))
        end = max((box.end() for box in predict.WHOLE.finditer(after)), default=len(after))
        words = self.plain.convert(after[:end])
        if before := self.plain.convert(before):
            words = f"{details(UNFOLD, before)}\n\n{words}".rstrip()
        if solves and words:
            words = f"**{self.plain.solution_title(exercise)}**\n\n{words}"
        asked = [self.asked[predict.slug(title)] for title in predict.BOX.findall(source(cell))]
        if self.kind == "live" and asked:
            words = words.replace(f"\n>\n> {predict.BELOW}", "") + self.by_hand(asked)
        if words:
            yield markdown_cell(cell["id"], words, **kept(cell))
        if self.kind != "live":
            for i, asks in enumerate(asked):
                yield code_cell(f"{cell['id']}-predict-{i}", predict.program(asks), tags=["prediction"], **FORM)
        if then := self.plain.convert(after[end:]):  # what follows a box leads to the code behind the prediction
            yield markdown_cell(f"{cell['id']}-then", then)
        if self.kind in WITH_BLANKS and LABEL.search(source(cell)) and exercise not in self.tried:
            yield from self.blank(f"{cell['id']}-try", "...  # your turn", exercise, ["exercise"])

    def by_hand(self, asked: list[list[dict[str, Any]]]) -> str:
        """Return how a class answers what is asked."""
        lettered = {each["kind"] == "choices" for asks in asked for each in asks}
        ways = ", ".join(way for has_letters, way in BY_HAND.items() if has_letters in lettered)
        return f"\n\n> {ways.capitalize()}, and leave the numbers on the board until the result is there."

    def given_away(self, words: str) -> tuple[str, str]:
        """Take off the beginning of a text what a class should find out first.

        A heading or a box begins anew, and what leads on to the next cell stays open.
        """
        if self.kind not in WITH_BLANKS:
            return "", words
        told = self.answered or words.startswith(NOTICED)
        new = NEW_SUBJECT.search(words)
        if new:
            self.answered = False
        if not told:
            return "", words
        at = new.start() if new else len(words)
        first, gap, last = words[:at].rstrip().rpartition("\n\n")
        if new and first and last.endswith(":"):  # it leads to the box
            at = len(first + gap)
        elif not new and words.rstrip().endswith((":", "?")):
            at = self.leading(words.rstrip())
        return words[:at], words[at:]

    def leading(self, words: str) -> int:
        """Return where the sentence begins that leads on to the next cell; what comes before it may be an answer."""
        return max((end.end() for end in re.finditer(r"[.!?][*_)]*\s+", words)), default=0)

    def folded_solution(self, solves: bool) -> Iterator[nbformat.NotebookNode]:
        """Yield the solution that has ended, as text: so nothing of it runs together with all other cells."""
        if self.solution and not solves:
            words = "\n\n".join(filter(None, self.solution))
            yield markdown_cell(self.solved[0], details(self.plain.solution_title(self.solved[1]), words))
            self.solution = []

    def code(self, cell: Mapping, exercise: str, solves: bool) -> Iterator[nbformat.NotebookNode]:
        marks, program = tags(cell), source(cell)
        if marks & FOR_THE_BOOK:
            return
        self.answered = False
        if solves:
            if self.kind == "colab":
                self.solution.append(f"```python\n{program}\n```")
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
        question = self.plain.convert(self.questions.get(answer, ""))
        words = hint(key, self.missing.get(answer, self.answers[key]), question)
        yield markdown_cell(f"{name}-hint", details("Stuck?", words), tags=["hint"])
        self.answered = True

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
        return markdown_cell(cell["id"], details(f"Speaker, minute {begin} to {self.minute}", words), **kept(cell))

    def end(self) -> Iterator[nbformat.NotebookNode]:
        """Yield what the chapter cites, and the words of the glossary that it uses."""
        if vocabulary := self.plain.vocabulary():
            yield markdown_cell("vocabulary", f"## Words\n\n{vocabulary}")
        if self.plain.cited:
            yield markdown_cell("references", f"## References\n\n{self.plain.references()}")


def hint(key: str, missing: str, question: str = "") -> str:
    """Return what a stuck reader sees first: what to think of, but not the code.

    >>> print(hint("ch1.macs", "a = cost.conv(3, 8, 3, size)", "How large is the map?").partition("To see")[0].strip())
    How large is the map?
    <BLANKLINE>
    You need `cost.conv` and `size`.
    """
    names = made_of(missing)
    found = [f"`{name}`" for name in names[:6]]
    others = ", among others," if len(names) > len(found) else ""
    need = f"You need{others} {' and '.join(filter(None, [', '.join(found[:-1]), found[-1]]))}." if found else ""
    see = (
        f'To see it, run `reveal("{key}")` in a cell of its own. '
        f'`reveal("{key}", next_cell=True)` puts it into a new cell, ready to run.'
    )
    return "\n\n".join(filter(None, [question, need, see]))


def marked(program: str) -> str:
    """Return only what is missing where a cell has blanks.

    >>> marked("for i in range(3):" + chr(10) + "    # --- solution" + chr(10) + "    print(i)")
    'print(i)'
    """
    found, inside = [], False
    for line in program.split("\n"):
        if BEGIN.match(line) or END.match(line):
            inside = bool(BEGIN.match(line))
            found.append([])
        elif inside:
            found[-1].append(line)
    return "\n".join(textwrap.dedent("\n".join(lines)) for lines in found if lines)


def made_of(code: str) -> list[str]:
    """Return the names that code takes from elsewhere, in their order.

    >>> made_of("y = nn.Conv2d(3, 8, 3)(x)" + chr(10) + "y.shape, sum(y)")
    ['nn.Conv2d', 'x']
    """
    tree = ast.parse(code)
    tree.body = [part for part in tree.body if not is_check(part) and not isinstance(part, ast.Assert)]
    nodes = list(ast.walk(tree))
    own = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    own |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    own |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    own |= {*dir(builtins), "self"}
    loaded = [node for node in nodes if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load)]
    names = [ast.unparse(node) for node in sorted(loaded, key=lambda node: (node.lineno, node.col_offset))]
    names = [name for name in names if re.fullmatch(r"\w+(\.\w+)*", name) and name.partition(".")[0] not in own]
    whole = {name for name in names if not any(other.startswith(f"{name}.") for other in names)}
    return list(dict.fromkeys(name for name in names if name in whole))


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


def notebook_of(cells: list[nbformat.NotebookNode], name: str) -> nbformat.NotebookNode:
    metadata = {
        "colab": {"name": f"{name}.ipynb", "provenance": [], "toc_visible": True},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return new_notebook(cells=cells, metadata=metadata)


# nbformat's own functions hold each of thousands of cells against the schema. A notebook is, once, when it is written.
def markdown_cell(name: str, words: str, **metadata: Any) -> nbformat.NotebookNode:
    return nbformat.from_dict({"id": name, "cell_type": "markdown", "metadata": metadata, "source": words})


def code_cell(name: str, program: str, **metadata: Any) -> nbformat.NotebookNode:
    cell = {"id": name, "cell_type": "code", "metadata": metadata, "source": program}
    return nbformat.from_dict({**cell, "execution_count": None, "outputs": []})


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
