"""An unsuitable Python is noticed before anything is made, with a remedy that works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import old_enough
import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf8")


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 15, 0), (2, 7, 18), (4, 10, 0)])
def test_another_python_is_told_which_ones_work(version):
    said = old_enough.complaint(version, "/usr")
    assert said.startswith("This book needs Python 3.10 to 3.14, and this one is {}.{}".format(*version))
    assert said.endswith("make book PYTHON=python3.14")


@pytest.mark.parametrize("version", [(3, 10, 0), (3, 14, 9)])
def test_the_pythons_of_the_project_are_fine(version):
    assert old_enough.complaint(version, "/usr") == ""


def test_an_environment_made_with_another_python_has_to_go_first():
    assert "Delete the folder .venv" in old_enough.complaint((3, 9, 18), str(ROOT / ".venv"))


def test_this_python_passes_and_make_asks_before_it_makes_the_environment():
    done = subprocess.run([sys.executable, old_enough.__file__], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    recipe = MAKEFILE.partition("$(READY):")[2]
    assert recipe.index("old_enough.py") < recipe.index("-m venv")


def test_a_file_without_the_line_is_reported():
    with pytest.raises(ValueError, match="must have a line requires-python"):
        old_enough.range_of("[project]")
