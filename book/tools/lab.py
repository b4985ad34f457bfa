"""Open notebooks in JupyterLab, as copies outside of git: `make lab`, `make live`. Nothing typed there is deleted.

Without a word it opens the chapters in the folder notebooks/: one copy of each, which a new build brings up to date as
long as nobody has changed it. `lab.py live` makes a new folder for each lesson, named by its date. What begins with a
dash goes to JupyterLab.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
RECORD = ".copied.json"  # what each copy was when it was made


def main(arguments: list[str], root: Path = ROOT, site: Path = SITE) -> int:
    words = [word for word in arguments if not word.startswith("-")]
    if words not in ([], ["live"]):
        print(f"lab.py opens the chapters, or `live` ones, got {' '.join(words)!r}.", file=sys.stderr)
        return 1
    if not (site / "colab").is_dir():
        print(f"There are no notebooks in {site}: run `make book` first.", file=sys.stderr)
        return 1
    folder = lesson(site / "live", root / "live") if words else kept(site / "colab", root / "notebooks")
    options = [word for word in arguments if word.startswith("-")]
    return subprocess.run([sys.executable, "-m", "jupyterlab", folder, *options]).returncode


def lesson(source: Path, folder: Path) -> Path:
    """Make a new copy for a lesson; return the folder of all lessons."""
    shutil.copytree(source, folder / time.strftime("%Y-%m-%d_%H-%M-%S"))
    return folder


def kept(source: Path, folder: Path) -> Path:
    """Bring those copies up to date that nobody has changed; say which ones stay as they are."""
    folder.mkdir(exist_ok=True)
    record = folder / RECORD
    known = json.loads(record.read_text(encoding="utf8")) if record.exists() else {}
    stay = []
    for path in sorted(source.glob("*.ipynb")):
        copy = folder / path.name
        if copy.exists() and digest(copy) not in (known.get(path.name), digest(path)):
            if known.get(path.name) != digest(path):
                stay.append(copy.name)
            continue
        shutil.copyfile(path, copy)
        known[path.name] = digest(path)
    record.write_text(json.dumps(known, indent=1), encoding="utf8")
    if stay:
        print(
            f"Your work stays as it is in {', '.join(stay)}. The book has newer ones: rename a file to get its new one."
        )
    return folder


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
