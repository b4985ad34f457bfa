"""What a notebook carries: the library, the data that its chapter uses, and the names of what is to be installed."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import packing
import pytest

ROOT = Path(__file__).resolve().parents[2]


def program(text):
    return {"cells": [{"cell_type": "code", "metadata": {}, "source": text}]}


@pytest.fixture
def small_library(tmp_path):
    """Return a folder with a library of a few modules and data files."""
    library = tmp_path / "mobilenet_lib"
    for name, text in {
        "a.py": "from . import b\nfrom .checks import c\nimport torch, json",
        "b.py": "from .a import x\ndef f():\n    from PIL import Image\n    return 'digits_'",
        "checks.py": "def f():\n    import timm",
        "d.py": "",
        "explorables/draw_digit.py": "path = f'ink_{name}.npz'",
        "data/digits_one.npz": "1",
        "data/ink_one.npz": "2",
        "data/onnx/lab-v1.onnx": "for pages only",
        "data/onnx/large.onnx.gz": "for pages only",
        "data/gallery/cat.webp": "for pages only",
        "data/table.json": "3",
    }.items():
        path = library / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_what_the_library_needs_for_a_chapter_is_asked_for_too(small_library):
    used = packing.used(small_library, program("from mobilenet_lib import a, Table"))
    assert set().union(*map(packing.imported, used)) == {"torch", "json", "PIL", "mobilenet_lib"}


@pytest.mark.parametrize(
    ("text", "dense"),
    [
        ("from mobilenet_lib import a", ["digits_one.npz"]),
        ("from mobilenet_lib import d, explorables\nexplorables.DrawDigit()", ["ink_one.npz"]),
        ("from mobilenet_lib import d", []),
    ],
)
def test_large_files_travel_with_the_chapters_that_use_them(small_library, text, dense):
    files = packing.library(small_library, {}).files
    packed = packing.library_archive(small_library, files, program(text))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        names = [Path(name).name for name in archive.getnames()]
    assert [name for name in names if Path(name).suffix in {*packing.DENSE, *packing.OF_THE_PAGE}] == dense
    assert {"a.py", "table.json", "draw_digit.py", "answers.json"} <= set(names)


def test_a_package_may_have_another_name_than_its_module():
    found = packing.needs(ROOT, program("import yaml\nfrom PIL import Image"))
    assert {"yaml": "PyYAML", "PIL": "pillow"}.items() <= found.items()


def test_the_archive_depends_on_the_files_alone(small_library):
    def archive():
        return packing.library_archive(
            small_library, packing.library(small_library, {}).files, program("from mobilenet_lib import d")
        )

    library, before = small_library / "mobilenet_lib", archive()
    os.utime(library / "a.py", (0, 0))
    (library / "__pycache__").mkdir()
    (library / "__pycache__" / "a.pyc").write_bytes(b"x")
    assert archive() == before
    (library / "d.py").write_text("another")
    assert archive() != before


def test_a_wheel_depends_on_the_files_alone_and_its_version_tells_them_apart(small_library):
    before = packing.library(small_library, {"ch1.a": {"code": "1", "words": ""}})
    os.utime(small_library / "mobilenet_lib" / "a.py", (0, 0))
    assert packing.library(small_library, {"ch1.a": {"code": "1", "words": ""}}) == before
    other = packing.library(small_library, {"ch1.a": {"code": "2", "words": ""}})
    assert other.version != before.version and other.name != before.name


def test_a_wheel_is_what_pip_makes_of_one(small_library, tmp_path):
    made = packing.library(small_library, {})
    path = tmp_path / made.name
    path.write_bytes(made.wheel)
    assert packing.read_library(path) == made
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([*command, tmp_path / "there", path], check=True)
    assert (tmp_path / "there" / "mobilenet_lib" / "a.py").read_bytes() == made.files["mobilenet_lib/a.py"]
    assert (tmp_path / "there" / f"mobilenet_lib-{made.version}.dist-info").is_dir()
