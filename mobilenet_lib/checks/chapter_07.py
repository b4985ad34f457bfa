"""Checks of the exercises in chapter 7: MobileNetV2."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from .. import cost, specs
from ..cost import Layer
from . import CheckFailed, compare
from .compare import MILLIONS, PAIR, PERCENT, THREE_DIGITS, TWO_DIGITS, Case, Mistakes
from .verdicts import exercise, praise, shown


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
    ("This is at width 1 and 224 pixels.", lambda layers: _over(_both)(cost.mobilenet_v2_layers())),
]


PEAK_LOOK = "For each convolution, add up the numbers that go in and come out, and take the largest sum."


@cache
def _peak_cases() -> list[Case]:
    networks = [
        # The first is what a number alone is compared with: the chapter prints that of width 1.
        ("MobileNetV2 of width 0.35 at 96x96", cost.mobilenet_v2_layers(0.35, 96)),
        ("MobileNetV2", cost.mobilenet_v2_layers()),
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
        Bytes for MobileNetV2 at width 0.35, 96x96, one image; or ``(block, bytes)`` with the block's place in
        its ``blocks`` or its layer's name; or ``answer(layers)`` that returns one of these for a list of
        :class:`~mobilenet_lib.cost.Layer`.

    Raises
    ------
    CheckFailed
        If it is not right; the message says what to look at again.

    Examples
    --------
    >>> check_peak(2 * max(layer.activations for layer in cost.mobilenet_v2_layers(0.35, 96)))
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
    compare.expect_results(sizes, cases, PEAK_MISTAKES, PEAK_LOOK, tolerance=1e-4, given=callable(answer))
    for place, case in zip(places, cases, strict=True):
        _check_place(place, *case.args)
    name = max(*cases[0].args, key=_both).name
    praise(f"the peak is in {name}: {int(cases[0].right):,} bytes at width 0.35 and 96 pixels.")


def _place_and_size(answer: object) -> tuple[object, compare.Number]:
    """Return the two parts of an answer, or None and its only one."""
    place, size = answer if isinstance(answer, (tuple, list)) and len(answer) == 2 else (None, answer)
    first, second = compare.read(place), compare.read(size)
    if first and first.value > 1000 and (isinstance(size, str | Layer) or second and second.value < 1000):
        raise CheckFailed("Swapped: give the block first, then the bytes.")
    return place, compare.real("The size", size)


def _check_place(place: object, layers: list[Layer]) -> None:
    """Compare a block's place (2, "blocks.2") or a layer's name ("blocks.2.depthwise") with where the peak is."""
    if place is None:
        return
    names = [layer.name for layer in layers]
    name = max(layers, key=_both).name
    block, given = int(name.split(".")[1]), compare.read(place)
    if isinstance(place, Layer):
        raise CheckFailed("The bytes are right. For the layer, give its name.")
    if isinstance(place, str):
        if place not in {*names, *(each.rpartition(".")[0] for each in names)}:
            raise CheckFailed(f"The bytes are right. But {shown(place)} is no name in the list of layers.")
        if place == name or (place.startswith("blocks.") and place == name.rpartition(".")[0]):
            return
        if place.rpartition(".")[0] == name.rpartition(".")[0]:
            raise CheckFailed("The bytes are right and so is the block, but another of its layers holds more at once.")
    elif given and given.value == block:
        return
    elif given and given.value == block + 1:
        raise CheckFailed("The bytes are right. For the block, count as Python does, from 0: see the layer's name.")
    elif given and given.value == names.index(name):
        raise CheckFailed("The bytes are right. For the layer, give its name and not its place in the list.")
    raise CheckFailed(
        "The bytes are right, but they belong to another block: see the name of the layer that needs them."
    )


SMALLEST_DIGITS = 6e-3  # with 1000 classes or 1001, and "12 million" is near enough
SMALLEST_LOOK = "count mobilenet_v2 at this width and this size; how many numbers has the output of each layer?"


@cache
def _smallest() -> tuple[int, Mistakes]:
    right, whole = cost.mobilenet_v2(0.35, 96, num_classes=1001), cost.mobilenet_v2()
    return right.macs, [
        (MILLIONS, right.macs / 1e6),
        ("this is at 224 pixels.", cost.mobilenet_v2(0.35).macs),
        ("this is at width 1.", cost.mobilenet_v2(1.0, 96).macs),
        ("this is the whole network, of width 1 at 224 pixels.", whole.macs),
        ("these are the parameters.", right.params),
        ("α² and ρ² estimate it, but the stem's input and the last 1×1 convolution do not become narrower so fast.",
         whole.macs * 0.35**2 * (96 / 224) ** 2),
        ("the MACs of a pointwise layer change with both of its channel counts.", whole.macs * 0.35 * (96 / 224) ** 2),
        ("a map has two sides.", cost.mobilenet_v2(0.35).macs * 96 / 224),
        (PAIR, 2 * right.macs),
    ]  # fmt: skip


@exercise
def check_smallest(macs: int) -> None:
    """Check the MACs of the smallest of the released networks.

    Parameters
    ----------
    macs : int
        Of MobileNetV2 at width 0.35 and 96x96 pixels.

    Raises
    ------
    CheckFailed
        If it is another number; the message says what to look at again.

    Examples
    --------
    >>> check_smallest(cost.mobilenet_v2(0.35).macs)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: MACs: this is at 224 pixels.
    """
    right, mistakes = _smallest()
    compare.expect_number("MACs", macs, right, mistakes, SMALLEST_LOOK, SMALLEST_DIGITS)
    praise(f"{right:,} MACs. No unit makes 7 of it.")


@cache
def _narrow_head() -> tuple[tuple[float, float], list[list[tuple[str, float]]]]:
    """Return what is saved, parameters and MACs in percent, and what the typical mistakes give."""
    *rest, head, _ = cost.mobilenet_v2_layers(0.35)
    whole, narrow = cost.mobilenet_v2(0.35), specs.make_divisible(1280 * 0.35)
    before, after = (
        (cost.conv(head.in_channels, width, 1, head.out_size) + cost.batch_norm(width), cost.linear(width, 1000))
        for width in (1280, narrow)
    )
    saved, mistakes = [], []
    for name in ("params", "macs"):
        conv, classifier = (getattr(a, name) - getattr(b, name) for a, b in zip(before, after, strict=True))
        total = getattr(whole, name)
        right = 100 * (conv + classifier) / total
        saved.append(right)
        mistakes.append(
            [
                (PERCENT, right / 100),
                ("this is what is left. What is saved?", 100 - right),
                ("the classifier reads fewer features as well.", 100 * conv / total),
                ("the convolution itself becomes smaller, too.", 100 * classifier / total),
                ("only the head shrinks. The blocks are narrow already.", 65),
                (
                    "the head does not go altogether: what is left of it still counts.",
                    100 * sum(getattr(part, name) for part in before) / total,
                ),
            ]
        )
    return (saved[0], saved[1]), mistakes


HEAD_LOOK = "what do the last 1×1 convolution and the classifier cost with 1280 channels, and with 0.35 of that?"


@exercise
def check_narrow_head(params: float, macs: float) -> None:
    """Check what MobileNetV2 of width 0.35 would save if its last 1x1 convolution were narrower, too.

    Parameters
    ----------
    params, macs : float
        Saved, in percent of the network at that width and 224x224 pixels.

    Raises
    ------
    CheckFailed
        If one of them is not right; the message says what to look at again.

    Examples
    --------
    >>> check_narrow_head(65, 65)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Parameters: only the head shrinks. The blocks are narrow already.
    """
    saved, mistakes = _narrow_head()
    compare.expect_order((params, macs), saved, "parameters first, then MACs", TWO_DIGITS)
    for name, answer, right, typical in zip(("Parameters", "MACs"), (params, macs), saved, mistakes, strict=True):
        compare.expect_number(name, answer, right, typical, HEAD_LOOK, TWO_DIGITS)
    praise(f"{saved[0]:.1f} % of the parameters, and {saved[1]:.1f} % of the MACs.")


@cache
def _thin_blocks() -> tuple[int, Mistakes]:
    """Return the MACs with depthwise separable blocks, and what the typical mistakes give."""
    size, blocks, at_input = 112, 0, 0
    for block in specs.v2_blocks():
        ends = block.in_channels, block.out_channels
        blocks += cost.depthwise_separable(*ends, size, stride=block.stride).macs
        at_input += cost.depthwise_separable(*ends, size).macs
        size //= block.stride
    stem, *_, head, classifier = cost.mobilenet_v2_layers()
    others, whole = stem.macs + head.macs + classifier.macs, cost.mobilenet_v2().macs
    right = others + blocks
    return right, [
        (MILLIONS, right / 1e6),
        ("these are the blocks alone. What else has the network?", blocks),
        ("the stem is left out.", right - stem.macs),
        ("the last 1×1 convolution is left out.", right - head.macs),
        ("the classifier is left out.", right - classifier.macs),
        ("this is what is saved. What remains?", whole - right),
        ("this is MobileNetV2 as it is.", whole),
        ("this is MobileNetV1. Here the blocks have V2's thin ends.", cost.mobilenet_v1().macs),
        ("the strides are forgotten: a block with stride 2 writes a smaller map.", others + at_input),
        (PAIR, 2 * right),
    ]


THIN_LOOK = "take ends, stride and map of each of the 17 blocks; stem, last convolution and classifier stay."


@exercise
def check_thin_blocks(macs: int) -> None:
    """Check the MACs of MobileNetV2 with a depthwise separable block in the place of each of its 17 blocks.

    Parameters
    ----------
    macs : int
        Of the whole network at 224x224 pixels.

    Raises
    ------
    CheckFailed
        If it is another number; the message says what to look at again.

    Examples
    --------
    >>> check_thin_blocks(cost.mobilenet_v2().macs)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: MACs: this is MobileNetV2 as it is.
    """
    right, mistakes = _thin_blocks()
    compare.expect_number("MACs", macs, right, mistakes, THIN_LOOK, THREE_DIGITS)
    praise(f"{right:,} MACs, about a fifth of MobileNetV2's, and another network.")
