"""Answers in chapter 4, MobileNetV1: right, half written, and typically wrong."""

from __future__ import annotations

import math

from peers import undrawn
from torch import nn

from checks.shared import counted
from mobilenet_lib import cost, models, specs


def printed_stride():
    *rest, depthwise, pointwise, classifier = cost.mobilenet_v1_layers()
    small = {"in_size": (4, 4), "out_size": (4, 4)}
    return cost.total([*rest, depthwise._replace(out_size=(4, 4)), pointwise._replace(**small), classifier]).macs


V1_BLOCKS = [tuple(block) for block in specs.v1_blocks(0.5)]


WIDEST = max(s for s in range(1, 21) if cost.mobilenet_v1(s / 20).macs < 300e6) / 20


def unscaled(rows):
    return [(2 * a, 2 * b, s) for a, b, s in rows]


def shallow():
    """Return what is counted for a network without the five blocks."""
    network = models.MobileNetV1()
    kept = [block for place, block in enumerate(network.blocks) if not 6 <= place <= 10]
    network.blocks = type(network.blocks)(*kept) if isinstance(network.blocks, nn.Sequential) else nn.ModuleList(kept)
    return counted(network)


with undrawn():
    SHALLOW = shallow()


RIGHT = [
    ("check_width_for_budget", (WIDEST,)),
    ("check_v1_blocks", (V1_BLOCKS,)),
    ("check_v1_blocks", (lambda: specs.v1_blocks(0.5),)),
    ("check_printed_stride", (printed_stride(),)),
    ("check_shallow", (SHALLOW, 0.75)),
    ("check_shallow", (307e6, 0.75)),
    ("check_left_out", ("stem",)),
    ("check_left_out", (" Stem",)),
    ("check_left_out", ("the stem",)),
]
HALF_WRITTEN = [
    ("check_v1_blocks", ([],), "the list is still empty"),
    ("check_v1_blocks", (lambda: None,), "put your answer in place"),
]
WRONG = {
    "check_width_for_budget": [
        ((1.0,), "over the budget"),
        ((WIDEST + 0.05,), "Just over is over"),
        ((0.5,), "in proportion to the width"),
        ((300 / 568.74,), "in proportion to the width"),
        ((0.25,), "It fits, but a wider one fits too"),
        ((math.sqrt(300 / 569),), "in steps of 0.05"),
        ((224,), "alpha multiplies the channels"),
        (("0.5",), "without quotation marks"),
    ],
    "check_v1_blocks": [
        ((unscaled(V1_BLOCKS),), "This is width 1"),
        (([(32, *V1_BLOCKS[0][1:]), *V1_BLOCKS[1:]],), "The stem is scaled too"),
        (([*V1_BLOCKS[:-1], (512, 512, 2)],), "table 1's last stride"),
        (([*V1_BLOCKS[:7], *V1_BLOCKS[11:]],), "only once"),
        (([(b, a, s) for a, b, s in V1_BLOCKS],), "The first number of a row is what comes in"),
        (([(3, 16, 2), *V1_BLOCKS],), "The stem is among the rows"),
        (([(a, b, 1) for a, b, s in V1_BLOCKS],), "The strides are missing"),
        ((V1_BLOCKS[:5],), "too few rows"),
        (([*V1_BLOCKS, (512, 1000, 1)],), "too many rows"),
        (([*V1_BLOCKS[:3], (32, 128, 2), *V1_BLOCKS[4:]],), "Row 3, counted from 0, does not read what row 2 writes"),
        (([*V1_BLOCKS[:3], (64, 128, 1), *V1_BLOCKS[4:]],), "Up to row 3"),
        (([(16, 32)],), "each row has 3 numbers"),
        ((7,), "A list of rows"),
    ],
    "check_printed_stride": [
        ((cost.mobilenet_v1().macs,), "this is the network with stride 1"),
        ((cost.mobilenet_v1().macs - 9 * 1024 * 33,), "the layer behind it works on the small map"),
        ((cost.mobilenet_v1().macs - 1024 * 1024 * 33,), "the depthwise layer itself does less"),
        ((cost.mobilenet_v1().macs - (9 + 1024) * 1024 * 40,), "rounded up, not down"),
        ((cost.mobilenet_v1().macs - (9 + 1024) * 1024 * 147 // 4,), "half of 7 is not whole"),
        ((cost.mobilenet_v1().macs - printed_stride(),), "what is saved"),
        ((printed_stride() / 1e6,), "not millions"),
        ((1,), "only the last depthwise layer"),
    ],
    "check_shallow": [
        ((568740352 - SHALLOW, 0.75), "what is dropped"),
        ((SHALLOW / 1e6, 0.75), "not millions"),
        ((568740352 * 8 / 13, 0.75), "blocks are counted"),
        ((568740352 - 5 * 512 * 512 * 196, 0.75), "only the pointwise layers"),
        ((568740352 - 5 * 9 * 512 * 196, 0.75), "only the depthwise layers"),
        ((568740352 - (9 + 512) * 512 * 196, 0.75), "one block is dropped"),
        ((2 * SHALLOW, 0.75), "twice too much"),
        ((1, 0.75), "five times"),
        ((SHALLOW, 0.54), "share of the MACs"),
        ((SHALLOW, 0.735), "parabola"),
        ((SHALLOW, 8 / 13), "five of thirteen"),
        ((SHALLOW, 0.7), "20.2 million less. A wider one"),
        ((SHALLOW, 0.8), "A thinner one"),
        ((SHALLOW, 0.731), "in steps of 0.05"),
        ((SHALLOW, 75), "between 0 and 1"),
    ],
    "check_left_out": [
        (("classifier",), "has 0.8 million MACs"),
        (("blocks.0.depthwise",), "has 2.7 million MACs"),
        (("blocks.12.pointwise",), "has 28.9 million MACs"),
        (("pooling",), "'pooling' is none"),
        ((0,), "Give the name of a layer"),
    ],
}
# No hint prints these numbers.
NUMBERS = {
    "check_width_for_budget": (WIDEST,),
    "check_v1_blocks": (len(V1_BLOCKS),),
    "check_printed_stride": (printed_stride(), printed_stride() // 10**6),
    "check_shallow": (SHALLOW, 307, 0.75),
}
# Words and pieces of code that would be the solution.
GIVEN_AWAY = {
    "check_left_out": ["stem"],
}


def test_the_printed_stride_is_what_the_changed_network_costs():
    network = models.MobileNetV1()
    network.blocks[12].depthwise[0].stride = (2, 2)
    assert counted(network) == printed_stride()
