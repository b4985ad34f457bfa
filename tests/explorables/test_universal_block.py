"""The universal block: its JavaScript equals the closed form, fvcore and timm's block, and its words are true."""

from __future__ import annotations

import inspect
import itertools
import random
import re

import pytest
import timm
import torch
import traitlets
from drawn import short, words
from node import esm, javascript
from timm.models import _efficientnet_blocks, _efficientnet_builder, mobilenetv3

from mobilenet_lib import cost, measure
from mobilenet_lib.explorables import kit
from mobilenet_lib.explorables.universal_block import KERNELS, NAMES, UniversalBlock
from mobilenet_lib.topics.families import grammar

SOURCE = esm(UniversalBlock)
METRICS = ("params", "macs", "activations")


def states() -> list[dict]:
    names = ("start", "middle", "stride", "expansion", "in_channels", "out_channels", "size", "guess")
    ends = [(96, 96), (16, 320), (320, 48)]
    grid = itertools.product(KERNELS, KERNELS, [1, 2], [1, 4, 7], ends, [7, 14, 28], ["none", "same"])
    found = [dict(zip(names, [a, k, s, e, *ends, size, guess], strict=True)) for a, k, s, e, ends, size, guess in grid]
    return [state for state in found if state["stride"] == 1 or state["start"] or state["middle"]]


STATES = states()


@pytest.fixture(scope="module")
def computed() -> list[tuple[dict, dict]]:
    """Return states with what the JavaScript computes for them."""
    return list(zip(STATES, javascript(SOURCE, "blockOf", [[state] for state in STATES]), strict=True))


@pytest.fixture
def uncounted(monkeypatch):
    """Leave fvcore out, where thousands of states are only built."""
    monkeypatch.setattr(kit, "COUNTED_UP_TO", 0)


def test_javascript_equals_the_closed_form_layer_by_layer(computed, uncounted):
    for state, block in computed[::2]:
        layers = UniversalBlock(**state).layers()
        assert len(layers) == len(block["present"]), state
        for layer, found in zip(layers, block["present"], strict=True):
            assert [found[metric] for metric in METRICS] == [getattr(layer, metric) for metric in METRICS], (
                state,
                layer,
            )
            assert (found["kernel"], found["stride"], found["groups"]) == (
                layer.kernel_size,
                layer.stride,
                layer.groups,
            )
            assert found["side"] == layer.out_size[0] and found["role"] == layer.role
        total = cost.total(layers)
        assert (block["params"], block["macs"]) == (total.params, total.macs), state


def test_javascript_equals_fvcore_on_timms_own_block(computed):
    small = [(state, block) for state, block in computed if block["macs"] < 40_000_000 and state["guess"] == "none"]
    for state, block in random.Random(4).sample(small, 25):
        arguments, repeats = _efficientnet_builder._decode_block_str(string_of(state))
        assert arguments.pop("block_type") == "uir" and repeats == 1
        del arguments["se_ratio"], arguments["act_layer"]
        real = _efficientnet_blocks.UniversalInvertedResidual(
            state["in_channels"], **arguments, layer_scale_init_value=None
        )
        counted = measure.cost(real, (1, state["in_channels"], state["size"], state["size"]))
        assert (counted.params, counted.macs) == (block["params"], block["macs"]), state
        assert real.has_skip == block["residual"], state


def string_of(state: dict) -> str:
    [string] = javascript(SOURCE, "stringOf", [[state]])
    return string


def test_the_string_says_what_the_block_is(uncounted):
    some = STATES[::5]
    for state, string in zip(some, javascript(SOURCE, "stringOf", [[state] for state in some]), strict=True):
        spec = grammar.parse(string)
        assert spec.kind == "uir" and UniversalBlock(**state).string() == string
        assert (spec.start_kernel, spec.kernel_size, spec.stride) == (state["start"], state["middle"], state["stride"])
        assert (spec.expansion, spec.channels, spec.repeats) == (state["expansion"], state["out_channels"], 1)


def test_beside_it_stands_mobilenet_v2s_block():
    some = STATES[::9]
    for state, block in zip(some, javascript(SOURCE, "invertedOf", [[state] for state in some]), strict=True):
        wide = state["in_channels"] * state["expansion"]
        ends = state["in_channels"], wide, state["out_channels"]
        total = cost.inverted_residual(*ends, state["size"], stride=state["stride"])
        assert (block["params"], block["macs"]) == (total.params, total.macs), state


def names_of(model: torch.nn.Module) -> list[int]:
    """Count the four kinds in one of timm's networks, by the layers that its blocks have."""
    counts = [0] * 4
    for block in model.modules():
        if isinstance(block, _efficientnet_blocks.UniversalInvertedResidual):
            there = [not isinstance(layer, torch.nn.Identity) for layer in (block.dw_start, block.dw_mid, block.dw_end)]
            assert not there[2]
            counts[2 * there[0] + there[1]] += 1
    return counts


def test_each_kind_is_used_as_often_as_the_figure_says():
    used = javascript(SOURCE, "(i) => KINDS[i].used", [[i] for i in range(4)])
    for place, name in enumerate(["mobilenetv4_conv_small", "mobilenetv4_conv_medium"]):
        with torch.device("meta"):
            assert [counts[place] for counts in used] == names_of(timm.create_model(name)), name


def test_no_mobilenet_v4_has_a_filter_at_the_end():
    source = inspect.getsource(mobilenetv3._gen_mobilenet_v4)
    strings = re.findall(r"'(uir_\w+)'", source)
    assert len(strings) > 50 and not [string for string in strings if re.search(r"_p\d", string)]


def test_the_words_are_true_in_every_state(computed):
    sentences = javascript(SOURCE, "kindSentence", [[state] for state in STATES])
    strides = javascript(SOURCE, "whereTheStrideGoes", [[state] for state in STATES])
    inverted = javascript(SOURCE, "invertedOf", [[state] for state in STATES])
    for (state, block), sentence, stride, other in zip(computed, sentences, strides, inverted, strict=True):
        name = NAMES[2 * bool(state["start"]) + bool(state["middle"])]
        assert name.split()[0].split("-")[0].lower() in sentence.split(":")[0].lower(), (state, sentence)
        counts = [block["macs"], other["macs"]]
        alike = len({*counts}) == 2 and len({*map(short, counts)}) == 1  # then rounded counts would hide what is said
        written = [f"{count:,}" if alike else short(count) for count in counts]
        assert re.findall(r"([\d.,]+(?:\u00a0[kMG])?) (?:MACs|of)\b", sentence)[:2] == written, (state, sentence)
        assert (block["macs"] == other["macs"]) == ("MACs, exactly the" in sentence), (state, sentence)
        filters = sum(layer["macs"] for layer in block["present"] if layer["role"] == "depthwise")
        if filters:
            said = float(re.search(r"layers take ([\d.]+)\u00a0% of the MACs", sentence)[1])
            assert said == pytest.approx(100 * filters / block["macs"], abs=0.51), (state, sentence)
        for kernel, channels in ((state["start"], state["in_channels"]), (state["middle"], block["wide"])):
            assert re.search(rf"\b{channels:,} (channels|in the middle)", sentence) or not kernel, (state, sentence)
        strided = [layer["label"] for layer in block["present"] if layer["stride"] == 2]
        assert strided == ([] if state["stride"] == 1 else [re.search(r"in the (\w+) layer", stride)[1]]), (
            state,
            stride,
        )
        assert ("timm refuses it" in stride) == (name == "feed-forward")


def test_the_answer_to_the_prediction_is_computed(uncounted):
    state = {**STATES[0], "stride": 2, "size": 14}
    for expansion, kernel, guess in itertools.product([1, 4, 7], KERNELS[1:], ["start", "middle", "same"]):
        state |= {"expansion": expansion, "guess": guess, "start": kernel, "middle": 0}
        other = {**state, "start": 0, "middle": kernel}
        first, second = javascript(SOURCE, "answerToGuess", [[state], [other]])
        assert first == second
        at_start, in_middle = (cost.total(UniversalBlock(**each).layers()).macs for each in (state, other))
        assert f"start only has {short(at_start)} MACs, middle only {short(in_middle)}. " in first
        cheaper = "start" if at_start < in_middle else "middle"
        assert ("that is right" in first) == (cheaper == guess)
        assert first.endswith("works on 25\N{NO-BREAK SPACE}% of the pixels.")
    waiting = [{**state, "guess": "none"}, {**state, "stride": 1}, {**state, "start": 3, "middle": 3}]
    answers = javascript(SOURCE, "answerToGuess", [[each] for each in waiting])
    assert [answer.split()[0] for answer in answers] == ["Choose", "Now", "Now"]


def test_a_stride_without_a_filter_settles_alike_in_the_page_and_in_python(uncounted):
    grid = [(a, k, s) for a, k, s in itertools.product(KERNELS, KERNELS, [1, 2]) if s == 1 or a or k]
    states = [dict(zip(("start", "middle", "stride"), each, strict=True)) for each in grid]
    steps = [("start", 0), ("middle", 0), ("stride", 2), ("stride", 1)]
    cases = [(was, name, value) for was in states for name, value in steps]
    pages = javascript(SOURCE, "settleBlock", [[{**was, name: value}, was] for was, name, value in cases])
    for (was, name, value), settled in zip(cases, pages, strict=True):
        block = UniversalBlock(**was)
        setattr(block, name, value)
        assert settled == {each: getattr(block, each) for each in was}, (was, name, value)


def test_stride_two_without_a_filter_is_refused():
    with pytest.raises(ValueError, match=r"stride must be 1 where start and middle are both 0, got 2; .* set middle=3"):
        UniversalBlock(start=0, middle=0, stride=2)
    with pytest.raises(AssertionError):
        _efficientnet_blocks.UniversalInvertedResidual(96, 96, 0, 0, 0, stride=2)
    with pytest.raises(traitlets.TraitError, match="start must be one of 0, 3, 5, 7, got 4"):
        UniversalBlock(start=4)


def test_the_live_count_follows_the_switches():
    block = UniversalBlock(in_channels=32, out_channels=48, size=7)
    for setting, value in (("start", 0), ("stride", 2), ("middle", 0), ("start", 7), ("expansion", 3), ("stride", 2)):
        setattr(block, setting, value)
        assert block.measured == {"key": block.key(), "macs": cost.total(block.layers()).macs}
    assert block.key() == "[7,0,2,3,32,48,7]"


@pytest.mark.parametrize("state", [{}, {"middle": 0}, {"start": 0, "stride": 2}, {"start": 0, "middle": 0}])
def test_the_static_form_carries_the_numbers_of_its_state(state):
    block = UniversalBlock(**state)
    text, total = words(block), cost.total(block.layers())
    for number in (f"{total.macs:,}", short(total.params), block.string()):
        assert number in text
    assert ("residual: input + output" in text) and ("no residual: stride 2" in text) == (block.stride == 2)
    for gone in ("a0", "k0"):
        assert (f" {gone} " in text) == (f"_{gone}_" in block.string())
