"""What goes out under a version: one number, one title, and a wheel with all of the library."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf8")


def read(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf8"))


def test_citation_names_the_book_and_its_version():
    citation, config = read("CITATION.cff"), read("_config.yml")
    assert citation["title"] == config["title"]
    assert [author["name"] for author in citation["authors"]] == [config["author"]]
    assert citation["version"] == re.search(r'^version = "(.+)"$', PYPROJECT, re.MULTILINE)[1]
    assert citation["license"] == "MIT"


def test_the_wheel_has_every_file_of_the_library(tmp_path):
    for name in ("pyproject.toml", "setup.py", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "mobilenet_lib", tmp_path / "mobilenet_lib", ignore=shutil.ignore_patterns("__pycache__"))
    build = "from setuptools import build_meta; build_meta.build_wheel('.')"  # as pip has it done
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        packed = {name for name in wheel.namelist() if name.startswith("mobilenet_lib/")}
    here = {path.relative_to(ROOT).as_posix() for path in (ROOT / "mobilenet_lib").rglob("*") if path.is_file()}
    assert packed == {name for name in here if "__pycache__" not in name}
