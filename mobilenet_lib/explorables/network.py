"""MobileNetV2 as an explorable: its table, alive; its blocks; what was released; and the memory it needs."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import traitlets

from .. import cost, specs
from .kit import Choice, Explorable, Steps
from .memory import Alive
from .released import CLASSES, released

if TYPE_CHECKING:
    from torch import nn

WIDTHS = [0.35, 0.5, 0.75, 1.0, 1.3, 1.4]  # of the released models: the marks on the slider
STAGES = 11  # rows of the paper's table 2
EXPANSION = 6  # of every released model


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

    def build(self) -> nn.Module:
        """Return the real network."""
        from .. import models

        return models.MobileNetV2(CLASSES, self.width_mult, spec=self.table())

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
                span = at, at + len(block) - 1
                steps.append(_step(name, span, first.inputs, last.activations))
            else:
                same = (first.in_channels, first.in_size) == (last.out_channels, last.out_size)
                for i, layer in enumerate(block):
                    kept = first.inputs if same and i > 0 else 0
                    steps.append(_step(layer.name, (at + i, at + i), layer.inputs, layer.activations, kept))
            at += len(block)
        head, classifier = layers[-2:]
        pool = _step("pool", (at, at), head.activations, head.out_channels)
        return [*steps, pool, _step("classifier", (at + 1, at + 1), head.out_channels, classifier.out_channels)]

    def numbers(self) -> list[dict[str, object]]:
        """Return the paper's table 2 for the current settings, with what each row costs."""
        stem, *middle, head, classifier = self.layers()
        rows, layers, side = [_row("conv2d 3×3", [stem], n=1, s=2)], iter(middle), head.out_size[0]
        for t, _, n, s in self.table():
            rows.append(_row("bottleneck", [next(layers) for _ in range(n * (2 if t == 1 else 3))], t=t, n=n, s=s))
        pool = {**_row(f"avgpool {side}×{side}", [classifier], n=1), "input": f"{side}² × {head.out_channels}"}
        pool |= {"c": "-", "MACs": 0, "parameters": 0}
        return [*rows, _row("conv2d 1×1", [head], n=1, s=1), pool, _row("conv2d 1×1", [classifier], n=1)]


def _row(operator: str, layers: list[cost.Layer], **numbers: int) -> dict[str, object]:
    first, total = layers[0], cost.total(layers)
    letters = {"t": "-", "c": layers[-1].out_channels, "n": "-", "s": "-", **numbers}
    ends = {"input": f"{first.in_size[0]}² × {first.in_channels}", "operator": operator}
    return {**ends, **letters, "MACs": total.macs, "parameters": total.params}


def _block_name(layer: cost.Layer) -> str:
    return layer.name.rpartition(".")[0] or layer.name


def _step(name: str, layers: tuple[int, int], read: int, written: int, kept: int = 0) -> Alive:
    return Alive(name, {"read": read, "written": written, "kept": kept}, layers)
