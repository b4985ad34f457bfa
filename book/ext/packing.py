"""What each notebook brings in its first code cell: the library, and the names of what it needs.

Where the site has an address, the cell installs a wheel from there, or from beside the notebook. Where it has none, and
in the bundle for a room without the internet, the notebook carries the library itself, as far as its chapter uses it:
all programs, and of the data, files that hardly compress only with the chapters whose modules name them. The same files
give the same bytes.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import importlib.metadata
import importlib.util
import io
import json
import lzma
import re
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from repository import LIBRARY
from sphinx.errors import ExtensionError

import mobilenet_lib
from mobilenet_lib.course.answers import source

FOR_THE_BOOK = {"book-only", "remove-cell", "setup"}  # tags of cells that no edition has
SETUP = Path(__file__).with_name("setup_cell.py")
ANSWERS = f"{LIBRARY}/data/answers.json"
WHEELS = "wheels"  # the folder of the site
FORM = {"cellView": "form", "jupyter": {"source_hidden": True}}  # folded away in Colab, and in JupyterLab
PACKAGE = "mobilenet-lib"
# What a notebook's own environment decides, and what nothing here may replace.
GIVEN = {"torch", "torchvision", "ipywidgets", "traitlets", "IPython", "numpy", LIBRARY}
# They say themselves what they miss, where a reader comes upon it.
SAY_WHAT_THEY_MISS = {"checks", "explorables"}
OTHERWISE_CALLED = {"PIL": "pillow", "skimage": "scikit-image", "sklearn": "scikit-learn"}  # asking takes seconds
# Files that hardly compress: only the notebooks whose modules name them carry them along.
DENSE = {".npz", ".pt"}
# What a page fetches, or shows: a notebook has a kernel for the one, and packages with photographs for the other.
OF_THE_PAGE = {".onnx", ".gz", ".webp"}


# The first code cell


class Library(NamedTuple):
    """The library of one build: its version, the name of its wheel, the wheel, and its files by name."""

    version: str
    name: str
    wheel: bytes
    files: Mapping[str, bytes]


def library(root: Path, carried: Mapping[str, Mapping]) -> Library:
    """Return the library with its answers; the version tells its contents, so that two builds differ in it."""
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in library_files(root)}
    files[ANSWERS] = json.dumps({key: sealed(**entry) for key, entry in carried.items()}, indent=1).encode()
    digest = hashlib.sha256(b"\0".join(part for name in sorted(files) for part in (name.encode(), files[name])))
    version = f"{importlib.metadata.version(PACKAGE)}+{digest.hexdigest()[:12]}"
    name = f"{LIBRARY}-{version}-py3-none-any.whl"
    return Library(version, name, wheel(files, version), files)


def read_library(path: Path) -> Library:
    """Return the library of a wheel."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.startswith(f"{LIBRARY}/")]
        files = {name: archive.read(name) for name in names}
    return Library(path.name.split("-")[1], path.name, path.read_bytes(), files)


def sealed(code: str, words: str) -> str:
    """Return an answer as `mobilenet_lib.course.answers` reads it, and as nobody reads it by accident."""
    return base64.b64encode(zlib.compress(json.dumps([code, words]).encode(), 9)).decode()


def wheel(files: Mapping[str, bytes], version: str) -> bytes:
    """Return a wheel of the files (PEP 427), in which times are fixed and names are sorted."""
    about = f"{LIBRARY}-{version}.dist-info"
    found = importlib.metadata.distribution(PACKAGE)
    # In a checkout setuptools leaves a second description of the package, under the older name.
    metadata = found.read_text("METADATA") or found.read_text("PKG-INFO") or ""
    parts = {
        **files,
        f"{about}/METADATA": re.sub(r"(?m)^Version: .*$", f"Version: {version}", metadata, count=1).encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: mobilenet-book\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{name},sha256={digest_of(content)},{len(content)}" for name, content in sorted(parts.items())]
    parts[f"{about}/RECORD"] = "\n".join([*record, f"{about}/RECORD,,", ""]).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(parts):
            entry = zipfile.ZipInfo(name)  # its time is 1980, the zip format's first day
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # or the system that packs would be in it
            archive.writestr(entry, parts[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def digest_of(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def setup_with_wheel(brought: Library, packages: Mapping[str, str], site: str) -> str:
    """Return the cell that installs the wheel from the site."""
    text = filled(brought.version, hashlib.sha256(brought.wheel).hexdigest(), packages, without="alone")
    return replaced(text, 'WHEEL = ""', f'WHEEL = "{site}{WHEELS}/{brought.name}"')


def setup_alone(brought: Library, packages: Mapping[str, str], archive: bytes) -> str:
    """Return the cell that carries the library."""
    text = filled(brought.version, hashlib.sha256(archive).hexdigest(), packages, without="address")
    # Few long lines: wherever the cell is not folded away, it is no taller than a screen.
    coded = base64.b64encode(archive).decode()
    coded = "\n".join(coded[i : i + 30_000] for i in range(0, len(coded), 30_000))
    return replaced(text, 'LIBRARY = """\n"""', f'LIBRARY = """\n{coded}\n"""')


def filled(version: str, digest: str, packages: Mapping[str, str], without: str) -> str:
    """Return the template, with what each notebook has in it and without what this one does not need."""
    text = SETUP.read_text(encoding="utf8").rstrip()
    text = re.sub(rf"(?ms)^ *# <{without}>\n.*?^ *# </{without}>\n", "", text)
    text = re.sub(r"(?m)^ *# </?\w+>\n", "", text)
    text = replaced(text, 'VERSION = ""', f'VERSION = "{version}"')
    text = replaced(text, 'SHA256 = ""', f'SHA256 = "{digest}"')
    return replaced(text, "NEEDS = {}", f"NEEDS = {json.dumps(dict(sorted(packages.items())))}")


def replaced(text: str, old: str, new: str) -> str:
    if old not in text:
        raise ExtensionError(f"{SETUP.name} no longer contains {old!r}, which {Path(__file__).name} fills in")
    return text.replace(old, new)


def library_archive(root: Path, files: Mapping[str, bytes], notebook: Mapping) -> bytes:
    """Return the library as a compressed archive; the same files give the same bytes."""
    programs = "\n".join([*used(root, notebook), *explorables(root, notebook)])
    names = [name for name in files if Path(name).suffix not in DENSE or stem(Path(name)) in programs]
    return packed(tuple((name, files[name]) for name in sorted(names)))


@cache
def packed(files: tuple[tuple[str, bytes], ...]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return compressed(buffer.getvalue())


def compressed(archive: bytes) -> bytes:
    return lzma.compress(archive, preset=9)


def stem(path: Path) -> str:
    """Return the beginning of a file's name, up to where files of one kind differ.

    >>> stem(Path("data/digits_inverted.npz")), stem(Path("data/photo.pt"))
    ('digits_', 'photo')
    """
    return re.match(r"[^_-]+[_-]?", path.stem)[0]


def library_files(root: Path) -> list[Path]:
    found = (root / LIBRARY).rglob("*")
    return sorted(path for path in found if path.is_file() and path.suffix not in {".pyc", *OF_THE_PAGE})


# What a chapter uses


def used(root: Path, notebook: Mapping) -> list[str]:
    """Return a chapter's program, and those modules of the library that it uses, whole."""
    todo = [("", "\n".join(source(cell) for cell in notebook["cells"] if is_shown(cell)))]
    found, seen = [], set(SAY_WHAT_THEY_MISS)
    while todo:
        package, program = todo.pop()
        found.append(program)
        for name in sorted(of_library(program, package) - seen):
            seen.add(name)
            if path := module_file(root, name):
                todo.append((name if path.name == "__init__.py" else name.rpartition(".")[0], path.read_text("utf8")))
    return found


def explorables(root: Path, notebook: Mapping) -> list[str]:
    """Return the modules of the explorables that a chapter shows, and those beside them that these use."""
    program = used(root, notebook)[0]
    names = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in re.findall(r"explorables\.(\w+)\(", program)}
    todo = sorted(f"explorables.{name}" for name in names)
    found: dict[str, str] = {}
    while todo:
        name = todo.pop()
        path = module_file(root, name)
        if name in found or path is None:
            continue
        found[name] = path.read_text(encoding="utf8")
        todo += sorted(each for each in of_library(found[name], "explorables") if each.startswith("explorables."))
    return [found[name] for name in sorted(found)]


@cache
def of_library(program: str, package: str = "") -> set[str]:
    """Return the modules that a program imports from the library, by their names below it.

    What is imported may be a module or stand in one; both are in the set, and only the first has a file.

    >>> sorted(of_library("from mobilenet_lib import cost, shipping"))
    ['cost', 'topics.shipping']
    >>> sorted(of_library("from . import training; from ..layers import ConvBN", "topics"))
    ['layers', 'layers.ConvBN', 'topics', 'topics.training']
    """
    found = set()
    for node in imports(program):
        if isinstance(node, ast.Import):
            continue
        where = (node.module or "").split(".") if node.module else []
        if node.level:
            parents = package.split(".") if package else []
            where = [*parents[: len(parents) - node.level + 1], *where]
        elif where and where[0] == LIBRARY:
            where = where[1:]
        else:
            continue
        found |= {".".join(where), *(at_home(".".join([*where, alias.name])) for alias in node.names)}
    return found - {""}


def at_home(name: str) -> str:
    """Return where a public name of the library stands: `shipping` in `topics.shipping`, `Table` in `course.tables`."""
    return {**mobilenet_lib.HOMES, **mobilenet_lib.MODULES}.get(name, name)


def module_file(root: Path, name: str) -> Path | None:
    """Return the file of a module of the library, or None where the name is no module's."""
    stem = root.joinpath(LIBRARY, *name.split("."))
    return next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)


def is_shown(cell: Mapping) -> bool:
    return cell["cell_type"] == "code" and not FOR_THE_BOOK & set(cell["metadata"].get("tags", []))


@cache
def imported(code: str) -> set[str]:
    r"""Return the packages that a cell imports.

    >>> sorted(imported("import timm.models as m, sys\nfrom skimage import data"))
    ['skimage', 'sys', 'timm']
    """
    found = set()
    for node in imports(code):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif not node.level:
            found.add(node.module.split(".")[0])
    return found


@cache
def imports(program: str) -> list[ast.Import | ast.ImportFrom]:
    """Return the imports of a program, which is read once for all chapters that use it."""
    return [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Import | ast.ImportFrom)]


# What is to be installed


def needs(root: Path, notebook: Mapping) -> dict[str, str]:
    """Return the modules that the library and a chapter import, and which package brings each."""
    modules = set().union(*map(imported, used(root, notebook))) - GIVEN - sys.stdlib_module_names
    declared = map(Requirement, importlib.metadata.requires(PACKAGE) or [])
    always = {each.name for each in declared if not each.marker} - GIVEN  # the others are of its extras
    return {name: package_of(name) for name in modules} | {module_of(name): name for name in always}


def package_of(module: str) -> str:
    """Return the package that brings a module; most have its name."""
    if module in OTHERWISE_CALLED:
        return OTHERWISE_CALLED[module]
    try:
        return importlib.metadata.distribution(module).metadata["Name"]
    except importlib.metadata.PackageNotFoundError:
        return brought_by()[module][0]


def module_of(package: str) -> str:
    """Return a module that a package brings, the one of its name if there is one."""
    module = package.replace("-", "_")
    if importlib.util.find_spec(module):
        return module
    return min(name for name, packages in brought_by().items() if package in packages)


@cache
def brought_by() -> Mapping[str, list[str]]:
    """Return which packages bring a module, for all that is installed; it takes a second or two."""
    return importlib.metadata.packages_distributions()
