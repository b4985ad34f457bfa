"""MobileNetV1's two knobs as an explorable: what width and resolution do to every layer, and what was released."""

from __future__ import annotations

import traitlets

from .. import cost, specs
from ..course import published
from .kit import Choice, Explorable, Steps, nice_ceiling, paint, picture, short, tag
from .released import CLASSES, WIDTH, dots, nearest_released, released

WIDTHS = [0.25, 0.5, 0.75, 1.0]  # of the released models: the marks on the slider
RESOLUTIONS = list(range(96, 257, 32))
# The palette's concept of a layer, and what the layers of that concept are called here.
KINDS = {"pointwise": "pointwise", "depthwise": "depthwise", "standard": "stem", "classifier": "classifier"}
# How the paper's table 2 names them.
TABLE_2 = {"pointwise": "conv1x1", "depthwise": "dw3x3", "standard": "conv3x3", "classifier": "fc"}


class WidthResolution(Explorable):
    """All layers of a MobileNetV1 at any width and resolution, their shares, and the released models beside it.

    Parameters
    ----------
    width_mult : float, 0.25 to 1.4 in steps of 0.01, default=1.0
        α: scales every layer's channels, rounded by :func:`~mobilenet_lib.make_divisible`.
    resolution : {96, 128, 160, 192, 224, 256}, default=224
        Height and width of the image, in pixels; the paper's ρ is resolution / 224.
    layer : int, 1 to 28, default=15
        The layer that is described in words: 27 convolutions and the classifier.

    Raises
    ------
    traitlets.TraitError
        If a value is not one the slider has.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    A released model's accuracy is the one its page prints; its MACs are the closed form's, since the page's counts
    for width 0.75 leave out the first layer. No accuracy is guessed for a network that was not released.

    References
    ----------
    Howard et al. 2017, arXiv:1704.04861, sections 3.3 and 3.4, tables 1, 2, 6 and 7.

    Examples
    --------
    >>> narrow = WidthResolution(width_mult=0.5, resolution=160)
    >>> cost.total(narrow.layers())
    Cost(params=1331592, macs=76524800)
    >>> narrow.nearest()["top1"]
    59.1
    """

    width_mult = Steps(1.0, 0.25, 1.4, 0.01, help="width multiplier α", ticks=WIDTHS)
    resolution = Choice(224, RESOLUTIONS, help="height and width of the image")
    layer = Steps(15, 1, 28, 1, help="the layer that is described", counts=False)
    spec = traitlets.Dict(help="MobileNetV1's table, unscaled").tag(sync=True)
    released = traitlets.List(help="the released models").tag(sync=True)
    table2 = traitlets.Dict(help="shares that the paper prints").tag(sync=True)

    def __init__(self, **values: object):
        spec = {"stem": specs.STEM_CHANNELS, "rows": [list(row) for row in specs.V1_SPEC], "classes": CLASSES}
        super().__init__(**{"spec": spec, "released": released("v1"), "table2": _table2(), **values})

    def layers(self) -> list[cost.Layer]:
        """Return the 27 convolutions and the classifier."""
        return cost.mobilenet_v1_layers(self.width_mult, self.resolution, CLASSES)

    def measure_state(self) -> int:
        """Count the MACs of the real network with fvcore."""
        from .. import measure, models

        network = models.MobileNetV1(CLASSES, self.width_mult)
        return measure.macs(network, (1, 3, self.resolution, self.resolution))

    def nearest(self) -> dict:
        """Return the released model nearest to this one; see :func:`nearest_released`."""
        return nearest_released(self.released, self.width_mult, self.resolution)

    def static_svg(self) -> str:
        """Draw the layers' MACs, and the released models."""
        layers, total = self.layers(), cost.total(self.layers())
        shares = {name: sum(x.macs for x in layers if x.role == role) / total.macs for role, name in KINDS.items()}
        near = self.nearest()
        description = (
            f"MobileNetV1 at width {self.width_mult:g} and {self.resolution} by {self.resolution} pixels takes "
            f"{total.macs:,} MACs and {total.params:,} parameters. Of the MACs, "
            + ", ".join(f"{share:.1%} are {name}" for name, share in shares.items())
            + f". The nearest released model has width {near['alpha']:g} at {near['resolution']} pixels and "
            f"{near['top1']} % top-1 accuracy on ImageNet."
        )
        title = f"MobileNetV1 at width {self.width_mult:g}, {self.resolution} pixels: {total.macs:,} MACs"
        parts = [*_skyline(layers, shares), *dots([(self.released, "circle", None)], V1_AXES, total.macs, near, 300)]
        return picture(title, description, WIDTH, 535, parts)


def _table2() -> dict:
    table = published.table("mobilenet_v1_paper", "table2_resource_per_layer_type_percent")
    rows = {row["type"]: row for row in table.rows}
    return {role: [rows[name]["mult_adds_pct"], rows[name]["params_pct"]] for role, name in TABLE_2.items()}


# The static picture, in pixels. It shows what width_resolution.js draws, at a fixed size.
V1_AXES = {
    "x": (6e6, 2e9, [1e7, 3e7, 1e8, 3e8, 1e9]),
    "y": (40, 75, [40, 50, 60, 70]),
}


def _skyline(layers: list[cost.Layer], shares: dict[str, float]) -> list[str]:
    left, right, top, bottom = 44, WIDTH - 10, 60, 220
    ceiling = nice_ceiling(max(layer.macs for layer in layers))
    parts = [tag("text", "MACs of each layer, from the image to the classifier", x=0, y=14, font_weight="bold")]
    x = 0.0
    for role, name in KINDS.items():
        label = f"{name} {100 * shares[name]:.1f} %"
        parts.append(tag("rect", x=x, y=26, width=10, height=10, fill=paint(role)))
        parts.append(tag("text", label, x=x + 15, y=35))
        x += 40 + 6.6 * len(label)
    for value in (0, ceiling // 2, ceiling):
        y = bottom - (bottom - top) * value / ceiling
        parts.append(tag("path", d=f"M{left} {y:g}H{right}", stroke="currentColor", stroke_opacity=0.25))
        label = short(value).replace(".0", "")
        parts.append(tag("text", label, x=left - 6, y=y + 4, text_anchor="end", font_size=11))
    step = (right - left) / len(layers)
    for i, layer in enumerate(layers):
        high = max(1.0, (bottom - top) * layer.macs / ceiling)
        bar = {"x": left + (i + 0.1) * step, "y": bottom - high, "width": 0.8 * step, "height": high}
        parts.append(tag("rect", **bar, fill=paint(layer.role)))
    names = [(0, "stem"), *((i, str(layers[i].out_size[0])) for i in range(2, 27, 2)), (27, "fc")]
    for i, name in names:
        x = left + (i + 0.5) * step
        parts.append(tag("text", name, x=x, y=bottom + 15, text_anchor="middle", font_size=11))
    parts.append(tag("text", "output of the layer, in pixels a side", x=right, y=bottom + 31, text_anchor="end"))
    return parts
