"""Small tables for notebooks: a list of rows in, an accessible HTML table out."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from .._validation import several
from .numbers import written

LINE = 22  # letters, in which every number and every interval has room


class Table:
    """A table that a notebook shows when a cell ends with it.

    Parameters
    ----------
    columns : sequence of str
        Headings, with units.
    rows : iterable of sequences
        One sequence for each row, as long as `columns`; the first cell names the row.

    Raises
    ------
    ValueError
        If a row has another length than the headings.

    Examples
    --------
    >>> Table(["network", "MACs"], [("V1", 568740352), ("V2", 300774272)])
    network         MACs
    V1       568,740,352
    V2       300,774,272
    """

    def __init__(self, columns: Sequence[str], rows: Iterable[Sequence[object]]):
        self.columns = several("columns", columns, "several titles", "['MACs']")
        listed = several("rows", rows, "several rows", "[[1, 2]]")
        self.rows = tuple(several(f"rows[{i}]", row, "several cells", "[1]") for i, row in enumerate(listed))
        for row in self.rows:
            if len(row) != len(self.columns):
                wanted = f"{len(self.columns)} cells like columns"
                raise ValueError(f"rows must have {wanted}, got {row!r}; give a cell for each")

    def __repr__(self) -> str:
        lines = [self.columns, *(tuple(map(written, row)) for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{html.escape(column)}</th>' for column in self.columns)
        body = "".join(
            f'<tr><th scope="row">{html.escape(written(first))}</th>'
            + "".join(_cell(written(cell)) for cell in cells)
            + "</tr>"
            for first, *cells in self.rows
        )
        return f'<table class="mn-rows"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(text: str) -> str:
    """Write a cell. A number keeps to its line; words may take two, or a table of words would not fit its page."""
    words = ' class="mn-words"' if len(text) > LINE else ""
    return f"<td{words}>{html.escape(text)}</td>"
