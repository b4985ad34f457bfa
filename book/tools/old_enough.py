"""Stop before anything is installed, where this Python is too old or too new. It runs on any Python from 3.6 on."""

import re
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def range_of(text):
    """Return the first minor version of Python 3 that works, and the first after it that does not."""
    found = re.search(r'^requires-python = ">=3\.(\d+),<3\.(\d+)"$', text, re.MULTILINE)
    if not found:
        raise ValueError('pyproject.toml must have a line requires-python = ">=3.A,<3.B"')
    return int(found.group(1)), int(found.group(2))


def complaint(version, prefix, project=PROJECT):
    """Return what is wrong with a Python and what to do about it; nothing where it is fine."""
    first, end = range_of((project / "pyproject.toml").read_text(encoding="utf8"))
    if first <= version[1] < end and version[0] == 3:
        return ""
    fine = "This book needs Python 3.{} to 3.{}, and this one is {}.{}".format(first, end - 1, *version)
    if Path(prefix) == project / ".venv":
        return fine + f". Delete the folder .venv, then: make book PYTHON=python3.{end - 1}"
    return fine + f". Name another one: make book PYTHON=python3.{end - 1}"


if __name__ == "__main__":
    sys.exit(complaint(sys.version_info, sys.prefix) or 0)
