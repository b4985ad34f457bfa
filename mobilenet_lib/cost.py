"""What a block costs, by arithmetic alone: integers, no torch.

Everything rests on the cost of one convolution, :func:`conv`. A block is a list of convolutions, a network is a longer
list, and both are added up with ``+``.

One unit throughout: a MAC is one multiply-accumulate of a convolution or a linear layer. The additions of a residual
sum, BatchNorm, activations and pooling are not counted, as in the papers. Parameters count everything that is
trained: weights, the two vectors of each BatchNorm, and the classifier's bias.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from . import specs
from ._validation import at_least, odd_kernel, one_or_two, pair, positive_int, positive_ints

Size = int | tuple[int, int]


@dataclass(frozen=True)
class Cost:
    """Parameters and multiply-accumulates of a layer, a block or a network; adds with ``+``.

    Parameters
    ----------
    params : int, default=0
        Trained numbers.
    macs : int, default=0
        Multiply-accumulates for one image.

    Examples
    --------
    >>> Cost(params=10, macs=100) + Cost(params=1, macs=2)
    Cost(params=11, macs=102)
    >>> sum([Cost(1, 2), Cost(3, 4)], Cost())
    Cost(params=4, macs=6)
    """

    params: int = 0
    macs: int = 0

    def __add__(self, other: Cost) -> Cost:
        if not isinstance(other, Cost):
            return NotImplemented
        return Cost(self.params + other.params, self.macs + other.macs)


def conv(
    in_channels: int,
    out_channels: int,
    kernel_size: int = 3,
    out_size: Size = 1,
    groups: int = 1,
    bias: bool = False,
) -> Cost:
    """Cost of one convolution: the formula on which everything else rests.

    Parameters
    ----------
    in_channels, out_channels : int
        M and N.
    kernel_size : int, default=3
        D_K: the filter is D_K x D_K.
    out_size : int or (int, int), default=1
        D_F: height and width of the output, in pixels.
    groups : int, default=1
        1 is a standard convolution, in_channels a depthwise one.
    bias : bool, default=False
        Whether each output channel has a bias.

    Returns
    -------
    Cost
        params = D_K² · M/groups · N (+ N with a bias); macs = D_K² · M/groups · N · D_F².

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer, the kernel is even, or groups does not divide both channel counts.

    References
    ----------
    Howard et al. 2017, arXiv:1704.04861, section 3.1, equations 2 and 4.

    Examples
    --------
    >>> conv(64, 128, kernel_size=3, out_size=56)
    Cost(params=73728, macs=231211008)
    >>> conv(64, 64, kernel_size=3, out_size=56, groups=64)
    Cost(params=576, macs=1806336)
    """
    positive_int(in_channels=in_channels, out_channels=out_channels, groups=groups)
    odd_kernel(kernel_size)
    height, width = pair(out_size, "out_size")
    if in_channels % groups or out_channels % groups:
        raise ValueError(
            f"groups must divide in_channels and out_channels, got groups={groups} for {in_channels} and "
            f"{out_channels}; use 1 (standard) or in_channels (depthwise)"
        )
    # NumPy's integers are welcome, but would overflow.
    weights = int(kernel_size) ** 2 * int(in_channels // groups) * int(out_channels)
    return Cost(params=weights + int(bias) * int(out_channels), macs=weights * height * width)


class Layer(NamedTuple):
    """One convolution of a block, with the BatchNorm behind it: what a row of a cost table describes.

    Attributes
    ----------
    name : str
        Where it stands, as in the model: ``blocks.3.depthwise``.
    role : str
        What it is for: standard, depthwise, pointwise, expansion, projection or classifier (a palette name).
    in_channels, out_channels, kernel_size, stride, dilation, groups : int
        As in ``torch.nn.Conv2d``.
    in_size, out_size : (int, int)
        Height and width before and after, in pixels.
    norm, bias : bool
        Whether a BatchNorm follows; whether the convolution has a bias.

    Examples
    --------
    >>> head = mobilenet_v2_layers()[-2]
    >>> head.name, head.role, head.in_channels, head.out_channels, head.out_size
    ('head', 'pointwise', 320, 1280, (7, 7))
    >>> head.weights, head.params, head.macs, head.activations
    (409600, 412160, 20070400, 62720)
    """

    name: str
    role: str
    in_channels: int
    out_channels: int
    kernel_size: int
    stride: int
    dilation: int
    groups: int
    in_size: tuple[int, int]
    out_size: tuple[int, int]
    norm: bool
    bias: bool

    @property
    def cost(self) -> Cost:
        """Parameters (with BatchNorm's) and MACs."""
        own = conv(self.in_channels, self.out_channels, self.kernel_size, self.out_size, self.groups, self.bias)
        return own + batch_norm(self.out_channels) if self.norm else own

    @property
    def params(self) -> int:
        """Trained numbers: weights, bias, and BatchNorm's two vectors."""
        return self.cost.params

    @property
    def weights(self) -> int:
        """Weights of the convolution alone: what the papers' tables count."""
        return self.kernel_size**2 * (self.in_channels // self.groups) * self.out_channels

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image."""
        return self.cost.macs

    @property
    def activations(self) -> int:
        """Numbers in the output, for one image."""
        return self.out_channels * self.out_size[0] * self.out_size[1]


def total(layers: Iterable[Layer]) -> Cost:
    """Add up the cost of several layers.

    Examples
    --------
    >>> total(depthwise_separable_layers(32, 64, size=112)) == depthwise_separable(32, 64, size=112)
    True
    """
    return sum((layer.cost for layer in layers), Cost())


def batch_norm(channels: int) -> Cost:
    """Cost of a BatchNorm: a scale and a shift for each channel, and no MACs, since it folds into the convolution.

    Parameters
    ----------
    channels : int
        Channels of the map that it scales.

    Examples
    --------
    >>> batch_norm(64)
    Cost(params=128, macs=0)
    """
    positive_int(channels=channels)
    return Cost(params=2 * int(channels))


def linear(in_features: int, out_features: int, bias: bool = True) -> Cost:
    """Cost of a linear layer: a 1x1 convolution on a single pixel.

    Parameters
    ----------
    in_features, out_features : int
        Numbers before and after.
    bias : bool, default=True
        Whether each output has a bias, as in ``torch.nn.Linear``.

    Examples
    --------
    >>> linear(1280, 1000)
    Cost(params=1281000, macs=1280000)
    """
    return conv(in_features, out_features, kernel_size=1, out_size=1, bias=bias)


def conv_layer(
    name: str,
    role: str,
    in_channels: int,
    out_channels: int,
    size: Size,
    kernel_size: int = 1,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    norm: bool = True,
    bias: bool = False,
) -> Layer:
    """Describe one convolution with "same" padding, so that the output has ceil(size / stride) pixels a side.

    Parameters
    ----------
    name, role : str
        Where it stands and what it is for, as in :class:`Layer`.
    in_channels, out_channels : int
        M and N.
    size : int or (int, int)
        Height and width of the input, in pixels.
    kernel_size, stride, groups : int, default=1
        As in ``torch.nn.Conv2d``.
    dilation : int, default=1
        It changes neither parameters nor MACs and is kept so that a layer can be built from its row.
    norm : bool, default=True
        Whether a BatchNorm follows.
    bias : bool, default=False
        Whether the convolution has a bias.

    Raises
    ------
    TypeError, ValueError
        If a count is not a positive integer, the kernel is even, stride is not 1 or 2, or the map is smaller than
        the stride.

    Examples
    --------
    >>> conv_layer("stem", "standard", 3, 32, size=224, kernel_size=3, stride=2).out_size
    (112, 112)
    """
    one_or_two(stride)
    positive_int(dilation=dilation)
    height, width = pair(size)
    if min(height, width) < stride:
        raise ValueError(
            f"size must be at least the stride, got {height}x{width} for stride {stride}; "
            "use stride=1 or a larger feature map"
        )
    conv(in_channels, out_channels, kernel_size, 1, groups, bias)  # its checks come before a layer exists
    counts = (int(n) for n in (in_channels, out_channels, kernel_size, stride, dilation, groups))
    out_size = (-(-height // int(stride)), -(-width // int(stride)))
    return Layer(name, role, *counts, (height, width), out_size, norm, bias)


def standard_block_layers(
    in_channels: int, out_channels: int, size: Size, kernel_size: int = 3, stride: int = 1, dilation: int = 1
) -> list[Layer]:
    """Layers of a standard convolution block (:class:`~mobilenet_lib.ConvBNReLU`): just one.

    Parameters as :func:`standard_block`.

    Examples
    --------
    >>> [(row.name, row.macs) for row in standard_block_layers(64, 64, size=56)]
    [('conv', 115605504)]
    """
    return [conv_layer("conv", "standard", in_channels, out_channels, size, kernel_size, stride, dilation)]


def standard_block(
    in_channels: int, out_channels: int, size: Size, kernel_size: int = 3, stride: int = 1, dilation: int = 1
) -> Cost:
    """Cost of a standard convolution with its BatchNorm (:class:`~mobilenet_lib.ConvBNReLU`).

    Parameters
    ----------
    in_channels, out_channels : int
        M and N.
    size : int or (int, int)
        Height and width of the input, in pixels.
    kernel_size, stride, dilation : int
        As in the block.

    Returns
    -------
    Cost
        macs = D_K² · M · N · D_F², with D_F the output's side.

    Raises
    ------
    TypeError, ValueError
        As :func:`conv_layer`.

    References
    ----------
    Howard et al. 2017, arXiv:1704.04861, equation 2.

    Examples
    --------
    >>> standard_block(512, 512, size=14)
    Cost(params=2360320, macs=462422016)
    """
    return total(standard_block_layers(in_channels, out_channels, size, kernel_size, stride, dilation))


def depthwise_separable_layers(
    in_channels: int, out_channels: int, size: Size, kernel_size: int = 3, stride: int = 1, dilation: int = 1
) -> list[Layer]:
    """Layers of a :class:`~mobilenet_lib.DepthwiseSeparableConv`: depthwise, pointwise.

    Parameters as :func:`depthwise_separable`.

    Examples
    --------
    >>> [(row.name, row.macs) for row in depthwise_separable_layers(64, 64, size=56)]
    [('depthwise', 1806336), ('pointwise', 12845056)]
    """
    depthwise = conv_layer(
        "depthwise", "depthwise", in_channels, in_channels, size, kernel_size, stride, dilation, groups=in_channels
    )
    return [depthwise, conv_layer("pointwise", "pointwise", in_channels, out_channels, depthwise.out_size)]


def depthwise_separable(
    in_channels: int, out_channels: int, size: Size, kernel_size: int = 3, stride: int = 1, dilation: int = 1
) -> Cost:
    """Cost of a :class:`~mobilenet_lib.DepthwiseSeparableConv`.

    Parameters
    ----------
    in_channels, out_channels : int
        M and N.
    size : int or (int, int)
        Height and width of the input, in pixels.
    kernel_size, stride, dilation : int
        Of the depthwise layer.

    Returns
    -------
    Cost
        macs = D_F² · M · (D_K² + N), with D_F the output's side: 1/N + 1/D_K² of the standard convolution.

    Raises
    ------
    TypeError, ValueError
        As :func:`conv_layer`.

    References
    ----------
    Howard et al. 2017, arXiv:1704.04861, section 3.1, equation 5.

    Examples
    --------
    >>> depthwise_separable(512, 512, size=14)
    Cost(params=268800, macs=52283392)
    """
    return total(depthwise_separable_layers(in_channels, out_channels, size, kernel_size, stride, dilation))


def depthwise_projection_layers(
    in_channels: int, out_channels: int, size: Size, kernel_size: int = 3, stride: int = 1, dilation: int = 1
) -> list[Layer]:
    """Layers of a :class:`~mobilenet_lib.DepthwiseProjection`: depthwise, projection.

    Parameters as :func:`depthwise_separable`.

    Examples
    --------
    >>> [(row.name, row.role) for row in depthwise_projection_layers(32, 16, size=112)]
    [('depthwise', 'depthwise'), ('conv2', 'projection')]
    """
    depthwise = conv_layer(
        "depthwise", "depthwise", in_channels, in_channels, size, kernel_size, stride, dilation, groups=in_channels
    )
    return [depthwise, conv_layer("conv2", "projection", in_channels, out_channels, depthwise.out_size)]


def depthwise_projection(
    in_channels: int, out_channels: int, size: Size, kernel_size: int = 3, stride: int = 1, dilation: int = 1
) -> Cost:
    """Cost of a :class:`~mobilenet_lib.DepthwiseProjection`, MobileNetV2's first block.

    The count equals that of a depthwise separable block: leaving out an activation costs nothing. Parameters as
    :func:`depthwise_separable`.

    Raises
    ------
    TypeError, ValueError
        As :func:`conv_layer`.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, table 2, the row with t = 1.

    Examples
    --------
    >>> depthwise_projection(32, 16, size=112)
    Cost(params=896, macs=10035200)
    """
    return total(depthwise_projection_layers(in_channels, out_channels, size, kernel_size, stride, dilation))


def inverted_residual_layers(
    in_channels: int,
    mid_channels: int,
    out_channels: int,
    size: Size,
    kernel_size: int = 3,
    stride: int = 1,
    dilation: int = 1,
) -> list[Layer]:
    """Layers of a :class:`~mobilenet_lib.ConvDepthwiseConv`: expansion, depthwise, projection.

    Parameters as :func:`inverted_residual`.

    Examples
    --------
    >>> [row.weights for row in inverted_residual_layers(24, 144, 24, size=56)]
    [3456, 1296, 3456]
    """
    positive_int(in_channels=in_channels, mid_channels=mid_channels, out_channels=out_channels)
    expansion = conv_layer("conv1", "expansion", in_channels, mid_channels, size)
    return [expansion, *depthwise_projection_layers(mid_channels, out_channels, size, kernel_size, stride, dilation)]


def inverted_residual(
    in_channels: int,
    mid_channels: int,
    out_channels: int,
    size: Size,
    kernel_size: int = 3,
    stride: int = 1,
    dilation: int = 1,
) -> Cost:
    """Cost of a :class:`~mobilenet_lib.ConvDepthwiseConv`, the inverted residual.

    Parameters
    ----------
    in_channels, mid_channels, out_channels : int
        The thin input, the fat middle, the thin output; mid_channels is t · in_channels in the paper.
    size : int or (int, int)
        Height and width of the input, in pixels.
    kernel_size, stride, dilation : int
        Of the depthwise layer.

    Returns
    -------
    Cost
        With stride 1, macs = h · w · mid · (in + k² + out). With stride 2 the expansion still runs on the large map.

    Raises
    ------
    TypeError, ValueError
        As :func:`conv_layer`.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, section 3.3 and table 1.

    Examples
    --------
    >>> inverted_residual(24, 144, 24, size=56)
    Cost(params=8832, macs=25740288)
    """
    return total(
        inverted_residual_layers(in_channels, mid_channels, out_channels, size, kernel_size, stride, dilation)
    )


def squeeze_excite_layers(channels: int, squeeze_channels: int) -> list[Layer]:
    """Layers of a :class:`~mobilenet_lib.SqueezeExcite`: down to a few channels and up again, on a single pixel.

    Parameters as :func:`squeeze_excite`.

    Examples
    --------
    >>> [(row.name, row.params) for row in squeeze_excite_layers(72, 24)]
    [('reduce', 1752), ('expand', 1800)]
    """
    positive_int(channels=channels, squeeze_channels=squeeze_channels)
    return [
        conv_layer("reduce", "pointwise", channels, squeeze_channels, size=1, norm=False, bias=True),
        conv_layer("expand", "pointwise", squeeze_channels, channels, size=1, norm=False, bias=True),
    ]


def squeeze_excite(channels: int, squeeze_channels: int) -> Cost:
    """Cost of a :class:`~mobilenet_lib.SqueezeExcite`, on a map of any size.

    Parameters
    ----------
    channels : int
        Of the map.
    squeeze_channels : int
        Of the narrow middle.

    Returns
    -------
    Cost
        macs = 2 · channels · squeeze. The average before and the product after are not counted, as nowhere here.

    Raises
    ------
    TypeError, ValueError
        If a count is not a positive integer.

    References
    ----------
    Hu et al. 2018, arXiv:1709.01507, section 4; Howard et al. 2019, arXiv:1905.02244, section 5.3.

    Examples
    --------
    >>> squeeze_excite(72, 24)
    Cost(params=3552, macs=3456)
    """
    return total(squeeze_excite_layers(channels, squeeze_channels))


def inverted_residual_se_layers(
    in_channels: int,
    mid_channels: int,
    out_channels: int,
    squeeze_channels: int,
    size: Size,
    kernel_size: int = 3,
    stride: int = 1,
    dilation: int = 1,
) -> list[Layer]:
    """Layers of an :class:`~mobilenet_lib.InvertedResidualSE`: expansion, depthwise, reduce, expand, projection.

    Parameters as :func:`inverted_residual_se`.

    Examples
    --------
    >>> [row.name for row in inverted_residual_se_layers(80, 480, 112, 120, size=14)]
    ['conv1', 'depthwise', 'se.reduce', 'se.expand', 'conv2']
    """
    *before, projection = inverted_residual_layers(
        in_channels, mid_channels, out_channels, size, kernel_size, stride, dilation
    )
    return [*before, *_prefixed("se", squeeze_excite_layers(mid_channels, squeeze_channels)), projection]


def inverted_residual_se(
    in_channels: int,
    mid_channels: int,
    out_channels: int,
    squeeze_channels: int,
    size: Size,
    kernel_size: int = 3,
    stride: int = 1,
    dilation: int = 1,
) -> Cost:
    """Cost of an :class:`~mobilenet_lib.InvertedResidualSE`, MobileNetV3's block.

    Parameters
    ----------
    in_channels, mid_channels, out_channels : int
        The thin input, the fat middle, the thin output.
    squeeze_channels : int
        Of the squeeze-and-excitation.
    size : int or (int, int)
        Height and width of the input, in pixels.
    kernel_size, stride, dilation : int
        Of the depthwise layer.

    Returns
    -------
    Cost
        That of :func:`inverted_residual` and :func:`squeeze_excite` together.

    Raises
    ------
    TypeError, ValueError
        As :func:`conv_layer`.

    References
    ----------
    Howard et al. 2019, arXiv:1905.02244, figure 4.

    Examples
    --------
    >>> inverted_residual_se(80, 480, 112, 120, size=14)
    Cost(params=214424, macs=19025280)
    """
    ends = (in_channels, mid_channels, out_channels, squeeze_channels)
    return total(inverted_residual_se_layers(*ends, size, kernel_size, stride, dilation))


def bottleneck_layers(
    in_channels: int,
    mid_channels: int,
    out_channels: int,
    size: Size,
    kernel_size: int = 3,
    stride: int = 1,
    dilation: int = 1,
) -> list[Layer]:
    """Layers of the classical residual bottleneck: 1x1 to fewer channels, k x k standard, 1x1 to more.

    Parameters as :func:`bottleneck`.

    Examples
    --------
    >>> [row.weights for row in bottleneck_layers(256, 64, 256, size=56)]
    [16384, 36864, 16384]
    """
    positive_int(in_channels=in_channels, mid_channels=mid_channels, out_channels=out_channels)
    reduce = conv_layer("reduce", "pointwise", in_channels, mid_channels, size)
    spatial = conv_layer("conv", "standard", mid_channels, mid_channels, size, kernel_size, stride, dilation)
    return [reduce, spatial, conv_layer("restore", "pointwise", mid_channels, out_channels, spatial.out_size)]


def bottleneck(
    in_channels: int,
    mid_channels: int,
    out_channels: int,
    size: Size,
    kernel_size: int = 3,
    stride: int = 1,
    dilation: int = 1,
) -> Cost:
    """Cost of the classical residual bottleneck that the inverted residual turns inside out.

    Parameters
    ----------
    in_channels, mid_channels, out_channels : int
        Wide, narrow, wide: 256, 64, 256 in ResNet-50's first stage.
    size : int or (int, int)
        Height and width of the input, in pixels.
    kernel_size, stride, dilation : int
        Of the middle convolution.

    Returns
    -------
    Cost
        With stride 1, macs = h · w · mid · (in + k² · mid + out).

    Raises
    ------
    TypeError, ValueError
        As :func:`conv_layer`.

    References
    ----------
    He et al. 2016, arXiv:1512.03385, section 4.1, figure 5.

    Examples
    --------
    >>> bottleneck(256, 64, 256, size=56)
    Cost(params=70400, macs=218365952)
    """
    return total(bottleneck_layers(in_channels, mid_channels, out_channels, size, kernel_size, stride, dilation))


def _prefixed(prefix: str, layers: list[Layer]) -> list[Layer]:
    return [layer._replace(name=f"{prefix}.{layer.name}") for layer in layers]


def _stem(width_mult: float, resolution: Size) -> Layer:
    size = pair(resolution, "resolution")
    at_least(specs.TOTAL_STRIDE, size)
    return conv_layer("stem", "standard", 3, specs.stem_channels(width_mult), size, kernel_size=3, stride=2)


def _classifier(in_features: int, num_classes: int) -> Layer:
    positive_int(num_classes=num_classes)
    return conv_layer("classifier", "classifier", in_features, num_classes, size=1, norm=False, bias=True)


def _v1_trunk(width_mult: float, resolution: Size, output_stride: int) -> list[Layer]:
    layers = [_stem(width_mult, resolution)]
    for i, (block, dilation) in enumerate(specs.dilate(specs.v1_blocks(width_mult), output_stride)):
        ends, size = (block.in_channels, block.out_channels), layers[-1].out_size
        parts = depthwise_separable_layers(*ends, size, stride=block.stride, dilation=dilation)
        layers += _prefixed(f"blocks.{i}", parts)
    return layers


def _v2_trunk(
    width_mult: float, resolution: Size, output_stride: int, spec: Iterable[specs.V2Row] = specs.V2_SPEC
) -> list[Layer]:
    layers = [_stem(width_mult, resolution)]
    for i, (block, dilation) in enumerate(specs.dilate(specs.v2_blocks(width_mult, spec), output_stride)):
        ends, size = (block.in_channels, block.out_channels), layers[-1].out_size
        if block.expansion == 1:
            parts = depthwise_projection_layers(*ends, size, stride=block.stride, dilation=dilation)
        else:
            ends = (ends[0], block.in_channels * block.expansion, ends[1])
            parts = inverted_residual_layers(*ends, size, stride=block.stride, dilation=dilation)
        layers += _prefixed(f"blocks.{i}", parts)
    return layers


def mobilenet_v1_layers(
    width_mult: float = 1.0, resolution: Size = 224, num_classes: int = 1000, *, output_stride: int = 32
) -> list[Layer]:
    """Every convolution and the classifier of a :class:`~mobilenet_lib.MobileNetV1`, in order.

    Parameters as :func:`mobilenet_v1`.

    Examples
    --------
    >>> [layer.name for layer in mobilenet_v1_layers()[:3]]
    ['stem', 'blocks.0.depthwise', 'blocks.0.pointwise']
    """
    layers = _v1_trunk(width_mult, resolution, output_stride)
    return [*layers, _classifier(layers[-1].out_channels, num_classes)]


def mobilenet_v1(
    width_mult: float = 1.0, resolution: Size = 224, num_classes: int = 1000, *, output_stride: int = 32
) -> Cost:
    """Cost of a whole MobileNetV1 for one image.

    Parameters
    ----------
    width_mult : float, default=1.0
        α: scales every layer's channels.
    resolution : int or (int, int), default=224
        Height and width of the image, in pixels, at least 32.
    num_classes : int, default=1000
        Outputs of the classifier.
    output_stride : {32, 16, 8}, default=32
        Image pixels to one pixel of the last map; below 32 the maps are larger, and the parameters as many.

    Raises
    ------
    TypeError, ValueError
        If width_mult is not a finite number above 0, the image is below 32 pixels, num_classes is not positive, or
        output_stride is not 32, 16 or 8.

    References
    ----------
    Howard et al. 2017, arXiv:1704.04861, tables 1, 6 and 7.

    Examples
    --------
    >>> mobilenet_v1()
    Cost(params=4231976, macs=568740352)
    """
    return total(mobilenet_v1_layers(width_mult, resolution, num_classes, output_stride=output_stride))


def mobilenet_v2_layers(
    width_mult: float = 1.0,
    resolution: Size = 224,
    num_classes: int = 1000,
    spec: Iterable[specs.V2Row] = specs.V2_SPEC,
    *,
    output_stride: int = 32,
) -> list[Layer]:
    """Every convolution and the classifier of a :class:`~mobilenet_lib.MobileNetV2`, in order.

    Parameters as :func:`mobilenet_v2`.

    Examples
    --------
    >>> [layer.name for layer in mobilenet_v2_layers()[:4]]
    ['stem', 'blocks.0.depthwise', 'blocks.0.conv2', 'blocks.1.conv1']
    >>> total(mobilenet_v2_layers(spec=specs.v2_spec(3))).macs
    171498944
    """
    layers = _v2_trunk(width_mult, resolution, output_stride, spec)
    last = layers[-1]
    head = conv_layer("head", "pointwise", last.out_channels, specs.v2_head_channels(width_mult), last.out_size)
    return [*layers, head, _classifier(head.out_channels, num_classes)]


def mobilenet_v2(
    width_mult: float = 1.0,
    resolution: Size = 224,
    num_classes: int = 1000,
    spec: Iterable[specs.V2Row] = specs.V2_SPEC,
    *,
    output_stride: int = 32,
) -> Cost:
    """Cost of a whole MobileNetV2 for one image.

    Parameters
    ----------
    width_mult : float, default=1.0
        α: scales every layer's channels, the last 1x1 convolution only when above 1.
    resolution : int or (int, int), default=224
        Height and width of the image, in pixels, at least 32.
    num_classes : int, default=1000
        Outputs of the classifier.
    spec : iterable of V2Row, default=specs.V2_SPEC
        The rows of its table; :func:`mobilenet_lib.specs.v2_spec` has them with another expansion.
    output_stride : {32, 16, 8}, default=32
        Image pixels to one pixel of the last map; below 32 the maps are larger, and the parameters as many.

    Raises
    ------
    TypeError, ValueError
        If width_mult is not a finite number above 0, the image is below 32 pixels, num_classes is not positive, or
        output_stride is not 32, 16 or 8.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, table 2.

    Examples
    --------
    >>> mobilenet_v2()
    Cost(params=3504872, macs=300774272)
    >>> mobilenet_v2(output_stride=16)
    Cost(params=3504872, macs=537159680)
    """
    return total(mobilenet_v2_layers(width_mult, resolution, num_classes, spec, output_stride=output_stride))


def lraspp_layers(
    num_classes: int,
    width_mult: float = 1.0,
    resolution: Size = 224,
    *,
    mid_channels: int = 128,
    output_stride: int = 16,
) -> list[Layer]:
    """Every convolution of a :class:`~mobilenet_lib.topics.segmentation.LRASPP` on a MobileNetV2, in order.

    Parameters as :func:`lraspp`.

    Examples
    --------
    >>> [(layer.name, layer.out_size) for layer in lraspp_layers(21)[-4:]]
    [('head.high', (14, 14)), ('head.gate.1', (1, 1)),
     ('head.low_classifier', (28, 28)), ('head.high_classifier', (28, 28))]
    """
    positive_int(num_classes=num_classes, mid_channels=mid_channels)
    layers = _v2_trunk(width_mult, resolution, output_stride)
    end = next(level.end for level in specs.levels(specs.v2_blocks(width_mult)) if level.reduction == 8)
    low = next(layer for layer in layers if layer.name == f"blocks.{end}.conv2")
    high = layers[-1]
    parts = [
        conv_layer("high", "pointwise", high.out_channels, mid_channels, high.out_size),
        conv_layer("gate.1", "pointwise", high.out_channels, mid_channels, size=1, norm=False),
        conv_layer("low_classifier", "classifier", low.out_channels, num_classes, low.out_size, norm=False, bias=True),
        conv_layer("high_classifier", "classifier", mid_channels, num_classes, low.out_size, norm=False, bias=True),
    ]
    return [*layers, *_prefixed("head", parts)]


def lraspp(
    num_classes: int,
    width_mult: float = 1.0,
    resolution: Size = 224,
    *,
    mid_channels: int = 128,
    output_stride: int = 16,
) -> Cost:
    """Cost of a whole :class:`~mobilenet_lib.topics.segmentation.LRASPP` on a MobileNetV2, for one image.

    Parameters
    ----------
    num_classes : int
        Maps that come out, the background's included.
    width_mult : float, default=1.0
        α of the backbone.
    resolution : int or (int, int), default=224
        Height and width of the image, in pixels, at least 32.
    mid_channels : int, default=128
        Of the head.
    output_stride : {32, 16, 8}, default=16
        Of the backbone.

    Returns
    -------
    Cost
        Convolutions, as everywhere; bilinear resizing is not counted.

    Raises
    ------
    TypeError, ValueError
        As :func:`mobilenet_v2`, or if mid_channels is not a positive integer.

    References
    ----------
    Howard et al. 2019, arXiv:1905.02244, section 6.4 and figure 10.

    Examples
    --------
    >>> lraspp(21)
    Cost(params=1897290, macs=466301440)
    """
    options = {"mid_channels": mid_channels, "output_stride": output_stride}
    return total(lraspp_layers(num_classes, width_mult, resolution, **options))


def deeplab_v3_layers(
    num_classes: int,
    width_mult: float = 1.0,
    resolution: Size = 224,
    *,
    mid_channels: int = 256,
    rates: Iterable[int] = (6, 12, 18),
    output_stride: int = 16,
) -> list[Layer]:
    """Every convolution of a :class:`~mobilenet_lib.topics.segmentation.DeepLabV3` on a MobileNetV2, in order.

    Parameters as :func:`deeplab_v3`.

    Examples
    --------
    >>> [(layer.name, layer.dilation) for layer in deeplab_v3_layers(21)[-8:]]
    [('head.branches.0', 1), ('head.branches.1', 6), ('head.branches.2', 12), ('head.branches.3', 18),
     ('head.context.1', 1), ('head.project.0', 1), ('head.conv', 1), ('head.classifier', 1)]
    """
    positive_int(num_classes=num_classes, mid_channels=mid_channels)
    rates = positive_ints("rates", rates)
    layers = _v2_trunk(width_mult, resolution, output_stride)
    n, size = layers[-1].out_channels, layers[-1].out_size
    parts = [conv_layer("branches.0", "pointwise", n, mid_channels, size)]
    for i, rate in enumerate(rates):
        parts.append(conv_layer(f"branches.{i + 1}", "standard", n, mid_channels, size, kernel_size=3, dilation=rate))
    parts += [
        conv_layer("context.1", "pointwise", n, mid_channels, size=1),
        conv_layer("project.0", "pointwise", (len(rates) + 2) * mid_channels, mid_channels, size),
        conv_layer("conv", "standard", mid_channels, mid_channels, size, kernel_size=3),
        conv_layer("classifier", "classifier", mid_channels, num_classes, size, norm=False, bias=True),
    ]
    return [*layers, *_prefixed("head", parts)]


def deeplab_v3(
    num_classes: int,
    width_mult: float = 1.0,
    resolution: Size = 224,
    *,
    mid_channels: int = 256,
    rates: Iterable[int] = (6, 12, 18),
    output_stride: int = 16,
) -> Cost:
    """Cost of a whole :class:`~mobilenet_lib.topics.segmentation.DeepLabV3` on a MobileNetV2, for one image.

    Parameters
    ----------
    num_classes : int
        Maps that come out, the background's included.
    width_mult : float, default=1.0
        α of the backbone.
    resolution : int or (int, int), default=224
        Height and width of the image, in pixels, at least 32.
    mid_channels : int, default=256
        Of the head.
    rates : iterable of int, default=(6, 12, 18)
        Dilation of each atrous branch; they change no cost, their number does.
    output_stride : {32, 16, 8}, default=16
        Of the backbone.

    Returns
    -------
    Cost
        Convolutions, as everywhere; bilinear resizing is not counted.

    Raises
    ------
    TypeError, ValueError
        As :func:`mobilenet_v2`, or if mid_channels or a rate is not a positive integer.

    References
    ----------
    Chen et al. 2017, arXiv:1706.05587, section 3.3; Sandler et al. 2018, arXiv:1801.04381, section 6.3.

    Examples
    --------
    >>> deeplab_v3(21)
    Cost(params=5113877, macs=1086141440)
    """
    options = {"mid_channels": mid_channels, "rates": rates, "output_stride": output_stride}
    return total(deeplab_v3_layers(num_classes, width_mult, resolution, **options))
