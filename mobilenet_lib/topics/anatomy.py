"""What a trained network has learned, and what flows through it: activations, filters, dimensions, maps of a class."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from .._validation import instance, tensor
from .._validation import share as check_share
from ..blocks import ConvDepthwiseConv, DepthwiseProjection
from ..layers import ConvBN
from ..measure.probe import evaluating
from ..models import MobileNetV2, check_image
from .compare import scores

BLUR, EDGE = 0.9, 0.2  # filters whose balance is above are called blurs, and those where it is below, edges

# The parts of a network


def blocks_of(network: MobileNetV2) -> list[ConvDepthwiseConv | DepthwiseProjection]:
    """Return the blocks of a network.

    Parameters
    ----------
    network : MobileNetV2
        Of any width.

    Returns
    -------
    list of ConvDepthwiseConv and DepthwiseProjection
        As in ``network.blocks``, with their kind known to editors.

    Examples
    --------
    >>> len(blocks_of(MobileNetV2(10, width_mult=0.35)))
    17
    """
    instance("network", network, MobileNetV2, "MobileNetV2() builds one")
    return cast("list[ConvDepthwiseConv | DepthwiseProjection]", list(network.blocks))


def conv_of(part: ConvBN) -> nn.Conv2d:
    """Return the convolution of a layer.

    Parameters
    ----------
    part : ConvBN
        A layer with its BatchNorm, and with an activation or without.

    Returns
    -------
    torch.nn.Conv2d
        Its first part.

    Examples
    --------
    >>> conv_of(ConvBN(3, 8)).out_channels
    8
    """
    instance("part", part, nn.Sequential, "such as network.stem")
    return cast(nn.Conv2d, part[0])


def factor_of(part: ConvBN) -> Tensor:
    """Return by what a layer's BatchNorm multiplies each channel: γ / √(σ² + ε).

    Parameters
    ----------
    part : ConvBN
        A layer; its BatchNorm may have been folded.

    Returns
    -------
    Tensor, shape (C_out,)
        1 where it has been folded.

    Examples
    --------
    >>> factor_of(ConvBN(3, 2)).round(decimals=3)
    tensor([1., 1.])
    """
    conv_of(part)
    norm = part[1]
    if not isinstance(norm, nn.BatchNorm2d) or norm.running_var is None:
        return torch.ones(conv_of(part).out_channels)
    return (norm.weight * (norm.running_var + norm.eps).rsqrt()).detach()


# Activations


class Clipped(NamedTuple):
    """What one ReLU6 does to the pictures that are shown to a network.

    Attributes
    ----------
    layer : str
        The layer that ends with it, as in ``network.named_modules()``.
    channels, dead : int
        How many channels there are, and how many of them were 0 everywhere in all pictures.
    zeros, sixes : float
        Percent of the outputs that are exactly 0, and exactly 6.

    Examples
    --------
    >>> Clipped("stem", 32, 4, 31.0, 0.1).dead
    4
    """

    layer: str
    channels: int
    dead: int
    zeros: float
    sixes: float


def clipped(network: nn.Module, images: Tensor) -> list[Clipped]:
    """Count how often each ReLU6 of a network gives 0, and how often 6.

    Parameters
    ----------
    network : torch.nn.Module
        Trained.
    images : Tensor, shape (N, 3, H, W)
        Prepared as in the training.

    Returns
    -------
    list of Clipped
        One for each ReLU6, in the order of the layers.

    Raises
    ------
    TypeError, ValueError
        As the network.

    References
    ----------
    Howard et al. 2017, arXiv:1704.04861, and Sandler et al. 2018, arXiv:1801.04381, section 3, which say of the 6 that
    it is "because of its robustness when used with low-precision computation".

    Examples
    --------
    >>> layer = nn.Sequential(nn.ReLU6())
    >>> clipped(layer, torch.tensor([[-1.0, 2.0, 7.0, 8.0]])[:, :, None, None])
    [Clipped(layer='', channels=4, dead=1, zeros=25.0, sixes=50.0)]
    """
    instance("network", network, nn.Module, "pass a network, not its class")
    tensor("images", images, "(N, C, H, W)")
    parts = {name: part for name, part in network.named_modules() if isinstance(part, nn.ReLU6)}
    counts: dict[str, Tensor] = {}

    def count(name: str, output: Tensor) -> None:
        zeros, sixes = (output == 0).sum((0, 2, 3)), (output == 6).sum((0, 2, 3))
        here = torch.stack([zeros, sixes, torch.full_like(zeros, output[:, 0].numel())])
        counts[name] = counts.get(name, 0) + here

    with _watching(parts, count):
        scores(network, images)
    found = []
    for name, (zeros, sixes, total) in counts.items():
        shares = [100 * value.sum().item() / total.sum().item() for value in (zeros, sixes)]
        found.append(Clipped(name.rpartition(".")[0], len(zeros), int((zeros == total).sum()), *shares))
    return found


def largest(network: nn.Module, images: Tensor) -> dict[str, float]:
    """Return the largest value that leaves each ReLU6, or the ReLU in its place.

    Parameters
    ----------
    network : torch.nn.Module
        Trained.
    images : Tensor, shape (N, 3, H, W)
        Prepared as in the training.

    Returns
    -------
    dict of str to float
        By layer, in their order.

    Raises
    ------
    TypeError, ValueError
        As the network.

    Examples
    --------
    >>> largest(nn.Sequential(nn.ReLU6()), torch.tensor([[-1.0, 2.0, 7.0, 8.0]])[:, :, None, None])
    {'': 6.0}
    """
    instance("network", network, nn.Module, "pass a network, not its class")
    tensor("images", images, "(N, C, H, W)")
    parts = {name: part for name, part in network.named_modules() if isinstance(part, nn.ReLU6 | nn.ReLU)}
    found: dict[str, float] = {}

    def compare(name: str, output: Tensor) -> None:
        layer = name.rpartition(".")[0]
        found[layer] = max(found.get(layer, 0.0), output.max().item())

    with _watching(parts, compare):
        scores(network, images)
    return found


@contextmanager
def _watching(parts: Mapping[str, nn.Module], look: Callable[[str, Tensor], None]) -> Iterator[None]:
    """Have each output of some parts looked at, with the part's name."""
    hooks = []
    for name, part in parts.items():

        def see(part: nn.Module, given: object, output: Tensor, name: str = name) -> None:
            look(name, output)

        hooks.append(part.register_forward_hook(see))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


# What an activation leaves


def unrecovered(x: Tensor, found: Tensor) -> float:
    """Return how much of a tensor the best affine decoder cannot get back from another one, place by place.

    Parameters
    ----------
    x, found : Tensor, shape (N, C, H, W)
        What to get back, and what it is to be got back from: two tensors of one network with the same height and width.
        Their channels may differ. There must be many more places (N·H·W) than channels, or anything can be fitted.

    Returns
    -------
    float
        Norm of the error over the norm of the deviations from each channel's mean: 0 is perfect, 1 is what answering
        with the mean would give.

    Raises
    ------
    TypeError, ValueError
        If they are not tensors of one size, or have fewer than four places for each channel.

    Examples
    --------
    >>> x = torch.randn(4, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> round(unrecovered(x, 3 * x + 1), 6), round(unrecovered(x, x.relu()), 1)
    (0.0, 0.5)
    """
    for name, value in (("x", x), ("found", found)):
        tensor(name, value, "(N, C, H, W)")
    wanted, given = (each.detach().movedim(1, 0).flatten(1).double() for each in (x, found))
    if wanted.shape[1] != given.shape[1]:
        raise ValueError(
            f"found must have as many places as x, {wanted.shape[1]}, got {given.shape[1]}; take "
            "both from one block, before its stride"
        )
    if given.shape[1] < 4 * len(given):
        raise ValueError(
            f"found must have at least four places for each of its {len(given)} channels, got {given.shape[1]}; "
            "give more pictures"
        )
    wanted, given = (each - each.mean(1, keepdim=True) for each in (wanted, given))
    # Channels that never change say nothing, and would make the problem singular.
    given = given[given.square().mean(1) > 1e-12]
    weights = torch.linalg.lstsq(given.T, wanted.T).solution if len(given) else torch.zeros(0, len(wanted)).double()
    return ((given.T @ weights - wanted.T).norm() / wanted.norm()).item()


# Depthwise filters


def depthwise_filters(network: MobileNetV2) -> list[Tensor]:
    """Return the depthwise filters of each block, as they act: BatchNorm's factor is in them.

    Parameters
    ----------
    network : MobileNetV2
        Trained; folded or not.

    Returns
    -------
    list of Tensor, shape (C, k, k)
        One for each block.

    Examples
    --------
    >>> depthwise_filters(MobileNetV2(10, width_mult=0.35))[0].shape
    torch.Size([16, 3, 3])
    """
    layers = [block.depthwise for block in blocks_of(network)]
    return [conv_of(layer).weight.detach()[:, 0] * factor_of(layer)[:, None, None] for layer in layers]


def balance(filters: Tensor) -> Tensor:
    """Return how far the weights of each filter add up instead of cancelling: the size of the sum over that of all.

    Parameters
    ----------
    filters : Tensor, shape (C, k, k)
        Of :func:`depthwise_filters`.

    Returns
    -------
    Tensor, shape (C,)
        1 where all weights have one sign: the filter is a weighted mean, a blur. 0 where they cancel: it answers to
        changes alone, edges for example, and not to an even area.

    Examples
    --------
    >>> blur, edge = torch.ones(3, 3), torch.tensor([[-1.0, 0.0, 1.0]] * 3)
    >>> balance(torch.stack([blur, edge])).tolist()
    [1.0, 0.0]
    """
    tensor("filters", filters, "(N, k, k)")
    flat = filters.flatten(1)
    return flat.sum(1).abs() / flat.abs().sum(1).clamp(min=torch.finfo(flat.dtype).tiny)


class Filters(NamedTuple):
    """What kinds of depthwise filters a block has.

    Attributes
    ----------
    block, stride, filters : int
        Which block, its stride, and how many filters it has.
    blurs : float
        Percent of the filters whose weights add up: a :func:`balance` above 0.9.
    one_signed : float
        Percent of the filters whose weights all have one sign, to the last and smallest.
    edges : float
        Percent of the filters whose weights cancel: a :func:`balance` below 0.2.

    Examples
    --------
    >>> Filters(1, 2, 96, 41.7, 34.4, 38.5).stride
    2
    """

    block: int
    stride: int
    filters: int
    blurs: float
    one_signed: float
    edges: float


def kinds_of_filters(network: MobileNetV2) -> list[Filters]:
    """Count the blurs and the edges among the depthwise filters of each block.

    Parameters
    ----------
    network : MobileNetV2
        Trained; folded or not.

    Returns
    -------
    list of Filters
        One for each block.

    Examples
    --------
    >>> [kind.stride for kind in kinds_of_filters(MobileNetV2(10, width_mult=0.35))][:4]
    [1, 2, 1, 2]
    """
    found = []
    for i, (block, filters) in enumerate(zip(blocks_of(network), depthwise_filters(network), strict=True)):
        flat = filters.flatten(1)
        one_signed, balanced = (flat >= 0).all(1) | (flat <= 0).all(1), balance(filters)
        shares = [100 * kind.double().mean().item() for kind in (balanced > BLUR, one_signed, balanced < EDGE)]
        found.append(Filters(i, conv_of(block.depthwise).stride[0], len(filters), *shares))
    return found


# Dimensions


class Dimensions(NamedTuple):
    """How many dimensions the vectors at a block's places need.

    Attributes
    ----------
    block : int
        Which block.
    thin, thin_channels : int
        Needed at the block's output, and how many channels it has.
    expanded, filtered, expanded_channels : int
        Needed behind the expansion and its ReLU6, behind the depthwise filter and its ReLU6, and how many channels
        there are. Where nothing is expanded, the first is 0.

    Examples
    --------
    >>> Dimensions(1, 22, 24, 38, 80, 96).thin
    22
    """

    block: int
    thin: int
    thin_channels: int
    expanded: int
    filtered: int
    expanded_channels: int


def dimensions(network: MobileNetV2, images: Tensor, share: float = 0.99) -> list[Dimensions]:
    """Return how many principal components hold most of the variance, block by block.

    Parameters
    ----------
    network : MobileNetV2
        Trained.
    images : Tensor, shape (N, 3, H, W)
        Prepared as in the training. Every place of every picture gives one vector.
    share : float, default=0.99
        Of the variance.

    Returns
    -------
    list of Dimensions
        One for each block.

    Raises
    ------
    TypeError, ValueError
        If share is not from 0 to 1, or as the network.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, section 3.2, on manifolds of low dimension.

    Examples
    --------
    >>> network = MobileNetV2(10, width_mult=0.35)
    >>> dimensions(network, torch.randn(2, 3, 64, 64))[0].thin_channels
    8
    """
    tensor("images", images, "(N, C, H, W)")
    check_share(share=share)
    parts: dict[str, nn.Module] = {}
    for i, block in enumerate(blocks_of(network)):
        parts[f"thin {i}"], parts[f"filtered {i}"] = block, block.depthwise
        if isinstance(block, ConvDepthwiseConv):
            parts[f"expanded {i}"] = block.conv1
    moments: dict[str, tuple[Tensor, Tensor, int]] = {}

    def add(name: str, output: Tensor) -> None:
        vectors = output.detach().movedim(1, 0).flatten(1).double()
        products, total, count = moments.get(name, (0, 0, 0))
        moments[name] = products + vectors @ vectors.T, total + vectors.sum(1), count + vectors.shape[1]

    with _watching(parts, add):
        scores(network, images)

    found = []
    for i in range(len(network.blocks)):
        needed = {
            what: _needed(*moments[f"{what} {i}"], share)
            for what in ("thin", "expanded", "filtered")
            if f"{what} {i}" in moments
        }
        sizes = [len(moments[f"{what} {i}"][1]) for what in ("thin", "filtered")]
        expanded = needed.get("expanded", 0)
        found.append(Dimensions(i, needed["thin"], sizes[0], expanded, needed["filtered"], sizes[1]))
    return found


def _needed(products: Tensor, total: Tensor, count: int, share: float) -> int:
    """Return how many principal components hold a share of the variance, from sums over all vectors."""
    variances = torch.linalg.eigvalsh(products / count - torch.outer(total, total) / count**2).flip(0).clamp(min=0)
    return min(int((variances.cumsum(0) < share * variances.sum()).sum()) + 1, len(variances))


# Class activation maps


def class_activation_map(network: MobileNetV2, image: Tensor, category: int) -> Tensor:
    """Return where in an image a class is seen: what each place of the last map adds to its score.

    Parameters
    ----------
    network : MobileNetV2
        Trained. With ``output_stride=16`` the same weights give a map of twice the height and width.
    image : Tensor, shape (3, H, W)
        Prepared as in the training.
    category : int
        Number of the class.

    Returns
    -------
    Tensor, shape (H / 32, W / 32)
        Its mean is the score of the class, before softmax.

    Raises
    ------
    TypeError, ValueError
        If image is no image, or there is no such class.

    Notes
    -----
    Behind the last 1x1 convolution come a mean over all places and a linear layer. Both are linear, so their order may
    be changed: the linear layer at each place first, and the mean afterwards. For this network, that is exact.

    References
    ----------
    Zhou et al. 2016, arXiv:1512.04150.

    Examples
    --------
    >>> network, image = MobileNetV2(10, width_mult=0.35).eval(), torch.randn(3, 96, 96)
    >>> seen = class_activation_map(network, image, category=7)
    >>> seen.shape, torch.allclose(seen.mean(), network(image[None])[0, 7], atol=1e-5)
    (torch.Size([3, 3]), True)
    """
    instance("network", network, MobileNetV2, "MobileNetV2() builds one")
    tensor("image", image, "(C, H, W)")
    check_image(image[None])
    classes = network.classifier.out_features
    if isinstance(category, bool) or not isinstance(category, int) or not 0 <= category < classes:
        raise ValueError(f"category must be an integer from 0 to {classes - 1}, got {category!r}; one of the classes")
    with evaluating(network):
        features = network.head(network.blocks(network.stem(image[None])))[0]
        weight, bias = network.classifier.weight[category], network.classifier.bias[category]
        return torch.einsum("c,chw->hw", weight, features) + bias
