"""How a verdict is printed."""

from __future__ import annotations

import textwrap

WIDTH = 72  # of a printed line: JupyterLab breaks a longer one where its window ends, inside a word, too


def in_lines(text: str) -> str:
    """Return a sentence in lines that a notebook shows whole; what has no space in it stays in one piece."""
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
