"""How far one output value sees: the page against `cost`, and the field against gradients of the real networks."""

import math
from functools import cache, partial
from itertools import product

import pytest
import torch
import traitlets
from drawn import words
from node import esm, javascript
from torch import nn

from mobilenet_lib import cost, explorables, measure, models
from mobilenet_lib.explorables import receptive_field

STATES = list(product(["V1", "V2"], [32, 16, 8], ["dilation", "nothing"]))


@cache
def uncounted() -> type[explorables.ReceptiveField]:
    """Return the explorable without fvcore's count, which takes a second for the largest networks."""
    kept = explorables.ReceptiveField
    return type("ReceptiveFieldUncounted", (kept,), {"_measure": lambda self, change=None: None, "_esm": kept._esm})


def figure(network: str = "V2", output_stride: int = 32, lost: str = "dilation", **others):
    return uncounted()(network=network, output_stride=output_stride, lost=lost, **others)


def ask(function: str, cases: list) -> list:
    return javascript(esm(explorables.ReceptiveField), function, cases)


def state(shown) -> dict:
    return {name: getattr(shown, name) for name in shown.settings}


def test_layers_of_the_page_are_those_of_cost():
    shown = [figure(*each) for each in STATES]
    function = """(network, stride, lost) => layersAt(network, stride, lost).map(
      ({ name, role, kernel, stride, dilation, side, params, macs }) =>
        [name, role, kernel, stride, dilation, side, params, macs])"""
    cases = [[own.networks[own.network], own.output_stride, own.lost] for own in shown]
    for own, page in zip(shown, ask(function, cases), strict=True):
        assert page == [
            [
                *(layer.name, layer.role, layer.kernel_size, layer.stride, layer.dilation),
                *(layer.out_size[0], layer.params, layer.macs),
            ]
            for layer in own.layers()
        ]


def test_steps_of_the_page_are_those_of_python():
    shown = [figure(*each) for each in STATES]
    function = """(...args) => fieldSteps(layersAt(...args)).map(
      ({ name, kernel, stride, dilation, gap, jump, side, field, macs }) =>
        [name, kernel, stride, dilation, gap, jump, side, field, macs])"""
    cases = [[own.networks[own.network], own.output_stride, own.lost] for own in shown]
    for own, page in zip(shown, ask(function, cases), strict=True):
        assert page == [list(step) for step in own.steps()]
        assert sum(step.macs for step in own.steps()) + own.layers()[-1].macs == cost.total(own.layers()).macs


def shown_step(own: explorables.ReceptiveField) -> receptive_field.Step:
    """Return the step that is shown: the network's last where it has no such layer."""
    steps = own.steps()
    return steps[min(own.layer, len(steps)) - 1]


def centre_of(own: explorables.ReceptiveField) -> list[int]:
    """Return the pixel in the middle of the receptive field of the value that is shown."""
    step = shown_step(own)
    return [math.floor(share * (step.side - 1) + 0.5) * step.jump for share in (own.across, own.down)]


def test_position_in_the_page_is_a_value_of_the_map():
    shown = [
        figure(*each, layer=layer, across=across, down=1 - across)
        for each in (("V1", 32), ("V2", 16), ("V2", 8))
        for layer in (1, 5, 14, 19)
        for across in (0, 0.05, 0.45, 0.5, 0.55, 0.95, 1)
    ]
    pages = ask("centreOf", [[shown_step(own)._asdict(), state(own)] for own in shown])
    assert pages == [centre_of(own) for own in shown]


def seen(network: nn.Module, name: str, across: float, down: float) -> tuple[range, range]:
    """Return the columns and rows of the image that change one value of a part: where its gradient is not zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.ones_(module.weight)
            module.weight.data /= module.weight[0].numel()
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.ReLU6):
            module.forward = lambda x: x  # whatever the numbers are, the gradient passes
    kept = []
    hook = network.get_submodule(name).register_forward_hook(lambda module, inputs, output: kept.append(output))
    image = torch.zeros(1, 3, 224, 224, dtype=torch.double, requires_grad=True)
    network.double().eval()(image)
    hook.remove()
    value = kept[0]
    side = value.shape[-1]
    column, row = (int(share * (side - 1) + 0.5) for share in (across, down))
    (gradient,) = torch.autograd.grad(value[0, 0, row, column], image)
    changes = gradient[0].abs().sum(0) > 0
    columns, rows = (changes.any(axis).nonzero().flatten().tolist() for axis in (0, 1))
    return range(columns[0], columns[-1] + 1), range(rows[0], rows[-1] + 1)


@pytest.mark.parametrize(
    ("each", "layer", "at"),
    [
        (("V1", 32, "dilation"), 7, (0.5, 0.5)),
        (("V1", 8, "dilation"), 10, (0.0, 1.0)),
        (("V1", 16, "nothing"), 14, (1.0, 0.0)),
        (("V2", 32, "dilation"), 1, (0.5, 0.5)),
        (("V2", 32, "dilation"), 12, (0.5, 0.5)),
        (("V2", 32, "dilation"), 18, (0.0, 1.0)),
        (("V2", 16, "dilation"), 16, (1.0, 0.0)),
        (("V2", 8, "dilation"), 9, (0.4, 0.6)),
        (("V2", 8, "dilation"), 19, (0.0, 0.0)),
        (("V2", 8, "nothing"), 17, (0.5, 0.3)),
    ],
)
def test_field_is_where_the_gradient_of_the_real_network_is_not_zero(each, layer, at, monkeypatch):
    for name in ("MobileNetV1", "MobileNetV2"):  # thin: how far it sees does not depend on the channels
        monkeypatch.setattr(models, name, partial(getattr(models, name), width_mult=0.1))
    shown = figure(*each, layer=layer, across=at[0], down=at[1])
    torch.manual_seed(0)
    step = shown.steps()[layer - 1]
    reach = (step.field - 1) // 2
    [centre] = javascript(esm(shown), "centreOf", [[step._asdict(), {"across": at[0], "down": at[1]}]])
    expected = tuple(range(max(0, c - reach), min(224, c + reach + 1)) for c in centre)
    assert seen(shown.build(), step.name, *at) == expected


def test_field_is_kept_by_dilation_and_shrinks_without_it():
    for network, whole, without in (("V1", 315, {16: 283, 8: 171}), ("V2", 491, {16: 395, 8: 235})):
        own = [step.field for step in figure(network).steps()]
        assert own[-1] == whole
        for output_stride, shrunken in without.items():
            assert [step.field for step in figure(network, output_stride).steps()] == own
            assert figure(network, output_stride, "nothing").steps()[-1].field == shrunken


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("each", [("V1", 16, "dilation"), ("V2", 8, "nothing"), ("V2", 16, "dilation")])
def test_closed_form_is_what_fvcore_counts_on_the_real_network(each):
    shown = explorables.ReceptiveField(**dict(zip(("network", "output_stride", "lost"), each, strict=True)))
    total = cost.total(shown.layers())
    assert shown.measured == {"key": shown.key(), "macs": total.macs}
    network = shown.build()
    assert measure.params(network) == total.params
    spatial = [module for module in network.modules() if isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1)]
    assert [module.dilation[0] for module in spatial] == [step.dilation for step in shown.steps() if step.kernel > 1]


def test_where_to_look_is_not_counted_again_and_the_network_is(monkeypatch):
    shown = explorables.ReceptiveField()
    runs = []
    monkeypatch.setattr(type(shown), "measure_state", lambda self: runs.append(self.key()) or 1)
    shown.layer, shown.across, shown.down = 3, 0.1, 0.9
    assert runs == []
    shown.output_stride = 16
    assert runs == ['["V2",16,"dilation"]']


def test_sentences_are_whole_and_true_everywhere():
    function = """(networks, state) => {
      const net = (outputStride, lost) => {
        const layers = layersAt(networks[state.network], outputStride, lost);
        return { steps: fieldSteps(layers), macs: macsOf(layers) };
      };
      const [now, own] = [net(state.output_stride, state.lost), net(32, "dilation")];
      return fieldSentence(shownStep(now.steps, state), state, now.steps.at(-1), own.steps, now.macs, own.macs);
    }"""
    shown = [
        figure(*each, layer=layer, across=at, down=at)
        for each in STATES
        for layer in (1, 9, 14, 19)
        for at in (0, 0.5, 1)
    ]
    for own, says in zip(shown, ask(function, [[own.networks, state(own)] for own in shown]), strict=True):
        step = shown_step(own)
        assert says.startswith(f"One value of {step.name} sees {step.field}×{step.field} pixels.")
        assert not any(bad in says for bad in ("NaN", "undefined", "null", "Infinity", "-")), says
        centre, reach = centre_of(own), (step.field - 1) // 2
        visible = [min(224, c + reach + 1) - max(0, c - reach) for c in centre]
        assert ("The whole image lies in it" in says) == (visible == [224, 224])
        assert ("is beyond it" in says) == (visible != [step.field, step.field])
        assert ("instead of" in says) == (own.lost == "nothing" and own.output_stride < 32)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"network": "V3"}, "network must be one of V1, V2, got 'V3'"),
        ({"output_stride": 4}, "output_stride must be one of 32, 16, 8, got 4"),
        ({"lost": "all"}, "lost must be one of dilation, nothing, got 'all'"),
        ({"layer": 20}, "layer must be one of"),
        ({"across": 1.05}, "across must be from 0.0 to 1.0 in steps of 0.05, got 1.05"),
        ({"down": float("nan")}, "down must be from 0.0 to 1.0"),
    ],
)
def test_bad_values_are_refused_in_words(values, says):
    with pytest.raises(traitlets.TraitError, match=says):
        explorables.ReceptiveField(**values)


@pytest.mark.parametrize("each", STATES)
def test_static_form_says_the_numbers(each):
    shown = figure(*each, layer=19, across=0.0)
    text, step = words(shown), shown.steps()[-1]
    assert f"One value of {step.name} sees {step.field}×{step.field} pixels." in text
    assert f"closed form: {cost.total(shown.layers()).macs:,} MACs" in text


def test_v1_has_fewer_layers_and_shows_its_last():
    shown = figure("V1", layer=19)
    assert len(shown.steps()) == 14
    assert f"One value of {shown.steps()[-1].name} sees" in words(shown)
    assert len(figure("V2").steps()) == receptive_field.STEPS
