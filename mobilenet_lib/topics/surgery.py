"""Take a trained network apart to see what each part is for: one change, no training afterwards, the same pictures.

Each function returns a changed copy and leaves the network as it is. Blocks are counted from 0, as in
``network.blocks``; several may be given.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from .._validation import instance, mapping, tensor, zero_or_more
from .._validation import share as check_share
from ..blocks import ConvDepthwiseConv
from ..models import MobileNetV2
from .anatomy import blocks_of, conv_of, factor_of
from .compare import scores

Network = TypeVar("Network", bound=nn.Module)

# What is taken away, or added


def with_relu6(network: MobileNetV2, *blocks: int) -> MobileNetV2:
    """Put a ReLU6 behind the projection of blocks, where the network has none.

    Parameters
    ----------
    network : MobileNetV2
        Trained; it is not changed.
    blocks : int
        Which blocks.

    Returns
    -------
    MobileNetV2
        A changed copy.

    Raises
    ------
    TypeError, ValueError
        If network is not a MobileNetV2 of ours, or there is no such block.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, section 6.4 and figure 6a, where the network is trained with it.

    Examples
    --------
    >>> changed = with_relu6(MobileNetV2(10, width_mult=0.35), 3)
    >>> len(changed.blocks[3].conv2), len(changed.blocks[4].conv2)
    (3, 2)
    """
    changed = _copy(network, blocks)
    for block in blocks:
        blocks_of(changed)[block].conv2.append(nn.ReLU6())
    return changed


def without_shortcut(network: MobileNetV2, *blocks: int) -> MobileNetV2:
    """Take away the shortcut of blocks: what flows on is the branch alone.

    Parameters
    ----------
    network : MobileNetV2
        Trained; it is not changed.
    blocks : int
        Which blocks; they must have a shortcut.

    Returns
    -------
    MobileNetV2
        A changed copy.

    Raises
    ------
    TypeError, ValueError
        If network is not a MobileNetV2 of ours, there is no such block, or it has no shortcut.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, section 6.4 and figure 6b, where the network is trained without.

    Examples
    --------
    >>> without_shortcut(MobileNetV2(10, width_mult=0.35), 4).blocks[4].use_residual
    False
    """
    changed = _copy(network, blocks, shortcut=True)
    for block in blocks:
        blocks_of(changed)[block].use_residual = False
    return changed


def without_branch(network: MobileNetV2, *blocks: int) -> MobileNetV2:
    """Take away all of blocks but their shortcuts: what came in flows on.

    Parameters
    ----------
    network : MobileNetV2
        Trained; it is not changed.
    blocks : int
        Which blocks; they must have a shortcut.

    Returns
    -------
    MobileNetV2
        A changed copy.

    Raises
    ------
    TypeError, ValueError
        If network is not a MobileNetV2 of ours, there is no such block, or it has no shortcut.

    References
    ----------
    Veit et al. 2016, arXiv:1605.06431, section 4, who do this to trained residual networks.

    Examples
    --------
    >>> without_branch(MobileNetV2(10, width_mult=0.35), 4).blocks[4]
    Identity()
    """
    changed = _copy(network, blocks, shortcut=True)
    for block in blocks:
        changed.blocks[block] = nn.Identity()
    return changed


def without_activations(network: MobileNetV2, *blocks: int) -> MobileNetV2:
    """Take away both ReLU6 in the fat middle of blocks, which are linear then from end to end.

    Parameters
    ----------
    network : MobileNetV2
        Trained; it is not changed.
    blocks : int
        Which blocks. The first one has no expansion, and one ReLU6.

    Returns
    -------
    MobileNetV2
        A changed copy.

    Raises
    ------
    TypeError, ValueError
        If network is not a MobileNetV2 of ours, or there is no such block.

    Examples
    --------
    >>> changed = without_activations(MobileNetV2(10, width_mult=0.35), 4)
    >>> [type(part).__name__ for part in changed.blocks[4].modules() if "ReLU" in type(part).__name__]
    ['ConvBNReLU', 'ConvBNReLU']
    """
    changed = _copy(network, blocks)
    for block in blocks:
        _replace(changed.blocks[block], nn.ReLU6, nn.Identity)
    return changed


def with_relu(network: Network) -> Network:
    """Put a ReLU in the place of every ReLU6.

    Parameters
    ----------
    network : torch.nn.Module
        Of any kind; it is not changed.

    Returns
    -------
    torch.nn.Module
        A changed copy.

    Examples
    --------
    >>> with_relu(nn.Sequential(nn.ReLU6()))(torch.tensor([-1.0, 7.0]))
    tensor([0., 7.])
    """
    instance("network", network, nn.Module, "pass a network, not its class")
    changed = copy.deepcopy(network)
    _replace(changed, nn.ReLU6, nn.ReLU)
    return changed


def _replace(network: nn.Module, old: type[nn.Module], new: Callable[[], nn.Module]) -> None:
    for part in network.modules():
        for name, child in list(part._modules.items()):  # named_children leaves out what has two names
            if type(child) is old:
                setattr(part, name, new())


def residual_blocks(network: MobileNetV2) -> list[int]:
    """Return which blocks of a network have a shortcut.

    Parameters
    ----------
    network : MobileNetV2
        Of any width.

    Returns
    -------
    list of int
        Counted from 0.

    Raises
    ------
    TypeError
        If network is not a MobileNetV2 of ours.

    Examples
    --------
    >>> residual_blocks(MobileNetV2(10, width_mult=0.35))
    [2, 4, 5, 7, 8, 9, 11, 12, 14, 15]
    """
    _check(network)
    return [i for i, block in enumerate(network.blocks) if getattr(block, "use_residual", False)]


def _check(network: object) -> None:
    if not isinstance(network, MobileNetV2):
        got = network.__name__ if isinstance(network, type) else type(network).__name__
        raise TypeError(f"network must be a MobileNetV2 of this library, got {got}; MobileNetV2() builds one")


def _copy(network: MobileNetV2, blocks: Sequence[int], shortcut: bool = False) -> MobileNetV2:
    """Return a copy of a network that has these blocks, and with them their shortcuts if they shall have some."""
    _check(network)
    last, have = len(network.blocks) - 1, residual_blocks(network)
    for block in blocks:
        if isinstance(block, bool) or not isinstance(block, Integral):
            raise TypeError(f"blocks must be integers, got {block!r}; for all of a list write *list")
        if not 0 <= block <= last:
            raise ValueError(f"blocks must be from 0 to {last}, got {block}; they are counted from 0")
        if shortcut and block not in have:
            raise ValueError(f"blocks must have a shortcut, got {block}; those that do are {', '.join(map(str, have))}")
    return copy.deepcopy(network)


# Pruning


def by_weights(network: MobileNetV2) -> dict[int, Tensor]:
    """Score each expanded channel by the weights that carry it on: the norm of its column in the projection.

    Parameters
    ----------
    network : MobileNetV2
        Trained.

    Returns
    -------
    dict of int to Tensor
        For each block with an expansion, a score of each channel of its fat middle.

    Raises
    ------
    TypeError
        If network is not a MobileNetV2 of ours.

    Notes
    -----
    BatchNorm multiplies each row of the projection by γ / √(σ² + ε); the norm is that of the folded weights.

    References
    ----------
    Li et al. 2017, arXiv:1608.08710, section 3.1, with the weights that read a channel instead of those that write it.

    Examples
    --------
    >>> by_weights(MobileNetV2(10, width_mult=0.35))[1].shape
    torch.Size([48])
    """
    _check(network)
    found = {}
    for i, block in enumerate(blocks_of(network)):
        if isinstance(block, ConvDepthwiseConv):
            weight = conv_of(block.conv2).weight.detach()[:, :, 0, 0]
            found[i] = (factor_of(block.conv2)[:, None] * weight).norm(dim=0)
    return found


def by_weights_and_activations(network: MobileNetV2, images: Tensor) -> dict[int, Tensor]:
    """Score each expanded channel by what it adds to its block's output: weights times activations.

    Parameters
    ----------
    network : MobileNetV2
        Trained.
    images : Tensor, shape (N, 3, H, W)
        Some pictures, prepared as in the training. No labels are needed.

    Returns
    -------
    dict of int to Tensor
        For each block with an expansion, a score of each channel of its fat middle: the norm of :func:`by_weights`
        times the root of the mean square of the channel. Its square is the mean squared change of the block's output,
        summed over its channels, if that channel alone were missing.

    Raises
    ------
    TypeError, ValueError
        If network is not a MobileNetV2 of ours, or as the network.

    Examples
    --------
    >>> found = by_weights_and_activations(MobileNetV2(10, width_mult=0.35), torch.randn(2, 3, 32, 32))
    >>> found[1].shape
    torch.Size([48])
    """
    tensor("images", images, "(N, C, H, W)")
    weights, squares, hooks = by_weights(network), {}, []
    for i in weights:

        def add(part: nn.Module, given: object, output: Tensor, i: int = i) -> None:
            squares.setdefault(i, []).append(output.square().mean((2, 3)))

        hooks.append(blocks_of(network)[i].depthwise.register_forward_hook(add))
    try:
        scores(network, images)
    finally:
        for hook in hooks:
            hook.remove()
    return {i: norm * torch.cat(squares[i]).mean(0).sqrt() for i, norm in weights.items()}


def at_random(network: MobileNetV2, seed: int = 0) -> dict[int, Tensor]:
    """Score each expanded channel by chance.

    Parameters
    ----------
    network : MobileNetV2
        Of any width.
    seed : int, default=0
        Decides the scores.

    Returns
    -------
    dict of int to Tensor
        As :func:`by_weights`.

    Raises
    ------
    TypeError
        If network is not a MobileNetV2 of ours.

    Examples
    --------
    >>> at_random(MobileNetV2(10, width_mult=0.35))[1].shape
    torch.Size([48])
    """
    (seed,) = zero_or_more(seed=seed)
    draw = torch.Generator().manual_seed(seed)
    return {i: torch.rand(len(norm), generator=draw) for i, norm in by_weights(network).items()}


def pruned(network: MobileNetV2, share: float, channel_scores: dict[int, Tensor]) -> MobileNetV2:
    """Silence the expanded channels with the lowest scores, the same share in each block.

    Parameters
    ----------
    network : MobileNetV2
        Trained; it is not changed.
    share : float
        Of the channels of each fat middle, from 0 to 1.
    channel_scores : dict of int to Tensor
        For each block, a score of each channel: :func:`by_weights`, :func:`by_weights_and_activations`,
        :func:`at_random`.

    Returns
    -------
    MobileNetV2
        A changed copy, as large as before: the projection's weights for these channels are zero. Without the channels
        themselves the output would be the same.

    Raises
    ------
    TypeError, ValueError
        If network is not a MobileNetV2 of ours, share is not from 0 to 1, or the scores are not those of its channels.

    References
    ----------
    Li et al. 2017, arXiv:1608.08710, who train the network further afterwards; here it is not.

    Examples
    --------
    >>> network = MobileNetV2(10, width_mult=0.35)
    >>> weight = pruned(network, 0.25, by_weights(network)).blocks[1].conv2[0].weight
    >>> (weight == 0).all(dim=0).sum().item(), weight.shape[1]
    (12, 48)
    """
    mapping("channel_scores", channel_scores, "by_weights(network)")
    check_share(share=share)
    changed = _copy(network, list(channel_scores))
    with torch.no_grad():
        for block, values in channel_scores.items():
            weight = conv_of(blocks_of(changed)[block].conv2).weight
            tensor(f"channel_scores[{block}]", values, "(channels,)")
            if len(values) != weight.shape[1]:
                raise ValueError(
                    f"channel_scores[{block}] must be {weight.shape[1]}, one for each channel of the fat middle, got "
                    f"{len(values)}; score the channels of this network"
                )
            lowest = values.argsort(stable=True)[: round(share * len(values))]
            weight[:, lowest] = 0
    return changed


# All that is offered


class Change(NamedTuple):
    """One change to a network, as a list of changes names it.

    Attributes
    ----------
    kind : str
        "relu6", "shortcut", "branch" or "activations"; or how channels are chosen to be pruned: "contribution",
        "weights" or "random".
    blocks : tuple of int
        Which blocks; none where channels are pruned in all of them.
    share : float
        Of the expanded channels that are pruned, in percent.

    Examples
    --------
    >>> Change("shortcut", (4, 5)).key, Change("random", share=5).key
    ('shortcut 4 5', 'random 5 %')
    """

    kind: str
    blocks: tuple[int, ...] = ()
    share: float = 0

    @property
    def key(self) -> str:
        """What the stored results call it."""
        return " ".join([self.kind, *map(str, self.blocks)]) if self.blocks else f"{self.kind} {self.share:g} %"


KINDS = {
    "relu6": with_relu6,
    "shortcut": without_shortcut,
    "branch": without_branch,
    "activations": without_activations,
}
RULES = ("contribution", "weights", "random")
SHARES = (2, 5, 10, 20, 50)


def changes(network: MobileNetV2) -> list[Change]:
    """List changes to try: each kind in each block, in each row of the table, in all blocks; and shares pruned.

    Parameters
    ----------
    network : MobileNetV2
        Whose table to walk along.

    Returns
    -------
    list of Change
        Without duplicates. Where two branches are taken away, each pair is in the list.

    Raises
    ------
    TypeError
        If network is not a MobileNetV2 of ours.

    Examples
    --------
    >>> found = changes(MobileNetV2(10, width_mult=0.35))
    >>> len(found), found[0].key, found[-1].key
    (133, 'relu6 0', 'random 50 %')
    """
    _check(network)
    residual, everything = residual_blocks(network), list(range(len(network.blocks)))
    found = []
    for kind in KINDS:
        can = residual if kind in ("shortcut", "branch") else everything
        found += [Change(kind, (block,)) for block in can]
        start = 0
        for row in network.spec:
            found.append(Change(kind, tuple(block for block in can if start <= block < start + row.n)))
            start += row.n
        found.append(Change(kind, tuple(can)))
        if kind == "branch":
            found += [Change(kind, (a, b)) for a in can for b in can if a < b]
    found += [Change(rule, share=share) for rule in RULES for share in SHARES]
    return [change for change in dict.fromkeys(found) if change.blocks or change.share]


def changed(network: MobileNetV2, change: Change, images: Tensor) -> MobileNetV2:
    """Return a network with one change of the list.

    Parameters
    ----------
    network : MobileNetV2
        Trained; it is not changed.
    change : Change
        One of :func:`changes`.
    images : Tensor, shape (N, 3, H, W)
        On which a channel's contribution is measured.

    Returns
    -------
    MobileNetV2
        A changed copy.

    Raises
    ------
    TypeError, ValueError
        If there is no such change to this network.

    Examples
    --------
    >>> changed(MobileNetV2(10, width_mult=0.35), Change("branch", (4,)), torch.zeros(1, 3, 32, 32)).blocks[4]
    Identity()
    """
    instance("change", change, Change, "changes(network) lists some")
    _check(network)
    if change.kind in KINDS:
        return KINDS[change.kind](network, *change.blocks)
    if change.kind not in RULES:
        raise ValueError(f"change must be of the kind {', '.join([*KINDS, *RULES])}, got {change.kind!r}")
    if change.kind == "contribution":
        return pruned(network, change.share / 100, by_weights_and_activations(network, images))
    return pruned(network, change.share / 100, (by_weights if change.kind == "weights" else at_random)(network))
