"""The recipes for Binder and Docker read well, and name files that are there. (No Docker is needed to know that.)"""

from __future__ import annotations

import io
import os
import re
import subprocess
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "requirements.txt").read_text(encoding="utf8")
INSTRUCTIONS = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "EXPOSE", "CMD", "COMMENT"}


@pytest.fixture(scope="module")
def recipe() -> list[dict]:
    return DockerfileParser(fileobj=io.BytesIO((ROOT / "Dockerfile").read_bytes())).structure


def names(text: str) -> set[str]:
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return {re.match(r"[\w-]+", line)[0] for line in lines if line and not line.startswith("[")}


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
    assert 'CMD [".venv/bin/python", "book/tools/lab.py"' in (ROOT / "Dockerfile").read_text(encoding="utf8")
    install, build = values(recipe, "RUN")[-2:]
    assert "-r needed.txt -e ." in install and build == ".venv/bin/python book/tools/build.py"
    assert "--torch-backend=cpu" in install
    taken = TEXT[: TEXT.index(re.search(r"sed '/\^(.*?)/,\$d' requirements.txt > needed.txt", install)[1])]
    assert {"jupyterlab", "jupyter-book", "torch", "timm"} <= names(taken)
    assert not {"pytest", "playwright", "ruff", "pyright"} & names(taken)


def test_binder_installs_what_the_book_needs():
    """repo2docker installs .binder/requirements.txt, and then runs postBuild in the checkout."""
    assert names((ROOT / ".binder" / "requirements.txt").read_text(encoding="utf8")) == {"uv"}
    assert os.access(ROOT / ".binder" / "postBuild", os.X_OK)
    extras = re.search(r"\[([\w,]+)\]\"$", (ROOT / ".binder" / "postBuild").read_text(encoding="utf8").strip())[1]
    parts = [TEXT.partition(f"# [{part}]")[2].partition("\n\n")[0] for part in ("library", *extras.split(","))]
    installed = set().union(*map(names, parts))
    assert {"torch", "jupyterlab", "timm", "torchvision", "onnxruntime"} <= installed
    assert not installed & {"pytest", "playwright", "jupyter-book", "ruff"}


@pytest.mark.parametrize("wheels", [[], ["mobilenet_lib-0.1.0+abc-py3-none-any.whl"]])
def test_binder_takes_the_wheel_of_the_published_branch_or_the_checkout(tmp_path, wheels):
    (tmp_path / "wheels").mkdir()
    for name in wheels:
        (tmp_path / "wheels" / name).touch()
    uv = tmp_path / "uv"
    uv.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    uv.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = [ROOT / ".binder" / "postBuild"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    what = f"wheels/{wheels[0]}" if wheels else "."
    assert done.stdout.splitlines()[-1] == f"{what}[notebooks,shipping,training]"


def test_binder_and_docker_take_a_python_that_the_library_supports(recipe):
    binder = (ROOT / ".binder" / "runtime.txt").read_text(encoding="utf8").strip().removeprefix("python-")
    assert values(recipe, "FROM") == [f"python:{binder}-slim"]
    supported = re.search(r'requires-python = "(.*)"', (ROOT / "pyproject.toml").read_text(encoding="utf8"))[1]
    assert binder in SpecifierSet(supported)
