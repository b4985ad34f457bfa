"""The two networks, each built from its table by one short loop."""

from __future__ import annotations

from torch import Tensor, nn

from . import specs
from ._validation import at_least, positive_int, share
from .blocks import ConvDepthwiseConv, DepthwiseProjection, DepthwiseSeparableConv
from .layers import ConvBNReLU, check_map


class MobileNetV1(nn.Module):
    """MobileNetV1: a standard convolution, 13 depthwise separable blocks, a classifier.

    Parameters
    ----------
    num_classes : int, default=1000
        Outputs of the classifier.
    width_mult : float, default=1.0
        α: scales the channels of every layer, rounded to multiples of 8.
    dropout : float, default=0.0
        Share of the features dropped before the classifier in training.

    Attributes
    ----------
    stem : ConvBNReLU
        3x3, stride 2, to 32 channels at width 1.
    blocks : Sequential of DepthwiseSeparableConv
        The rows of ``specs.V1_SPEC``.
    pool, dropout, classifier : Module
        Global average, dropout, linear layer.

    Shape
    -----
    (N, 3, H, W) -> (N, num_classes), with H and W at least 32.

    Raises
    ------
    TypeError, ValueError
        If num_classes is not a positive integer, width_mult is not a finite number above 0, or dropout is not in
        [0, 1]; on a call, if the input is not (N, 3, H, W) or is below 32 pixels a side.

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

    def __init__(self, num_classes: int = 1000, width_mult: float = 1.0, *, dropout: float = 0.0):
        super().__init__()
        positive_int(num_classes=num_classes)
        share(dropout=dropout)
        self.stem = ConvBNReLU(3, specs.stem_channels(width_mult), stride=2)
        blocks = list(specs.v1_blocks(width_mult))
        self.blocks = nn.Sequential(*(DepthwiseSeparableConv(*block) for block in blocks))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(blocks[-1].out_channels, num_classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        check_image(x)
        x = self.blocks(self.stem(x))
        return self.classifier(self.dropout(self.pool(x).flatten(1)))


class MobileNetV2(nn.Module):
    """MobileNetV2: a standard convolution, 17 inverted residuals, a wide 1x1 convolution, a classifier.

    Parameters
    ----------
    num_classes : int, default=1000
        Outputs of the classifier.
    width_mult : float, default=1.0
        α: scales the channels of every layer, rounded to multiples of 8; the last 1x1 convolution grows above 1 only.
    dropout : float, default=0.0
        Share of the features dropped before the classifier in training.

    Attributes
    ----------
    stem : ConvBNReLU
        3x3, stride 2, to 32 channels at width 1.
    blocks : Sequential of DepthwiseProjection (the first) and ConvDepthwiseConv
        The rows of ``specs.V2_SPEC``.
    head : ConvBNReLU
        1x1, to 1280 channels at width 1 and below.
    pool, dropout, classifier : Module
        Global average, dropout, linear layer.

    Shape
    -----
    (N, 3, H, W) -> (N, num_classes), with H and W at least 32.

    Raises
    ------
    TypeError, ValueError
        If num_classes is not a positive integer, width_mult is not a finite number above 0, or dropout is not in
        [0, 1]; on a call, if the input is not (N, 3, H, W) or is below 32 pixels a side.

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

    def __init__(self, num_classes: int = 1000, width_mult: float = 1.0, *, dropout: float = 0.0):
        super().__init__()
        positive_int(num_classes=num_classes)
        share(dropout=dropout)
        blocks = list(specs.v2_blocks(width_mult))
        head_channels = specs.v2_head_channels(width_mult)
        self.stem = ConvBNReLU(3, specs.stem_channels(width_mult), stride=2)
        self.blocks = nn.Sequential(*(bottleneck(*block) for block in blocks))
        self.head = ConvBNReLU(blocks[-1].out_channels, head_channels, kernel_size=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(head_channels, num_classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        check_image(x)
        x = self.head(self.blocks(self.stem(x)))
        return self.classifier(self.dropout(self.pool(x).flatten(1)))


def bottleneck(in_channels: int, expansion: int, out_channels: int, stride: int) -> nn.Module:
    """Return the block of one table row: without an expansion layer where there is nothing to expand.

    Parameters
    ----------
    in_channels, expansion, out_channels, stride : int
        A :class:`~mobilenet_lib.specs.V2Block`.

    Examples
    --------
    >>> type(bottleneck(32, 1, 16, 1)).__name__, type(bottleneck(16, 6, 24, 2)).__name__
    ('DepthwiseProjection', 'ConvDepthwiseConv')
    """
    if expansion == 1:
        return DepthwiseProjection(in_channels, out_channels, stride=stride)
    return ConvDepthwiseConv(in_channels, in_channels * expansion, out_channels, stride=stride)


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
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
            nn.init.zeros_(module.bias)


def check_image(x: object) -> None:
    """Require x to be a batch of colour images, (N, 3, H, W), of at least the network's stride.

    Raises
    ------
    TypeError, ValueError
        As :func:`~mobilenet_lib.layers.check_map`, or if H or W is below 32.

    Examples
    --------
    >>> import torch
    >>> check_image(torch.zeros(1, 3, 28, 28))
    Traceback (most recent call last):
        ...
    ValueError: x must be at least 32 pixels a side, got 28x28; the network halves the image until one pixel stands \
for 32: enlarge the image
    """
    check_map(x, in_channels=3)
    at_least(specs.TOTAL_STRIDE, (x.shape[2], x.shape[3]), "x")
