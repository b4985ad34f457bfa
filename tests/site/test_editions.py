"""The notebooks of every chapter that stand under the site: that they are whole, plain and self-contained.

That they run is what `make test-colab` finds out, in an environment like Colab's.
"""

from __future__ import annotations

import ast
import base64
import builtins
import functools
import importlib.util
import json
import lzma
import pickle
import re
import subprocess
import sys
from collections.abc import Iterable
from html import unescape
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import editions
import nbformat
import node
import packing
import pytest
import yaml
from markdown_it import MarkdownIt
from sphinx.domains.math import MathDomain
from sphinx.domains.std import StandardDomain
from sphinxcontrib.bibtex.domain import BibtexDomain

from mobilenet_lib.course.answers import answers, finished, keys, reveal

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf8"))
PAGES = [entry["file"] for part in TOC["parts"] for entry in part["chapters"]]
CHAPTERS = [page for page in PAGES if editions.chapter_number(page)]
NOTEBOOKS = [page for page in PAGES if (ROOT / f"{page}.ipynb").exists()]
ALL = [(kind, page) for page in NOTEBOOKS for kind in (editions.EDITIONS if page in CHAPTERS else ("colab",))]

# Chapters that say what to type in front of a class.
LESSONS = [page for page in CHAPTERS if '"live"' in (ROOT / f"{page}.ipynb").read_text(encoding="utf8")]

PARSER = MarkdownIt()

built = pytest.mark.usefixtures("site")  # what `make check` leaves out
every_chapter = pytest.mark.parametrize("page", CHAPTERS)


def every_edition(test):
    names = [f"{kind}-{page[-20:]}" for kind, page in ALL]
    return built(pytest.mark.parametrize(("kind", "page"), ALL, ids=names)(test))


@functools.cache
def read(kind: str, page: str) -> nbformat.NotebookNode:
    """Return an edition from the built site."""
    path = SITE / editions.edition_path(kind, page)
    if not path.exists():
        pytest.fail(f"There is no {path}: run `make book` first.")
    return nbformat.v4.reads_json(path.read_text(encoding="utf8"))  # a test of its own holds it against the schema


@functools.cache
def source_of(page: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / f"{page}.ipynb", as_version=4)


def tags(cell: nbformat.NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def programs(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """Return the code of a notebook's cells, but for the one that brings the library."""
    return {cell.id: cell.source for cell in notebook.cells if cell.cell_type == "code" and cell.id != "setup"}


def carried(notebook: nbformat.NotebookNode) -> bytes:
    """Return the archive in a notebook's first code cell; where the site has an address, there is none."""
    first = next(cell.source for cell in notebook.cells if cell.id == "setup")
    return base64.b64decode(first.partition('LIBRARY = """')[2].partition('"""')[0])


def blanks(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """Return the ids of the cells to fill in, and the name of each one's answer."""
    return {cell.id: cell.metadata.mobilenet.answer for cell in notebook.cells if "mobilenet" in cell.metadata}


# All are there, and well formed


@built
def test_every_chapter_has_every_edition_and_nothing_else_is_left_over():
    there = {(path.parent.name, path.stem) for kind in editions.EDITIONS for path in (SITE / kind).iterdir()}
    assert len(CHAPTERS) >= len(LESSONS) >= 9
    assert there == {(kind, page.rpartition("/")[2]) for kind, page in ALL}


@every_edition
def test_an_edition_is_a_valid_notebook_without_outputs(kind, page):
    notebook = read(kind, page)
    nbformat.validate(notebook)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    for cell in notebook.cells:
        assert cell.source.strip(), cell.id
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


@every_edition
def test_ids_are_those_of_the_chapter(kind, page):
    """Editions of one chapter can be compared, and slides and translations find their cells."""
    known = {cell.id for cell in source_of(page).cells}
    added = {"edition", "vocabulary", "references", "setup"}
    for cell in read(kind, page).cells:
        name = re.sub(r"(-try)?(-hint|-check|-predict-\d|-then)?$", "", cell.id)
        assert cell.id in known | added or name in known or re.sub(r"-(hint|check)$", "", cell.id) in known


@every_edition
def test_cells_for_the_book_alone_are_left_out(kind, page):
    notebook = read(kind, page)
    assert not [cell.id for cell in notebook.cells if tags(cell) & {"book-only", "remove-cell"}]
    assert "glue" not in " ".join(programs(notebook).values())


# The text is plain


RAW = re.compile(
    r"\{[\w:.+-]+\}`|^\s*>?\s*(?::::|```+\{|~~~+\{)|^\(\S+\)=$|\$\$\s*\([\w-]+\)|\{\{.*?\}\}", re.MULTILINE
)


def visible(markdown: str) -> str:
    """Return Markdown without its code."""
    without_blocks = re.sub(r"^(> )?(```+)(?![`{]).*?^(> )?\2$", "", markdown, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(?<![`}])(`+)(?!`)[^`\n]+\1(?!`)", "", without_blocks)


@pytest.mark.parametrize(
    "myst",
    [
        "see {eq}`eq-a`",
        ":::{note}\nx\n:::",
        "```{exercise}\nx\n```",
        "> :::{tip}\n> x\n> :::",
        "(label)=\n# T",
        "$$\na\n$$ (eq-a)",
        "{{ name }}",
    ],
)
def test_raw_myst_would_be_found(myst):
    assert RAW.search(visible(myst))


def test_code_that_looks_like_myst_is_not_taken_for_it():
    assert not RAW.search(visible("```python\nf'{a}`'\n```\n\nwrite `{term}` and `x`"))


@every_edition
def test_no_raw_myst_is_left(kind, page):
    for cell in read(kind, page).cells:
        if cell.cell_type == "markdown":
            assert not RAW.search(visible(cell.source)), cell.source


@every_edition
def test_formulas_are_closed_and_stand_on_one_line_in_a_quote(kind, page):
    """A notebook takes a quote's arrows for a part of a formula that has several lines."""
    for cell in read(kind, page).cells:
        if cell.cell_type == "markdown":
            assert visible(cell.source).count("$$") % 2 == 0, cell.source
            assert not re.search(r"^>\s*\$\$\s*$", cell.source, re.MULTILINE)


@every_edition
def test_folded_text_opens_and_closes_and_is_markdown_inside(kind, page):
    for cell in read(kind, page).cells:
        if cell.cell_type == "markdown" and "<details>" in cell.source:
            assert cell.source.count("<details>") == cell.source.count("</details>") == 1
            assert re.search(r"</summary>\n\n[^\n]", cell.source) and "\n\n</details>" in cell.source


@built
def test_a_number_a_citation_and_an_equation_read_as_in_the_page():
    text = "\n\n".join(cell.source for cell in read("colab", CHAPTERS[0]).cells if cell.cell_type == "markdown")
    assert "So one output value takes 576 multiplications" in text
    assert re.search(r"paper \(\[Howard et al\., 2017\]\(https://arxiv\.org/abs/1704\.04861\)\)", text)
    assert "So $D_F$ is missing from (2)." in text and r"\tag{2}" in text
    assert "> **Exercise 1**" in text
    assert re.search(r"## Words\n\n.*- \*\*MAC\*\*: \w", text, re.DOTALL)
    assert re.search(r"## References\n\n- Andrew G\. Howard", text)


@built
@every_chapter
def test_numbers_of_equations_and_exercises_are_those_of_the_page(page):
    html = (SITE / f"{page}.html").read_text(encoding="utf8")
    text = "\n".join(cell.source for cell in read("colab", page).cells if cell.cell_type == "markdown")
    shown = re.findall(r'<span class="caption-number">Exercise (\d+) ', html)
    assert shown and shown == re.findall(r"^> \*\*Exercise (\d+)\*\*", text, re.MULTILINE)
    tagged = re.findall(r"\\tag\{(\d+)\}", text)
    assert tagged == re.findall(r'<span class="eqno">\((\d+)\)', html)


@functools.cache
def targets(markdown: str) -> list[str]:
    """Return where links and images lead to; most cells stand in all editions of a chapter."""
    found = [child for token in PARSER.parse(markdown) for child in token.children or []]
    return [child.attrs.get("href") or child.attrs["src"] for child in found if child.type in ("link_open", "image")]


@every_edition
def test_a_link_leads_somewhere_without_the_site(kind, page):
    for cell in read(kind, page).cells:
        if cell.cell_type == "markdown":
            for target in targets(cell.source):
                assert re.match(r"https://|data:image/", target), target


@every_edition
def test_references_are_a_list_without_latex(kind, page):
    lists = [cell.source for cell in read(kind, page).cells if cell.id == "references"]
    assert len(lists) == 1 and lists[0].startswith("## References\n\n- ")
    assert not re.search(r"\\[a-z]{2,}|[{}]", lists[0])


# Blanks and answers


@built
@every_chapter
def test_blanks_have_a_folded_hint_and_an_answer_to_reveal(page):
    notebook = read("student", page)
    found = blanks(notebook)
    assert set(found.values()) == set(answers(source_of(page), editions.chapter_number(page)))
    for cell, following in pairwise(notebook.cells):
        if cell.id in found:
            assert following.id == f"{cell.id}-hint" and "<summary>Stuck?</summary>" in following.source
            assert f'reveal("{found[cell.id]}")' in following.source
            assert "..." in cell.source


@pytest.mark.parametrize("page", LESSONS)
def test_a_lesson_has_something_to_type_in_front_of_a_class(page):
    cells = source_of(page).cells
    assert len([cell for cell in cells if "live" in tags(cell)]) >= 2
    assert len([cell for cell in cells if "speaker" in tags(cell)]) >= 4


@built
@every_chapter
@pytest.mark.parametrize("kind", editions.WITH_BLANKS)
def test_an_edition_with_blanks_gives_no_answer_away(kind, page):
    notebook = read(kind, page)
    assert not [cell.id for cell in notebook.cells if "solution" in tags(cell)]
    written = "\n".join(programs(notebook).values())
    for key, code in answers(source_of(page), editions.chapter_number(page)).items():
        assert code not in written, key
    assert "Solution to" not in "\n".join(cell.source for cell in notebook.cells)


@built
@every_chapter
def test_checks_cannot_be_changed_or_deleted(page):
    for kind in editions.WITH_BLANKS:
        cells = [cell for cell in read(kind, page).cells if "check" in tags(cell)]
        called = re.findall(r"checks\.check_\w+", "\n".join(programs(read(kind, page)).values()))
        assert len(cells) == len(called) > 0
        for cell in cells:
            assert cell.metadata.editable is False and cell.metadata.deletable is False
            assert cell.source.startswith("checks.check_")


@built
@every_chapter
def test_a_prediction_is_asked_for_below_its_box_and_judged_as_in_the_page(page):
    """Each right answer of the page's own results is right in the notebook, too."""
    path = SITE / f"{page}.html"
    results = re.findall(r"<pr-result([^>]*)>", path.read_text(encoding="utf8"))
    data = [{key: unescape(text) for key, text in re.findall(r'data-(\w+)="([^"]*)"', each)} for each in results]
    said = sorted(node.answers("sentence", [[one, one["right"]] for one in data]))
    for kind in ("colab", "student", "solutions"):
        boxes: list = []
        for before, cell in pairwise(read(kind, page).cells):
            if "prediction" in tags(cell):
                # The box sends its reader to the next cell, so nothing may stand between.
                assert before.source.endswith(editions.predict.BELOW) or "prediction" in tags(before)
                space: dict = {}
                exec(cell.source.replace("predictions.ask(", "shown = predictions.ask("), space)
                boxes += space["shown"].children
        assert len(boxes) == len(data)
        judged = [box.judge(str(box.result[0])) for box in boxes]
        assert sorted(judged) == said


@built
@every_chapter
def test_a_class_votes_by_letters_where_a_box_has_some(page):
    for cell in read("live", page).cells:
        if "> **Predict first**" in cell.source:
            *_, box, vote = cell.source.split("\n\n")
            assert "board" in vote and "**Predict first**" not in vote
            lettered = [" a) " in f" {line}" for line in box.split("> **Predict first**")[-1].split("\n>\n> ")]
            assert ("letter by letter" in vote) == any(lettered), cell.id


@built
@pytest.mark.parametrize("kind", ["student", "live"])
def test_behind_a_blank_only_what_leads_on_to_the_next_cell_stays_open(kind):
    cells = {cell.id: cell.source for cell in read(kind, "chapters/12_shipping").cells}
    folded, _, open_ = cells["by-hand-meaning"].partition("</details>")
    assert "as small as the rounding of a float32" in folded and "`fuse_conv_bn_eval`" in folded
    assert open_.strip().startswith("The library's `shipping.fold` goes") and open_.endswith("the two agree:")


@built
@every_chapter
def test_live_and_student_editions_have_the_same_code(page):
    """So it is enough to run one of the two. Only the student's asks for predictions: a class raises its hands."""
    student = programs(read("student", page))
    asking = {cell.id for cell in read("student", page).cells if "prediction" in tags(cell)}
    assert asking and programs(read("live", page)) == {name: student[name] for name in student.keys() - asking}


@built
@every_chapter
def test_the_solutions_edition_is_the_student_edition_filled_in(page):
    """So it is enough to run the student edition with its answers."""
    student, complete = read("student", page), programs(read("solutions", page))
    known = answers(source_of(page), editions.chapter_number(page))
    own = {cell.id for cell in student.cells if cell.id.endswith("-try") and cell.id not in complete}
    for name, code in programs(student).items():
        key = blanks(student).get(name)
        if name.endswith("-check") and name not in complete or name in own:
            continue  # the answer calls the check itself; an exercise without a cell is solved where its solution is
        assert complete[name] == (known[key] if key else code)
    solved = "\n\n".join(complete.values())
    assert all(known[blanks(student)[name]].split("\n\n")[0] in solved for name in own)
    assert "...  #" not in solved


@built
@every_chapter
def test_the_whole_edition_is_the_student_edition_with_what_is_typed_in_class(page):
    """So it is enough to run the student edition: its exercises open, and then with all its answers."""
    student, whole = read("student", page), read("colab", page)
    known = answers(source_of(page), editions.chapter_number(page))
    first, code = (next(cell.source for cell in each.cells if cell.id == "setup") for each in (student, whole))
    assert first == code
    given = programs(student)
    for name, code in programs(whole).items():
        if name.endswith("-try"):  # there, its check is a cell of its own, which cannot be changed
            parts = given[name].split("\n") + given.get(f"{name}-check", "").split("\n")
            assert [line for line in code.split("\n") if line] == [line for line in parts if line]
        else:
            key = blanks(student).get(name)
            assert code == (known[key] if key else given[name])
    assert all(re.search(r"-try(-check)?$", name) for name in given.keys() - programs(whole).keys())


@built
@pytest.mark.parametrize("page", LESSONS)
def test_speaker_notes_tell_the_time(page):
    notes = [cell.source for cell in read("live", page).cells if "speaker" in tags(cell)]
    times = [
        tuple(map(int, re.search(r"<summary>Speaker, minute (\d+) to (\d+)</summary>", note).groups()))
        for note in notes
    ]
    assert times[0][0] == 0
    assert all(before[1] == after[0] for before, after in pairwise(times))
    assert f"{times[-1][1]} minutes" in read("live", page).cells[1].source
    for kind in ("colab", "student", "solutions"):
        assert "Speaker" not in "".join(cell.source for cell in read(kind, page).cells)


@built
def test_no_marker_shows_in_a_page_or_in_a_complete_edition():
    for page in CHAPTERS:
        assert "# --- solution" not in re.sub(r"<[^>]*>", "", (SITE / f"{page}.html").read_text(encoding="utf8"))
        for kind in editions.EDITIONS:
            assert not [name for name, code in programs(read(kind, page)).items() if finished(code) != code]


# Nothing in an edition needs what only the book has


def unknown_names(programs: Iterable[str]) -> list[str]:
    """Return the names that a program uses before any of it has defined them, roughly: scopes are not told apart.

    >>> unknown_names(["a = 1", "a + b", "b = 2"])
    ['b']
    """
    known, unknown = {*dir(builtins), "_", "reveal"}, []
    for program in programs:
        nodes = list(ast.walk(ast.parse(program)))
        known |= {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
        known |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler)}
        known |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        imported = [alias for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
        known |= {alias.asname or alias.name.split(".")[0] for alias in imported}
        unknown += [node.id for node in nodes if isinstance(node, ast.Name) and node.id not in known]
    return unknown


@every_edition
def test_an_edition_uses_no_name_that_only_a_cell_for_the_book_or_a_blank_would_define(kind, page):
    assert unknown_names(programs(read(kind, page)).values()) == []


# The cell that brings the library


@every_edition
def test_title_comes_first_and_what_it_is_and_then_the_cell_that_brings_the_library(kind, page):
    title, about, first = read(kind, page).cells[:3]
    assert title.source.startswith("# ") and about.id == "edition" and first.id == "setup"
    assert first.source.startswith("# @title ")
    if "LIBRARY = " in first.source:  # it is long, and so folded
        assert first.metadata.cellView == "form" and first.metadata.jupyter.source_hidden
        assert len(first.source.splitlines()) < 120


@pytest.fixture
def unpack(monkeypatch, tmp_path):
    """Return a function that runs a first cell in an empty folder, where no library is and nothing may be fetched."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mobilenet_lib" else find(name))

    def refuse(*arguments, **options):
        raise AssertionError(f"something was to be fetched: {arguments}")

    def run(program: str) -> Path:
        monkeypatch.setattr(subprocess, "run", refuse)
        exec(compile(program, "first cell", "exec"), {"__name__": "__main__"})
        return tmp_path / "mobilenet_book" / re.search('VERSION = "(.*)"', program)[1]

    return run


@pytest.fixture(scope="module")
def brought():
    return packing.library(ROOT, {key: {"code": str(reveal(key)), "words": ""} for key in keys()})


@pytest.fixture(scope="module")
def alone(brought):
    """Return a function that gives the first cell of a notebook that carries the library."""

    @functools.cache
    def first_cell(page: str) -> str:
        source = source_of(page)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(packing, "compressed", functools.partial(lzma.compress, preset=0))  # an eighth of the time
            archive = packing.library_archive(ROOT, brought.files, source)
        return packing.setup_alone(brought, packing.needs(ROOT, source), archive)

    return first_cell


@pytest.mark.site  # it packs all of the library
def test_a_notebook_without_an_address_brings_the_library_and_fetches_nothing_that_is_there(unpack, alone):
    folder = unpack(alone(CHAPTERS[-1]))
    for path in packing.library_files(ROOT):
        if path.suffix not in packing.DENSE:
            assert (folder / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
    assert sys.path[0] == str(folder)
    carried = json.loads((folder / "mobilenet_lib/data/answers.json").read_text(encoding="utf8"))
    assert list(carried) == keys()
    assert not [key for key, text in carried.items() if str(reveal(key)) in text]


@pytest.mark.site
def test_a_readers_changes_to_the_library_stay(unpack, brought, alone, capsys):
    program = alone(CHAPTERS[0])
    path = unpack(program) / "mobilenet_lib" / "cost.py"
    path.write_text("mine")
    unpack(program)
    unpack(alone(CHAPTERS[9]))  # it brings more data along
    assert path.read_text() == "mine"
    assert capsys.readouterr().out == ""
    newer = program.replace(brought.version, "9.9.9+newer")
    assert unpack(newer) != path.parents[1] and path.read_text() == "mine"
    assert f"Changes of yours in {brought.version}, if any, do not count here." in capsys.readouterr().out


@pytest.mark.site
def test_a_damaged_library_is_refused(unpack, alone):
    program = alone(CHAPTERS[0])
    at = program.index('LIBRARY = """\n') + 2000
    with pytest.raises(ValueError, match="damaged"):
        unpack(program[:at] + ("A" if program[at] != "A" else "B") + program[at + 1 :])


def test_a_library_that_is_installed_is_used_and_the_reader_is_told_which(brought, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    exec(packing.setup_with_wheel(brought, {}, "https://book.example/"), {})
    assert str(ROOT / "mobilenet_lib") in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_installed_and_the_rest_is_held_fast(brought, monkeypatch, tmp_path):
    program = packing.setup_with_wheel(brought, {"no_such_module": "no-such-package"}, "https://book.example/")
    asked = []

    class Failed:
        returncode = 1

    def note(command, **options):
        asked.append(command)
        return Failed

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", note)
    with pytest.raises(ModuleNotFoundError, match="no-such-package could not be installed"):
        exec(program, {})
    assert asked[0][-1] == "no-such-package" and not {"torch", "ipywidgets"} & set(asked[0])
    held = Path(asked[0][asked[0].index("--constraint") + 1]).read_text()
    assert re.search(r"^torch==\d", held, re.MULTILINE) and re.search(r"^ipywidgets==\d", held, re.MULTILINE)


# With an address


FRESH = """
import importlib.util, sys
sys.meta_path.insert(0, type("Hidden", (), {{"find_spec": staticmethod(lambda name, path=None, target=None: None)}}))
sys.path[:] = [path for path in sys.path if path != {root!r}]
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in str(finder).lower()]
exec(open("cell.py").read())
import mobilenet_lib
print(mobilenet_lib.__file__)
print(reveal("ch1.loop").count("macs"))
"""


@pytest.mark.site  # it packs all of the library, and pip installs it
@pytest.mark.parametrize("place", ["from the site", "from beside the notebook"])
def test_the_wheel_is_installed_from_the_site_or_from_beside_and_its_bytes_are_checked(
    brought, serving, tmp_path, place
):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / brought.name).write_bytes(brought.wheel)
    folder = tmp_path / "colab" if place == "from beside the notebook" else tmp_path / "alone" / "content"
    folder.mkdir(parents=True)

    def run(program: str) -> subprocess.CompletedProcess:
        (folder / "cell.py").write_text(program)
        command = [sys.executable, "-c", FRESH.format(root=str(ROOT))]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True)

    with serving(tmp_path) as address:
        program = packing.setup_with_wheel(brought, {}, address)
        assert len(program) < 4000
        other = run(re.sub('(?<=SHA256 = ").', lambda first: "1" if first[0] == "0" else "0", program))
        assert other.returncode and "could not be installed" in other.stderr
        done = run(program)
    assert done.returncode == 0, done.stderr
    where, found = done.stdout.split("\n")[-3:-1]
    assert where == str(folder / "mobilenet_book" / brought.version / "mobilenet_lib" / "__init__.py")
    assert int(found) >= 2
    path = Path(where).with_name("cost.py")
    path.write_text(path.read_text() + "\nmine = 1\n")
    assert run(program).returncode == 0 and path.read_text().endswith("mine = 1\n")


@every_edition
def test_a_notebook_is_small_where_the_site_has_an_address(kind, page):
    """All but the first cell are the same there."""
    whole = (SITE / editions.edition_path(kind, page)).read_text(encoding="utf8")
    first = next(cell.source for cell in read(kind, page).cells if cell.id == "setup")
    assert len(whole) - len(first) < 96_000


@built
@every_chapter
def test_a_notebook_asks_for_what_it_imports_and_never_for_what_colab_would_restart_for(page):
    found = packing.needs(ROOT, source_of(page))
    assert {"fvcore", "torchinfo", "anywidget", "matplotlib"} <= set(found)
    assert not {"torch", "torchvision", "ipywidgets", "numpy", "IPython"} & {*found, *found.values()}
    third_party = {"timm", "skimage", "sklearn", "onnx", "onnxruntime"}
    for name in packing.imported("\n".join(programs(read("colab", page)).values())) & third_party:
        assert name in found


# The same input gives the same bytes


@pytest.fixture
def app(site, tmp_path) -> SimpleNamespace:
    """Return as much of Sphinx as the editions ask for, with what the build knew when it had read all pages."""
    env = pickle.loads((site.parent / ".doctrees" / "environment.pickle").read_bytes())
    env.app = SimpleNamespace(registry=SimpleNamespace(enumerable_nodes={}))
    env.domains = {each.name: each(env) for each in (StandardDomain, MathDomain, BibtexDomain)}
    (tmp_path / "jupyter_execute").symlink_to(site.parent / "jupyter_execute")
    return SimpleNamespace(env=env, builder=SimpleNamespace(name="html"), srcdir=env.srcdir, outdir=tmp_path / "html")


def test_a_page_is_read_again_when_a_work_that_it_cites_changes(app):
    for page in app.env.found_docs:
        cites = re.search(r"\{(cite|bibliography)", Path(app.env.doc2path(page)).read_text(encoding="utf8"))
        assert any(Path(each).name == "references.bib" for each in app.env.dependencies[page]) == bool(cites), page


def test_another_build_gives_the_same_bytes(site, app, monkeypatch):
    """Another process, another hash seed, another folder.

    To compress takes longest, and gives the same for the same: what a notebook brings is compared before that.
    """
    assert sys.flags.hash_randomization  # so each process has its own seed, and this one did not build the site
    there = {carried(read(kind, page)) for kind, page in ALL} - {b""}
    monkeypatch.setattr(packing, "compressed", {lzma.decompress(archive): archive for archive in there}.get)
    editions.write_editions(app, None)
    for kind, page in ALL:
        path = editions.edition_path(kind, page)
        assert (app.outdir / path).read_bytes() == (site / path).read_bytes(), path
