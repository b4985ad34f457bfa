"""Answers in chapter 13, transfer learning: right, half written, and typically wrong."""

from __future__ import annotations

import copy

import torch
from peers import undrawn
from torch import nn

from mobilenet_lib import MobileNetV2, measure


def split(network):
    head = list(network.classifier.parameters())
    mine = {id(weight) for weight in head}
    return head, [weight for weight in network.parameters() if id(weight) not in mine]


def groups(network, head_lr, trunk_lr):
    head, trunk = split(network)
    return [{"params": head, "lr": head_lr}, {"params": trunk, "lr": trunk_lr}]


def groups_of_parts(network, head_lr, trunk_lr):
    trunk = [{"params": part.parameters(), "lr": trunk_lr} for part in (network.stem, network.blocks, network.head)]
    return (*trunk, {"params": (weight for weight in network.classifier.parameters()), "lr": head_lr})


def freeze(network):
    network.requires_grad_(False).eval()
    network.classifier.requires_grad_(True)
    return network


def freeze_part_by_part(network):
    for part in (network.stem, network.blocks, network.head):
        part.eval()
        for weight in part.parameters():
            weight.requires_grad = False
    return network


def without_gradients(network):
    network.requires_grad_(False)
    network.classifier.requires_grad_(True)
    return network


def only_eval(network):
    return network.eval()


def all_frozen(network):
    return network.requires_grad_(False).eval()


def with_new_classifier(network):
    freeze(network)
    network.classifier = nn.Linear(1280, 5)
    return network


def named_groups(network, head_lr, trunk_lr):
    """Return groups as an optimiser takes them since PyTorch 2.6: parameters with their names."""
    trunk = [pair for pair in network.named_parameters() if not pair[0].startswith("classifier.")]
    found = [
        {"params": list(network.classifier.named_parameters("classifier")), "lr": head_lr},
        {"params": trunk, "lr": trunk_lr},
    ]
    torch.optim.SGD(found)
    return found


def changed(before, after):
    old = before.state_dict()
    return [name for name, tensor in after.state_dict().items() if (tensor != old[name]).any()]


def changed_parameters(before, after):
    old = dict(before.named_parameters())
    return [name for name, weight in after.named_parameters() if not torch.equal(weight, old[name])]


def unchanged(before, after):
    return set(after.state_dict()) - set(changed(before, after))


def head_percent(classes):
    network = MobileNetV2(num_classes=classes)
    return 100 * measure.params(network.classifier) / measure.params(network)


with undrawn():
    HEADS = head_percent(11), head_percent(1000)


RIGHT = [
    ("check_groups", (groups,)),
    ("check_groups", (groups_of_parts,)),
    ("check_groups", (named_groups,)),
    ("check_freeze", (freeze,)),
    ("check_freeze", (freeze_part_by_part,)),
    ("check_script", ([3, 5, 6],)),
    ("check_script", ((6, 3.0, torch.tensor(5)),)),
    ("check_changed", (changed,)),
    ("check_changed", (lambda before, after: set(changed(before, after)),)),
    ("check_changed", (lambda before, after: dict.fromkeys(changed(before, after), True),)),
    ("check_two_heads", HEADS),
    ("check_two_heads", (0.63, 36.5)),
    ("check_two_heads", (0.63, 37)),
]
HALF_WRITTEN = [
    ("check_groups", (lambda network, head_lr, trunk_lr: None,), "put your answer in place"),
    ("check_groups", (lambda network, head_lr, trunk_lr: [...],), "put your answer in place"),
    ("check_freeze", (lambda network: ...,), "put your answer in place"),
    ("check_script", ([3, ...],), "put your answer in place"),
    ("check_changed", (lambda before, after: None,), "put your answer in place"),
]
WRONG = {
    "check_groups": [
        ((lambda n, a, b: [{"params": n.parameters(), "lr": a}],), "There is one group"),
        ((lambda n, a, b: groups(n, b, a),), "swapped"),
        (
            (lambda n, a, b: [{"params": n.classifier.parameters(), "lr": a}, {"params": n.parameters(), "lr": b}],),
            "in the groups twice",
        ),
        ((lambda n, a, b: groups(n, 0.1, 0.001),), "neither of those"),
        (
            (lambda n, a, b: [{"params": n.classifier.weight, "lr": a}, {"params": split(n)[1], "lr": b}],),
            "Vectors are parameters",
        ),
        (
            (lambda n, a, b: [{"params": split(n)[0], "lr": a}, {"params": n.blocks.parameters(), "lr": b}],),
            "is in no group",
        ),
        (
            (
                lambda n, a, b: [
                    {"params": [*n.head.parameters(), *n.classifier.parameters()], "lr": a},
                    {"params": [*n.stem.parameters(), *n.blocks.parameters()], "lr": b},
                ],
            ),
            "network.head is a convolution",
        ),
        (
            (
                lambda n, a, b: [
                    {"params": [*n.stem.parameters(), *n.classifier.parameters()], "lr": a},
                    {"params": [*n.head.parameters(), *n.blocks.parameters()], "lr": b},
                ],
            ),
            "is in the wrong group",
        ),
        ((lambda n, a, b: {"params": n.parameters(), "lr": a},), "a single mapping"),
        ((lambda n, a, b: [split(n)[0], split(n)[1]],), 'with "params" and "lr"'),
        ((lambda n, a, b: [{"params": split(n)[0], "rate": a}],), "one has ['params', 'rate']"),
        ((lambda n, a, b: [{"params": n.classifier, "lr": a}, {"params": n.blocks, "lr": b}],), "yours is a Linear"),
        ((lambda n, a, b: [{"params": list(n.state_dict()), "lr": a}],), "yours is a str"),
        ((lambda n, a, b: groups(copy.deepcopy(n), a, b),), "no parameter of the network"),
        ((lambda n, a, b: a,), "A list of groups is expected"),
    ],
    "check_freeze": [
        ((lambda network: network,), "something still learns: stem.0.weight"),
        ((only_eval,), "something still learns"),
        ((without_gradients,), "It needs no gradient to move"),
        ((all_frozen,), "The classifier is frozen, too"),
        ((with_new_classifier,), "Freezing should change no number"),
        ((lambda network: freeze(copy.deepcopy(network)),), "another network"),
        ((lambda network: list(network.parameters()),), "Return the network"),
        ((lambda network: [freeze(network)].clear(),), "Your function returns nothing for a small MobileNetV2."),
    ],
    "check_script": [
        (([2],), "Line 2 is fine"),
        (([1, 3],), "Line 1 is fine"),
        (([3, 5, 6, 8],), "Line 8 is fine"),
        (([4],), "Line 4 is fine"),
        (([7],), "Line 7 is fine"),
        (([5, 6],), "which of the parameters can learn"),
        (([3, 6],), "the features that it will be tested on"),
        (([3, 5],), "both kinds of pictures"),
        (([],), "The list is empty"),
        (([9],), "There is no line 9"),
        ((3,), "as a list"),
    ],
    "check_changed": [
        ((lambda before, after: list(after.state_dict()),), "that are the same in both"),
        ((changed_parameters,), "Does it look at all that is stored"),
        ((unchanged,), "those of the tensors that are the same"),
        ((lambda before, after: [name.rpartition(".")[0] for name in changed(before, after)],), "is no tensor"),
        ((lambda before, after: changed(before, after)[:1],), "differs, too"),
        ((lambda before, after: changed(before, after) or ["stem.0.weight"],), "Two equal networks differ nowhere"),
        ((lambda before, after: True,), "A list of names is expected"),
        ((lambda before, after: [1, 2],), "it holds a int"),
    ],
    "check_two_heads": [
        (HEADS[::-1], "swapped"),
        ((0.0063, HEADS[1]), "New head: give percent"),
        ((0.402, HEADS[1]), "the old one is gone"),
        ((1.1, HEADS[1]), "share of the classes"),
        ((99.4, HEADS[1]), "what is frozen"),
        ((0.6, HEADS[1]), "two digits"),
        ((18.9, HEADS[1]), "is frozen"),
        ((HEADS[0], 36), "Is it rounded?"),
        ((HEADS[0], 0.365), "Old head: give percent"),
        ((HEADS[0], 57.6), "compares the head with the trunk"),
        ((HEADS[0], 63.5), "the trunk's share"),
        ((HEADS[0], 48.2), "a part of the trunk"),
        ((HEADS[0], 5), "a linear layer from 1280 features"),
    ],
}
# No hint prints these numbers.
NUMBERS = {
    "check_two_heads": (0.63, 36.5, 37),
}
# Words and pieces of code that would be the solution.
GIVEN_AWAY = {
    "check_groups": ["named_parameters", "startswith", "classifier.parameters"],
    "check_freeze": ["eval", "requires_grad"],
    "check_script": ["eval()", "requires_grad", "normalis"],
    "check_changed": ["state_dict", "running_mean", "buffer"],
}
