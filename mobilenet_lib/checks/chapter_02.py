"""Checks of the exercises in chapter 2: counting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from .. import cost
from ..cost import Layer
from . import CheckFailed, compare
from .compare import PAIR, Case
from .verdicts import exercise, kind, praise, shown, unfinished


@cache
def _networks() -> list[tuple[str, list[Layer]]]:
    return [
        ("MobileNetV1", cost.mobilenet_v1_layers()),
        ("MobileNetV2", cost.mobilenet_v2_layers()),
        ("MobileNetV2 of width 0.35 at 96x96 with 10 classes", cost.mobilenet_v2_layers(0.35, 96, num_classes=10)),
    ]


def total_macs(layers: list[Layer]) -> int:
    return cost.total(layers).macs


def _normed(layers: list[Layer]) -> int:
    """Return C: how many values pass a BatchNorm."""
    return sum(layer.activations for layer in layers if layer.norm)


def _pooled(layers: list[Layer]) -> int:
    """Return G: how many values go into the global average, which stands before the classifier."""
    return layers[-2].activations


def _norm_params(layers: list[Layer]) -> int:
    return sum(2 * layer.out_channels for layer in layers if layer.norm)


WITHOUT_RELU6 = ("projection", "classifier")
FVCORE_MISTAKES = [
    ("These are the convolutions and the classifier. fvcore counts two kinds of layer more.", total_macs),
    ("One of fvcore's flops is a whole multiply-accumulate: do not double them.", lambda L: 2 * total_macs(L)),
    (
        "The pooling is missing: the global average reads a map, and fvcore counts that.",
        lambda L: total_macs(L) + 2 * _normed(L),
    ),
    ("The BatchNorms are missing.", lambda L: total_macs(L) + _pooled(L)),
    (
        "How many operations does fvcore count for each value that passes a BatchNorm?",
        lambda L: total_macs(L) + _normed(L) + _pooled(L),
    ),
    (
        "That is how fvcore counts BatchNorm in training mode.",
        lambda L: total_macs(L) + 5 * _normed(L) + _pooled(L),
    ),
    (
        "A BatchNorm is counted behind the classifier, and there is none.",
        lambda L: total_macs(L) + 2 * sum(layer.activations for layer in L) + _pooled(L),
    ),
    (
        "The pooling is counted by its outputs, one for each channel; fvcore counts what goes in.",
        lambda L: total_macs(L) + 2 * _normed(L) + L[-2].out_channels,
    ),
    (
        "BatchNorm is counted by its parameters. That is torchinfo's way; fvcore counts the values that pass.",
        lambda L: total_macs(L) + _norm_params(L) + _pooled(L),
    ),
    (
        "ReLU6 is counted, and fvcore leaves activations out.",
        lambda L: (
            total_macs(L) + 2 * _normed(L) + _pooled(L) + sum(x.activations for x in L if x.role not in WITHOUT_RELU6)
        ),
    ),
    (
        "BatchNorm stands behind the convolution: take the values that come out, not those that go in.",
        lambda L: total_macs(L) + 2 * sum(x.inputs for x in L if x.norm) + _pooled(L),
    ),
]


@exercise
def check_fvcore_total(function: Callable[[list[Layer]], int]) -> None:
    """Check a function that predicts what fvcore prints as the total of a whole MobileNet in eval mode.

    Parameters
    ----------
    function : callable
        ``function(layers)`` returns the total. ``layers`` is a list of :class:`~mobilenet_lib.cost.Layer`, as
        :func:`~mobilenet_lib.cost.mobilenet_v1_layers` gives it. The last one is the classifier; the output of the one
        before it goes through the global average.

    Raises
    ------
    CheckFailed
        If it is wrong for one of the networks it is tried on; the message says what to look at again.

    Examples
    --------
    >>> check_fvcore_total(lambda layers: sum(layer.macs for layer in layers))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: These are the convolutions and the classifier. fvcore counts two kinds \
of layer more.
    """
    cases = [
        Case((layers,), total_macs(layers) + 2 * _normed(layers) + _pooled(layers), name)
        for name, layers in _networks()
    ]
    compare.expect_function(function, cases, FVCORE_MISTAKES, "Take the parts one by one: MACs, BatchNorm, pooling.")
    praise("M + 2C + G. You can predict fvcore's total of any MobileNet.")


def _torchinfo(layers: list[Layer]) -> int:
    return total_macs(layers) + _norm_params(layers) + layers[-1].out_channels


TORCHINFO_MISTAKES = [
    ("These are the MACs. torchinfo counts something more for BatchNorm and for a bias.", total_macs),
    (
        "The classifier's bias is missing: torchinfo counts one for each of its numbers.",
        lambda L: total_macs(L) + _norm_params(L),
    ),
    (
        "BatchNorm is missing: torchinfo counts one for each of its parameters.",
        lambda L: total_macs(L) + L[-1].out_channels,
    ),
    (
        "A BatchNorm has two numbers for each channel, a scale and a shift.",
        lambda L: total_macs(L) + _norm_params(L) // 2 + L[-1].out_channels,
    ),
    (
        "The number of classes is fixed in your function; take it from the last layer.",
        lambda L: total_macs(L) + _norm_params(L) + 1000,
    ),
    (
        "All parameters are added, the weights too; those are in the MACs already.",
        lambda L: total_macs(L) + cost.total(L).params,
    ),
    (
        "BatchNorm is counted by the values that pass. That is fvcore's way; torchinfo takes its parameters.",
        lambda L: total_macs(L) + 2 * _normed(L) + L[-1].out_channels,
    ),
    ("That is fvcore's total.", lambda L: total_macs(L) + 2 * _normed(L) + _pooled(L)),
    (
        "A BatchNorm is counted behind the classifier, and there is none.",
        lambda L: _torchinfo(L) + 2 * L[-1].out_channels,
    ),
    (PAIR, lambda L: 2 * _torchinfo(L)),
]


@exercise
def check_torchinfo_total(function: Callable[[list[Layer]], int]) -> None:
    """Check a function that predicts torchinfo's "total mult-adds" of a whole MobileNet, for one image.

    Parameters
    ----------
    function : callable
        ``function(layers)`` returns the total. ``layers`` is a list of :class:`~mobilenet_lib.cost.Layer`, as
        :func:`~mobilenet_lib.cost.mobilenet_v1_layers` gives it; the last one is the classifier.

    Raises
    ------
    CheckFailed
        If it is wrong for one of the networks it is tried on; the message says what to look at again.

    Examples
    --------
    >>> check_torchinfo_total(lambda layers: sum(layer.macs for layer in layers))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: These are the MACs. torchinfo counts something more for BatchNorm and for a bias.
    """
    cases = [Case((layers,), _torchinfo(layers), name) for name, layers in _networks()]
    compare.expect_function(
        function, cases, TORCHINFO_MISTAKES, "Take the parts one by one: MACs, BatchNorm, the classifier's bias."
    )
    praise("MACs, plus the parameters of BatchNorm and the classifier's bias, each counted once.")


TOOLS: dict[str, Callable[[list[Layer]], int]] = {
    "closed form": total_macs,
    "torchinfo": _torchinfo,
    "fvcore": lambda L: total_macs(L) + 2 * _normed(L) + _pooled(L),
    "ptflops": lambda L: (
        total_macs(L)
        + 2 * _normed(L)
        + 2 * _pooled(L)
        + L[-1].out_channels
        + sum(x.activations for x in L if x.norm and x.role != "projection")
    ),
    "PyTorch": lambda L: 2 * total_macs(L),
}
UNKNOWN = "none of them"
TOOL_HINTS = {
    "closed form": "The closed form is the MACs and nothing else.",
    "torchinfo": "torchinfo adds parameters: those of each BatchNorm and the classifier's biases.",
    "fvcore": "fvcore adds what passes the BatchNorms and what goes into the global average.",
    "ptflops": "ptflops adds the BatchNorms, the activations, the pooling and the biases. Which layers have no ReLU6?",
    "PyTorch": "PyTorch's own counter takes a multiplication and an addition for two.",
    UNKNOWN: 'A number that no tool prints needs an answer, too: "none of them".',
}


def _article(tool: str) -> str:
    return f"the {tool}" if tool == "closed form" else tool


@exercise
def check_tool_behind(function: Callable[[int, list[Layer]], str]) -> None:
    """Check a function that says which tool printed a number for a MobileNet.

    Parameters
    ----------
    function : callable
        ``function(printed, layers)`` returns "closed form", "torchinfo", "fvcore", "ptflops", "PyTorch" or "none of
        them". ``layers`` is a list of :class:`~mobilenet_lib.cost.Layer`, as
        :func:`~mobilenet_lib.cost.mobilenet_v1_layers` gives it.

    Raises
    ------
    CheckFailed
        If it names the wrong tool; the message says what to look at again.

    Examples
    --------
    >>> check_tool_behind(lambda printed, layers: "PyTorch")
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: For what the closed form counts for MobileNetV1 your function says \
'PyTorch'. The closed form is the MACs and nothing else.
    """
    compare.is_function(function)
    cases: list[Case] = []
    for name, layers in _networks():
        printed = {tool: count(layers) for tool, count in TOOLS.items()}
        for tool, number in printed.items():
            cases.append(Case((number, layers), tool, f"what {_article(tool)} counts for {name}"))
        cases.append(Case((printed["fvcore"] + 1, layers), UNKNOWN, f"a number that no tool prints for {name}"))
    for case, answer in zip(cases, compare.results_of(function, cases), strict=True):
        if not isinstance(answer, str):
            raise CheckFailed(f"The result must be the name of a tool, in quotes; your function says {shown(answer)}.")
        if answer.strip().lower() != case.right.lower():
            hint = TOOL_HINTS[case.right]
            raise CheckFailed(f"For {case.shown} your function says {shown(answer)}. {hint}")
    praise("you know all five by their numbers, at any width, and a number that none of them prints.")


USELESS = [sum(layer.out_channels for layer in layers if layer.norm) for _, layers in _networks()[:2]]


def _bias_mistakes(layers: list[Layer], right: int) -> list[tuple[str, int]]:
    normed = [layer for layer in layers if layer.norm]
    return [
        ("the classifier keeps its bias: no BatchNorm follows it.", right + layers[-1].out_channels),
        ("these are BatchNorm's own two numbers. How many biases stand in front of it?", 2 * right),
        ("BatchNorm's own two numbers are in it, and they are not useless.", 3 * right),
        ("a bias belongs to an output channel, not to an input channel.", sum(layer.in_channels for layer in normed)),
        ("a bias serves every pixel of its map.", sum(layer.activations for layer in normed)),
        ("this is the number of layers. How many biases has each?", len(normed)),
    ]


BIAS_MISTAKES = [_bias_mistakes(layers, right) for (_, layers), right in zip(_networks()[:2], USELESS, strict=True)]


@exercise
def check_useless_bias(v1: int, v2: int) -> None:
    """Check how many parameters a forgotten ``bias=False`` in front of every BatchNorm adds.

    Parameters
    ----------
    v1, v2 : int
        To MobileNetV1 and to MobileNetV2, both of width 1.

    Raises
    ------
    CheckFailed
        If one of them is not right; the message says what to look at again.

    Examples
    --------
    >>> check_useless_bias(27, ...)
    not yet: put your answer in place of the ..., then run its cell and the
    check again
    >>> check_useless_bias(27, 52)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: V1: this is the number of layers. How many biases has each?
    """
    compare.expect_order((v1, v2), USELESS, "MobileNetV1 first, then V2")
    look = "one for each output channel of each convolution that has a BatchNorm. Add them up."
    for name, answer, right, mistakes in zip(("V1", "V2"), (v1, v2), USELESS, BIAS_MISTAKES, strict=True):
        compare.expect_number(name, answer, right, mistakes, look)
    praise(f"{USELESS[0]:,} and {USELESS[1]:,} parameters that BatchNorm cancels.")


_HALF = cost.mobilenet_v1_layers(0.5)  # not width 1: the chapter prints its five numbers beside their tools
PRINTED = sorted((count(_HALF), tool) for tool, count in TOOLS.items())
PYTORCH = ("torch", "pytorch's", "pytorch's own", "pytorch's counter", "pytorch's own counter", "torch flop counter")
PRINTED_HINTS = {
    "closed form": "the smallest. Who counts the MACs and nothing else?",
    "torchinfo": f"{_norm_params(_HALF):,} more than the smallest for the BatchNorms, and {_HALF[-1].out_channels:,} "
    "more for biases. Who counts parameters?",
    "fvcore": f"more than the smallest by two for each of {_normed(_HALF):,} values, and by {_pooled(_HALF):,} for "
    "those that are averaged. Who leaves the activations out?",
    "ptflops": "the largest of the three in the middle. Who counts the activations as well?",
    "PyTorch": "twice the smallest. Who takes a multiplication and an addition for two?",
}


def _tool(name: str) -> str:
    """Return a tool's name as this module writes it; the exercise, the text and the figure write it differently."""
    bare = name.strip().casefold().replace("’", "'").removeprefix("the ")
    return "PyTorch" if bare in PYTORCH else next((tool for tool in TOOLS if tool.casefold() == bare), name)


@exercise
def check_five_tools(tools: Mapping[int, str]) -> None:
    """Check which tool is behind each of the five numbers for MobileNetV1 of half the width.

    Parameters
    ----------
    tools : mapping of int to str
        For each number "closed form", "torchinfo", "fvcore", "ptflops" or "PyTorch".

    Raises
    ------
    CheckFailed
        If one is not right; the message says what to look at again.

    Examples
    --------
    >>> check_five_tools(dict.fromkeys((149497088, 149509032, 154564864, 157112296, 298994176), "fvcore"))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: 149,497,088 is the smallest. Who counts the MACs and nothing else?
    """
    if not isinstance(tools, Mapping):
        raise CheckFailed(f"A dict is expected, each number with the name of its tool. This is a {kind(tools)}.")
    for number, tool in PRINTED:
        if number not in tools:
            raise CheckFailed(f"{number:,} is missing.")
        name = tools[number]
        unfinished(name)
        if not isinstance(name, str):
            raise CheckFailed(f"{number:,}: write the name of its tool in quotes, not a {kind(name)}.")
        given = _tool(name)
        if given not in TOOLS:
            raise CheckFailed(
                f"{number:,}: {shown(name)} is none of the five tools; write a name as the exercise does."
            )
        if given != tool:
            raise CheckFailed(f"{number:,} is {PRINTED_HINTS[tool]}")
    praise("one number is M, one is twice M, and in three something is added.")


TRAINING_NORM = 5
TRAINING_MISTAKES = [
    ("this is in eval mode. Call .train() on the block first.", 2),
    ("this is what training mode adds to eval mode. What does it count altogether?", 3),
    ("this is how many times as much as in eval mode. What is the number itself?", 2.5),
    ("this is both modes together.", 7),
    ("each value is counted more than once: look at by_operator()['batch_norm'].", 1),
    ("this is for the block of the solution, all values together. Divide by the values that pass.", 5 * 1600),
]


@exercise
def check_training_mode(per_value: float) -> None:
    """Check what fvcore counts for each value that passes a BatchNorm in training mode.

    Parameters
    ----------
    per_value : float
        Operations for each value.

    Raises
    ------
    CheckFailed
        If it is another number; the message says what to look at again.

    Examples
    --------
    >>> check_training_mode(2)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: For each value: this is in eval mode. Call .train() on the block first.
    """
    look = "divide what is counted for the operator batch_norm by the number of values that pass it."
    compare.expect_number("For each value", per_value, TRAINING_NORM, TRAINING_MISTAKES, look)
    praise("the batch's mean and variance have to be computed first, and in eval mode they are there already.")
