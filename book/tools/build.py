"""Build the book, strictly, and say what was made: `make book`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "_build"
# A grammar takes 1.4 s to make; without it, no address with foreign letters is checked in a notebook, and none has one.
# To look for rubbish among all pages' nodes takes a fifth of Sphinx's time, and there is little: 2 GB instead of 1.3.
PROGRAM = """
import gc, sys
gc.disable()
sys.modules["rfc3987_syntax"] = None
from jupyter_book.cli.main import main
main()
"""


def main() -> int:
    start = time.monotonic()
    command = [sys.executable, "-c", PROGRAM, "build", str(ROOT)]
    command += ["-W", "-n", "--keep-going", "-q"]
    if os.environ.get("CI", "").lower() == "true":
        command.append("--all")
    sys.stdout.flush()
    code = subprocess.run(command).returncode
    seconds = time.monotonic() - start
    if code:
        # Sphinx warns about a page when it reads it. Forget what it read, or the next build would find
        # nothing to do and pass.
        (BUILD / ".doctrees" / "environment.pickle").unlink(missing_ok=True)
        print(f"The book was not built ({seconds:.0f} s): see the warnings above.", file=sys.stderr)
        return code
    pages = [page for page in (BUILD / "html").rglob("*.html") if not {"_static", "slides"} & set(page.parts)]
    decks = list((BUILD / "html" / "slides").glob("*.html"))
    print(f"Built {len(pages)} pages and {len(decks)} decks in {seconds:.0f} s. Open {BUILD / 'html' / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
