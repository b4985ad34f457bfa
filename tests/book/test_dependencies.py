"""Dependencies are written down once, in requirements.txt, and pip reads there what the library's metadata say."""

from __future__ import annotations

import re
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "requirements.txt").read_text(encoding="utf8")
CORE = ["jupyter-book", "torch", "matplotlib", "ipywidgets", "torchinfo", "fvcore"]


def requirements(text: str) -> list[Requirement]:
    lines = (re.sub(r"\s+#.*", "", line) for line in text.splitlines() if line and not line.startswith("#"))
    return [Requirement(line) for line in lines]


def names(text: str) -> list[str]:
    return [canonicalize_name(each.name) for each in requirements(text)]


def test_each_package_stands_there_once_and_the_core_at_the_head():
    found = names(TEXT)
    assert found[: len(CORE)] == CORE
    assert len(found) == len(set(found))


@pytest.mark.parametrize("name", ["pyproject.toml", "setup.py", "Dockerfile", ".binder/requirements.txt"])
def test_no_other_file_names_them_again(name):
    text = (ROOT / name).read_text(encoding="utf8")
    assert not [package for package in names(TEXT) if re.search(rf'"{re.escape(package)}\s*[<>=~!]', text)]


@pytest.mark.parametrize("part", ["library", "notebooks", "shipping", "training"])
def test_the_installed_library_has_what_its_part_says(part):
    """An installed library has what requirements.txt said then; `make book` installs it again when that has changed."""
    written = re.search(rf"^# \[{part}\][^\n]*\n(.*?)(?:\n\n|\Z)", TEXT, re.MULTILINE | re.DOTALL)[1]
    own = [Requirement(line) for line in requires("mobilenet-lib")]
    extra = None if part == "library" else f'extra == "{part}"'
    installed = {(each.name, each.specifier) for each in own if (str(each.marker) if each.marker else None) == extra}
    assert installed == {(each.name, each.specifier) for each in requirements(written)}


def test_the_library_needs_nothing_of_what_only_builds_the_book():
    own = {canonicalize_name(Requirement(line).name) for line in requires("mobilenet-lib")}
    assert not own & {"jupyter-book", "sphinx", "pytest", "playwright"}
