"""Formulas are drawn by the KaTeX whose style sheet is vendored, and one that cannot be read is reported."""

from __future__ import annotations

import re

import formulas
from docutils import nodes
from docutils.utils import new_document
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


def test_a_percent_sign_stays_with_its_number_but_in_code():
    document = new_document("page")
    block = nodes.literal_block("", "seven = 17 % 10")
    line = nodes.paragraph("", "", nodes.strong("", "4"), nodes.Text(" %, 93 (88 to 98) % and 5 %; "),
                           nodes.literal("", "12 % 5"), nodes.Text(" is no share."))  # fmt: skip
    document += [line, block]
    formulas.WholePercents(document).run()
    assert line.astext() == "4\u00a0%, 93 (88 to 98)\u00a0% and 5\u00a0%; 12 % 5 is no share."
    assert block.astext() == "seven = 17 % 10"


def test_a_glued_number_has_a_minus_sign_and_a_word_keeps_its_hyphen():
    document = new_document("page")
    texts = ("-5.9", "0.50 (-0.04 to 0.90)", "two-step", "3e-06")
    document += nodes.paragraph("", "", *(nodes.inline(text, text, classes=["pasted-text"]) for text in texts))
    document += nodes.paragraph("", "written -1 by hand")
    formulas.GluedSigns(document).run()
    assert [each.astext() for each in document[0]] == ["−5.9", "0.50 (−0.04 to 0.90)", "two-step", "3e-06"]
    assert document[1].astext() == "written -1 by hand"
