"""What the later blocks and the networks of the families cost, by arithmetic alone: integers, no torch.

As in :mod:`mobilenet_lib.cost`, a block is a list of its convolutions, and a closed form adds the list up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import _validation as check
from ... import cost
from ...cost import Cost, Layer, Size, _adding_up, _classifier, _filter, _layer, _prefixed
from .grammar import KINDS
from .stages import Placed, Rows, place
from .tables import family

HEADS = ("none", "wide", "late", "late norm")


def depthwise_projection_se_layers(
    in_channels: int, out_channels: int, squeeze_channels: int, size: Size, kernel_size: int = 3, stride: int = 1,
    dilation: int = 1,
) -> list[Layer]:  # fmt: skip
    """The layers of a depthwise filter, squeeze-and-excitation and a projection: EfficientNet's first block.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels before and after.
    squeeze_channels : int
        Of the squeeze-and-excitation.
    size : int or (int, int)
        Height and width of the input, in pixels.
    kernel_size, stride, dilation : int
        Of the depthwise layer.

    References
    ----------
    Tan and Le 2019, arXiv:1905.11946, table 1, the row of MBConv1.

    Examples
    --------
    >>> [row.name for row in depthwise_projection_se_layers(32, 16, 8, size=112)]
    ['depthwise', 'se.reduce', 'se.expand', 'conv2']
    >>> depthwise_projection_se(32, 16, 8, size=112)
    Cost(params=1448, macs=10035712)
    """
    first, last = cost.depthwise_projection_layers(in_channels, out_channels, size, kernel_size, stride, dilation)
    return [first, *_prefixed("se", cost.squeeze_excite_layers(in_channels, squeeze_channels)), last]


depthwise_projection_se = _adding_up(depthwise_projection_se_layers)


def edge_residual_layers(
    in_channels: int, mid_channels: int, out_channels: int, size: Size, kernel_size: int = 3, stride: int = 1,
    dilation: int = 1,
) -> list[Layer]:  # fmt: skip
    """The layers of a fused inverted residual: one standard convolution widens and filters, then a projection.

    macs = h' · w' · mid · (k² · in + out), with h' and w' of the output.

    Parameters
    ----------
    in_channels, mid_channels, out_channels : int
        The thin input, the fat middle, the thin output.
    size : int or (int, int)
        Height and width of the input, in pixels.
    kernel_size, stride, dilation : int
        Of the first convolution.

    References
    ----------
    Tan and Le 2021, arXiv:2104.00298, figure 2.

    Examples
    --------
    >>> edge_residual(32, 128, 48, size=112, stride=2)
    Cost(params=43360, macs=134873088)
    >>> cost.inverted_residual(32, 128, 48, size=112, stride=2)
    Cost(params=12000, macs=74260480)
    """
    m, mid, n = check.positive_int(in_channels=in_channels, mid_channels=mid_channels, out_channels=out_channels)
    first = _layer("conv1", "standard", m, mid, *_filter(size, kernel_size, stride, dilation))
    return [first, _layer("conv2", "projection", mid, n, first.out_size)]


edge_residual = _adding_up(edge_residual_layers)


def edge_residual_se_layers(
    in_channels: int, mid_channels: int, out_channels: int, squeeze_channels: int, size: Size, kernel_size: int = 3,
    stride: int = 1, dilation: int = 1,
) -> list[Layer]:  # fmt: skip
    """The layers of a fused inverted residual with squeeze-and-excitation.

    Parameters
    ----------
    in_channels, mid_channels, out_channels : int
        The thin input, the fat middle, the thin output.
    squeeze_channels : int
        Of the squeeze-and-excitation.
    size : int or (int, int)
        Height and width of the input, in pixels.
    kernel_size, stride, dilation : int
        Of the first convolution.

    References
    ----------
    Gupta and Akin 2020, arXiv:2003.02838, section 3.

    Examples
    --------
    >>> edge_residual_se(32, 128, 48, 8, size=112, stride=2).macs - edge_residual(32, 128, 48, size=112, stride=2).macs
    2048
    """
    first, last = edge_residual_layers(in_channels, mid_channels, out_channels, size, kernel_size, stride, dilation)
    return [first, *_prefixed("se", cost.squeeze_excite_layers(mid_channels, squeeze_channels)), last]


edge_residual_se = _adding_up(edge_residual_se_layers)


def universal_layers(
    in_channels: int, mid_channels: int, out_channels: int, size: Size, start: int = 0, middle: int = 3, end: int = 0,
    stride: int = 1, dilation: int = 1,
) -> list[Layer]:  # fmt: skip
    """The layers of MobileNetV4's universal inverted bottleneck: an inverted residual with the filters that are there.

    At stride 1, macs = h · w · (mid · (in + out) + start² · in + middle² · mid + end² · out).

    Parameters
    ----------
    in_channels, mid_channels, out_channels : int
        The thin input, the fat middle, the thin output.
    size : int or (int, int)
        Height and width of the input, in pixels.
    start, middle, end : int, default=0, 3, 0
        Kernel sizes of the depthwise filters; 0 leaves one out.
    stride, dilation : int
        Of the filters. The middle one takes the step; without it the start, without both the end.

    Raises
    ------
    TypeError, ValueError
        If a count is not a positive integer, a kernel is neither odd nor 0, or no filter is there to take a step.

    References
    ----------
    Qin et al. 2024, arXiv:2404.10518, section 3 and figure 4.

    Examples
    --------
    >>> [row.name for row in universal_layers(96, 384, 96, size=14, start=3)]
    ['start', 'conv1', 'depthwise', 'conv2']
    >>> universal(96, 384, 96, size=14) == cost.inverted_residual(96, 384, 96, size=14)
    True
    >>> universal(96, 384, 96, size=14, middle=0).macs, universal(96, 384, 96, size=14, start=3).macs
    (14450688, 15297408)
    """
    m, mid, n = check.positive_int(in_channels=in_channels, mid_channels=mid_channels, out_channels=out_channels)
    kernels = {"start": start, "middle": middle, "end": end}
    for name, kernel_size in kernels.items():
        if check.zero_or_more(**{name: kernel_size})[0] and kernel_size % 2 == 0:
            raise ValueError(f"{name} must be odd, or 0 for no filter, got {kernel_size}; use {kernel_size + 1}")
    pixels, _, step, rate = _filter(size, 1, stride, dilation)
    taking = next((name for name in ("middle", "start", "end") if kernels[name]), None)
    if step == 2 and taking is None:
        raise ValueError("stride must be 1 where no filter can take a step, got 2; give middle=3, for example")
    layers: list[Layer] = []

    def add(name: str, role: str, wide: int, narrow: int, kernel: str = "") -> None:
        here, k = layers[-1].out_size if layers else pixels, kernels.get(kernel, 1)
        if k and kernel:
            layers.append(_layer(name, role, wide, narrow, here, k, step if kernel == taking else 1, rate, groups=wide))
        elif k:
            layers.append(_layer(name, role, wide, narrow, here))

    add("start", "depthwise", m, m, "start")
    add("conv1", "expansion", m, mid)
    add("depthwise", "depthwise", mid, mid, "middle")
    add("conv2", "projection", mid, n)
    add("end", "depthwise", n, n, "end")
    return layers


universal = _adding_up(universal_layers)


def multi_query_attention(
    channels: int, size: Size, heads: int, key_dim: int, kv_stride: int = 1, kernel_size: int = 3
) -> Cost:
    """Cost of MobileNetV4's attention: many heads ask, and all of them share one key and one value at each place.

    With L = h · w places that ask and S = ceil(h / stride) · ceil(w / stride) that answer,
    macs = 2 · L · C · heads · key_dim for queries and output, 2 · S · C · key_dim for keys and values,
    2 · L · S · heads · key_dim for the products of both, and with a stride the two depthwise filters.

    Parameters
    ----------
    channels : int
        C, before and after.
    size : int or (int, int)
        Height and width of the map, in pixels.
    heads, key_dim : int
        Heads, and channels of a query, a key and a value.
    kv_stride : {1, 2}, default=1
        Step of the depthwise filters that make keys and values fewer; at 1 there are none.
    kernel_size : int, default=3
        Of these filters, odd.

    Returns
    -------
    Cost
        Of the attention with its BatchNorms: one before it, and one behind each depthwise filter.

    Raises
    ------
    TypeError, ValueError
        If a count is not a positive integer, the kernel is even, kv_stride is not 1 or 2, or the map is too small.

    References
    ----------
    Qin et al. 2024, arXiv:2404.10518, section 4; Shazeer 2019, arXiv:1911.02150.

    Examples
    --------
    >>> multi_query_attention(256, size=14, heads=4, key_dim=64)
    Cost(params=164352, macs=51781632)
    """
    names = {"channels": channels, "heads": heads, "key_dim": key_dim}
    c, heads, d = check.positive_int(**names)
    if check.one_or_two(kv_stride, "kv_stride") > min(check.pair(size)):
        raise ValueError(f"kv_stride must fit into the map, got {kv_stride} for {size}; use 1")
    pixels, kernel, step, _ = _filter(size, kernel_size, kv_stride, 1)
    ask = pixels[0] * pixels[1]
    down = _layer("down", "depthwise", c, c, pixels, kernel, step, groups=c)
    answer = down.out_size[0] * down.out_size[1]
    filters = 2 * (step > 1)
    return Cost(
        params=2 * c * heads * d + 2 * c * d + 2 * c + filters * down.params,
        macs=2 * ask * c * heads * d + 2 * answer * c * d + 2 * ask * answer * heads * d + filters * down.macs,
    )


def reparameterizable_depthwise(
    channels: int, size: Size, kernel_size: int = 3, stride: int = 1, branches: int = 1
) -> Cost:
    """Cost of a depthwise layer in several branches, as it is trained; added up they are one filter with a bias.

    Parameters
    ----------
    channels : int
        Before and after.
    size : int or (int, int)
        Height and width of the input, in pixels.
    kernel_size, stride : int
        Of the filters.
    branches : int, default=1
        Filters of k x k, beside one of 1x1 and, at stride 1, the input with a BatchNorm.

    References
    ----------
    Vasu et al. 2023, arXiv:2206.04040, section 3.3.

    Examples
    --------
    >>> reparameterizable_depthwise(64, size=56, branches=4)
    Cost(params=3136, macs=7426048)
    >>> cost.conv(64, 64, 3, out_size=56, groups=64, bias=True)
    Cost(params=640, macs=1806336)
    """
    (c, branches) = check.positive_int(channels=channels, branches=branches)
    pixels, k, step, _ = _filter(size, kernel_size, stride, 1)
    filters = [_layer("filter", "depthwise", c, c, pixels, kernel, step, groups=c) for kernel in (*[k] * branches, 1)]
    return sum([cost.batch_norm(c)] * (step == 1), cost.total(filters))


def block_layers(placed: Placed, size: Size) -> list[Layer]:
    """The layers of a block in its place.

    Parameters
    ----------
    placed : Placed
        What :func:`~mobilenet_lib.topics.families.stages.place` returns several of.
    size : int or (int, int)
        Height and width of the input, in pixels.

    Raises
    ------
    TypeError, ValueError
        If placed is something else, or of the kind ``mqa``: see :func:`multi_query_attention`.

    References
    ----------
    `timm.models._efficientnet_blocks`.

    Examples
    --------
    >>> [row.name for row in block_layers(place(["uir_r1_a3_k5_s2_e4_c80"])[0], size=56)]
    ['start', 'conv1', 'depthwise', 'conv2']
    """
    spec, _, m, mid, n, se, stride, dilation, _ = check.instance("placed", placed, Placed, 'place(["..."])[0] is one')
    step, k = (stride, dilation), spec.kernel_size
    match f"{spec.kind} se" if se else spec.kind:
        case "cn":
            return cost.standard_block_layers(m, n, size, k, *step)
        case "dsa":
            return cost.depthwise_separable_layers(m, n, size, k, *step)
        case "ds":
            return cost.depthwise_projection_layers(m, n, size, k, *step)
        case "ds se":
            return depthwise_projection_se_layers(m, n, se, size, k, *step)
        case "ir":
            return cost.inverted_residual_layers(m, mid, n, size, k, *step)
        case "ir se":
            return cost.inverted_residual_se_layers(m, mid, n, se, size, k, *step)
        case "er":
            return edge_residual_layers(m, mid, n, size, k, *step)
        case "er se":
            return edge_residual_se_layers(m, mid, n, se, size, k, *step)
        case "uir":
            return universal_layers(m, mid, n, size, spec.start_kernel, k, spec.end_kernel, *step)
    known = " ".join(kind for kind in KINDS if kind != "mqa")
    raise ValueError(f"placed must be one of {known}, got {spec.kind!r}; multi_query_attention counts that one")


def built_layers(
    rows: Rows, resolution: Size = 224, num_classes: int = 1000, *, stem: int = 32, head: str = "wide",
    features: int = 1280, width_mult: float = 1.0, depth_mult: float | Sequence[float] = 1.0, activation: str = "r6",
    squeeze: str = "input", round_limit: float = 0.9, output_stride: int = 32, in_channels: int = 3,
) -> list[Layer]:  # fmt: skip
    """Every convolution and the classifier of the network that a table of strings describes, in order.

    Parameters
    ----------
    rows : iterable of str, or of several str
        A stage each.
    resolution : int or (int, int), default=224
        Height and width of the image, in pixels.
    num_classes : int, default=1000
        Outputs of the classifier.
    stem, head, features, width_mult, depth_mult, activation, squeeze, round_limit, output_stride, in_channels : any
        As :func:`~mobilenet_lib.topics.families.builder.build`.

    Raises
    ------
    TypeError, ValueError
        As :func:`~mobilenet_lib.topics.families.builder.build`.

    References
    ----------
    `timm.models._efficientnet_builder`.

    Examples
    --------
    >>> rows = ["ds_r1_k3_s1_c16", "ir_r2_k3_s2_e6_c24"]
    >>> [layer.name for layer in built_layers(rows, resolution=64)][:4]
    ['stem', 'blocks.0.depthwise', 'blocks.0.conv2', 'blocks.1.conv1']
    >>> built(rows, resolution=64, num_classes=10)
    Cost(params=61882, macs=14066176)
    """
    check.one_of("head", head, HEADS)
    channels, wide = check.positive_int(in_channels=in_channels, features=features)
    pixels = check.pair(resolution, "resolution")
    blocks = place(
        rows, stem, width_mult=width_mult, depth_mult=depth_mult, activation=activation, squeeze=squeeze,
        round_limit=round_limit, output_stride=output_stride,
    )  # fmt: skip
    layers = [_layer("stem", "standard", channels, stem, pixels, kernel_size=3, stride=2)]
    for i, placed in enumerate(blocks):
        layers += _prefixed(f"blocks.{i}", block_layers(placed, layers[-1].out_size))
    last, end = layers[-1].out_size, blocks[-1].out_channels
    if head != "none":
        at, norm = (last, True) if head == "wide" else ((1, 1), head == "late norm")
        layers.append(_layer("head", "pointwise", end, wide, at, norm=norm, bias=not norm))
    return [*layers, _classifier(end if head == "none" else wide, num_classes)]


built = _adding_up(built_layers)


def member_layers(
    name: str, resolution: Size | None = None, num_classes: int = 1000, *, output_stride: int = 32, in_channels: int = 3
) -> list[Layer]:
    """Every convolution and the classifier of the network that timm knows by a name, in order.

    Parameters
    ----------
    name : str
        A key of ``FAMILIES``.
    resolution : int or (int, int), optional
        Height and width of the image, in pixels; left out, those for which its costs are published.
    num_classes : int, default=1000
        Outputs of the classifier.
    output_stride, in_channels : int
        As :func:`~mobilenet_lib.topics.families.builder.build`.

    Raises
    ------
    TypeError, ValueError
        If name is no key of ``FAMILIES``, or as :func:`~mobilenet_lib.topics.families.builder.build`.

    References
    ----------
    `timm.models.efficientnet` and `timm.models.mobilenetv3`.

    Examples
    --------
    >>> member("mobilenetv2_100") == cost.mobilenet_v2()
    True
    >>> member("mobilenetv4_conv_small")
    Cost(params=3774024, macs=186005568)
    """
    found = family(name)
    size = found.resolution if resolution is None else resolution
    options: dict[str, Any] = {**found.options(), "output_stride": output_stride, "in_channels": in_channels}
    return built_layers(resolution=size, num_classes=num_classes, **options)


member = _adding_up(member_layers)
