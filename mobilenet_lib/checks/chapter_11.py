"""Checks of the exercises in chapter 11: beyond MobileNetV2."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .. import cost, specs
from ..measure.threads import one_thread
from . import CheckFailed, compare, modules
from .chapter_08 import walk_strides
from .compare import PERCENT, Case
from .verdicts import exercise, joined, praise, sentence

PADDING_MISTAKES = [
    ("The dilation is forgotten: it pulls the taps of the kernel apart.", lambda k, d: k // 2),
    ("The dilation is forgotten: it pulls the taps of the kernel apart.", lambda k, d: k - 1),
    ("Your function is right for a 3x3 kernel only.", lambda k, d: d),
    ("Your function gives one pixel for every kernel, and that is right for a plain 3x3 only.", lambda k, d: 1),
    ("Between k taps there are k − 1 gaps, and only the gaps are stretched.", lambda k, d: d * k // 2),
    ("Between k taps there are k − 1 gaps, and only the gaps are stretched.", lambda k, d: d * k / 2),
    (
        "This is for both sides together; the argument padding is what stands on each.",
        lambda k, d: d * (k - 1),
    ),
    (
        "This is how far the kernel reaches. How many zeros does that need on each side?",
        lambda k, d: d * (k - 1) + 1,
    ),
    ("The dilation is added; it multiplies each of the gaps.", lambda k, d: (k - 1) // 2 + d),
    ("The dilation is added; it multiplies each of the gaps.", lambda k, d: (k - 1) // 2 + d - 1),
    ("The dilation is added; it multiplies each of the gaps.", lambda k, d: (k + d - 1) // 2),
    ("Divided instead of multiplied: a dilation makes the kernel reach further.", lambda k, d: (k - 1) // 2 // d),
    ("The middle of the kernel needs no zero of its own.", lambda k, d: d * (k - 1) // 2 + 1),
]


@exercise
def check_padding(function: Callable[[int, int], int]) -> None:
    """Check a function for the padding that keeps the size of a map at stride 1.

    Parameters
    ----------
    function : callable
        ``function(kernel_size, dilation)``: how many zeros on each side, for an odd kernel.

    Raises
    ------
    CheckFailed
        If it is wrong for some kernel; the message says what to look at again.

    Examples
    --------
    >>> check_padding(lambda kernel_size, dilation: kernel_size // 2)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: The dilation is forgotten: it pulls the taps of the kernel apart.
    """
    cases = [
        Case((k, d), d * (k - 1) // 2, f"kernel_size={k}, dilation={d}")
        for k, d in ((3, 1), (5, 1), (3, 2), (3, 4), (5, 2), (7, 3), (1, 2))
    ]
    look = "Draw the kernel on its first pixel: how far does it hang over the edge?"
    answers = compare.expect_function(function, cases, PADDING_MISTAKES, look)
    if any(isinstance(answer, float) for answer in answers):
        raise CheckFailed(
            "The values are right, but they are floats, and nn.Conv2d wants whole numbers: divide with //."
        )
    praise("the map keeps its size, for any odd kernel and any dilation.")


def _field(
    layers: list[tuple[int, int, int]],
    reach: Callable[[int, int], int] = lambda k, d: d * (k - 1),
    jump_of: Callable[[int, int], int] = operator.mul,
    first: int = 1,
    early: bool = False,
) -> int:
    pixels, jump = first, 1
    for k, s, d in layers:
        after = jump_of(jump, s)
        pixels += reach(k, d) * (after if early else jump)
        jump = after
    return pixels


def _wrong_field(**slips: Any) -> Callable[[list], int]:
    return lambda layers: _field(layers, **slips)


def _backwards(layers: list[tuple[int, int, int]]) -> int:
    return functools.reduce(lambda r, layer: (r - 1) * layer[1] + layer[2] * (layer[0] - 1) + 1, layers, 1)


def _network(strides: Iterable[tuple[int, int]], pointwise_first: bool) -> list[tuple[int, int, int]]:
    chain = [(3, 2, 1)]
    for stride, dilation in strides:
        chain += [(1, 1, 1)] * pointwise_first + [(3, stride, dilation), (1, 1, 1)]
    return chain


APART = "neighbours on the map are two pixels of the image apart."
GAPS = "A kernel of k taps has k − 1 gaps, and each layer adds its gaps, not its taps."
FIELD_MISTAKES = [
    (f"The strides are forgotten: behind a stride of 2, {APART}", _wrong_field(jump_of=lambda jump, s: 1)),
    (GAPS, _wrong_field(reach=lambda k, d: d * k)),
    (GAPS, _wrong_field(reach=lambda k, d: d * k, first=0)),
    (GAPS, _wrong_field(reach=lambda k, d: d * (k - 1) + 1)),
    (GAPS, _wrong_field(reach=lambda k, d: d * (k - 1) + 1, first=0)),
    (GAPS, _wrong_field(reach=lambda k, d: d * k - 1)),
    (
        "A layer's own stride comes too early: it moves apart what the layers behind it read, not what it reads "
        "itself.",
        _wrong_field(early=True),
    ),
    ("The dilation is forgotten: it pulls the taps of a kernel apart.", _wrong_field(reach=lambda k, d: k - 1)),
    (
        "Only the stride of the layer before is used. The strides of all the layers before a layer work together.",
        _wrong_field(jump_of=lambda jump, s: s),
    ),
    ("The strides are added; two in a row multiply.", _wrong_field(jump_of=operator.add)),
    ("Without any layer a value sees one pixel, itself; begin there.", _wrong_field(first=0)),
    ("The kernels are multiplied; each layer adds something.", lambda layers: math.prod(k for k, _, _ in layers)),
    ("This recipe begins at the last layer and goes to the first.", _backwards),
    (
        "These are half of the pixels: a kernel reaches to both sides.",
        _wrong_field(reach=lambda k, d: d * (k - 1) // 2),
    ),
]


@exercise
def check_receptive_field(function: Callable[[list[tuple[int, int, int]]], int]) -> None:
    """Check a function for the receptive field of a chain of convolutions.

    Parameters
    ----------
    function : callable
        ``function(layers)``: how many pixels of the input, along one side, one value of the output can see. ``layers``
        is a list of ``(kernel_size, stride, dilation)``, the first layer first.

    Raises
    ------
    CheckFailed
        If it is wrong for some chain; the message says what to look at again.

    Examples
    --------
    >>> check_receptive_field(lambda layers: 1 + sum(dilation * (k - 1) for k, stride, dilation in layers))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: The strides are forgotten: behind a stride of 2, neighbours on the map are two \
pixels of the image apart.
    """
    v1, v2 = ([block.stride for block in blocks] for blocks in (specs.v1_blocks(), specs.v2_blocks()))
    cases = [
        Case((layers,), _field(layers), shown or str(layers), look)
        for layers, shown, look in [
            ([(3, 1, 1)], "", "Begin with a single layer: it sees as far as its kernel reaches."),
            ([(3, 1, 1), (5, 1, 1)], "", "The second layer widens what the first one sees."),
            ([(3, 1, 2), (5, 1, 3)], "", "Dilation makes a kernel reach further."),
            ([(3, 2, 1), (3, 1, 1)], "", "A stride moves apart what the layers **behind** it read."),
            ([(3, 2, 1), (3, 2, 1), (5, 1, 1)], "", "Two strides in a row work together."),
            ([(7, 1, 1), (1, 2, 1), (3, 1, 2)], "", "A kernel of a single pixel sees no more, but its stride counts."),
            ([*_network([(s, 1) for s in v1], False)], "MobileNetV1", ""),
            ([*_network([(s, 1) for s in v2], True)], "MobileNetV2", ""),
            ([*_network(walk_strides(v2, 16), True)], "MobileNetV2 at output stride 16", ""),
        ]
    ]
    compare.expect_function(function, cases, FIELD_MISTAKES)
    unchanged = "as much at output stride 16 as at 32" if cases[-1].right == cases[-2].right else "more when dilated"
    praise(f"the last map of MobileNetV2 sees {cases[-2].right} pixels a side, {unchanged}.")


SCALE = "Between the two ends the line climbs by 1 over a length of 6."
HARD_SIGMOID_MISTAKES = [
    ("This is the smooth sigmoid. The hard one is made of three straight pieces.", torch.sigmoid),
    ("Nothing stops the line: what keeps the value between 0 and 1?", lambda x: (x + 3) / 6),
    ("The value can pass 1.", lambda x: functional.relu(x + 3) / 6),
    ("The value can fall below 0.", lambda x: (x + 3).clamp(max=6) / 6),
    ("The value runs from 0 to 6. Scale it.", lambda x: functional.relu6(x + 3)),
    ("At 0 the value should be one half: shift the line before you cut it.", lambda x: functional.relu6(x) / 6),
    ("This is h-swish. The gate is the factor in it that x is multiplied by.", functional.hardswish),
    (SCALE, lambda x: x.clamp(0, 1)),
    (SCALE, lambda x: (x + 0.5).clamp(0, 1)),
    (SCALE, lambda x: ((x + 1) / 2).clamp(0, 1)),
    (f"{SCALE} A fifth is the slope of another library's hard sigmoid.", lambda x: (x / 5 + 0.5).clamp(0, 1)),
    (f"{SCALE} A quarter is too steep.", lambda x: (x / 4 + 0.5).clamp(0, 1)),
    ("The sign: large values of x open the gate.", lambda x: functional.hardsigmoid(-x)),
    ("It should end at 0, not at −1.", functional.hardtanh),
    ("This is a step; between −3 and 3 there is a slope.", lambda x: (x > 0).float()),
    ("This is a step; between −3 and 3 there is a slope.", lambda x: (x >= 0).float()),
]


@exercise
def check_hard_sigmoid(function: Callable[[Tensor], Tensor]) -> None:
    """Check a hard sigmoid: 0 up to -3, 1 from 3 on, and a straight line between.

    Parameters
    ----------
    function : callable
        ``function(x)`` takes a tensor of any shape and returns one of the same shape.

    Raises
    ------
    CheckFailed
        If it differs from ``torch.nn.functional.hardsigmoid``; the message says what to look at again.

    Examples
    --------
    >>> check_hard_sigmoid(torch.sigmoid)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: This is the smooth sigmoid. The hard one is made of three straight pieces.
    """
    compare.is_function(function)
    tensors = [torch.linspace(-6, 6, 49).reshape(7, 7), torch.tensor([[-3.0, 0.0, 3.0]]), torch.tensor(1.5)]
    results = [_of_tensor(function, x) for x in tensors]

    def gives(other: Callable[[Tensor], Tensor]) -> bool:
        return all(compare.close(result, other(x)) for result, x in zip(results, tensors, strict=True))

    if not gives(functional.hardsigmoid):
        for hint, wrong in HARD_SIGMOID_MISTAKES:
            if gives(wrong):
                raise CheckFailed(hint)
        x, y = (torch.cat([compare.plain(each).flatten() for each in every]) for every in (tensors, results))
        place = int((y - functional.hardsigmoid(x)).abs().argmax())
        raise CheckFailed(f"At x = {x[place]:g} your function gives {y[place]:.4g}. Draw it from −6 to 6.")
    praise("three straight pieces, and no exponential to compute.")


def _of_tensor(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return what a function makes of a tensor, of the same shape; it has to leave the tensor alone."""
    given = x.clone()
    try:
        result = compare.call(function, (given,), f"a tensor of shape {tuple(x.shape)}")
    except CheckFailed as failed:
        many = "A tensor holds many values, so no if can choose between them." if "ambiguous" in str(failed) else ""
        raise CheckFailed(joined(str(failed), many)) from None
    compare.is_tensor(result, x)
    if not torch.equal(given, x):
        raise CheckFailed("Your function changes the tensor that it is given. Who calls it may still need that.")
    return result


@exercise
def check_squeeze_excite(block: type[nn.Module]) -> None:
    """Check a squeeze-and-excitation: its shapes, its parameters, and its numbers.

    Parameters
    ----------
    block : type
        A ``torch.nn.Module`` whose instances are built by ``block(channels, squeeze_channels)``: the mean of each map,
        a 1x1 convolution to ``squeeze_channels``, ReLU, a 1x1 convolution back, a hard sigmoid; the input is
        multiplied by what comes out. Both convolutions have a bias, and may as well be linear layers.

    Raises
    ------
    CheckFailed
        If it computes something else; the message says where.

    Examples
    --------
    >>> class Forgetful(nn.Module):
    ...     def __init__(self, channels, squeeze_channels):
    ...         super().__init__()
    ...         self.reduce = nn.Conv2d(channels, squeeze_channels, 1)
    ...         self.expand = nn.Conv2d(squeeze_channels, channels, 1)
    ...     def forward(self, x):
    ...         return x * functional.hardsigmoid(self.expand(functional.relu(self.reduce(x))))
    >>> check_squeeze_excite(Forgetful)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: The first convolution runs on the whole map. Squeeze first: one number for each \
channel.
    """
    modules.is_class(block)
    with one_thread(), torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(0)
        for channels, squeeze in ((16, 4), (24, 8)):
            _compare_gate(block, channels, squeeze, f"{block.__name__}({channels}, {squeeze})")
    praise(f"{block.__name__} weighs each channel by what it sees on the whole map.")


def _compare_gate(block: type[nn.Module], channels: int, squeeze: int, shown: str) -> None:
    mine = modules.built(block, shown, channels, squeeze)
    _randomise(mine)
    x = torch.randn(2, channels, 9, 7) + 3 * torch.randn(2, channels, 1, 1)
    run = modules.run_once(mine, "eval", x)
    hint = next(iter(_gate_structure(run, channels, squeeze)), "")
    if run.error is not None:
        raise CheckFailed(joined(hint, f"{shown} stops with {sentence(run.error)}"))
    output = modules.output(run, shown)
    if hint:
        raise CheckFailed(hint)
    if output.shape != x.shape:
        at = f"{shown} turns {tuple(x.shape)} into {tuple(output.shape)}."
        only = "The factors themselves are returned; what are they for?" if output.numel() == 2 * channels else ""
        raise CheckFailed(joined(only or "The output has the wrong shape.", at))
    count = sum(parameter.numel() for parameter in mine.parameters())
    if count != 2 * channels * squeeze + squeeze + channels:
        raise CheckFailed(f"There are parameters outside the two convolutions: {shown} has {count}.")
    first, second = run.of_kind(nn.Conv2d, nn.Linear)
    for mode in ("eval", "train"):
        got = modules.output(modules.run_once(mine, mode, x), shown)
        if compare.close(got, _gate(x, first, second)):
            continue
        for why, slips in GATE_MISTAKES:
            if compare.close(got, _gate(x, first, second, **slips)):
                raise CheckFailed(why)
        if mode == "train":
            raise CheckFailed("In eval mode all is right. Which layer behaves differently in training?")
        raise CheckFailed(f"The layers of {shown} are right, but not what happens between and behind them.")


def _randomise(gate: nn.Module) -> None:
    for module in gate.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.weight.normal_(std=2 / math.sqrt(module.weight[0].numel()))
            if module.bias is not None:
                module.bias.normal_()


def _gate_structure(run: modules.Run, channels: int, squeeze: int) -> Iterable[str]:
    """Compare the layers one by one; each hint is something that differs, the weightiest first."""
    mine = [(module, shape) for module, shape in run.layers if isinstance(module, (nn.Conv2d, nn.Linear))]
    if run.of_kind(nn.BatchNorm1d, nn.BatchNorm2d):
        yield "There is a BatchNorm. The two convolutions see one number for each channel and need none."
    if mine and math.prod(mine[0][1]) > 2 * mine[0][0].weight.shape[0]:
        yield "The first convolution runs on the whole map. Squeeze first: one number for each channel."
    if len(mine) != 2:
        if run.error is None:
            yield f"There are two 1x1 convolutions, one in and one back, and here {len(mine)} ran."
        return
    if mine[0][0] is mine[1][0]:
        yield "One convolution is used twice; each has weights of its own."
    for (module, _), name, (before, after) in zip(
        mine, ("first", "second"), ((channels, squeeze), (squeeze, channels)), strict=True
    ):
        if getattr(module, "groups", 1) != 1:
            yield f"The {name} convolution has groups. Each of its outputs looks at all the channels."
        elif tuple(module.weight.shape[:2]) != (after, before):
            ends = f"{module.weight.shape[1]} channels to {module.weight.shape[0]}"
            yield f"The {name} convolution takes {ends}; look at its ends again."
        elif module.weight[0, 0].numel() != 1:
            yield f"The kernel of the {name} convolution is larger than the single pixel that is left."
        if module.bias is None:
            yield f"The {name} convolution has no bias, and no BatchNorm follows that could take its place."


GATES = {
    "mean": lambda x: x.mean((2, 3)),
    "max": lambda x: x.amax((2, 3)),
    "sum": lambda x: x.sum((2, 3)),
    "batch": lambda x: x.mean((0, 2, 3))[None],
}
GATE_MISTAKES = [
    ("The gate is the smooth sigmoid. MobileNetV3's is made of straight lines.", {"gate": torch.sigmoid}),
    ("The activation between the two convolutions is missing.", {"between": lambda s: s}),
    (
        "Two slips: the activation between the two convolutions is missing, and the gate is the smooth sigmoid.",
        {"between": lambda s: s, "gate": torch.sigmoid},
    ),
    (
        "The activation between the two convolutions is ReLU; nothing is cut off at the top.",
        {"between": functional.relu6},
    ),
    *(
        ("The activation between the two convolutions is plain ReLU.", {"between": activation})
        for activation in (
            functional.hardswish,
            functional.silu,
            functional.hardsigmoid,
            torch.sigmoid,
            functional.gelu,
        )
    ),
    ("The factors are added to the input; they should weigh it.", {"join": operator.add}),
    ("The input is added once more: there is no residual in here.", {"join": lambda x, s: x * s + x}),
    ("The factors are returned, spread over the map; what are they for?", {"join": lambda x, s: s + 0 * x}),
    ("Nothing keeps the factors between 0 and 1.", {"gate": lambda s: s}),
    ("The gate is cut off at 6 and not at 1.", {"gate": lambda s: functional.relu6(s + 3)}),
    ("The gate is not shifted: at 0 it should be half open.", {"gate": lambda s: functional.relu6(s) / 6}),
    ("The gate does not have this slope: it opens between −3 and 3.", {"gate": lambda s: s.clamp(0, 1)}),
    *(
        ("The last activation belongs to a gate, from 0 to 1.", {"gate": activation})
        for activation in (functional.relu, functional.relu6, functional.hardswish, torch.tanh)
    ),
    ("The channels compete: each gate is open or shut by itself.", {"gate": lambda s: s.softmax(1)}),
    ("The largest value of each map is taken, not its mean.", {"pool": "max"}),
    ("The mean is taken over the images of the batch, too. Each has gates of its own.", {"pool": "batch"}),
    ("Each map is summed up. Divide, or a larger image opens the gates further.", {"pool": "sum"}),
]


def _gate(
    x: Tensor,
    first: nn.Conv2d | nn.Linear,
    second: nn.Conv2d | nn.Linear,
    pool: str = "mean",
    between: Callable[[Tensor], Tensor] = functional.relu,
    gate: Callable[[Tensor], Tensor] = functional.hardsigmoid,
    join: Callable[[Tensor, Tensor], Tensor] = operator.mul,
) -> Tensor:
    """Return what a squeeze-and-excitation with these two layers gives, or with a typical slip in it."""
    s = between(functional.linear(GATES[pool](x), first.weight.flatten(1), first.bias))
    s = gate(functional.linear(s, second.weight.flatten(1), second.bias))
    return join(x, s[:, :, None, None])


HEAD_SHARE = 100 * cost.depthwise_separable(320, 256, size=32).macs / cost.standard_block(320, 256, size=32).macs
HEAD_SHARE_MISTAKES = [
    (PERCENT, HEAD_SHARE / 100),
    ("the depthwise layers are left out.", 100 / 9),
    ("the pointwise layers are left out.", 100 / 256),
    ("N is the number of channels that come out.", 100 * (1 / 320 + 1 / 9)),
    ("this is what is saved. What is left?", 100 - HEAD_SHARE),
    ("three layers become three layers: the share is that of one.", 3 * HEAD_SHARE),
    ("the kernel has two sides: square it.", 100 * (1 / 256 + 1 / 3)),
    ("an eighth is the guess. What does the formula give?", 12.5),
    ("this is rounded too far; give three digits.", 12),
    ("how many times as much is the other way round.", 100 / HEAD_SHARE),
]
HEAD_SHARE_DIGITS = 3e-3  # closer than two digits: 11.4 is a mistake


@exercise
def check_separable_share(percent: float) -> None:
    """Check what share of their MACs is left if DeepLabV3's dilated convolutions become depthwise separable.

    Parameters
    ----------
    percent : float
        Of the three convolutions from 320 to 256 channels on a 32x32 map.

    Raises
    ------
    CheckFailed
        If it is another share; the message says what to look at again.

    Examples
    --------
    >>> check_separable_share(100 / 9)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Percent: the depthwise layers are left out.
    """
    look = "dilation changes no MACs. How many output channels are there, and how large is the kernel?"
    compare.expect_number("Percent", percent, HEAD_SHARE, HEAD_SHARE_MISTAKES, look, HEAD_SHARE_DIGITS)
    praise(f"{HEAD_SHARE:.1f} %, whatever the dilations.")
