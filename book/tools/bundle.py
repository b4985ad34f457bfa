"""Pack the book for a room without the internet: `make bundle`.

One zip has the site (with the slides and the notebooks in every edition) and a list of the exact packages that the
notebooks were run with. Notebooks that would get the library from the site's address carry it here. The same site and
the same packages give the same bytes.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "ext"))

import packing  # noqa: E402

SITE = ROOT / "_build" / "html"
NAME = "mobilenet-book"
PACKAGE = "mobilenet-lib"  # with its extras: they are what the chapters use
# What only some systems need (CUDA on Linux, say) pip finds by itself; an extra nobody has asked for.
OF_OTHERS = re.compile(r"extra ==|platform_system|platform_machine|sys_platform")
LEFT_OUT = (".buildinfo", "objects.inv")  # they are for builders, not for readers
README = """MobileNet, from the inside

Read
  Open site/index.html. Figures, quizzes and slides need no server and no internet.
  For a whole room: python3 -m http.server --directory site, and give everybody your computer's address.

Run the notebooks (site/colab, site/student, site/live, site/solutions, site/lecture)
  Each notebook brings the book's library with it. They were run with Python {python} and the packages of wheels.txt.
  1. On a computer with the internet, with the same system and Python as those in the room:
       python3 -m pip wheel -r wheels.txt -w wheels
     Most of it is PyTorch: some hundred megabytes, on Linux a few gigabytes.
  2. On each computer in the room:
       python3 -m venv book
       book/bin/pip install --no-index --find-links wheels -r wheels.txt
       book/bin/jupyter lab site/student
     (On Windows it is book\\Scripts in place of book/bin.)

Code: MIT License. Text and figures: CC BY 4.0.
"""


def main() -> int:
    if not (SITE / "index.html").exists():
        print("There is no site to pack: run `make book` first.", file=sys.stderr)
        return 1
    path = write_bundle(SITE, ROOT / "_build" / f"{NAME}.zip")
    print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
    return 0


def write_bundle(site: Path, path: Path) -> Path:
    """Write the zip; names are sorted and times are fixed, so that only contents matter."""
    python = ".".join(map(str, sys.version_info[:2]))
    texts = {"README.txt": README.format(python=python), "wheels.txt": "\n".join(wheels()) + "\n"}
    texts["LICENSE.txt"] = (ROOT / "LICENSE").read_text(encoding="utf8")
    contents = {name: text.encode() for name, text in texts.items()}
    for file in site.rglob("*"):
        if file.is_file() and file.name not in LEFT_OUT:
            contents[f"site/{file.relative_to(site).as_posix()}"] = standing_alone(file, site)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as bundle:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(f"{NAME}/{name}")  # its time is 1980, the zip format's first day
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # or the system that packs would be in it
            bundle.writestr(entry, contents[name], zipfile.ZIP_DEFLATED)
    return path


def standing_alone(file: Path, site: Path) -> bytes:
    """Return what a file contains; a notebook that would fetch the library carries it."""
    if file.suffix != ".ipynb" or "WHEEL = " not in file.read_text(encoding="utf8"):
        return file.read_bytes()
    notebook = nbformat.read(file, as_version=4)
    setup = next(cell for cell in notebook.cells if cell.id == "setup")
    brought = packing.read_library(next((site / packing.WHEELS).glob("*.whl")))
    needs = json.loads(re.search(r"^NEEDS = (.*?)  #", setup.source, re.MULTILINE)[1])
    archive = packing.library_archive(ROOT, brought.files, notebook)
    setup.source = packing.setup_alone(brought, needs, archive)
    setup.metadata.update(packing.FORM)
    return (nbformat.writes(notebook) + "\n").encode()


def wheels() -> list[str]:
    """Return name==version of the packages that the notebooks need, and of all that these need."""
    found: dict[str, str] = {}
    wanted = [PACKAGE]
    while wanted:
        name = canonical(wanted.pop())
        if name in found:
            continue
        try:
            found[name] = version(name).partition("+")[0]  # 2.14.1+cpu is 2.14.1 in another room
        except PackageNotFoundError:
            continue  # for another system or another Python
        lines = [line for line in requires(name) or [] if name == PACKAGE or not OF_OTHERS.search(line)]
        wanted += [re.match(r"[\w.-]+", line)[0] for line in lines]
    del found[PACKAGE]  # the notebooks bring it
    return [f"{name}=={number}" for name, number in sorted(found.items())]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
