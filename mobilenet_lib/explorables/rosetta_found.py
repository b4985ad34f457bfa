"""What the explorable Rosetta finds in the installed packages: for each part of a block its name, class, and lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .rosetta_parts import BLOCKS, LIBRARIES, PARTS, Block
from .source_lines import Lines, Source, asks, calls, calls_own, merged, moved, sets

if TYPE_CHECKING:
    from torch import nn


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
    """Everything that is shown: the libraries' versions, for each block its parts, and fvcore's MACs by library."""

    versions: list[str]
    parts: dict[str, dict[str, list[Entry]]]
    macs: dict[str, list[int | None]]


def collect() -> Found:
    """Read names, shapes and lines from the installed packages."""
    import torch

    packages = [_imported(name) for name in LIBRARIES[1:]]
    versions = ["", *("" if own is None else own.__version__.split("+")[0] for own in packages)]
    parts, macs = {}, {}
    with torch.random.fork_rng(devices=[]):
        for key, block in BLOCKS.items():
            columns, notes = [_from_ours(block)], [""]
            counted: list[int | None] = [None]  # ours is counted where the figure is
            for name, package, read in zip(LIBRARIES[1:], packages, (_from_timm, _from_torchvision), strict=True):
                entries, module = ({}, None) if package is None else read(block)
                columns.append(entries)
                counted.append(None if module is None else _count(module, block))
                absent = f"{name} is not installed here: pip install {name}"
                notes.append(absent if package is None else f"{name} has no MobileNetV1.")
            own = [part for part in PARTS if any(part in column for column in columns)]
            parts[key] = {
                part: [column.get(part, Entry(note=note)) for column, note in zip(columns, notes, strict=True)]
                for part in own
            }
            macs[key] = counted
    return Found(versions, parts, macs)


def build(block: Block) -> nn.Module:
    """Build this book's block."""
    from .. import blocks

    return getattr(blocks, block.owner)(*block.channels)


def _imported(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ImportError:
        return None


def _count(module: nn.Module, block: Block) -> int | None:
    """Count another library's block with fvcore, if fvcore is there."""
    from .. import measure
    from .kit import undisturbed

    try:
        with undisturbed():
            return measure.macs(module, block.shape)
    except ImportError:
        return None


def _tensors(module: nn.Module, name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}.{key}": tuple(tensor.shape) for key, tensor in module.state_dict().items()}


def _submodule(library: str, block: nn.Module, name: str) -> nn.Module:
    try:
        return block.get_submodule(name)
    except AttributeError:
        raise moved(library, f"{type(block).__name__}.{name}") from None


def _flag(library: str, block: nn.Module, name: str) -> str:
    if not isinstance(getattr(block, name, None), bool):
        raise moved(library, f"{type(block).__name__}.{name}")
    return str(getattr(block, name))


# One function for each library. The two others also return the block they have read.


def _from_ours(block: Block) -> dict[str, Entry]:
    from .. import blocks, layers

    module = build(block)
    own = Source("mobilenet_lib", type(module))
    made_of = {
        "": Source("mobilenet_lib", layers.ConvBN).find("__init__", calls("Conv2d"), whole=False),
        "_norm": Source("mobilenet_lib", layers.ConvBN).find("__init__", calls("BatchNorm2d"), whole=False),
        "_relu6": Source("mobilenet_lib", layers.ConvBNReLU).find("_activation", calls("ReLU6")),
    }
    entries = {}
    for convolution, name in block.ours.items():
        made, run = own.find("__init__", sets(name)), own.find("forward", calls_own(name))
        layer = module.get_submodule(name)
        none = Entry(made=made, note=f"No activation: {name} is a {type(layer).__name__}.")
        entries |= {convolution + ending: none for ending in made_of}
        for (ending, inside), (place, part) in zip(made_of.items(), layer.named_children(), strict=False):
            where = f"{name}.{place}"
            entries[convolution + ending] = Entry(where, type(part).__name__, _tensors(part, where), made + inside, run)
    if hasattr(module, "use_residual"):
        rule = Source("mobilenet_lib", blocks).find("_residual", sets("use_residual"))
        made, run = own.find("__init__", sets("use_residual")), own.find("forward", asks("use_residual"))
        entries["residual"] = Entry("use_residual", str(module.use_residual), {}, made + rule, run)
    else:
        entries["residual"] = Entry(note="MobileNetV1 has no residual.")
    return {**entries, "others": Entry(note="Nothing besides.")}


def _from_timm(block: Block) -> tuple[dict[str, Entry], nn.Module]:
    module = _timm_block(block)
    own = Source("timm", type(module))
    entries = {}
    for convolution, (conv, norm) in block.timm.names.items():
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
    known = {name for names in block.timm.names.values() for name in names}
    others = [name for name in own.own_calls("forward") if name not in known]
    kinds = [type(getattr(module, name)).__name__.replace("NoneType", "None") for name in others]
    made = merged(own.find("__init__", sets(name)) for name in others)
    run = merged(own.find("forward", calls_own(name)) for name in others)
    entries["others"] = Entry(", ".join(others), ", ".join(kinds), {}, made, run)
    return entries, module


def _timm_block(block: Block) -> nn.Module:
    import timm

    name, (stage, place), wanted, _ = block.timm
    try:
        network: Any = timm.create_model(name)
    except RuntimeError:
        raise moved("timm", f"model {name}") from None
    try:
        found = network.blocks[stage][place]
    except (AttributeError, IndexError, TypeError):
        raise moved("timm", f"block at {name}.blocks[{stage}][{place}]") from None
    if type(found).__name__ != wanted:
        raise moved("timm", f"{wanted} at {name}.blocks[{stage}][{place}], but {type(found).__name__},")
    return found


def _from_torchvision(block: Block) -> tuple[dict[str, Entry], nn.Module | None]:
    if block.torchvision is None:
        return {}, None
    module = _torchvision_block(block.torchvision.at)
    own = Source("torchvision", type(module))
    run = own.find("forward", asks("use_res_connect"))
    entries = {}

    def add(part: str, name: str, made: list[Lines]) -> None:
        found = _submodule("torchvision", module, name)
        entries[part] = Entry(name, type(found).__name__, _tensors(found, name), made, run)

    inner = (("", "conv_layer"), ("_norm", "norm_layer"), ("_relu6", "activation_layer"))
    for convolution, name in block.torchvision.names.items():
        wrapper = type(_submodule("torchvision", module, name))
        wanted = calls(wrapper.__name__, "groups", has=convolution == "depthwise")
        made, inside = own.find("__init__", wanted, whole=False), Source("torchvision", wrapper.__base__)
        for i, (ending, layer) in enumerate(inner):
            add(convolution + ending, f"{name}.{i}", made + inside.find("__init__", calls(layer), whole=False))
    conv, norm = block.torchvision.pointwise
    add("pointwise", conv, own.find("__init__", calls("Conv2d"), whole=False))
    add("pointwise_norm", norm, own.find("__init__", calls("norm_layer"), whole=False))
    entries["pointwise_relu6"] = Entry(note="No activation: the list ends with the BatchNorm.")
    made, flag = own.find("__init__", sets("use_res_connect")), _flag("torchvision", module, "use_res_connect")
    entries["residual"] = Entry("use_res_connect", flag, {}, made, run)
    entries["others"] = Entry(note="Nothing besides.")
    return entries, module


def _torchvision_block(at: int) -> nn.Module:
    import torchvision

    try:
        found: nn.Module = torchvision.models.mobilenet_v2().features[at]
    except (AttributeError, IndexError):
        raise moved("torchvision", f"mobilenet_v2().features[{at}]") from None
    if type(found).__name__ != "InvertedResidual":
        raise moved("torchvision", f"InvertedResidual at mobilenet_v2().features[{at}]")
    return found
