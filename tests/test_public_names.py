"""The public names: all there, and each with a help text that says what it takes, raises, rests on and gives."""

import ast
import builtins
import inspect
import re
from importlib import import_module

import pytest
from torch import nn

import mobilenet_lib

MODULES = [  # explorables have tests of their own
    *(home for name, home in mobilenet_lib.MODULES.items() if name != "explorables"),
    "measure.counts",
    *sorted({f"topics.families.{home}" for home in mobilenet_lib.families.HOMES.values()}),
]


def defined_in(module):
    """Return the public classes and functions that a module defines, by name."""
    return {
        name: thing
        for name, thing in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(thing) or inspect.isfunction(thing))
        and thing.__module__ == module.__name__
        and thing.__name__ == name
    }


NAMES = {
    f"{module}.{name}": thing
    for module in MODULES
    for name, thing in defined_in(import_module(f"mobilenet_lib.{module}")).items()
} | {f"checks.{name}": getattr(mobilenet_lib.checks, name) for name in mobilenet_lib.checks.__all__}
ROOMS = sorted({name.rpartition(".")[0] for name in NAMES})
every_room = pytest.mark.parametrize("room", ROOMS)


def wrong_with(room, complaint):
    """Return what is to be said against the names of a room, by name: nothing, where all is well."""
    own = [name for name in NAMES if name.rpartition(".")[0] == room]
    assert own
    return {name: said for name in own if (said := complaint(name))}


def sections(thing):
    """Return a docstring's sections by title; what stands before the first is its summary."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.getdoc(thing) or "", flags=re.MULTILINE)
    return {"summary": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def described(thing):
    """Return the names that a docstring's Parameters or Attributes section has entries for."""
    found = sections(thing)
    text = found.get("Parameters", "") + "\n" + found.get("Attributes", "")
    entries = re.findall(r"^([\w, ]+) : ", text, re.MULTILINE)
    return {name.strip() for entry in entries for name in entry.split(",")}


def parameters(thing):
    """Return the names of what a function or a class takes."""
    return set(inspect.signature(thing).parameters) - {"self"}


def test_star_import_gives_every_public_name():
    namespace = {}
    exec("from mobilenet_lib import *", namespace)
    assert set(mobilenet_lib.__all__) <= set(namespace)
    promised = {
        "ConvBNReLU", "DepthwiseSeparableConv", "ConvDepthwiseConv", "InvertedResidual", "MobileNetV1", "MobileNetV2",
        "V1_SPEC", "V2_SPEC", "make_divisible", "Cost", "cost", "measure", "explorables", "figures", "published",
    }  # fmt: skip
    assert promised <= set(mobilenet_lib.__all__)
    assert len(set(mobilenet_lib.__all__)) == len(mobilenet_lib.__all__)
    assert dir(mobilenet_lib) == sorted(mobilenet_lib.__all__)


def test_a_public_name_is_the_thing_its_module_defines():
    for name in mobilenet_lib.__all__:
        thing = getattr(mobilenet_lib, name)
        if inspect.ismodule(thing):
            assert thing.__name__ == f"mobilenet_lib.{mobilenet_lib.MODULES[name]}"
        elif callable(thing):
            assert thing.__module__.startswith("mobilenet_lib.")
            assert getattr(import_module(thing.__module__), name) is thing


@pytest.mark.parametrize("package", ["", ".measure", ".explorables", ".topics.families"])
def test_an_editor_reads_the_names_that_python_finds(package):
    """Each name is imported under `if TYPE_CHECKING:` from the module that the table names."""
    lazy = import_module(f"mobilenet_lib{package}")
    tree = ast.parse(inspect.getsource(lazy))
    block = next(node for node in tree.body if isinstance(node, ast.If)).body
    read = {
        alias.asname or alias.name: ".".join(filter(None, [node.module, alias.asname and alias.name]))
        for node in block
        for alias in node.names
    }
    modules = getattr(lazy, "MODULES", {})
    assert set(read) == set(lazy.HOMES) | set(modules) == set(lazy.__all__)
    for name, home in lazy.HOMES.items():
        assert read[name] == home
    for name, home in modules.items():
        assert home in (read[name], f"{read[name]}.{name}".strip("."))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="mobilenet_lib.*MobileNetV9"):
        mobilenet_lib.MobileNetV9  # noqa: B018


@pytest.mark.parametrize("module", [*MODULES, "explorables", None])
def test_a_module_says_what_it_is_for(module):
    thing = import_module(f"mobilenet_lib.{module}") if module else mobilenet_lib
    assert len(thing.__doc__.strip().splitlines()[0]) > 20


@every_room
def test_a_name_has_a_summary_and_an_example_that_runs(room):
    def complaint(name):
        found = sections(NAMES[name])
        yield from ["its summary is short"] * (len(found["summary"].strip()) <= 20)
        yield from ["it has no example"] * (">>> " not in found.get("Examples", ""))  # the library's doctests run them

    assert wrong_with(room, lambda name: list(complaint(name))) == {}


@every_room
def test_what_a_name_takes_is_described(room):
    def complaint(name):
        thing = NAMES[name]
        found = sections(thing)
        prose = " ".join(text for title, text in found.items() if title != "Examples")
        missing = {taken for taken in parameters(thing) if not re.search(rf"\b{re.escape(taken)}\b", prose)}
        # "Parameters as :func:`twin`": then the twin must take and describe them.
        for twin in re.findall(r"Parameters as\s+:func:`(\w+)`", prose):
            twin = NAMES[f"{name.split('.')[0]}.{twin}"]
            assert described(twin) == parameters(twin), name
            missing -= described(twin)
        return missing

    assert wrong_with(room, complaint) == {}


@every_room
def test_no_entry_describes_what_is_not_taken(room):
    def complaint(name):
        thing = NAMES[name]
        entries = re.findall(r"^([\w, ]+) : ", sections(thing).get("Parameters", ""), re.MULTILINE)
        named = {part.strip() for entry in entries for part in entry.split(",")}
        return named ^ parameters(thing) if named else set()

    assert wrong_with(room, complaint) == {}


MAIN = [name for name in mobilenet_lib.__all__ if inspect.isclass(getattr(mobilenet_lib, name))]


@pytest.mark.parametrize("name", [name for name in MAIN if issubclass(getattr(mobilenet_lib, name), nn.Module)])
def test_help_on_a_block_gives_parameters_shapes_errors_source_and_an_example(name):
    found = sections(getattr(mobilenet_lib, name))
    assert {"Parameters", "Shape", "Raises", "References", "Examples"} <= set(found)
    assert "->" in found["Shape"]
    assert re.search(r"arXiv:\d{4}\.\d{5}", found["References"])
    assert {"TypeError", "ValueError"} <= set(re.findall(r"\w+Error", found["Raises"]))
    assert re.search(r"pixels|\(N, ", found["Parameters"] + found["Shape"])


CLOSED_FORMS = (
    "conv", "standard_block", "depthwise_separable", "depthwise_projection", "inverted_residual", "bottleneck",
    "mobilenet_v1", "mobilenet_v2",
)  # fmt: skip


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_help_on_a_closed_form_gives_errors_and_source(name):
    found = sections(NAMES[f"cost.{name}"])
    assert re.search(r"TypeError, ValueError\n +\w+", found["Raises"])
    assert re.search(r"arXiv:\d{4}\.\d{5}", found["References"])


@every_room
def test_errors_that_are_promised_are_real_exceptions(room):
    def complaint(name):
        promised = re.findall(r"\b[A-Z]\w+Error\b", sections(NAMES[name]).get("Raises", ""))
        return [each for each in promised if not issubclass(getattr(builtins, each, object), Exception)]

    assert wrong_with(room, complaint) == {}


def test_methods_and_properties_of_a_row_are_described():
    for name, thing in vars(mobilenet_lib.cost.Layer).items():
        if isinstance(thing, property):
            assert len(thing.__doc__) > 10, name
