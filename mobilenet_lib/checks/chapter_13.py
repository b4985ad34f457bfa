"""Checks of the exercises in chapter 13: transfer learning."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from .. import cost
from ..models import MobileNetV2
from ..specs import V2_SPEC
from . import CheckFailed, compare
from .compare import PERCENT, TWO_DIGITS
from .verdicts import exercise, kind, praise, shown, stopping, unfinished

CLASSES = 5


def _network() -> MobileNetV2:
    """Return a small network as it stands after a while of training, in training mode.

    It has three blocks: what is asked of it does not depend on how many there are, and copies are quick.
    """
    torch.default_generator.manual_seed(0)
    return copy.deepcopy(_trained())


@cache
def _trained() -> MobileNetV2:
    network = MobileNetV2(CLASSES, width_mult=0.35, spec=V2_SPEC[:2])
    with torch.no_grad():
        network(torch.randn(4, 3, 32, 32))
    return network


@exercise
def check_groups(function: Callable[[nn.Module, float, float], list[dict[str, Any]]]) -> None:
    """Check a function that sorts a network's parameters into two groups with learning rates of their own.

    Parameters
    ----------
    function : callable
        ``function(network, head_lr, trunk_lr)`` returns what an optimiser of torch takes: two mappings with "params"
        and "lr", the classifier's and all others.

    Raises
    ------
    CheckFailed
        If a parameter is in no group, in two, or at the wrong rate; the message says what to look at again.

    Examples
    --------
    >>> check_groups(lambda network, head_lr, trunk_lr: [{"params": network.parameters(), "lr": head_lr}])
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: There is one group. Two are asked for, each with a learning rate.
    """
    compare.is_function(function)
    with torch.random.fork_rng(devices=[]):
        for rates in ((0.1, 0.001), (0.02, 0.5)):
            network = _network()
            answer = compare.call(function, (network, *rates), "a small MobileNetV2")
            _look_at_groups(network, answer, *rates)
    praise("each parameter has one learning rate, and the new head its own.")


def _look_at_groups(network: nn.Module, answer: Any, head_lr: float, trunk_lr: float) -> None:
    names = {id(weight): name for name, weight in network.named_parameters()}
    rate_of: dict[str, compare.Number] = {}
    groups = _groups_of(answer)
    for weights, rate in groups:
        for weight in weights:
            if not isinstance(weight, Tensor):
                raise CheckFailed(f'"params" holds the parameters themselves, and one of yours is a {kind(weight)}.')
            name = names.get(id(weight))
            if name is None:
                raise CheckFailed(
                    f"A group holds a {kind(weight)} that is no parameter of the network. Make no copies."
                )
            if name in rate_of:
                raise CheckFailed(f"{name} is in the groups twice. Each parameter can have one learning rate only.")
            rate_of[name] = rate
    if len(groups) == 1:
        raise CheckFailed("There is one group. Two are asked for, each with a learning rate.")
    left = [name for name in names.values() if name not in rate_of]
    if left:
        hint = f"{left[0]} is in no group, so it would not learn at all."
        if all(network.get_parameter(name).dim() == 1 for name in left):
            hint += " Vectors are parameters, too."
        raise CheckFailed(hint)
    for name, rate in rate_of.items():
        ours = name.startswith("classifier.")
        if compare.same(rate, head_lr if ours else trunk_lr):
            continue
        if not any(compare.same(rate, given) for given in (head_lr, trunk_lr)):
            raise CheckFailed(
                f"{name} gets the learning rate {shown(rate.value)}, which is neither of those that it was called with."
            )
        swapped = {each: trunk_lr if each.startswith("classifier.") else head_lr for each in rate_of}
        if all(compare.same(other, swapped[each]) for each, other in rate_of.items()):
            raise CheckFailed("The two rates are swapped: the classifier is the head.")
        if name.startswith("head."):
            raise CheckFailed(
                "network.head is a convolution that has been trained. Only what is new counts as new here."
            )
        raise CheckFailed(f"{name} is in the wrong group. Which layer has random weights?")


def _groups_of(answer: Any) -> list[tuple[list[Any], compare.Number]]:
    if isinstance(answer, Mapping):
        raise CheckFailed("This is a single mapping. An optimiser takes a list of them.")
    if not compare.is_listed(answer):
        raise CheckFailed(f"A list of groups is expected, and this is a {kind(answer)}.")
    found = []
    for group in compare.listed(answer):
        unfinished(group)
        if not isinstance(group, Mapping) or not {"params", "lr"} <= set(group):
            instead = f"has {shown(list(group))}" if isinstance(group, Mapping) else f"is a {kind(group)}"
            raise CheckFailed(f'Each group is a mapping with "params" and "lr", and one {instead}.')
        weights = group["params"]
        rate = compare.real("A learning rate", group["lr"])
        each = compare.listed(weights) if compare.is_listed(weights) and not isinstance(weights, Tensor) else [weights]
        # An optimiser takes them with their names as well.
        found.append(([_without_name(one) for one in each], rate))
    return found


def _without_name(weight: Any) -> Any:
    """Return the parameter of a pair that named_parameters() yields."""
    return weight[1] if isinstance(weight, tuple) and len(weight) == 2 and isinstance(weight[0], str) else weight


@exercise
def check_freeze(function: Callable[[nn.Module], nn.Module]) -> None:
    """Check a function that freezes a network below its classifier: weights and averages.

    Parameters
    ----------
    function : callable
        ``function(network)`` returns the network, of which one training step then changes the classifier alone.

    Raises
    ------
    CheckFailed
        If something else changes, or the classifier does not; the message says what to look at again.

    Examples
    --------
    >>> check_freeze(lambda network: network)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Below the classifier something still learns: stem.0.weight, for example.
    """
    compare.is_function(function)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        network = _network()
        before = copy.deepcopy(network.state_dict())
        frozen = compare.call(function, (network,), "a small MobileNetV2")
        if not isinstance(frozen, nn.Module):
            raise CheckFailed(f"Return the network. This is a {kind(frozen)}.")
        if frozen is not network:
            raise CheckFailed("This is another network than the one that was given. Change it in place.")
        touched = _differing(before, frozen.state_dict())
        if touched:
            raise CheckFailed(f"Freezing should change no number, and {touched[0]} is another one already.")
        learning = [name for name, weight in frozen.named_parameters() if weight.requires_grad]
        below = [name for name in learning if not name.startswith("classifier.")]
        if below:
            raise CheckFailed(f"Below the classifier something still learns: {below[0]}, for example.")
        if len(learning) < 2:
            raise CheckFailed("The classifier is frozen, too. Then nothing can learn.")
        with stopping("A training step stops with {}"):
            scores = frozen(torch.randn(8, 3, 32, 32) + 1)
            nn.functional.cross_entropy(scores, torch.arange(8) % CLASSES).backward()
            with torch.no_grad():
                for weight in frozen.classifier.parameters():  # type: ignore[union-attr]
                    weight -= weight.grad  # type: ignore[operator]
    moved = [name for name in _differing(before, frozen.state_dict()) if not name.startswith("classifier.")]
    if moved:
        raise CheckFailed(
            f"No weight below has changed, but {moved[0]} has. It needs no gradient to move: what moves it?"
        )
    praise("the head learns, and nothing below it moves.")


def _differing(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> list[str]:
    return [name for name, tensor in after.items() if name not in before or not torch.equal(tensor, before[name])]


SCRIPT_MISSING = {
    3: "One fault is still there: which of the parameters can learn when the loop starts?",
    5: "One fault is still there: does the head learn from the features that it will be tested on?",
    6: "One fault is still there: does the network get both kinds of pictures in the same way?",
}
SCRIPT_FINE = {
    1: "Line 1 is fine: it brings the trained weights.",
    2: "Line 2 is fine: loading first and replacing the classifier afterwards is the right order.",
    4: "Line 4 is fine: only the head is meant to learn.",
    7: "Line 7 is fine: it is the usual loss, on a batch.",
    8: "Line 8 is fine as it stands: a test belongs in that mode, and grey may be repeated for three colours.",
}


@exercise
def check_script(lines: Iterable[int]) -> None:
    """Check which lines of the colleague's script are at fault.

    Parameters
    ----------
    lines : iterable of int
        Their numbers.

    Raises
    ------
    CheckFailed
        If one is missing or too many; the message says what to look at again.

    Examples
    --------
    >>> check_script([2])
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Line 2 is fine: loading first and replacing the classifier afterwards is the \
right order.
    """
    named = "Give the numbers of the lines as a list.", "The number of a line", "line"
    empty = "The list is empty. Begin with what PyTorch says: who still learns?"
    compare.expect_chosen(lines, named, SCRIPT_FINE, SCRIPT_MISSING, empty)
    praise("frozen after the new head, trained in the wrong mode, tested on other pictures.")


@exercise
def check_changed(function: Callable[[nn.Module, nn.Module], Iterable[str]]) -> None:
    """Check a function that names the tensors in which two networks differ.

    Parameters
    ----------
    function : callable
        ``function(before, after)`` returns names, as the networks' state dicts have them.

    Raises
    ------
    CheckFailed
        If a name is missing or too many; the message says what to look at again.

    Examples
    --------
    >>> check_changed(lambda before, after: list(after.state_dict()))
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: Tensors are named that are the same in both networks.
    """
    compare.is_function(function)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        before = _network()
        trained, watched = copy.deepcopy(before), copy.deepcopy(before)
        trained.classifier.bias.add_(1)  # type: ignore[union-attr]
        watched(torch.randn(4, 3, 32, 32) + 1)
        for after, shown_as in ((trained, "a network with another bias"), (watched, "a network that was only used")):
            right = set(_differing(before.state_dict(), after.state_dict()))
            answer = compare.call(function, (before, after), shown_as)
            _look_at_names(set(_names_of(answer)), right, after)
        same = compare.call(function, (before, copy.deepcopy(before)), "two equal networks")
        if set(_names_of(same)):
            raise CheckFailed("Two equal networks differ nowhere, and your function names a tensor.")
    praise("a checkpoint holds more than weights, and you look at all of it.")


def _names_of(answer: Any) -> list[str]:
    if not isinstance(answer, Mapping | set | frozenset) and not compare.is_listed(answer):
        raise CheckFailed(f"A list of names is expected, and this is a {kind(answer)}.")
    found = compare.listed(answer)
    for name in found:
        if not isinstance(name, str):
            raise CheckFailed(f"A list of names is expected, and it holds a {kind(name)}.")
    return found


def _look_at_names(given: set[str], right: set[str], after: nn.Module) -> None:
    if given == right:
        return
    unknown = given - set(after.state_dict())
    if unknown:
        raise CheckFailed(f"{shown(sorted(unknown)[0])} is no tensor of the network. Use its names as they are.")
    if not given & right:
        if given:
            raise CheckFailed("The names are those of the tensors that are the same. The others are asked for.")
        raise CheckFailed("Your function finds no difference, and there is one. Does it look at all that is stored?")
    if given - right:
        raise CheckFailed("Tensors are named that are the same in both networks.")
    raise CheckFailed(f"{sorted(right - given)[0]} differs, too. Does your function look at everything?")


def _head_share(classes: int) -> float:
    """Return how many percent of MobileNetV2's parameters its classifier has."""
    return 100 * cost.linear(1280, classes).params / cost.mobilenet_v2(num_classes=classes).params


TWO_HEADS = _head_share(11), _head_share(1000)
TRUNK = cost.mobilenet_v2().params - cost.linear(1280, 1000).params
TWO_HEADS_MISTAKES = [
    [
        (PERCENT, TWO_HEADS[0] / 100),
        ("the new network has the new head only: the old one is gone.", 100 * 1280 * 11 / cost.mobilenet_v2().params),
        ("this is the share of the classes. A head has 1280 numbers for each class, and a bias.", 1.1),
        ("this is what is frozen.", 100 - TWO_HEADS[0]),
        ("this is rounded too far; give two digits.", 0.6),
        ("the head is the classifier alone. The 1×1 convolution before it is frozen.",
         100 * (1280 * 11 + 320 * 1280) / cost.mobilenet_v2(num_classes=11).params),
    ],
    [
        (PERCENT, TWO_HEADS[1] / 100),
        ("this compares the head with the trunk. What is its share of the whole?", 100 * 1281000 / TRUNK),
        ("this is the trunk's share.", 100 - TWO_HEADS[1]),
        ("the head is the classifier alone. The 1×1 convolution before it is a part of the trunk.",
         100 * (1280 * 1000 + 320 * 1280) / cost.mobilenet_v2().params),
    ],
]  # fmt: skip
TWO_HEADS_LOOK = "a head is a linear layer from 1280 features, with a bias. Divide it by the network that has it."


@exercise
def check_two_heads(new: float, old: float) -> None:
    """Check what share of MobileNetV2's parameters is in a head for eleven classes, and in one for a thousand.

    Parameters
    ----------
    new, old : float
        In percent of the whole network with that head.

    Raises
    ------
    CheckFailed
        If one of them is not right; the message says what to look at again.

    Examples
    --------
    >>> check_two_heads(1.1, 100)
    Traceback (most recent call last):
        ...
    mobilenet_lib.checks.CheckFailed: New head: this is the share of the classes. A head has 1280 numbers for each \
class, and a bias.
    """
    compare.expect_order((new, old), TWO_HEADS, "the new head first, then the old one", TWO_DIGITS)
    for name, answer, right, mistakes in zip(
        ("New head", "Old head"), (new, old), TWO_HEADS, TWO_HEADS_MISTAKES, strict=True
    ):
        compare.expect_number(name, answer, right, mistakes, TWO_HEADS_LOOK, TWO_DIGITS)
    praise(f"{TWO_HEADS[0]:.2f} % and {TWO_HEADS[1]:.1f} %. A thousand classes need a large head.")
