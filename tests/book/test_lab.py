"""What is opened in JupyterLab is a copy: it follows the book until somebody works in it, and then it stays."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import lab
import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf8")
README = (ROOT / "README.md").read_text(encoding="utf8")


@pytest.fixture
def site(tmp_path, monkeypatch):
    for kind in ("colab", "live"):
        (tmp_path / "html" / kind).mkdir(parents=True)
        for name in ("01_a.ipynb", "02_b.ipynb"):
            (tmp_path / "html" / kind / name).write_text("first")
    opened = []
    monkeypatch.setattr(subprocess, "run", lambda command: opened.append(command) or subprocess.CompletedProcess([], 0))
    return tmp_path / "html"


def test_a_new_build_reaches_what_nobody_changed_and_nothing_else(site, tmp_path, capsys):
    root = tmp_path
    assert lab.main([], root, site) == 0
    (root / "notebooks" / "02_b.ipynb").write_text("my work")
    (root / "notebooks" / "mine.ipynb").write_text("mine")
    assert lab.main([], root, site) == 0
    assert capsys.readouterr().out == ""  # there is nothing new to be had
    for name in ("01_a.ipynb", "02_b.ipynb"):
        (site / "colab" / name).write_text("second")
    assert lab.main([], root, site) == 0
    assert "Your work stays as it is in 02_b.ipynb." in capsys.readouterr().out
    texts = {path.name: path.read_text() for path in (root / "notebooks").glob("*.ipynb")}
    assert texts == {"01_a.ipynb": "second", "02_b.ipynb": "my work", "mine.ipynb": "mine"}
    (root / "notebooks" / "02_b.ipynb").rename(root / "notebooks" / "02_mine.ipynb")
    assert lab.main([], root, site) == 0
    assert (root / "notebooks" / "02_b.ipynb").read_text() == "second"


def test_each_lesson_has_a_copy_of_its_own(site, tmp_path, monkeypatch):
    for second in (1, 2):
        monkeypatch.setattr(lab.time, "strftime", lambda form, second=second: f"lesson-{second}")
        assert lab.main(["live"], tmp_path, site) == 0
    assert len(list((tmp_path / "live").iterdir())) == 2


def test_a_site_that_is_not_there_and_a_strange_word_are_told(site, tmp_path, capsys):
    assert lab.main([], tmp_path, tmp_path / "none") == 1
    assert "run `make book` first" in capsys.readouterr().err
    assert lab.main(["slides"], tmp_path, site) == 1
    assert "got 'slides'" in capsys.readouterr().err


def test_copies_are_outside_of_git():
    for path in ("notebooks/01_a.ipynb", "live/2026/01_a.ipynb"):
        assert subprocess.run(["git", "-C", ROOT, "check-ignore", "--quiet", path]).returncode == 0


# Without make


def test_the_three_commands_of_the_readme_do_what_make_does():
    """README shows them as Windows takes them; they were run in a shell without make."""
    block = re.search(r"### Without make.*?```\n(.*?)```", README, re.DOTALL)[1]
    commands = [line.partition("  #")[0].strip() for line in block.splitlines()]
    venv, install, build = (line.replace("\\", "/").replace(".venv/Scripts", "$(BIN)") for line in commands)
    assert venv.split()[1:] == ["-m", "venv", ".venv"]
    assert f"\t{install}\n" in MAKEFILE.replace("$(if $(TORCH),--torch-backend=$(TORCH)) ", "")
    assert f"\t{build}\n" in MAKEFILE
    for line in re.findall(r"`\.venv\\Scripts\\python ([\w/]+\.py)`", README):
        assert (ROOT / line.replace("\\", "/")).is_file(), line


def test_tools_need_nothing_but_python_to_start():
    done = subprocess.run([sys.executable, ROOT / "book/tools/lab.py", "no-such"], capture_output=True, text=True)
    assert done.returncode == 1 and "got 'no-such'" in done.stderr
