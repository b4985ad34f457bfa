"""Checks of the exercises in chapter 7: MobileNetV2."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from .. import cost, specs
from ..cost import Layer
from . import CheckFailed, compare
from .compare import Case
from .verdicts import exercise, praise


def _walk(rows: Iterable, first: int = 32, strides: str = "first", inputs: str = "chain") -> list[tuple]:
    found, before = [], first
    for t, c, n, s in rows:
        entering = before
        for i in range(n):
            stride = s if strides == "all" or (i == 0 if strides == "first" else i == n - 1) else 1
            found.append((entering if inputs == "row" else before, t, c, stride))
            before = c
    return found


OTHER_TABLE = [specs.V2Row(1, 16, 1, 1), specs.V2Row(6, 24, 3, 2), specs.V2Row(4, 40, 2, 1)]
TABLES = [
    Case((specs.V2_SPEC,), _walk(specs.V2_SPEC), "table 2"),
    Case((OTHER_TABLE,), _walk(OTHER_TABLE), "another table"),
]


TABLE2_MISTAKES = [
    (
        "Every block of a row has its stride. Only the first one halves the map.",
        lambda rows: _walk(rows, strides="all"),
    ),
    ("The stride belongs to the first block of a row, not to the last.", lambda rows: _walk(rows, strides="last")),
    ("The blocks of a row after its first one read the row's own channels.", lambda rows: _walk(rows, inputs="row")),
    ("The first block reads the stem's channels, not the image's.", lambda rows: _walk(rows, first=3)),
    (
        "The first block reads the stem's channels, and those are more than it writes.",
        lambda rows: _walk(rows, first=16),
    ),
    (
        "The first row has an expansion of its own: read t from each row.",
        lambda rows: [(i, 6, o, s) for i, _, o, s in _walk(rows)],
    ),
    (
        "The second number is t itself, not the width of the middle.",
        lambda rows: [(i, t * i, o, s) for i, t, o, s in _walk(rows)],
    ),
    (
        "The order is (in_channels, expansion, out_channels, stride).",
        lambda rows: [(t, i, o, s) for i, t, o, s in _walk(rows)],
    ),
    (
        "The order is (in_channels, expansion, out_channels, stride).",
        lambda rows: [(i, o, t, s) for i, t, o, s in _walk(rows)],
    ),
    ("The strides are missing.", lambda rows: [(i, t, o, 1) for i, t, o, _ in _walk(rows)]),
]


@exercise
def check_table2(function: Callable[[Sequence[tuple[int, int, int, int]]], Iterable]) -> None:
    """Check a function that expands the rows of the V2 paper's table 2 into single blocks.

    Parameters
    ----------
    function : callable
        ``function(rows)`` takes rows ``(t, c, n, s)``, as ``specs.V2_SPEC`` has them, and returns a list of
        ``(in_channels, expansion, out_channels, stride)``, one for each block. The first block reads the 32 channels of
        the stem.

    Raises
    ------
    CheckFailed
        If a block is wrong; the message says what to look at again.

    Examples
    --------
    >>> check_table2(lambda rows: [(32, t, c, s) for t, c, n, s in rows])
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: There are too few rows. Does each row of the table come as often as it says?
    """
    columns = "(in, expansion, out, stride)"
    got = [compare.read_rows(result, 4, columns) for result in compare.results_of(function, TABLES)]
    right = [case.right for case in TABLES]
    mistaken = [(hint, [wrong(*case.args) for case in TABLES]) for hint, wrong in TABLE2_MISTAKES]
    for hint, wrong in mistaken:
        if got == wrong != right:
            raise CheckFailed(hint)
    for place, (found, case) in enumerate(zip(got, TABLES, strict=True)):
        if place and found == right[0]:
            raise CheckFailed("Your function gives table 2's blocks for any table. Use the rows that it is given.")
        compare.expect_rows(found, case.right, [(hint, wrong[place]) for hint, wrong in mistaken])
    praise("each block reads what the one before it wrote.")


def _read(layer: Layer) -> int:
    return layer.inputs


def _both(layer: Layer) -> int:
    return _read(layer) + layer.activations


def _over(value: Callable[[Layer], float], factor: float = 2, join: Callable = max) -> Callable[[list[Layer]], float]:
    return lambda layers: factor * join(value(layer) for layer in layers)


ALONE = "This is one tensor alone, the largest. A convolution needs its input and its output at once."
UNIT = "Give bytes, not kB or MB."
PEAK_MISTAKES = [
    (ALONE, _over(lambda layer: layer.activations)),
    (ALONE, _over(_read)),
    ("These are numbers, not bytes: each takes 16 bits.", _over(_both, 1)),
    ("This is for 32 bits a number; here each takes 16.", _over(_both, 4)),
    ("These are bits. How many are in a byte?", _over(_both, 16)),
    ("Two slips: one tensor alone, and numbers instead of bytes.", _over(lambda layer: layer.activations, 1)),
    ("Two slips: one tensor alone, and 32 bits a number.", _over(lambda layer: layer.activations, 4)),
    ("The weights are in it; count the maps only.", _over(lambda layer: _both(layer) + layer.weights)),
    ("This is the sum over all layers. What must be there at one moment?", _over(_both, join=sum)),
    ("This is the sum over all layers. What must be there at one moment?", _over(lambda x: x.activations, join=sum)),
    *((UNIT, _over(_both, 2 / size)) for size in (10**3, 2**10, 10**6, 2**20)),
]


PEAK_LOOK = "For each convolution, add up the numbers that go in and come out, and take the largest sum."


@cache
def _peak_cases() -> list[Case]:
    networks = [
        ("MobileNetV2", cost.mobilenet_v2_layers()),
        ("MobileNetV2 of width 0.35 at 96x96", cost.mobilenet_v2_layers(0.35, 96)),
        ("MobileNetV1", cost.mobilenet_v1_layers()),
    ]
    return [Case((layers,), _over(_both)(layers), name) for name, layers in networks]


@exercise
def check_peak(answer: object) -> None:
    """Check where MobileNetV2 needs the most memory for its maps, and how much.

    The peak is the largest sum of the input and the output of one convolution, both of which must be there while it
    runs. Each number takes 16 bits. BatchNorm and ReLU6 work in place; weights, and an input that a residual still
    waits for, are not counted.

    Parameters
    ----------
    answer : int, tuple or callable
        Bytes for MobileNetV2 at width 1, 224x224, one image; or ``(block, bytes)`` with the block's place in
        ``MobileNetV2().blocks`` or its layer's name; or ``answer(layers)`` that returns one of these for a list of
        :class:`~mobilenet_lib.cost.Layer`.

    Raises
    ------
    CheckFailed
        If it is not right; the message says what to look at again.

    Examples
    --------
    >>> check_peak(2 * max(layer.activations for layer in cost.mobilenet_v2_layers()))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: This is one tensor alone, the largest. A convolution needs its input and its \
output at once.
    """
    cases = _peak_cases()
    if callable(answer):
        given = map(_place_and_size, compare.results_of(answer, cases))
    else:
        cases = cases[:1]
        given = [_place_and_size(answer)]
    places, sizes = zip(*given, strict=True)
    compare.expect_results(sizes, cases, PEAK_MISTAKES, PEAK_LOOK, tolerance=1e-4)
    names = [max(*case.args, key=_both).name for case in cases]
    for place, name in zip(places, names, strict=True):
        _check_place(place, name)
    praise(f"the peak is in {names[0]}: {int(cases[0].right):,} bytes.")


def _place_and_size(answer: object) -> tuple[object, compare.Number]:
    """Return the two parts of an answer, or None and its only one."""
    place, size = answer if isinstance(answer, (tuple, list)) and len(answer) == 2 else (None, answer)
    first, second = compare.read(place), compare.read(size)
    if first and second and first.value > 1000 > second.value:
        raise CheckFailed("Swapped: give the block first, then the bytes.")
    return place, compare.real("The size", size)


def _check_place(place: object, name: str) -> None:
    """Compare a block's place (2, "blocks.2") or a layer's name ("blocks.2.depthwise") with the name of the layer."""
    if place is None:
        return
    block, given = int(name.split(".")[1]), compare.read(place)
    if isinstance(place, str):
        if place == name or (place.startswith("blocks.") and place == name.rpartition(".")[0]):
            return
        if place.rpartition(".")[0] == name.rpartition(".")[0]:
            raise CheckFailed("The bytes are right and so is the block, but another of its layers holds more at once.")
    elif given and given.value == block:
        return
    elif given and given.value == block + 1:
        raise CheckFailed("The bytes are right. For the block, count as Python does, from 0: see the layer's name.")
    raise CheckFailed(
        "The bytes are right, but they belong to another block: see the name of the layer that needs them."
    )
