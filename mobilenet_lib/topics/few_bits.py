"""A trained network's weights in few bits without training: ranges made equal, and biases corrected."""

from __future__ import annotations

import copy
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .._validation import tensor
from ..measure.probe import check_module
from ..models import MobileNetV2
from . import shipping
from .anatomy import blocks_of
from .compare import scores
from .surgery import with_relu

ROUNDS = 20


class Ranges(NamedTuple):
    """How differently large the weights of a layer's output channels are.

    Attributes
    ----------
    layer : str
        As in ``network.named_modules()``.
    channels : int
        Output channels.
    smallest, median, largest : float
        Of the channels' largest absolute weights.
    lost : int
        How many channels become zero altogether where one scale serves the whole tensor.

    Examples
    --------
    >>> Ranges("blocks.0.depthwise.0", 32, 0.007, 0.5, 15.0, 5).lost
    5
    """

    layer: str
    channels: int
    smallest: float
    median: float
    largest: float
    lost: int


def ranges(network: nn.Module, bits: int = 8) -> list[Ranges]:
    """Return the ranges of the weights of each convolution and linear layer.

    Parameters
    ----------
    network : torch.nn.Module
        Fold it first: what is rounded is the folded weight.
    bits : int, default=8
        For what is lost.

    Returns
    -------
    list of Ranges
        One for each layer.

    Raises
    ------
    TypeError, ValueError
        If network is not a torch module, or bits is not an integer from 2 to 16.

    Examples
    --------
    >>> layer = nn.Conv2d(1, 2, 1)
    >>> _ = layer.weight.data.copy_(torch.tensor([[[[0.002]]], [[[1.0]]]]))
    >>> ranges(nn.Sequential(layer))[0].lost
    1
    """
    found = []
    for name, layer in _layers(network).items():
        weight = layer.weight.detach()
        widest = weight.abs().flatten(1).amax(1).double()  # torch has no quantiles of half precision
        lost = (shipping.quantize(weight, bits).flatten(1) == 0).all(1).sum().item()
        ends = widest.min().item(), widest.quantile(0.5).item(), widest.max().item()
        found.append(Ranges(name, len(widest), *ends, int(lost)))
    return found


def _layers(network: nn.Module, name: str = "network") -> dict[str, nn.Conv2d | nn.Linear]:
    check_module(network, name)
    return {name: part for name, part in network.named_modules() if isinstance(part, nn.Conv2d | nn.Linear)}


def equalize(network: MobileNetV2) -> MobileNetV2:
    """Make the ranges of neighbouring layers equal, and leave what the network computes as it is.

    Parameters
    ----------
    network : MobileNetV2
        Trained and folded.

    Returns
    -------
    MobileNetV2
        A changed copy, with ReLU in the place of ReLU6.

    Raises
    ------
    TypeError, ValueError
        If network is not a folded MobileNetV2 of ours.

    Notes
    -----
    Of two layers with a ReLU between them, channel i of the first may be divided by any s > 0 and what the second
    makes of it multiplied by s: ReLU(x / s) · s = ReLU(x). With s = √(r₁ / r₂) the channel gets the same range in both.
    ReLU6 does not let a factor through, so it becomes a ReLU first. Only the layers inside a block are paired: what
    leaves a block goes into a sum.

    References
    ----------
    Nagel et al. 2019, arXiv:1906.04721, section 4.1.

    Examples
    --------
    >>> network = shipping.fold(MobileNetV2(10, width_mult=0.35))
    >>> x = torch.randn(2, 3, 64, 64)
    >>> torch.allclose(equalize(network)(x), with_relu(network)(x), atol=1e-4)
    True
    """
    _check_folded(network)
    equal = with_relu(network)
    for _ in range(ROUNDS):
        for block in blocks_of(equal):
            convs = [part for part in block.modules() if isinstance(part, nn.Conv2d)]
            for first, second in zip(convs, convs[1:], strict=False):
                _equalize_pair(first, second)
    return equal


@torch.no_grad()
def _equalize_pair(first: nn.Conv2d, second: nn.Conv2d) -> None:
    """Give each channel between two layers the same range in both."""
    assert first.bias is not None  # it is folded
    # Where the second layer's weights have the channel: a depthwise one has one input for each filter.
    axis = 0 if second.groups > 1 else 1
    written = first.weight.abs().amax((1, 2, 3))
    read = second.weight.abs().transpose(0, axis).flatten(1).amax(1)
    factor = torch.where((written > 0) & (read > 0), (written / read).sqrt(), 1.0)
    first.weight /= factor[:, None, None, None]
    first.bias /= factor
    second.weight *= factor[:, None, None, None].transpose(0, axis)


def _check_folded(network: object) -> None:
    if not isinstance(network, MobileNetV2):
        got = type(network).__name__
        raise TypeError(f"network must be a MobileNetV2 of this library, got {got}; MobileNetV2() builds one")
    if any(isinstance(part, nn.BatchNorm2d) for part in network.modules()):
        raise ValueError("network must be folded, got one with BatchNorm; give shipping.fold(network)")


def with_corrected_biases(network: nn.Module, rounded: nn.Module, images: Tensor) -> nn.Module:
    """Move each bias of a rounded network so that its layer's outputs have the means they had before the rounding.

    Parameters
    ----------
    network : torch.nn.Module
        Folded, with weights in float32.
    rounded : torch.nn.Module
        The same network with rounded weights; it is not changed.
    images : Tensor, shape (N, C, H, W)
        Some pictures to measure means on. No labels are needed; all of them pass through the network at once.

    Returns
    -------
    torch.nn.Module
        A changed copy of `rounded`.

    Raises
    ------
    TypeError
        If one of both is not a torch module.
    ValueError
        If they differ in their layers, there is no picture, or as the network.

    Notes
    -----
    The error of a rounded weight, times the mean of what it multiplies, is an error that all pictures share, and a bias
    can take it back. Layer by layer, from the input on: each layer sees what the corrected ones before it give.

    References
    ----------
    Nagel et al. 2019, arXiv:1906.04721, section 4.2 and appendix D (with pictures).

    Examples
    --------
    >>> network, images = nn.Sequential(nn.Conv2d(3, 4, 3)), torch.rand(8, 3, 9, 9)
    >>> rounded = shipping.with_rounded_weights(network, bits=3)
    >>> corrected = with_corrected_biases(network, rounded, images)
    >>> torch.allclose(corrected(images).mean((0, 2, 3)), network(images).mean((0, 2, 3)), atol=1e-6)
    True
    """
    tensor("images", images, "(N, C, H, W)")
    _layers(rounded, "rounded")
    exact = _layers(network)
    corrected = copy.deepcopy(rounded)
    if list(exact) != list(_layers(corrected)):
        got = type(rounded).__name__
        remedy = "give shipping.with_rounded_weights(network, bits)"
        raise ValueError(f"rounded must have the layers of network, got {got}; {remedy}")
    if not len(images):
        raise ValueError(f"images must be one or more, got {tuple(images.shape)}; means are measured on them")
    means = {}

    def keep(name: str, layer: nn.Module, given: object, output: Tensor) -> None:
        means[name] = _mean(output)

    def correct(name: str, layer: nn.Module, given: object, output: Tensor) -> Tensor:
        error = _mean(output) - means[name]
        if layer.bias is None:
            layer.bias = nn.Parameter(torch.zeros_like(error))
        layer.bias -= error
        return output - (error[:, None, None] if output.dim() == 4 else error)

    for each, layers, hook in ((network, exact, keep), (corrected, _layers(corrected), correct)):
        with ExitStack() as stack:
            for name, layer in layers.items():
                stack.enter_context(layer.register_forward_hook(partial(hook, name)))
            scores(each, images, batch=len(images))
    return corrected


def _mean(output: Tensor) -> Tensor:
    """Return the mean of each channel."""
    return output.mean((0, 2, 3)) if output.dim() == 4 else output.mean(0)
