"""The bundle opens where there is no internet, names what its notebooks need, and is the same each time."""

from __future__ import annotations

import ast
import base64
import io
import json
import os
import re
import shutil
import sys
import tarfile
import zipfile
from importlib.metadata import packages_distributions, version
from pathlib import Path

import bundle
import nbformat
import packing
import pytest

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = "chapters/06_inverted_residual.html"


@pytest.fixture(scope="module")
def packed(site, tmp_path_factory) -> Path:
    return bundle.write_bundle(site, tmp_path_factory.mktemp("bundle") / "book.zip")


@pytest.fixture(scope="module")
def unpacked(packed, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("memory-stick")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder)
    return folder / bundle.NAME


def test_same_site_gives_the_same_bytes(site, tmp_path):
    """Whenever its files were written, and in whichever order: here a page, a notebook, the decks and the wheel."""
    names = [CHAPTER, "colab/06_inverted_residual.ipynb"]
    names += [path.relative_to(site) for folder in ("slides", packing.WHEELS) for path in (site / folder).iterdir()]
    for folder, order, time in (("one", names, 10**9), ("two", names[::-1], 2 * 10**9)):
        for name in order:
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(site / name, path)
            os.utime(path, (time, time))
    one, two = (bundle.write_bundle(tmp_path / folder, tmp_path / f"{folder}.zip") for folder in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_a_notebook_that_would_fetch_the_library_carries_it_in_the_bundle(tmp_path):
    """A site with an address has small notebooks; in a room without the internet they bring what the wheel brings."""
    files = {f"mobilenet_lib/{name}": f"# {name}".encode() for name in ("__init__.py", "cost.py", "data/answers.json")}
    wheel = packing.wheel(files, "1.0+abc")
    brought = packing.Library("1.0+abc", "mobilenet_lib-1.0+abc-py3-none-any.whl", wheel, files)
    setup = packing.setup_with_wheel(brought, {"fvcore": "fvcore"}, "https://book.example/")
    cells = [
        nbformat.v4.new_markdown_cell("# Cost", id="title"),
        nbformat.v4.new_code_cell(setup, id="setup", metadata={"tags": ["setup"]}),
        nbformat.v4.new_code_cell("from mobilenet_lib import cost", id="imports"),
    ]
    for folder, name, content in (
        (packing.WHEELS, brought.name, wheel),
        ("colab", "cost.ipynb", nbformat.writes(nbformat.v4.new_notebook(cells=cells)).encode()),
        ("_static", "book.css", b"p { margin: 0 }"),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(content)

    def alone(name: str) -> bytes:
        return bundle.standing_alone(tmp_path / name, tmp_path)

    assert alone("_static/book.css") == b"p { margin: 0 }"
    found = nbformat.reads(alone("colab/cost.ipynb").decode(), as_version=4)
    nbformat.validate(found)
    assert [cell.id for cell in found.cells] == ["title", "setup", "imports"]
    assert [found.cells[i] for i in (0, 2)] == [cells[i] for i in (0, 2)]
    cell = found.cells[1]
    assert "https:" not in cell.source.replace("https://pytorch.org", "")
    assert cell.metadata.jupyter.source_hidden and cell.metadata.tags == ["setup"]
    assert 'NEEDS = {"fvcore": "fvcore"}' in cell.source and 'VERSION = "1.0+abc"' in cell.source
    packed = base64.b64decode(re.search(r'LIBRARY = """(.*?)"""', cell.source, re.DOTALL)[1])
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:xz") as archive:
        assert {entry.name: archive.extractfile(entry).read() for entry in archive} == files
    again = tmp_path / "colab" / "again.ipynb"  # one that carries it stays as it is
    again.write_bytes(alone("colab/cost.ipynb"))
    assert alone("colab/again.ipynb") == again.read_bytes()


def test_bundle_has_the_whole_site_and_says_what_to_do(unpacked, site):
    for path in site.rglob("*"):
        if path.is_file() and path.name not in bundle.LEFT_OUT:
            assert (unpacked / "site" / path.relative_to(site)).read_bytes() == path.read_bytes()
    readme = (unpacked / "README.txt").read_text(encoding="utf8")
    for name in re.findall(r"site/(\w+(?:\.html)?)", readme):
        assert (unpacked / "site" / name).exists(), name
    assert f"Python {sys.version_info.major}.{sys.version_info.minor}" in readme


@pytest.mark.parametrize("way", ["from the folder", "from a server"])
def test_unpacked_book_works_with_the_network_cut(tabs, unpacked, serving, way):
    def check(start: str) -> None:
        for page in (CHAPTER, CHAPTER.replace("chapters/", "slides/")):
            visited = tabs(f"{start}/{page}#inverted-block?expansion=3")
            visited.page.wait_for_selector("[data-explorable=inverted-block].mn-live")
            slider = visited.page.get_by_role("slider", name="Expansion")
            assert slider.get_attribute("aria-valuetext").startswith("3")
            slider.focus()
            visited.page.keyboard.press("ArrowRight")
            assert slider.get_attribute("aria-valuetext").startswith("4")
            assert visited.foreign == []
            assert visited.errors == []

    if way == "from the folder":
        check((unpacked / "site").as_uri())
    else:
        with serving(unpacked / "site") as address:
            check(address.rstrip("/"))


# What the notebooks need


def test_list_names_exact_versions_of_this_environment():
    for line in bundle.wheels():
        name, number = line.split("==")
        assert version(name).partition("+")[0] == number


def test_list_has_what_the_chapters_import():
    """Except myst-nb: it fills in numbers while the book is built, and the editions come without those cells."""
    listed = {bundle.canonical(line.partition("==")[0]) for line in bundle.wheels()}
    of = packages_distributions()
    for path in (ROOT / "chapters").glob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf8"))["cells"]:
            if cell["cell_type"] == "markdown" or "book-only" in cell["metadata"].get("tags", []):
                continue
            tree = ast.parse("".join(cell["source"]))
            names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
            names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
            for name in {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - {"mobilenet_lib"}:
                assert bundle.canonical(of[name][0]) in listed, (path.name, name)
