"""The cost of a layer: its JavaScript equals `cost` and fvcore, and its words are true in every state."""

from __future__ import annotations

import itertools
import random
import re
from fractions import Fraction

import pytest
import traitlets
from drawn import short, words
from node import esm, javascript

from mobilenet_lib import ConvBNReLU, DepthwiseSeparableConv, cost, measure
from mobilenet_lib.explorables import kit
from mobilenet_lib.explorables.layer_cost import CHANNELS, LayerCost

KERNELS, SIZES = [1, 3, 5, 7], [7, 14, 28, 56, 112]


@pytest.fixture(scope="module")
def computed() -> list[tuple[dict, dict]]:
    """Return every state the sliders can reach with what the JavaScript computes for it."""
    names = "kernel_size", "in_channels", "out_channels", "size"
    grid = itertools.product(KERNELS, CHANNELS, CHANNELS, SIZES)
    states = [dict(zip(names, values, strict=True)) for values in grid]
    return list(zip(states, javascript(esm(LayerCost), "layerCosts", [[state] for state in states]), strict=True))


def expected(state: dict) -> list[cost.Layer]:
    return [*cost.depthwise_separable_layers(**state), *cost.standard_block_layers(**state)]


def test_the_sliders_cover_what_is_computed_here():
    ranges = LayerCost().ranges
    assert ranges["kernel_size"]["values"] == KERNELS and ranges["size"]["values"] == SIZES
    assert ranges["in_channels"]["values"] == ranges["out_channels"]["values"] == CHANNELS


def test_javascript_equals_the_closed_form_in_every_state(computed):
    assert len(computed) == 2880
    for state, layer in computed:
        for part in expected(state):
            assert (layer[part.role]["params"], layer[part.role]["macs"]) == (part.params, part.macs), (state, part)
        pair = cost.depthwise_separable(**state)
        assert (layer["params"], layer["macs"]) == (pair.params, pair.macs), state


def test_javascript_equals_fvcore_on_real_blocks(computed):
    small = [(state, layer) for state, layer in computed if layer["standard"]["macs"] < 60_000_000]
    for state, layer in random.Random(3).sample(small, 30):
        shape = 1, state["in_channels"], state["size"], state["size"]
        ends = state["in_channels"], state["out_channels"]
        pair = measure.cost(DepthwiseSeparableConv(*ends, kernel_size=state["kernel_size"]), shape)
        assert (layer["params"], layer["macs"]) == (pair.params, pair.macs), state
        standard = measure.cost(ConvBNReLU(*ends, kernel_size=state["kernel_size"]), shape)
        assert (layer["standard"]["params"], layer["standard"]["macs"]) == (standard.params, standard.macs), state


def test_the_ratio_is_the_papers_formula_and_depends_on_nothing_else(computed):
    for state, layer in computed:
        ratio = Fraction(layer["macs"], layer["standard"]["macs"])
        assert ratio == Fraction(1, state["out_channels"]) + Fraction(1, state["kernel_size"] ** 2), state
        assert layer["ratio"] == pytest.approx(float(ratio))
        # What the note under the picture says: of the weights alone the ratio is the same, of the parameters not.
        weights = [part.weights for part in expected(state)]
        assert Fraction(weights[0] + weights[1], weights[2]) == ratio


def test_the_words_are_true_in_every_state(computed):
    for (state, layer), sentence in zip(
        computed, javascript(esm(LayerCost), "costSentence", [[layer] for _, layer in computed]), strict=True
    ):
        macs, standard = layer["macs"], layer["standard"]["macs"]
        if state["kernel_size"] == 1:  # up to the last digit, since the two may look the same when shortened
            assert macs > standard and f"{macs:,} MACs, more than the {standard:,} of" in sentence, (state, sentence)
            continue
        assert short(macs) in sentence and short(standard) in sentence, sentence
        assert macs < standard
        said = float(re.search(r"MACs, 1/([\d.]+) of", sentence).group(1))
        assert said == pytest.approx(standard / macs, abs=0.06), (state, sentence)
        mostly = layer["pointwise"]["macs"] > layer["depthwise"]["macs"]
        assert mostly == (f"that part is 1/{state['kernel_size'] ** 2} of" in sentence), (state, sentence)
        percent = float(re.search(r"([\d.]+)\u00a0% of them are pointwise", sentence).group(1))
        assert percent == pytest.approx(100 * layer["pointwise"]["macs"] / macs, abs=0.5), (state, sentence)
        assert percent < 100


def test_a_ratio_is_written_as_one_over_something():
    written = javascript(esm(LayerCost), "oneOver", [[1 / 8], [1 / 9 + 1 / 512], [1 / 49 + 1 / 512], [1 / 49 + 1 / 8]])
    assert written == ["1/8", "1/8.84", "1/44.7", "1/6.88"]


def test_the_live_count_follows_the_sliders_and_counts_the_separable_pair():
    layer = LayerCost(in_channels=16, size=7)
    for setting, value in (("kernel_size", 5), ("out_channels", 24), ("size", 14), ("in_channels", 8)):
        setattr(layer, setting, value)
        assert layer.measured == {"key": layer.key(), "macs": cost.total(layer.layers()).macs}
    assert layer.key() == "[5,8,24,14]"


def test_the_largest_layer_says_why_it_is_not_counted():
    layer = LayerCost(kernel_size=7, in_channels=1024, out_channels=1024, size=112)
    assert cost.total(layer.layers()).macs > kit.COUNTED_UP_TO
    assert layer.measured["error"].startswith("not run, 13.8\N{NO-BREAK SPACE}G MACs")


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("kernel_size", 2, "kernel_size must be one of 1, 3, 5, 7, got 2"),
        ("in_channels", 48, "in_channels must be one of 8, 16, 24"),
        ("out_channels", 0, "out_channels must be one of"),
        ("out_channels", "512", "out_channels must be one of .* got '512'"),
        ("size", True, "size must be one of 7, 14, 28, 56, 112, got True"),
    ],
)
def test_a_value_that_no_slider_has_is_refused(setting, value, message):
    with pytest.raises(traitlets.TraitError, match=message):
        LayerCost(**{setting: value})


@pytest.mark.parametrize(
    "state", [{}, {"kernel_size": 1}, {"kernel_size": 7, "out_channels": 1024}, {"out_channels": 8, "in_channels": 8}]
)
def test_the_static_form_carries_the_numbers_of_its_state(state):
    layer = LayerCost(**state, size=7)
    text = words(layer)
    total, standard = cost.total(layer.layers()), layer.standard_layer()
    for number in (f"{total.macs:,}", f"= {standard.macs:,}", short(total.macs), short(standard.params)):
        assert number in text
    ratio = Fraction(total.macs, standard.macs)
    assert f"{float(ratio):.4f}" in text
