"""The blocks that the explorable Rosetta compares: where each library has them, and what it calls their parts."""

from __future__ import annotations

from typing import NamedTuple

from .. import cost

LIBRARIES = ("this book", "timm", "torchvision")


class Part(NamedTuple):
    """A part of a block: which of the three convolutions it belongs to, what it is there, and its palette colour."""

    of: str
    kind: str
    role: str


# In the order the data pass through them. The last is what timm's block has besides.
PARTS = {
    "expansion": Part("expansion", "conv", "expansion"),
    "expansion_norm": Part("expansion", "norm", "norm"),
    "expansion_relu6": Part("expansion", "relu6", "activation"),
    "depthwise": Part("depthwise", "conv", "depthwise"),
    "depthwise_norm": Part("depthwise", "norm", "norm"),
    "depthwise_relu6": Part("depthwise", "relu6", "activation"),
    "pointwise": Part("pointwise", "conv", "pointwise"),
    "pointwise_norm": Part("pointwise", "norm", "norm"),
    "pointwise_relu6": Part("pointwise", "relu6", "activation"),
    "residual": Part("", "residual", "residual"),
    "others": Part("", "others", "classifier"),
}


class InTimm(NamedTuple):
    """A block of timm: its network, stage and place, its class, and convolution and normalisation of each kind."""

    network: str
    at: tuple[int, int]
    owner: str
    names: dict[str, tuple[str, str]]


class InTorchvision(NamedTuple):
    """A block of torchvision: its place in `features`, and what is there of each kind; the last has two names."""

    at: int
    names: dict[str, str]
    pointwise: tuple[str, str]


class Block(NamedTuple):
    """Where a block is found in each library, and what its convolutions are called there.

    Attributes
    ----------
    title : str
        For the reader.
    stands : str
        Which block of which network it is.
    channels : tuple of int
        Before, in the middle where there is one, and after.
    side : int
        Height and width of its map.
    owner : str
        Its class in this book.
    ours : dict of str to str
        Convolution to attribute in this book.
    timm : InTimm
        Where timm has it.
    torchvision : InTorchvision or None
        Where torchvision has it.
    """

    title: str
    stands: str
    channels: tuple[int, ...]
    side: int
    owner: str
    ours: dict[str, str]
    timm: InTimm
    torchvision: InTorchvision | None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of its input."""
        return 1, self.channels[0], self.side, self.side

    def layers(self) -> list[cost.Layer]:
        """Return its convolutions, from the closed forms."""
        build = {
            "DepthwiseSeparableConv": cost.depthwise_separable_layers,
            "ConvDepthwiseConv": cost.inverted_residual_layers,
            "DepthwiseProjection": cost.depthwise_projection_layers,
        }
        return build[self.owner](*self.channels, self.side)


BLOCKS = {
    "v1": Block(
        title="V1: depthwise separable",
        stands="the first block of MobileNetV1",
        channels=(32, 64),
        side=112,
        owner="DepthwiseSeparableConv",
        ours={"depthwise": "depthwise", "pointwise": "pointwise"},
        timm=InTimm(
            *("mobilenetv1_100", (0, 0), "DepthwiseSeparableConv"),
            {"depthwise": ("conv_dw", "bn1"), "pointwise": ("conv_pw", "bn2")},
        ),
        torchvision=None,
    ),
    "v2": Block(
        title="V2: inverted residual",
        stands="the third block of MobileNetV2",
        channels=(24, 144, 24),
        side=56,
        owner="ConvDepthwiseConv",
        ours={"expansion": "conv1", "depthwise": "depthwise", "pointwise": "conv2"},
        timm=InTimm(
            *("mobilenetv2_100", (1, 1), "InvertedResidual"),
            {"expansion": ("conv_pw", "bn1"), "depthwise": ("conv_dw", "bn2"), "pointwise": ("conv_pwl", "bn3")},
        ),
        torchvision=InTorchvision(3, {"expansion": "conv.0", "depthwise": "conv.1"}, ("conv.2", "conv.3")),
    ),
    "v2_first": Block(
        title="V2: the first block",
        stands="the first block of MobileNetV2, with nothing to widen",
        channels=(32, 16),
        side=112,
        owner="DepthwiseProjection",
        ours={"depthwise": "depthwise", "pointwise": "conv2"},
        timm=InTimm(
            *("mobilenetv2_100", (0, 0), "DepthwiseSeparableConv"),
            {"depthwise": ("conv_dw", "bn1"), "pointwise": ("conv_pw", "bn2")},
        ),
        torchvision=InTorchvision(1, {"depthwise": "conv.0"}, ("conv.1", "conv.2")),
    ),
}
