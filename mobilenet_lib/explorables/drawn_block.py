"""What the figures about the blocks after MobileNetV2 share: a block as a chain of convolutions, and its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import cost
from .kit import Explorable

if TYPE_CHECKING:
    from ..topics.families.stages import Placed


class DrawnBlock(Explorable):
    """An explorable that draws a block of MobileNet's successors: its script finds that of this class before it."""


def layers_of(block: Placed, size: int) -> list[cost.Layer]:
    """Return the convolutions of a block in its place, from the closed form; the twin of chainOf.

    Examples
    --------
    >>> from mobilenet_lib.topics.families.stages import place
    >>> [(layer.name, layer.macs) for layer in layers_of(place(["uir_r1_a3_k0_s1_e4_c96"], stem=96)[0], size=14)]
    [('start', 169344), ('expansion', 7225344), ('projection', 7225344)]
    """
    spec, mid, found = block.spec, block.mid_channels, []

    def add(name: str, role: str, channels: int, kernel_size: int = 1, stride: int = 1, groups: int = 1) -> None:
        before, side = (found[-1].out_channels, found[-1].out_size) if found else (block.in_channels, size)
        found.append(cost.conv_layer(name, role, before, channels, side, kernel_size, stride, groups=groups))

    def depthwise(name: str, channels: int, kernel_size: int, stride: int) -> None:
        if kernel_size:
            add(name, "depthwise", channels, kernel_size, stride, channels)

    k, start, end, stride = spec.kernel_size, spec.start_kernel, spec.end_kernel, block.stride
    if spec.kind in ("cn", "er"):
        add("conv", "standard", block.out_channels if spec.kind == "cn" else mid, k, stride)
    else:
        depthwise("start", block.in_channels, start, 1 if k else stride)
        if spec.kind in ("ir", "uir"):
            add("expansion", "expansion", mid)
        depthwise("depthwise", mid, k, stride)
    squeezed = cost.squeeze_excite_layers(mid, block.squeeze_channels) if block.squeeze_channels else []
    if spec.kind != "cn":
        add("projection", "pointwise" if spec.kind in ("ds", "dsa") else "projection", block.out_channels)
    depthwise("end", block.out_channels, end, 1 if k or start else stride)
    return [*found, *squeezed]
