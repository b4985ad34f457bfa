"""Answers in chapter 7, MobileNetV2: right, half written, and typically wrong."""

from __future__ import annotations

from peers import undrawn
from torch import nn

from checks.shared import counted
from mobilenet_lib import DepthwiseSeparableConv, MobileNetV2, cost, measure, specs


def expand(rows):
    in_channels, blocks = 32, []
    for t, c, n, s in rows:
        for i in range(n):
            blocks.append((in_channels, t, c, s if i == 0 else 1))
            in_channels = c
    return blocks


def peak(layers):
    def alive(layer):
        return layer.in_channels * layer.in_size[0] * layer.in_size[1] + layer.activations

    largest = max(layers, key=alive)
    return largest.name, 2 * alive(largest)


PEAK = peak(cost.mobilenet_v2_layers(0.35, 96))
PRINTED = peak(cost.mobilenet_v2_layers())[1]  # in the chapter


def walk(rows, first=32, inputs="chain", strides="first"):
    found, before = [], first
    for t, c, n, s in rows:
        entering = before
        for i in range(n):
            found.append((entering if inputs == "row" else before, t, c, s if i == 0 or strides == "all" else 1))
            before = c
    return found


def over(value, join=max):
    return join(value(layer) for layer in cost.mobilenet_v2_layers(0.35, 96))


def both(layer):
    return layer.in_channels * layer.in_size[0] * layer.in_size[1] + layer.activations


def narrow_head():
    """Return what a real network saves, in percent, if its head is narrower."""
    found = []
    network = MobileNetV2(width_mult=0.35)
    for _ in range(2):
        found.append((measure.params(network), counted(network)))
        network.head = nn.Sequential(nn.Conv2d(112, 448, 1, bias=False), nn.BatchNorm2d(448), nn.ReLU6())
        network.classifier = nn.Linear(448, 1000)
    return tuple(100 - 100 * after / before for before, after in zip(*found, strict=True))


def with_thin_blocks():
    """Return what is counted for a real network with other blocks."""
    network = MobileNetV2()
    ends = [(block.in_channels, block.out_channels, block.stride) for block in specs.v2_blocks()]
    network.blocks = nn.Sequential(*[DepthwiseSeparableConv(*each) for each in ends])
    return counted(network)


with undrawn():
    SMALLEST = counted(MobileNetV2(width_mult=0.35), 96)
    HEAD, THIN = narrow_head(), with_thin_blocks()
WHOLE = 300774272  # of MobileNetV2


RIGHT = [
    ("check_table2", (expand,)),
    ("check_table2", (lambda rows: (list(row) for row in expand(rows)),)),
    ("check_peak", (PEAK[1],)),
    ("check_peak", (PEAK,)),
    ("check_peak", ((1, PEAK[1]),)),
    ("check_peak", (("blocks.1", PEAK[1]),)),
    ("check_peak", (peak,)),
    ("check_peak", (lambda layers: peak(layers)[1],)),
    ("check_smallest", (SMALLEST,)),
    ("check_smallest", (cost.mobilenet_v2(0.35, 96, num_classes=1001).macs,)),
    ("check_smallest", (12e6,)),
    ("check_narrow_head", HEAD),
    ("check_narrow_head", (55, 9.1)),
    ("check_thin_blocks", (THIN,)),
    ("check_thin_blocks", (63.7e6,)),
]
HALF_WRITTEN = [
    ("check_table2", (lambda rows: None,), "put your answer in place"),
    ("check_peak", (lambda layers: ...,), "put your answer in place"),
    ("check_peak", ((1, ...),), "put your answer in place"),
]
WRONG = {
    "check_table2": [
        ((lambda rows: walk(rows, strides="all"),), "Only the first one halves the map"),
        ((lambda rows: walk(rows, inputs="row"),), "read the row's own channels"),
        ((lambda rows: walk(rows, first=16),), "The first block reads the stem's channels"),
        ((lambda rows: walk(rows, first=3),), "not the image's"),
        ((lambda rows: [(i, 6, o, s) for i, t, o, s in expand(rows)],), "expansion of its own"),
        ((lambda rows: [(i, t * i, o, s) for i, t, o, s in expand(rows)],), "t itself"),
        ((lambda rows: [(t, i, o, s) for i, t, o, s in expand(rows)],), "The order is"),
        ((lambda rows: [(32, t, c, s) for t, c, n, s in rows],), "too few rows"),
        ((lambda rows: [(32, 3, 1, 1), *expand(rows)],), "too many rows"),
        ((lambda rows: expand(specs.V2_SPEC),), "for any table"),
        ((expand(specs.V2_SPEC),), "stops for table 2"),
        ((lambda rows: [row[:3] for row in expand(rows)],), "each row has 4 numbers"),
        (
            (lambda rows: [(c, t, c, s) for _, t, c, s in expand(rows)],),
            "Look at the first row, (16, 1, 16, 1), again.",
        ),
    ],
    "check_peak": [
        ((2 * over(lambda layer: layer.activations),), "one tensor alone"),
        ((over(both),), "numbers, not bytes"),
        ((4 * over(both),), "32 bits"),
        ((16 * over(both),), "These are bits"),
        ((over(lambda layer: layer.activations),), "Two slips"),
        ((2 * over(both, sum),), "the sum over all layers"),
        ((2 * over(lambda layer: both(layer) + layer.weights),), "The weights are in it"),
        ((PEAK[1] / 1024,), "not kB"),
        ((PRINTED,), "at width 1 and 224 pixels"),
        ((123,), "take the largest sum"),
        ((276_000,), "Is it rounded"),
        (((2, 280_000),), "Is it rounded"),
        (((0, PEAK[1]),), "belong to another block"),
        (((2, PEAK[1]),), "from 0"),
        ((("blocks.1.conv1", PEAK[1]),), "another of its layers"),
        (((PEAK[1], 1),), "Swapped"),
        ((lambda layers: peak(layers)[::-1],), "Swapped"),
        ((lambda layers: peak(layers)[0],), "a number is expected here, and this is 'blocks.1.depthwise'"),
        (
            (lambda layers: (max(layers, key=both), peak(layers)[1]),),
            "The bytes are right. For the layer, give its name.",
        ),
        ((("depthwise", PEAK[1]),), "'depthwise' is no name"),
        (((4, PEAK[1]),), "not its place in the list"),
        ((lambda layers: PEAK[1],), "the same answer for different inputs"),
        ((lambda layers: ("blocks.1", peak(layers)[1]),), "belong to another block"),
    ],
    "check_smallest": [
        ((11.9,), "not millions"),
        ((59.3e6,), "at 224 pixels"),
        ((56.3e6,), "at width 1"),
        ((WHOLE,), "the whole network"),
        ((1.68e6,), "the parameters"),
        ((WHOLE * 0.35**2 * (96 / 224) ** 2,), "α² and ρ²"),
        ((WHOLE * 0.35 * (96 / 224) ** 2,), "both of its channel counts"),
        ((2 * SMALLEST,), "twice too much"),
        ((7e6,), "count mobilenet_v2"),
    ],
    "check_narrow_head": [
        (HEAD[::-1], "swapped"),
        ((0.553, HEAD[1]), "Parameters: give percent"),
        ((44.7, HEAD[1]), "what is left"),
        ((HEAD[0], 90.9), "MACs: this is what is left"),
        ((5.6, HEAD[1]), "reads fewer features"),
        ((49.6, HEAD[1]), "becomes smaller, too"),
        ((65, HEAD[1]), "The blocks are narrow already"),
        ((HEAD[0], 14.0), "does not go altogether"),
        ((HEAD[0], 3), "what do the last 1×1 convolution"),
    ],
    "check_thin_blocks": [
        ((THIN / 1e6,), "not millions"),
        ((WHOLE,), "as it is"),
        ((WHOLE - THIN,), "what is saved"),
        ((568740352,), "MobileNetV1"),
        ((THIN - 1280000,), "classifier is left out"),
        ((THIN - 320 * 1280 * 49,), "last 1×1 convolution is left out"),
        ((THIN - 27 * 32 * 112**2,), "stem is left out"),
        ((THIN - 27 * 32 * 112**2 - 320 * 1280 * 49 - 1280000,), "the blocks alone"),
        ((2 * THIN,), "twice too much"),
        ((5,), "take ends, stride and map"),
    ],
}
# No hint prints these numbers.
NUMBERS = {
    "check_table2": (len(expand(specs.V2_SPEC)),),
    "check_peak": (PEAK[1],),
    "check_smallest": (SMALLEST, 12, 11.9),
    "check_narrow_head": (55, 55.3, 9.1),
    "check_thin_blocks": (THIN, 63.7, 64),
}
# Words and pieces of code that would be the solution.
GIVEN_AWAY = {}
