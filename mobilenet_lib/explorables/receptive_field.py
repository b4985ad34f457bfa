"""How far one output value sees: receptive field, map and dilation along a network, and what a finer map costs."""

from __future__ import annotations

import math
from itertools import groupby
from typing import NamedTuple

import traitlets

from .. import cost, specs
from .kit import Choice, Explorable, Steps, paint, picture, short, tag

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

    def build(self):  # -> torch.nn.Module, which is imported in here only
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

    def shown(self) -> Step:
        """Return the step that is shown."""
        steps = self.steps()
        return steps[min(self.layer, len(steps)) - 1]

    def centre(self) -> tuple[int, int]:
        """Return the pixel (x, y) in the middle of the receptive field of the value that is shown."""
        step = self.shown()
        at = (math.floor(share * (step.side - 1) + 0.5) for share in (self.across, self.down))
        x, y = (index * step.jump for index in at)
        return x, y

    def static_svg(self) -> str:
        """Draw the image with the receptive field, and how it grows along the network."""
        step, steps = self.shown(), self.steps()
        totals = {
            stride: cost.total(NETWORKS[self.network](resolution=IMAGE, output_stride=stride)).macs
            for stride in specs.OUTPUT_STRIDES
        }
        title = (
            f"MobileNet{self.network} at output stride {self.output_stride}: a value of {step.name} sees "
            f"{step.field} by {step.field} pixels"
        )
        description = (
            f"Neighbouring values of {step.name} stand for pixels {step.jump} apart, on a map of {step.side} by "
            f"{step.side}. Along the network the receptive field grows from {steps[0].field} to {steps[-1].field} "
            f"pixels; the image has {IMAGE}. The network takes "
            + ", ".join(f"{macs:,} MACs at output stride {stride}" for stride, macs in totals.items())
            + "."
        )
        return picture(title, description, 700, 360, [*_image(self, step), *_bars(self, steps), *_totals(self, totals)])


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


# The static picture, in pixels. It shows what receptive_field.js draws, at a fixed size.
MARGIN = 64  # of what is shown around the image, in its pixels
SCALE = 330 / (IMAGE + 2 * MARGIN)
LEFT, BOTTOM, HIGH = 400, 230, 190
CEILING = 500


def _role(step: Step) -> str:
    return "standard" if step.name == "stem" else "pointwise" if step.kernel == 1 else "depthwise"


def _image(figure: ReceptiveField, step: Step) -> list[str]:
    def at(pixel: float) -> float:
        return (pixel + MARGIN) * SCALE + 10

    low, high = at(-MARGIN), at(IMAGE + MARGIN)
    (x, y), half = figure.centre(), step.field / 2
    # A pixel is a square, and the field ends at the edges of its outermost pixels.
    left, top = (max(low, at(c + 0.5 - half)) for c in (x, y))
    right, bottom = (min(high, at(c + 0.5 + half)) for c in (x, y))
    line = {"fill": "none", "stroke": "currentColor"}
    parts = [
        tag("rect", x=low, y=low, width=high - low, height=high - low, fill="currentColor", fill_opacity=0.06),
        tag("rect", x=at(0), y=at(0), width=IMAGE * SCALE, height=IMAGE * SCALE, **line),
        tag(
            "path",
            d=SCENE,
            transform=f"translate({at(0):.2f} {at(0):.2f}) scale({SCALE:.4f})",
            stroke_opacity=0.45,
            **line,
        ),
    ]
    box = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    color = paint(_role(step))
    parts.append(tag("rect", **box, fill=color, fill_opacity=0.25, stroke=color, stroke_width=2))
    reach = step.kernel // 2
    for i in range(-reach, reach + 1):
        for j in range(-reach, reach + 1):
            cx, cy = at(x + 0.5 + i * step.gap), at(y + 0.5 + j * step.gap)
            if low <= cx <= high and low <= cy <= high:
                parts.append(tag("circle", cx=cx, cy=cy, r=3, fill=color, stroke="#fff"))
    return parts


def _bars(figure: ReceptiveField, steps: list[Step]) -> list[str]:
    wide = 290 / len(steps)
    parts = [tag("text", "receptive field along the network, pixels", x=LEFT - 30, y=18, font_weight="bold")]
    for value in (0, 250, CEILING):
        y = BOTTOM - HIGH * value / CEILING
        parts.append(tag("path", d=f"M{LEFT} {y}H{LEFT + 290}", stroke="currentColor", stroke_opacity=0.25))
        parts.append(tag("text", str(value), x=LEFT - 6, y=y + 4, text_anchor="end", font_size=11))
    for i, step in enumerate(steps):
        high = HIGH * step.field / CEILING
        opacity = 1.0 if step == figure.shown() else 0.55
        x = LEFT + i * wide
        parts.append(
            tag("rect", x=x + 1, y=BOTTOM - high, width=wide - 2, height=high, fill=paint(_role(step)), opacity=opacity)
        )
        parts.append(tag("text", str(step.dilation), x=x + wide / 2, y=BOTTOM + 15, text_anchor="middle", font_size=10))
    y = BOTTOM - HIGH * IMAGE / CEILING
    parts.append(tag("path", d=f"M{LEFT} {y}H{LEFT + 290}", stroke="currentColor", stroke_dasharray="4 3"))
    parts.append(tag("text", "the image", x=LEFT + 4, y=y - 4, font_size=11))
    parts.append(tag("text", "dilation", x=LEFT - 6, y=BOTTOM + 15, text_anchor="end", font_size=10))
    return parts


def _totals(figure: ReceptiveField, totals: dict[int, int]) -> list[str]:
    parts = [tag("text", f"MACs of MobileNet{figure.network}", x=LEFT - 30, y=BOTTOM + 50, font_weight="bold")]
    for i, (stride, macs) in enumerate(totals.items()):
        y = BOTTOM + 72 + 20 * i
        weight = {"font_weight": "bold"} if stride == figure.output_stride else {}
        parts.append(tag("text", f"output stride {stride}", x=LEFT - 30, y=y, **weight))
        parts.append(tag("text", short(macs), x=LEFT + 290, y=y, text_anchor="end", **weight))
        wide = 130 * macs / max(totals.values())
        parts.append(tag("rect", x=LEFT + 90, y=y - 11, width=wide, height=13, fill=paint("pointwise")))
    return parts
