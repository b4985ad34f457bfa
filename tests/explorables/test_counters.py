"""Who counts what: every counter is run for real and prints, to the integer, what the explorable says it prints."""

from __future__ import annotations

import re
import sys
from fractions import Fraction

import pytest
import torch
import traitlets
from node import esm, javascript
from torch.utils.flop_counter import FlopCounterMode

from mobilenet_lib import cost, measure, models
from mobilenet_lib.explorables.counters import COUNTERS, NETWORKS, SUMS, Counters, formula
from mobilenet_lib.measure import counts


def compared(total: int, macs: int) -> str:
    """Say how far a count is above M, with two digits that count, rounded half up in exact arithmetic."""
    if total in (macs, 2 * macs):
        return "exactly M" if total == macs else "twice M"
    percent = 100 * Fraction(total - macs, macs)
    digits = next((n for n, limit in enumerate((9.95, 0.995, 0.0995, 0.00995)) if percent >= limit), 4)
    return f"{float(percent):.{digits}f}\N{NO-BREAK SPACE}% above M"


pytestmark = pytest.mark.usefixtures("undrawn")

WIDTHS = [round(0.25 + 0.05 * i, 2) for i in range(24)]
RESOLUTIONS = [96, 128, 160, 192, 224, 256]
STATES = [
    {"network": network, "width_mult": width, "resolution": resolution}
    for network in ("V1", "V2")
    for width in WIDTHS
    for resolution in RESOLUTIONS
]
# The ends of both sliders, the default, and widths at which channels are rounded up and down.
MEASURED = [
    ("V1", 1.0, 224),
    ("V2", 1.0, 224),
    ("V1", 0.25, 96),
    ("V1", 1.4, 128),
    ("V2", 0.25, 256),
    ("V2", 0.35, 160),
    ("V2", 1.05, 96),
    ("V2", 1.4, 192),
]


def layers(state: dict) -> list[cost.Layer]:
    return {"V1": cost.mobilenet_v1_layers, "V2": cost.mobilenet_v2_layers}[state["network"]](
        state["width_mult"], state["resolution"]
    )


# --- the counters, run


@pytest.fixture(scope="module", params=MEASURED, ids=lambda state: "-".join(map(str, state)))
def measured(request) -> tuple[torch.nn.Module, tuple[int, ...], dict[str, int]]:
    """Return a real network, the shape of its input, and what the explorable says that each counter prints."""
    network, width, resolution = request.param
    model = {"V1": models.MobileNetV1, "V2": models.MobileNetV2}[network](width_mult=width).eval()
    layers_of = {"V1": cost.mobilenet_v1_layers, "V2": cost.mobilenet_v2_layers}[network]
    return model, (1, 3, resolution, resolution), says(layers_of(width, resolution))


def says(layers: list[cost.Layer]) -> dict[str, int]:
    return {name: sum(times * written_out(layers)[each] for times, each in terms) for name, terms in COUNTERS.items()}


def written_out(layers: list[cost.Layer]) -> dict[str, int]:
    """Return the sums as chapter 2 defines them."""
    return {
        "M": sum(layer.macs for layer in layers),
        "C": sum(layer.activations for layer in layers if layer.norm),
        "P": sum(2 * layer.out_channels for layer in layers if layer.norm),
        "R": sum(layer.activations for layer in layers if layer.norm and layer.role != "projection"),
        "G": layers[-2].activations,
        "B": layers[-1].out_channels,
    }


def test_fvcore_prints_m_plus_2c_plus_g_and_m_without_batch_norm_and_pooling(measured):
    model, image, expected = measured
    counted = measure.macs_by_operator(model, image)
    assert sum(counted.values()) == expected["fvcore, everything"]
    assert counts.of_products(counted) == expected["closed form, the papers"]


def test_torchinfo_prints_m_plus_parameters_of_batch_norm_plus_biases(measured):
    model, image, expected = measured
    assert measure.summary(model, image).total_mult_adds == expected["torchinfo"]


def test_pytorchs_own_counter_prints_2m(measured):
    model, image, expected = measured
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(image))
    assert counter.get_total_flops() == expected["torch flop counter"]


def test_ptflops_prints_m_plus_2c_plus_r_plus_2g_plus_biases(measured):
    from ptflops import get_model_complexity_info

    model, image, expected = measured
    counted, _ = get_model_complexity_info(model, image[1:], as_strings=False, print_per_layer_stat=False)
    assert counted == expected["ptflops"]


def test_the_published_numbers_of_both_networks():
    totals = {network: [*Counters(network=network).totals().values()] for network in ("V1", "V2")}
    assert totals == {
        "V1": [568_740_352, 568_763_240, 578_875_904, 583_969_768, 1_137_480_704],
        "V2": [300_774_272, 300_809_384, 314_193_216, 320_362_728, 601_548_544],
    }


# --- JavaScript and Python


@pytest.fixture(scope="module")
def computed() -> list[tuple[dict, dict]]:
    """Return every state the sliders can reach with what the JavaScript computes for it."""
    terms = {name: [[*term] for term in terms] for name, terms in COUNTERS.items()}
    arguments = [[state, NETWORKS, terms] for state in STATES]
    return list(zip(STATES, javascript(esm(Counters), "countersOf", arguments), strict=True))


def test_the_sliders_cover_what_is_computed_here():
    ranges = Counters().ranges
    assert (ranges["width_mult"]["min"], ranges["width_mult"]["max"], ranges["width_mult"]["step"]) == (0.25, 1.4, 0.05)
    assert (ranges["resolution"]["min"], ranges["resolution"]["max"], ranges["resolution"]["step"]) == (96, 256, 32)
    assert ranges["network"]["values"] == ["V1", "V2"]


def test_javascript_builds_every_layer_of_both_networks():
    arguments = [[NETWORKS[state["network"]], state["width_mult"], state["resolution"]] for state in STATES]
    for state, found in zip(STATES, javascript(esm(Counters), "layersOfTable", arguments), strict=True):
        expected = [(layer.params, layer.macs, layer.activations) for layer in layers(state)]
        assert [(layer["params"], layer["macs"], layer["activations"]) for layer in found] == expected, state


def test_javascript_equals_the_closed_form_in_every_state(computed):
    assert len(computed) == 288
    for state, found in computed:
        expected = layers(state)
        assert found["sums"] == written_out(expected), state
        assert {row["name"]: row["total"] for row in found["rows"]} == says(expected), state


def test_python_and_javascript_write_a_comparison_alike(computed):
    pairs = [(row["total"], found["sums"]["M"]) for _, found in computed for row in found["rows"]]
    assert javascript(esm(Counters), "compared", pairs) == [compared(*pair) for pair in pairs]


def test_the_axis_of_what_is_added_is_long_enough_for_all_but_torch(computed):
    [axis] = javascript(esm(Counters), "() => EXTRA_AXIS", [[]])
    shares = [row["total"] / found["sums"]["M"] - 1 for _, found in computed for row in found["rows"][:-1]]
    assert 0.18 < max(shares) < axis / 100


def test_the_words_are_true_in_every_state(computed):
    sentences = javascript(esm(Counters), "countersSentence", [[state, found] for state, found in computed])
    for (state, found), sentence in zip(computed, sentences, strict=True):
        sums, totals = found["sums"], {row["name"]: row["total"] for row in found["rows"]}
        start = f"MobileNet{state['network']}, width {state['width_mult']:.2f}, {state['resolution']}×"
        assert sentence.startswith(start) and f"M is {sums['M']:,}." in sentence
        said = [float(number) for number in re.findall(r"([\d.]+)\xa0% more", sentence)]
        exact = [100 * (totals[name] / sums["M"] - 1) for name in ("torchinfo", "fvcore, everything", "ptflops")]
        assert said == pytest.approx(exact, rel=0.05), sentence
        assert totals["torch flop counter"] == 2 * sums["M"] and "twice as much" in sentence
        times, share = re.search(r"M is ([\d.]+) times C, so the 2C .* are ([\d.]+)\xa0% of M", sentence).groups()
        assert float(times) == pytest.approx(sums["M"] / sums["C"], abs=0.051)
        assert float(share) == pytest.approx(200 * sums["C"] / sums["M"], rel=0.05)


@pytest.mark.parametrize("network", ["V1", "V2"])
def test_what_the_chapter_says_of_width_and_resolution(computed, network):
    share = {
        (state["width_mult"], state["resolution"]): found["sums"]["C"] / found["sums"]["M"]
        for state, found in computed
        if state["network"] == network
    }
    for resolution in RESOLUTIONS:
        assert share[0.25, resolution] > share[0.5, resolution] > share[1.0, resolution] > share[1.4, resolution]
    assert max(share[1.0, r] for r in RESOLUTIONS) / min(share[1.0, r] for r in RESOLUTIONS) < 1.03


# --- the Python side


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("network", "V3", "network must be one of V1, V2, got 'V3'"),
        ("width_mult", 1.45, "width_mult must be from 0.25 to 1.4 in steps of 0.05, got 1.45"),
        ("width_mult", float("nan"), "width_mult must be from 0.25 to 1.4"),
        ("resolution", 100, "resolution must be from 96 to 256 in steps of 32, got 100"),
        ("resolution", "224", "resolution must be from 96 to 256"),
        ("shown", "everything", "shown must be one of extra, total, got 'everything'"),
    ],
)
def test_a_value_that_no_control_has_is_refused(setting, value, message):
    with pytest.raises(traitlets.TraitError, match=re.escape(message)):
        Counters(**{setting: value})


def test_every_change_of_the_network_is_counted_and_a_change_of_the_view_is_not(monkeypatch):
    calls = []
    original = Counters.measure_state
    monkeypatch.setattr(Counters, "measure_state", lambda self: calls.append(self.key()) or original(self))
    figure = Counters(network="V1", width_mult=0.25, resolution=96)
    figure.shown = "total"
    figure.width_mult = 0.5
    assert calls == ['["V1",0.25,96]', '["V1",0.5,96]']
    assert figure.measured == {"key": figure.key(), "macs": figure.sums()["M"]}
    assert figure.everything == {"key": figure.key(), "total": figure.totals()["fvcore, everything"]}


def test_without_fvcore_no_old_count_passes_for_the_new_one(monkeypatch):
    figure = Counters(network="V1", width_mult=0.25, resolution=96)
    monkeypatch.setitem(sys.modules, "fvcore.nn", None)
    figure.resolution = 128
    assert "fvcore" in figure.measured["error"]
    assert figure.everything["key"] != figure.key()


def test_every_sum_and_every_counter_is_explained_to_the_page():
    figure = Counters()
    assert {each for terms in COUNTERS.values() for _, each in terms} == set(SUMS) == set(figure.explained)
    assert {name: formula(terms) for name, terms in COUNTERS.items()} == {
        "closed form, the papers": "M",
        "torchinfo": "M + P + B",
        "fvcore, everything": "M + 2C + G",
        "ptflops": "M + 2C + R + 2G + B",
        "torch flop counter": "2M",
    }
