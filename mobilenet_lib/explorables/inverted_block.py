"""The inverted residual as an explorable: thin, fat, thin, beside two others with the same ends; cost and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import traitlets

from .. import cost, specs
from .kit import Choice, Explorable, Steps, layer_rows
from .memory import Alive

if TYPE_CHECKING:
    from torch import nn

CHANNELS = sorted({row.c for row in specs.V2_SPEC})  # what MobileNetV2's bottlenecks carry: the marks on the sliders


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

    def build(self) -> nn.Module:
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
        residual = self.stride == 1 and layers[0].in_channels == layers[-1].out_channels
        return {
            "layers": _alive(layers, [middle], residual),
            "pieces": _alive(layers, slices, residual),
            "classical": _alive(self.classical_layers(), [narrow], residual),
            "standard": [Alive("standard", {"input": standard.inputs, "output": standard.activations}, (0, 0))],
        }

    def numbers(self) -> list[dict[str, object]]:
        """Return the three stages and what stands beside them, or the most memory that each way needs."""
        if self.view == "memory":
            most = {way: max(step.total for step in steps) for way, steps in self.alive().items()}
            return [{"way": way, "numbers": n, "bytes": n * self.bits // 8} for way, n in most.items()]
        return layer_rows([*self.layers(), self.standard_layer(), *self.classical_layers()])


def _alive(layers: list[cost.Layer], slices: list[int], residual: bool) -> list[Alive]:
    """Run three layers on one slice of the middle after the other; `slices` are the channels of each."""
    widen, spatial, restore = layers
    before, after = (layer.activations // layer.out_channels for layer in (widen, spatial))  # pixels of a map
    source, result = widen.inputs, restore.activations
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
            Alive(names[0], {"input": source, **made, **wide}, (0, 0)),
            Alive(names[1], {**waiting, **made, **wide, **filtered}, (1, 1)),
            Alive(names[2], {**waiting, "output": result, **filtered}, (2, 2)),
        ]
    return steps
