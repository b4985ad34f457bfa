"""What a notebook's front end makes of its text, held against a parser of Markdown of another make."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import nbformat
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

PARSER = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, double_inline=True)
# What no reader is to see outside of code and formulas: MyST, dollars, marks of Markdown, tags, and what TeX left over.
RAW = re.compile(r"\$|\\[a-z]+|:::|\{[\w:.+-]+\}|\*\*|^#+ |</?\w+>|^>|\|\s*:?--|^\(\S+\)=$", re.MULTILINE)

# Of each rendered cell: its headings, the rows and columns of its tables, how many formulas, words without code and
# formulas, and what it has that is broken, or wider than the cell.
SHOWN = """([cells, formula, error]) => [...document.querySelectorAll(cells)].map((cell) => {
  const words = cell.cloneNode(true);
  for (const folded of cell.querySelectorAll("details")) folded.open = true;
  for (const part of words.querySelectorAll(`pre, code, script, style, .MathJax_Preview, ${formula}`)) part.remove();
  const pictures = [...cell.querySelectorAll("img")].filter((image) => !image.naturalWidth);
  const unread = [...cell.querySelectorAll(formula)].filter((part) => part.textContent.includes("\\\\"));
  const { right } = cell.getBoundingClientRect();
  const wide = [...cell.querySelectorAll("table, pre, p, img")].filter((part) =>
    part.getBoundingClientRect().right > right + 1 && getComputedStyle(part.parentElement).overflowX === "visible");
  return {
    headings: [...cell.querySelectorAll("h1, h2, h3, h4, h5, h6")].map((heading) => +heading.localName[1]),
    tables: [...cell.querySelectorAll("table")].filter((table) => !table.closest(formula)).map((table) =>
      [table.rows.length, Math.max(...[...table.rows].map((row) => row.cells.length))]),
    formulas: [...cell.querySelectorAll(formula)].filter((part) => !part.parentElement.closest(formula)).length,
    words: words.textContent,
    empty: !cell.innerText.trim(),
    broken: [...cell.querySelectorAll(error), ...unread, ...pictures, ...wide].map(({ outerHTML }) =>
      outerHTML.slice(0, 200)),
  };
})"""


@cache
def texts(path: Path) -> list[str]:
    """Return the text cells of a notebook."""
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]


def formulas(source: str) -> int:
    return sum(
        token.type.startswith("math") + sum(child.type.startswith("math") for child in token.children or [])
        for token in PARSER.parse(source)
    )


def structure(source: str) -> dict[str, object]:
    """Return what must be seen of a text, as SHOWN names it."""
    tables: list[list[int]] = []
    headings: list[int] = []
    for token in PARSER.parse(source):
        if token.type == "heading_open":
            headings.append(int(token.tag[1]))
        elif token.type == "table_open":
            tables.append([0, 0])
        elif token.type == "tr_open":
            tables[-1][0] += 1
        elif token.type == "th_open":
            tables[-1][1] += 1
    return {"headings": headings, "tables": tables, "formulas": formulas(source)}


def is_clean(path: Path, ask: Callable[[str], list[dict]]) -> None:
    """Hold what a front end shows of a notebook's text against what is written there."""
    written, shown = texts(path), ask(SHOWN)
    assert len(shown) == len(written)
    assert shown[0]["headings"][0] == 1  # the title comes first
    for source, cell in zip(written, shown, strict=True):
        meant = structure(source)
        assert ({name: cell[name] for name in meant}, cell["empty"], cell["broken"]) == (meant, False, []), source
        assert not RAW.search(cell["words"]), (RAW.search(cell["words"]), source)
