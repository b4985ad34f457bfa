"""Who may import whom: the tables that keep the library in rooms, its imports downward, and its parts light."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "mobilenet_lib"

# What each module may import of ours: a module, or a room with all that is in it. Anyone may check arguments, and
# import what stands beside it in its room, but for the topics: they have an order of their own.
SUBJECT = {"specs", "cost", "layers", "blocks", "models"}
MAY_IMPORT = {
    "specs": set(),
    "cost": {"specs"},
    "layers": set(),
    "blocks": {"layers"},
    "models": {"blocks", "layers", "specs"},
    "measure": {"cost", "measure"},
    "topics.manifold": set(),
    "topics.datasets": set(),
    "topics.downloads": set(),
    "topics.photographs": set(),
    "topics.pretrained": SUBJECT | {"topics.downloads", "topics.weight_files"},
    "topics.segmentation": SUBJECT,
    "topics.wiring": set(),
    "topics.onnx_files": set(),
    "topics.shipping": SUBJECT | {"measure", "topics.onnx_files", "topics.wiring"},
    "topics.training": SUBJECT | {"measure", "topics.datasets", "topics.checkpoints"},
    "topics.checkpoints": {"topics.weight_files"},
    "topics.weight_files": set(),
    "topics.experiments": SUBJECT | {"measure", "topics.datasets", "topics.training"},
    # The trained network, from the ground up: each may import those before it.
    "topics.preparing": set(),
    "topics.compare": SUBJECT | {"measure"},
    "topics.anatomy": SUBJECT | {"measure", "topics.compare"},
    "topics.surgery": SUBJECT | {"topics.anatomy", "topics.compare"},
    "topics.few_bits": SUBJECT | {"measure", "topics.anatomy", "topics.compare", "topics.shipping", "topics.surgery"},
    "topics.transfer": SUBJECT | {"measure", "topics.datasets", "topics.photographs", "topics.preparing"},
    "topics.transfer_results": SUBJECT
    | {f"topics.{name}" for name in ("datasets", "photographs", "pretrained", "training", "transfer")},
    "topics.family_results": SUBJECT | {"measure", "topics.shipping"},
    "topics.lite0": SUBJECT | {"topics.downloads"},
    # Families after V2: a string is read, and what it says is arithmetic; blocks and networks need torch.
    "topics.families.grammar": set(),
    "topics.families.stages": {"specs", "topics.families.grammar"},
    "topics.families.tables": {"specs"},
    "topics.families.costs": {"cost"} | {f"topics.families.{name}" for name in ("grammar", "stages", "tables")},
    "topics.families.blocks": SUBJECT | {"topics.lite0"},
    "topics.families.builder": SUBJECT | {f"topics.families.{name}" for name in ("blocks", "stages", "tables")},
    "topics.families.reading": set(),
    "topics.families.mobilenet_v3": SUBJECT | {"topics.families.builder", "topics.pretrained"},
    "topics.families.weights": SUBJECT | {"topics.families.builder", "topics.pretrained"},
    "topics.naming": {"topics.compare", "topics.preparing"},
    "topics.page_model": SUBJECT
    | {"measure", "topics.pretrained", "topics.photographs", "topics.preparing", "topics.compare", "topics.anatomy"}
    | {"topics.few_bits", "topics.naming", "topics.onnx_files", "topics.shipping", "topics.trained"},
    "topics.trained": SUBJECT
    | {
        *("measure", "topics.anatomy", "topics.compare", "topics.few_bits", "topics.lite0", "topics.photographs"),
        *("topics.preparing", "topics.pretrained", "topics.shipping", "topics.surgery"),
    },
    "course": {"course"},
    "checks": SUBJECT | {"measure", "topics", "checks"},
    # What explorables share stands in modules of their own, beside them; both others load no torch.
    "explorables": {
        *("explorables", "cost", "specs", "course.palette", "course.published"),
        *("measure.roof", "topics.manifold"),
        *(f"topics.families.{name}" for name in ("costs", "grammar", "stages", "tables")),
    },
}
MAY_IMPORT_WHEN_LIVE = MAY_IMPORT["explorables"] | SUBJECT | {"measure", "topics"}
# These find their names when they are used.
LAZY = {"__init__", "measure.__init__", "explorables.__init__", "topics.families.__init__"}
FREE = {"_validation", "_lazy", "_composed", "topics._command"}

# What turns notebooks into pages needs colours, answers, how numbers are written and predictions packed, the checks'
# hints, and the library's table of public names.
BOOK_MAY_IMPORT = {"course.answers", "course.numbers", "course.palette", "course.predictions", ""}
BOOK_MAY_IMPORT |= {"checks", "checks.compare", *(f"checks.chapter_{number:02d}" for number in range(1, 15))}

LIGHT = (
    *("cost", "specs", "measure", "measure.roof", "checks", "explorables"),
    *("topics", "topics.manifold", "topics.photographs", "topics.families", "topics.families.grammar"),
    *("topics.families.stages", "topics.families.tables", "topics.families.costs", "topics.families.reading"),
    *("course", "course.answers", "course.numbers", "course.palette", "course.predictions"),
    *("course.published", "course.quiz", "course.tables"),
)


def modules_of(folder):
    """Return the modules in a folder by their dotted names below it, with their files."""
    return {".".join(path.relative_to(folder).with_suffix("").parts): path for path in sorted(folder.rglob("*.py"))}


MODULES = modules_of(LIBRARY)


@cache
def imports(path, root=ROOT):
    """Return what a file imports of ours as (dotted name below the library, whether inside a function).

    What only an editor reads, under `if TYPE_CHECKING:`, loads nothing and counts all the same: a name is an arrow.
    """
    parts = path.relative_to(root).with_suffix("").parts
    found, functions = set(), (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    nodes = [(ast.parse(path.read_text(encoding="utf-8")), False)]
    while nodes:
        node, inside = nodes.pop()
        inside = inside or isinstance(node, functions)
        nodes += [(child, inside) for child in ast.iter_child_nodes(node)]
        if isinstance(node, ast.ImportFrom):
            base = list(parts[: len(parts) - node.level]) if node.level else []
            base += (node.module or "").split(".") if node.module else []
            names = [".".join([*base, alias.name]) for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        ours = [name.split(".")[1:] for name in names if name.split(".")[0] == "mobilenet_lib"]
        found |= {(".".join(name), inside) for name in ours}
    return found


def module(name):
    """Return the module that an imported name is or stands in.

    `cost.Cost` is of `cost`; `measure.macs`, which the room finds when it is used, is of the room.
    """
    parts = name.split(".")
    known = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((one for one in known if one in MODULES or f"{one}.__init__" in MODULES), "")


def is_among(name, allowed):
    """Say whether a module is one of those allowed, or stands in a room that is."""
    parts = name.split(".")
    return name in FREE or any(".".join(parts[:length]) in allowed for length in range(len(parts) + 1))


def row_of(name):
    """Return the key of a module's row: its own, or its room's."""
    return name if name in MAY_IMPORT else name.split(".")[0]


def test_imports_are_read_in_every_form(tmp_path):
    path = tmp_path / "mobilenet_lib" / "explorables" / "new.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "import math, mobilenet_lib.course.figures\n"
        "from .. import cost, specs as s\n"
        "from ..course.palette import COLOURS\n"
        "from .kit import tag\n"
        "from mobilenet_lib import checks\n"
        "def live():\n    from ..measure import macs\n    import torch\n"
    )
    assert imports(path, tmp_path) == {
        ("course.figures", False),
        ("cost", False),
        ("specs", False),
        ("course.palette.COLOURS", False),
        ("explorables.kit.tag", False),
        ("checks", False),
        ("measure.macs", True),
    }


def test_a_name_belongs_to_its_module_and_a_module_to_its_room():
    assert module("cost.Cost") == "cost"
    assert module("explorables.kit.tag") == "explorables.kit"
    assert module("measure.macs") == "measure"
    assert is_among("measure.timing", {"measure"}) and not is_among("measure", {"measure.roof"})
    assert is_among("_validation", set()) and not is_among("costs", {"cost"})


def test_every_module_stands_in_the_table():
    rooms = {row_of(name) for name in set(MODULES) - LAZY - FREE}
    assert rooms == set(MAY_IMPORT) | {"topics"}  # the room itself is a docstring
    assert imports(LIBRARY / "topics" / "__init__.py") == set()


@pytest.mark.parametrize("name", sorted(set(MODULES) - LAZY - FREE - {"topics.__init__"}))
def test_a_module_imports_what_the_table_allows(name):
    allowed = MAY_IMPORT[row_of(name)]
    for what, inside in imports(MODULES[name]):
        live = inside and row_of(name) == "explorables"
        assert is_among(module(what), MAY_IMPORT_WHEN_LIVE if live else allowed), what


@pytest.mark.parametrize("name", sorted(FREE))
def test_what_anyone_may_import_imports_nothing_of_ours(name):
    assert imports(MODULES[name]) == set()


def test_rooms_import_downward_only():
    """A cycle between rooms would make both of them one."""
    rooms = {name: {module(what).split(".")[0] for what, _ in imports(MODULES[name])} for name in set(MODULES) - LAZY}
    for name, found in rooms.items():
        room = name.split(".")[0]
        others = {other for one, used in rooms.items() if one.split(".")[0] in found - {room} for other in used}
        assert room not in others, f"{name} and what it imports need each other"


@pytest.mark.parametrize("path", sorted((ROOT / "book").rglob("*.py")), ids=lambda path: path.stem)
def test_what_makes_pages_imports_what_its_table_allows(path):
    assert {module(what) for what, _ in imports(path)} - BOOK_MAY_IMPORT == set()


def test_there_are_files_to_read():
    assert {"cost", "measure.counts", "explorables.kit", "checks.__init__"} < set(MODULES)
    assert len(list((ROOT / "book").rglob("*.py"))) > 10


def test_no_file_is_longer_than_a_reader_can_hold():
    """What grows beyond 800 lines has a part that can stand by itself."""
    rooms = ("mobilenet_lib", "book", "benchmarks")
    files = [*ROOT.glob("*.py"), *(path for room in rooms for path in (ROOT / room).rglob("*.py"))]
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert len(lines) > 100 and {name: count for name, count in lines.items() if count > 800} == {}


def loaded_by(program):
    """Return which of the heavy packages a fresh Python has loaded after a program."""
    program += "\nimport sys; print([heavy for heavy in ('torch', 'matplotlib', 'fvcore') if heavy in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return ast.literal_eval(done.stdout)


def test_importing_the_light_parts_loads_neither_torch_nor_matplotlib():
    """Each finds no module of ours loaded before it: what fails alone fails here."""
    program = f"""
import sys
from importlib import import_module
for name in {["mobilenet_lib", *(f"mobilenet_lib.{name}" for name in LIGHT)]}:
    for module in [each for each in sys.modules if each.partition(".")[0] == "mobilenet_lib"]:
        del sys.modules[module]
    import_module(name)
    assert not {{"torch", "matplotlib", "fvcore"}} & set(sys.modules), name
"""
    assert loaded_by(program) == []


def test_every_explorable_can_be_looked_up_without_torch():
    look_up = "[getattr(explorables, name) for name in explorables.__all__] or 1 / 0"
    assert loaded_by(f"from mobilenet_lib import explorables; {look_up}") == []


def test_the_heavy_parts_load_what_they_need():
    assert loaded_by("from mobilenet_lib import figures") == ["matplotlib"]
    # Both at once, for torch takes its seconds; fvcore is loaded at the first count.
    assert loaded_by("from mobilenet_lib import blocks; from mobilenet_lib.measure import macs") == ["torch"]
