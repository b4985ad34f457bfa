"""Answers in chapter 12, shipping: right, half written, and typically wrong."""

from __future__ import annotations

import torch
from peers import undrawn
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mobilenet_lib import MobileNetV2, measure, shipping


def fold(weight, norm):
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return weight * scale[:, None, None, None], norm.bias - scale * norm.running_mean


def fold_with_torch(weight, norm):
    conv = nn.Conv2d(weight.shape[1], len(weight), weight.shape[2], bias=False).eval()
    conv.weight = nn.Parameter(weight)
    folded = fuse_conv_bn_eval(conv, norm)
    return folded.weight, folded.bias


def round_channels(weight, bits):
    scale = weight.abs().amax((1, 2, 3), keepdim=True) / (2 ** (bits - 1) - 1)
    return torch.round(weight / scale) * scale


def spread(norm):
    return (norm.running_var + norm.eps).sqrt()[:, None, None, None]


def largest(weight):
    return weight.abs().amax((1, 2, 3), keepdim=True)


def step(weight, bits):
    return largest(weight) / (2 ** (bits - 1) - 1)


with undrawn():
    WHOLE = MobileNetV2()
FOLDED = shipping.fold(WHOLE)
WEIGHTS = sum(weight.numel() for weight in FOLDED.parameters() if weight.dim() > 1)
BIASES = sum(bias.numel() for bias in FOLDED.parameters() if bias.dim() == 1)
IN_BYTES = 4 * (WEIGHTS + BIASES), WEIGHTS + 4 * BIASES
UNFOLDED = measure.params(WHOLE)


RIGHT = [
    ("check_fold", (fold,)),
    ("check_fold", (fold_with_torch,)),
    ("check_rounding", (round_channels,)),
    ("check_rounding", (lambda weight, bits: shipping.quantize(weight, bits, per_channel=True),)),
    ("check_weight_bytes", IN_BYTES),
    ("check_weight_bytes", (13.95e6, 3.542e6)),
]
HALF_WRITTEN = [
    ("check_fold", (lambda weight, norm: None,), "put your answer in place"),
    ("check_fold", (lambda weight, norm: (weight, ...),), "put your answer in place"),
    ("check_rounding", (lambda weight, bits: ...,), "put your answer in place"),
]
WRONG = {
    "check_fold": [
        ((lambda w, n: (w, fold(w, n)[1]),), "The weights are those of before"),
        (
            (lambda w, n: (w * (n.weight / n.running_var.sqrt())[:, None, None, None], fold(w, n)[1]),),
            "eps is forgotten",
        ),
        ((lambda w, n: (w * n.weight[:, None, None, None] / spread(n) ** 2, fold(w, n)[1]),), "not by a variance"),
        ((lambda w, n: (w / spread(n), fold(w, n)[1]),), "norm.weight, is missing"),
        ((lambda w, n: (w * n.weight[:, None, None, None] * spread(n), fold(w, n)[1]),), "divides by the spread"),
        ((lambda w, n: (fold(w, n)[0], n.bias),), "The mean is forgotten"),
        ((lambda w, n: (fold(w, n)[0], fold(w, n)[1] - n.bias),), "norm.bias, is missing"),
        (
            (lambda w, n: (fold(w, n)[0], n.bias - n.running_mean / (n.running_var + n.eps).sqrt()),),
            "What does BatchNorm multiply by",
        ),
        ((lambda w, n: (fold(w, n)[0], 2 * n.bias - fold(w, n)[1]),), "The mean is added"),
        ((lambda w, n: (fold(w, n)[0], n.bias - n.running_mean),), "before the scale works"),
        ((lambda w, n: (fold(w, n)[0], torch.zeros(len(w))),), "The bias is zero"),
        ((lambda w, n: (fold(w, n)[0], fold(w, n)[1][:2]),), "The bias has shape (2,)"),
        ((lambda w, n: fold(w, n)[0],), "Two tensors are expected"),
        ((lambda w, n: (w.mul_(2), n.bias),), "changes the weight that it is given"),
        ((lambda w, n: (fold(w, n)[0], 3 * n.bias),), "Write BatchNorm down for one channel"),
    ],
    "check_rounding": [
        ((lambda weight, bits: weight,), "Nothing is rounded"),
        ((shipping.quantize,), "One scale serves the whole tensor"),
        (
            (lambda weight, bits: round_channels(weight.transpose(0, 1), bits).transpose(0, 1),),
            "for each input channel",
        ),
        ((lambda weight, bits: round_channels(weight, bits + 1),), "for the sign"),
        ((lambda weight, bits: round_channels(weight, 8),), "8 bits only"),
        (
            (lambda weight, bits: torch.round(weight / largest(weight) * (2 ** (bits - 1) - 1)),),
            "These are the integers",
        ),
        ((lambda weight, bits: torch.trunc(weight / step(weight, bits)) * step(weight, bits),), "nearest integer"),
        ((lambda weight, bits: torch.ceil(weight / step(weight, bits)) * step(weight, bits),), "Always up"),
        ((lambda weight, bits: weight[0],), "The shape should stay"),
        ((lambda weight, bits: 0.5 * weight,), "Divide by the scale"),
        ((lambda weight, bits: 1,), "should return a tensor"),
    ],
    "check_weight_bytes": [
        (IN_BYTES[::-1], "swapped"),
        ((4 * UNFOLDED, IN_BYTES[1]), "float32: this is before folding"),
        ((4 * WEIGHTS, IN_BYTES[1]), "float32: the biases are left out"),
        ((WEIGHTS + BIASES, IN_BYTES[1]), "How many bytes has each?"),
        ((UNFOLDED, IN_BYTES[1]), "before folding"),
        ((13.95, IN_BYTES[1]), "not megabytes"),
        ((IN_BYTES[0], WEIGHTS + BIASES), "int8: the biases stay"),
        ((IN_BYTES[0], WEIGHTS), "int8: the biases are left out"),
        ((IN_BYTES[0], UNFOLDED), "BatchNorm's numbers are gone"),
        ((IN_BYTES[0], IN_BYTES[0]), "one byte each"),
        ((IN_BYTES[0], 3.54), "not megabytes"),
        ((IN_BYTES[0], 1), "count the weights"),
    ],
}
# No hint prints these numbers.
NUMBERS = {
    "check_weight_bytes": IN_BYTES,
}
# Words and pieces of code that would be the solution.
GIVEN_AWAY = {
    "check_fold": ["sqrt", "[:, None", "*"],
    "check_rounding": ["amax", "round(", "127"],
}
