"""The cost of a layer: a standard convolution against depthwise + pointwise, and where the saving ends."""

from __future__ import annotations

import math
from fractions import Fraction

from .. import cost
from .kit import Choice, Explorable, nice_ceiling, paint, picture, short, tag

# Powers of two, and what MobileNets have in between.
CHANNELS = [8, 16, 24, 32, 64, 96, 128, 160, 256, 320, 512, 1024]


class LayerCost(Explorable):
    """A standard convolution against depthwise + pointwise: MACs, parameters, and the ratio 1/N + 1/D_K².

    Parameters
    ----------
    kernel_size : {1, 3, 5, 7}, default=3
        D_K, of the standard convolution and of the depthwise layer.
    in_channels, out_channels : int, from 8 to 1024, default=512
        M and N.
    size : {7, 14, 28, 56, 112}, default=14
        D_F: height and width of the map, in pixels, before and after.

    Raises
    ------
    traitlets.TraitError
        If a value is not one the slider has.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    The default is the layer of the V1 paper's table 3. Parameters include BatchNorm's two per channel, of which the
    separable pair has more: it normalises twice. So the ratio of the parameters is not exactly that of the MACs.

    References
    ----------
    Howard et al. 2017, arXiv:1704.04861, section 3.1, equations 2 to 5.

    Examples
    --------
    >>> layer = LayerCost(out_channels=256)
    >>> layer.ratio()
    Fraction(265, 2304)
    >>> layer.measured["macs"] == sum(part.macs for part in layer.layers())
    True
    """

    kernel_size = Choice(3, [1, 3, 5, 7], help="D_K: side of the filter")
    in_channels = Choice(512, CHANNELS, help="M: input channels")
    out_channels = Choice(512, CHANNELS, help="N: output channels")
    size = Choice(14, [7, 14, 28, 56, 112], help="D_F: height and width of the map")

    def layers(self) -> list[cost.Layer]:
        """Return depthwise and pointwise."""
        return cost.depthwise_separable_layers(self.in_channels, self.out_channels, self.size, self.kernel_size)

    def standard_layer(self) -> cost.Layer:
        """Return the standard convolution with the same kernel and channels."""
        return cost.standard_block_layers(self.in_channels, self.out_channels, self.size, self.kernel_size)[0]

    def ratio(self) -> Fraction:
        """Return the separable pair's share of the standard MACs, exactly."""
        return Fraction(cost.total(self.layers()).macs, self.standard_layer().macs)

    def measure_state(self) -> int:
        """Count the MACs of the real separable block with fvcore."""
        from .. import blocks, measure

        block = blocks.DepthwiseSeparableConv(self.in_channels, self.out_channels, kernel_size=self.kernel_size)
        return measure.macs(block, (1, self.in_channels, self.size, self.size))

    def static_svg(self) -> str:
        """Draw the curve of the ratio with the current layer on it, and the MACs and parameters as bars."""
        layers, standard, ratio = self.layers(), self.standard_layer(), self.ratio()
        total = cost.total(layers)
        k2, n = self.kernel_size**2, self.out_channels
        equation = f"1/{n} + 1/{k2} = {float(ratio):.4f}"
        description = (
            f"A {self.kernel_size} by {self.kernel_size} convolution from {self.in_channels} to {n} channels on a map "
            f"of {self.size} by {self.size}. Standard: {standard.macs:,} MACs and {standard.params:,} parameters. "
            f"Depthwise and pointwise: {layers[0].macs:,} and {layers[1].macs:,} MACs, together {total.macs:,}, and "
            f"{total.params:,} parameters. The ratio of the MACs is {equation}. As N grows it falls towards 1/{k2}."
        )
        parts = [*_curve(self.kernel_size, n, equation)]
        for metric, title, top in (("macs", "MACs", 296), ("params", "Parameters", 390)):
            parts += _bars(title, [getattr(layer, metric) for layer in layers], getattr(standard, metric), top)
        return picture(f"Cost of a layer: {equation}", description, WIDTH, 470, parts)


# The static picture, in pixels. It shows what layer_cost.js draws, at a fixed size.
WIDTH = 620
LEFT, RIGHT, TOP, HIGH = 56, 570, 40, 200
HIGHEST, LOWEST = 1.6, 1 / 70  # the axis of the ratio, which is logarithmic
ROLES = ("depthwise", "pointwise")


def _curve(kernel_size: int, out_channels: int, equation: str) -> list[str]:
    k2 = kernel_size**2

    def x(n: float) -> float:
        return LEFT + math.log(n / CHANNELS[0]) / math.log(CHANNELS[-1] / CHANNELS[0]) * (RIGHT - LEFT)

    def y(ratio: float) -> float:
        return TOP + math.log(HIGHEST / ratio) / math.log(HIGHEST / LOWEST) * HIGH

    parts = []
    for share in (1, 2, 5, 10, 20, 50):
        at = y(1 / share)
        parts.append(tag("path", d=f"M{LEFT} {at:.1f}H{RIGHT}", stroke="currentColor", stroke_opacity=0.2))
        label = "1" if share == 1 else f"1/{share}"
        parts.append(tag("text", label, x=LEFT - 8, y=at + 4, text_anchor="end", font_size=11))
    for n in (8, 16, 32, 64, 128, 256, 512, 1024):
        parts.append(tag("text", str(n), x=x(n), y=TOP + HIGH + 18, text_anchor="middle", font_size=11))
    middle = (LEFT + RIGHT) / 2
    parts.append(tag("text", "output channels N", x=middle, y=TOP + HIGH + 36, text_anchor="middle"))
    parts.append(tag("text", "share of the standard convolution's MACs", x=LEFT, y=22, font_weight="bold"))
    floor = y(1 / k2)
    parts.append(
        tag("path", d=f"M{LEFT} {floor:.1f}H{RIGHT}", stroke=paint("pointwise"), stroke_width=2, stroke_dasharray="6 4")
    )
    below = floor + (16 if kernel_size < 7 else 14)
    parts.append(tag("text", f"1/D_K² = 1/{k2}", x=LEFT + 8, y=below, font_weight="bold"))
    ns = [8 * 2 ** (i / 4) for i in range(29)]
    points = " ".join(f"{x(n):.1f},{y(1 / n + 1 / k2):.1f}" for n in ns)
    parts.append(tag("polyline", points=points, fill="none", stroke="currentColor", stroke_width=2.5))
    at = y(1 / out_channels + 1 / k2)
    parts.append(tag("circle", cx=x(out_channels), cy=at, r=6.0))
    end = "end" if out_channels > 90 else "start"
    parts.append(tag("text", equation, x=x(out_channels), y=at - 12, text_anchor=end, font_weight="bold"))
    return parts


def _bars(title: str, separable: list[int], standard: int, top: int) -> list[str]:
    left, wide = 170, 340
    ceiling = nice_ceiling(max(standard, sum(separable)))
    rows = [("standard", [("standard", standard)]), ("depthwise + pointwise", [*zip(ROLES, separable, strict=True)])]
    parts = [
        tag("text", title, x=left - 10, y=top, text_anchor="end", font_weight="bold"),
        tag("path", d=f"M{left} {top + 4}v58h{wide}", fill="none", stroke="currentColor", stroke_opacity=0.4),
    ]
    for i, (name, stack) in enumerate(rows):
        y, x = top + 8 + 26 * i, float(left)
        parts.append(tag("text", name, x=left - 10, y=y + 15, text_anchor="end"))
        for role, value in stack:
            share = value / ceiling * wide
            parts.append(tag("rect", x=x, y=y, width=share, height=20, fill=paint(role)))
            x += share
        parts.append(tag("text", short(sum(value for _, value in stack)), x=x + 6, y=y + 15, font_weight="bold"))
    for value in (0, ceiling // 2, ceiling):
        text = short(value).replace(".0", "")
        parts.append(tag("text", text, x=left + value / ceiling * wide, y=top + 76, text_anchor="middle", font_size=11))
    return parts
