"""Weights in few bits: the JavaScript rounds as the library does, and what is stored is the trained network's."""

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

from mobilenet_lib import few_bits, pretrained, shipping, trained
from mobilenet_lib.explorables import export
from mobilenet_lib.explorables.rounded_weights import BITS, CORRECTION, FILE, FINE, LAYERS, WAYS, RoundedWeights


def percent(share: float) -> str:
    return f"{100 * share:.{1 if share < 0.0995 else 0}f}\N{NO-BREAK SPACE}%"


STATES = [
    {"bits": bits, "way": way, "correction": correction, "layer": layer}
    for bits, way, correction, layer in itertools.product(BITS, WAYS, CORRECTION, LAYERS)
]


@pytest.fixture(scope="module")
def networks() -> dict[str, torch.nn.Module]:
    folded = shipping.fold(pretrained.from_torchvision(weights="IMAGENET1K_V1"))
    return {"tensor": folded, "channel": folded, "equalized": few_bits.equalize(folded)}


@pytest.fixture(scope="module")
def computed() -> list[tuple[dict, dict]]:
    """Return every state with what the JavaScript computes for it."""
    layers = RoundedWeights().experiment["layers"]
    cases = [[state, layers[state["layer"]]] for state in STATES]
    return list(zip(STATES, javascript(esm(RoundedWeights), "roundedLayer", cases), strict=True))


def weight_of(networks: dict, state: dict) -> torch.Tensor:
    return networks[state["way"]].get_submodule(state["layer"])[0].weight.detach()


def test_the_weights_are_those_of_the_trained_network(networks):
    for layer, way in itertools.product(LAYERS, WAYS):
        right = weight_of(networks, {"layer": layer, "way": way}).flatten(1).double().numpy()
        found = RoundedWeights(layer=layer, way=way).weights()
        assert np.abs(found - right).max() <= 3e-5 * np.abs(right).max()


def test_the_file_holds_what_the_network_has():
    """If this fails: python -m mobilenet_lib.explorables.export"""
    stored, found = json.loads(FILE.read_text(encoding="utf8")), export.rounded_weights()
    assert list(stored) == list(found) == list(LAYERS)
    for layer in LAYERS:
        ours, theirs = stored[layer], found[layer]
        assert ours["axis"] == theirs["axis"]
        assert ours["largest"] == pytest.approx(theirs["largest"], rel=1e-4)
        assert ours["factors"] == pytest.approx(theirs["factors"], rel=1e-3)
        # Another processor or PyTorch rounds the last bit of a folded weight in its own way.
        steps = [np.frombuffer(base64.b64decode(each["weights"]), dtype="<i2").astype(int) for each in (ours, theirs)]
        assert np.abs(steps[0] - steps[1]).max() <= 1 + FINE // 10_000


def test_the_agreements_are_those_of_the_experiments():
    shown, found = RoundedWeights().experiment, trained.results()["bits"]["agreement"]
    for bits, way in itertools.product(BITS, WAYS):
        assert shown["agreement"][way]["off"][str(bits)] == found[f"{way} {bits}"]
        assert shown["agreement"][way]["on"][str(bits)] == found[f"{way}, corrected {bits}"]
    assert shown["unrounded"] == found["equalized, not rounded"][0]
    assert shown["pieces"] == trained.results()["about"]["pieces"]


def test_javascript_rounds_as_the_library_does(computed, networks):
    assert len(computed) == 180
    for state, found in computed:
        weight = weight_of(networks, state)
        rounded = shipping.quantize(weight, state["bits"], per_channel=state["way"] == "channel")
        assert found["integers"] == 2 ** state["bits"] - 1
        assert found["numbers"] == weight.numel()
        assert found["error"] == pytest.approx(((rounded - weight).norm() / weight.norm()).item(), rel=5e-3), state
        used = {each["channel"]: each["used"] for each in found["order"]}
        right = [row.unique().numel() for row in rounded.flatten(1)]
        # The page has 16 bits of each weight: one that lies halfway between two integers may go either way.
        off = [abs(used[channel] - number) for channel, number in enumerate(right)]
        assert max(off) <= 1 and sum(off) <= 0.02 * sum(right), state
        assert found["zero"] == (rounded.flatten(1) == 0).all(1).sum()
        largest = dict(enumerate(weight.flatten(1).abs().amax(1).tolist()))
        assert {each["channel"]: each["largest"] for each in found["order"]} == pytest.approx(largest, rel=1e-3)


def test_python_computes_what_the_page_shows(computed):
    for state, found in computed:
        shown = RoundedWeights(**state)
        assert shown.error() == pytest.approx(found["error"])
        assert shown.lost() == found["zero"]
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
        widest, quietest = found["order"][0], found["order"][-1]
        if state["way"] == "channel":
            assert f"the quietest uses {quietest['used']} of the {2 * top + 1}." in sentence
        else:
            assert (
                f"the widest uses {widest['used']} of the {2 * top + 1}, the quietest {quietest['used']}." in sentence
            )
        gone = re.search(r"(\d+) channels? becomes? zero altogether", sentence)
        assert int(gone[1] if gone else 0) == found["zero"]
        assert f"The layer is off by {percent(found['error'])}." in sentence
        assert ("biases corrected" in sentence) == (state["correction"] == "on")
        key = f"{state['way']}{', corrected' * (state['correction'] == 'on')} {state['bits']}"
        mean, low, high = trained.results()["bits"]["agreement"][key]
        assert f" {mean:.1f}\N{NO-BREAK SPACE}% of {experiment['pieces']} pieces" in sentence
        interval = f"interval goes from {low:.1f} to {high:.1f}."
        assert sentence.endswith(interval if low < high else "pieces of photographs.")


def test_what_the_chapter_tells_of_the_first_state_is_so(computed):
    first = RoundedWeights()
    assert (first.bits, first.way, first.correction, first.layer) == (6, "tensor", "off", "blocks.0.depthwise")
    found = {
        (state["layer"], state["way"]): each
        for state, each in computed
        if (6, "off") == (state["bits"], state["correction"])
    }
    assert len(found[first.layer, "tensor"]["order"]) == 32 and found[first.layer, "tensor"]["integers"] == 63
    gains = {
        layer: found[f"blocks.0.{layer}", "tensor"]["error"] / found[f"blocks.0.{layer}", "channel"]["error"]
        for layer in ("depthwise", "conv2")
    }
    # A projection has channels of about one width, so a scale of its own is worth less to each of them.
    assert gains["depthwise"] > 3 and gains["depthwise"] > 2 * gains["conv2"]


def test_the_line_of_python_gives_the_weight_that_is_shown(networks):
    states = [state for state in STATES if state["bits"] == 5 and state["correction"] == "off"]
    lines = javascript(esm(RoundedWeights), "codeOf", [[state] for state in states])
    folded = networks["tensor"]
    for state, code in zip(states, lines, strict=True):
        first, second = code.split("\n")
        names = {"folded": folded, "few_bits": few_bits, "shipping": shipping}
        exec(first, names)
        weight = names["weight"].detach()
        assert torch.equal(weight, weight_of(networks, state)), state
        right = shipping.quantize(weight, 5, per_channel=state["way"] == "channel")
        assert torch.equal(eval(second, names).detach(), right)


@pytest.mark.parametrize("state", [{}, {"bits": 8, "way": "channel"}, {"bits": 4, "way": "equalized", "layer": "stem"}])
def test_the_static_form_has_the_numbers(state, computed):
    shown = RoundedWeights(**state)
    text = words(shown)
    key = {name: getattr(shown, name) for name in ("bits", "way", "correction", "layer")}
    found = next(each for one, each in computed if one == key)
    assert f"off by {percent(found['error'])}" in text
    assert f" {shown.agreement()[0]:.1f}\N{NO-BREAK SPACE}% of " in text
    for each in (found["order"][0], found["order"][-1]):
        assert f"{each['used']}" in text


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("bits", 3, "bits must be from 4 to 8 in steps of 1, got 3"),
        ("bits", 9, "bits must be from 4 to 8 in steps of 1, got 9"),
        ("layer", "head", "layer must be one of blocks.0.depthwise, .*, stem, got 'head'"),
        ("way", "row", "way must be one of tensor, channel, equalized, got 'row'"),
        ("correction", True, "correction must be one of off, on, got True"),
    ],
)
def test_a_value_that_no_control_has_is_refused(setting, value, message):
    with pytest.raises(traitlets.TraitError, match=message):
        RoundedWeights(**{setting: value})


def test_shares_are_written_with_two_digits():
    shares = [0, 0.0004, 0.0123, 0.0994, 0.0996, 0.35, 0.872]
    assert javascript(esm(RoundedWeights), "percent", [[share] for share in shares]) == [*map(percent, shares)]


def test_what_the_page_carries_is_small():
    assert len(json.dumps(RoundedWeights().experiment)) < 30_000
