"""The inverted residual as an explorable: thin, fat, thin, beside two others with the same ends; cost and memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import traitlets

from .. import cost, specs
from .kit import Choice, Explorable, Steps, nice_ceiling, paint, picture, short, tag

CHANNELS = sorted({row.c for row in specs.V2_SPEC})  # what MobileNetV2's bottlenecks carry: the marks on the sliders


class Alive(NamedTuple):
    """What is in memory while one step runs: counts of numbers, for one image.

    Attributes
    ----------
    name : str
        The layer that runs: its role, or for the classical bottleneck its name.
    numbers : dict of str to int
        What is there: "input", "output", and tensors of the middle under the layer that wrote them.
    """

    name: str
    numbers: dict[str, int]

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.numbers.values())


class InvertedBlock(Explorable):
    """Thin, fat, thin: an inverted residual, its cost stage by stage, its memory step by step, and two beside it.

    The others have the same ends: a standard convolution, and a classical bottleneck, which is thin in the middle.

    Parameters
    ----------
    expansion : int, 1 to 10, default=6
        t: the middle has t times the channels of the input.
    width_mult : float, 0.25 to 2.0 in steps of 0.05, default=1.0
        Scales the channels of both ends, rounded by :func:`~mobilenet_lib.make_divisible`.
    in_channels, out_channels : int, 8 to 320 in steps of 8, default=24
        Channels of the two thin ends, before the width multiplier.
    kernel_size : {3, 5, 7}, default=3
        Of the depthwise layer, and of the standard convolutions beside it.
    stride : {1, 2}, default=1
        Of the same layers.
    dilation : int, 1 to 3, default=1
        Of the same layers: the distance between the filter's weights, in pixels. Padding keeps the size.
    size : {7, 14, 28, 56, 112}, default=56
        Height and width of the input, in pixels.
    view : {"cost", "memory"}, default="cost"
        What is shown below the block.
    pieces : int, 1 to 8, default=4
        Of the middle, one made and used up after the other; the memory view compares that with layer by layer.
    bits : {8, 16, 32}, default=16
        Size of one activation in the memory view; the paper counts 16.
    compact : bool, default=False
        Show the picture, two sliders and the MACs only.

    Raises
    ------
    traitlets.TraitError
        If a value is not one the slider has.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    The default is the third bottleneck of MobileNetV2.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, sections 3.2 to 3.4 and 5.1. He et al. 2016, arXiv:1512.03385, figure 5, for
    the classical bottleneck.

    Examples
    --------
    >>> block = InvertedBlock(expansion=3)
    >>> [layer.macs for layer in block.layers()]
    [5419008, 2032128, 5419008]
    >>> block.measured["macs"]
    12870144
    >>> {name: max(step.total for step in steps) for name, steps in block.alive().items()}
    {'layers': 526848, 'pieces': 263424, 'classical': 175616, 'standard': 150528}
    """

    expansion = Steps(6, 1, 10, 1, help="expansion ratio t", ticks=[1, 6])
    width_mult = Steps(1.0, 0.25, 2.0, 0.05, help="width multiplier", ticks=[0.35, 0.5, 0.75, 1.0, 1.4])
    in_channels = Steps(24, 8, 320, 8, help="input channels", ticks=CHANNELS)
    out_channels = Steps(24, 8, 320, 8, help="output channels", ticks=CHANNELS)
    kernel_size = Choice(3, [3, 5, 7], help="kernel of the depthwise layer")
    stride = Choice(1, [1, 2], help="stride of the depthwise layer")
    dilation = Choice(1, [1, 2, 3], help="dilation of the depthwise layer")
    size = Choice(56, [7, 14, 28, 56, 112], help="height and width of the input")
    view = Choice("cost", ["cost", "memory"], help="what is shown below the block", counts=False)
    pieces = Choice(4, list(range(1, 9)), help="pieces of the middle", counts=False)
    bits = Choice(16, [8, 16, 32], help="size of one activation", counts=False)
    compact = traitlets.Bool(False, help="picture, two sliders and MACs only").tag(sync=True)

    def __init__(self, *, compact: bool = False, **values: object):
        if compact:
            values.setdefault("settings", ["expansion", "stride"])
        super().__init__(compact=compact, **values)

    def channels(self) -> tuple[int, int, int]:
        """Return the channels of input, middle and output, after scaling."""
        in_channels = specs.make_divisible(self.in_channels * self.width_mult)
        out_channels = specs.make_divisible(self.out_channels * self.width_mult)
        return in_channels, in_channels * self.expansion, out_channels

    def layers(self) -> list[cost.Layer]:
        """Return expansion, depthwise and projection."""
        return cost.inverted_residual_layers(*self.channels(), *self._filter())

    def standard_layer(self) -> cost.Layer:
        """Return the standard convolution with the same kernel, stride, dilation and ends."""
        in_channels, _, out_channels = self.channels()
        return cost.standard_block_layers(in_channels, out_channels, *self._filter())[0]

    def classical_layers(self) -> list[cost.Layer]:
        """Return the classical bottleneck with the same ends: 1x1, standard, 1x1.

        As in ResNet-50 its middle has a quarter of the output's channels, rounded to a multiple of 8.
        """
        in_channels, _, out_channels = self.channels()
        narrow = specs.make_divisible(out_channels / 4)
        return cost.bottleneck_layers(in_channels, narrow, out_channels, *self._filter())

    def _filter(self) -> tuple[int, int, int, int]:
        return self.size, self.kernel_size, self.stride, self.dilation

    def build(self):  # -> torch.nn.Module, which is imported in here only
        """Return the real block."""
        from .. import blocks

        return blocks.InvertedResidual(
            *self.channels(), kernel_size=self.kernel_size, stride=self.stride, dilation=self.dilation
        )

    def measure_state(self) -> int:
        """Count the MACs of the real block with fvcore."""
        from .. import measure

        return measure.macs(self.build(), (1, self.channels()[0], self.size, self.size))

    def alive(self) -> dict[str, list[Alive]]:
        """Return what must be in memory at each step, for the four ways there are to go from input to output.

        "layers" runs the block layer by layer. "pieces" splits its middle into slices of channels, as equal as can be,
        and runs the three layers on one slice after the other; each adds its share to the output. "classical" and
        "standard" are the other two. A tensor is there from the step that writes it to the last step that reads it:
        the input waits for the end where there is a residual. BatchNorm, ReLU6 and sums work in place, and weights are
        not counted.
        """
        layers, standard = self.layers(), self.standard_layer()
        middle, narrow = layers[0].out_channels, self.classical_layers()[0].out_channels
        slices = [middle * (i + 1) // self.pieces - middle * i // self.pieces for i in range(self.pieces)]
        residual = not self.why_no_residual()
        return {
            "layers": _alive(layers, [middle], residual),
            "pieces": _alive(layers, slices, residual),
            "classical": _alive(self.classical_layers(), [narrow], residual),
            "standard": [Alive("standard", {"input": _numbers_in(standard), "output": standard.activations})],
        }

    def why_no_residual(self) -> str:
        """Say why the input is not added to the output, or nothing if it is."""
        in_channels, _, out_channels = self.channels()
        why = []
        if self.stride != 1:
            why.append("stride 2 halves the map")
        if in_channels != out_channels:
            why.append(f"{in_channels} channels in, {out_channels} out")
        return f"no residual: {', and '.join(why)}" if why else ""

    def static_svg(self) -> str:
        """Draw the block, and its MACs or its memory."""
        layers, standard, classical = self.layers(), self.standard_layer(), cost.total(self.classical_layers())
        total, why = cost.total(layers), self.why_no_residual()
        in_channels, middle, out_channels = self.channels()
        dilated = f" and dilation {self.dilation}" if self.dilation > 1 else ""
        description = (
            f"{in_channels} channels of {self.size} by {self.size} are expanded to {middle}, filtered "
            f"{self.kernel_size} by {self.kernel_size} with stride {self.stride}{dilated}, and projected to "
            f"{out_channels}. {why or 'The input is added to the output'}. The block takes {total.macs:,} MACs and "
            f"{total.params:,} parameters, a standard convolution with the same ends {standard.macs:,} and "
            f"{standard.params:,}, a classical bottleneck {classical.macs:,} and {classical.params:,}."
        )
        if self.view == "memory":
            peaks = [max(steps, key=lambda step: step.total) for steps in self.alive().values()]
            held = [byte_count(peak.total, self.bits) for peak in peaks]
            split = "in one piece" if self.pieces == 1 else f"in {self.pieces} pieces"
            title = f"Inverted residual: at most {held[0]} of activations in memory, {held[1]} {split}"
            description += (
                f" At {self.bits} bit, at most {held[0]} of activations are in memory at once layer by layer, "
                f"{held[1]} with the middle {split}, {held[2]} in the classical bottleneck and {held[3]} in the "
                "standard convolution."
            )
            names = ["layer by layer", split, "classical bottleneck", "standard convolution"]
            rows = [(name, self._painted(peak.numbers)) for name, peak in zip(names, peaks, strict=True)]
            bars = _bars("memory", rows, lambda count: byte_count(count, 8))
        else:
            title = f"Inverted residual: {total.macs:,} MACs"
            stacks = {"inverted residual": layers, "standard convolution": [standard]}
            if not self.compact:
                stacks["classical bottleneck"] = self.classical_layers()
            rows = [(name, [(layer.macs, _fill(layer.role)) for layer in own]) for name, own in stacks.items()]
            bars = _bars("MACs", rows, short)
        return picture(title, description, WIDTH, 376 + 32 * len(rows), [*_block(layers, why), *bars])

    def _painted(self, numbers: dict[str, int]) -> list[tuple[int, dict]]:
        """Return bytes and paint of what is in memory at one step, for the bars."""
        return [(numbers[kind] * self.bits // 8, painted) for kind, painted in KINDS if kind in numbers]


def _numbers_in(layer: cost.Layer) -> int:
    height, width = layer.in_size
    return layer.in_channels * height * width


def _alive(layers: list[cost.Layer], slices: list[int], residual: bool) -> list[Alive]:
    """Run three layers on one slice of the middle after the other; `slices` are the channels of each."""
    widen, spatial, restore = layers
    before, after = (layer.activations // layer.out_channels for layer in (widen, spatial))  # pixels of a map
    source, result = _numbers_in(widen), restore.activations
    names = [layer.role if layers[0].role == "expansion" else layer.name for layer in layers]
    steps = []
    for i, channels in enumerate(slices):
        first, last = i == 0, i == len(slices) - 1
        wide, filtered = {names[0]: channels * before}, {names[1]: channels * after}
        # Until the last slice has been widened the input is needed, and for a residual until the end. The output is
        # there once the first slice has been added to it.
        waiting = {"input": source} if residual or not last else {}
        made = {} if first else {"output": result}
        steps += [
            Alive(names[0], {"input": source, **made, **wide}),
            Alive(names[1], {**waiting, **made, **wide, **filtered}),
            Alive(names[2], {**waiting, "output": result, **filtered}),
        ]
    return steps


def byte_count(numbers: int, bits: int) -> str:
    r"""Write what so many numbers take in memory; as bytes in kit.js.

    Examples
    --------
    >>> byte_count(150_528, 16), byte_count(392, 8)
    ('301.1\xa0kB', '392\xa0B')
    """
    text = short(numbers * bits // 8)
    return f"{text}B" if "\N{NO-BREAK SPACE}" in text else f"{text}\N{NO-BREAK SPACE}B"


# The static picture, in pixels. It shows what inverted_block.js draws, at a fixed size, and of the memory the peaks.
WIDTH = 620
LEFT, RIGHT, TOP, HIGH, SLAB = 80, 572, 96, 200, 20
MIDDLE = TOP + HIGH / 2


def _fill(role: str) -> dict:
    return {"fill": paint(role)}


# What is in memory, from left to right: the thin ends in black and grey, then the middle.
KINDS = [
    ("input", {"fill": "currentColor"}),
    ("output", {"fill": "#888"}),
    ("expansion", _fill("expansion")),
    ("depthwise", _fill("depthwise")),
    ("reduce", _fill("pointwise")),
    ("conv", _fill("standard")),
]


def _block(layers: list[cost.Layer], why_no_residual: str) -> list[str]:
    tensors = [(layers[0].in_channels, layers[0].in_size)] + [(layer.out_channels, layer.out_size) for layer in layers]
    ceiling = nice_ceiling(max(channels for channels, _ in tensors))
    xs = [LEFT + i * (RIGHT - LEFT) / 3 for i in range(4)]
    highs = [max(2.0, channels / ceiling * HIGH) for channels, _ in tensors]
    wides = [max(3.0, SLAB * side / tensors[0][1][1]) for _, (_, side) in tensors]
    grid = {"fill": "none", "stroke": "currentColor", "stroke_opacity": 0.2}
    parts = [tag("text", "channels", x=0, y=MIDDLE + 4, font_size=11)]
    for i in range(1, 5):
        half = i / 4 * HIGH / 2
        parts.append(
            tag("path", d=f"M{LEFT - 14} {MIDDLE - half}H{RIGHT + 14}M{LEFT - 14} {MIDDLE + half}H{RIGHT + 14}", **grid)
        )
        if i % 2 == 0:
            parts.append(
                tag("text", f"{ceiling * i // 4}", x=LEFT - 18, y=MIDDLE - half + 4, text_anchor="end", font_size=11)
            )
    for i, layer in enumerate(layers):
        left, right = xs[i] + wides[i] / 2 + 3, xs[i + 1] - wides[i + 1] / 2 - 3
        (a, b), x = highs[i : i + 2], (xs[i] + xs[i + 1]) / 2
        corners = ((left, MIDDLE - a / 2), (right, MIDDLE - b / 2), (right, MIDDLE + b / 2), (left, MIDDLE + a / 2))
        parts.append(tag("polygon", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in corners), fill=paint(layer.role)))
        if layer.role == "depthwise":  # lanes, because each channel stays by itself
            lanes = max(1, int(a / 8))
            path = "".join(f"M{left} {MIDDLE - a / 2 + lane * a / lanes:.1f}H{right}" for lane in range(1, lanes))
            parts.append(tag("path", d=path, fill="none", stroke="#fff", stroke_opacity=0.45))
        kernel = f"{layer.kernel_size}×{layer.kernel_size}" + (f", stride {layer.stride}" if layer.stride > 1 else "")
        if layer.dilation > 1:
            kernel += f", dilation {layer.dilation}" if layer.stride == 1 else f", dil. {layer.dilation}"
        activation = "linear" if layer.role == "projection" else "ReLU6"
        parts.append(tag("text", layer.role, x=x, y=58, text_anchor="middle", font_weight="bold"))
        parts.append(tag("text", f"{kernel}, {activation}", x=x, y=75, text_anchor="middle"))
    for (channels, (height, width)), x, high, wide in zip(tensors, xs, highs, wides, strict=True):
        slab = {"x": x - wide / 2, "y": MIDDLE - high / 2, "width": wide, "height": high}
        parts.append(tag("rect", **slab, rx=2, fill_opacity=0.8))
        below = TOP + HIGH + 20
        parts.append(tag("text", str(channels), x=x, y=below, text_anchor="middle", font_size=15, font_weight="bold"))
        parts.append(tag("text", f"{height}×{width}", x=x, y=below + 16, text_anchor="middle"))
    centre = (LEFT + RIGHT) / 2
    if why_no_residual:
        parts.append(tag("text", why_no_residual, x=centre, y=24, text_anchor="middle", font_weight="bold"))
        return parts
    end = RIGHT + SLAB / 2 + 20
    path = (
        f"M{LEFT} {MIDDLE - highs[0] / 2 - 3:.1f}V28q0 -8 8 -8H{end - 8}q8 0 8 8V{MIDDLE - 12}m-4.5 -6l4.5 6l4.5 -6"
        f"M{RIGHT + SLAB / 2 + 2} {MIDDLE}h9a9 9 0 1 0 18 0a9 9 0 1 0 -18 0m4 0h10m-5 -5v10"
    )
    parts.append(tag("path", d=path, fill="none", stroke=paint("residual"), stroke_width=2.5))
    label = {"x": centre, "y": 36, "text_anchor": "middle", "font_weight": "bold"}
    return [*parts, tag("text", "residual: input + output", **label)]


def _bars(title: str, rows: list[tuple[str, list[tuple[int, dict]]]], write: Callable[[int], str]) -> list[str]:
    """Stack bars on one axis; `rows` are names with parts, each a number and how it is painted."""
    left, wide = 150, 400
    ceiling = nice_ceiling(max(sum(number for number, _ in stack) for _, stack in rows))
    bottom = 358 + 32 * len(rows)
    parts = [
        tag("text", title, x=left - 10, y=360, text_anchor="end", font_weight="bold"),
        tag("path", d=f"M{left} 362V{bottom}h{wide}", fill="none", stroke="currentColor", stroke_opacity=0.4),
    ]
    for i, (name, stack) in enumerate(rows):
        x, y = float(left), 368 + 32 * i
        parts.append(tag("text", name, x=left - 10, y=y + 15, text_anchor="end"))
        for number, painted in stack:
            share = number / ceiling * wide
            parts.append(tag("rect", x=x, y=y, width=share, height=22, **painted))
            x += share
        total = write(sum(number for number, _ in stack))
        parts.append(tag("text", total, x=x + 6, y=y + 15, font_weight="bold"))
    for value in (0, ceiling // 2, ceiling):
        place = {"x": left + value / ceiling * wide, "y": bottom + 14, "text_anchor": "middle"}
        parts.append(tag("text", write(value).replace(".0", ""), **place, font_size=11))
    return parts
