"""The latency lab: blocks and small networks timed on the reader's own device, milliseconds against MACs."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

import traitlets

from .. import cost, specs
from .kit import Choice
from .runtime import DATA, Runtime, size_of

if TYPE_CHECKING:
    from torch import Tensor, nn

CHAIN = 4  # copies of a block in one file: in a network, too, its input and output stay inside
SIDE, CHANNELS, THIN, EXPANSION = 56, 64, 24, 6
# The released checkpoints of these two are equally accurate on ImageNet: 45.5 % top-1.
V1 = {"width_mult": 0.25, "resolution": 160}
V2 = {"width_mult": 0.35, "resolution": 96}
RESULTS = DATA / "latency_lab.json"


class Entry(NamedTuple):
    """What is timed: a letter for the picture, a name, its layers, and what its file takes."""

    letter: str
    name: str
    group: str
    role: str
    layers: list[cost.Layer]
    channels: int
    side: int

    @property
    def copies(self) -> int:
        """How often the file repeats it."""
        return CHAIN if self.group == "blocks" else 1

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the input."""
        return 1, self.channels, self.side, self.side


def timed() -> dict[str, Entry]:
    """Return what is timed, in the order of the letters.

    Examples
    --------
    >>> {name: round(cost.total(entry.layers).macs / 1e6) for name, entry in timed().items()}
    {'standard': 116, 'separable': 15, 'inverted': 165, 'thin': 26, 'twin': 156, 'v1': 21, 'v2': 12}
    """
    c, thin = CHANNELS, THIN
    blocks = [
        ("standard", f"standard, {c} channels", "standard", cost.standard_block_layers(c, c, SIDE)),
        ("separable", f"depthwise separable, {c} channels", "depthwise", cost.depthwise_separable_layers(c, c, SIDE)),
        ("inverted", f"inverted residual, {c} channels", "expansion", _inverted_layers(c)),
        ("thin", f"inverted residual, {thin} channels", "expansion", _inverted_layers(thin)),
    ]
    v1, v2 = (f"{net['width_mult']}, {net['resolution']}×{net['resolution']}" for net in (V1, V2))
    networks = [
        ("twin", f"MobileNetV1 {v1}, its pairs made standard", "standard", _twin_layers(), V1["resolution"]),
        ("v1", f"MobileNetV1 {v1}", "depthwise", cost.mobilenet_v1_layers(**V1), V1["resolution"]),
        ("v2", f"MobileNetV2 {v2}", "expansion", cost.mobilenet_v2_layers(**V2), V2["resolution"]),
    ]
    rows = [
        *((name, label, "blocks", role, layers, layers[0].in_channels, SIDE) for name, label, role, layers in blocks),
        *((name, label, "networks", role, layers, 3, side) for name, label, role, layers, side in networks),
    ]
    return {name: Entry(letter, *row) for letter, (name, *row) in zip("ABCDEFG", rows, strict=True)}


def _inverted_layers(channels: int) -> list[cost.Layer]:
    return cost.inverted_residual_layers(channels, EXPANSION * channels, channels, SIDE)


def _twin_layers() -> list[cost.Layer]:
    stem, *pairs, classifier = cost.mobilenet_v1_layers(**V1)
    layers = [stem]
    for depthwise, pointwise in zip(pairs[::2], pairs[1::2], strict=True):
        ends = depthwise.in_channels, pointwise.out_channels
        layers += cost.standard_block_layers(*ends, depthwise.in_size, stride=depthwise.stride)
    return [*layers, classifier]


def modules() -> dict[str, nn.Module]:
    """Build the real modules of :func:`timed`; a block as a chain of four."""
    from torch import nn

    from ..blocks import DepthwiseSeparableConv, InvertedResidual
    from ..layers import ConvBNReLU
    from ..models import MobileNetV1, MobileNetV2

    c, thin = CHANNELS, THIN
    blocks = {
        "standard": lambda: ConvBNReLU(c, c),
        "separable": lambda: DepthwiseSeparableConv(c, c),
        "inverted": lambda: InvertedResidual(c, EXPANSION * c, c),
        "thin": lambda: InvertedResidual(thin, EXPANSION * thin, thin),
    }
    chains = {name: nn.Sequential(*(block() for _ in range(CHAIN))) for name, block in blocks.items()}
    v1, v2 = (MobileNetV1(width_mult=V1["width_mult"]), MobileNetV2(width_mult=V2["width_mult"]))
    twin = MobileNetV1(width_mult=V1["width_mult"])
    rows = specs.v1_blocks(V1["width_mult"])
    twin.blocks = nn.Sequential(*(ConvBNReLU(m, n, stride=stride) for m, n, stride in rows))
    return {name: module.eval() for name, module in {**chains, "twin": twin, "v1": v1, "v2": v2}.items()}


class LatencyLab(Runtime):
    """Time blocks and small networks on this device, and plot milliseconds against MACs.

    Parameters
    ----------
    shown : {"everything", "blocks", "networks"}, default="everything"
        What the picture shows; all of it is timed.
    beside : {"Chromium", "ONNX Runtime"}, default="Chromium"
        Which of the book's own results stand beside the reader's: in the browser, or in Python.

    Raises
    ------
    traitlets.TraitError
        If a value is not one of these.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    Built page: ONNX Runtime Web, WebAssembly, one thread, downloaded at the first press. Notebook: ONNX Runtime in
    Python on one thread where it is installed, else PyTorch on one thread.

    What is timed takes turns, so that a device that grows warm or does something else disturbs all alike. A turn is as
    many runs as the clock needs to be precise. The median of the turns is shown with its quartiles. A block is timed
    as a chain of four, and the time divided: else copying its input in and its output out would be timed with it. All
    weights of a layer are equal, which keeps the files small; a convolution takes as long whatever its weights are.

    The book's own results are measured by ``python benchmarks/in_the_page.py --write``.

    Examples
    --------
    >>> lab = LatencyLab(shown="blocks")
    >>> lab.reply("open", "separable", shape=(1, 64, 56, 56))["runtime"].endswith("one thread")
    True
    >>> lab.reply("time", "separable", runs=2)["ms"] > 0
    True
    """

    shown = Choice("everything", ["everything", "blocks", "networks"], help="what the picture shows", counts=False)
    beside = Choice("Chromium", ["Chromium", "ONNX Runtime"], help="which of the book's results to show", counts=False)
    entries = traitlets.List().tag(sync=True)
    results = traitlets.Dict().tag(sync=True)

    def __init__(self, **values: object):
        rows = []
        for name, entry in timed().items():
            about = {field: getattr(entry, field) for field in ("letter", "group", "role", "copies")}
            about |= {"name": name, "label": entry.name, "macs": cost.total(entry.layers).macs}
            rows.append({**about, "file": file_of(name), "shape": list(entry.shape)})
        files = {row["file"]: size_of(row["file"]) for row in rows}
        super().__init__(**{"entries": rows, "files": files, "results": own_results(), **values})

    def runner(self, name: str) -> tuple[Callable[[Tensor], object], str]:
        """Return a network in ONNX Runtime on one thread; in PyTorch, where that or the network's file is missing."""
        import torch

        from ..topics import shipping

        try:
            return shipping.OnnxNetwork((DATA / file_of(name)).read_bytes()), f"ONNX Runtime {version('onnxruntime')}"
        except (ImportError, FileNotFoundError):
            return modules()[name], f"PyTorch {torch.__version__.partition('+')[0]}"

    def numbers(self) -> list[dict[str, object]]:
        """Return what was measured on the machine this book was made on."""
        quartiles = self.results[self.beside]["quartiles"]
        return [
            {"": row["letter"], "what": row["label"], "MACs": row["macs"], "median, ms": quartiles[row["name"]][1]}
            for row in self.entries
            if self.shown in ("everything", row["group"])
        ]


def file_of(name: str) -> str:
    """Return where a network's file stands in the library's data."""
    return f"onnx/lab-{name}.onnx"


def own_results() -> dict:
    """Return what was measured on the machine this book was made on, by where: "Chromium" and "ONNX Runtime".

    Examples
    --------
    >>> sorted(own_results())
    ['Chromium', 'ONNX Runtime']
    """
    return json.loads(RESULTS.read_text(encoding="utf8"))["results"]
