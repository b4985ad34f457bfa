"""One block, three names: what this book, timm and torchvision call each part, and the lines that make and run it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from textwrap import dedent, wrap
from typing import NamedTuple

import traitlets

from .. import cost
from .kit import Choice, Explorable, paint, picture, tag

LIBRARIES = ("this book", "timm", "torchvision")


class Part(NamedTuple):
    """A part of a block: which of the three convolutions it belongs to, what it is there, and its palette colour."""

    of: str
    kind: str
    role: str


# In the order the data pass through them. The last is what timm's block has besides.
PARTS = {
    "expansion": Part("expansion", "conv", "expansion"),
    "expansion_norm": Part("expansion", "norm", "norm"),
    "expansion_relu6": Part("expansion", "relu6", "activation"),
    "depthwise": Part("depthwise", "conv", "depthwise"),
    "depthwise_norm": Part("depthwise", "norm", "norm"),
    "depthwise_relu6": Part("depthwise", "relu6", "activation"),
    "pointwise": Part("pointwise", "conv", "pointwise"),
    "pointwise_norm": Part("pointwise", "norm", "norm"),
    "pointwise_relu6": Part("pointwise", "relu6", "activation"),
    "residual": Part("", "residual", "residual"),
    "others": Part("", "others", "classifier"),
}


class Block(NamedTuple):
    """Where a block is found in each library, and what its convolutions are called there.

    Attributes
    ----------
    title : str
        For the reader.
    stands : str
        Which block of which network it is.
    channels : tuple of int
        Before, in the middle where there is one, and after.
    side : int
        Height and width of its map.
    ours, timm, torchvision : dict of str to str or None
        Convolution to attribute; timm's also names the normalisation.
    """

    title: str
    stands: str
    channels: tuple[int, ...]
    side: int
    ours: dict
    timm: dict
    torchvision: dict | None


BLOCKS = {
    "v1": Block(
        "V1: depthwise separable",
        "the first block of MobileNetV1",
        (32, 64),
        112,
        {"class": "DepthwiseSeparableConv", "depthwise": "depthwise", "pointwise": "pointwise"},
        {
            **{"network": "mobilenetv1_100", "at": (0, 0), "class": "DepthwiseSeparableConv"},
            **{"depthwise": ("conv_dw", "bn1"), "pointwise": ("conv_pw", "bn2")},
        },
        None,
    ),
    "v2": Block(
        "V2: inverted residual",
        "the third block of MobileNetV2",
        (24, 144, 24),
        56,
        {"class": "ConvDepthwiseConv", "expansion": "conv1", "depthwise": "depthwise", "pointwise": "conv2"},
        {
            **{"network": "mobilenetv2_100", "at": (1, 1), "class": "InvertedResidual"},
            **{"expansion": ("conv_pw", "bn1"), "depthwise": ("conv_dw", "bn2"), "pointwise": ("conv_pwl", "bn3")},
        },
        {"at": 3, "expansion": "conv.0", "depthwise": "conv.1", "pointwise": ("conv.2", "conv.3")},
    ),
    "v2_first": Block(
        "V2: the first block",
        "the first block of MobileNetV2, with nothing to widen",
        (32, 16),
        112,
        {"class": "DepthwiseProjection", "depthwise": "depthwise", "pointwise": "conv2"},
        {
            **{"network": "mobilenetv2_100", "at": (0, 0), "class": "DepthwiseSeparableConv"},
            **{"depthwise": ("conv_dw", "bn1"), "pointwise": ("conv_pw", "bn2")},
        },
        {"at": 1, "depthwise": "conv.0", "pointwise": ("conv.1", "conv.2")},
    ),
}


class Rosetta(Explorable):
    """One block, three names: its parts in this book, in timm and in torchvision, with the lines of source.

    Names, classes, shapes and lines are read from the installed packages when the figure is made; none is written down
    here. Where timm or torchvision is not installed, the figure says so in its place.

    Parameters
    ----------
    block : {"v1", "v2", "v2_first"}, default="v2"
        MobileNetV1's first block, MobileNetV2's third (24 to 144 to 24 channels) or MobileNetV2's first.
    part : str, default="expansion"
        The part that is looked up: "expansion", "depthwise" or "pointwise", one of these with "_norm" or "_relu6",
        "residual", or "others" for what timm's block has besides.

        A block without an expansion shows the depthwise part in its place.

    Raises
    ------
    traitlets.TraitError
        If a value is not one there is.
    TypeError
        If there is no setting of that name.
    LookupError
        If timm or torchvision no longer has a name that is looked up there; it says which.

    Notes
    -----
    torchvision has no MobileNetV1.

    Examples
    --------
    >>> figure = Rosetta()
    >>> [entry.name for entry in figure.entries("pointwise_norm")]
    ['conv2.1', 'bn3', 'conv.3']
    >>> figure.entries("expansion")[1].tensors
    {'conv_pw.weight': (144, 24, 1, 1)}
    """

    block = Choice("v2", list(BLOCKS), help="the block that is looked at")
    part = Choice("expansion", list(PARTS), help="the part that is looked up", counts=False)
    names = traitlets.Dict(help="what each library calls each part, and its lines").tag(sync=True)

    def __init__(self, **values: object):
        self._found = collect()
        super().__init__(**{"names": _export(self._found), **values})

    def parts(self, block: str | None = None) -> list[str]:
        """Return the parts that a block has, in order."""
        return list(self._found.parts[block or self.block])

    def shown(self) -> str:
        """Return the part that is shown: the chosen one, or the nearest to it that the block has."""
        own = self.names["blocks"][self.block]["parts"]
        nearest = (self.part, self.part.replace("expansion", "depthwise"), "residual")
        return next(name for name in nearest if name in own)

    def entries(self, part: str, block: str | None = None) -> list[Entry]:
        """Return what this book, timm and torchvision have for a part."""
        return self._found.parts[block or self.block][part]

    def layers(self) -> list[cost.Layer]:
        """Return the block's convolutions."""
        return _layers(self.block)

    def measure_state(self) -> int:
        """Count the MACs of this book's block with fvcore."""
        from .. import measure

        return measure.macs(_ours(self.block), _shape(self.block))

    def static_svg(self) -> str:
        """Draw the block, with all names beside its parts and the lines of the chosen one."""
        return _svg(self)


# What is found in the installed packages.


class Lines(NamedTuple):
    """Lines of one function: their numbers in the file, and their text; a call over many lines is one of them."""

    file: str
    where: str
    lines: tuple[tuple[int, str], ...]


@dataclass
class Entry:
    """A part in one library.

    Attributes
    ----------
    name : str
        Where it stands in the block, as in its state dict; nothing if the library has no such part.
    kind : str
        Its class, or for a flag its value.
    tensors : dict of str to tuple
        What it contributes to the state dict: keys and shapes.
    made, run : list of Lines
        What creates it, and what calls it in `forward`.
    note : str
        Words beside it, or in its place.
    """

    name: str = ""
    kind: str = ""
    tensors: dict[str, tuple[int, ...]] = field(default_factory=dict)
    made: list[Lines] = field(default_factory=list)
    run: list[Lines] = field(default_factory=list)
    note: str = ""


@dataclass
class Found:
    """Everything that is shown: versions (or why there is none), for each block its parts, and fvcore's MACs."""

    versions: list[str]
    missing: list[str]
    parts: dict[str, dict[str, list[Entry]]]
    macs: dict[str, list[int | None]]


def collect() -> Found:
    """Read names, shapes and lines from the installed packages."""
    packages = [None, *(_imported(name) for name in LIBRARIES[1:])]
    versions = ["", *("" if own is None else own.__version__.split("+")[0] for own in packages[1:])]
    missing = ["", *(f"{name} is not installed here: pip install {name}" for name in LIBRARIES[1:])]
    missing = ["" if own is not None or i == 0 else missing[i] for i, own in enumerate(packages)]
    parts, macs = {}, {}
    with _random_numbers_as_they_were():
        for key, block in BLOCKS.items():
            ours = _ours(key)
            columns = [_from_ours(block, ours)]
            counted = [None]  # ours is counted where the figure is
            if packages[1] is not None:
                theirs = _timm_block(block)
                columns.append(_from_timm(block, theirs))
                counted.append(_count(theirs, key))
            else:
                columns.append({})
                counted.append(None)
            if packages[2] is not None and block.torchvision:
                theirs = _torchvision_block(block)
                columns.append(_from_torchvision(block, theirs))
                counted.append(_count(theirs, key))
            else:
                columns.append({})
                counted.append(None)
            absent = list(missing)
            if not block.torchvision and not absent[2]:
                absent[2] = "torchvision has no MobileNetV1."
            own = [name for name in PARTS if any(name in column for column in columns)]
            parts[key] = {
                name: [column.get(name, Entry(note=absent[i])) for i, column in enumerate(columns)] for name in own
            }
            macs[key] = counted
    return Found(versions, missing, parts, macs)


def _imported(name: str):  # -> module or None
    try:
        return import_module(name)
    except ImportError:
        return None


def _random_numbers_as_they_were():  # -> context manager
    import torch

    return torch.random.fork_rng(devices=[])


def _layers(block: str) -> list[cost.Layer]:
    channels, side = BLOCKS[block].channels, BLOCKS[block].side
    build = {
        "v1": cost.depthwise_separable_layers,
        "v2": cost.inverted_residual_layers,
        "v2_first": cost.depthwise_projection_layers,
    }
    return build[block](*channels, side)


def _shape(block: str) -> tuple[int, int, int, int]:
    return 1, BLOCKS[block].channels[0], BLOCKS[block].side, BLOCKS[block].side


def _ours(block: str):  # -> torch.nn.Module
    from .. import blocks

    return getattr(blocks, BLOCKS[block].ours["class"])(*BLOCKS[block].channels)


def _count(module, block: str) -> int | None:
    """Count another library's block with fvcore, if fvcore is there."""
    from .. import measure
    from .kit import _one_thread

    try:
        with _one_thread():
            return measure.macs(module, _shape(block))
    except ImportError:
        return None


def _moved(library: str, what: str) -> LookupError:
    package = import_module(library)
    return LookupError(
        f"{library} {package.__version__} has no {what} any more, which the explorable Rosetta looks up by that name: "
        f"see what {library} calls it now, and change it in BLOCKS or in the function that reads {library}, in "
        "mobilenet_lib/explorables/rosetta.py"
    )


class Source:
    """A class of an installed package, whose lines are looked up by name.

    Examples
    --------
    >>> from mobilenet_lib import blocks
    >>> found, = Source("mobilenet_lib", blocks.DepthwiseSeparableConv).find("forward", calls_own("pointwise"))
    >>> found.where, found.lines[0][1]
    ('DepthwiseSeparableConv.forward', 'return self.pointwise(self.depthwise(x))')
    """

    def __init__(self, library: str, owner: type):
        self.library, self.owner = library, owner

    def find(self, method: str, wanted: Callable[[ast.AST], bool], what: str = "", whole: bool = True) -> list[Lines]:
        """Return the lines of a method that hold what is wanted: whole statements, or the expression's lines alone."""
        function = inspect.unwrap(getattr(self.owner, method))
        source, start = inspect.getsourcelines(function)
        tree = ast.parse(dedent("".join(source)))
        found = _matches(tree, wanted, whole)
        spans = sorted({(node.lineno, node.end_lineno, isinstance(node, ast.If)) for node in found})
        if not spans:
            raise _moved(self.library, f"{what or wanted.__doc__} in {function.__qualname__}")
        lines = []
        for first, last, compound in spans:
            piece = dedent("".join(source[first - 1 : last])).rstrip().split("\n")
            if not compound:  # a call over many lines is shown in one
                piece = [" ".join(text.strip() for text in piece).replace("( ", "(").replace(", )", ")")]
            lines += [(start + first - 1 + i, text.rstrip()) for i, text in enumerate(piece)]
        file = Path(inspect.getsourcefile(function))
        package = self.library if self.library in file.parts else self.owner.__module__.split(".")[0]
        place = len(file.parts) - file.parts[::-1].index(package) - 1
        return [Lines("/".join(file.parts[place:]), function.__qualname__, tuple(lines))]


def _matches(tree: ast.AST, wanted: Callable[[ast.AST], bool], whole: bool) -> Iterator[ast.AST]:
    """Yield what is wanted, or the smallest statement around it."""
    for statement in ast.walk(tree):
        if not isinstance(statement, ast.stmt) or isinstance(statement, ast.FunctionDef):
            continue
        for node in _without_inner_statements(statement):
            if wanted(node):
                yield statement if whole else node


def _without_inner_statements(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.stmt):
            yield from _without_inner_statements(child)


def _described(wanted: Callable[[ast.AST], bool], words: str) -> Callable[[ast.AST], bool]:
    wanted.__doc__ = words  # what an error says of it
    return wanted


def _is_own(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == name and getattr(node.value, "id", "") == "self"


def sets(name: str) -> Callable[[ast.AST], bool]:
    """Match ``self.name = ...``."""
    return _described(
        lambda node: isinstance(node, ast.Assign) and any(_is_own(target, name) for target in node.targets),
        f"self.{name} = ...",
    )


def calls_own(name: str) -> Callable[[ast.AST], bool]:
    """Match ``self.name(...)``."""
    return _described(lambda node: isinstance(node, ast.Call) and _is_own(node.func, name), f"self.{name}(...)")


def asks(name: str) -> Callable[[ast.AST], bool]:
    """Match ``if self.name``, as a statement with all that depends on it, or within an expression."""
    return _described(lambda node: isinstance(node, ast.If | ast.IfExp) and _is_own(node.test, name), f"if self.{name}")


def calls(name: str, keyword: str | None = None, has: bool = True) -> Callable[[ast.AST], bool]:
    """Match ``name(...)`` or ``module.name(...)``; with or without a certain keyword."""

    def wanted(node: ast.AST) -> bool:
        if not isinstance(node, ast.Call) or name != getattr(node.func, "id", getattr(node.func, "attr", None)):
            return False
        return keyword is None or has == any(own.arg == keyword for own in node.keywords)

    kind = "" if keyword is None else f" {'with' if has else 'without'} {keyword}"
    return _described(wanted, f"{name}(...){kind}")


def _own_calls(function: Callable) -> list[str]:
    """Return the names of all `self.name(...)` in a function, in order."""
    tree = ast.parse(dedent(inspect.getsource(function)))
    found = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = [node for node in found if isinstance(node, ast.Attribute) and _is_own(node, node.attr)]
    return list(dict.fromkeys(node.attr for node in sorted(found, key=lambda node: (node.lineno, node.col_offset))))


def _tensors(module, name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}.{key}": tuple(tensor.shape) for key, tensor in module.state_dict().items()}


def _merged(*groups: list[Lines]) -> list[Lines]:
    """Put lines of one function together."""
    found: dict[tuple[str, str], set] = {}
    for lines in (own for group in groups for own in group):
        found.setdefault((lines.file, lines.where), set()).update(lines.lines)
    return [Lines(file, where, tuple(sorted(lines))) for (file, where), lines in found.items()]


def _submodule(library: str, block, name: str):  # -> torch.nn.Module
    try:
        return block.get_submodule(name)
    except AttributeError:
        raise _moved(library, f"{type(block).__name__}.{name}") from None


def _flag(library: str, block, name: str) -> str:
    if not isinstance(getattr(block, name, None), bool):
        raise _moved(library, f"{type(block).__name__}.{name}")
    return str(getattr(block, name))


def _convolutions(names: dict) -> list[str]:
    return [name for name in ("expansion", "depthwise", "pointwise") if name in names]


def _from_ours(block: Block, module) -> dict[str, Entry]:
    from .. import blocks, layers

    own = Source("mobilenet_lib", type(module))
    made_of = {
        "conv": Source("mobilenet_lib", layers.ConvBN).find("__init__", calls("Conv2d"), whole=False),
        "norm": Source("mobilenet_lib", layers.ConvBN).find("__init__", calls("BatchNorm2d"), whole=False),
        "relu6": Source("mobilenet_lib", layers.ConvBNReLU).find("_activation", calls("ReLU6")),
    }
    entries = {}
    for convolution in _convolutions(block.ours):
        name = block.ours[convolution]
        made, run = own.find("__init__", sets(name)), own.find("forward", calls_own(name))
        parts = list(module.get_submodule(name))
        for i, (kind, ending) in enumerate((("conv", ""), ("norm", "_norm"), ("relu6", "_relu6"))):
            if i < len(parts):
                place = f"{name}.{i}"
                entry = Entry(place, type(parts[i]).__name__, _tensors(parts[i], place), made + made_of[kind], run)
            else:
                entry = Entry(
                    made=made, note=f"No activation: {name} is a {type(module.get_submodule(name)).__name__}."
                )
            entries[convolution + ending] = entry
    if hasattr(module, "use_residual"):
        rule = Source("mobilenet_lib", blocks).find("_residual", lambda node: _assigns(node, "use_residual"))
        made = own.find("__init__", sets("use_residual"))
        run = own.find("forward", asks("use_residual"))
        entries["residual"] = Entry("use_residual", str(module.use_residual), {}, made + rule, run)
    else:
        entries["residual"] = Entry(note="MobileNetV1 has no residual.")
    entries["others"] = Entry(note="Nothing besides.")
    return entries


def _assigns(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Assign) and any(getattr(target, "id", "") == name for target in node.targets)


def _timm_block(block: Block):  # -> torch.nn.Module
    import timm

    name, (stage, place), wanted = block.timm["network"], block.timm["at"], block.timm["class"]
    try:
        network = timm.create_model(name)
    except RuntimeError:
        raise _moved("timm", f"model {name}") from None
    try:
        found = network.blocks[stage][place]
    except (AttributeError, IndexError, TypeError):
        raise _moved("timm", f"block at {name}.blocks[{stage}][{place}]") from None
    if type(found).__name__ != wanted:
        raise _moved("timm", f"{wanted} at {name}.blocks[{stage}][{place}], but {type(found).__name__},")
    return found


def _from_timm(block: Block, module) -> dict[str, Entry]:
    own = Source("timm", type(module))
    entries, known = {}, set()
    for convolution in _convolutions(block.timm):
        conv, norm = block.timm[convolution]
        known |= {conv, norm}
        for name, ending in ((conv, ""), (norm, "_norm")):
            part = _submodule("timm", module, name)
            made, run = own.find("__init__", sets(name)), own.find("forward", calls_own(name))
            entries[convolution + ending] = Entry(name, type(part).__name__, _tensors(part, name), made, run)
        act = _submodule("timm", module, f"{norm}.act")
        inside = Source("timm", type(module.get_submodule(norm)))
        made = own.find("__init__", sets(norm)) + inside.find("__init__", sets("act"))
        run = own.find("forward", calls_own(norm)) + inside.find("forward", calls_own("act"))
        note = "An Identity: nothing happens." if type(act).__name__ == "Identity" else ""
        entries[f"{convolution}_relu6"] = Entry(f"{norm}.act", type(act).__name__, {}, made, run, note)
    flag = _flag("timm", module, "has_skip")
    made, run = own.find("__init__", sets("has_skip")), own.find("forward", asks("has_skip"))
    entries["residual"] = Entry("has_skip", flag, {}, made, run)
    others = [name for name in _own_calls(type(module).forward) if name not in known]
    kinds = [type(getattr(module, name)).__name__.replace("NoneType", "None") for name in others]
    made = [own.find("__init__", sets(name)) for name in others]
    run = [own.find("forward", calls_own(name)) for name in others]
    entries["others"] = Entry(", ".join(others), ", ".join(kinds), {}, _merged(*made), _merged(*run))
    return entries


def _torchvision_block(block: Block):  # -> torch.nn.Module
    import torchvision

    try:
        found = torchvision.models.mobilenet_v2().features[block.torchvision["at"]]
    except (AttributeError, IndexError):
        raise _moved("torchvision", f"mobilenet_v2().features[{block.torchvision['at']}]") from None
    if type(found).__name__ != "InvertedResidual":
        raise _moved("torchvision", f"InvertedResidual at mobilenet_v2().features[{block.torchvision['at']}]")
    return found


def _from_torchvision(block: Block, module) -> dict[str, Entry]:
    own = Source("torchvision", type(module))
    run = own.find("forward", asks("use_res_connect"))
    entries = {}

    def add(part: str, name: str, made: list[Lines]) -> None:
        found = _submodule("torchvision", module, name)
        entries[part] = Entry(name, type(found).__name__, _tensors(found, name), made, run)

    for convolution in ("expansion", "depthwise"):
        if convolution not in block.torchvision:
            continue
        name = block.torchvision[convolution]
        wrapper = type(_submodule("torchvision", module, name))
        wanted = calls(wrapper.__name__, "groups", has=convolution == "depthwise")
        made, inside = own.find("__init__", wanted, whole=False), Source("torchvision", wrapper.__base__)
        for i, (ending, inner) in enumerate(
            (("", "conv_layer"), ("_norm", "norm_layer"), ("_relu6", "activation_layer"))
        ):
            add(convolution + ending, f"{name}.{i}", made + inside.find("__init__", calls(inner), whole=False))
    conv, norm = block.torchvision["pointwise"]
    add("pointwise", conv, own.find("__init__", calls("Conv2d"), whole=False))
    add("pointwise_norm", norm, own.find("__init__", calls("norm_layer"), whole=False))
    entries["pointwise_relu6"] = Entry(note="No activation: the list ends with the BatchNorm.")
    made = own.find("__init__", sets("use_res_connect"))
    flag = _flag("torchvision", module, "use_res_connect")
    entries["residual"] = Entry("use_res_connect", flag, {}, made, run)
    entries["others"] = Entry(note="Nothing besides.")
    return entries


# In words.


def label(block: str, part: str) -> str:
    """Name a part of a block for the reader.

    Examples
    --------
    >>> label("v2", "depthwise"), label("v1", "pointwise_relu6"), label("v2", "pointwise_relu6")
    ('3×3 depthwise', 'ReLU6', 'no ReLU6')
    """
    of, kind, _ = PARTS[part]
    if kind == "conv":
        projects = block != "v1" and of == "pointwise"
        return "3×3 depthwise" if of == "depthwise" else f"1×1 {'projection' if projects else of}"
    if part == "pointwise_relu6" and block != "v1":
        return "no ReLU6"
    if kind == "residual":
        return "residual sum" if block == "v2" else "no residual"
    return {"norm": "BatchNorm", "relu6": "ReLU6", "others": "only in timm"}[kind]


def shape_text(shape: tuple[int, ...]) -> str:
    """Write a shape.

    Examples
    --------
    >>> shape_text((144, 24, 1, 1)), shape_text(())
    ('144 × 24 × 1 × 1', 'one number')
    """
    return " × ".join(map(str, shape)) or "one number"


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def sentence(block: str, part: str, entries: list[Entry]) -> str:
    """Say what the libraries call a part and what it holds."""
    ours, timm, torchvision = entries
    kind = PARTS[part].kind
    names = [f"{ours.name} here"] if ours.name else []
    names += [f"{own.name} in {library}" for own, library in zip(entries[1:], LIBRARIES[1:], strict=True) if own.name]
    named = _listed(names)
    if kind == "conv":
        ((_, shape),) = ours.tensors.items()
        numbers = shape[0] * shape[1] * shape[2] * shape[3]
        return f"{named}: a {ours.kind} whose weight is {shape_text(shape)}, {numbers:,} numbers."
    if kind == "norm":
        channels = ours.tensors[f"{ours.name}.weight"][0]
        inside = f" timm's {timm.kind} is BatchNorm and activation in one." if timm.name else ""
        return f"{named}: a scale and a shift for each of {channels} channels, {2 * channels} trained numbers.{inside}"
    if kind == "relu6":
        if ours.name:
            inside = " timm has it inside the normalisation." if timm.name else ""
            return f"{named}: {ours.kind}, without weights.{inside}"
        kept = f" In timm an {timm.kind} stands in its place, {timm.name}." if timm.name else ""
        return f"No activation: the bottleneck is linear.{kept}"
    if kind == "residual":
        if not ours.name:
            flag = f" timm's class can have one: here {timm.name} is {timm.kind}." if timm.name else ""
            return f"MobileNetV1 has no residual.{flag}"
        channels = BLOCKS[block].channels
        why = f"the stride is 1, {channels[0]} channels go in and {channels[-1]} come out"
        return f"{named}: {ours.kind}, because {why}."
    names, kinds = timm.name.split(", "), timm.kind.split(", ")
    if set(kinds) <= {"Identity", "None"}:
        return f"timm's forward also names {_listed(names)}. In this block they are Identity or None: they do nothing."
    return f"timm's forward also names {_listed(names)}: {_listed(kinds)}."


def _export(found: Found) -> dict:
    """Return what the page needs: texts, each once."""
    places: dict[Lines, int] = {}

    def refer(lines: list[Lines]) -> list[int]:
        return [places.setdefault(own, len(places)) for own in lines]

    def entry(own: Entry) -> dict:
        tensors = [[key, shape_text(shape)] for key, shape in own.tensors.items()]
        full = {"name": own.name, "kind": own.kind, "note": own.note, "tensors": tensors}
        return {**full, "made": refer(own.made), "run": refer(own.run)}

    blocks = {}
    for key, block in BLOCKS.items():
        rows = {}
        for part, entries in found.parts[key].items():
            if part == "others" and not entries[1].name:
                continue
            rows[part] = {
                "label": label(key, part),
                "role": _role(key, part),
                "none": not entries[0].name or entries[0].kind == "False",
                "says": sentence(key, part, entries),
                "entries": [entry(own) for own in entries],
            }
        own = block.ours
        blocks[key] = {
            "title": block.title,
            "stands": block.stands,
            "attributes": {name: own[name] for name in _convolutions(own)},
            "channels": block.channels,
            "side": block.side,
            "residual": found.parts[key]["residual"][0].kind == "True",
            "macs": cost.total(_layers(key)).macs,
            "counted": found.macs[key],
            "parts": rows,
        }
    return {
        "parts": {name: part._asdict() for name, part in PARTS.items()},
        "libraries": [f"{name} {version}".rstrip() for name, version in zip(LIBRARIES, found.versions, strict=True)],
        "blocks": blocks,
        "lines": [[own.file, own.where, [list(line) for line in own.lines]] for own in places],
    }


def _role(block: str, part: str) -> str:
    return "projection" if part == "pointwise" and block != "v1" else PARTS[part].role


# The static picture, in pixels: all names beside the parts, and the lines of the chosen one.
WIDTH = 700
COLUMNS = (24, 190, 340, 500)


def _svg(figure: Rosetta) -> str:
    block, exported = BLOCKS[figure.block], figure.names["blocks"][figure.block]
    part = figure.shown()
    chosen = exported["parts"][part]
    parts = [
        tag("text", text, x=x, y=18, font_weight="bold")
        for text, x in zip(("part", *figure.names["libraries"]), COLUMNS, strict=True)
    ]
    y = 44
    for name, row in exported["parts"].items():
        lit = name == part
        if lit:
            parts.append(tag("rect", x=4, y=y - 17, width=WIDTH - 8, height=25, fill="currentColor", opacity=0.1))
        fill = {"fill": "none", "stroke": paint(row["role"])} if row["none"] else {"fill": paint(row["role"])}
        parts.append(tag("rect", x=8, y=y - 10, width=10, height=12, **fill))
        weight = {"font_weight": "bold"} if lit else {}
        parts.append(tag("text", row["label"], x=COLUMNS[0], y=y, **weight))
        cells = [own["name"] or "–" for own in row["entries"]]
        if name == "others":  # a list: timm's names, over the columns beside
            cells = ["–", cells[1], ""]
        for cell, x in zip(cells, COLUMNS[1:], strict=True):
            parts.append(tag("text", cell, x=x, y=y, font_family="monospace", **weight))
        y += 25
    parts.append(tag("path", d=f"M8 {y - 12}H{WIDTH - 8}", stroke="currentColor", stroke_opacity=0.3))
    y += 8
    for library, own in zip(figure.names["libraries"], chosen["entries"], strict=True):
        what = f"{own['name']}: {own['kind']}" if own["name"] else own["note"]
        parts.append(tag("text", f"{library}: {what}", x=8, y=y, font_weight="bold"))
        y += 18
        seen = []
        for place in [*own["made"], *own["run"]]:
            if place in seen:
                continue
            seen.append(place)
            file, where, lines = figure.names["lines"][place]
            parts.append(tag("text", f"{file}, {where}", x=20, y=y, font_size=11, fill_opacity=0.75))
            y += 15
            for number, text in lines:
                parts.append(tag("text", str(number), x=20, y=y, font_size=11, fill_opacity=0.75))
                for piece in _wrapped(text):
                    parts.append(tag("text", piece, x=52, y=y, font_family="monospace", font_size=11))
                    y += 15
        y += 8
    title = f"{block.title}: {chosen['label']} in this book, timm and torchvision"
    description = f"{chosen['says']} The block is {block.stands}. It takes {exported['macs']:,} MACs."
    return picture(title, description, WIDTH, y, parts)


def _wrapped(text: str) -> list[str]:
    """Break a line of source, and keep its indentation, which SVG would swallow."""
    indent = "\N{NO-BREAK SPACE}" * (len(text) - len(text.lstrip()))
    return wrap(text.strip(), 92, initial_indent=indent, subsequent_indent=indent + 4 * "\N{NO-BREAK SPACE}")
