"""Which convolutions of a network feed which of its BatchNorms, read off its program and not off its list of parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from torch import fx, nn
from torch.nn.utils.parametrize import is_parametrized

PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)


class Wire(NamedTuple):
    """A convolution and a BatchNorm that belong together, by their names in the network.

    Attributes
    ----------
    conv, norm : str
        The two.
    why_not : str
        What stands against making one layer of them; "" where nothing does.
    """

    conv: str
    norm: str
    why_not: str


class _Tracer(fx.Tracer):
    """Runs a network's program once, on stand-ins, and writes down who is given what."""

    proxy_buffer_attributes = True  # a running average that is read elsewhere shows, too

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        layers = isinstance(m, nn.Conv2d | nn.BatchNorm2d)  # of timm, too, whose forward is not torch's
        return layers or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Any, args: tuple, kwargs: dict) -> Any:
        # What spreads a batch over devices adds nothing to the program.
        return m.module(*args, **kwargs) if isinstance(m, PARALLEL) else super().call_module(m, forward, args, kwargs)


def wires(network: nn.Module) -> list[Wire]:
    """Return each convolution that feeds a BatchNorm or stands right before one, with what stands against folding it.

    Parameters
    ----------
    network : torch.nn.Module
        Its parts may be called in any order, and more than once.

    Raises
    ------
    ValueError
        If the program depends on the numbers that go through it, so that there is no one program to read.

    Examples
    --------
    >>> wires(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)))
    [Wire(conv='0', norm='1', why_not='')]
    >>> wires(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.BatchNorm2d(8)))
    []
    """
    prefix, root = "", network
    while isinstance(root, PARALLEL):
        prefix, root = f"{prefix}module.", root.module
    if isinstance(root, nn.Conv2d | nn.BatchNorm2d):
        return []
    try:
        graph = _Tracer().trace(root)
    except Exception as error:  # whatever a program does that stand-ins cannot
        raise ValueError(
            f"network must be one that torch.fx can trace, got {type(root).__name__}, of which it says: "
            f"{str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}; "
            "fold those of its parts that can be: network.backbone = shipping.fold(network.backbone)"
        ) from error
    found = [*_fed(graph, root), *_neighbours(graph, root)]
    first: dict[str, Wire] = {}
    for wire in found:  # a BatchNorm that is fed needs no word about who stands before it
        first.setdefault(wire.norm, wire)
    return [Wire(prefix + wire.conv, prefix + wire.norm, wire.why_not) for wire in first.values()]


def _fed(graph: fx.Graph, root: nn.Module) -> Iterator[Wire]:
    """Yield the BatchNorms whose input is what a convolution gives."""
    layers = {node: root.get_submodule(str(node.target)) for node in graph.nodes if node.op == "call_module"}
    calls = Counter(str(node.target) for node in layers)
    read = {str(node.target).rpartition(".")[0] for node in graph.nodes if node.op == "get_attr"}
    for node, norm in layers.items():
        feeds = node.all_input_nodes[0] if len(node.all_input_nodes) == 1 else None
        if isinstance(norm, nn.BatchNorm2d) and feeds is not None and isinstance(layers.get(feeds), nn.Conv2d):
            names = str(feeds.target), str(node.target)
            yield Wire(*names, _why_not(feeds, layers[feeds], norm, calls, read, names))


def _why_not(
    feeds: fx.Node, conv: nn.Module, norm: nn.BatchNorm2d, calls: Counter[str], read: set[str], names: tuple[str, str]
) -> str:
    """Say what stands against folding a BatchNorm into the convolution that feeds it; "" where nothing does."""
    if calls[names[0]] > 1:
        return "the convolution runs more than once"
    if calls[names[1]] > 1:
        return "the BatchNorm runs more than once"
    if len(feeds.users) > 1:
        return "the convolution's output is used elsewhere, too"
    if read.intersection(names):
        return "weights of the two are used elsewhere, too"
    if norm.running_mean is None:
        return "the BatchNorm keeps no running averages"
    if is_parametrized(conv) or is_parametrized(norm):
        return "its weights are made anew for each call"
    if any(part._forward_hooks or part._forward_pre_hooks for part in (conv, norm)):
        return "a hook is attached to one of the two"
    return ""


def _neighbours(graph: fx.Graph, root: nn.Module) -> Iterator[Wire]:
    """Yield the convolutions that have a BatchNorm registered right behind them, which another layer feeds."""
    called = {str(node.target) for node in graph.nodes if node.op == "call_module"}
    for name, part in root.named_modules():
        for (before, conv), (behind, norm) in pairwise(part.named_children()):
            first, second = (f"{name}.{each}".removeprefix(".") for each in (before, behind))
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and called >= {first, second}:
                yield Wire(first, second, "the BatchNorm's input is not the convolution's output")
