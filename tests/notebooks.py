"""The chapters as they lie in the project, and as they ran."""

from __future__ import annotations

import warnings
from pathlib import Path

import nbformat
from execution import cache_path, client, opened

ROOT = Path(__file__).resolve().parents[1]
EXECUTED: dict[Path, nbformat.NotebookNode] = {}


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def executed(path: Path) -> nbformat.NotebookNode:
    """Return the chapter with its outputs, from the build's cache where they are there."""
    if path not in EXECUTED:
        notebook = read(path)
        with warnings.catch_warnings(), opened(cache_path(ROOT, ROOT / "_build")) as cache:
            warnings.simplefilter("ignore")  # of the kernel's sockets, when they are closed late
            try:
                _, notebook = cache.merge_match_into_notebook(notebook)
            except KeyError:
                print(f"running {path.name}, which the build has not run in this state ...", flush=True)
                client(notebook, path.parent).execute()
        EXECUTED[path] = notebook
    return EXECUTED[path]
