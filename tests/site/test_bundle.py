"""The bundle opens where there is no internet, names what its notebooks need, and is the same each time."""

from __future__ import annotations

import ast
import json
import re
import sys
import zipfile
from importlib.metadata import packages_distributions, version
from pathlib import Path

import bundle
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


def test_same_site_gives_the_same_bytes(packed, site, tmp_path):
    again = bundle.write_bundle(site, tmp_path / "again.zip")
    assert again.read_bytes() == packed.read_bytes()


def test_bundle_has_the_whole_site_and_says_what_to_do(unpacked, site):
    for path in site.rglob("*"):
        if path.is_file() and path.name not in bundle.LEFT_OUT:
            assert (unpacked / "site" / path.relative_to(site)).read_bytes() == path.read_bytes()
    readme = (unpacked / "README.txt").read_text(encoding="utf8")
    for name in re.findall(r"site/(\w+(?:\.html)?)", readme):
        assert (unpacked / "site" / name).exists(), name
    assert f"Python {sys.version_info.major}.{sys.version_info.minor}" in readme


@pytest.mark.parametrize("way", ["from the folder", "from a server"])
def test_unpacked_book_works_with_the_network_cut(visit, unpacked, serving, way):
    def check(start: str) -> None:
        for page in (CHAPTER, CHAPTER.replace("chapters/", "slides/")):
            visited = visit(f"{start}/{page}#inverted-block?expansion=3")
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
