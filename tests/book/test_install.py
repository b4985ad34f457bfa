"""Packages come with uv from where pip is told to take them."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import install
import pytest


def test_uv_is_told_what_pip_itself_says_it_was_told(tmp_path):
    """Lists may have several lines, [install] is above [global], and a variable of the shell above both."""
    told = tmp_path / "pip.conf"
    told.write_text(
        "[global]\nindex-url = https://one.invalid/simple\nextra-index-url =\n  file:///two\n  file:///three\n"
        "find-links = /a /b\ncert = /c\nprogress-bar = off\n[install]\nindex-url = https://four.invalid/simple\n"
    )
    told_nothing = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    shell = told_nothing | {"PIP_CONFIG_FILE": str(told), "PIP_FIND_LINKS": "/d", "PIP_TRUSTED_HOST": "five.invalid"}
    listed = subprocess.run([*install.PIP, "config", "list"], env=shell, capture_output=True, text=True).stdout
    found = install.settings(listed)
    # Other files of this machine may have more to say.
    assert found["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert found["UV_DEFAULT_INDEX"] == "https://four.invalid/simple"
    assert found["UV_INDEX"] == "file:///two file:///three"
    assert found["UV_FIND_LINKS"] == "/d"
    assert found["SSL_CERT_FILE"] == "/c"
    assert found["UV_INSECURE_HOST"] == "five.invalid"
    assert "/a,/b" in install.settings("global.find-links='/a /b'").values()


@pytest.mark.parametrize("fails", ["its own installation", "uv"])
@pytest.mark.parametrize("words", [["-e", "."], ["--torch-backend=cpu", "-e", "."]])
def test_where_uv_cannot_pip_does_but_not_what_only_uv_can(monkeypatch, fails, words):
    asked = []

    def run(command, **_):
        asked.append(command)
        failed = "uv" in command and ("--python" in command) == (fails == "uv")
        return SimpleNamespace(returncode=int(failed), stdout="")

    monkeypatch.setattr(subprocess, "run", run)
    only_uv = len(words) == 3
    assert install.main(words) == only_uv
    with_pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-compile", *words]
    assert (asked[-1] == with_pip) == (not only_uv)
