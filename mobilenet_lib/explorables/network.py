"""MobileNetV2 as an explorable: its table, alive; its blocks; what was released; and the memory it needs."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

import traitlets

from .. import cost, specs
from .kit import Choice, Explorable, Steps, nice_ceiling, paint, picture, short, tag
from .released import CLASSES, WIDTH, dots, nearest_released, released

WIDTHS = [0.35, 0.5, 0.75, 1.0, 1.3, 1.4]  # of the released models: the marks on the slider
STAGES = 11  # rows of the paper's table 2
EXPANSION = 6  # of every released model


class Alive(NamedTuple):
    """What is in memory while one step runs: counts of numbers, for one image.

    Attributes
    ----------
    name : str
        The layer or block.
    first, last : int
        The layers it stands for, counted from 0.
    read, written, kept : int
        The step's input, its output, and the block's input that waits for the residual sum.
    """

    name: str
    first: int
    last: int
    read: int
    written: int
    kept: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.read + self.written + self.kept


class Network(Explorable):
    """MobileNetV2 at any width, resolution and expansion: the paper's table with what each row costs.

    Parameters
    ----------
    width_mult : float, 0.25 to 1.4 in steps of 0.05, default=1.0
        α: scales the channels, rounded by :func:`~mobilenet_lib.make_divisible`; the last 1x1 convolution grows only
        above 1.
    resolution : {96, 128, 160, 192, 224, 256}, default=224
        Height and width of the image, in pixels.
    expansion : int, 1 to 10, default=6
        t of the six rows that have t = 6 in the paper.
    stage : int, 1 to 11, default=3
        The row of the table whose blocks are shown.
    memory : {"layers", "blocks"}, default="layers"
        Whether each layer is run as a whole, or each block at once with its middle never in memory as a whole.
    bits : {8, 16, 32}, default=16
        Size of one activation in memory.

    Raises
    ------
    traitlets.TraitError
        If a value is not one the slider has.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    All released models have t = 6: for another expansion no accuracy is shown.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, table 2, section 5.1 and figure 5.

    Examples
    --------
    >>> slim = Network(width_mult=0.35, resolution=96)
    >>> cost.total(slim.layers()).macs
    11934128
    >>> slim.nearest()["top1"]
    45.5
    >>> max(step.total for step in Network().alive())
    1505280
    """

    width_mult = Steps(1.0, 0.25, 1.4, 0.05, help="width multiplier α", ticks=WIDTHS)
    resolution = Choice(224, list(range(96, 257, 32)), help="height and width of the image")
    expansion = Steps(EXPANSION, 1, 10, 1, help="expansion t", ticks=[1, 6])
    stage = Choice(3, list(range(1, STAGES + 1)), help="the row whose blocks are shown", counts=False)
    memory = Choice("layers", ["layers", "blocks"], help="what runs at once", counts=False)
    bits = Choice(16, [8, 16, 32], help="size of one activation", counts=False)
    spec = traitlets.Dict(help="MobileNetV2's table, unscaled").tag(sync=True)
    released = traitlets.Dict(help="the released models of both networks").tag(sync=True)

    def __init__(self, **values: object):
        spec = {
            "stem": specs.STEM_CHANNELS,
            "rows": [list(row) for row in specs.V2_SPEC],
            "head": specs.V2_HEAD_CHANNELS,
            "classes": CLASSES,
        }
        models = {network: released(network) for network in ("v1", "v2")}
        super().__init__(**{"spec": spec, "released": models, **values})

    def table(self) -> tuple[specs.V2Row, ...]:
        """Return the rows of the table with the expansion that is set."""
        return specs.v2_spec(self.expansion)

    def layers(self) -> list[cost.Layer]:
        """Return the convolutions and the classifier."""
        return cost.mobilenet_v2_layers(self.width_mult, self.resolution, CLASSES, self.table())

    def measure_state(self) -> int:
        """Count the MACs of the real network with fvcore."""
        from .. import measure

        return measure.macs(self.build(), (1, 3, self.resolution, self.resolution))

    def build(self):  # -> torch.nn.Module, which is imported in here only
        """Return the real network: MobileNetV2, or for another expansion the same blocks one after another."""
        from torch import nn

        from .. import models
        from ..layers import ConvBNReLU

        if self.expansion == EXPANSION:
            return models.MobileNetV2(CLASSES, self.width_mult)
        blocks = list(specs.v2_blocks(self.width_mult, self.table()))
        head = specs.v2_head_channels(self.width_mult)
        return nn.Sequential(
            ConvBNReLU(3, specs.stem_channels(self.width_mult), stride=2),
            *(models.v2_block(*block) for block in blocks),
            ConvBNReLU(blocks[-1].out_channels, head, kernel_size=1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(1),
            nn.Linear(head, CLASSES),
        )

    def nearest(self) -> dict | None:
        """Return the released V2 model nearest to this one, or None where none has this expansion."""
        if self.expansion != EXPANSION:
            return None
        return nearest_released(self.released["v2"], self.width_mult, self.resolution)

    def alive(self) -> list[Alive]:
        """Return what must be in memory at each step from the image to the classes.

        A step reads its input and writes its output; both are there at once. A block with a residual keeps its input
        until the sum. BatchNorm, ReLU6 and the sum work in place, and weights are not counted. With
        ``memory="blocks"`` a block is one step: its middle is made and used up a few channels at a time.
        """
        layers = self.layers()
        steps = []
        at = 0
        for name, own in groupby(layers[:-1], _block_name):
            block = list(own)
            first, last = block[0], block[-1]
            if self.memory == "blocks":
                steps.append(Alive(name, at, at + len(block) - 1, _numbers_in(first), last.activations, 0))
            else:
                same = (first.in_channels, first.in_size) == (last.out_channels, last.out_size)
                for i, layer in enumerate(block):
                    kept = _numbers_in(first) if same and i > 0 else 0
                    steps.append(Alive(layer.name, at + i, at + i, _numbers_in(layer), layer.activations, kept))
            at += len(block)
        head, classifier = layers[-2:]
        pool = Alive("pool", at, at, head.activations, head.out_channels, 0)
        return [*steps, pool, Alive("classifier", at + 1, at + 1, head.out_channels, classifier.out_channels, 0)]

    def static_svg(self) -> str:
        """Draw the table and the released models."""
        layers = self.layers()
        total, near = cost.total(layers), self.nearest()
        steps = self.alive()
        peak = max(steps, key=lambda step: step.total)
        beside = (
            f"The nearest released model has width {near['alpha']:g} at {near['resolution']} pixels and "
            f"{near['top1']} % top-1 accuracy on ImageNet."
            if near
            else f"No model was released with expansion {self.expansion}."
        )
        description = (
            f"MobileNetV2 at width {self.width_mult:g}, {self.resolution} by {self.resolution} pixels and expansion "
            f"{self.expansion} takes {total.macs:,} MACs and {total.params:,} parameters. {beside} The most memory is "
            f"needed by {peak.name}: {short(peak.total * self.bits // 8)}B of activations at {self.bits} bit."
        )
        title = f"MobileNetV2 at width {self.width_mult:g}, {self.resolution} pixels: {total.macs:,} MACs"
        groups = [(self.released["v1"], "circle", None), (self.released["v2"], "diamond", "residual")]
        parts = [*_table(self.rows()), *dots(groups, AXES, total.macs, near, 370), *_legend(348)]
        return picture(title, description, WIDTH, 605, parts)

    def rows(self) -> list[dict]:
        """Return the paper's table 2 for the current settings, with the layers of each row."""
        layers = iter(self.layers())
        stem = next(layers)
        rows = [_row("conv2d 3×3", stem.in_channels, stem.in_size[0], [stem], c=stem.out_channels, n=1, s=2)]
        for t, _, n, s in self.table():
            own = [next(layers) for _ in range(n * (2 if t == 1 else 3))]
            c = own[-1].out_channels
            rows.append(_row("bottleneck", own[0].in_channels, own[0].in_size[0], own, t=t, c=c, n=n, s=s))
        head, classifier = layers
        side = head.out_size[0]
        rows.append(_row("conv2d 1×1", head.in_channels, side, [head], c=head.out_channels, n=1, s=1))
        rows.append(_row(f"avgpool {side}×{side}", head.out_channels, side, [], n=1))
        rows.append(_row("conv2d 1×1", classifier.in_channels, 1, [classifier], c=classifier.out_channels, n=1))
        return rows


def _row(operator: str, channels: int, side: int, layers: list[cost.Layer], **numbers: int) -> dict:
    return {"operator": operator, "channels": channels, "side": side, "layers": layers, **numbers}


def _block_name(layer: cost.Layer) -> str:
    return layer.name.rpartition(".")[0] or layer.name


def _numbers_in(layer: cost.Layer) -> int:
    return layer.in_channels * layer.in_size[0] * layer.in_size[1]


# The static picture, in pixels. It shows what network.js draws, at a fixed size.
AXES = {"x": (3e6, 2e9, [1e7, 3e7, 1e8, 3e8, 1e9]), "y": (40, 78, [40, 50, 60, 70])}


KINDS = {
    "standard": "stem",
    "expansion": "expansion",
    "depthwise": "depthwise",
    "projection": "projection, head",
    "classifier": "classifier",
}


def _table(rows: list[dict]) -> list[str]:
    heads = [("input", 0, "start"), ("operator", 110, "start")]
    heads += [("t", 222, "end"), ("c", 266, "end"), ("n", 296, "end"), ("s", 326, "end"), ("MACs", 392, "end")]
    left, wide = 402, WIDTH - 402
    ceiling = nice_ceiling(max(cost.total(row["layers"]).macs for row in rows))
    parts = [tag("text", name, x=x, y=16, text_anchor=anchor, font_weight="bold") for name, x, anchor in heads]
    for i, row in enumerate(rows):
        y = 40 + 23 * i
        parts.append(tag("path", d=f"M0 {y - 16}H{WIDTH}", stroke="currentColor", stroke_opacity=0.25))
        cells = [f"{row['side']}² × {row['channels']}", row["operator"], *(str(row.get(k, "-")) for k in "tcns")]
        cells.append(short(cost.total(row["layers"]).macs) if row["layers"] else "0")
        for cell, (_, x, anchor) in zip(cells, heads, strict=True):
            parts.append(tag("text", cell, x=x, y=y, text_anchor=anchor))
        x = float(left)
        for role in ("standard", "pointwise", "expansion", "depthwise", "projection", "classifier"):
            share = sum(layer.macs for layer in row["layers"] if layer.role == role) / ceiling * wide
            if share:
                parts.append(tag("rect", x=x, y=y - 11, width=share, height=14, fill=paint(role)))
            x += share
    x = 0.0
    for role, label in KINDS.items():
        parts.append(tag("rect", x=x, y=294, width=10, height=10, fill=paint(role)))
        parts.append(tag("text", label, x=x + 15, y=303))
        x += 40 + 6.5 * len(label)
    return parts


def _legend(y: int) -> list[str]:
    circle = {"cx": 500, "cy": y - 4, "r": 4, "fill": "none", "stroke": "currentColor", "stroke_width": 2}
    return [
        tag("circle", **circle),
        tag("text", "V1", x=510, y=y),
        tag("path", d=f"M550 {y - 9}l5 5l-5 5l-5 -5z", fill=paint("residual")),
        tag("text", "V2", x=561, y=y),
    ]
