"""Answers in chapter 1, standard convolution: right, half written, and typically wrong."""

from __future__ import annotations

import numpy as np
import torch
from peers import flops

from mobilenet_lib import cost, measure


def my_macs(conv, height, width):
    sides = []
    for i, side in enumerate((height, width)):
        reach = conv.dilation[i] * (conv.kernel_size[i] - 1) + 1
        sides.append((side + 2 * conv.padding[i] - reach) // conv.stride[i] + 1)
    return conv.weight.numel() * sides[0] * sides[1]


STEM = cost.conv(3, 32, 3, 112)


def sides(conv, height, width, **changes):
    """Count MACs with a copy of the layer that has other settings."""
    settings = {name: getattr(conv, name) for name in ("stride", "padding", "dilation")} | changes
    pixels = 1
    for i, side in enumerate((height, width)):
        reach = settings["dilation"][i] * (conv.kernel_size[i] - 1) + 1
        pixels *= (side + 2 * settings["padding"][i] - reach) // settings["stride"][i] + 1
    return conv.weight.numel() * pixels


def forgetting(**changes):
    return lambda conv, height, width: sides(conv, height, width, **changes)


def outside(side):
    """Count the taps of a 3x3 filter that fall on the padding, in percent, with a convolution of ones."""
    ones = torch.ones(1, 1, side, side)
    inside = torch.nn.functional.conv2d(ones, torch.ones(1, 1, 3, 3), padding=1).sum().item()
    return 100 - 100 * inside / (9 * side**2)


PAIR_OF_CONVS = 2 * 100 * measure.macs(torch.nn.Conv2d(8, 8, 3, padding=1), (1, 8, 9, 9))
TWO_FOR_ONE = PAIR_OF_CONVS / measure.macs(torch.nn.Conv2d(8, 8, 5, padding=2), (1, 8, 9, 9))
ZEROS = outside(112), outside(7)


RIGHT = [
    ("check_stem", (STEM.params, STEM.macs)),
    ("check_stem", (torch.tensor(STEM.params), np.float64(STEM.macs))),
    ("check_macs_function", (my_macs,)),
    ("check_macs_function", (lambda conv, h, w: flops(conv, 1, conv.in_channels, h, w) // 2,)),
    ("check_two_for_one", (TWO_FOR_ONE,)),
    ("check_padding_zeros", ZEROS),
    ("check_padding_zeros", (1.2, 18)),
]
HALF_WRITTEN = [
    ("check_stem", (STEM.params, ...), "put your answer in place"),
    ("check_macs_function", (lambda conv, height, width: ...,), "put your answer in place"),
]
WRONG = {
    "check_stem": [
        ((STEM.macs, STEM.params), "swapped"),
        ((STEM.params + 32, STEM.macs), "bias"),
        ((STEM.params, 10.8e6), "Is it rounded?"),
        ((STEM.params, 10.838e6), "Is it rounded?"),
        ((STEM.params, 10.8), "not millions"),
        ((STEM.params, STEM.params * 112 * 111), "MACs: every weight is used once"),  # near, and not rounded
        ((STEM.params + 64, STEM.macs), "Parameters: BatchNorm's two numbers"),
        ((9 * 32, STEM.macs), "as deep as its input"),
        ((27, STEM.macs), "one filter"),
        ((STEM.macs, STEM.macs), "do not depend on the size of the map"),
        ((860, STEM.macs), "Is it rounded?"),
        ((1000, STEM.macs), "Parameters: multiply the numbers"),
        ((STEM.params, STEM.params * 224**2), "the stride is forgotten"),
        ((STEM.params, STEM.params * 224 * 112), "both sides"),
        ((STEM.params, STEM.params), "a single pixel"),
        ((STEM.params, 27 * 112**2), "one output channel"),
        ((STEM.params, STEM.params * 111**2), "padding"),
        ((STEM.params, 2 * STEM.macs), "twice too much"),
        ((STEM.params, 12345), "MACs: every weight is used once"),
        ((STEM.params, "10838016"), "without quotation marks"),
        ((STEM.params, "10M"), "a number is expected here, and this is '10M'"),
        ((STEM, STEM), "whole Cost"),
        ((True, STEM.macs), "a number is expected"),
        ((float("nan"), STEM.macs), "not a finite number"),
    ],
    "check_macs_function": [
        ((lambda conv, h, w: conv.weight.numel() * h * w,), "pixels of the input"),
        ((forgetting(stride=(1, 1)),), "The stride is forgotten"),
        ((forgetting(padding=(0, 0)),), "The padding is forgotten"),
        ((forgetting(dilation=(1, 1)),), "The dilation is forgotten"),
        ((lambda conv, h, w: my_macs(conv, h, w) * conv.groups,), "The groups are forgotten"),
        ((lambda conv, h, w: my_macs(conv, h, w) // conv.groups,), "divided by the groups twice"),
        ((lambda conv, h, w: my_macs(conv, h, w) * (1 if conv.bias is None else 1 + 1 / 72),), "A bias is counted"),
        ((lambda conv, h, w: 2 * my_macs(conv, h, w),), "twice too much"),
        ((lambda conv, h, w: conv.weight.numel(),), "These are the parameters"),
        ((lambda conv, h, w: my_macs(conv, w, h),), "Height and width are mixed up"),
        ((lambda conv, h, w: my_macs(conv, h, h),), "nn.Conv2d(8, 16, kernel_size=(3, 3)"),
        ((lambda conv, h, w: 7,), "the same answer for different inputs"),
        ((lambda conv, h, w: sides(conv, h, w, stride=(1, 1), dilation=(1, 1)),), "The stride changes"),  # two at once
        ((lambda conv: 1,), "stops for nn.Conv2d"),
        ((lambda conv, h, w: [my_macs(conv, h, w)].clear(),), "Your function returns nothing. End it with return."),
        ((lambda conv, h, w: 1 / 0,), "ZeroDivisionError: division by zero."),
        ((12,), "Pass the function itself"),
    ],
    "check_two_for_one": [
        ((0.72,), "give percent"),
        ((36,), "two of the small layers"),
        ((120,), "nine weights"),
        ((60,), "and there are two"),
        ((139,), "upside down"),
        ((28,), "what is saved"),
        ((7,), "What is the share"),
        ((50,), "for one pixel and one pair"),
    ],
    "check_padding_zeros": [
        (ZEROS[::-1], "swapped"),
        ((0.0119, ZEROS[1]), "112×112: give percent"),
        ((0.6, ZEROS[1]), "along one axis"),
        ((ZEROS[0], 9.52), "7×7: this is along one axis"),
        ((ZEROS[0], 19.05), "counted twice"),
        ((3.54, ZEROS[1]), "pixels at the border"),
        ((ZEROS[0], 39.5), "zeros in the padded map"),
        ((98.8, ZEROS[1]), "what lies inside"),
        ((ZEROS[0], 50), "take one axis first"),
    ],
}
# No hint prints these numbers.
NUMBERS = {
    "check_stem": (STEM.params, STEM.macs),
    "check_two_for_one": (72,),
    "check_padding_zeros": (1.2, 1.19, 18, 18.1),
}
# Words and pieces of code that would be the solution.
GIVEN_AWAY = {}
