"""The latency lab: blocks and small networks timed on the reader's own device, milliseconds against MACs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

import traitlets

from .. import cost, specs
from .kit import Choice, paint, picture, short, tag
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

    def static_svg(self) -> str:
        """Draw the book's own results."""
        found = self.results[self.beside]
        rows = [row for row in self.entries if self.shown in ("everything", row["group"])]
        medians = {row["name"]: found["quartiles"][row["name"]][1] for row in rows}
        listed = "; ".join(
            f"{row['letter']}, {row['label']}: {short(row['macs'])} MACs, {milliseconds(medians[row['name']])}"
            for row in rows
        )
        description = f"Milliseconds over MACs, both axes logarithmic, on the machine this book was made on. {listed}."
        height = BOTTOM + 66 + 22 * len(rows)
        return picture(f"Latency lab: {found['runtime']}", description, WIDTH, height, _chart(rows, found))


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


def milliseconds(ms: float) -> str:
    r"""Write a time with three digits; the twin of `milliseconds` in latency_lab.js.

    Examples
    --------
    >>> [milliseconds(ms) for ms in (0.0514, 1.2345, 12.345, 123.45)]
    ['0.051\xa0ms', '1.23\xa0ms', '12.3\xa0ms', '123\xa0ms']
    """
    decimals = 3 if ms < 0.0995 else 2 if ms < 9.995 else 1 if ms < 99.95 else 0
    return f"{ms:.{decimals}f}\N{NO-BREAK SPACE}ms"


# The static picture, in pixels. It shows what latency_lab.js draws, at a fixed size.
WIDTH = 620
LEFT, RIGHT, TOP, BOTTOM = 44, 600, 44, 310
MACS = (8e6, 500e6)  # the axis; on the right there is room for the words on the lines
RATES = (1, 3, 10, 30, 100)  # thousand million MACs a second


STEPS = [step * 10.0**power for power in range(-4, 6) for step in (1, 2, 5)]  # of the axis of milliseconds


def axis_around(times: list[float]) -> tuple[float, float]:
    """Return where the axis of milliseconds starts and ends: at a step with room below and above.

    Examples
    --------
    >>> axis_around([1.3, 2.5, 14.0])
    (1.0, 20.0)
    """
    low = max(step for step in STEPS if step <= min(times) / 1.15)
    return low, min(step for step in STEPS if step >= max(times) * 1.15)


def _chart(rows: list[dict], found: dict) -> list[str]:
    quartiles = found["quartiles"]
    times = [time for row in rows for time in quartiles[row["name"]]]
    low, high = axis_around(times)

    def x_at(macs: float) -> float:
        return LEFT + (RIGHT - LEFT) * math.log(macs / MACS[0]) / math.log(MACS[1] / MACS[0])

    def y_at(ms: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * math.log(ms / low) / math.log(high / low)

    parts = [tag("text", f"ms · {found['runtime']}", x=0, y=16, font_weight="bold")]
    for ms in (ms for ms in STEPS if low <= ms <= high):
        parts.append(tag("path", d=f"M{LEFT} {y_at(ms):.1f}H{RIGHT}", stroke="currentColor", stroke_opacity=0.2))
        parts.append(tag("text", f"{ms:g}", x=LEFT - 8, y=y_at(ms) + 4, text_anchor="end", font_size=11))
    for macs in (10e6, 20e6, 50e6, 100e6, 200e6):
        label = short(int(macs)).replace(".0", "")
        parts.append(tag("text", label, x=x_at(macs), y=BOTTOM + 16, text_anchor="middle", font_size=11))
    parts.append(tag("text", "MACs", x=RIGHT, y=BOTTOM + 32, text_anchor="end"))
    for rate in RATES:
        start, end = max(MACS[0], low * rate * 1e6), min(MACS[1], high * rate * 1e6)
        if 1.5 * start < end:
            line = f"M{x_at(start):.1f} {y_at(start / rate / 1e6):.1f}L{x_at(end):.1f} {y_at(end / rate / 1e6):.1f}"
            parts.append(tag("path", d=line, stroke="currentColor", stroke_opacity=0.35, stroke_dasharray="2 4"))
            y = y_at(end / rate / 1e6) + 12
            parts.append(tag("text", f"{rate} G/s", x=x_at(end) - 12, y=y, text_anchor="end", font_size=10.5))
    for row in rows:
        low_ms, ms, high_ms = quartiles[row["name"]]
        x, colour = x_at(row["macs"]), paint(row["role"])
        parts.append(tag("path", d=f"M{x:.1f} {y_at(low_ms):.1f}V{y_at(high_ms):.1f}", stroke=colour, stroke_width=2))
        mark = {"fill": "none", "stroke": colour, "stroke_width": 2.5}
        if row["group"] == "blocks":
            parts.append(tag("circle", cx=x, cy=y_at(ms), r=5, **mark))
        else:
            parts.append(tag("path", d=f"M{x:.1f} {y_at(ms) - 6.5:.1f}l6.5 6.5l-6.5 6.5l-6.5 -6.5z", **mark))
        beside = {"x": x + 10} if row["group"] == "blocks" else {"x": x - 10, "text_anchor": "end"}
        parts.append(tag("text", row["letter"], y=y_at(ms) + 4, font_weight="bold", **beside))
    for i, row in enumerate(rows):
        y = BOTTOM + 62 + 22 * i
        parts.append(tag("text", row["letter"], x=LEFT - 8, y=y, text_anchor="end", font_weight="bold"))
        parts.append(tag("text", row["label"], x=LEFT + 4, y=y))
        parts.append(tag("text", f"{short(row['macs'])} MACs", x=RIGHT - 100, y=y, text_anchor="end"))
        ms = milliseconds(quartiles[row["name"]][1])
        parts.append(tag("text", ms, x=RIGHT, y=y, text_anchor="end", font_weight="bold"))
    return parts
