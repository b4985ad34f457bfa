"""Three kinds of layer under the roof of a machine: how much work for a byte, and the least time it takes."""

from __future__ import annotations

import math

import traitlets

from .. import cost
from ..measure import roof as limits
from .kit import Choice, Explorable, paint, picture, short, tag

CHANNELS = [8, 16, 32, 64, 128, 256, 512, 1024]
KINDS = ("standard", "pointwise", "depthwise")
# The axis of the intensity, in MACs for each byte, from end to end.
LEAST, MOST = 0.5, 2048


class Roofline(Explorable):
    """A standard 3x3, a pointwise and a depthwise 3x3 layer of one shape, on the roof of a machine.

    Parameters
    ----------
    channels : int, from 8 to 1024, default=64
        Before and after each layer.
    size : {7, 14, 28, 56, 112}, default=56
        Height and width of the map, in pixels.
    batch : {1, 2, 4, 8, 16, 32, 64}, default=1
        Images at a time.
    peak : float, default=100e9
        What the machine multiplies at most, in MACs a second.
    bandwidth : float, default=20e9
        What its memory moves at most, in bytes a second.

    Raises
    ------
    traitlets.TraitError
        If a value is not one the slider has, or a limit of the machine is not a number above 0.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    Numbers are float32. Input and weights are read once and the output is written once, so the times are the least
    there can be when the numbers come from memory.

    References
    ----------
    Williams et al. 2009, "Roofline: an insightful visual performance model for multicore architectures".

    Examples
    --------
    >>> layer = Roofline(channels=256, size=14)
    >>> [round(limits.intensity(row), 2) for row in layer.layers()]
    [41.88, 19.36, 1.1]
    """

    channels = Choice(64, CHANNELS, help="channels before and after each layer")
    size = Choice(56, [7, 14, 28, 56, 112], help="height and width of the map, in pixels")
    batch = Choice(1, [1, 2, 4, 8, 16, 32, 64], help="images at a time", counts=False)
    peak = traitlets.Float(100e9, help="MACs a second").tag(sync=True)
    bandwidth = traitlets.Float(20e9, help="bytes a second").tag(sync=True)

    @traitlets.validate("peak", "bandwidth")
    def _positive(self, proposal: dict) -> float:
        value = proposal["value"]
        if not math.isfinite(value) or value <= 0:
            raise traitlets.TraitError(
                f"{proposal['trait'].name} must be a finite number above 0, got {value}; measure.roofline() has both"
            )
        return value

    def layers(self) -> list[cost.Layer]:
        """Return the three layers, for one image."""
        ends = (self.channels, self.channels, self.size)
        return [
            cost.conv_layer("standard", "standard", *ends, kernel_size=3, norm=False),
            cost.conv_layer("pointwise", "pointwise", *ends, norm=False),
            cost.conv_layer("depthwise", "depthwise", *ends, kernel_size=3, groups=self.channels, norm=False),
        ]

    def machine(self) -> limits.Roofline:
        """Return the limits of the machine."""
        return limits.Roofline(self.peak, self.bandwidth)

    def measure_state(self) -> int:
        """Count the MACs of the three real layers, one behind the other, with fvcore."""
        from torch import nn

        from .. import measure
        from ..measure import timing

        row = nn.Sequential(*(timing.build(layer) for layer in self.layers()))
        return measure.macs(row, (1, self.channels, self.size, self.size))

    def static_svg(self) -> str:
        """Draw the roof with the three layers on it, and their numbers below."""
        layers, machine = self.layers(), self.machine()
        values = [limits.intensity(layer, self.batch) for layer in layers]
        lines = [
            f"{layer.role}: {value:.3g} MACs per byte, at least {machine.ms(layer, self.batch):.3g} ms, "
            f"{'memory' if value < machine.ridge else 'arithmetic'} decides"
            for layer, value in zip(layers, values, strict=True)
        ]
        state = f"{self.channels} channels, {self.size}×{self.size} pixels, batch {self.batch}"
        description = (
            f"The roof of a machine that does {short(round(self.peak))} MACs and moves {short(round(self.bandwidth))} "
            f"bytes a second. It rises to {machine.ridge:.3g} MACs per byte and is flat from there. Three layers of "
            f"{state} stand on it. {'; '.join(lines)}."
        )
        parts = _roof(machine)
        for layer, value in zip(layers, values, strict=True):
            x, y = _x(value), _y(machine, machine.ceiling(value))
            parts.append(tag("circle", cx=x, cy=y, r=7.0, fill=paint(layer.role)))
            level = 18 if layer.role == "pointwise" else 0  # neighbours' names stand on two levels
            beside = {"x": x + 13, "y": y + 18 + level} if value < machine.ridge else {"x": x, "y": y + 24 + level}
            anchor = "start" if value < machine.ridge else "middle"
            parts.append(tag("text", layer.role, **beside, text_anchor=anchor, font_weight="bold"))
        for i, (layer, line) in enumerate(zip(layers, lines, strict=True)):
            parts.append(tag("rect", x=LEFT, y=BOTTOM + 52 + 20 * i, width=12, height=12, fill=paint(layer.role)))
            parts.append(tag("text", line, x=LEFT + 20, y=BOTTOM + 63 + 20 * i))
        return picture(f"Roofline: {state}", description, WIDTH, BOTTOM + 120, parts)


# The static picture, in pixels; roofline.js draws the same.
WIDTH, LEFT, RIGHT, TOP, BOTTOM = 620, 76, 600, 34, 250
DECADES = 2.5  # of MACs a second below the peak


def _x(intensity: float) -> float:
    return LEFT + math.log(intensity / LEAST) / math.log(MOST / LEAST) * (RIGHT - LEFT)


def _y(machine: limits.Roofline, speed: float) -> float:
    return TOP + math.log10(machine.peak / speed) / DECADES * (BOTTOM - TOP)


def _roof(machine: limits.Roofline) -> list[str]:
    parts = [tag("text", "MACs a second", x=8, y=18, font_weight="bold")]
    for i in range(3):
        speed = machine.peak / 10**i
        parts.append(
            tag("path", d=f"M{LEFT} {_y(machine, speed):.1f}H{RIGHT}", stroke="currentColor", stroke_opacity=0.2)
        )
        label = short(round(speed))
        parts.append(tag("text", label, x=LEFT - 8, y=_y(machine, speed) + 4, text_anchor="end", font_size=11))
    for value in (1, 4, 16, 64, 256, 1024):
        parts.append(tag("text", str(value), x=_x(value), y=BOTTOM + 18, text_anchor="middle", font_size=11))
    parts.append(tag("text", "MACs per byte", x=(LEFT + RIGHT) / 2, y=BOTTOM + 36, text_anchor="middle"))
    ridge = min(max(machine.ridge, LEAST), MOST)
    corners = [(value, machine.ceiling(value)) for value in (LEAST, ridge, MOST)]
    # What a slow memory allows at the left end may lie below the axis.
    points = " ".join(f"{_x(value):.1f},{min(_y(machine, speed), BOTTOM):.1f}" for value, speed in corners)
    parts.append(tag("polyline", points=points, fill="none", stroke="currentColor", stroke_width=2.5))
    return parts
