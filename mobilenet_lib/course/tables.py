"""Small tables for notebooks: a list of rows in, an accessible HTML table out."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

from .._validation import several, shown
from .numbers import aligned, written

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

    @classmethod
    def of(cls, *records: Iterable[Any]) -> Table:
        """Make a table of records, which carry the names of their columns.

        Parameters
        ----------
        *records : iterable of dict, named tuple or dataclass
            One record for each row. Several lists of equal length are set side by side: what is printed, and what was
            computed.

        Returns
        -------
        Table
            The columns are named as in the first record; a name of one word gets spaces for its underscores.

        Raises
        ------
        TypeError
            If a record does not say what its columns are called.
        ValueError
            If there is no record, two lists differ in length, or two records in their columns.

        Examples
        --------
        >>> Table.of([{"width": 1.0, "top_1": 70.6}], [{"macs": 568740352}])
        width  top 1         macs
            1   70.6  568,740,352
        """
        lists = [several("records", each, "several records", "[{'macs': 1}]") for each in records]
        counts = {len(each) for each in lists}
        if len(counts) != 1 or 0 in counts:
            found = [len(each) for each in lists]
            raise ValueError(f"records must be lists of equal length, got {found}; give a record for each row")
        sides = [_values(each) for each in lists]
        names = [name if " " in name else name.replace("_", " ") for side, _ in sides for name in side]
        rows = zip(*(values for _, values in sides), strict=True)
        return cls(names, [[value for side in row for value in side] for row in rows])

    def _cells(self) -> list[tuple[str, ...]]:
        """Return what the reader sees, row by row: the first cell is a name, and the others stand below each other."""
        names, *columns = zip(*self.rows, strict=True) if self.rows else [()] * len(self.columns)
        return list(zip(map(written, names), *map(aligned, columns), strict=True))

    def __repr__(self) -> str:
        lines = [self.columns, *self._cells()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{_text(column)}</th>' for column in self.columns)
        body = "".join(
            f'<tr><th scope="row">{_text(first)}</th>' + "".join(map(_cell, cells)) + "</tr>"
            for first, *cells in self._cells()
        )
        return f'<table class="mn-rows"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _values(records: Sequence[Any]) -> tuple[list[str], list[list[object]]]:
    """Return the names of the first record, and under these what each of them holds, in whatever order."""
    fields = [_fields(record) for record in records]
    names = list(fields[0])
    for place, record in enumerate(fields):
        if set(record) != set(names):
            raise ValueError(
                f"records[{place}] must have the columns of the first, {', '.join(names)}, got {', '.join(record)}; "
                "give None where there is nothing"
            )
    return names, [[record[name] for name in names] for record in fields]


def _fields(record: Any) -> Mapping[str, object]:
    if isinstance(record, Mapping):
        return record
    if hasattr(record, "_asdict"):
        return record._asdict()
    if is_dataclass(record) and not isinstance(record, type):
        return asdict(record)
    raise TypeError(f"records must be dicts, named tuples or dataclasses, got {shown(record)}; or use Table()")


def _cell(text: str) -> str:
    """Write a cell. A number keeps to its line; words may take two, or a table of words would not fit its page."""
    words = ' class="mn-words"' if len(text) > LINE else ""
    return f"<td{words}>{_text(text)}</td>"


def _text(words: str) -> str:
    """Write an apostrophe as the text around a table has it."""
    return html.escape(re.sub(r"(?<=\w)'(?=\w)", "’", words))
