"""Formulas are drawn by the KaTeX whose style sheet is vendored, and one that cannot be read is reported."""

from __future__ import annotations

import re

import formulas
from sphinxcontrib import katex


def test_vendored_katex_is_the_one_that_draws_the_formulas(root):
    assert f"| {katex.katex_version} |" in (root / "book" / "vendor" / "README.md").read_text(encoding="utf8")


def test_vendored_katex_has_each_font_it_names_and_no_other(root):
    folder = root / "book" / "vendor" / "katex"
    named = set(re.findall(r"url\((fonts/[^)]+)\)", (folder / "katex.min.css").read_text(encoding="utf8")))
    assert named == {font.relative_to(folder).as_posix() for font in folder.rglob("fonts/*")}


def test_an_unreadable_formula_is_reported(monkeypatch):
    said = []
    monkeypatch.setattr(formulas.LOGGER, "warning", lambda text, *values, location: said.append((location, *values)))
    body = '<span class="katex-error" title="ParseError: Undefined control sequence: \\x">…</span>'
    formulas.check_formulas(None, "chapters/x", "", {"body": body}, None)
    assert said == [("chapters/x", "ParseError: Undefined control sequence: \\x")]
