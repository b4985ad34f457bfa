"""A learner's module: built, run, and compared with the library's, layer by layer."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import CheckFailed, compare
from .verdicts import OUTLINED, NotYet, joined, praise, sentence, unfinished


class Run(NamedTuple):
    """What happened when a block was run once."""

    output: Any
    error: Exception | None
    layers: list[
        tuple[nn.Module, tuple[int, ...]]
    ]  # the modules without children, as they ran, and their outputs' shapes

    def of_kind(self, *kinds: type[nn.Module]) -> list[nn.Module]:
        return [module for module, _ in self.layers if isinstance(module, kinds)]


ACTIVATIONS = {"relu6": functional.relu6, "relu": functional.relu, None: lambda x: x}
RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.Hardtanh)
ROLES = {
    "conv1": "expansion",
    "depthwise": "depthwise convolution",
    "pointwise": "pointwise convolution",
    "conv2": "projection",
}


def same_block(
    block: type[nn.Module],
    reference: type[nn.Module],
    parts: dict[str, str | None],
    settings: Sequence[tuple[tuple[int, ...], dict[str, int]]],
) -> None:
    """Compare a learner's block with the library's, for several settings."""
    is_class(block)
    with one_thread(), torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        for args, named in settings:
            values = [*map(str, args), *(f"{name}={value}" for name, value in named.items())]
            _compare(block, reference, parts, args, named, f"{block.__name__}({', '.join(values)})")
    praise(f"{block.__name__} gives what the library's block gives, in eval and in train mode.")


@contextmanager
def one_thread() -> Iterator[None]:
    """Run small layers on one thread: on a busy machine several would wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def is_class(block: object) -> None:
    if isinstance(block, nn.Module):
        raise CheckFailed("Pass the class itself, not a block built from it: its name, and no brackets behind it.")
    if not isinstance(block, type) or not issubclass(block, nn.Module):
        raise CheckFailed("A class that derives from nn.Module is expected here.")
    if block.__init__ is nn.Module.__init__:
        raise NotYet(f"{block.__name__} has no __init__")
    if block.forward is nn.Module.forward:
        raise NotYet(f"{block.__name__} has no forward")


def built(block: type[nn.Module], shown: str, *args: int, **named: int) -> nn.Module:
    """Build a learner's block."""
    try:
        mine = block(*args, **named)
    except NotImplementedError:
        raise NotYet(OUTLINED) from None
    except Exception as error:
        raise CheckFailed(f"{shown} cannot be built: {sentence(error)}") from None
    if "_modules" not in vars(mine):
        raise NotYet(f"the __init__ of {block.__name__} does not call super().__init__()")
    return mine


def _compare(
    block: type[nn.Module],
    reference: type[nn.Module],
    parts: dict[str, str | None],
    args: tuple[int, ...],
    named: dict[str, int],
    shown: str,
) -> None:
    mine = built(block, shown, *args, **named)
    theirs = reference(*args, **named)
    _randomise(theirs)
    x = torch.randn(2, args[0], 13, 13)
    run, wanted = run_once(mine.eval(), x), run_once(theirs.eval(), x)
    if run.error is None:
        unfinished(run.output)
    hints = [*_structure(run, wanted, list(parts), named), ""]

    if run.error is not None:
        raise CheckFailed(
            _why_it_stopped(run, wanted, theirs, x, shown)
            or joined(hints[0], f"{shown} stops with {sentence(run.error)}")
        )
    if not isinstance(run.output, Tensor):
        raise CheckFailed(f"forward should return a tensor; {shown} returns a {type(run.output).__name__}.")
    if run.output.shape != wanted.output.shape:
        at = f"{shown} turns {tuple(x.shape)} into {tuple(run.output.shape)}."
        raise CheckFailed(joined(hints[0] or "The output has the wrong shape.", at))
    count = sum(parameter.numel() for parameter in mine.parameters())
    if count != sum(parameter.numel() for parameter in theirs.parameters()):
        raise CheckFailed(joined(hints[0] or "The number of parameters is not right.", f"{shown} has {count}."))
    if not _hand_over(run, wanted):
        raise CheckFailed(
            hints[0] or f"The layers of {shown} do not come in the library's order, or have other shapes."
        )
    for mode in ("eval", "train"):
        getattr(mine, mode)(), getattr(theirs, mode)()
        if not compare.close(mine(x.clone()), theirs(x.clone())):
            hint = _variant(mine, theirs, parts, x) or hints[0]
            if mode == "train" and not hint:
                hint = "In eval mode all is right. Which layer behaves differently in training?"
            where = f"With the library's weights {shown} gives other numbers."
            raise CheckFailed(joined(hint, where))


def _randomise(block: nn.Module) -> None:
    """Draw weights so large that ReLU6 cuts on both sides, and averages that a BatchNorm cannot ignore."""
    for module in block.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.normal_(std=2 / math.sqrt(module.weight[0].numel()))
        elif isinstance(module, nn.BatchNorm2d):
            module.weight.uniform_(2, 4)
            module.bias.normal_()
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2)


def run_once(block: nn.Module, x: Tensor) -> Run:
    layers = []
    hooks = [
        module.register_forward_hook(lambda module, _, output: layers.append((module, tuple(output.shape))))
        for module in block.modules()
        if module is not block and not list(module.children())
    ]
    output, error = None, None
    try:
        output = block(x.clone())
    except Exception as caught:
        error = caught
    for hook in hooks:
        hook.remove()
    if isinstance(error, NotImplementedError):
        raise NotYet(OUTLINED)
    return Run(output, error, layers)


def _structure(run: Run, wanted: Run, names: list[str], named: dict[str, int]) -> Iterable[str]:
    """Compare the layers one by one; each hint is something that differs, the weightiest first."""
    mine, theirs = run.of_kind(nn.Conv2d), wanted.of_kind(nn.Conv2d)
    if len(set(mine)) < len(mine):
        yield "One convolution is used twice; each has weights of its own."
    if len(mine) != len(theirs):
        if run.error is None:
            yield f"The block has {len(theirs)} convolutions, and here {len(mine)} ran."
        return
    kernels = [conv.kernel_size for conv in mine]
    if kernels != [conv.kernel_size for conv in theirs] and kernels == [conv.kernel_size for conv in theirs][::-1]:
        yield "The order is swapped: first the depthwise convolution, then the pointwise one."
        return
    for name, conv, other in zip(names, mine, theirs, strict=True):
        role = ROLES[name]
        if conv.kernel_size != other.kernel_size:
            size = " x ".join(map(str, conv.kernel_size))
            yield f"The {role} has a {size} kernel, and that is not the one asked for."
        if conv.groups != other.groups:
            if conv.groups == 1:
                yield f"The {role} has no groups: each of its filters reads all the channels."
            else:
                yield f"The {role} has groups={conv.groups}. How many channels should each of its filters read?"
        if (conv.in_channels, conv.out_channels) != (other.in_channels, other.out_channels):
            yield f"The {role} takes {conv.in_channels} channels to {conv.out_channels}; look at its ends again."
        if conv.stride != other.stride:
            wrong = "ignores the stride" if conv.stride == (1, 1) else "has a stride that belongs to another layer"
            yield f"The {role} {wrong}."
        if conv.dilation != other.dilation:
            wrong = (
                "ignores the dilation" if conv.dilation == (1, 1) else "has a dilation that belongs to another layer"
            )
            yield f"The {role} {wrong}."
        if conv.padding != other.padding and conv.padding != "same":
            cause = " and ".join(what for what in ("kernel_size", "dilation") if named.get(what, 0) > 1)
            grow = f" for this {cause}: it must follow {'them' if ' and ' in cause else 'it'}" if cause else ""
            yield f"The padding of the {role} does not keep the size of the map{grow}."
        if conv.bias is not None:
            yield f"The {role} has a bias. BatchNorm follows and would take it out again."
    norms = [len(each.of_kind(nn.BatchNorm2d)) for each in (run, wanted)]
    if norms[0] < norms[1]:
        yield "A BatchNorm is missing: one follows each convolution."
    elif norms[0] > norms[1]:
        yield "There is a BatchNorm too many: one follows each convolution."
    kinds = [module for module, _ in run.layers if isinstance(module, (nn.Conv2d, nn.BatchNorm2d, *RECTIFIERS))]
    for before, after in itertools.pairwise(kinds):
        if isinstance(before, RECTIFIERS) and isinstance(after, nn.BatchNorm2d):
            yield "BatchNorm stands between the convolution and ReLU6, not behind both."
            break


def _why_it_stopped(run: Run, wanted: Run, theirs: nn.Module, x: Tensor, shown: str) -> str:
    """Say why a block raised, if it did so in adding the residual."""
    convs = [shape for module, shape in run.layers if isinstance(module, nn.Conv2d)]
    if len(convs) != len(wanted.of_kind(nn.Conv2d)) or convs[-1] == tuple(x.shape):
        return ""
    shapes = (
        f"In {shown} the input is {tuple(x.shape[1:])} and the output {convs[-1][1:]}, as channels, height and width."
    )
    if getattr(theirs, "use_residual", False):
        return f"The map changes its size inside the block. The padding must follow kernel size and dilation. {shapes}"
    return f"The input is added to an output of another shape. When does the residual exist? {shapes}"


def _hand_over(run: Run, wanted: Run) -> bool:
    """Copy weights and averages in the order in which the layers ran; say whether they fit."""
    for kind in (nn.Conv2d, nn.BatchNorm2d):
        mine, theirs = run.of_kind(kind), wanted.of_kind(kind)
        if len(mine) != len(theirs):
            return False
        for a, b in zip(mine, theirs, strict=True):
            own, other = a.state_dict(), b.state_dict()
            if {name: value.shape for name, value in own.items()} != {
                name: value.shape for name, value in other.items()
            }:
                return False
            a.load_state_dict(other)
    return True


def _variant(mine: nn.Module, theirs: nn.Module, parts: dict[str, str | None], x: Tensor) -> str:
    """Make the typical mistakes with activations and residual, and return the hint of the one that gives `mine`."""
    got = mine(x.clone())
    names, right = list(parts), tuple(parts.values())
    adds = getattr(theirs, "use_residual", False)

    def forward(activations: Sequence[str | None] = right, add: bool = adds, after: str | None = None) -> Tensor:
        y = x
        for name, activation in zip(names, activations, strict=True):
            part = getattr(theirs, name)
            y = ACTIVATIONS[activation](part[1](part[0](y)))
        return ACTIVATIONS[after](x + y if add else y)

    def changed(place: int, activation: str | None) -> tuple[str | None, ...]:
        return (*right[:place], activation, *right[place + 1 :])

    mistakes = []
    for place, name in enumerate(names):
        if right[place] is None:
            hint = f"An activation follows the {ROLES[name]}: the bottleneck is linear."
            mistakes += [(hint, {"activations": changed(place, each)}) for each in ("relu6", "relu")]
        else:
            mistakes.append(
                (f"The activation behind the {ROLES[name]} is missing.", {"activations": changed(place, None)})
            )
            mistakes.append(
                (f"What lets values above 6 pass behind the {ROLES[name]}?", {"activations": changed(place, "relu")})
            )
    every_relu = tuple("relu" if activation else None for activation in right)
    mistakes.append(("ReLU lets values above 6 pass; the block has ReLU6.", {"activations": every_relu}))
    mistakes.append(("All activations are missing.", {"activations": (None,) * len(names)}))
    if adds:
        mistakes.append(("The residual is missing: here stride is 1, and the ends are equal.", {"add": False}))
        hint = "An activation follows the sum: what the block hands on should stay linear."
        mistakes += [(hint, {"after": each}) for each in ("relu6", "relu")]
    elif x.shape == got.shape:
        mistakes.append(("The input is added although there is no residual in this block.", {"add": True}))
    for hint, settings in mistakes:
        if compare.close(got, forward(**settings)):
            return hint
    return ""
