"""The network: the page's arithmetic against `cost` everywhere, and against fvcore and hooks on real networks."""

import inspect
import math
from functools import cache

import pytest
import torch
import traitlets
from drawn import words
from node import esm, javascript
from torch import nn

import mobilenet_lib
from mobilenet_lib import blocks, cost, explorables, measure, models, published, specs


def nearest_released(models: list[dict], width_mult: float, resolution: int) -> dict:
    """Return the released model whose width and resolution differ least, both by ratio."""

    def far(model: dict) -> float:
        return math.hypot(math.log(model["alpha"] / width_mult), math.log(model["resolution"] / resolution))

    return min(models, key=far)


pytestmark = pytest.mark.usefixtures("undrawn")

WIDTHS = [round(0.25 + 0.05 * i, 2) for i in range(24)]
RESOLUTIONS = [96, 128, 160, 192, 224, 256]
GRID = [(width, resolution, t) for width in WIDTHS for resolution in RESOLUTIONS for t in range(1, 11)]
CORNERS = [(0.25, 96, 1), (1.4, 256, 10), (1.0, 224, 6), (0.35, 160, 6), (1.3, 96, 6), (0.75, 192, 3), (1.0, 128, 1)]


@pytest.fixture(scope="module")
def figure() -> explorables.Network:
    return explorables.Network()


@cache
def made(corner: tuple) -> explorables.Network:
    """Return the figure in one of the corners, to look at: fvcore runs a whole network for each that is made."""
    return explorables.Network(**state(*corner))


def state(width_mult: float, resolution: int, expansion: int, **others) -> dict:
    return {"width_mult": width_mult, "resolution": resolution, "expansion": expansion, **others}


def ask(figure: explorables.Network, function: str, cases: list) -> list:
    return javascript(esm(figure), function, cases)


def test_javascript_counts_every_layer_of_every_state_as_cost_does(figure):
    keep = "name, role, inChannels, outChannels, kernel, stride, groups, inSize, outSize, params, macs, activations"
    cases = [[state(*each), figure.spec] for each in GRID]
    for each, page in zip(
        GRID, ask(figure, f"(...args) => networkV2(...args).layers.map(({{ {keep} }}) => [{keep}])", cases), strict=True
    ):
        width, resolution, expansion = each
        expected = [
            [
                *(layer.name, layer.role, layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride),
                *(layer.groups, layer.in_size[0], layer.out_size[0], layer.params, layer.macs, layer.activations),
            ]
            for layer in cost.mobilenet_v2_layers(width, resolution, spec=specs.v2_spec(expansion))
        ]
        assert page == expected, each


@pytest.mark.parametrize("corner", CORNERS)
def test_closed_form_is_what_fvcore_counts_on_the_real_network(corner):
    figure = made(corner)
    total = cost.total(figure.layers())
    assert figure.measured == {"key": figure.key(), "macs": total.macs}
    with torch.device("meta"):
        network = figure.build()
    assert measure.params(network) == total.params
    assert isinstance(network, models.MobileNetV2)


def test_table_is_the_papers_at_the_default(figure):
    printed = published.table("mobilenet_v2_paper", "table2_architecture").rows
    page = ask(figure, "(...args) => networkV2(...args).stages", [[state(1, 224, 6), figure.spec]])[0]
    rows = figure.numbers()
    assert len(printed) == len(page) == len(rows) == 11
    for paper, shown, own in zip(printed, page, rows, strict=True):
        assert [shown["inSize"], shown["inSize"], shown["inChannels"]] == paper["input_hwc"]
        assert own["input"] == f"{paper['input_hwc'][0]}² × {paper['input_hwc'][2]}"
        assert shown["operator"] == own["operator"]
        assert shown["operator"].startswith(paper["operator"].split()[0])
        for name in "tcns":
            if isinstance(paper[name], int):  # the paper's last c is k, the number of classes
                assert shown[name] == own[name] == paper[name], (paper, name)
        assert sum(layer["macs"] for block in shown["blocks"] for layer in block["layers"]) == own["MACs"]


@pytest.mark.parametrize("corner", CORNERS)
def test_line_of_code_builds_the_block_it_stands_beside(figure, corner):
    page = ask(figure, "(...args) => networkV2(...args).blocks", [[state(*corner), figure.spec]])[0]
    names = {name: getattr(mobilenet_lib, name) for name in ("ConvBNReLU", "InvertedResidual", "DepthwiseProjection")}
    with torch.device("meta"):
        built = [eval(block["code"], {"torch": torch, **names}) for block in page]
        network = made(corner).build()
    real = [network.stem, *network.blocks, network.head, network.pool, network.classifier]
    for block, own, part in zip(page, built, real, strict=True):
        assert repr(own) == repr(part), block["code"]
        assert measure.params(own) == sum(layer["params"] for layer in block["layers"])
        assert block["residual"] == getattr(part, "use_residual", False), block["name"]


def hooked(network: nn.Module, resolution: int) -> list[int]:
    """Return what is alive while each convolution, the pool and the classifier runs: seen on the real network."""
    alive, waiting = [], []

    def enter(block, inputs):
        waiting.append(inputs[0] if block.use_residual else None)

    def leave(block, inputs, output):
        waiting.pop()

    def step(layer, inputs, output):
        kept = waiting[-1] if waiting else None
        kept = 0 if kept is None or kept is inputs[0] else kept.numel()  # its own input is not counted twice
        alive.append(inputs[0].numel() + output.numel() + kept)

    for module in network.modules():
        if isinstance(module, (blocks.ConvDepthwiseConv, blocks.DepthwiseProjection)):
            module.register_forward_pre_hook(enter)
            module.register_forward_hook(leave)
        elif isinstance(module, (nn.Conv2d, nn.Linear, nn.AdaptiveAvgPool2d)):
            module.register_forward_hook(step)
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, resolution, resolution))
    return alive


@pytest.mark.parametrize("corner", CORNERS)
def test_memory_layer_by_layer_is_what_hooks_see_on_the_real_network(corner):
    figure = made(corner)
    assert [step.total for step in figure.alive()] == hooked(figure.build(), figure.resolution)


def test_memory_block_by_block_is_the_input_and_the_output_of_each_block():
    figure = explorables.Network(memory="blocks", resolution=128)
    network = figure.build().eval()
    seen = []
    for part in (network.stem, *network.blocks, network.head, network.pool, network.classifier):
        part.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0].numel(), output.numel())))
    with torch.no_grad():
        network(torch.zeros(1, 3, 128, 128))
    alive = [step.numbers for step in figure.alive()]
    assert alive == [{"read": read, "written": written, "kept": 0} for read, written in seen]


def test_memory_of_the_page_is_that_of_python(figure, monkeypatch):
    monkeypatch.setattr(explorables.Network, "measure_state", lambda self: 0)
    own = explorables.Network()
    function = """(state, spec) => aliveSteps(networkV2(state, spec), state.memory).map(
      ({ name, at, wide, read, written, kept }) => [name, at, at + wide - 1, read, written, kept])"""
    cases = [each for each in GRID if each[0] in (0.25, 0.35, 1.0, 1.4) and each[1] in (96, 224, 256)]
    for memory in ("layers", "blocks"):
        pages = ask(figure, function, [[state(*each, memory=memory), figure.spec] for each in cases])
        for each, page in zip(cases, pages, strict=True):
            own.set_state(state(*each, memory=memory))
            assert page == [[step.name, *step.layers, *step.numbers.values()] for step in own.alive()], (each, memory)


def test_peak_and_its_unit(figure):
    assert max(step.total for step in figure.alive()) == 112**2 * 96 + 56**2 * 96
    assert ask(figure, "bytes", [[1_505_280, 16], [100, 16], [100, 8]]) == [
        "3.0\N{NO-BREAK SPACE}MB",
        "200\N{NO-BREAK SPACE}B",
        "100\N{NO-BREAK SPACE}B",
    ]


def test_moving_a_slider_counts_again_and_choosing_what_to_look_at_does_not(monkeypatch):
    figure = explorables.Network(resolution=96)
    runs = []
    monkeypatch.setattr(type(figure), "measure_state", lambda self: runs.append(self.key()) or 1)
    figure.stage, figure.memory, figure.bits = 9, "blocks", 8
    assert runs == []
    figure.expansion = 3
    assert runs == ["[1,96,3]"]


def test_nearest_released_model_is_the_same_in_the_page_and_in_python(figure):
    models_v2 = figure.released["v2"]
    cases = sorted({each[:2] for each in GRID})
    pages = ask(figure, "nearestReleased", [[models_v2, *each] for each in cases])
    assert pages == [nearest_released(models_v2, *each) for each in cases]
    for model in models_v2:
        assert nearest_released(models_v2, model["alpha"], model["resolution"]) == model


def test_released_models_carry_the_printed_accuracy_and_the_closed_form(figure):
    rows = published.table("tf_slim_mobilenet_v2", "checkpoints").rows
    for row, model in zip(rows, figure.released["v2"], strict=True):
        assert model["top1"] == row["top1"]
        assert model["macs"] == cost.mobilenet_v2(row["alpha"], row["resolution"]).macs
        assert -0.01 < model["macs"] / 1e6 - row["million_macs"] < 1  # the page truncates, and has one class more


def test_an_accuracy_is_only_claimed_for_a_released_model(figure):
    near = figure.released["v2"][2]
    function = "(state, near) => nearestWords(state, near ?? undefined, 1e8)"
    cases = [[state(1, 224, 6), near], [state(1.05, 224, 6), near], [state(1, 224, 4), None]]
    own, other, none = ask(figure, function, cases)
    assert own.startswith("This model was released: 71.8")
    assert "Yours was not released, so there is no accuracy to show." in other
    assert none == "All released models have t = 6. With t = 4 none was released, so there is no accuracy to show."


def test_words_are_whole_in_every_corner(figure):
    function = """(state, spec) => {
      const net = networkV2(state, spec);
      return [resultSentence(net, state, { macs: 300774272, params: 3504872 }),
        ...net.blocks.flatMap((block) => [shapeWords(block), block.code, residualWords(block) + "."])];
    }"""
    cases = [
        [state(*each, memory=memory, bits=bits), figure.spec]
        for each in CORNERS
        for memory, bits in (("layers", 16), ("blocks", 8), ("blocks", 32))
    ]
    for case, texts in zip(cases, ask(figure, function, cases), strict=True):
        for text in texts:
            assert text and not any(bad in text for bad in ("NaN", "undefined", "null", "Infinity")), (case, text)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"width_mult": 0.3001}, "width_mult must be from 0.25 to 1.4 in steps of 0.05, got 0.3001"),
        ({"resolution": 100}, "resolution must be one of"),
        ({"expansion": 0}, "expansion must be from 1 to 10"),
        ({"expansion": 2.5}, "expansion must be from 1 to 10"),
        ({"stage": 12}, "stage must be one of"),
        ({"memory": "all"}, "memory must be one of layers, blocks, got 'all'"),
        ({"bits": 4}, "bits must be one of 8, 16, 32, got 4"),
    ],
)
def test_bad_values_are_refused_in_words(values, says):
    with pytest.raises(traitlets.TraitError, match=says):
        explorables.Network(**values)


@pytest.mark.parametrize("corner", CORNERS)
def test_static_form_says_the_numbers(corner):
    figure = made(corner)
    text, total = words(figure), cost.total(figure.layers())
    assert f"closed form: {total.macs:,} MACs" in text
    if figure.expansion == 6:
        near = nearest_released(figure.released["v2"], figure.width_mult, figure.resolution)
        assert f"{near['top1']}" in text
    assert not any(bad in text for bad in ("NaN", "undefined"))


def test_v2_spec_changes_the_rows_with_an_expansion_only():
    assert specs.v2_spec() == specs.V2_SPEC
    for t in range(1, 11):
        rows = specs.v2_spec(t)
        assert [row.t for row in rows] == [1] + [t] * 6
        assert [row[1:] for row in rows] == [row[1:] for row in specs.V2_SPEC]
        assert list(specs.v2_blocks(0.75, rows))[5].expansion == t
    with pytest.raises(ValueError, match="expansion must be a positive integer, got 0"):
        specs.v2_spec(0)
    with pytest.raises(TypeError, match="expansion must be a positive integer, got 2.5"):
        specs.v2_spec(2.5)


def test_model_class_has_no_flag_for_the_expansion():
    assert "expansion" not in inspect.signature(models.MobileNetV2).parameters
