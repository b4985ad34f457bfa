"""MobileNetV4's universal inverted bottleneck: two depthwise layers that may be there or not, and what that makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import traitlets

from .. import cost, specs
from ..topics.families import costs, stages
from .drawn_block import DrawnBlock
from .kit import Choice, Steps, WrongSetting, layer_rows

if TYPE_CHECKING:
    from torch import nn

KERNELS = [0, 3, 5, 7]
NAMES = ["feed-forward", "inverted residual", "ConvNeXt-like", "extra depthwise"]  # by the two switches


class UniversalBlock(DrawnBlock):
    """MobileNetV4's universal block: two switches make it four blocks, each counted beside MobileNetV2's.

    Parameters
    ----------
    start, middle : {0, 3, 5, 7}, default=3
        Kernels of the depthwise layers before and after the expansion, timm's a and k; 0 is no layer.
    stride : {1, 2}, default=1
        Of the middle layer, or where that is not there, of the start layer.
    expansion : int, 1 to 8, default=4
        The middle has so many times the channels of the input.
    in_channels, out_channels : int, 16 to 320 in steps of 16, default=96
        Channels of the two ends.
    size : {7, 14, 28, 56}, default=14
        Height and width of the input, in pixels.
    guess : {"none", "start", "middle", "same"}, default="none"
        The reader's prediction: where one depthwise layer with stride 2 makes the block cheaper.

    Raises
    ------
    traitlets.TraitError
        If a value is not one the slider has.
    ValueError
        If stride is 2 and there is no depthwise layer.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    A setting changed later never fails: stride 2 brings the middle layer back, and without any depthwise layer the
    stride is 1. The block has no layer scale, as in MobileNetV4's convolutional networks.

    References
    ----------
    Qin et al. 2024, arXiv:2404.10518, section 3.

    Examples
    --------
    >>> block = UniversalBlock(middle=0)
    >>> block.name(), block.string()
    ('ConvNeXt-like', 'uir_r1_a3_k0_s1_e4_c96')
    >>> [layer.macs for layer in block.layers()]
    [169344, 7225344, 7225344]
    """

    start = Choice(3, KERNELS, help="kernel of the depthwise layer before the expansion, 0 for none")
    middle = Choice(3, KERNELS, help="kernel of the depthwise layer after it, 0 for none")
    stride = Choice(1, [1, 2], help="stride of the block")
    expansion = Steps(4, 1, 8, 1, help="expansion ratio e", ticks=[2, 4, 6])
    in_channels = Steps(96, 16, 320, 16, help="input channels", ticks=[32, 64, 96, 128, 160, 256])
    out_channels = Steps(96, 16, 320, 16, help="output channels c", ticks=[32, 64, 96, 128, 160, 256])
    size = Choice(14, [7, 14, 28, 56], help="height and width of the input")
    guess = Choice("none", ["none", "start", "middle", "same"], help="the reader's prediction", counts=False)

    def __init__(self, **values: object):
        super().__init__(**values)
        if any(getattr(self, name) != values[name] for name in ("start", "middle", "stride") if name in values):
            raise WrongSetting(
                "stride must be 1 where start and middle are both 0, got 2; a 1×1 filter with stride 2 would leave "
                "three of four pixels unread: set middle=3"
            )

    @traitlets.observe("start", "middle", "stride")
    def _follow(self, change: dict) -> None:
        """Go to the nearest state there can be; the twin of settleBlock."""
        if self.stride == 2 and not self.start and not self.middle:
            if change["name"] == "stride":
                self.middle = 3
            else:
                self.stride = 1

    def name(self) -> str:
        """Return what the two switches make of the block."""
        return NAMES[2 * bool(self.start) + bool(self.middle)]

    def string(self) -> str:
        """Return timm's string of the block."""
        return f"uir_r1_a{self.start}_k{self.middle}_s{self.stride}_e{self.expansion}_c{self.out_channels}"

    def placed(self) -> stages.Placed:
        """Return the block as the families' builder has it."""
        return stages.place([self.string()], stem=self.in_channels, activation="re")[0]

    def layers(self) -> list[cost.Layer]:
        """Return the convolutions that are there, from the closed form."""
        return costs.block_layers(self.placed(), self.size)

    def build(self) -> nn.Module:
        """Return the real block."""
        from ..topics.families.builder import block_of

        return block_of(self.placed())

    def measure_state(self) -> int:
        """Count the MACs of the real block with fvcore."""
        from .. import measure

        return measure.macs(self.build(), (1, self.in_channels, self.size, self.size))

    def numbers(self) -> list[dict[str, object]]:
        """Return the layers, and those of MobileNetV2's block between the same ends."""
        ends = self.in_channels, specs.make_divisible(self.in_channels * self.expansion), self.out_channels
        inverted = cost.inverted_residual_layers(*ends, self.size, stride=self.stride)
        return layer_rows([*self.layers(), *inverted])
