"""A key on a slider never does nothing: where the next value is impossible, it goes to the next possible one."""

from __future__ import annotations

from pathlib import Path

import pytest
import static_widgets
from node import esm, press

from mobilenet_lib import explorables, specs
from mobilenet_lib.explorables import kit
from mobilenet_lib.explorables.kernel_scope import KernelScope, settle

# The figures whose settings rule each other out, and those settings.
SETTLING = {
    "KernelScope": ["mode", "kernel_size", "groups", "in_channels", "out_channels"],
    "ReadTheString": ["network", "line"],
    "ReceptiveField": ["network", "output_stride", "lost", "layer"],
    "Rosetta": ["block", "part"],
    "UniversalBlock": ["start", "middle", "stride"],
    "WhatItSees": ["block", "channel"],
}

NETWORKS = explorables.ReadTheString().tables["networks"]


def pressed(name: str) -> dict:
    """Press every key in every state that can be reached; no key waits for fvcore."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kit, "COUNTED_UP_TO", 0)
        figure = getattr(explorables, name)()
    case = {"esm": esm(figure), "state": static_widgets.public(figure.get_state()), "along": SETTLING[name]}
    return press(case)


def test_all_figures_that_settle_their_state_are_known_here():
    scripts = Path(explorables.__file__).parent.glob("*.js")
    settling = {script.stem for script in scripts if script.stem != "kit" and "settle" in script.read_text("utf8")}
    assert settling == {static_widgets.kebab(name).replace("-", "_") for name in SETTLING}


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("KernelScope", 279),
        ("ReadTheString", sum(len(each["strings"]) for each in NETWORKS.values())),
        ("ReceptiveField", 2 * 3 * 2 * 14),
        ("Rosetta", 3),
        ("UniversalBlock", 4 * 4 * 2 - 1),  # all but stride 2 without a filter
        ("WhatItSees", sum(block.out_channels for block in specs.v2_blocks())),
    ],
)
def test_no_key_does_nothing_in_any_state_that_can_be_reached(name, states):
    found = pressed(name)
    assert found["dead"] == []
    assert found["states"] >= states
    assert found["pressed"] >= 4 * states or name == "Rosetta"  # which has no slider


def test_four_groups_of_four_and_eight_channels_give_way_to_an_arrow():
    was = {**KernelScope(groups=4, in_channels=4, out_channels=8).state()}
    left = settle({**was, "out_channels": 7}, was)
    assert (left["out_channels"], left["groups"], left["mode"]) == (4, 4, "depthwise")
    # No other number of groups divides 4 and 8 beyond 4: the channels follow.
    right = settle({**was, "groups": 5}, was)
    assert (right["groups"], right["in_channels"], right["out_channels"]) == (5, 5, 5)
