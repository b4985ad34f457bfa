"""Write the lecture of the page for instructors as one notebook, with its clock: ``lecture/90_minutes.ipynb``.

The plan is the page's own table. Each of its rows becomes: the section that it names, as the live edition has it; what
to show and to ask, folded; the figures that it links to, set up as its links say; and, folded, what the section's code
takes from earlier in its chapter.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import nbformat
from docutils import nodes
from editions import FOLDED_TITLE, Edition, code_cell, glued, markdown_cell, notebook_of, read, setup_of, tags
from packing import FOR_THE_BOOK, FORM, WHEELS, read_library
from plain_markdown import PlainMarkdown, details
from repository import site_address
from sphinx.errors import ExtensionError

from mobilenet_lib.course.answers import blanked, parts, source

PLAN = re.compile(r"^## A lecture \((\d+) minutes\)\n(.*?)(?=^## )", re.DOTALL | re.MULTILINE)
ROW = re.compile(r"^\| (\d+) \| \[(.*?)\]\(page:([^)#]+)#?([^)]*)\) \| (.*?) \| (.*?) \|$", re.MULTILINE)
FIGURE = re.compile(r"\]\(page:[^)#]+#([\w-]+)\?([^)]*)\)")
LINK = re.compile(r"\[([^\]]*)\]\(page:[^)]*\)")
HEADING = re.compile(r"(#{2,6}) (.*)")
FOLDER = "lecture"


class Step(NamedTuple):
    """A row of the plan: how long it takes, the section it shows, and what to show and ask."""

    minutes: int
    title: str
    page: str
    place: str
    show: str
    ask: str

    @property
    def figures(self) -> dict[str, dict[str, Any]]:
        """Return the figures that the row links to, each in the first state it links to."""
        found: dict[str, dict[str, Any]] = {}
        for name, query in FIGURE.findall(f"({self.page}) [](page:{self.page}#{self.place}) {self.show} {self.ask}"):
            found.setdefault(name, {key: value(text) for key, text in parse_qsl(query)})
        return found


def plan(root: Path) -> tuple[int, list[Step]]:
    """Return how long the lecture takes, and its steps."""
    match = PLAN.search((root / "reference" / "instructors.md").read_text(encoding="utf8"))
    if match is None:
        raise ExtensionError("reference/instructors.md must have a section `## A lecture (N minutes)`")
    return int(match[1]), [Step(int(minutes), *rest) for minutes, *rest in ROW.findall(match[2])]


def value(text: str) -> Any:
    """Return a setting of a figure as Python has it.

    >>> value("3"), value("0.25"), value("depthwise")
    (3, 0.25, 'depthwise')
    """
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def figure_call(name: str, settings: Mapping[str, Any]) -> str:
    """Return the line that shows a figure.

    >>> figure_call("kernel-scope", {"mode": "grouped", "groups": 4})
    "explorables.KernelScope(mode='grouped', groups=4)"
    """
    kind = "".join(part.title() for part in name.split("-"))
    return f"explorables.{kind}({', '.join(f'{key}={setting!r}' for key, setting in settings.items())})"


# A section, and what it takes from before


def section(cells: list[Mapping], place: str) -> tuple[int, int]:
    """Return where the section with an anchor begins and ends among a chapter's cells."""
    begin = level = None
    for i, cell in enumerate(cells):
        match = HEADING.match(source(cell)) if cell["cell_type"] == "markdown" else None
        if match and begin is None and nodes.make_id(match[2]) == place:
            begin, level = i, len(match[1])
        elif match and begin is not None and len(match[1]) <= level:
            return begin, i
    if begin is None:
        raise ExtensionError(f"the lecture's plan names the section #{place}, which is not there")
    return begin, len(cells)


def from_before(before: Iterable[Mapping], programs: Iterable[str]) -> list[str]:
    r"""Return the code before a section that its programs need, without what it would show.

    >>> cells = [{"cell_type": "code", "metadata": {}, "source": text} for text in ("a = 1\na", "b = 2", "c = a\nc")]
    >>> from_before(cells, ["c + 1"])
    ['a = 1', 'c = a']
    """
    wanted: set[str] = set()
    for program in reversed(list(programs)):
        wanted = (wanted - defined(program)) | free(program)
    found = []
    for cell in reversed(list(before)):
        if cell["cell_type"] != "code" or tags(cell) & (FOR_THE_BOOK | {"exercise", "solution", "check"}):
            continue
        program = blanked(source(cell)) if "live" in tags(cell) else source(cell)
        if defined(program) & wanted:
            found.insert(0, without_last_value(program))
            wanted = (wanted - defined(program)) | free(program)
    return found


def defined(program: str) -> set[str]:
    names = {node.id for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Name) and is_stored(node)}
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return names


def free(program: str) -> set[str]:
    """Return the names that a program uses before it has defined them, or while it does."""
    known, found = {*dir(builtins), "_", "reveal"}, set()
    for statement in ast.parse(program).body:
        used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and not is_stored(node)}
        found |= used - known
        known |= defined(ast.unparse(statement))
    return found


def is_stored(node: ast.Name) -> bool:
    return not isinstance(node.ctx, ast.Load)


def without_last_value(program: str) -> str:
    last = ast.parse(program).body[-1]
    lines = program.split("\n")
    return "\n".join(lines[: last.lineno - 1] if isinstance(last, ast.Expr) else lines).rstrip()


# The notebook


class Part(Edition):
    """A step of the lecture: a section as the live edition has it, without that edition's clock."""

    def speaker(self, cell: Mapping) -> nbformat.NotebookNode:
        super().speaker(cell)  # it looks whether a length is given
        words = self.plain.convert(re.sub(r"^\*\d+ min\.\*\s*", "", source(cell)))
        return markdown_cell(cell["id"], details("Speaker", words))

    def step(self, step: Step, clock: str) -> Iterator[nbformat.NotebookNode]:
        """Yield the cells of a step."""
        cells = self.notebook["cells"]
        begin, end = section(cells, step.place)
        programs = [source(cell) for cell in cells[begin:end] if cell["cell_type"] == "code"]
        waiting = dict(step.figures)
        title, *rest = [cell for part in list(parts(cells))[begin:end] for cell in self.convert(*part)]
        yield title
        yield clock_cell(step, clock)
        if needed := from_before(cells[:begin], [*programs, "explorables"]):
            yield code_cell("before", "\n".join([FOLDED_TITLE, *needed]), **FORM)
        for cell in rest:
            for name in [name for name in waiting if cell.source == figure_call(name, {})]:
                cell.source = figure_call(name, waiting.pop(name))
            yield cell
        yield from figure_cells(waiting)


def clock_cell(step: Step, clock: str) -> nbformat.NotebookNode:
    show, ask = (LINK.sub(r"\1", text) for text in (step.show, step.ask))
    words = "\n\n".join(f"*{kind}:* {text}" for kind, text in (("Show and type", show), ("Ask", ask)) if text.strip())
    return markdown_cell("clock", f"{clock}\n\n{details('What to show, and what to ask', words)}")


def figure_cells(figures: Mapping[str, Mapping]) -> Iterator[nbformat.NotebookNode]:
    for name, settings in figures.items():
        yield code_cell(f"figure-{name}", figure_call(name, settings))


def lecture(app) -> nbformat.NotebookNode:
    """Return the lecture."""
    root, site = Path(app.srcdir), site_address(Path(app.srcdir))
    total, steps = plan(root)
    cells, minute, used = [], 0, {}
    for number, step in enumerate(steps, start=1):
        clock = f"**Minute {minute} to {minute + step.minutes}**"
        minute += step.minutes
        if app.env.doc2path(step.page).endswith(".ipynb"):
            used.setdefault(step.page, read(app, step.page))
            plain = PlainMarkdown(app.env, step.page, glued(app, step.page), site)
            made = list(Part("live", step.page, used[step.page], plain).step(step, clock))
        else:
            imports = code_cell("before", f"{FOLDED_TITLE}\nfrom mobilenet_lib import explorables", **FORM)
            made = [markdown_cell("title", f"## {step.title}"), clock_cell(step, clock), imports]
            made += figure_cells(step.figures)
        for cell in made:
            cell.id = f"step-{number}-{cell.id}"
        cells += made
    every = {"cells": [cell for notebook in used.values() for cell in notebook["cells"]]}
    setup = setup_of(root, read_library(next(Path(app.outdir, WHEELS).glob("*.whl"))), every, site)
    head = [
        markdown_cell("title", f"# A lecture of {total} minutes"),
        markdown_cell(
            "edition",
            f"**For the person in front of the class.** {len(steps)} steps with their minutes, from the book's page "
            "for instructors. What to show and to ask is folded, and so is what comes of it. Run the next cell before "
            "the class comes, and type what stands beside each `...`.",
        ),
        code_cell("setup", setup, tags=["setup"], **(FORM if "LIBRARY = " in setup else {})),
    ]
    return notebook_of([*head, *cells], "lecture")


def lecture_path(root: Path) -> str:
    """Return where the lecture stands under the site."""
    return f"{FOLDER}/{plan(root)[0]}_minutes.ipynb"


def write_lecture(app, exception) -> None:
    if exception or app.builder.name != "html":
        return
    path = Path(app.outdir, lecture_path(Path(app.srcdir)))
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.iterdir():
        old.unlink()
    nbformat.write(lecture(app), path)


def setup(app) -> dict:
    """Register the lecture: it is written when the editions are, whose library it brings."""
    app.connect("build-finished", write_lecture, priority=610)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
