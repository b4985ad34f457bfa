"""Show on the library's pages what its docstrings say, and no more."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

SEVERAL = re.compile(r"^:(ivar|vartype) (\w+(?:, \w+)+):")


def is_alias(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Skip a record's field: the record's docstring says what it is, and Python "Alias for field number 0"."""
    return (getattr(obj, "__doc__", None) or "").startswith("Alias for field number") or None


def keep_together(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Write ``a, b, c`` without blanks, of which Sphinx takes the last for the one between a type and a name."""
    lines[:] = [SEVERAL.sub(lambda found: f":{found[1]} {found[2].replace(', ', ',')}:", line) for line in lines]


def space_out(app: Sphinx, doctree: nodes.document) -> None:
    """Give such names their blanks back."""
    for names in doctree.findall(addnodes.literal_strong):
        names[:] = [nodes.Text(re.sub(",(?! )", ", ", names.astext()))]


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.connect("autodoc-skip-member", is_alias)
    app.connect("autodoc-process-docstring", keep_together, priority=600)  # after napoleon
    app.connect("doctree-read", space_out)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
