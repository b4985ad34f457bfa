"""The cost of a layer: a standard convolution against depthwise + pointwise, and where the saving ends."""

from __future__ import annotations

from .. import cost
from .kit import Choice, Explorable, layer_rows

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

    def measure_state(self) -> int:
        """Count the MACs of the real separable block with fvcore."""
        from .. import blocks, measure

        block = blocks.DepthwiseSeparableConv(self.in_channels, self.out_channels, kernel_size=self.kernel_size)
        return measure.macs(block, (1, self.in_channels, self.size, self.size))

    def numbers(self) -> list[dict[str, object]]:
        """Return the pair, and the standard convolution."""
        return layer_rows([*self.layers(), self.standard_layer()])
