"""For tests that hold a module beside another implementation of it: weights, and torch's own count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def flops(module, *shape):
    """Return what torch counts. On real tensors: on meta ones it takes each BatchNorm apart, three times as long."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(torch.zeros(shape))
    return counter.get_total_flops()


@contextmanager
def undrawn() -> Iterator[None]:
    """Build networks without drawing weights, which takes most of the time, for those that get others at once."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("kaiming_normal_", "kaiming_uniform_", "normal_", "trunc_normal_", "uniform_"):
            patch.setattr(nn.init, name, lambda tensor, *args, **options: tensor)
        yield


def shake(module, seed=0):
    """Give every weight and running average a value of its own, so that no two layers can be confused."""
    torch.manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            tensor.normal_(0, 0.3)
            if name.endswith("running_var"):
                tensor.abs_().add_(0.5)
    return module


def carry(source, target):
    """Copy weights in order, asserting that each goes to a tensor of the same shape and last name."""
    assert len(source.state_dict()) == len(target.state_dict())
    pairs = zip(source.state_dict().items(), target.state_dict().items(), strict=True)
    for (name, tensor), (peer_name, peer) in pairs:
        assert name.split(".")[-1] == peer_name.split(".")[-1]
        assert tensor.shape == peer.shape, (name, peer_name)
        peer.copy_(tensor)


def lived_in(module, x, seed=0):
    """Give BatchNorms factors of their own, and the averages that they see on x; return the module in eval mode.

    As built, a network in eval mode lets nearly nothing of the image through, and that hides mistakes.
    """
    torch.manual_seed(seed)
    norms = {part: part.momentum for part in module.modules() if isinstance(part, nn.BatchNorm2d)}
    for part in norms:
        nn.init.uniform_(part.weight, 0.5, 1.5)
        nn.init.normal_(part.bias, 0, 0.5)
        part.momentum = None  # the mean of all that it sees
    with torch.no_grad():
        module.train()(x)
    for part, momentum in norms.items():
        part.momentum = momentum
    return module.eval()


def settle(network, seed=0, size=97):
    """Let a network see two images, so that the signal survives to its end."""
    x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(seed))
    return lived_in(network, x, seed)
