"""The two networks, each built from its table by one short loop."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

from torch import Tensor, nn

from . import specs
from ._validation import at_least, positive_int, share, shown
from .blocks import ConvDepthwiseConv, DepthwiseProjection, DepthwiseSeparableConv
from .layers import Checked, ConvBNReLU, check_map, first_convolution


class MobileNetV1(Checked):
    """MobileNetV1: a standard convolution, 13 depthwise separable blocks, a classifier.

    Parameters
    ----------
    num_classes : int, default=1000
        Outputs of the classifier.
    width_mult : float, default=1.0
        α: scales the channels of every layer, rounded to multiples of 8.
    dropout : float, default=0.0
        Share of the features dropped before the classifier in training.
    output_stride : {32, 16, 8}, default=32
        Image pixels to one pixel of the last map; below 32, strides become dilation and the weights stay the same.
    in_channels : int, default=3
        Of the image: 3 for colours, 1 for grey.

    Attributes
    ----------
    stem : ConvBNReLU
        3x3, stride 2, to 32 channels at width 1.
    blocks : Sequential of DepthwiseSeparableConv
        The rows of ``specs.V1_SPEC``.
    levels : tuple of Level
        Where the maps of its pyramid come from, see :class:`Pyramid`.
    pool, dropout, classifier : Module
        Global average, dropout, linear layer.

    Shape
    -----
    (N, in_channels, H, W) -> (N, num_classes). H and W are at least the product of the strides: 32, or output_stride.

    Raises
    ------
    TypeError, ValueError
        If num_classes or in_channels is not a positive integer, width_mult is not a finite number above 0, dropout is
        not in [0, 1], or output_stride is not 32, 16 or 8; on a call, if the input is not (N, in_channels, H, W) or is
        too small.

    Notes
    -----
    4,231,976 parameters; 568,740,352 MACs at 224x224.

    References
    ----------
    Howard et al. 2017, arXiv:1704.04861, table 1.

    Examples
    --------
    >>> import torch
    >>> MobileNetV1(num_classes=10, width_mult=0.25)(torch.zeros(2, 3, 128, 128)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        *,
        dropout: float = 0.0,
        output_stride: int = 32,
        in_channels: int = 3,
    ):
        super().__init__()
        num_classes, in_channels = positive_int(num_classes=num_classes, in_channels=in_channels)
        (dropout,) = share(dropout=dropout)
        self.stem = ConvBNReLU(in_channels, specs.stem_channels(width_mult), stride=2)
        blocks = list(specs.v1_blocks(width_mult))
        walked = specs.dilate(blocks, output_stride)
        self.blocks = nn.Sequential(*(DepthwiseSeparableConv(*block, dilation=rate) for block, rate in walked))
        self.levels = specs.levels(blocks, output_stride)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(blocks[-1].out_channels, num_classes)
        initialise(self)

    def check(self, x: Any) -> None:
        check_image(x, self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.stem(x))
        return self.classifier(self.dropout(self.pool(x).flatten(1)))


class MobileNetV2(Checked):
    """MobileNetV2: a standard convolution, 17 inverted residuals, a wide 1x1 convolution, a classifier.

    Parameters
    ----------
    num_classes : int, default=1000
        Outputs of the classifier.
    width_mult : float, default=1.0
        α: scales the channels of every layer, rounded to multiples of 8; the last 1x1 convolution grows above 1 only.
    dropout : float, default=0.0
        Share of the features dropped before the classifier in training.
    output_stride : {32, 16, 8}, default=32
        Image pixels to one pixel of the last map; below 32, strides become dilation and the weights stay the same.
    spec : iterable of V2Row, default=specs.V2_SPEC
        The table; ``specs.V2_110D_SPEC`` and ``specs.V2_120D_SPEC`` are timm's deeper ones.
    in_channels : int, default=3
        Of the image: 3 for colours, 1 for grey.

    Attributes
    ----------
    stem : ConvBNReLU
        3x3, stride 2, to 32 channels at width 1.
    blocks : Sequential of DepthwiseProjection (the first) and ConvDepthwiseConv
        The rows of the table.
    levels : tuple of Level
        Where the maps of its pyramid come from, see :class:`Pyramid`.
    head : ConvBNReLU
        1x1, to 1280 channels at width 1 and below.
    pool, dropout, classifier : Module
        Global average, dropout, linear layer.

    Shape
    -----
    (N, in_channels, H, W) -> (N, num_classes). H and W are at least the product of the strides: 32, or output_stride.

    Raises
    ------
    TypeError, ValueError
        If num_classes or in_channels is not a positive integer, width_mult is not a finite number above 0, dropout is
        not in [0, 1], output_stride is not 32, 16 or 8, or spec does not hold rows; on a call, if the input is not
        (N, in_channels, H, W) or is too small.

    Notes
    -----
    3,504,872 parameters; 300,774,272 MACs at 224x224.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, table 2.

    Examples
    --------
    >>> import torch
    >>> MobileNetV2(num_classes=10, width_mult=0.35)(torch.zeros(2, 3, 96, 96)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        *,
        dropout: float = 0.0,
        output_stride: int = 32,
        spec: Iterable[specs.V2Row] = specs.V2_SPEC,
        in_channels: int = 3,
    ):
        super().__init__()
        num_classes, in_channels = positive_int(num_classes=num_classes, in_channels=in_channels)
        (dropout,) = share(dropout=dropout)
        self.spec = specs.v2_rows(spec)
        blocks = list(specs.v2_blocks(width_mult, self.spec))
        head_channels = specs.v2_head_channels(width_mult)
        self.stem = ConvBNReLU(in_channels, specs.stem_channels(width_mult), stride=2)
        walked = specs.dilate(blocks, output_stride)
        self.blocks = nn.Sequential(*(v2_block(*block, dilation=rate) for block, rate in walked))
        self.levels = specs.levels(blocks, output_stride)
        self.head = ConvBNReLU(blocks[-1].out_channels, head_channels, kernel_size=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(head_channels, num_classes)
        initialise(self)

    def check(self, x: Any) -> None:
        check_image(x, self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(self.blocks(self.stem(x)))
        return self.classifier(self.dropout(self.pool(x).flatten(1)))


class Pyramid(Checked):
    """A network without its classifier: it gives the last map at each resolution, from fine to coarse.

    Parameters
    ----------
    network : MobileNetV1 or MobileNetV2
        Whose stem and blocks to use. They are shared, not copied.

    Attributes
    ----------
    stem, blocks : Module
        The network's own.
    levels : tuple of Level
        For each map: the block that gives it, its channels, its reduction.

    Shape
    -----
    (N, in_channels, H, W) -> list of (N, C, ceil(H / r), ceil(W / r)), with C and r the ``channels`` and ``reduction``
    of each level: 16, 24, 32, 96, 320 and 2, 4, 8, 16, 32 for MobileNetV2. H and W are as large as the network's.

    Raises
    ------
    TypeError
        If network is not a MobileNetV1 or a MobileNetV2.
    ValueError
        On a call, if the input is not what the network takes.

    References
    ----------
    Lin et al. 2017, arXiv:1612.03144; timm's ``features_only=True`` gives the same maps.

    Examples
    --------
    >>> import torch
    >>> pyramid = Pyramid(MobileNetV2(width_mult=0.35, output_stride=16))
    >>> [tuple(features.shape[1:]) for features in pyramid(torch.zeros(2, 3, 64, 96))]
    [(8, 32, 48), (8, 16, 24), (16, 8, 12), (32, 4, 6), (112, 4, 6)]
    >>> [level.reduction for level in pyramid.levels]
    [2, 4, 8, 16, 16]
    """

    def __init__(self, network: MobileNetV1 | MobileNetV2):
        super().__init__()
        check_network(network)
        self.stem, self.blocks, self.levels = network.stem, network.blocks, network.levels
        self.ends = [level.end for level in self.levels]

    def check(self, x: Any) -> None:
        check_image(x, self)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        x = self.stem(x)
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.ends:
                maps.append(x)
        return maps


def v2_block(in_channels: int, expansion: int, out_channels: int, stride: int, dilation: int = 1) -> nn.Module:
    """Return the block of one table row: without an expansion layer where there is nothing to expand.

    Parameters
    ----------
    in_channels, expansion, out_channels, stride : int
        A :class:`~mobilenet_lib.specs.V2Block`.
    dilation : int, default=1
        Distance between the depthwise filter's taps, in pixels.

    Examples
    --------
    >>> type(v2_block(32, 1, 16, 1)).__name__, type(v2_block(16, 6, 24, 2)).__name__
    ('DepthwiseProjection', 'ConvDepthwiseConv')
    """
    in_channels, expansion = positive_int(in_channels=in_channels, expansion=expansion)
    if expansion == 1:
        return DepthwiseProjection(in_channels, out_channels, stride=stride, dilation=dilation)
    return ConvDepthwiseConv(in_channels, in_channels * expansion, out_channels, stride=stride, dilation=dilation)


def initialise(model: nn.Module) -> None:
    """Draw the weights of a model as torchvision does: He's normal for convolutions, a small normal for the classifier.

    References
    ----------
    He et al. 2015, arXiv:1502.01852; `torchvision.models.mobilenet_v2`, where the same seed draws the same weights.

    Examples
    --------
    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> classifier = nn.Linear(1280, 1000)
    >>> initialise(classifier)
    >>> round(classifier.weight.std().item(), 3), classifier.bias.abs().max().item()
    (0.01, 0.0)
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {shown(model)}; MobileNetV2() builds one")
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def check_network(network: object) -> None:
    """Require a MobileNetV1 or a MobileNetV2 of this library.

    Parameters
    ----------
    network : object
        What was given.

    Raises
    ------
    TypeError
        If it is something else, a network of timm's or torchvision's for example.

    Examples
    --------
    >>> check_network(nn.Identity())
    Traceback (most recent call last):
        ...
    TypeError: network must be a MobileNetV1 or a MobileNetV2 of this library, got Identity; MobileNetV2() builds one
    """
    if not isinstance(network, MobileNetV1 | MobileNetV2):
        got = network.__name__ if isinstance(network, type) else type(network).__name__
        wrapped = (name for name in ("module", "_orig_mod") if hasattr(network, name))  # DataParallel, torch.compile
        remedy = next((f"give what is inside it, network.{name}" for name in wrapped), "MobileNetV2() builds one")
        raise TypeError(f"network must be a MobileNetV1 or a MobileNetV2 of this library, got {got}; {remedy}")


def check_image(x: Any, network: Any = None) -> None:
    """Require x to be a batch of images that a network takes, (N, in_channels, H, W).

    Parameters
    ----------
    x : object
        What was given.
    network : Module, optional
        Its first convolution says how many channels, and the strides of its stem and blocks how many pixels; left out,
        they are colour images for a network that divides them by 32.

    Raises
    ------
    TypeError, ValueError
        As :func:`~mobilenet_lib.layers.check_map`, or if H or W is below the product of the strides.

    Examples
    --------
    >>> import torch
    >>> check_image(torch.zeros(1, 3, 28, 28), MobileNetV2(output_stride=8))
    >>> check_image(torch.zeros(1, 3, 28, 28))
    Traceback (most recent call last):
        ...
    ValueError: x must be at least 32 pixels a side, got 28x28; the network halves the image until one pixel stands \
for 32: enlarge the image
    """
    parts = [] if network is None else [network.stem, network.blocks]
    first = first_convolution(parts[0]) if parts else None
    check_map(x, first.in_channels if first else None if parts else 3)
    height, width = x.shape[2:]
    if height < specs.TOTAL_STRIDE or width < specs.TOTAL_STRIDE:
        convolutions = [part for one in parts for part in one.modules() if isinstance(part, nn.Conv2d)]
        at_least(prod(conv.stride[0] for conv in convolutions) if parts else specs.TOTAL_STRIDE, (height, width), "x")
