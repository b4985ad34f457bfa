"""Answers in chapter 7, MobileNetV2: right, half written, and typically wrong."""

from __future__ import annotations

from mobilenet_lib import cost, specs


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


PEAK = peak(cost.mobilenet_v2_layers())


def walk(rows, first=32, inputs="chain", strides="first"):
    found, before = [], first
    for t, c, n, s in rows:
        entering = before
        for i in range(n):
            found.append((entering if inputs == "row" else before, t, c, s if i == 0 or strides == "all" else 1))
            before = c
    return found


def over(value, join=max):
    return join(value(layer) for layer in cost.mobilenet_v2_layers())


def both(layer):
    return layer.in_channels * layer.in_size[0] * layer.in_size[1] + layer.activations


RIGHT = [
    ("check_table2", (expand,)),
    ("check_table2", (lambda rows: (list(row) for row in expand(rows)),)),
    ("check_peak", (PEAK[1],)),
    ("check_peak", (PEAK,)),
    ("check_peak", ((1, PEAK[1]),)),
    ("check_peak", (("blocks.1", PEAK[1]),)),
    ("check_peak", (peak,)),
    ("check_peak", (lambda layers: peak(layers)[1],)),
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
        ((123,), "take the largest sum"),
        (((0, PEAK[1]),), "belong to another block"),
        (((2, PEAK[1]),), "from 0"),
        ((("blocks.1.conv1", PEAK[1]),), "another of its layers"),
        (((PEAK[1], 1),), "Swapped"),
        ((lambda layers: PEAK[1],), "the same answer for different inputs"),
        ((lambda layers: ("blocks.1", peak(layers)[1]),), "belong to another block"),
    ],
}
# No hint prints these numbers.
NUMBERS = {
    "check_table2": (len(expand(specs.V2_SPEC)),),
    "check_peak": (PEAK[1],),
}
# Words and pieces of code that would be the solution.
GIVEN_AWAY = {}
