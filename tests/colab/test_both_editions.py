"""What tells that a cell would do the same in two editions."""

from __future__ import annotations

import pytest
import torch
from both_editions import Both, made_of
from torch import nn


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2))


@pytest.mark.parametrize(
    "make",
    [network, lambda: {"a": [1, (2.5, None)], "b": {"x"}}, lambda: torch.arange(6.0).reshape(2, 3).T, lambda: torch],
    ids=["network", "dictionary", "view", "module"],
)
def test_what_is_made_alike_is_the_same(make):
    assert made_of(make()) == made_of(make())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (network(0), network(1)),
        (network().eval(), network().train()),
        ({"a": [torch.zeros(2)]}, {"a": [torch.zeros(2), 0]}),
        (torch.zeros(2), torch.zeros(2, dtype=torch.float64)),
        (torch.zeros(2, 1), torch.zeros(1, 2)),
        (torch.zeros(2), torch.zeros(2, requires_grad=True)),
        (lambda: 1, lambda: 1),
        (iter([1, 2]), iter([2])),
        (1, True),
    ],
    ids=["weights", "mode", "list", "type", "shape", "gradient", "functions", "iterators", "bool"],
)
def test_what_is_not_the_same_differs(one, other):
    assert made_of(one) != made_of(other)


def both_after(both: Both, bare: str, filled: str, differ: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    both.bare(differ)
    exec(bare, both.names)
    both.filled()
    exec(filled, both.names)
    return both.compare()


def test_each_edition_goes_on_with_what_its_names_hold():
    both = Both({"x": 1, "_": 0}, hidden=["__builtins__"])
    assert both_after(both, "y = x\nz = ...", "y = x\nz = 2") == (["z"], [])
    both.names["a"] = 5  # by a cell that runs once
    assert both_after(both, "seen = z, a", "seen = z, a", ("z",)) == (["seen", "z"], [])
    assert (both.names["seen"], both.other["seen"]) == ((2, 5), (..., 5))
    both.names["z"] = 7  # and another
    assert both_after(both, "del y", "seen = z", ("seen",)) == (["seen", "y"], [])


def test_both_editions_draw_the_same_numbers():
    both = Both({"torch": torch}, hidden=["__builtins__"])
    assert both_after(both, "x = torch.rand(3)", "x = torch.rand(3)") == ([], [])
    assert both_after(both, "x = torch.rand(3)", "torch.rand(1); x = torch.rand(3)") == (["x"], [])


def test_what_an_answer_changes_in_place_is_told():
    net = network()
    both = Both({"net": net, "kept": [net], "other": network()}, hidden=["__builtins__"])
    assert both_after(both, "...", "net[1].weight.data += 1") == (["kept", "net"], ["kept", "net"])


def test_an_answer_leaves_pytorch_as_the_blank_does():
    both = Both({"torch": torch}, hidden=["__builtins__"])
    with torch.enable_grad(), pytest.raises(AssertionError, match="leaves PyTorch with"):
        both_after(both, "...", "torch.set_grad_enabled(False)")
