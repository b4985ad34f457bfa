"""Who may import whom: the table that keeps the library in layers, and its parts light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "mobilenet_lib"

# What each module may import of ours. Anyone may check arguments.
MAY_IMPORT = {
    "__init__": set(),  # its names are found when they are used
    "_modules": set(),
    "_validation": set(),
    "specs": set(),
    "palette": set(),
    "published": set(),
    "cost": {"specs"},
    "layers": set(),
    "blocks": {"layers"},
    "models": {"blocks", "layers", "specs"},
    "pretrained": {"layers", "models", "specs"},
    "segmentation": {"layers", "models"},
    "roofline": {"cost"},
    "timing": {"_modules", "cost", "roofline"},
    "measure": {"_modules", "cost", "timing"},
    "shipping": {"_modules"},
    "figures": {"palette"},
    "datasets": set(),
    "training": {"blocks", "datasets", "layers", "models"},
    "experiments": {"blocks", "datasets", "layers", "measure", "training"},
    "manifold": set(),
    "tables": set(),
    "answers": set(),
    "quiz": {"palette"},
    "checks": {"blocks", "cost", "layers", "manifold", "measure", "models", "roofline", "specs"},
}
# What explorables share stands in modules of their own: the kit, the released models' dots, what runs networks.
EXPLORABLES_MAY_IMPORT = {
    *("explorables.kit", "explorables.released", "explorables.runtime"),
    *("cost", "roofline", "specs", "palette", "published", "manifold"),
}
EXPLORABLES_MAY_IMPORT_WHEN_LIVE = EXPLORABLES_MAY_IMPORT | {
    *("blocks", "layers", "models", "measure", "shipping", "timing", "training"),
    # export.py writes the files of these.
    *("explorables.latency_lab", "explorables.digit_canvas", "explorables.rounded_weights"),
}
FOR_CHAPTERS = {"figures", "tables", "explorables", "quiz", "checks"}

LIGHT = ("answers", "cost", "roofline", "specs", "palette", "published", "tables", "manifold", "quiz", "explorables")


def imports(path):
    """Return what a file imports of ours as (module, whether inside a function)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = path.relative_to(ROOT).with_suffix("").parts
    inside = {
        node
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = list(parts[: len(parts) - node.level]) if node.level else []
            base += (node.module or "").split(".") if node.module else []
            names = [".".join([*base, alias.name]) for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        ours = [name for name in names if name.split(".")[0] == "mobilenet_lib"]
        found |= {(name.removeprefix("mobilenet_lib."), node in inside) for name in ours}
    return found


def modules(found):
    """Return the modules among what was found: cost.Cost is of cost, explorables.kit.tag of explorables.kit."""
    return {".".join(name.split(".")[: 2 if name.startswith("explorables.") else 1]) for name in found}


def test_imports_are_read_in_every_form(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = tmp_path / "mobilenet_lib" / "explorables" / "new.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "import math, mobilenet_lib.figures\n"
        "from .. import cost, specs as s\n"
        "from ..palette import COLOURS\n"
        "from .kit import tag\n"
        "from mobilenet_lib import checks\n"
        "def live():\n    from ..measure import macs\n    import torch\n"
    )
    assert imports(path) == {
        ("figures", False),
        ("cost", False),
        ("specs", False),
        ("palette.COLOURS", False),
        ("explorables.kit.tag", False),
        ("checks", False),
        ("measure.macs", True),
    }
    assert modules({"explorables.kit.tag", "palette.COLOURS", "cost"}) == {"explorables.kit", "palette", "cost"}


def test_every_module_stands_in_the_table():
    assert {path.stem for path in LIBRARY.glob("*.py")} == set(MAY_IMPORT)


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_a_module_imports_what_the_table_allows(name):
    found = modules({what for what, _ in imports(LIBRARY / f"{name}.py")})
    assert found - MAY_IMPORT[name] - {"_validation"} == set()


def test_argument_checks_import_nothing_of_ours():
    assert imports(LIBRARY / "_validation.py") == set()


@pytest.mark.parametrize("path", sorted((LIBRARY / "explorables").glob("*.py")), ids=lambda path: path.stem)
def test_an_explorable_imports_torchs_modules_in_its_live_functions_alone(path):
    found = imports(path)
    at_once = modules({what for what, inside in found if not inside})
    when_live = modules({what for what, inside in found if inside})
    assert at_once - EXPLORABLES_MAY_IMPORT - {"_validation"} == set()
    assert when_live - EXPLORABLES_MAY_IMPORT_WHEN_LIVE - {"_validation"} == set()


def test_there_are_explorables_to_check():
    assert {"__init__", "kit"} < {path.stem for path in (LIBRARY / "explorables").glob("*.py")}


def test_nothing_but_chapters_imports_figures_explorables_or_quizzes():
    paths = [*LIBRARY.glob("*.py"), *(ROOT / "_ext").glob("*.py")]
    assert len(paths) > len(MAY_IMPORT)
    for path in paths:
        found = {what.split(".")[0] for what, _ in imports(path)}
        assert found.isdisjoint(FOR_CHAPTERS), path


def loaded_by(program):
    """Return which of the heavy packages a fresh Python has loaded after a program."""
    program += "; import sys; print([heavy for heavy in ('torch', 'matplotlib', 'fvcore') if heavy in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return ast.literal_eval(done.stdout)


@pytest.mark.parametrize("module", ["mobilenet_lib", *(f"mobilenet_lib.{name}" for name in LIGHT)])
def test_importing_the_light_parts_loads_neither_torch_nor_matplotlib(module):
    assert loaded_by(f"import {module}") == []


def test_every_explorable_can_be_looked_up_without_torch():
    look_up = "[getattr(explorables, name) for name in explorables.__all__] or 1 / 0"
    assert loaded_by(f"from mobilenet_lib import explorables; {look_up}") == []


def test_the_heavy_parts_load_what_they_need():
    assert loaded_by("from mobilenet_lib import blocks") == ["torch"]
    assert loaded_by("from mobilenet_lib import figures") == ["matplotlib"]
    assert loaded_by("from mobilenet_lib import measure") == ["torch"]  # fvcore is loaded at the first count
