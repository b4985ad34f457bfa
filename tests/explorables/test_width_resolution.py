"""Width and resolution: the page's arithmetic against `cost` everywhere, and against fvcore on real networks."""

import json
import math
from functools import cache

import pytest
import torch
import traitlets
from drawn import words
from node import esm, javascript

from mobilenet_lib import cost, explorables, measure, models, published, specs
from mobilenet_lib.explorables.released import released


def nearest_released(models: list[dict], width_mult: float, resolution: int) -> dict:
    """Return the released model whose width and resolution differ least, both by ratio."""

    def far(model: dict) -> float:
        return math.hypot(math.log(model["alpha"] / width_mult), math.log(model["resolution"] / resolution))

    return min(models, key=far)


pytestmark = pytest.mark.usefixtures("undrawn")

WIDTHS = [round(0.25 + 0.01 * i, 2) for i in range(116)]
RESOLUTIONS = [96, 128, 160, 192, 224, 256]
GRID = [(width, resolution) for width in WIDTHS for resolution in RESOLUTIONS]
CORNERS = [(0.25, 96), (0.25, 256), (1.4, 96), (1.4, 256), (1.0, 224), (0.5, 160), (0.97, 192)]


@pytest.fixture(scope="module")
def figure() -> explorables.WidthResolution:
    return explorables.WidthResolution()


@cache
def made(width_mult: float, resolution: int) -> explorables.WidthResolution:
    """Return the figure in one of the corners, to look at: fvcore runs a whole network for each that is made."""
    return explorables.WidthResolution(width_mult=width_mult, resolution=resolution)


def state(width_mult: float, resolution: int) -> dict:
    return {"width_mult": width_mult, "resolution": resolution}


def test_javascript_counts_every_layer_of_every_state_as_cost_does(figure):
    keep = "name, role, inChannels, outChannels, kernel, stride, groups, inSize, outSize, weights, params, macs"
    pages = javascript(
        esm(figure),
        f"(...args) => networkV1(...args).map(({{ {keep} }}) => [{keep}])",
        [[state(*each), figure.spec] for each in GRID],
    )
    for each, page in zip(GRID, pages, strict=True):
        layers = cost.mobilenet_v1_layers(*each)
        expected = [
            [
                *(layer.name, layer.role, layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride),
                *(layer.groups, layer.in_size[0], layer.out_size[0], layer.weights, layer.params, layer.macs),
            ]
            for layer in layers
        ]
        assert page == expected, each


@pytest.mark.parametrize(("width_mult", "resolution"), CORNERS)
def test_closed_form_is_what_fvcore_counts_on_the_real_network(width_mult, resolution):
    figure = made(width_mult, resolution)
    total = cost.total(figure.layers())
    assert figure.measured == {"key": figure.key(), "macs": total.macs}
    with torch.device("meta"):
        network = models.MobileNetV1(width_mult=width_mult)
    assert measure.params(network) == total.params


def test_moving_a_slider_counts_again_and_looking_at_a_layer_does_not(monkeypatch):
    figure = explorables.WidthResolution(resolution=96)
    runs = []
    monkeypatch.setattr(type(figure), "measure_state", lambda self: runs.append(self.key()) or 1)
    figure.layer = 20
    assert runs == []
    figure.width_mult = 0.5
    assert runs == ["[0.5,96]"]
    assert figure.measured == {"key": "[0.5,96]", "macs": 1}


def test_nearest_released_model_is_the_same_in_the_page_and_in_python(figure):
    pages = javascript(esm(figure), "nearestReleased", [[figure.released, *each] for each in GRID])
    for each, page in zip(GRID, pages, strict=True):
        assert page == nearest_released(figure.released, *each), each
    for model in figure.released:
        assert nearest_released(figure.released, model["alpha"], model["resolution"]) == model


def test_released_models_carry_the_printed_accuracy_and_the_closed_form(figure):
    rows = published.table("tf_slim_mobilenet_v1", "checkpoints").rows
    assert len(rows) == len(figure.released) == 16
    for row, model in zip(rows, figure.released, strict=True):
        assert model["top1"] == row["top1_float"]
        assert model["macs"] == cost.mobilenet_v1(row["alpha"], row["resolution"]).macs
        if row["alpha"] == 0.75:  # the page leaves out the stem there
            assert model["macs"] / 1e6 - row["million_macs"] > 2
        elif (row["alpha"], row["resolution"]) != (0.25, 192):  # prints 34 for 30.2
            assert abs(model["macs"] / 1e6 - row["million_macs"]) < 0.51


def test_shares_at_the_default_are_those_of_the_papers_table_2(figure):
    layers = figure.layers()
    for role, (macs, weights) in figure.table2.items():
        own = [layer for layer in layers if layer.role == role]
        for metric, printed in (("macs", 1.91 if role == "standard" else macs), ("weights", weights)):
            share = sum(getattr(x, metric) for x in own) / sum(getattr(x, metric) for x in layers)
            assert abs(100 * share - printed) < 0.006, (role, metric)


def test_words_are_whole_in_every_corner(figure):
    function = """(state, spec, released, number) => {
      const layers = networkV1(state, spec);
      const near = nearestReleased(released, state.width_mult, state.resolution);
      const full = { macs: 568740352, params: 4231976 };
      return [resultSentence(layers, full), nearestWords(state, near, totalOf(layers, "macs")),
        ...Object.values(describeLayer(layers, number))];
    }"""
    cases = [[state(*each), figure.spec, figure.released, number] for each in CORNERS for number in (1, 2, 15, 28)]
    pages = javascript(esm(figure), function, cases)
    for case, texts in zip(cases, pages, strict=True):
        for text in texts:
            assert text and not any(bad in text for bad in ("NaN", "undefined", "null", "Infinity")), (case, text)


def test_a_layers_words_have_room_for_the_longest_there_are(figure):
    function = """(state, spec) => {
      const layers = networkV1(state, spec);
      const each = layers.map((_, i) => describeLayer(layers, i + 1));
      return ["what", "macs", "weights"].map((part) => Math.max(...each.map((words) => words[part].length)));
    }"""
    lengths = javascript(esm(figure), function, [[state(*each), figure.spec] for each in [GRID[-1], *GRID[::7]]])
    longest = [max(each) for each in zip(*lengths, strict=True)]
    assert longest == lengths[0]  # the largest network's: the figure keeps room for these


def test_an_accuracy_is_only_claimed_for_a_released_model(figure):
    function = "(state, near) => nearestWords(state, near, 1e8)"
    near = figure.released[4]
    own, other = javascript(esm(figure), function, [[state(0.75, 224), near], [state(0.74, 224), near]])
    assert own.startswith("This model was released: 68.4")
    assert "Yours was not released, so there is no accuracy to show." in other


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"width_mult": 0.2}, "width_mult must be from 0.25 to 1.4 in steps of 0.01, got 0.2"),
        ({"width_mult": float("nan")}, "width_mult must be from"),
        ({"width_mult": True}, "width_mult must be from"),
        ({"resolution": 200}, "resolution must be one of 96, 128, 160, 192, 224, 256, got 200"),
        ({"layer": 29}, "layer must be from 1 to 28"),
    ],
)
def test_bad_values_are_refused_in_words(values, says):
    with pytest.raises(traitlets.TraitError, match=says):
        explorables.WidthResolution(**values)


def test_unknown_settings_are_refused():
    with pytest.raises(TypeError, match="no setting 'alpha'; it has width_mult, resolution, layer"):
        explorables.WidthResolution(alpha=1)


@pytest.mark.parametrize(("width_mult", "resolution"), CORNERS)
def test_static_form_says_the_numbers(width_mult, resolution):
    figure = made(width_mult, resolution)
    text = words(figure)
    total, near = cost.total(figure.layers()), nearest_released(figure.released, width_mult, resolution)
    assert f"closed form: {total.macs:,} MACs" in text
    assert f"{near['top1']}" in text
    assert not any(bad in text for bad in ("NaN", "undefined"))


def test_state_that_travels_to_the_page_is_small(figure):
    assert len(json.dumps({"spec": figure.spec, "released": figure.released})) < 2500
    assert figure.spec["rows"] == [list(row) for row in specs.V1_SPEC]
    assert figure.released == released("v1")
