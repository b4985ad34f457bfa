"""Write the lecture of the page for instructors as one notebook, with its clock: ``lecture/90_minutes.ipynb``.

The plan is the page's own table. Each of its rows becomes: the section that it names, as the live edition has it, with
all that tells a result folded; what to show, to say and to ask, folded too; the figures that it links to, set up as its
links say; and, folded, what the section's code takes from earlier in its chapter. What all steps need, and what takes
long the first time, stands in one cell at the top, to be run before the class comes.
"""

from __future__ import annotations

import ast
import builtins
import re
import textwrap
from collections.abc import Container, Iterable, Iterator, Mapping
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
SLOW = re.compile(r"(?:pretrained|preparing)\.\w+\((?:[^()]|\([^()]*\))*\)|explorables\.\w+\(\)")  # the first time
ASKED = re.compile(r"^:::\{predict\}[^:]*?(?:^:(?!shown:)[^\n]*\n)*^:shown: *(\S+)", re.MULTILINE)
NOT_RUN = FOR_THE_BOOK | {"exercise", "solution", "check"}
BEFORE_CLASS = "# Before the class comes: what takes long the first time"
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


def votes_before(cells: list[Mapping], places: Iterable[str]) -> list[Mapping]:
    r"""Return the boxes before the first of some sections that ask what one of the sections will show.

    >>> box = {"cell_type": "markdown", "source": ":::{predict} Cost\n:shown: count\n:::"}
    >>> title = {"cell_type": "markdown", "source": "## Count", "id": "title"}
    >>> votes_before([box, title, {"cell_type": "code", "source": "1 + 1", "id": "count"}], ["count"]) == [box]
    True
    """
    spans = [section(cells, place) for place in places]
    shown = {cell["id"] for begin, end in spans for cell in cells[begin:end]}
    before = cells[: min(begin for begin, _ in spans)]
    return [cell for cell in before if (match := ASKED.search(source(cell))) and match[1] in shown]


def programs_of(cells: Iterable[Mapping]) -> Iterator[tuple[str, str]]:
    """Yield the id and the code of each cell that a lecture runs, with its blanks open."""
    for cell in cells:
        if cell["cell_type"] == "code" and not tags(cell) & NOT_RUN:
            yield cell["id"], blanked(source(cell)) if "live" in tags(cell) else source(cell)


def from_before(
    before: Iterable[Mapping],
    programs: Iterable[str],
    there: Container[str] = (),
    made_by: Mapping[str, str] | None = None,
) -> list[str]:
    r"""Return the code before a section that its programs need, without what it would show.

    Names that are `there` are not looked for, nor those that an earlier step has made by the same cell: `made_by` says
    which cell made a name last.

    >>> programs = "a = 1\na", "b = 2", "c = a\nc"
    >>> cells = [{"id": text, "cell_type": "code", "metadata": {}, "source": text} for text in programs]
    >>> from_before(cells, ["c + 1"])
    ['a = 1', 'c = a']
    >>> from_before(cells, ["c + 1"], made_by={"a": "a = 1\na"})
    ['c = a']
    """
    made_by = made_by or {}
    wanted: set[str] = set()
    for program in reversed(list(programs)):
        wanted = (wanted - defined(program)) | free(program)
    wanted -= set(there)
    found = []
    for name, program in reversed(list(programs_of(before))):
        made = defined(program) & wanted
        wanted -= made
        if any(made_by.get(each) != name for each in made):
            found.insert(0, without_last_value(program))
            wanted |= free(program) - set(there)
    return found


def imports_of(notebooks: Iterable[Mapping], wanted: Container[str]) -> list[str]:
    """Return the lines that import the wanted names, as the chapters do."""
    plain, parts = set(), {}
    for notebook in notebooks:
        for _, program in programs_of(notebook["cells"]):
            for statement in ast.parse(program).body:
                if isinstance(statement, ast.Import):
                    plain |= {ast.unparse(ast.Import([each])) for each in statement.names if name_of(each) in wanted}
                elif isinstance(statement, ast.ImportFrom):
                    names = {each.name for each in statement.names if name_of(each) in wanted}
                    parts[statement.module] = parts.get(statement.module, set()) | names
    lines = sorted(plain)
    for module, names in sorted(parts.items()):
        begin = f"from {module} import "
        lines += [begin + line for line in textwrap.wrap(", ".join(sorted(names)), 72 - len(begin))]
    return [line.rstrip(",") for line in lines]


def imported(notebook: Mapping) -> set[str]:
    """Return the names that a chapter imports."""
    trees = [ast.parse(program) for _, program in programs_of(notebook["cells"])]
    statements = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {name_of(alias) for statement in statements for alias in statement.names}


def name_of(alias: ast.alias) -> str:
    return (alias.asname or alias.name).partition(".")[0]


def defined(program: str) -> set[str]:
    """Return the names that a program makes; the letter that a comprehension counts with is gone after it.

    >>> sorted(defined("a = [c for c in b]"))
    ['a']
    """
    tree = ast.parse(program)
    inside = inner(tree)
    names = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and is_stored(node) and node not in inside
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {name_of(alias) for alias in node.names}
    return names


def free(program: str) -> set[str]:
    r"""Return the names that a program uses before it has defined them, or while it does.

    >>> sorted(free("a = [c for c in b]")), sorted(free("for i in x:\n    y = i\n    y"))
    (['b'], ['x'])
    """
    return used_first(ast.parse(program).body, {*dir(builtins), "_", "reveal"})


def used_first(body: Iterable[ast.stmt], known: set[str]) -> set[str]:
    """Return the names that statements use before they are in `known`, and add to that what the statements define."""
    found = set()
    for statement in body:
        blocks = [value for _, value in ast.iter_fields(statement) if is_block(value)]
        nested = {node for block in blocks for each in block for node in ast.walk(each)}
        names = [node for node in ast.walk(statement) if isinstance(node, ast.Name) and node not in nested]
        used = {node.id for node in names if not is_stored(node)}
        if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
            used.add(statement.target.id)
        found |= used - known - {node.id for node in inner(statement)}
        known |= {node.id for node in names if is_stored(node)}
        for block in blocks:
            found |= used_first(block, known)
        known |= defined(ast.unparse(statement))
    return found


def is_block(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, ast.stmt) for each in value)


def inner(tree: ast.AST) -> set[ast.Name]:
    """Return the places where comprehensions name what they count with."""
    targets = [node.target for node in ast.walk(tree) if isinstance(node, ast.comprehension)]
    return {node for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}


def is_stored(node: ast.Name) -> bool:
    return not isinstance(node.ctx, ast.Load)


def without_last_value(program: str) -> str:
    last = ast.parse(program).body[-1]
    lines = program.split("\n")
    return "\n".join(lines[: last.lineno - 1] if isinstance(last, ast.Expr) else lines).rstrip()


# The notebook


class Part(Edition):
    """A step of the lecture: a section as the live edition has it, without that edition's clock.

    On the wall, what a cell will say must not stand below it: all text behind a cell is folded, up to the next heading
    or box, but for a last paragraph that leads on to the next cell.
    """

    typed = False  # whether the last cell was a blank

    def speaker(self, cell: Mapping) -> nbformat.NotebookNode:
        super().speaker(cell)  # it looks whether a length is given
        words = self.plain.convert(re.sub(r"^\*\d+ min\.\*\s*", "", source(cell)))
        return markdown_cell(cell["id"], details("Speaker", words), tags=["speaker"])

    def by_hand(self, asked: list[list[dict[str, Any]]]) -> str:
        return ""  # what to ask stands folded at the step's beginning

    def code(self, cell: Mapping, exercise: str, solves: bool) -> Iterator[nbformat.NotebookNode]:
        yield from super().code(cell, exercise, solves)
        if not tags(cell) & FOR_THE_BOOK:
            self.typed, self.answered = self.answered, True

    def leading(self, words: str) -> int:
        # What a blank asks for may stand in the same paragraph.
        return super().leading(words) if self.typed else len(words.rpartition("\n\n")[0])

    def step(
        self, step: Step, clock: str, there: Container[str], made_by: dict[str, str], votes: Iterable[Mapping] = ()
    ) -> Iterator[nbformat.NotebookNode]:
        """Yield the cells of a step, and note in `made_by` which of them makes which name.

        `votes` are boxes from before the section, to be asked in it.
        """
        cells = self.notebook["cells"]
        begin, end = section(cells, step.place)
        programs = list(programs_of(cells[begin:end]))
        waiting = dict(step.figures)
        title, *rest = [cell for part in list(parts(cells))[begin:end] for cell in self.convert(*part)]
        heading, _, words = title.source.partition("\n\n")
        said = rest.pop(0) if rest and "speaker" in rest[0].metadata.get("tags", []) else None
        yield markdown_cell(title.id, heading, **title.metadata)
        yield clock_cell(step, clock, said)
        if needed := from_before(cells[:begin], [program for _, program in programs], there, made_by):
            yield code_cell("before", "\n".join([FOLDED_TITLE, *needed]), **FORM)
        for cell in votes:
            yield from self.convert(cell, "", False)
        if words:
            yield markdown_cell(f"{title.id}-text", words)
        for cell in rest:
            for name in [name for name in waiting if cell.source.startswith(figure_call(name, {})[:-1])]:
                cell.source = figure_call(name, waiting.pop(name))
            yield cell
        yield from figure_cells(waiting)
        for name, program in programs:
            made_by.update(dict.fromkeys(defined(program), name))


def clock_cell(step: Step, clock: str, said: nbformat.NotebookNode | None = None) -> nbformat.NotebookNode:
    show, ask = (LINK.sub(r"\1", text) for text in (step.show, step.ask))
    say = re.sub(r"</?details>|<summary>.*?</summary>", "", said.source).strip() if said else ""
    kinds = (("Show and type", show), ("Ask", ask), ("Say", say))
    words = "\n\n".join(f"*{kind}:* {text}" for kind, text in kinds if text.strip())
    return markdown_cell("clock", f"{clock}\n\n{details('What to show, and what to ask', words)}")


def figure_cells(figures: Mapping[str, Mapping]) -> Iterator[nbformat.NotebookNode]:
    for name, settings in figures.items():
        yield code_cell(f"figure-{name}", figure_call(name, settings))


def lecture(app) -> nbformat.NotebookNode:
    """Return the lecture."""
    root, site = Path(app.srcdir), site_address(Path(app.srcdir))
    total, steps = plan(root)
    used = {step.page: read(app, step.page) for step in steps if app.env.doc2path(step.page).endswith(".ipynb")}
    there = {name for notebook in used.values() for name in imported(notebook)}
    cells, minute, made_by, typed = [], 0, {}, []
    for number, step in enumerate(steps, start=1):
        clock = f"**Minute {minute} to {minute + step.minutes}**"
        minute += step.minutes
        if step.page in used:
            plain = PlainMarkdown(app.env, step.page, glued(app, step.page), site)
            part = Part("live", step.page, used[step.page], plain)
            places = [each.place for each in steps if each.page == step.page]
            votes = votes_before(used[step.page]["cells"], places) if step.place == places[0] else []
            made = list(part.step(step, clock, there, made_by, votes))
            typed += [part.answers[key] for cell in made if (key := cell.metadata.get("mobilenet", {}).get("answer"))]
        else:
            made = [markdown_cell("title", f"## {step.title}"), clock_cell(step, clock), *figure_cells(step.figures)]
        for cell in made:
            cell.id = f"step-{number}-{cell.id}"
        cells += made
    programs = [cell.source for cell in cells if cell.cell_type == "code"]
    ready = before_class(used.values(), [*programs, *typed])
    every = {"cells": [cell for notebook in used.values() for cell in notebook["cells"]]}
    setup = setup_of(root, read_library(next(Path(app.outdir, WHEELS).glob("*.whl"))), every, site)
    head = [
        markdown_cell("title", f"# A lecture of {total} minutes"),
        markdown_cell(
            "edition",
            f"**For the person in front of the class.** {len(steps)} steps with their minutes, from the book's page "
            "for instructors. What to show and to ask is folded, and so is what comes of it. Run the next two cells "
            "before the class comes; they may take a minute. Then type what stands beside each `...`.",
        ),
        code_cell("setup", setup, tags=["setup"], **(FORM if "LIBRARY = " in setup else {})),
        code_cell("ready", ready),
    ]
    return notebook_of([*head, *cells], "lecture")


def before_class(notebooks: Iterable[Mapping], programs: list[str]) -> str:
    """Return the cell to run before the class comes: it imports, fetches weights and makes each figure once."""
    wanted = {"torch"}.union(*map(free, programs))
    text = re.sub(r"(explorables\.\w+)\(.*\)", r"\1()", "\n".join(programs))
    steps = ["_ = torch.manual_seed(0)", *(f"_ = {call}" for call in dict.fromkeys(SLOW.findall(text)))]
    return "\n".join([BEFORE_CLASS, *imports_of(notebooks, wanted), "", *steps])


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
