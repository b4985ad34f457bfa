"""Weights in few bits: the JavaScript rounds as the library does, and the stored accuracies are the network's."""

from __future__ import annotations

import base64
import itertools
import json
import re

import numpy as np
import pytest
import torch
import traitlets
from drawn import words
from node import esm, javascript

from mobilenet_lib import shipping, training
from mobilenet_lib.explorables import export
from mobilenet_lib.explorables.rounded_weights import BITS, BLOCKS, FILE, FINE, PARTS, SCALES, RoundedWeights


def percent(share: float) -> str:
    return f"{100 * share:.{1 if share < 0.0995 else 0}f}\N{NO-BREAK SPACE}%"


STATES = [
    {"bits": bits, "block": block, "scales": scales, "kind": kind}
    for bits, block, scales, kind in itertools.product(BITS, BLOCKS, SCALES, PARTS)
]


@pytest.fixture(scope="module")
def folded() -> torch.nn.Module:
    return shipping.fold(training.trained("inverted"))


@pytest.fixture(scope="module")
def computed() -> list[tuple[dict, dict]]:
    """Return every state with what the JavaScript computes for it."""
    layers = RoundedWeights().experiment["layers"]
    cases = [[state, layers[state["kind"]][str(state["block"])]] for state in STATES]
    return list(zip(STATES, javascript(esm(RoundedWeights), "roundedLayer", cases), strict=True))


def weight_of(network: torch.nn.Module, state: dict) -> torch.Tensor:
    return getattr(network.blocks[state["block"]], PARTS[state["kind"]])[0].weight.detach()


def test_the_weights_are_those_of_the_trained_network(folded):
    layers = RoundedWeights().experiment["layers"]
    for block, kind in itertools.product(BLOCKS, PARTS):
        right = weight_of(folded, {"block": block, "kind": kind}).flatten(1).double().numpy()
        stored = layers[kind][str(block)]
        shares = np.frombuffer(base64.b64decode(stored["weights"]), dtype="<i2").reshape(right.shape)
        assert stored["largest"] * shares / FINE == pytest.approx(right, abs=2e-5 * np.abs(right).max())


def test_the_file_holds_what_the_network_does():
    """If this fails: python -m mobilenet_lib.explorables.export"""
    stored, found = json.loads(FILE.read_text(encoding="utf8")), export.rounded_weights()
    for kind, block in itertools.product(PARTS, BLOCKS):
        ours, theirs = (each["layers"][kind][str(block)] for each in (stored, found))
        assert ours["largest"] == pytest.approx(theirs["largest"], rel=1e-5)
        # Another processor or PyTorch rounds the last bit of a folded weight in its own way.
        steps = [np.frombuffer(base64.b64decode(each["weights"]), dtype="<i2").astype(int) for each in (ours, theirs)]
        assert np.abs(steps[0] - steps[1]).max() <= 1
    assert stored["images"] == found["images"] == 1000
    assert stored["unrounded"] == pytest.approx(found["unrounded"], abs=0.1)
    for scales in SCALES:
        assert list(stored["accuracy"][scales]) == [str(bits) for bits in BITS]
        # Another processor adds in another order, and an image that was in doubt may fall on the other side.
        assert stored["accuracy"][scales] == pytest.approx(found["accuracy"][scales], abs=0.3)


def test_javascript_rounds_as_the_library_does(computed, folded):
    assert len(computed) == 112
    for state, found in computed:
        weight = weight_of(folded, state)
        rounded = shipping.quantize(weight, state["bits"], per_channel=state["scales"] == "channel")
        assert found["integers"] == 2 ** state["bits"] - 1
        assert found["numbers"] == weight.numel()
        assert found["error"] == pytest.approx(((rounded - weight).norm() / weight.norm()).item(), rel=2e-3), state
        used = {each["channel"]: each["used"] for each in found["order"]}
        right = [row.unique().numel() for row in rounded.flatten(1)]
        # The page has 16 bits of each weight: one that lies halfway between two integers may go either way.
        off = [abs(used[channel] - number) for channel, number in enumerate(right)]
        assert max(off) <= 1 and sum(off) <= 0.02 * sum(right), state
        largest = dict(enumerate(weight.flatten(1).abs().amax(1).tolist()))
        assert {each["channel"]: each["largest"] for each in found["order"]} == pytest.approx(largest, rel=1e-3)


def test_python_computes_what_the_page_shows(computed):
    for state, found in computed:
        shown = RoundedWeights(**state)
        assert shown.error() == pytest.approx(found["error"])
        for ours, theirs in zip(shown.channels(), found["order"], strict=True):
            assert (ours.channel, ours.used) == (theirs["channel"], theirs["used"]), state
            assert ours.largest == pytest.approx(theirs["largest"])


def test_the_words_are_true_in_every_state(computed):
    experiment = RoundedWeights().experiment
    cases = [[state, found, experiment] for state, found in computed]
    sentences = javascript(esm(RoundedWeights), "resultSentence", cases)
    for (state, found), sentence in zip(computed, sentences, strict=True):
        top = 2 ** (state["bits"] - 1) - 1
        assert sentence.startswith(f"{state['bits']} bits are {2 * top + 1} integers, from −{top} to {top}.")
        used = sorted(each["used"] for each in found["order"])
        assert f"the quietest uses {found['order'][-1]['used']} of them" in sentence
        if state["scales"] == "tensor":
            most = int(re.search(r"half of the channels at most (\d+)", sentence)[1])
            assert 2 * sum(number <= most for number in used) >= len(used) > 2 * sum(number < most for number in used)
        assert f"The layer is off by {percent(found['error'])}." in sentence
        reached = experiment["accuracy"][state["scales"]][str(state["bits"])]
        assert f" {reached:.1f}\N{NO-BREAK SPACE}% of 1,000 digits" in sentence
        less = experiment["unrounded"] - reached
        if found_words := re.search(r"(\d+\.\d) points fewer", sentence):
            assert float(found_words[1]) == pytest.approx(less, abs=0.051)
            assert less > 0.5
        else:
            assert "within half a point" in sentence and abs(less) <= 0.501


def test_what_the_chapter_tells_of_the_first_state_is_so(computed):
    first = RoundedWeights()
    assert (first.bits, first.block, first.scales, first.kind) == (4, 10, "tensor", "depthwise")
    found = {
        (state["kind"], state["scales"]): each for state, each in computed if (4, 10) == (state["bits"], state["block"])
    }
    assert len(found["depthwise", "tensor"]["order"]) == 96 and found["depthwise", "tensor"]["integers"] == 15
    gains = {kind: found[kind, "tensor"]["error"] / found[kind, "channel"]["error"] for kind in PARTS}
    assert gains["depthwise"] > 3
    # A projection has channels of about one width, so a scale of its own is worth less to each of them.
    assert gains["depthwise"] > 2 * gains["projection"]


@pytest.mark.parametrize("state", [{}, {"bits": 8, "scales": "channel"}, {"bits": 2, "block": 1, "kind": "projection"}])
def test_the_static_form_has_the_numbers(state, computed):
    shown = RoundedWeights(**state)
    text = words(shown)
    key = {name: getattr(shown, name) for name in ("bits", "block", "scales", "kind")}
    found = next(each for one, each in computed if one == key)
    assert f"off by {percent(found['error'])}" in text
    assert f" {shown.accuracy():.1f}\N{NO-BREAK SPACE}% of 1,000 digits" in text
    for each in (found["order"][0], found["order"][-1]):
        assert f"{each['used']}" in text


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("bits", 1, "bits must be from 2 to 8 in steps of 1, got 1"),
        ("bits", 9, "bits must be from 2 to 8 in steps of 1, got 9"),
        ("block", 2, "block must be one of 1, 4, 7, 10, got 2"),
        ("scales", "row", "scales must be one of tensor, channel, got 'row'"),
        ("kind", "stem", "kind must be one of depthwise, projection, got 'stem'"),
    ],
)
def test_a_value_that_no_control_has_is_refused(setting, value, message):
    with pytest.raises(traitlets.TraitError, match=message):
        RoundedWeights(**{setting: value})


def test_shares_are_written_with_two_digits():
    shares = [0, 0.0004, 0.0123, 0.0994, 0.0996, 0.35, 0.872]
    assert javascript(esm(RoundedWeights), "percent", [[share] for share in shares]) == [*map(percent, shares)]


def test_what_the_page_carries_is_small():
    assert len(json.dumps(RoundedWeights().experiment)) < 20_000
