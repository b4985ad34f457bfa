"""timm's strings become networks of this book's blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from ..._validation import instance, one_of, positive_int
from ...blocks import ConvDepthwiseConv, DepthwiseProjection, DepthwiseSeparableConv, InvertedResidualSE
from ...layers import Checked, ConvBN, ConvBNHardswish, ConvBNReLU
from ...models import check_image, initialise
from .blocks import (
    ConvBNPlainReLU,
    ConvBNResidual,
    ConvBNSiLU,
    DepthwiseProjectionSE,
    EdgeResidual,
    EdgeResidualSE,
    SigmoidSqueezeExcite,
    UniversalInvertedBottleneck,
    as_in_tensorflow,
    with_layer,
)
from .stages import SQUEEZES, Placed, Rows, place
from .tables import family

LAYERS: dict[str, type[ConvBN]] = {
    "re": ConvBNPlainReLU, "r6": ConvBNReLU, "hs": ConvBNHardswish, "sw": ConvBNSiLU,
}  # fmt: skip
HEADS = ("none", "wide", "late", "late norm")


def block_of(placed: Placed, squeeze: str = "input") -> nn.Module:
    """Build the block of one place.

    Parameters
    ----------
    placed : Placed
        What :func:`~mobilenet_lib.topics.families.stages.place` returns several of.
    squeeze : {"input", "middle"}
        Whose squeeze-and-excitation: EfficientNet's, or MobileNetV3's.

    Examples
    --------
    >>> block = block_of(place(["ir_r1_k3_s2_e6_c24_nsw"], stem=16)[0])
    >>> type(block).__name__, block.depthwise[2]
    ('ConvDepthwiseConv', SiLU(inplace=True))
    """
    instance("placed", placed, Placed, 'place(["ir_r2_k3_s2_e6_c24"])[0] is one')
    one_of("squeeze", squeeze, SQUEEZES)
    spec, _, m, mid, n, se, stride, dilation, activation = placed
    k, step, layer = spec.kernel_size, (stride, dilation), LAYERS[activation]
    block: Any
    match f"{spec.kind} se" if se else spec.kind:
        case "cn" if spec.residual and stride == 1 and m == n:
            block = ConvBNResidual(m, k, dilation)
        case "cn":
            block = layer(m, n, k, stride, dilation=dilation)
        case "dsa":
            block = DepthwiseSeparableConv(m, n, stride, kernel_size=k, dilation=dilation)
        case "ds":
            block = DepthwiseProjection(m, n, k, stride, dilation=dilation)
        case "ds se":
            block = DepthwiseProjectionSE(m, n, se, k, *step)
        case "ir":
            block = ConvDepthwiseConv(m, mid, n, k, stride, dilation=dilation)
        case "ir se":
            block = InvertedResidualSE(m, mid, n, se, k, *step)
        case "er":
            block = EdgeResidual(m, mid, n, k, *step)
        case "er se":
            block = EdgeResidualSE(m, mid, n, se, k, *step)
        case "uir":
            block = UniversalInvertedBottleneck(m, mid, n, spec.start_kernel, k, spec.end_kernel, *step)
        case kind:
            raise ValueError(
                f"placed must be of a kind that this book builds, got {kind!r}; "
                "leave se out of dsa. mqa is costed alone"
            )
    if se and squeeze == "input":
        block.se = SigmoidSqueezeExcite(mid, se, layer(8, 8)[-1])
    if hasattr(block, "use_residual"):
        block.use_residual = block.use_residual and spec.residual
    return block if isinstance(block, ConvBN) else with_layer(block, layer)


class FamilyNetwork(Checked):
    """A network of a family: a stem, blocks, a head, a classifier.

    Parameters
    ----------
    placed : sequence of Placed
        Where its blocks come from; kept, since timm's names follow from it.
    stem, blocks, head, classifier : Module
        Its parts, in order.

    Shape
    -----
    (N, in_channels, H, W) -> (N, num_classes).

    Examples
    --------
    >>> type(build(["ds_r1_k3_s1_c16"], features=32, num_classes=10)).__name__
    'FamilyNetwork'
    """

    def __init__(
        self, placed: Sequence[Placed], stem: nn.Module, blocks: nn.Module, head: nn.Module, classifier: nn.Module
    ):
        super().__init__()
        self.placed = tuple(placed)
        self.stem, self.blocks, self.head, self.classifier = stem, blocks, head, classifier
        initialise(self)

    def check(self, x: Any) -> None:
        check_image(x, self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.head(self.blocks(self.stem(x))).flatten(1))


def build(
    rows: Rows, *, stem: int = 32, head: str = "wide", features: int = 1280, width_mult: float = 1.0,
    depth_mult: float | Sequence[float] = 1.0, activation: str = "r6", squeeze: str = "input", round_limit: float = 0.9,
    output_stride: int = 32, num_classes: int = 1000, in_channels: int = 3,
) -> FamilyNetwork:  # fmt: skip
    """Build the network that a table of timm's strings describes.

    Parameters
    ----------
    rows : iterable of str, or of several str
        A stage each: one string, or those that share the stage.
    stem : int, default=32
        Channels of the first convolution, 3x3 with stride 2.
    head : {"wide", "late", "late norm", "none"}
        What stands between the blocks and the classifier: a wide 1x1 layer and the average (V2); the average, and
        behind it, on a single pixel, a convolution with a bias and an activation (V3) or a layer with BatchNorm (V4);
        or the average alone (V1).
    features : int, default=1280
        Channels that the head gives to the classifier; without a head those of the last block.
    width_mult, depth_mult, activation, squeeze, round_limit, output_stride : optional
        As :func:`~mobilenet_lib.topics.families.stages.place`; the stem and the head are of the same activation.
    num_classes : int, default=1000
        Outputs of the classifier.
    in_channels : int, default=3
        Of the image.

    Returns
    -------
    FamilyNetwork
        With random weights.

    Raises
    ------
    TypeError, ValueError
        As :func:`~mobilenet_lib.topics.families.stages.place`; if head is unknown, or a count is not a positive
        integer; if a kind of block is one that this book does not build.

    References
    ----------
    `timm.models._efficientnet_builder` and `timm.models.efficientnet`.

    Examples
    --------
    >>> import torch
    >>> network = build(["ds_r1_k3_s1_c16", "ir_r2_k3_s2_e6_c24", "ir_r3_k5_s2_e3_c40_se0.25"], num_classes=10)
    >>> network(torch.zeros(2, 3, 64, 64)).shape, len(network.blocks)
    (torch.Size([2, 10]), 6)
    """
    num_classes, in_channels, features = positive_int(
        num_classes=num_classes, in_channels=in_channels, features=features
    )
    one_of("head", head, HEADS)
    placed = place(
        rows, stem, width_mult=width_mult, depth_mult=depth_mult, activation=activation, squeeze=squeeze,
        round_limit=round_limit, output_stride=output_stride,
    )  # fmt: skip
    layer, last = LAYERS[activation], placed[-1].out_channels
    return FamilyNetwork(
        placed,
        layer(in_channels, stem, stride=2),
        nn.Sequential(*(block_of(one, squeeze) for one in placed)),
        _head(head, last, features, layer),
        nn.Linear(last if head == "none" else features, num_classes),
    )


def named(name: str, *, output_stride: int = 32, num_classes: int = 1000, in_channels: int = 3) -> FamilyNetwork:
    """Build the network that timm knows by a name.

    Parameters
    ----------
    name : str
        A key of ``FAMILIES``.
    output_stride, num_classes, in_channels : int
        As :func:`build`.

    Returns
    -------
    FamilyNetwork
        With random weights.

    Raises
    ------
    TypeError, ValueError
        If name is no key of ``FAMILIES``, or as :func:`build`.

    Examples
    --------
    >>> sum(weight.numel() for weight in named("mobilenetv3_small_050").parameters())
    1593224
    """
    member = family(name)
    network = build(**member.options(), output_stride=output_stride, num_classes=num_classes, in_channels=in_channels)
    return as_in_tensorflow(network) if member.tensorflow else network


def _head(head: str, in_channels: int, features: int, layer: type[ConvBN]) -> nn.Sequential:
    """Return what stands between the blocks and the classifier."""
    pool = nn.AdaptiveAvgPool2d(1)
    match head:
        case "wide":
            return nn.Sequential(layer(in_channels, features, kernel_size=1), pool)
        case "late":
            return nn.Sequential(pool, nn.Conv2d(in_channels, features, 1), layer(8, 8)[-1])
        case "late norm":
            return nn.Sequential(pool, layer(in_channels, features, kernel_size=1))
    return nn.Sequential(pool)
