"""Checks of the exercises in chapter 12: shipping."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .. import cost
from . import CheckFailed, compare
from .compare import Mistakes
from .verdicts import exercise, kind, praise, unfinished

Norm = Any  # an nn.BatchNorm2d that has averages; torch's own type may have none


def _folded(
    weight: Tensor,
    norm: Norm,
    spread: Callable[[Norm], Tensor] = lambda norm: (norm.running_var + norm.eps).sqrt(),
    gamma: bool = True,
) -> tuple[Tensor, Tensor]:
    scale = (norm.weight if gamma else 1) / spread(norm)
    return weight * scale[:, None, None, None], norm.bias - scale * norm.running_mean


def _scale(norm: Norm) -> Tensor:
    return norm.weight / (norm.running_var + norm.eps).sqrt()


OF_WEIGHTS = [
    ("The weights are those of before. BatchNorm divides and multiplies each channel.", lambda w, n: w),
    ("The small number eps is forgotten.", lambda w, n: _folded(w, n, lambda n: n.running_var.sqrt())[0]),
    ("eps belongs under the root.", lambda w, n: _folded(w, n, lambda n: n.running_var.sqrt() + n.eps)[0]),
    (
        "BatchNorm divides by a standard deviation, not by a variance.",
        lambda w, n: _folded(w, n, lambda n: n.running_var + n.eps)[0],
    ),
    ("The learned scale, norm.weight, is missing.", lambda w, n: _folded(w, n, gamma=False)[0]),
    (
        "BatchNorm divides by the spread.",
        lambda w, n: w * (n.weight * (n.running_var + n.eps).sqrt())[:, None, None, None],
    ),
    (
        "The scale is put on the input channels. Which dimension of a weight counts the outputs?",
        lambda w, n: w * _scale(n)[None, :, None, None],
    ),
]


OF_BIAS = [
    ("The mean is forgotten: BatchNorm subtracts it.", lambda n: n.bias),
    ("The learned shift, norm.bias, is missing.", lambda n: -_scale(n) * n.running_mean),
    ("The mean is added. BatchNorm subtracts it.", lambda n: n.bias + _scale(n) * n.running_mean),
    ("The mean is subtracted before the scale works. What becomes of it then?", lambda n: n.bias - n.running_mean),
    (
        "The mean is divided by the spread. What does BatchNorm multiply by after that?",
        lambda n: n.bias - n.running_mean / (n.running_var + n.eps).sqrt(),
    ),
    ("The shift is scaled, too. BatchNorm adds it last.", lambda n: _scale(n) * (n.bias - n.running_mean)),
    ("The bias is zero. What does BatchNorm do to a map of zeros?", lambda n: torch.zeros_like(n.bias)),
]


@exercise
def check_fold(function: Callable[[Tensor, nn.BatchNorm2d], tuple[Tensor, Tensor]]) -> None:
    """Check a function that folds a BatchNorm into the convolution in front of it.

    Parameters
    ----------
    function : callable
        ``function(weight, norm)`` takes the weight of a convolution without a bias, (C_out, C_in / groups, k, k), and
        the BatchNorm behind it; it returns the new weight, and the bias.

    Raises
    ------
    CheckFailed
        If a convolution with them computes something else; the message says what to look at again.

    Examples
    --------
    >>> check_fold(lambda weight, norm: (weight, norm.bias))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: The weights are those of before. BatchNorm divides and multiplies each channel.
    """
    compare.is_function(function)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(0)
        cases = [_conv_and_norm(shape) for shape in ((6, 6, 3, 3), (6, 1, 3, 3), (4, 6, 1, 1))]
        results = [_pair_of(function, *case) for case in cases]
        right = [_folded(*case) for case in cases]
        for i, (name, mistakes) in enumerate((("weight", OF_WEIGHTS), ("bias", OF_BIAS))):
            mine, wanted = [result[i] for result in results], [each[i] for each in right]
            if not all(map(compare.close, mine, wanted)):
                # Some mistakes need as many inputs as outputs, so the first layer is compared.
                first = [(hint, wrong(*cases[0][i:])) for hint, wrong in mistakes]
                _say_what_is_wrong(name, mine, wanted, first)
    praise("one convolution does what the two layers did.")


def _conv_and_norm(shape: tuple[int, ...]) -> tuple[Tensor, Norm]:
    norm: Norm = nn.BatchNorm2d(shape[0], eps=0.1).eval()
    for tensor in (norm.weight, norm.bias, norm.running_mean):
        tensor.uniform_(0.5, 2)
    norm.running_var.uniform_(0.2, 4)
    return torch.randn(shape), norm


def _pair_of(function: Callable, weight: Tensor, norm: Norm) -> list[Tensor]:
    given = weight.clone()
    result = compare.call(function, (given, copy.deepcopy(norm)), f"a weight of shape {tuple(weight.shape)}")
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise CheckFailed("Two tensors are expected, the weight and the bias: return weight, bias.")
    for each in result:
        unfinished(each)
        if not isinstance(each, Tensor):
            raise CheckFailed(f"Two tensors are expected, and one of them is a {kind(each)}.")
    if not torch.equal(given, weight):
        raise CheckFailed("Your function changes the weight that it is given. Make a new one.")
    return list(result)


def _say_what_is_wrong(name: str, mine: list[Tensor], wanted: list[Tensor], mistakes: compare.Mistakes) -> None:
    for hint, wrong in mistakes:
        if compare.close(mine[0], wrong):
            raise CheckFailed(hint)
    for own, other in zip(mine, wanted, strict=True):
        if own.shape != other.shape:
            raise CheckFailed(f"The {name} has shape {tuple(own.shape)}, and {tuple(other.shape)} is needed.")
    raise CheckFailed(f"The {name} is not right. Write BatchNorm down for one channel and put the convolution in.")


def _rounded(
    weight: Tensor,
    bits: int,
    dims: tuple[int, ...] = (1, 2, 3),
    top: Callable[[int], int] = lambda bits: 2 ** (bits - 1) - 1,
    size: Callable[[Tensor], Tensor] = torch.abs,
    whole: Callable[[Tensor], Tensor] = torch.round,
    back: bool = True,
) -> Tensor:
    scale = size(weight).amax(dims, keepdim=True) / top(bits)
    return whole(weight / scale) * (scale if back else 1)


def _wrong_rounding(**slips: Any) -> Callable[[Tensor, int], Tensor]:
    return lambda weight, bits: _rounded(weight, bits, **slips)


ROUNDING_MISTAKES = [
    ("Nothing is rounded.", lambda weight, bits: weight),
    ("One scale serves the whole tensor. Each output channel should have its own.", _wrong_rounding(dims=(0, 1, 2, 3))),
    ("There is a scale for each input channel. Which dimension counts the outputs?", _wrong_rounding(dims=(0, 2, 3))),
    ("Each kernel has a scale of its own. One for each output channel is asked for.", _wrong_rounding(dims=(2, 3))),
    ("These are the integers. Bring them back to the size of the weights.", _wrong_rounding(back=False)),
    ("One bit is for the sign.", _wrong_rounding(top=lambda bits: 2**bits - 1)),
    (
        "This uses one level more on one side. The largest integer is one less.",
        _wrong_rounding(top=lambda b: 2 ** (b - 1)),
    ),
    ("The bits are not the levels: each bit doubles them.", _wrong_rounding(top=lambda bits: bits)),
    ("Your function is right for 8 bits only.", _wrong_rounding(top=lambda bits: 127)),
    (
        "A weight may be negative, and the most negative one may be the largest in size.",
        _wrong_rounding(size=lambda w: w),
    ),
    ("The fraction is cut off. Take the nearest integer.", _wrong_rounding(whole=torch.trunc)),
    ("The fraction is cut off. Take the nearest integer.", _wrong_rounding(whole=torch.floor)),
    ("Always up is not to the nearest.", _wrong_rounding(whole=torch.ceil)),
]


@exercise
def check_rounding(function: Callable[[Tensor, int], Tensor]) -> None:
    """Check a function that rounds weights to integers of some bits, with one scale for each output channel.

    Parameters
    ----------
    function : callable
        ``function(weight, bits)`` returns a tensor of the same shape: in each output channel, whole multiples of a
        scale. The largest absolute value of the channel is 2^(bits−1) − 1 times the scale.

    Raises
    ------
    CheckFailed
        If it rounds otherwise; the message says what to look at again.

    Examples
    --------
    >>> check_rounding(lambda weight, bits: weight)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Nothing is rounded.
    """
    compare.is_function(function)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(0)
        weight = torch.randn(6, 5, 3, 3) * torch.logspace(0, -2, 6)[:, None, None, None]
        results = {bits: compare.call(function, (weight.clone(), bits), f"{bits} bits") for bits in (8, 4, 3)}
        for result in results.values():
            compare.is_tensor(result, weight)

        def gives(other: Callable[[Tensor, int], Tensor]) -> bool:
            return all(compare.close(result, other(weight, bits), 1e-3, 1e-5) for bits, result in results.items())

        if not gives(_rounded):
            for hint, slip in ROUNDING_MISTAKES:
                if gives(slip):
                    raise CheckFailed(hint)
            levels = len(results[3][0].unique())
            raise CheckFailed(
                f"In one channel {levels} different values are left with 3 bits. Divide by the scale, round, "
                "multiply by the scale."
            )
    praise("each channel uses its integers to the full.")


def _weight_bytes() -> tuple[tuple[int, int], list[Mistakes]]:
    """Return the bytes of the folded MobileNetV2's weights in float32 and int8, and what typical mistakes give."""
    layers = cost.mobilenet_v2_layers()
    weights, biases = sum(layer.weights for layer in layers), sum(layer.out_channels for layer in layers)
    params = cost.total(layers).params
    right = 4 * (weights + biases), weights + 4 * biases
    return right, [
        [
            ("this is before folding. A channel then keeps one of BatchNorm's numbers, as its bias.", 4 * params),
            ("the biases are left out.", 4 * weights),
            ("this is how many numbers there are. How many bytes has each?", weights + biases),
            ("this is how many numbers there are before folding. How many bytes has each?", params),
            ("give bytes, not megabytes.", right[0] / 1e6),
        ],
        [
            ("the biases stay in 32 bits.", weights + biases),
            ("the biases are left out.", weights),
            ("BatchNorm's numbers are gone, and the biases stay in 32 bits.", params),
            ("this is a quarter of the unfolded network.", params / 4),
            ("the weights take one byte each.", right[0]),
            ("four times fewer for the weights, but not for the biases: those stay.", right[0] / 8),
            ("give bytes, not megabytes.", right[1] / 1e6),
        ],
    ]


WEIGHT_BYTES, WEIGHT_BYTES_MISTAKES = _weight_bytes()
WEIGHT_BYTES_DIGITS = 1e-3
WEIGHT_BYTES_LOOK = "count the weights of all layers, and one bias for each output channel. How many bytes has each?"


@exercise
def check_weight_bytes(float32: int, int8: int) -> None:
    """Check how many bytes the weights of the folded MobileNetV2 take at the least.

    Parameters
    ----------
    float32, int8 : int
        Bytes. Biases have 32 bits in both.

    Raises
    ------
    CheckFailed
        If one of them is not right; the message says what to look at again.

    Examples
    --------
    >>> check_weight_bytes(4 * 3_504_872, 3_504_872)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: float32: this is before folding. A channel then keeps one of BatchNorm's \
numbers, as its bias.
    """
    compare.expect_order((float32, int8), WEIGHT_BYTES, "float32 first, then int8", WEIGHT_BYTES_DIGITS)
    for name, answer, right, mistakes in zip(
        ("float32", "int8"), (float32, int8), WEIGHT_BYTES, WEIGHT_BYTES_MISTAKES, strict=True
    ):
        compare.expect_number(name, answer, right, mistakes, WEIGHT_BYTES_LOOK, WEIGHT_BYTES_DIGITS)
    praise(f"{WEIGHT_BYTES[0]:,} and {WEIGHT_BYTES[1]:,} bytes. A file has names, shapes and scales beside them.")
