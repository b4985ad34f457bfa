"""Surgery: each change is what its name says and nothing else; a pruned network is one without the channels."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from peers import lived_in
from torch import nn
from torch.nn import functional

from mobilenet_lib import InvertedResidual, MobileNetV1, MobileNetV2, shipping
from mobilenet_lib.topics import surgery
from mobilenet_lib.topics.surgery import Change


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return lived_in(MobileNetV2(10, width_mult=0.35), torch.randn(16, 3, 64, 64))


@pytest.fixture
def x():
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def through(network, x, block):
    """Run a network by hand up to a block; return what goes in."""
    x = network.stem(x)
    for part in network.blocks[:block]:
        x = part(x)
    return x


def test_a_relu6_with_two_names_is_replaced_under_both():
    network = nn.Module()
    network.first = network.second = nn.ReLU6()
    assert [type(part) for part in surgery.with_relu(network)._modules.values()] == [nn.ReLU, nn.ReLU]


def test_blocks_may_be_counted_in_numpys_integers(network):
    assert surgery.residual_blocks(surgery.without_shortcut(network, *np.array([4, 5]))) == [2, 7, 8, 9, 11, 12, 14, 15]


@torch.no_grad()
def test_relu6_clips_what_the_projection_gives(network, x):
    changed = surgery.with_relu6(network, 3, 5)
    given = through(network, x, 3)
    assert network.blocks[3](given).min() < 0
    assert torch.equal(changed.blocks[3](given), functional.relu6(network.blocks[3](given)))
    given = through(network, x, 5)
    inside = functional.relu6(network.blocks[5](given) - given)
    assert torch.allclose(changed.blocks[5](given), given + inside, atol=1e-5)


@torch.no_grad()
def test_without_its_shortcut_a_block_is_its_branch_and_without_its_branch_nothing(network, x):
    given = through(network, x, 4)
    whole = network.blocks[4](given)
    branch = surgery.without_shortcut(network, 4).blocks[4](given)
    assert torch.allclose(branch + given, whole, atol=1e-5)
    assert torch.equal(surgery.without_branch(network, 4).blocks[4](given), given)


@torch.no_grad()
def test_without_activations_a_block_is_affine(network):
    block = surgery.without_activations(network, 0, 4).blocks
    for i, channels in ((0, 16), (4, 16)):
        a, b = torch.randn(2, 1, channels, 8, 8)
        at = block[i]
        bent = lambda part, a=a, b=b: (part(a + b) - part(a) - part(b) + part(torch.zeros_like(a))).abs().max()  # noqa: E731
        assert bent(at) < 1e-4
        assert bent(network.blocks[i]) > 1e-2


@torch.no_grad()
def test_relu_everywhere_is_a_network_built_with_relu(network, x):
    changed = surgery.with_relu(network)
    assert not any(isinstance(part, nn.ReLU6) for part in changed.modules())
    assert sum(isinstance(part, nn.ReLU) for part in changed.modules()) == 2 * 17 + 1
    by_hooks = copy.deepcopy(network)
    for part in by_hooks.modules():
        if isinstance(part, nn.ReLU6):
            part.inplace = False
            part.register_forward_hook(lambda part, given, output: given[0].relu())
    assert torch.equal(changed(x), by_hooks(x))


@pytest.mark.parametrize(
    "change", surgery.changes(MobileNetV2(10, width_mult=0.35))[::7], ids=lambda change: change.key
)
@torch.no_grad()
def test_a_change_changes_the_copy_alone(network, x, change):
    before, state = network(x), copy.deepcopy(network.state_dict())
    other = surgery.changed(network, change, x)
    assert not torch.equal(other(x), before)
    assert torch.equal(network(x), before)
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


@torch.no_grad()
def test_folded_or_not_a_change_is_the_same(network, x):
    folded = shipping.fold(network)
    for change in surgery.changes(network)[::9]:
        if change.kind != "random":
            a, b = surgery.changed(network, change, x)(x), surgery.changed(folded, change, x)(x)
            assert torch.allclose(a, b, atol=1e-3 * a.abs().max()), change.key


# Pruning


@torch.no_grad()
def test_a_pruned_block_is_one_without_the_channels(network):
    values = surgery.by_weights(network)
    block = surgery.pruned(network, 0.25, {4: values[4]}).blocks[4]
    kept = values[4].argsort()[round(0.25 * len(values[4])) :].sort().values
    small = InvertedResidual(16, len(kept), 16).eval()
    for name, tensor in small.state_dict().items():
        whole = network.blocks[4].state_dict()[name]
        if name == "conv2.0.weight":
            tensor.copy_(whole[:, kept])
        else:
            tensor.copy_(whole[kept] if whole.dim() and len(whole) == len(values[4]) else whole)
    x = torch.randn(2, 16, 9, 9)
    assert torch.allclose(block(x), small(x), atol=1e-5)


@torch.no_grad()
def test_a_contribution_is_what_the_block_loses_without_the_channel(network, x):
    found = surgery.by_weights_and_activations(network, x)[4]
    given = through(network, x, 4)
    whole = network.blocks[4](given)
    for channel in (0, 17, 40):
        alone = torch.ones(len(found))
        alone[channel] = 0
        lacking = surgery.pruned(network, 1 / len(found), {4: alone}).blocks[4](given)
        assert (lacking - whole).square().sum(1).mean().item() == pytest.approx(found[channel].item() ** 2, rel=1e-3)


def test_each_way_of_choosing_scores_each_expanded_channel(network, x):
    expanded = {i: block.conv1[0].out_channels for i, block in enumerate(network.blocks) if hasattr(block, "conv1")}
    assert len(expanded) == 16
    ways = (surgery.by_weights(network), surgery.by_weights_and_activations(network, x), surgery.at_random(network))
    for way in ways:
        assert {i: len(values) for i, values in way.items()} == expanded
    assert not torch.equal(surgery.at_random(network, 1)[1], surgery.at_random(network, 2)[1])


def test_pruning_nothing_changes_nothing_and_pruning_all_leaves_the_biases(network, x):
    with torch.no_grad():
        assert torch.equal(surgery.pruned(network, 0, surgery.at_random(network))(x), network(x))
        bare = surgery.pruned(network, 1, surgery.at_random(network)).blocks[3]
        assert bare(torch.randn(1, 8, 8, 8)).std((2, 3)).max() < 1e-6


# The list


def test_the_list_has_each_block_each_row_all_and_each_pair_of_branches():
    found = surgery.changes(MobileNetV2())
    assert len({change.key for change in found}) == len(found)
    residual = [2, 4, 5, 7, 8, 9, 11, 12, 14, 15]
    assert surgery.residual_blocks(MobileNetV2()) == residual
    for kind, can in (("relu6", range(17)), ("shortcut", residual), ("branch", residual), ("activations", range(17))):
        blocks = [change.blocks for change in found if change.kind == kind]
        assert {(block,) for block in can} <= set(blocks)
        assert tuple(can) in blocks
        assert ((7, 8, 9) if len(can) == 10 else (6, 7, 8, 9)) in blocks  # the row with 64 channels
    rows = {(1, 2), (3, 4, 5), (6, 7, 8, 9), (10, 11, 12), (13, 14, 15)}
    assert {change.blocks for change in found if change.kind == "relu6"} >= rows
    assert sum(change.kind == "branch" and len(change.blocks) == 2 for change in found) == 45


BAD = [
    (lambda n: surgery.with_relu6(n, 17), ValueError, "blocks must be from 0 to 16, got 17"),
    (lambda n: surgery.with_relu6(n, True), TypeError, "blocks must be integers, got True"),
    (lambda n: surgery.without_activations(n, [1, 2]), TypeError, r"got \[1, 2\]; for all of a list write \*list"),
    (lambda n: surgery.without_shortcut(n, 3), ValueError, "blocks must have a shortcut, got 3; those that do are 2"),
    (lambda n: surgery.without_branch(n, 0), ValueError, "blocks must have a shortcut, got 0"),
    (lambda n: surgery.without_branch(MobileNetV1(10, 0.25), 0), TypeError, "must be a MobileNetV2 .*got MobileNetV1"),
    (lambda n: surgery.pruned(n, 5, surgery.at_random(n)), ValueError, "share must be a number from 0 to 1, got 5"),
    (lambda n: surgery.pruned(n, 0.5, {1: torch.ones(9)}), ValueError, r"channel_scores\[1\] must be 48, .* got 9; "),
    (lambda n: surgery.pruned(n, 0.5, {1: [1.0]}), TypeError, r"channel_scores\[1\] must be a torch.Tensor"),
    (lambda n: surgery.changed(n, Change("noise"), torch.zeros(1)), ValueError, "change must be of the kind .*'noise'"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_arguments_are_refused_by_name_and_value(network, call, error, message):
    with pytest.raises(error, match=message):
        call(network)
