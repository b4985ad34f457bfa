"""Answers in chapter 2, counting: right, half written, and typically wrong."""

from __future__ import annotations

from functools import cache

import torch
from peers import undrawn
from torch import nn

from checks.shared import counted
from mobilenet_lib import cost, measure, models


def fvcore_total(layers):
    normed = sum(layer.activations for layer in layers if layer.norm)
    return cost.total(layers).macs + 2 * normed + layers[-2].activations


def torchinfo_total(layers):
    norms = sum(2 * layer.out_channels for layer in layers if layer.norm)
    return cost.total(layers).macs + norms + layers[-1].out_channels


def normed(layers):
    return sum(layer.activations for layer in layers if layer.norm)


def total(layers):
    return cost.total(layers).macs


def by_tool(layers):
    clipped = sum(layer.activations for layer in layers if layer.norm and layer.role != "projection")
    ptflops = fvcore_total(layers) + layers[-2].activations + clipped + layers[-1].out_channels
    prints = {"closed form": total(layers), "torchinfo": torchinfo_total(layers), "fvcore": fvcore_total(layers)}
    return {**prints, "ptflops": ptflops, "PyTorch": 2 * total(layers)}


def tool_behind(printed, layers):
    return next((tool for tool, number in by_tool(layers).items() if number == printed), "none of them")


def never(tool):
    """Return a function that knows all tools but one."""
    return lambda printed, layers: tool_behind(printed, layers).replace(tool, "timm")


@cache
def useless_biases():
    """Return what PyTorch's own modules say: the channels of all BatchNorms, which are those of the convolutions."""
    with torch.device("meta"):
        networks = (models.MobileNetV1(), models.MobileNetV2())
    return tuple(sum(m.num_features for m in net.modules() if isinstance(m, nn.BatchNorm2d)) for net in networks)


with undrawn():
    V1 = models.MobileNetV1(width_mult=0.5)
MACS = counted(V1)
FIVE = {
    MACS: "closed form",
    measure.summary(V1, (1, 3, 224, 224)).total_mult_adds: "torchinfo",
    sum(measure.macs_by_operator(V1, (1, 3, 224, 224)).values()): "fvcore",
    by_tool(cost.mobilenet_v1_layers(0.5))["ptflops"]: "ptflops",  # tests/measure runs it
    2 * MACS: "PyTorch",
}


RIGHT = [
    ("check_fvcore_total", (fvcore_total,)),
    ("check_tool_behind", (tool_behind,)),
    ("check_tool_behind", (lambda printed, layers: tool_behind(printed, layers).upper(),)),
    ("check_torchinfo_total", (torchinfo_total,)),
    ("check_useless_bias", useless_biases()),
    ("check_five_tools", (FIVE,)),
    ("check_five_tools", ({number: f" {tool.upper()}" for number, tool in FIVE.items()},)),
    (
        "check_five_tools",
        (FIVE | {MACS: "the closed form", 2 * MACS: "PyTorch’s own counter"},),
    ),  # as the exercise says
    ("check_five_tools", (FIVE | {2 * MACS: "torch flop counter"},)),  # as the figure says
    ("check_training_mode", (5,)),
]
HALF_WRITTEN = [
    ("check_five_tools", (FIVE | {149_497_088: ...},), "put your answer in place"),
]
WRONG = {
    "check_fvcore_total": [
        ((total,), "two kinds of layer more"),
        ((lambda layers: 2 * total(layers),), "do not double"),
        ((lambda layers: total(layers) + 2 * normed(layers),), "The pooling is missing"),
        ((lambda layers: total(layers) + layers[-2].activations,), "The BatchNorms are missing"),
        ((lambda layers: fvcore_total(layers) - normed(layers),), "How many operations"),
        ((lambda layers: fvcore_total(layers) + 3 * normed(layers),), "training mode"),
        ((lambda layers: fvcore_total(layers) + 2 * layers[-1].activations,), "behind the classifier"),
        ((lambda layers: fvcore_total(layers) - layers[-2].activations + layers[-2].out_channels,), "by its outputs"),
        (
            (lambda layers: torchinfo_total(layers) - layers[-1].activations + layers[-2].activations,),
            "torchinfo's way",
        ),
        ((lambda layers: 578875904,), "the same answer for different inputs"),
        ((lambda layers: total(layers) + 3 * normed(layers),), "Take the parts one by one"),
    ],
    "check_torchinfo_total": [
        ((total,), "These are the MACs"),
        ((lambda layers: torchinfo_total(layers) - layers[-1].out_channels,), "bias is missing"),
        ((lambda layers: total(layers) + layers[-1].out_channels,), "BatchNorm is missing"),
        (
            (lambda layers: (total(layers) + torchinfo_total(layers) + layers[-1].out_channels) // 2,),
            "two numbers for each",
        ),
        ((lambda layers: torchinfo_total(layers) - layers[-1].out_channels + 1000,), "number of classes is fixed"),
        ((lambda layers: total(layers) + cost.total(layers).params,), "All parameters are added"),
        ((fvcore_total,), "fvcore's total"),
        ((lambda layers: total(layers) + 2 * normed(layers) + layers[-1].out_channels,), "fvcore's way"),
        ((lambda layers: 2 * torchinfo_total(layers),), "twice too much"),
        ((lambda layers: layers.macs,), "AttributeError"),
    ],
    "check_useless_bias": [
        (useless_biases()[::-1], "swapped"),
        ((useless_biases()[0] + 1000, 1), "V1: the classifier keeps its bias"),
        ((2 * useless_biases()[0], 1), "BatchNorm's own two numbers"),
        ((useless_biases()[0], 3 * useless_biases()[1]), "V2: BatchNorm's own two numbers are in it"),
        ((useless_biases()[0], 52), "number of layers"),
        ((normed(cost.mobilenet_v1_layers()), 1), "every pixel"),
        ((useless_biases()[0], 5), "V2: one for each output channel"),
    ],
    "check_tool_behind": [
        ((never("closed form"),), "MACs and nothing else"),
        ((never("torchinfo"),), "those of each BatchNorm"),
        ((never("fvcore"),), "what passes the BatchNorms"),
        ((never("ptflops"),), "no ReLU6"),
        ((never("PyTorch"),), "for two"),
        ((never("none of them"),), "needs an answer, too"),
        ((lambda printed, layers: printed,), "in quotes"),
        ((lambda printed, layers: {total(layers): "closed form"}.get(printed),), "returns nothing for what torchinfo"),
    ],
    "check_five_tools": [
        ((FIVE | {149_497_088: "fvcore"},), "149,497,088 is the smallest"),
        ((FIVE | {149_509_032: "fvcore"},), "Who counts parameters?"),
        ((FIVE | {154_564_864: "ptflops"},), "Who leaves the activations out?"),
        ((FIVE | {157_112_296: "fvcore"},), "Who counts the activations as well?"),
        ((FIVE | {298_994_176: "fvcore"},), "a multiplication and an addition for two"),
        ((FIVE | {298_994_176: "abacus"},), "write a name as the exercise does"),
        ((FIVE | {298_994_176: 2},), "in quotes"),
        (({},), "149,497,088 is missing"),
        ((["fvcore"],), "A dict is expected"),
    ],
    "check_training_mode": [
        ((2,), "in eval mode"),
        ((3,), "what training mode adds"),
        ((2.5,), "how many times as much"),
        ((7,), "both modes together"),
        ((1,), "more than once"),
        ((8000,), "Divide by the values"),
        ((11,), "the operator batch_norm"),
    ],
}
# No hint prints these numbers.
NUMBERS = {
    "check_fvcore_total": (578875904, 314193216),
    "check_torchinfo_total": (568763240, 300809384),
    "check_useless_bias": useless_biases(),
    "check_training_mode": (5,),
}
# Words and pieces of code that would be the solution.
GIVEN_AWAY = {
    "check_five_tools": ["closed form", "torchinfo", "fvcore", "ptflops", "PyTorch"],
}


def test_what_the_checks_call_right_is_what_the_counters_say():
    model, layers = models.MobileNetV2(num_classes=10, width_mult=0.35), cost.mobilenet_v2_layers(0.35, 96, 10)
    shape = (1, 3, 96, 96)
    assert sum(measure.macs_by_operator(model, shape).values()) == fvcore_total(layers)
    assert measure.summary(model, shape).total_mult_adds == torchinfo_total(layers)
    assert tool_behind(torchinfo_total(layers), layers) == "torchinfo"
