"""Tables for people, and whether a budget was kept."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence

BROKEN: list[str] = []  # every budget that was not kept, in words
DISTURBED: list[str] = []  # what a busy machine leaves open


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the values lie, as measured: nothing is interpolated.

    >>> percentile([5, 1, 4, 2, 3], 0.5), percentile([5, 1, 4, 2, 3], 0.95)
    (3, 5)
    """
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def kept(value: float, limit: float, what: str, at_best: float | None = None) -> str:
    """Say whether a value is under its budget, and remember it if not.

    `at_best` is what the same thing takes where other programs cannot disturb it: on a busy machine, a value over its
    budget is not held against the book if that one is under it.
    """
    if value < limit:
        return "yes"
    if at_best is not None and at_best < limit and is_busy():
        DISTURBED.append(f"{what}: {value:.4g}, undisturbed {at_best:.4g}, budget {limit:g}")
        return "busy"
    BROKEN.append(f"{what}: {value:.4g}, budget {limit:g}")
    return "NO"


def table(title: str, note: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their heads; all columns but the first are numbers and go to the right."""
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    print(f"\n{title}\n{note}\n", flush=True)
    for row in [head, ["-" * width for width in widths], *rows]:
        cells = [
            str(cell).rjust(width) if i else str(cell).ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  " + "  ".join(cells).rstrip(), flush=True)


def load() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def is_busy() -> bool:
    # The benchmark itself keeps fewer than two processors at work.
    return load() > max(2, os.cpu_count() or 1)


def machine() -> str:
    """Say how busy the machine is."""
    busy = "; other programs are running, and what takes time takes longer" if is_busy() else ""
    return f"{os.cpu_count()} cores, load {load():.1f}{busy}"


def verdict() -> int:
    """Print what did not hold, and return the exit code."""
    for what in DISTURBED:
        print(f"Left open, the machine is busy: {what}")
    for what in BROKEN:
        print(f"Over budget: {what}")
    if not BROKEN:
        print("No budget is broken." if DISTURBED else "Every budget holds.")
    return 1 if BROKEN else 0
