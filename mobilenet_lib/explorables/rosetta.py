"""One block, three names: what this book, timm and torchvision call each part, and the lines that make and run it."""

from __future__ import annotations

import traitlets

from .. import cost
from .kit import Choice, Explorable
from .rosetta_found import Entry, Found, build, collect
from .rosetta_parts import BLOCKS, LIBRARIES, PARTS
from .source_lines import Lines


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

    def entries(self, part: str, block: str | None = None) -> list[Entry]:
        """Return what this book, timm and torchvision have for a part."""
        return self._found.parts[block or self.block][part]

    def layers(self) -> list[cost.Layer]:
        """Return the block's convolutions."""
        return BLOCKS[self.block].layers()

    def numbers(self) -> list[dict[str, object]]:
        """Return what each library calls each part."""
        rows = self.names["blocks"][self.block]["parts"].values()
        named = [(row["label"], [entry["name"] or "-" for entry in row["entries"]]) for row in rows]
        return [{"part": label, **dict(zip(self.names["libraries"], cells, strict=True))} for label, cells in named]

    def measure_state(self) -> int:
        """Count the MACs of this book's block with fvcore."""
        from .. import measure

        return measure.macs(build(BLOCKS[self.block]), BLOCKS[self.block].shape)


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


def _shape_text(shape: tuple[int, ...]) -> str:
    # A line may not break within a shape.
    return "\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}".join(map(str, shape)) or "one number"


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
        return f"{named}: a {ours.kind} whose weight is {_shape_text(shape)}, {numbers:,} numbers."
    if kind == "norm":
        channels = ours.tensors[f"{ours.name}.weight"][0]
        inside = f" timm’s {timm.kind} is BatchNorm and activation in one." if timm.name else ""
        return f"{named}: a scale and a shift for each of {channels} channels, {2 * channels} trained numbers.{inside}"
    if kind == "relu6":
        if ours.name:
            inside = " timm has it inside the normalisation." if timm.name else ""
            return f"{named}: {ours.kind}, without weights.{inside}"
        kept = f" In timm an {timm.kind} stands in its place, {timm.name}." if timm.name else ""
        return f"No activation: the bottleneck is linear.{kept}"
    if kind == "residual":
        if not ours.name:
            flag = f" timm’s class can have one: here {timm.name} is {timm.kind}." if timm.name else ""
            return f"MobileNetV1 has no residual.{flag}"
        channels = BLOCKS[block].channels
        why = f"the stride is 1, {channels[0]} channels go in and {channels[-1]} come out"
        return f"{named}: {ours.kind}, because {why}."
    names, kinds = timm.name.split(", "), timm.kind.split(", ")
    if set(kinds) <= {"Identity", "None"}:
        return f"timm’s forward also names {_listed(names)}. In this block they are Identity or None: they do nothing."
    return f"timm’s forward also names {_listed(names)}: {_listed(kinds)}."


def _export(found: Found) -> dict:
    """Return what the page needs: texts, each once."""
    places: dict[Lines, int] = {}

    def refer(lines: list[Lines]) -> list[int]:
        return [places.setdefault(own, len(places)) for own in lines]

    def entry(own: Entry) -> dict:
        tensors = [[key.removeprefix(f"{own.name}."), _shape_text(shape)] for key, shape in own.tensors.items()]
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
        blocks[key] = {
            "title": block.title,
            "stands": block.stands,
            "attributes": block.ours,
            "channels": block.channels,
            "side": block.side,
            "residual": found.parts[key]["residual"][0].kind == "True",
            "macs": cost.total(block.layers()).macs,
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
