"""What measures: held against the closed form, torch's own counter and torchinfo, and checked to leave no trace."""

import copy
import logging
import sys
import warnings

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mobilenet_lib import InvertedResidual, MobileNetV1, MobileNetV2, cost, measure

SHAPE = (1, 3, 224, 224)
NETWORKS = {
    "v1": (MobileNetV1, cost.mobilenet_v1_layers, 4_231_976, 568_740_352, 578_875_904),
    "v2": (MobileNetV2, cost.mobilenet_v2_layers, 3_504_872, 300_774_272, 314_193_216),
}


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    """Return a network, its rows, and its known parameters, MACs and fvcore total."""
    build, layers, *known = NETWORKS[request.param]
    return build(), layers(), *known


def test_macs_are_those_of_convolutions_and_linear_layers(network):
    model, rows, params, macs, _ = network
    assert measure.macs(model, SHAPE) == macs == cost.total(rows).macs
    assert measure.params(model) == params == cost.total(rows).params
    assert measure.cost(model, SHAPE) == cost.Cost(params, macs)


def test_fvcores_total_also_counts_batchnorm_twice_per_output_and_the_pools_inputs(network):
    model, rows, _, macs, total = network
    by_operator = measure.macs_by_operator(model, SHAPE)
    outputs = sum(row.activations for row in rows if row.norm)
    pooled = [row for row in rows if row.norm][-1].activations
    assert by_operator == {
        "conv": macs - rows[-1].macs,
        "batch_norm": 2 * outputs,
        "adaptive_avg_pool2d": pooled,
        "linear": rows[-1].macs,
    }
    assert sum(by_operator.values()) == total == macs + 2 * outputs + pooled


def test_torchs_counter_counts_each_mac_twice(network):
    model, _, _, macs, _ = network
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        copy.deepcopy(model).to("meta").eval()(torch.empty(SHAPE, device="meta"))
    assert counter.get_total_flops() == 2 * macs


def test_torchinfo_adds_the_batchnorm_parameters_and_the_bias_to_the_macs(network):
    model, rows, params, macs, _ = network
    summary = measure.summary(model, SHAPE)
    assert summary.total_params == params
    normed = sum(2 * row.out_channels for row in rows if row.norm)
    assert summary.total_mult_adds == macs + normed + 1000


def test_a_batch_costs_as_many_times_what_one_image_costs():
    block = InvertedResidual(8, 48, 8)
    assert measure.macs(block, (5, 8, 14, 14)) == 5 * cost.inverted_residual(8, 48, 8, 14).macs


def mixed_mode_network():
    """Return a small network in training mode whose first block is frozen in eval mode, with moved averages."""
    torch.manual_seed(0)
    model = MobileNetV2(10, 0.25)
    model(torch.randn(2, 3, 64, 64))
    model.blocks[0].eval()
    return model


@pytest.mark.parametrize("count", [measure.macs, measure.macs_by_operator, measure.cost, measure.summary])
def test_measuring_leaves_the_module_as_it_was(count):
    model = mixed_mode_network()
    state = copy.deepcopy(model.state_dict())
    modes = [part.training for part in model.modules()]
    assert len(set(modes)) == 2
    count(model, (1, 3, 64, 64))
    assert [part.training for part in model.modules()] == modes
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, state[name]), name
    for part in model.modules():
        assert not part._forward_hooks
        assert not part._forward_pre_hooks
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("count", [measure.macs, measure.cost, measure.summary])
def test_a_module_that_refuses_its_input_keeps_its_mode(count):
    model = mixed_mode_network()
    modes = [part.training for part in model.modules()]
    with pytest.raises((ValueError, RuntimeError)):
        count(model, (1, 3, 16, 16))
    assert [part.training for part in model.modules()] == modes


@pytest.mark.parametrize("count", [measure.macs, measure.macs_by_operator, measure.cost, measure.summary])
def test_measuring_is_quiet(count, caplog, capsys):
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        count(MobileNetV2(10, 0.25), (1, 3, 64, 64))
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert capsys.readouterr() == ("", "")


def test_quiet_is_only_what_fvcore_is_known_for():
    class Warns(nn.Module):
        def forward(self, x):
            warnings.warn("look here", UserWarning, stacklevel=2)
            return x + 1

    with pytest.warns(UserWarning, match="look here"):
        measure.macs(Warns(), (1, 3))


def test_a_module_without_parameters_costs_nothing():
    assert measure.cost(nn.ReLU6(), (1, 3, 8, 8)) == cost.Cost()


def test_a_summary_prints_a_row_for_each_part_as_deep_as_asked():
    block = InvertedResidual(8, 48, 8)
    deep, shallow = (str(measure.summary(block, (1, 8, 14, 14), depth)) for depth in (3, 1))
    assert deep.count("Conv2d") == 3
    assert "Conv2d" not in shallow
    assert "75,264" in deep  # 14 * 14 * 8 * 48, the expansion's MACs


def test_without_fvcore_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fvcore", None)
    monkeypatch.setitem(sys.modules, "fvcore.nn", None)
    model = nn.Conv2d(3, 4, 1)
    for count in (measure.macs, measure.macs_by_operator, measure.cost):
        with pytest.raises(ImportError, match="pip install fvcore"):
            count(model, (1, 3, 8, 8))
    assert measure.params(model) == 16
    assert model.training


def test_without_torchinfo_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchinfo", None)
    with pytest.raises(ImportError, match="pip install torchinfo"):
        measure.summary(nn.Conv2d(3, 4, 1), (1, 3, 8, 8))


@pytest.mark.parametrize("count", [measure.macs, measure.macs_by_operator, measure.cost, measure.summary])
def test_what_is_not_a_module_is_refused(count):
    with pytest.raises(TypeError, match="module must be a torch.nn.Module.*call the class"):
        count(MobileNetV2, SHAPE)
    with pytest.raises(TypeError, match="module must be a torch.nn.Module, got 'v2'"):
        count("v2", SHAPE)
    with pytest.raises(TypeError, match="module must be"):
        measure.params(None)
