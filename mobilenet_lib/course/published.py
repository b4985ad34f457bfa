"""What the papers and the released checkpoints print: tables with their source, their errata and how exact they are.

The numbers are data, read from ``mobilenet_lib/data``; nothing here computes or corrects them.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from .._validation import one_of

PAPERS = ("mobilenet_v1_paper", "mobilenet_v2_paper")
PUBLICATIONS = (*PAPERS, "tf_slim_mobilenet_v1", "tf_slim_mobilenet_v2", "after_v2")


class PublishedTable(NamedTuple):
    """One published table, as printed.

    Attributes
    ----------
    source : str
        Where it stands.
    columns : tuple of str
        The names of its columns, units included.
    rows : tuple of dict
        One dict for each row, by column; None where the source prints nothing.
    errata : tuple of str
        What the source prints that cannot be right, and what would be.
    notes : tuple of str
        What is worth knowing and is not an error.
    tolerance : str or dict or None
        How closely a correct count agrees; None where there is nothing to count.
    convention : str
        What the source counts, where that has to be known in order to compare.

    Examples
    --------
    >>> slim = table("tf_slim_mobilenet_v2", "checkpoints")
    >>> [row["top1"] for row in slim.rows if row["resolution"] == 224 and row["alpha"] <= 1]
    [71.8, 69.8, 65.4, 60.3]
    """

    source: str
    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    errata: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    tolerance: str | dict[str, Any] | None = None
    convention: str = ""


Table = PublishedTable  # what it was called before; a `Table` of the library is one that a notebook shows


def tables() -> dict[str, tuple[str, ...]]:
    """Return the names of all tables, by publication.

    Returns
    -------
    dict of str to tuple of str
        What :func:`table` takes.

    Examples
    --------
    >>> for publication, names in tables().items():
    ...     print(publication, len(names))
    mobilenet_v1_paper 6
    mobilenet_v2_paper 9
    tf_slim_mobilenet_v1 1
    tf_slim_mobilenet_v2 1
    after_v2 7
    """
    return {publication: tuple(_read(publication)) for publication in PUBLICATIONS}


def table(publication: str, name: str) -> PublishedTable:
    """Return one published table.

    Parameters
    ----------
    publication : str
        One of the keys of :func:`tables`: a paper, or the pages of the released checkpoints.
    name : str
        One of its tables.

    Returns
    -------
    PublishedTable
        A fresh copy: changing its rows changes nothing else.

    Raises
    ------
    ValueError
        If there is no such publication or table; the message lists what there is.

    References
    ----------
    Howard et al. 2017, arXiv:1704.04861; Sandler et al. 2018, arXiv:1801.04381; the README pages of TensorFlow-Slim's
    released checkpoints and the results that timm's authors publish, at the commits that each table's source names.

    Examples
    --------
    >>> widths = table("mobilenet_v1_paper", "table6_width_multiplier_224")
    >>> widths.source
    'arXiv:1704.04861 (Howard et al. 2017, MobileNets)'
    >>> widths.rows[1]
    {'alpha': 0.75, 'imagenet_top1_pct': 68.4, 'million_mult_adds': 325, 'million_params': 2.6}
    """
    one_of("publication", publication, PUBLICATIONS)
    found = _read(publication)
    if not isinstance(name, str) or name not in found:
        raise ValueError(f"name must be one of {', '.join(found)} for {publication}, got {name!r}")
    fields = json.loads(found[name])
    columns = tuple(fields.pop("columns"))
    rows = tuple(dict(zip(columns, row, strict=True)) for row in fields.pop("rows"))
    lists = {field: tuple(fields.pop(field, ())) for field in ("errata", "notes")}
    return PublishedTable(columns=columns, rows=rows, **lists, **fields)


@cache
def _read(publication: str) -> dict[str, str]:
    """Return the tables of one file, each still as text, so that no two callers share a list."""
    text = files("mobilenet_lib").joinpath("data", f"{publication}.json").read_text(encoding="utf-8")
    return {name: json.dumps(fields) for name, fields in json.loads(text).items()}
