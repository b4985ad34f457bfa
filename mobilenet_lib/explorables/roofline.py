"""Three kinds of layer under the roof of a machine: how much work for a byte, and the least time it takes."""

from __future__ import annotations

import math

import traitlets

from .. import cost
from ..measure import roof as limits
from .kit import Choice, Explorable, WrongSetting

CHANNELS = [8, 16, 32, 64, 128, 256, 512, 1024]


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
            raise WrongSetting(
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

    def numbers(self) -> list[dict[str, object]]:
        """Return how much work each layer does for a byte, and the least time it takes."""
        machine = self.machine()
        return [
            {
                "layer": layer.role,
                "MACs": layer.macs * self.batch,
                "MACs per byte": limits.intensity(layer, self.batch),
                "at least, ms": machine.ms(layer, self.batch),
            }
            for layer in self.layers()
        ]
