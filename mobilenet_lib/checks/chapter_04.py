"""Checks of the exercises in chapter 4: MobileNetV1."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from .. import cost, specs
from . import CheckFailed, compare
from .compare import MILLIONS, PAIR, THREE_DIGITS, Mistakes
from .verdicts import exercise, praise, shown


@exercise
def check_width_for_budget(alpha: float) -> None:
    """Check the widest MobileNetV1 at 224x224 that stays under 300 million MACs.

    Parameters
    ----------
    alpha : float
        The width multiplier, in steps of 0.05.

    Raises
    ------
    CheckFailed
        If it is too wide, or not the widest; the message says which.

    Examples
    --------
    >>> check_width_for_budget(1.0)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: At this width the network takes 568.7 million MACs: over the budget.
    """
    number = compare.real("alpha", alpha)
    if not 0 < number.value <= 2:
        raise CheckFailed(
            "alpha multiplies the channels: 1.0 is the network of the paper, and here it lies below that."
        )
    _compare_widths(number, 300_000_000)
    steps = round(number.value * 20)
    praise(f"{cost.mobilenet_v1(steps / 20).macs:,} MACs, and the next step would be over the budget.")


@cache
def _widest(budget: int) -> int:
    return max(steps for steps in range(1, 41) if cost.mobilenet_v1(steps / 20).macs < budget)


@cache
def _in_proportion(budget: int) -> float:
    """Return the width that somebody finds who takes the MACs to be in proportion to it."""
    return budget / cost.mobilenet_v1().macs


def _compare_widths(alpha: compare.Number, budget: int) -> None:
    """Compare a width with the widest, in steps of 0.05, that stays under the budget."""
    widest, steps = _widest(budget), round(20 * alpha.value)
    if abs(alpha.value - _in_proportion(budget)) < 1 / 20:
        raise CheckFailed(
            "It fits, but the MACs do not grow in proportion to the width: in a pointwise layer both channel counts "
            "change. A wider one fits too."
        )
    if not compare.same(alpha, steps / 20):
        raise CheckFailed(
            "alpha goes in steps of 0.05. Is this where the parabola α² meets the budget? Channels come in whole "
            "multiples of 8, so try the steps beside it with the real network."
        )
    if steps < widest:
        raise CheckFailed("It fits, but a wider one fits too.")
    if steps > widest:
        macs = cost.mobilenet_v1(steps / 20).macs / 1e6
        close = " Just over is over." if steps == widest + 1 else ""
        raise CheckFailed(f"At this width the network takes {macs:.1f} million MACs: over the budget.{close}")


def _walk(rows: Iterable[Sequence[int]], first: int, alpha: float, all_strided: bool = False) -> list[tuple]:
    found, before = [], first
    for c, n, s in rows:
        for i in range(n):
            found.append((before, int(c * alpha), s if i == 0 or all_strided else 1))
            before = int(c * alpha)
    return found


def _v1_mistakes(right: list[tuple]) -> Mistakes:
    spec = specs.V1_SPEC
    return [
        ("This is width 1. At 0.5 every layer has half the channels.", _walk(spec, 32, 1.0)),
        ("The stem is scaled too: what does the first block read?", _walk(spec, 32, 0.5)),
        ("The first block reads what the stem writes, not the image's channels.", _walk(spec, 3, 0.5)),
        (
            "You trusted table 1's last stride. What is its output size, and what does the next layer read?",
            [*right[:-1], (*right[-1][:2], 2)],
        ),
        ("A row comes only once where the table says five times.", _walk([(c, 1, s) for c, n, s in spec], 16, 0.5)),
        ("The first number of a row is what comes in, the second what goes out.", [(b, a, s) for a, b, s in right]),
        ("The stem is among the rows; the question is for the separable blocks.", [(3, 16, 2), *right]),
        (
            "Only what goes out is scaled; what comes in is what the block before gave out.",
            [(a * 2, b, s) for a, b, s in right],
        ),
        (
            "Where a block halves the map, that is its own stride, not that of the block before.",
            [(a, b, s) for (a, b, _), s in zip(right, [*(s for _, _, s in right[1:]), 1], strict=True)],
        ),
        ("The strides are missing: four blocks halve the map.", [(a, b, 1) for a, b, _ in right]),
    ]


@exercise
def check_v1_blocks(blocks: Callable[[], Iterable] | Iterable) -> None:
    """Check the 13 blocks of a MobileNetV1 of width 0.5.

    Parameters
    ----------
    blocks : list of tuple or callable
        Rows ``(in_channels, out_channels, stride)``, or a function without arguments that returns them. The first
        convolution (the stem) and the classifier are not among them.

    Raises
    ------
    CheckFailed
        If a row is wrong; the message says what to look at again.

    Examples
    --------
    >>> check_v1_blocks([(32, 64, 1), (64, 128, 2)])
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: There are too few rows. Does each row of the table come as often as it says?
    """
    given = compare.call(blocks, (), "") if callable(blocks) else blocks
    rows = compare.read_rows(given, 3, "(in_channels, out_channels, stride)")
    right = [tuple(block) for block in specs.v1_blocks(0.5)]
    compare.expect_rows(rows, right, _v1_mistakes(right))
    praise("13 blocks, each reading what the one before it wrote.")


PRINTED_LOOK = "only the last depthwise layer and the pointwise layer behind it change. On which maps do they work?"


@cache
def _printed() -> tuple[int, int, list[tuple[str, float]]]:
    """Return the MACs with stride 1 in that place, those with stride 2, and what the typical mistakes give."""
    *rest, _, _, classifier = cost.mobilenet_v1_layers()
    whole = cost.mobilenet_v1().macs
    outside = cost.total([*rest, classifier]).macs

    def with_maps(first: float, second: float) -> int:
        return int(outside + 9 * 1024 * first + 1024 * 1024 * second)

    right = with_maps(16, 16)
    mistakes = [
        ("this is the network with stride 1 in that place. What does stride 2 change?", whole),
        ('half of 7 is not whole. With "same" padding the side is rounded up.', with_maps(49 / 4, 49 / 4)),
        ('with "same" padding the side is rounded up, not down.', with_maps(9, 9)),
        ("the layer behind it works on the small map as well.", with_maps(16, 49)),
        ("the depthwise layer itself does less: count its output's pixels.", with_maps(49, 16)),
        ("the classifier is left out.", right - classifier.macs),
        ("this is what is saved. What remains of the whole?", whole - right),
        ("this is for the last block alone. What does the whole network take?", right - outside),
        ("the last block is gone altogether.", outside),
        ("the side is halved, so the area is not.", with_maps(28, 28)),
        (PAIR, 2 * right),
        ("give the number itself, not millions.", right / 1e6),
    ]
    return whole, right, mistakes


@exercise
def check_printed_stride(macs: int) -> None:
    """Check the MACs that MobileNetV1 would have if its last depthwise layer had stride 2, as table 1 prints.

    Parameters
    ----------
    macs : int
        Of the whole network at 224x224 and width 1. The padding stays "same", so the last depthwise layer takes the 7x7
        map to 4x4, and the last pointwise layer works on that.

    Raises
    ------
    CheckFailed
        If it is another number; the message says what to look at again.

    Examples
    --------
    >>> check_printed_stride(cost.mobilenet_v1().macs)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: MACs: this is the network with stride 1 in that place. What does stride 2 change?
    """
    whole, right, mistakes = _printed()
    compare.expect_number("MACs", macs, right, mistakes, PRINTED_LOOK)
    praise(f"{right:,} MACs, {whole - right:,} fewer than with stride 1.")


@cache
def _shallow() -> tuple[int, Mistakes]:
    """Return the MACs without the five blocks, and what the typical mistakes give."""
    whole, block = cost.mobilenet_v1().macs, cost.depthwise_separable(512, 512, size=14).macs
    depthwise, pointwise = (layer.macs for layer in cost.depthwise_separable_layers(512, 512, size=14))
    right = whole - 5 * block
    return right, [
        ("this is what is dropped. What remains?", 5 * block),
        (MILLIONS, right / 1e6),
        ("blocks are counted, not MACs: the blocks do not all cost the same.", whole * 8 / 13),
        ("only the pointwise layers are dropped.", whole - 5 * pointwise),
        ("only the depthwise layers are dropped.", whole - 5 * depthwise),
        ("one block is dropped, and there are five of them.", whole - block),
        ("there are five with 512 channels and stride 1; the one before them has stride 2.", whole - 6 * block),
        ("on which maps do these blocks work? Not on 7×7.", whole - 5 * block / 4),
        (PAIR, 2 * right),
    ]


SHALLOW_LOOK = "take the MACs of one such block from the whole, five times."
SHALLOW_ALPHA = 0.75
SHALLOW_ALPHA_MISTAKES = [
    ("this is the share of the MACs. They do not grow in proportion to the width.", 0.54),
    ("this is where the parabola α² meets it. Try the steps of 0.05 beside it with the real network.", 0.735),
    ("five of thirteen blocks are gone, but they are not five of thirteen MACs, and MACs grow as α² does.", 8 / 13),
]


@exercise
def check_shallow(macs: int, alpha: float) -> None:
    """Check what remains without the five blocks of 512 channels, and which width costs about as much.

    Parameters
    ----------
    macs : int
        Of MobileNetV1 at 224x224 and width 1 without them.
    alpha : float
        The width multiplier, in steps of 0.05, of the whole network whose MACs are nearest to that.

    Raises
    ------
    CheckFailed
        If one of them is not right; the message says what to look at again.

    Examples
    --------
    >>> check_shallow(5 * cost.depthwise_separable(512, 512, size=14).macs, 0.75)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: MACs: this is what is dropped. What remains?
    """
    right, mistakes = _shallow()
    compare.expect_number("MACs", macs, right, mistakes, SHALLOW_LOOK, THREE_DIGITS)
    number = compare.real("alpha", alpha)
    if not compare.same(number, SHALLOW_ALPHA):
        for hint, wrong in SHALLOW_ALPHA_MISTAKES:
            if compare.same(number, wrong, THREE_DIGITS):
                raise CheckFailed(f"alpha: {hint}")
        steps = round(20 * number.value) if 0 < number.value <= 2 else 0
        if not steps or not compare.same(number, steps / 20):
            raise CheckFailed("alpha: give a width between 0 and 1, in steps of 0.05.")
        found = cost.mobilenet_v1(steps / 20).macs
        way = "more" if found > right else "less"
        raise CheckFailed(
            f"alpha: at this width the network takes {abs(found - right) / 1e6:.1f} million {way}. "
            f"A {'thinner' if found > right else 'wider'} one is nearer."
        )
    praise(f"{right:,} MACs, and {cost.mobilenet_v1(SHALLOW_ALPHA).macs:,} for the thinner network.")


@cache
def _thin_layers() -> dict[str, int]:
    return {layer.name: layer.macs for layer in cost.mobilenet_v1_layers(0.75, num_classes=1001)}


@exercise
def check_left_out(layer: str) -> None:
    """Check which layer the released models' page left out of its MACs for width 0.75.

    Parameters
    ----------
    layer : str
        Its name in the list of layers.

    Raises
    ------
    CheckFailed
        If it is another one; the message says how much that would change.

    Examples
    --------
    >>> check_left_out("classifier")
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: 'classifier' has 0.8 million MACs at this width and 224 pixels. How large is \
the difference between paper and page?
    """
    layers = _thin_layers()
    name = layer.strip().lower().removeprefix("the ") if isinstance(layer, str) else ""
    if name not in layers:
        raise CheckFailed(f"Give the name of a layer, such as 'blocks.3.depthwise'; {shown(layer)} is none.")
    if name != next(iter(layers)):
        raise CheckFailed(
            f"{shown(name)} has {layers[name] / 1e6:.1f} million MACs at this width and 224 pixels. How large is the "
            "difference between paper and page?"
        )
    praise(f"{layers[name]:,} MACs, and that explains all four rows.")
