"""The kernel scope: what it lights up is what torch reads, and its settings always go together."""

from __future__ import annotations

import itertools
import random
import re

import pytest
import torch
import traitlets
from drawn import words
from node import esm, javascript
from torch import nn

from mobilenet_lib import cost, measure
from mobilenet_lib.explorables.kernel_scope import MODES, SIZE, KernelScope, is_possible, mode_of, settle

CHANNELS = range(1, 9)


def at(state: dict, channel: int, row: int, column: int) -> dict:
    last = -(-SIZE // state["stride"]) - 1
    place = {"channel": min(channel, state["out_channels"] - 1), "row": min(row, last), "column": min(column, last)}
    return {**state, **place}


def layers() -> list[dict]:
    """Every layer the sliders can reach, position aside."""
    found = []
    for m, n, g, k, s, d in itertools.product(CHANNELS, CHANNELS, CHANNELS, (1, 3, 5), (1, 2), (1, 2, 3)):
        if m % g == 0 and n % g == 0:
            state = {"in_channels": m, "out_channels": n, "kernel_size": k, "stride": s, "dilation": d, "groups": g}
            found.append({"mode": mode_of(state), **state})
    return found


@pytest.fixture(scope="module")
def computed() -> list[tuple[dict, dict]]:
    """Return every layer, at a random position, with what the JavaScript computes for it."""
    rng = random.Random(4)
    states = [at(state, rng.randrange(8), rng.randrange(SIZE), rng.randrange(SIZE)) for state in layers()]
    return list(zip(states, javascript(esm(KernelScope), "scopeOf", [[state] for state in states]), strict=True))


def convolution(state: dict) -> nn.Conv2d:
    """Return the layer as its line of code builds it."""
    padding = state["dilation"] * (state["kernel_size"] - 1) // 2
    names = "in_channels", "out_channels", "kernel_size", "stride", "dilation", "groups"
    return nn.Conv2d(**{name: state[name] for name in names}, padding=padding, bias=False)


# --- counts


def test_javascript_equals_the_closed_form_for_every_layer(computed):
    assert len(computed) > 1500
    assert {state["mode"] for state, _ in computed} == set(MODES)
    for state, scope in computed:
        out = -(-SIZE // state["stride"])
        sizes = {"kernel_size": state["kernel_size"], "out_size": out, "groups": state["groups"]}
        closed = cost.conv(state["in_channels"], state["out_channels"], **sizes)
        assert (scope["layer"]["params"], scope["layer"]["macs"]) == (closed.params, closed.macs), state
        standard = cost.conv(state["in_channels"], state["out_channels"], scope["standardKernel"], out)
        assert (scope["standard"]["params"], scope["standard"]["macs"]) == (standard.params, standard.macs), state
        assert scope["perValue"] * scope["values"] == closed.macs, state
        assert standard.macs % closed.macs == 0  # so that "1/8 of" is exact


def test_javascript_equals_fvcore_on_real_layers(computed):
    for state, scope in random.Random(5).sample(computed, 60):
        conv = convolution(state)
        counted = measure.cost(conv, (1, state["in_channels"], SIZE, SIZE))
        assert (counted.params, counted.macs) == (scope["layer"]["params"], scope["layer"]["macs"]), state


def test_what_lights_up_is_what_torch_reads(computed):
    """The gradient of one output value is nonzero exactly at the pixels and the weights it is made of."""
    for state, scope in random.Random(6).sample(computed, 120):
        conv = convolution(state)
        nn.init.ones_(conv.weight)
        image = torch.ones(1, state["in_channels"], SIZE, SIZE, requires_grad=True)
        output = conv(image)
        assert output.shape[1:] == (state["out_channels"], scope["out"], scope["out"])
        output[0, state["channel"], state["row"], state["column"]].backward()
        read = {tuple(place) for place in image.grad[0].nonzero().tolist()}
        channels = range(scope["first"], scope["first"] + scope["depth"])
        inside = [(tap["y"], tap["x"]) for tap in scope["taps"] if not tap["padding"]]
        assert read == {(c, *tap) for c in channels for tap in inside}, state
        assert len(scope["taps"]) == state["kernel_size"] ** 2
        assert scope["paddingTaps"] == len(scope["taps"]) - len(inside)
        used = conv.weight.grad.flatten(1).abs().sum(dim=1).nonzero().flatten().tolist()
        assert used == [state["channel"]]


def test_the_standard_convolution_beside_it_is_pythons(computed):
    for state, scope in computed[::37]:
        standard = KernelScope(**state).standard_layer()
        assert (standard.weights, standard.macs) == (scope["standard"]["params"], scope["standard"]["macs"])


def test_stepping_visits_every_output_value_once():
    for out, channels in ((7, 8), (4, 3)):
        places = javascript(esm(KernelScope), "valueAt", [[i, out] for i in range(out * out * channels)])
        visited = [(place["channel"], place["row"], place["column"]) for place in places]
        assert visited == list(itertools.product(range(channels), range(out), range(out)))


def test_the_words_are_true_for_every_layer(computed):
    sentences = javascript(esm(KernelScope), "scopeSentence", [[scope] for _, scope in computed])
    for (state, scope), sentence in zip(computed, sentences, strict=True):
        m, depth = state["in_channels"], state["in_channels"] // state["groups"]
        reads = "the one input channel:" if m == 1 else f"all {m} " if depth == m else f"{depth} of the {m} "
        assert reads in sentence, (state, sentence)
        number = int(re.search(r"([\d]+) multiplication", sentence).group(1))
        assert number == state["kernel_size"] ** 2 * depth, (state, sentence)
        share = re.search(r"MACs?, 1/(\d+) of", sentence)
        assert (int(share.group(1)) if share else 1) * scope["layer"]["macs"] == scope["standard"]["macs"]
        assert ("several filters" in sentence) == (1 < state["groups"] == m < state["out_channels"])


def test_what_there_is_one_of_is_named_as_one():
    for mode, channels, kernel in (("standard", 1, 3), ("depthwise", 4, 1), ("pointwise", 1, 1)):
        said = words(KernelScope(mode=mode, in_channels=channels, out_channels=channels, kernel_size=kernel))
        assert not re.search(r"\b1 (row|column|weight|channel|place|slice)s\b", said), (mode, said)


def test_the_line_of_code_builds_the_layer(computed):
    lines = javascript(esm(KernelScope), "conv2dLine", [[scope] for _, scope in computed[::29]])
    for (state, _), line in zip(computed[::29], lines, strict=True):
        assert repr(eval(line, {"nn": nn})) == repr(convolution(state)), (state, line)


# --- what goes together


def states(count: int, seed: int) -> list[dict]:
    rng = random.Random(seed)
    single = {"mode": "depthwise", "in_channels": 1, "out_channels": 1, "groups": 1}
    every = layers()
    every += [{**state, **single} for state in every[:18]]
    chosen = (rng.choice(every) for _ in range(count))
    return [at(state, rng.randrange(8), rng.randrange(SIZE), rng.randrange(SIZE)) for state in chosen]


def moves() -> list[tuple[dict, dict]]:
    """Return (wish, was): a possible state with one to three settings moved anywhere on their sliders."""
    rng = random.Random(7)
    ranges = {
        "mode": MODES,
        **dict.fromkeys(("in_channels", "out_channels", "groups"), CHANNELS),
        "kernel_size": (1, 3, 5),
        "stride": (1, 2),
        "channel": range(8),
    }
    wishes = []
    for was in states(6000, seed=8):
        names = rng.sample(list(ranges), rng.choice([1, 1, 1, 2, 3]))
        wishes.append(({**was, **{name: rng.choice(ranges[name]) for name in names}}, was))
    return wishes


def test_python_and_javascript_settle_alike_and_on_a_possible_state():
    wishes = moves()
    for (wish, was), settled in zip(wishes, javascript(esm(KernelScope), "settle", wishes), strict=True):
        assert settled == settle(wish, was), (wish, was)
        assert is_possible(settled), (wish, was, settled)
        assert settle(settled, was) == settled, (wish, was)
        last = -(-SIZE // settled["stride"]) - 1
        assert settled["channel"] < settled["out_channels"] and max(settled["row"], settled["column"]) <= last


def test_a_chosen_mode_is_the_mode_one_gets():
    for was in states(500, seed=9):
        for mode in MODES:
            assert settle({**was, "mode": mode}, was)["mode"] == mode, (was, mode)


def test_from_any_state_to_any_other_in_one_go():
    """Reset, the address and Python set several settings together: what is possible is taken as it is."""
    for was, wish in itertools.pairwise(states(2000, seed=10)):
        assert settle(wish, was) == wish


def test_the_groups_slider_walks_through_the_common_divisors():
    state = KernelScope().state()
    seen = []
    for _ in range(3):
        state = settle({**state, "groups": state["groups"] + 1}, state)
        seen.append((state["groups"], state["mode"], state["in_channels"], state["out_channels"]))
    assert seen == [(2, "grouped", 8, 8), (4, "grouped", 8, 8), (8, "depthwise", 8, 8)]
    back = settle({**state, "groups": 7}, state)
    assert (back["groups"], back["mode"]) == (4, "grouped")


# --- the Python side


def test_settings_changed_in_python_take_the_others_along():
    scope = KernelScope()
    scope.mode = "depthwise"
    scope.in_channels = 6
    assert (scope.out_channels, scope.groups, scope.mode) == (6, 6, "depthwise")
    scope.groups = 4
    assert (scope.groups, scope.mode) == (3, "grouped")
    scope.kernel_size, scope.mode = 5, "pointwise"
    assert (scope.kernel_size, scope.groups) == (1, 1)
    scope.stride, scope.row = 2, 6
    assert scope.row == 3
    assert scope.measured == {"key": scope.key(), "macs": cost.total(scope.layers()).macs}


def test_a_change_in_the_page_arrives_in_one_piece():
    scope = KernelScope()
    scope.set_state({"mode": "depthwise", "groups": 4, "in_channels": 4, "out_channels": 4, "channel": 3})
    assert (scope.mode, scope.groups, scope.in_channels, scope.channel) == ("depthwise", 4, 4, 3)
    assert scope.measured == {"key": '["depthwise",4,4,3,1,1,4]', "macs": 4 * 9 * 49}


def test_another_output_value_is_no_reason_to_count_again(monkeypatch):
    scope = KernelScope()
    monkeypatch.setattr(KernelScope, "measure_state", lambda self: pytest.fail("counted again"))
    scope.row, scope.column, scope.channel = 0, 6, 7
    assert scope.measured["key"] == scope.key()


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_counts_live(mode):
    scope = KernelScope(mode=mode)
    assert is_possible(scope.state())
    assert scope.measured == {"key": scope.key(), "macs": cost.total(scope.layers()).macs}


def test_the_mode_follows_from_the_numbers_when_it_is_left_out():
    assert KernelScope(groups=2).mode == "grouped"
    assert KernelScope(groups=8).mode == "depthwise"
    assert KernelScope(kernel_size=1).mode == "pointwise"


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"groups": 3}, ValueError, "groups must divide in_channels and out_channels, got groups=3 for 8 and 8"),
        ({"mode": "depthwise", "out_channels": 4}, ValueError, "out_channels must be 8, got 4: a depthwise"),
        ({"mode": "depthwise", "groups": 2}, ValueError, "groups must be 8, got 2: a depthwise"),
        ({"mode": "pointwise", "kernel_size": 3}, ValueError, "kernel_size must be 1, got 3: a pointwise"),
        ({"mode": "standard", "groups": 2}, ValueError, "with these numbers the convolution is grouped"),
        ({"stride": 2, "row": 5}, ValueError, "row must be at most 3 in this output, got 5"),
        ({"out_channels": 2, "channel": 2}, ValueError, "channel must be at most 1"),
        ({"mode": "separable"}, traitlets.TraitError, "mode must be one of standard, grouped, depthwise, pointwise"),
        ({"in_channels": 9}, traitlets.TraitError, "in_channels must be from 1 to 8 in steps of 1, got 9"),
        ({"kernel_size": 4}, traitlets.TraitError, "kernel_size must be one of 1, 3, 5, got 4"),
        ({"dilation": True}, traitlets.TraitError, "dilation must be one of 1, 2, 3, got True"),
        ({"group": 2}, TypeError, "KernelScope has no setting 'group'"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_remedy(values, error, message):
    with pytest.raises(error, match=message):
        KernelScope(**values)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"mode": "depthwise", "row": 0, "column": 6},
        {"groups": 2, "kernel_size": 5, "dilation": 3, "stride": 2},
        {"mode": "pointwise", "in_channels": 3, "out_channels": 5},
        {"in_channels": 1, "out_channels": 1, "kernel_size": 1},
    ],
)
def test_the_static_form_carries_the_numbers_of_its_state(values):
    scope = KernelScope(**values)
    text = words(scope)
    layer, standard = scope.layers()[0], scope.standard_layer()
    assert f"= {layer.weights:,}" in text and f"= {layer.macs:,}" in text and f"= {standard.macs:,}" in text
    depth = scope.in_channels // scope.groups
    assert f"{scope.kernel_size}×{scope.kernel_size}×{depth}" in text
    assert f"{depth} of {scope.in_channels}" in text or f"{scope.in_channels} of {scope.in_channels} channels" in text
