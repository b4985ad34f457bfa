"""How long the book takes to build, cold (every chapter runs) and warm: `make bench-build`.

The copy that is built is thrown away, so the book's own cache stays as it is.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from report import kept, machine, table, verdict

ROOT = Path(__file__).resolve().parent.parent
COLD, WARM = 240, 15  # s
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "_build", "__pycache__", ".pytest_cache", ".ruff_cache")


def main() -> int:
    print(f"Building twice: {machine()}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "book"
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
        rows = []
        for what, limit in (("cold", COLD), ("warm", WARM)):
            start = time.monotonic()
            command = [sys.executable, copy / "book" / "tools" / "build.py"]
            done = subprocess.run(command, capture_output=True, text=True)
            took = time.monotonic() - start
            if done.returncode:
                print(done.stdout, done.stderr, sep="\n")
                return done.returncode
            rows.append([what, f"{took:.0f}", limit, kept(took, limit, f"{what} build in s")])
    table("make book", f"s. {machine()}.", ["build", "took", "budget", "kept"], rows)
    return verdict()


if __name__ == "__main__":
    sys.exit(main())
