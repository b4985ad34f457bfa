"""The recipes for Binder and Docker read well, and name files that are there. (No Docker is needed to know that.)"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
INSTRUCTIONS = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "EXPOSE", "CMD", "COMMENT"}


@pytest.fixture(scope="module")
def recipe() -> list[dict]:
    return DockerfileParser(fileobj=io.BytesIO((ROOT / "Dockerfile").read_bytes())).structure


def values(recipe: list[dict], instruction: str) -> list[str]:
    return [step["value"] for step in recipe if step["instruction"] == instruction]


def test_dockerfile_has_only_instructions_that_docker_knows(recipe):
    assert {step["instruction"] for step in recipe} <= INSTRUCTIONS
    assert [step["instruction"] for step in recipe if step["instruction"] != "COMMENT"][0] == "FROM"
    assert recipe[-1]["instruction"] == "CMD"


def test_dockerfile_copies_what_is_there_and_runs_as_a_plain_user(recipe):
    for copied in values(recipe, "COPY"):
        *sources, _ = [word for word in copied.split() if not word.startswith("--")]
        for source in sources:
            assert (ROOT / source).exists(), source
    assert {"requirements.txt", "pyproject.toml", "setup.py"} <= set(values(recipe, "COPY")[0].split())
    assert values(recipe, "USER") == ["reader"]


def test_dockerfile_starts_what_it_installs(recipe):
    assert 'CMD [".venv/bin/jupyter", "lab"' in (ROOT / "Dockerfile").read_text(encoding="utf8")
    assert any("-r requirements.txt -e ." in command for command in values(recipe, "RUN"))
    assert "\njupyterlab>=" in (ROOT / "requirements.txt").read_text(encoding="utf8")


def test_binder_installs_what_the_book_needs():
    """repo2docker installs .binder/requirements.txt, and then runs postBuild in the checkout."""
    lines = (ROOT / ".binder" / "requirements.txt").read_text(encoding="utf8").splitlines()
    files = [line.removeprefix("-r ") for line in lines]
    assert [(ROOT / ".binder" / name).resolve() for name in files] == [ROOT / "requirements.txt"]
    assert os.access(ROOT / ".binder" / "postBuild", os.X_OK)


def test_binder_and_docker_take_a_python_that_the_library_supports(recipe):
    binder = (ROOT / ".binder" / "runtime.txt").read_text(encoding="utf8").strip().removeprefix("python-")
    assert values(recipe, "FROM") == [f"python:{binder}-slim"]
    supported = re.search(r'requires-python = "(.*)"', (ROOT / "pyproject.toml").read_text(encoding="utf8"))[1]
    assert binder in SpecifierSet(supported)
