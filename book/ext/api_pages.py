"""Keep out of the library's pages what its docstrings do not say."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx


def is_alias(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Skip a record's field: the record's docstring says what it is, and Python "Alias for field number 0"."""
    return (getattr(obj, "__doc__", None) or "").startswith("Alias for field number") or None


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.connect("autodoc-skip-member", is_alias)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
