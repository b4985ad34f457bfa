"""What a block costs, by arithmetic alone: integers, no torch.

Everything rests on the cost of one convolution, a :class:`Layer`. A block is a list of them, a network is a longer
list, and a closed form adds its list up. What is public checks what it is given, once; what is private trusts it.

One unit throughout: a MAC is one multiply-accumulate of a convolution or a linear layer. The additions of a residual
sum, BatchNorm, activations and pooling are not counted, as in the papers. Parameters count everything that is
trained: weights, the two vectors of each BatchNorm, and the classifier's bias.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple, ParamSpec

from . import _validation as check
from . import specs
from ._composed import composed

Size = int | tuple[int, int]
Pixels = tuple[int, int]


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

    def __post_init__(self) -> None:
        params, macs = check.zero_or_more(params=self.params, macs=self.macs)
        object.__setattr__(self, "params", params)  # the dataclass is frozen
        object.__setattr__(self, "macs", macs)

    def __add__(self, other: Cost) -> Cost:
        if not isinstance(other, Cost):
            return NotImplemented
        return Cost(self.params + other.params, self.macs + other.macs)


_NORM = 2  # numbers that BatchNorm trains for each channel: a scale and a shift


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
    >>> head.weights, head.params, head.macs, head.inputs, head.activations
    (409600, 412160, 20070400, 15680, 62720)
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
    def weights(self) -> int:
        """Weights of the convolution alone, D_K² · M/groups · N: what the papers' tables count."""
        return self.kernel_size**2 * (self.in_channels // self.groups) * self.out_channels

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image: each weight is used once for each pixel of the output."""
        return self.weights * prod(self.out_size)

    @property
    def params(self) -> int:
        """Trained numbers: weights, bias, and BatchNorm's two vectors."""
        return self.weights + self.out_channels * (self.bias + _NORM * self.norm)

    @property
    def cost(self) -> Cost:
        """Parameters (with BatchNorm's) and MACs."""
        return Cost(self.params, self.macs)

    @property
    def inputs(self) -> int:
        """Numbers in the input, for one image."""
        return self.in_channels * prod(self.in_size)

    @property
    def activations(self) -> int:
        """Numbers in the output, for one image."""
        return self.out_channels * prod(self.out_size)


def conv(
    in_channels: int, out_channels: int, kernel_size: int = 3, out_size: Size = 1, groups: int = 1, bias: bool = False
) -> Cost:
    """Cost of one convolution: what everything else rests on.

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
        If a count is not a positive integer, the kernel is even, groups does not divide both channel counts, or bias is
        not True or False.

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
    m, n = check.positive_int(in_channels=in_channels, out_channels=out_channels)
    size, k, groups = check.pair(out_size, "out_size"), check.odd_kernel(kernel_size), check.divides(groups, m, n)
    (bias,) = check.flag(bias=bias)
    return _layer("conv", "standard", m, n, size, k, groups=groups, norm=False, bias=bias).cost


def total(layers: Iterable[Layer]) -> Cost:
    """Add up the cost of several layers.

    Parameters
    ----------
    layers : iterable of Layer
        What the functions here that end in ``_layers`` return.

    Returns
    -------
    Cost
        Parameters, and MACs for one image.

    Raises
    ------
    TypeError
        If layers does not hold layers.

    Examples
    --------
    >>> total(depthwise_separable_layers(32, 64, size=112)) == depthwise_separable(32, 64, size=112)
    True
    """
    rows = check.instances("layers", layers, Layer, "cost.mobilenet_v2_layers() returns such")
    return Cost(sum(row.params for row in rows), sum(row.macs for row in rows))


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
    (n,) = check.positive_int(channels=channels)
    return Cost(params=_NORM * n)


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
    m, n = check.positive_int(in_features=in_features, out_features=out_features)
    (bias,) = check.flag(bias=bias)
    return _layer("linear", "classifier", m, n, (1, 1), norm=False, bias=bias).cost


def conv_layer(
    name: str, role: str, in_channels: int, out_channels: int, size: Size, kernel_size: int = 1, stride: int = 1,
    dilation: int = 1, groups: int = 1, norm: bool = True, bias: bool = False,
) -> Layer:  # fmt: skip
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
    name, role = check.string(name=name, role=role)
    m, n = check.positive_int(in_channels=in_channels, out_channels=out_channels)
    norm, bias = check.flag(norm=norm, bias=bias)
    where = _filter(size, kernel_size, stride, dilation)
    return _layer(name, role, m, n, *where, check.divides(groups, m, n), norm, bias)


def _filter(size: object, kernel_size: object, stride: object, dilation: object) -> tuple[Pixels, int, int, int]:
    """Check what a filter does to a map, for all functions below."""
    step, (rate,), (height, width) = check.one_or_two(stride), check.positive_int(dilation=dilation), check.pair(size)
    if min(height, width) < step:
        raise ValueError(
            f"size must be at least the stride, got {height}x{width} for stride {step}; "
            "use stride=1 or a larger feature map"
        )
    return (height, width), check.odd_kernel(kernel_size), step, rate


def _layer(
    name: str, role: str, m: int, n: int, size: Pixels, kernel_size: int = 1, stride: int = 1, dilation: int = 1,
    groups: int = 1, norm: bool = True, bias: bool = False,
) -> Layer:  # fmt: skip
    out_size = (-(-size[0] // stride), -(-size[1] // stride))
    return Layer(name, role, m, n, kernel_size, stride, dilation, groups, size, out_size, norm, bias)


def _prefixed(prefix: str, layers: list[Layer]) -> list[Layer]:
    return [layer._replace(name=f"{prefix}.{layer.name}") for layer in layers]


P = ParamSpec("P")


def _adding_up(layers: Callable[P, list[Layer]], *twins: Callable) -> Callable[P, Cost]:
    """Return the closed form that adds up what a function returns; where that one's help is silent, a twin's speaks."""
    name = layers.__name__.removesuffix("_layers")
    return composed(name, total, layers, "Cost of", *twins, conv_layer, total)


def standard_block_layers(
    in_channels: int, out_channels: int, size: Size, kernel_size: int = 3, stride: int = 1, dilation: int = 1
) -> list[Layer]:
    """The layers of a standard convolution block (:class:`~mobilenet_lib.ConvBNReLU`): just one.

    macs = D_K² · M · N · D_F², with D_F the output's side.

    Parameters
    ----------
    in_channels, out_channels : int
        M and N.
    size : int or (int, int)
        Height and width of the input, in pixels.
    kernel_size, stride, dilation : int
        Of the block's one filter that sees more than a pixel.

    References
    ----------
    Howard et al. 2017, arXiv:1704.04861, equation 2.

    Examples
    --------
    >>> [(row.name, row.macs) for row in standard_block_layers(64, 64, size=56)]
    [('conv', 115605504)]
    >>> standard_block(512, 512, size=14)
    Cost(params=2360320, macs=462422016)
    """
    m, n = check.positive_int(in_channels=in_channels, out_channels=out_channels)
    return [_layer("conv", "standard", m, n, *_filter(size, kernel_size, stride, dilation))]


standard_block = _adding_up(standard_block_layers)


def depthwise_separable_layers(
    in_channels: int, out_channels: int, size: Size, kernel_size: int = 3, stride: int = 1, dilation: int = 1
) -> list[Layer]:
    """The layers of a :class:`~mobilenet_lib.DepthwiseSeparableConv`: depthwise, pointwise.

    macs = D_F² · M · (D_K² + N), with D_F the output's side: 1/N + 1/D_K² of the standard convolution.

    Parameters as :func:`standard_block_layers`.

    References
    ----------
    Howard et al. 2017, arXiv:1704.04861, section 3.1, equation 5.

    Examples
    --------
    >>> [(row.name, row.macs) for row in depthwise_separable_layers(64, 64, size=56)]
    [('depthwise', 1806336), ('pointwise', 12845056)]
    >>> depthwise_separable(512, 512, size=14)
    Cost(params=268800, macs=52283392)
    """
    m, n = check.positive_int(in_channels=in_channels, out_channels=out_channels)
    return _separable(m, n, *_filter(size, kernel_size, stride, dilation))


def _separable(m: int, n: int, size: Pixels, kernel_size: int, stride: int, dilation: int) -> list[Layer]:
    depthwise = _layer("depthwise", "depthwise", m, m, size, kernel_size, stride, dilation, groups=m)
    return [depthwise, _layer("pointwise", "pointwise", m, n, depthwise.out_size)]


depthwise_separable = _adding_up(depthwise_separable_layers, standard_block_layers)


def depthwise_projection_layers(
    in_channels: int, out_channels: int, size: Size, kernel_size: int = 3, stride: int = 1, dilation: int = 1
) -> list[Layer]:
    """The layers of a :class:`~mobilenet_lib.DepthwiseProjection`, MobileNetV2's first block: depthwise, projection.

    As many as in a depthwise separable block: leaving out an activation costs nothing.

    Parameters as :func:`standard_block_layers`.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, table 2, the row with t = 1.

    Examples
    --------
    >>> [(row.name, row.role) for row in depthwise_projection_layers(32, 16, size=112)]
    [('depthwise', 'depthwise'), ('conv2', 'projection')]
    >>> depthwise_projection(32, 16, size=112)
    Cost(params=896, macs=10035200)
    """
    m, n = check.positive_int(in_channels=in_channels, out_channels=out_channels)
    return _projection(m, n, *_filter(size, kernel_size, stride, dilation))


def _projection(m: int, n: int, size: Pixels, kernel_size: int, stride: int, dilation: int) -> list[Layer]:
    depthwise, pointwise = _separable(m, n, size, kernel_size, stride, dilation)
    return [depthwise, pointwise._replace(name="conv2", role="projection")]


depthwise_projection = _adding_up(depthwise_projection_layers, standard_block_layers)


def inverted_residual_layers(
    in_channels: int, mid_channels: int, out_channels: int, size: Size, kernel_size: int = 3, stride: int = 1,
    dilation: int = 1,
) -> list[Layer]:  # fmt: skip
    """The layers of a :class:`~mobilenet_lib.ConvDepthwiseConv`, the inverted residual.

    With stride 1, macs = h · w · mid · (in + k² + out). With stride 2 the expansion still runs on the large map.

    Parameters
    ----------
    in_channels, mid_channels, out_channels : int
        The thin input, the fat middle, the thin output; mid_channels is t · in_channels in the paper.
    size : int or (int, int)
        Height and width of the input, in pixels.
    kernel_size, stride, dilation : int
        Of the depthwise layer.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, section 3.3 and table 1.

    Examples
    --------
    >>> [row.weights for row in inverted_residual_layers(24, 144, 24, size=56)]
    [3456, 1296, 3456]
    >>> inverted_residual(24, 144, 24, size=56)
    Cost(params=8832, macs=25740288)
    """
    m, mid, n = check.positive_int(in_channels=in_channels, mid_channels=mid_channels, out_channels=out_channels)
    return _inverted(m, mid, n, *_filter(size, kernel_size, stride, dilation))


def _inverted(m: int, mid: int, n: int, size: Pixels, kernel_size: int, stride: int, dilation: int) -> list[Layer]:
    expansion = _layer("conv1", "expansion", m, mid, size)
    return [expansion, *_projection(mid, n, size, kernel_size, stride, dilation)]


inverted_residual = _adding_up(inverted_residual_layers)


def squeeze_excite_layers(channels: int, squeeze_channels: int) -> list[Layer]:
    """The layers of a :class:`~mobilenet_lib.SqueezeExcite`: down to a few channels and up again, on a single pixel.

    macs = 2 · channels · squeeze, on a map of any size. The average before and the product after are not counted, as
    nowhere here.

    Parameters
    ----------
    channels : int
        Of the map.
    squeeze_channels : int
        Of the narrow middle.

    References
    ----------
    Hu et al. 2018, arXiv:1709.01507, section 4; Howard et al. 2019, arXiv:1905.02244, section 5.3.

    Examples
    --------
    >>> [(row.name, row.params) for row in squeeze_excite_layers(72, 24)]
    [('reduce', 1752), ('expand', 1800)]
    >>> squeeze_excite(72, 24)
    Cost(params=3552, macs=3456)
    """
    wide, narrow = check.positive_int(channels=channels, squeeze_channels=squeeze_channels)
    return [
        _layer("reduce", "pointwise", wide, narrow, (1, 1), norm=False, bias=True),
        _layer("expand", "pointwise", narrow, wide, (1, 1), norm=False, bias=True),
    ]


squeeze_excite = _adding_up(squeeze_excite_layers)


def inverted_residual_se_layers(
    in_channels: int, mid_channels: int, out_channels: int, squeeze_channels: int, size: Size, kernel_size: int = 3,
    stride: int = 1, dilation: int = 1,
) -> list[Layer]:  # fmt: skip
    """The layers of an :class:`~mobilenet_lib.InvertedResidualSE`, MobileNetV3's block.

    Those of :func:`inverted_residual_layers` and of :func:`squeeze_excite_layers` together.

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

    References
    ----------
    Howard et al. 2019, arXiv:1905.02244, figure 4.

    Examples
    --------
    >>> [row.name for row in inverted_residual_se_layers(80, 480, 112, 120, size=14)]
    ['conv1', 'depthwise', 'se.reduce', 'se.expand', 'conv2']
    >>> inverted_residual_se(80, 480, 112, 120, size=14)
    Cost(params=214424, macs=19025280)
    """
    m, mid, n = check.positive_int(in_channels=in_channels, mid_channels=mid_channels, out_channels=out_channels)
    *before, projection = _inverted(m, mid, n, *_filter(size, kernel_size, stride, dilation))
    return [*before, *_prefixed("se", squeeze_excite_layers(mid, squeeze_channels)), projection]


inverted_residual_se = _adding_up(inverted_residual_se_layers)


def bottleneck_layers(
    in_channels: int, mid_channels: int, out_channels: int, size: Size, kernel_size: int = 3, stride: int = 1,
    dilation: int = 1,
) -> list[Layer]:  # fmt: skip
    """The layers of ResNet's bottleneck, which the inverted residual turns inside out: 1x1, k x k standard, 1x1.

    With stride 1, macs = h · w · mid · (in + k² · mid + out).

    Parameters
    ----------
    in_channels, mid_channels, out_channels : int
        Wide, narrow, wide: 256, 64, 256 in ResNet-50's first stage.
    size : int or (int, int)
        Height and width of the input, in pixels.
    kernel_size, stride, dilation : int
        Of the middle convolution.

    References
    ----------
    He et al. 2016, arXiv:1512.03385, section 4.1, figure 5.

    Examples
    --------
    >>> [row.weights for row in bottleneck_layers(256, 64, 256, size=56)]
    [16384, 36864, 16384]
    >>> bottleneck(256, 64, 256, size=56)
    Cost(params=70400, macs=218365952)
    """
    m, mid, n = check.positive_int(in_channels=in_channels, mid_channels=mid_channels, out_channels=out_channels)
    spatial = _layer("conv", "standard", mid, mid, *_filter(size, kernel_size, stride, dilation))
    reduce = _layer("reduce", "pointwise", m, mid, spatial.in_size)
    return [reduce, spatial, _layer("restore", "pointwise", mid, n, spatial.out_size)]


bottleneck = _adding_up(bottleneck_layers)


def _trunk(
    blocks: Sequence[specs.V1Block | specs.V2Block], resolution: Size, output_stride: int, in_channels: int
) -> list[Layer]:
    """Return the layers of a network's stem and blocks."""
    size, (channels,) = check.pair(resolution, "resolution"), check.positive_int(in_channels=in_channels)
    check.at_least(specs.levels(blocks, output_stride)[-1].reduction, size)
    layers = [_layer("stem", "standard", channels, blocks[0].in_channels, size, kernel_size=3, stride=2)]
    for i, (block, dilation) in enumerate(specs.dilate(blocks, output_stride)):
        m, n, filter = block.in_channels, block.out_channels, (layers[-1].out_size, 3, block.stride, dilation)
        if isinstance(block, specs.V1Block):
            parts = _separable(m, n, *filter)
        elif block.expansion == 1:
            parts = _projection(m, n, *filter)
        else:
            parts = _inverted(m, m * block.expansion, n, *filter)
        layers += _prefixed(f"blocks.{i}", parts)
    return layers


def _classifier(in_features: int, num_classes: int) -> Layer:
    (classes,) = check.positive_int(num_classes=num_classes)
    return _layer("classifier", "classifier", in_features, classes, (1, 1), norm=False, bias=True)


def mobilenet_v1_layers(
    width_mult: float = 1.0, resolution: Size = 224, num_classes: int = 1000, *, output_stride: int = 32,
    in_channels: int = 3,
) -> list[Layer]:  # fmt: skip
    """Every convolution and the classifier of a :class:`~mobilenet_lib.MobileNetV1`, in order.

    Parameters
    ----------
    width_mult : float, default=1.0
        α: scales every layer's channels.
    resolution : int or (int, int), default=224
        Height and width of the image, in pixels, at least 32 or the output stride.
    num_classes : int, default=1000
        Outputs of the classifier.
    output_stride : {32, 16, 8}, default=32
        Image pixels to one pixel of the last map; below 32 the maps are larger, and the parameters as many.
    in_channels : int, default=3
        Of the image: 3 for colours, 1 for grey.

    Raises
    ------
    TypeError, ValueError
        If width_mult is not a finite number above 0, the image is too small, num_classes or in_channels is not a
        positive integer, or output_stride is not 32, 16 or 8.

    References
    ----------
    Howard et al. 2017, arXiv:1704.04861, tables 1, 6 and 7.

    Examples
    --------
    >>> [layer.name for layer in mobilenet_v1_layers()[:3]]
    ['stem', 'blocks.0.depthwise', 'blocks.0.pointwise']
    >>> mobilenet_v1()
    Cost(params=4231976, macs=568740352)
    """
    layers = _trunk(list(specs.v1_blocks(width_mult)), resolution, output_stride, in_channels)
    return [*layers, _classifier(layers[-1].out_channels, num_classes)]


mobilenet_v1 = _adding_up(mobilenet_v1_layers)


def mobilenet_v2_layers(
    width_mult: float = 1.0, resolution: Size = 224, num_classes: int = 1000,
    spec: Iterable[specs.V2Row] = specs.V2_SPEC, *, output_stride: int = 32, in_channels: int = 3,
) -> list[Layer]:  # fmt: skip
    """Every convolution and the classifier of a :class:`~mobilenet_lib.MobileNetV2`, in order.

    Parameters
    ----------
    width_mult : float, default=1.0
        α: scales every layer's channels, the last 1x1 convolution only when above 1.
    resolution : int or (int, int), default=224
        Height and width of the image, in pixels, at least 32 unless the strides of spec are fewer.
    num_classes : int, default=1000
        Outputs of the classifier.
    spec : iterable of V2Row, default=specs.V2_SPEC
        The rows of its table; :func:`mobilenet_lib.specs.v2_spec` has them with another expansion.
    output_stride : {32, 16, 8}, default=32
        Image pixels to one pixel of the last map; below 32 the maps are larger, and the parameters as many.
    in_channels : int, default=3
        Of the image: 3 for colours, 1 for grey.

    Raises
    ------
    TypeError, ValueError
        If width_mult is not a finite number above 0, the image is too small, num_classes or in_channels is not a
        positive integer, spec does not hold rows, or output_stride is not 32, 16 or 8.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, table 2.

    Examples
    --------
    >>> [layer.name for layer in mobilenet_v2_layers()[:4]]
    ['stem', 'blocks.0.depthwise', 'blocks.0.conv2', 'blocks.1.conv1']
    >>> total(mobilenet_v2_layers(spec=specs.v2_spec(3))).macs
    171498944
    >>> mobilenet_v2()
    Cost(params=3504872, macs=300774272)
    >>> mobilenet_v2(output_stride=16)
    Cost(params=3504872, macs=537159680)
    """
    layers = _trunk(list(specs.v2_blocks(width_mult, spec)), resolution, output_stride, in_channels)
    last = layers[-1]
    head = _layer("head", "pointwise", last.out_channels, specs.v2_head_channels(width_mult), last.out_size)
    return [*layers, head, _classifier(head.out_channels, num_classes)]


mobilenet_v2 = _adding_up(mobilenet_v2_layers)


def lraspp_layers(
    num_classes: int, width_mult: float = 1.0, resolution: Size = 224, *, mid_channels: int = 128,
    output_stride: int = 16, in_channels: int = 3,
) -> list[Layer]:  # fmt: skip
    """Every convolution of a :class:`~mobilenet_lib.topics.segmentation.LRASPP` on a MobileNetV2, in order.

    Bilinear resizing is not counted.

    Parameters
    ----------
    num_classes : int
        Maps that come out, the background's included.
    width_mult : float, default=1.0
        α of the backbone.
    resolution : int or (int, int), default=224
        Height and width of the image, in pixels, at least the output stride.
    mid_channels : int, default=128
        Of the head.
    output_stride : {32, 16, 8}, default=16
        Of the backbone.
    in_channels : int, default=3
        Of the image: 3 for colours, 1 for grey.

    Raises
    ------
    TypeError, ValueError
        As :func:`mobilenet_v2`, or if mid_channels is not a positive integer.

    References
    ----------
    Howard et al. 2019, arXiv:1905.02244, section 6.4 and figure 10.

    Examples
    --------
    >>> [(layer.name, layer.out_size) for layer in lraspp_layers(21)[-4:]]
    [('head.high', (14, 14)), ('head.gate.1', (1, 1)),
     ('head.low_classifier', (28, 28)), ('head.high_classifier', (28, 28))]
    >>> lraspp(21)
    Cost(params=1897290, macs=466301440)
    """
    classes, mid = check.positive_int(num_classes=num_classes, mid_channels=mid_channels)
    blocks = list(specs.v2_blocks(width_mult))
    layers = _trunk(blocks, resolution, output_stride, in_channels)
    end = next(level.end for level in specs.levels(blocks) if level.reduction == 8)
    low = next(layer for layer in layers if layer.name == f"blocks.{end}.conv2")
    high = layers[-1]
    parts = [
        _layer("high", "pointwise", high.out_channels, mid, high.out_size),
        _layer("gate.1", "pointwise", high.out_channels, mid, (1, 1), norm=False),
        _layer("low_classifier", "classifier", low.out_channels, classes, low.out_size, norm=False, bias=True),
        _layer("high_classifier", "classifier", mid, classes, low.out_size, norm=False, bias=True),
    ]
    return [*layers, *_prefixed("head", parts)]


lraspp = _adding_up(lraspp_layers)


def deeplab_v3_layers(
    num_classes: int, width_mult: float = 1.0, resolution: Size = 224, *, mid_channels: int = 256,
    rates: Iterable[int] = (6, 12, 18), output_stride: int = 16, in_channels: int = 3,
) -> list[Layer]:  # fmt: skip
    """Every convolution of a :class:`~mobilenet_lib.topics.segmentation.DeepLabV3` on a MobileNetV2, in order.

    Bilinear resizing is not counted.

    Parameters
    ----------
    num_classes : int
        Maps that come out, the background's included.
    width_mult : float, default=1.0
        α of the backbone.
    resolution : int or (int, int), default=224
        Height and width of the image, in pixels, at least the output stride.
    mid_channels : int, default=256
        Of the head.
    rates : iterable of int, default=(6, 12, 18)
        Dilation of each atrous branch; they change no cost, their number does.
    output_stride : {32, 16, 8}, default=16
        Of the backbone.
    in_channels : int, default=3
        Of the image: 3 for colours, 1 for grey.

    Raises
    ------
    TypeError, ValueError
        As :func:`mobilenet_v2`, or if mid_channels or a rate is not a positive integer.

    References
    ----------
    Chen et al. 2017, arXiv:1706.05587, section 3.3; Sandler et al. 2018, arXiv:1801.04381, section 6.3.

    Examples
    --------
    >>> [(layer.name, layer.dilation) for layer in deeplab_v3_layers(21)[-8:]]
    [('head.branches.0', 1), ('head.branches.1', 6), ('head.branches.2', 12), ('head.branches.3', 18),
     ('head.context.1', 1), ('head.project.0', 1), ('head.conv', 1), ('head.classifier', 1)]
    >>> deeplab_v3(21)
    Cost(params=5113877, macs=1086141440)
    """
    classes, mid = check.positive_int(num_classes=num_classes, mid_channels=mid_channels)
    rates = check.positive_ints("rates", rates)
    layers = _trunk(list(specs.v2_blocks(width_mult)), resolution, output_stride, in_channels)
    n, size = layers[-1].out_channels, layers[-1].out_size
    parts = [_layer("branches.0", "pointwise", n, mid, size)]
    for i, rate in enumerate(rates):
        parts.append(_layer(f"branches.{i + 1}", "standard", n, mid, size, kernel_size=3, dilation=rate))
    parts += [
        _layer("context.1", "pointwise", n, mid, (1, 1)),
        _layer("project.0", "pointwise", (len(rates) + 2) * mid, mid, size),
        _layer("conv", "standard", mid, mid, size, kernel_size=3),
        _layer("classifier", "classifier", mid, classes, size, norm=False, bias=True),
    ]
    return [*layers, *_prefixed("head", parts)]


deeplab_v3 = _adding_up(deeplab_v3_layers)
