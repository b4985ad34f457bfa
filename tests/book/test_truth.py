"""Every number about a model's cost in the prose is computed in a cell, or stands beside its source."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(ROOT / "chapters").glob("*.ipynb"), *(ROOT / "reference").glob("*.ipynb"), ROOT / "index.md"])

UNIT = (
    r"MACs|mult-adds|MAdds|multiply-adds|multiply-accumulates|multiplications"
    r"|parameters|weights|FLOPs|GFLOPs|kB|MB"
)
NUMBER = r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?"
# "568 million MACs", "4.2 million trained parameters", "100 kB", "0.31 G"
AMOUNT = rf"{NUMBER}\s*(?:[MGk]|thousand|million|billion)?"
COST = re.compile(rf"{AMOUNT}\s*(?:\w+\s)?(?:{UNIT})\b|{NUMBER}\s+(?:million|billion)\b")
NOT_PROSE = re.compile(
    r"\{glue:text\}`[^`]*`"  # computed
    r"|```.*?```|`[^`]*`"  # code
    r"|\$\$.*?\$\$|\$[^$]*\$"  # formulas: their numbers are the derivation itself
    r"|\\\w+",
    re.DOTALL,
)
# A prediction offers wrong numbers on purpose, and an exercise asks for right ones.
# A heading may quote what people say, and the text below it says what is true.
NOT_A_CLAIM = re.compile(
    r":::\{(?:predict\}|admonition\} (?:Predict first|This cell needs)).*?:::|```\{exercise\}.*?```|^#+ .*?$",
    re.DOTALL | re.MULTILINE,
)


def paragraphs(path: Path) -> list[str]:
    if path.suffix == ".ipynb":
        cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    else:
        cells = [path.read_text(encoding="utf-8")]
    return [part for cell in cells for part in re.split(r"\n\s*\n", NOT_A_CLAIM.sub("", cell))]


def bare_costs(paragraph: str) -> list[str]:
    """Return the costs that a paragraph names without computing them or saying whose they are."""
    if "{cite" in paragraph:
        return []
    return COST.findall(NOT_PROSE.sub(" ", paragraph))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_costs_in_the_prose_are_computed_or_cited(path):
    assert [(found, text[:90]) for text in paragraphs(path) if (found := bare_costs(text))] == []


@pytest.mark.parametrize(
    "sentence",
    [
        "MobileNetV2 needs 300 million MACs.",
        "It has 3,504,872 parameters.",
        "That tensor takes 802.8 kB.",
        "The network does 4.87 billion of them.",
    ],
)
def test_a_bare_number_is_found(sentence):
    assert bare_costs(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "MobileNetV2 needs 300 million MAdds {cite}`sandler2018mobilenetv2`.",
        "It needs {glue:text}`macs:.0f` million MACs.",
        "A 3×3 kernel reads 9 pixels of 64 channels.",
        "`cost.conv(64, 128)` has $3 \\cdot 3$ weights for each pair.",
    ],
)
def test_what_is_computed_or_cited_or_no_cost_passes(sentence):
    assert bare_costs(sentence) == []
