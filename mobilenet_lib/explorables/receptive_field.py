"""How far one output value sees: receptive field, map and dilation along a network, and what a finer map costs."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import traitlets

from .. import cost, specs
from .kit import Choice, Explorable, Steps

if TYPE_CHECKING:
    from torch import nn

IMAGE = 224  # pixels a side
NETWORKS = {"V1": cost.mobilenet_v1_layers, "V2": cost.mobilenet_v2_layers}
STEPS = 19  # of MobileNetV2: stem, 17 blocks, head. MobileNetV1 has 14.

# Something to see: a house, a tree, the sun and somebody, drawn in the pixels of the image.
SCENE = (
    "M0 176H224M64 176V112H144V176M54 112L104 70L154 112ZM96 176V142H114V176M122 122h14v14h-14zM122 129h14M129 122v14"
    "M72 122h14v14h-14zM72 129h14M79 122v14M128 90V72H138V98M186 176V138M186 88a25 25 0 1 0 .1 0M186 150l10 -12"
    "M40 26a14 14 0 1 0 .1 0M40 12v8M40 60v8M12 40h8M60 40h8M20 20l6 6M54 54l6 6M20 60l6 -6M54 26l6 -6"
    "M34 146a5 5 0 1 0 .1 0M34 156V168L29 176M34 168L39 176M27 160H41M150 40a9 9 0 0 1 16 -6a8 8 0 0 1 14 4"
    "a7 7 0 0 1 0 14H154a6 6 0 0 1 -4 -12M0 206Q56 188 112 206T224 206"
)


class Step(NamedTuple):
    """The stem, a block or the head, and how far one of its output values sees.

    Attributes
    ----------
    name : str
        Where it stands in the network.
    kernel, stride, dilation : int
        Of its spatial convolution; a head has a 1x1 convolution alone.
    gap : int
        Image pixels from one tap of that convolution to the next.
    jump : int
        Image pixels from one output value to the next: the stride so far.
    side : int
        Height and width of its output map.
    field : int
        Height and width of the receptive field of one output value, in image pixels.
    macs : int
        Of all its convolutions.
    """

    name: str
    kernel: int
    stride: int
    dilation: int
    gap: int
    jump: int
    side: int
    field: int
    macs: int


class ReceptiveField(Explorable):
    """How far one output value of a MobileNet sees, at output stride 32, 16 or 8.

    Parameters
    ----------
    network : {"V1", "V2"}, default="V2"
        At width 1, on an image of 224 by 224 pixels.
    output_stride : {32, 16, 8}, default=32
        Image pixels to one pixel of the last map.
    lost : {"dilation", "nothing"}, default="dilation"
        What a stride that is given up becomes: dilation of the layers behind it, as in the library, or nothing, so
        that the receptive field shrinks. At output stride 32 no stride is given up.
    layer : int, 1 to 19, default=9
        The stem, a block or the head, counted from 1. MobileNetV1 has 14: a larger number shows its last.
    across, down : float, 0 to 1 in steps of 0.05, default=0.5
        Which value of the map: from its left to its right edge, and from top to bottom.

    Raises
    ------
    traitlets.TraitError
        If a value is not one the slider has.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    The receptive field is the set of pixels that can change the value. It grows from layer to layer by
    (k - 1) · dilation · jump, with the jump of the layer's input; the jump is multiplied by the stride.

    References
    ----------
    Araujo, Norris and Sim 2019, Computing receptive fields of convolutional neural networks,
    doi:10.23915/distill.00021. Chen et al. 2017, arXiv:1706.05587, section 3.1, for dilation in place of strides.

    Examples
    --------
    >>> [step.field for step in ReceptiveField(layer=1).steps()[:4]]
    [3, 7, 11, 19]
    >>> ReceptiveField(output_stride=16).steps()[-1].field == ReceptiveField().steps()[-1].field
    True
    """

    network = Choice("V2", list(NETWORKS), help="the network")
    output_stride = Choice(32, list(specs.OUTPUT_STRIDES), help="image pixels to one pixel of the last map")
    lost = Choice("dilation", ["dilation", "nothing"], help="what a stride that is given up becomes")
    layer = Choice(9, list(range(1, STEPS + 1)), help="stem, block or head", counts=False)
    across = Steps(0.5, 0.0, 1.0, 0.05, help="from left to right", counts=False)
    down = Steps(0.5, 0.0, 1.0, 0.05, help="from top to bottom", counts=False)
    networks = traitlets.Dict(help="the layers of both networks at each output stride").tag(sync=True)
    scene = traitlets.Unicode(SCENE, help="the image, as a path").tag(sync=True)

    def __init__(self, **values: object):
        super().__init__(**{"networks": {name: _export(name) for name in NETWORKS}, **values})

    def layers(self) -> list[cost.Layer]:
        """Return the convolutions and the classifier."""
        layers = NETWORKS[self.network](resolution=IMAGE, output_stride=self.output_stride)
        return layers if self.lost == "dilation" else [layer._replace(dilation=1) for layer in layers]

    def build(self) -> nn.Module:
        """Return the real network."""
        from torch import nn

        from .. import models

        build = {"V1": models.MobileNetV1, "V2": models.MobileNetV2}[self.network]
        network = build(output_stride=self.output_stride)
        if self.lost == "nothing":
            for module in network.modules():
                if isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1):
                    module.dilation, module.padding = (1, 1), (1, 1)
        return network

    def measure_state(self) -> int:
        """Count the MACs of the real network with fvcore."""
        from .. import measure

        return measure.macs(self.build(), (1, 3, IMAGE, IMAGE))

    def steps(self) -> list[Step]:
        """Return how far each step of the network sees, from the stem to the last map."""
        steps, field, jump = [], 1, 1
        for name, own in groupby(self.layers()[:-1], lambda layer: layer.name.rpartition(".")[0] or layer.name):
            block = list(own)
            spatial = max(block, key=lambda layer: layer.kernel_size)
            gap = spatial.dilation * jump
            field += (spatial.kernel_size - 1) * gap
            jump *= spatial.stride
            side, macs = block[-1].out_size[0], cost.total(block).macs
            rates = (spatial.kernel_size, spatial.stride, spatial.dilation)
            steps.append(Step(name, *rates, gap, jump, side, field, macs))
        return steps

    def numbers(self) -> list[dict[str, object]]:
        """Return how far each step sees."""
        return [step._asdict() for step in self.steps()]


def _export(name: str) -> dict:
    """Return a network's layers, and for each output stride what becomes of stride and dilation."""
    walks = {stride: NETWORKS[name](resolution=IMAGE, output_stride=stride) for stride in specs.OUTPUT_STRIDES}
    return {
        "layers": [
            [layer.name, layer.role, layer.in_channels, layer.out_channels, layer.kernel_size, layer.groups]
            for layer in walks[32]
        ],
        "walks": {
            str(stride): [[layer.stride, layer.dilation] for layer in layers] for stride, layers in walks.items()
        },
    }
