"""A learner's module: built, run, and compared with the library's, layer by layer."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..measure.threads import one_thread
from . import CheckFailed, compare
from .verdicts import OUTLINED, NotYet, joined, kind, praise, sentence, stopping, unfinished, written

M = TypeVar("M", bound=nn.Module)


class Run(NamedTuple):
    """What happened when a block was run once."""

    output: Any
    error: BaseException | None
    layers: list[tuple[nn.Module, tuple[int, ...]]]  # those without children, as they ran, and their outputs' shapes

    def of_kind(self, *kinds: type[M]) -> list[M]:
        return [module for module, _ in self.layers if isinstance(module, kinds)]


Parts = Mapping[str, str | None]  # a block's parts, and the activation behind each
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
    parts: Parts,
    settings: Sequence[tuple[tuple[int, ...], dict[str, int]]],
) -> None:
    """Compare a learner's block with the library's, for several settings."""
    is_class(block)
    with one_thread(), torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(0)
        for args, named in settings:
            values = [*map(str, args), *(f"{name}={value}" for name, value in named.items())]
            _compare(block, reference, parts, args, named, f"{block.__name__}({', '.join(values)})")
    praise(f"{block.__name__} gives what the library's block gives, in eval and in train mode.")


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
    with stopping(f"{shown} cannot be built: {{}}"):
        mine = block(*args, **named)
    if not isinstance(mine, nn.Module):
        raise CheckFailed(f"{shown} should be a module, and is a {kind(mine)}.")
    if "_modules" not in vars(mine):
        raise NotYet(f"the __init__ of {block.__name__} does not call super().__init__()")
    return mine


def _compare(
    block: type[nn.Module],
    reference: type[nn.Module],
    parts: Parts,
    args: tuple[int, ...],
    named: dict[str, int],
    shown: str,
) -> None:
    mine = built(block, shown, *args, **named)
    theirs = reference(*args, **named)
    _randomise(theirs)
    x = torch.randn(2, args[0], 13, 13)
    run, wanted = run_once(mine, "eval", x), run_once(theirs, "eval", x)
    hint = next(iter(_structure(run, wanted, list(parts), named)), "")
    if run.error is not None:
        stops = joined(hint, f"{shown} stops with {sentence(run.error)}")
        raise CheckFailed(_why_it_stopped(run, wanted, theirs, x, shown) or stops)
    shape = output(run, shown).shape
    if shape != wanted.output.shape:
        at = f"{shown} turns {tuple(x.shape)} into {tuple(shape)}."
        raise CheckFailed(joined(hint or "The output has the wrong shape.", at))
    count = sum(parameter.numel() for parameter in mine.parameters())
    if count != sum(parameter.numel() for parameter in theirs.parameters()):
        raise CheckFailed(joined(hint or "The number of parameters is not right.", f"{shown} has {count}."))
    if not _hand_over(run, wanted):
        raise CheckFailed(hint or f"The layers of {shown} do not come in the library's order, or have other shapes.")
    _compare_numbers(mine, theirs, parts, x, shown, hint)


def _compare_numbers(mine: nn.Module, theirs: nn.Module, parts: Parts, x: Tensor, shown: str, hint: str) -> None:
    """Compare what two modules with the same weights give, in both modes."""
    for mode in ("eval", "train"):
        got, right = (output(run_once(module, mode, x), shown) for module in (mine, theirs))
        if not compare.close(got, right):
            hint = _variant(got, theirs, parts, x) or hint
            if mode == "train" and not hint:
                hint = "In eval mode all is right. Which layer behaves differently in training?"
            raise CheckFailed(joined(hint, f"With the library's weights {shown} gives other numbers."))


def _randomise(block: nn.Module) -> None:
    """Draw weights so large that ReLU6 cuts on both sides, and averages that a BatchNorm cannot ignore."""
    for module in block.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.normal_(std=2 / math.sqrt(module.weight[0].numel()))
        elif isinstance(module, nn.BatchNorm2d):
            module.weight.uniform_(2, 4)
            module.bias.normal_()
            module.get_buffer("running_mean").normal_(std=0.3)
            module.get_buffer("running_var").uniform_(0.5, 2)


def run_once(block: nn.Module, mode: str, x: Tensor) -> Run:
    """Run a module in eval or train mode, and note what ran in it."""
    layers = []
    hooks = [
        module.register_forward_hook(
            lambda module, _, output: layers.append((module, tuple(getattr(output, "shape", ()))))
        )
        for module in block.modules()
        if module is not block and not list(module.children())
    ]
    nn.Module.train(block, mode == "train")  # not the block's own: a learner may have given that name to a layer
    output, error, given = None, None, x.clone()
    try:
        output = block(given)
    except KeyboardInterrupt:
        raise
    except BaseException as caught:
        error = caught
    finally:
        for hook in hooks:
            hook.remove()
    if isinstance(error, NotImplementedError):
        raise NotYet(OUTLINED)
    if error is None:
        if output is None and written(type(block).forward):
            raise CheckFailed("forward returns nothing. End it with return.")
        unfinished(output)
        if not torch.equal(given, x):  # no gradient would pass through the layers that have read it
            raise CheckFailed("forward changes the tensor that it is given. Make a new one of it.")
    return Run(output, error, layers)


def output(run: Run, shown: str) -> Tensor:
    """Return the tensor that a module gave, or say what it did instead."""
    if run.error is not None:
        raise CheckFailed(f"{shown} stops with {sentence(run.error)}")
    if not isinstance(run.output, Tensor):
        raise CheckFailed(f"forward should return a tensor; {shown} returns a {kind(run.output)}.")
    return run.output


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
        yield from _conv(ROLES[name], conv, other, named)
    yield from _norms(run, wanted)


def _conv(role: str, conv: nn.Conv2d, other: nn.Conv2d, named: dict[str, int]) -> Iterable[str]:
    """Compare two convolutions."""
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
    for what in ("stride", "dilation"):
        if getattr(conv, what) != getattr(other, what):
            ignored = getattr(conv, what) == (1, 1)
            yield f"The {role} {f'ignores the {what}' if ignored else f'has a {what} that belongs to another layer'}."
    if conv.padding != other.padding and conv.padding != "same":
        cause = " and ".join(what for what in ("kernel_size", "dilation") if named.get(what, 0) > 1)
        grow = f" for this {cause}: it must follow {'them' if ' and ' in cause else 'it'}" if cause else ""
        yield f"The padding of the {role} does not keep the size of the map{grow}."
    if conv.bias is not None:
        yield f"The {role} has a bias. BatchNorm follows and would take it out again."


def _norms(run: Run, wanted: Run) -> Iterable[str]:
    """Compare how many BatchNorms there are, and where they stand."""
    mine, theirs = (len(each.of_kind(nn.BatchNorm2d)) for each in (run, wanted))
    if mine < theirs:
        yield "A BatchNorm is missing: one follows each convolution."
    elif mine > theirs:
        yield "There is a BatchNorm too many: one follows each convolution."
    kinds = run.of_kind(nn.Conv2d, nn.BatchNorm2d, *RECTIFIERS)
    if any(isinstance(a, RECTIFIERS) and isinstance(b, nn.BatchNorm2d) for a, b in itertools.pairwise(kinds)):
        yield "BatchNorm stands between the convolution and ReLU6, not behind both."


def _why_it_stopped(run: Run, wanted: Run, theirs: nn.Module, x: Tensor, shown: str) -> str:
    """Say why a block raised, if it did so in adding the residual."""
    convs = [shape for module, shape in run.layers if isinstance(module, nn.Conv2d)]
    if len(convs) != len(wanted.of_kind(nn.Conv2d)) or convs[-1] == tuple(x.shape):
        return ""
    shapes = (
        f"In {shown} the input is {tuple(x.shape[1:])} and the output {convs[-1][1:]}, as channels, height and width."
    )
    if not hasattr(theirs, "use_residual"):
        return f"The input is added to the output. This block has no residual. {shapes}"
    if theirs.use_residual:
        return f"The map changes its size inside the block. The padding must follow kernel size and dilation. {shapes}"
    return f"The input is added to an output of another shape. When does the residual exist? {shapes}"


def _hand_over(run: Run, wanted: Run) -> bool:
    """Copy weights and averages in the order in which the layers ran; say whether they fit."""
    for layer in (nn.Conv2d, nn.BatchNorm2d):
        mine, theirs = run.of_kind(layer), wanted.of_kind(layer)
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


def _variant(got: Tensor, theirs: nn.Module, parts: Parts, x: Tensor) -> str:
    """Make the typical mistakes with activations and residual, and return the hint of the one that gives `got`."""
    for hint, settings in _slips(parts, getattr(theirs, "use_residual", False), x.shape == got.shape):
        if compare.close(got, _forward(theirs, list(parts), x, **settings)):
            return hint
    return ""


def _forward(
    block: nn.Module, names: list[str], x: Tensor, activations: Sequence[str | None], add: str, after: str | None
) -> Tensor:
    """Run a block of the library with other activations, and with its input added, its output or nothing."""
    y = x
    for name, activation in zip(names, activations, strict=True):
        convolution, norm, *_ = getattr(block, name)
        y = ACTIVATIONS[activation](norm(convolution(y)))
    return ACTIVATIONS[after](y + {"input": x, "output": y, "": 0}[add])


def _slips(parts: Parts, adds: bool, same_shape: bool) -> Iterable[tuple[str, dict[str, Any]]]:
    """Return what people do to the activations and the residual, each with its hint."""
    right, residual = tuple(parts.values()), "input" if adds else ""

    def slip(hint: str, activations: Sequence[str | None] = right, add: str = residual, after: str | None = None):
        return hint, {"activations": activations, "add": add, "after": after}

    for place, name in enumerate(parts):
        before, behind, role = right[:place], right[place + 1 :], ROLES[name]
        if right[place] is None:
            for activation in ("relu6", "relu"):
                hint = f"An activation follows the {role}: the bottleneck is linear."
                yield slip(hint, (*before, activation, *behind))
        else:
            yield slip(f"The activation behind the {role} is missing.", (*before, None, *behind))
            yield slip(f"What lets values above 6 pass behind the {role}?", (*before, "relu", *behind))
    every_relu = tuple("relu" if activation else None for activation in right)
    yield slip("ReLU lets values above 6 pass; the block has ReLU6.", every_relu)
    yield slip("All activations are missing.", (None,) * len(parts))
    if adds:
        yield slip("The residual is missing: here stride is 1, and the ends are equal.", add="")
        yield slip("The output is added to itself. Is the block's input still there when you add it?", add="output")
        for activation in ("relu6", "relu"):
            hint = "An activation follows the sum: what the block hands on should stay linear."
            yield slip(hint, after=activation)
    elif same_shape:
        yield slip("The input is added although there is no residual in this block.", add="input")
