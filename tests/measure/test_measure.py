"""What measures: held against the closed form, torch's own counter and torchinfo, and checked to leave no trace."""

import copy
import logging
import sys
import warnings
from contextlib import contextmanager

import pytest
import timm
import torch
import torchvision
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mobilenet_lib import V2_SPEC, InvertedResidual, MobileNetV1, MobileNetV2, cost, measure
from mobilenet_lib.measure import counts

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


# Convolutions and matrix products, and nothing else


class Calls(nn.Module):
    """A function of the input and of weights, as a module."""

    def __init__(self, function, *shapes):
        super().__init__()
        self.function = function
        self.weights = nn.ParameterList([torch.randn(shape) for shape in shapes])

    def forward(self, x):
        return self.function(x, *self.weights)


class First(nn.Module):
    """What a recurrent layer or attention returns first."""

    def __init__(self, part, times=1):
        super().__init__()
        self.part, self.times = part, times

    def forward(self, x):
        return self.part(*[x] * self.times)[0]


attention = nn.functional.scaled_dot_product_attention
PRODUCTS = {
    "conv": (nn.Conv2d(8, 12, 3), (2, 8, 9, 9)),
    "same": (nn.Conv2d(8, 12, 3, padding="same"), (2, 8, 9, 9)),
    "circular": (nn.Conv2d(8, 12, 3, padding=1, padding_mode="circular"), (2, 8, 9, 9)),
    "grouped": (nn.Conv2d(8, 12, 3, groups=4, dilation=2, stride=2), (2, 8, 19, 19)),
    "one dimension": (nn.Conv1d(8, 12, 3, padding="valid"), (2, 8, 9)),
    "three dimensions": (nn.Conv3d(8, 12, 3), (1, 8, 5, 5, 5)),
    "transposed": (nn.ConvTranspose2d(8, 12, 3, stride=2, groups=4, output_padding=1), (2, 8, 9, 9)),
    "linear": (nn.Linear(8, 3), (5, 8)),
    "linear, three dimensions": (nn.Linear(8, 3, bias=False), (2, 5, 8)),
    "attention": (First(nn.MultiheadAttention(16, 4, batch_first=True), 3), (2, 7, 16)),
    "attention without bias": (First(nn.MultiheadAttention(16, 4, bias=False, add_zero_attn=True), 3), (2, 7, 16)),
    "transformer": (nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), (2, 7, 16)),
    "attention's core": (Calls(attention, (2, 4, 5, 8), (2, 4, 5, 6)), (2, 4, 7, 8)),
    "einsum": (Calls(lambda x, w: torch.einsum("bchw,cd->bdhw", x, w), (8, 5)), (2, 8, 4, 4)),
    "einsum of three": (Calls(lambda x, w, v: torch.einsum("ij,jk,kl->il", x, w, v), (8, 5), (5, 6)), (4, 8)),
    "einsum with dots": (Calls(lambda x, w: torch.einsum("...ij,...jk", x, w), (8, 5)), (2, 3, 4, 8)),
    "einsum without a sum": (Calls(lambda x, w: torch.einsum("i,j->ij", x, w), (8,)), (4,)),
    "a broadcast product": (Calls(torch.matmul, (3, 8, 5)), (4, 8)),
    "a product and a sum": (Calls(lambda x, b, w: torch.baddbmm(b, x, w), (2, 4, 5), (2, 8, 5)), (2, 4, 8)),
    "tensordot": (Calls(lambda x, w: torch.tensordot(x, w, dims=2), (4, 8, 5)), (2, 4, 8)),
    "a chain of products": (Calls(lambda x, w, v: torch.linalg.multi_dot([x, w, v]), (8, 5), (5, 6)), (4, 8)),
    "LSTM": (First(nn.LSTM(8, 5, 2, bidirectional=True, batch_first=True)), (2, 4, 8)),
    "LSTM with a projection": (First(nn.LSTM(8, 5, 2, proj_size=3)), (2, 4, 8)),
    "GRU": (First(nn.GRU(8, 5)), (2, 4, 8)),
    "a GRU's cell": (nn.GRUCell(8, 5), (4, 8)),
}


@contextmanager
def without_onednn():
    """Have recurrent layers computed by products that can be seen."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "TF32 acceleration on top of oneDNN")
        with torch.backends.mkldnn.flags(enabled=False):
            yield


def counted_by_torch(module, shape):
    """Return half of what PyTorch's counter finds where nothing hides its products behind one call."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH), without_onednn():
            copy.deepcopy(module).eval()(torch.zeros(shape))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return counter.get_total_flops() // 2


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("name", PRODUCTS)
def test_macs_are_half_of_what_torch_counts(name):
    module, shape = PRODUCTS[name]
    fast = torch.backends.mha.get_fastpath_enabled()
    assert measure.macs(module, shape) == counted_by_torch(module, shape)
    assert counts.of_products(measure.macs_by_operator(module, shape)) == measure.macs(module, shape)
    assert torch.backends.mha.get_fastpath_enabled() == fast


@pytest.mark.parametrize(
    ("module", "shape", "macs"),
    [  # torch's counter leaves these out
        (Calls(torch.matmul, (8,)), (4, 8), 32),
        (Calls(torch.dot, (8,)), (8,), 8),
        (Calls(lambda x, b, w: torch.addbmm(b, x, w), (4, 5), (2, 8, 5)), (2, 4, 8), 320),
        (Calls(lambda x, w, v: torch.chain_matmul(x, w, v), (8, 5), (5, 6)), (4, 8), 4 * 8 * 5 + 4 * 5 * 6),
    ],
)
@pytest.mark.filterwarnings("ignore:torch.chain_matmul is deprecated")
def test_a_product_with_a_vector_and_a_sum_of_products_are_products(module, shape, macs):
    assert measure.macs(module, shape) == macs


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "levit_128s", "vit_tiny_patch16_224", "convnext_atto"])
def test_macs_of_timms_networks_are_half_of_what_torch_counts(name):
    network = timm.create_model(name)
    assert measure.macs(network, SHAPE) == counted_by_torch(network, SHAPE)


NO_PRODUCTS = {
    "BatchNorm": nn.BatchNorm2d(8),
    "GroupNorm": nn.GroupNorm(2, 8),
    "LayerNorm": nn.LayerNorm((8, 4, 4)),
    "InstanceNorm": nn.InstanceNorm2d(8, affine=True),
    "InstanceNorm without weights": nn.InstanceNorm2d(8),
    "RMSNorm": nn.RMSNorm((8, 4, 4)),
    "LocalResponseNorm": nn.LocalResponseNorm(3),
    "nearest": nn.Upsample(scale_factor=2),
    "bilinear": nn.Upsample(scale_factor=2, mode="bilinear"),
    "bicubic": nn.Upsample(scale_factor=2, mode="bicubic"),
    "shuffled": nn.PixelShuffle(2),
    "pooled": nn.AdaptiveAvgPool2d(1),
    "averaged": nn.AvgPool2d(2),
    "largest": nn.AdaptiveMaxPool2d(2),
    "sampled": Calls(lambda x: nn.functional.grid_sample(x, torch.zeros(1, 4, 4, 2), align_corners=False)),
    "normalised": Calls(lambda x: nn.functional.normalize(x) * x.std() + x.softmax(1)),
    "activated": nn.Sequential(nn.PReLU(8), nn.GELU(), nn.Hardswish(), nn.Dropout2d()),
}


@pytest.mark.parametrize("name", NO_PRODUCTS)
def test_what_is_neither_a_convolution_nor_a_matrix_product_is_not_counted(name):
    module = nn.Sequential(nn.Conv2d(8, 8, 1, bias=False), NO_PRODUCTS[name])
    assert measure.macs(module, (1, 8, 4, 4)) == 1024
    assert measure.cost(module, (1, 8, 4, 4)).macs == 1024


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("norm", [nn.BatchNorm2d, lambda width: nn.GroupNorm(8, width), nn.InstanceNorm2d])
def test_the_normalisation_changes_no_networks_macs(norm):
    assert measure.macs(torchvision.models.mobilenet_v2(norm_layer=norm), SHAPE) == 300_774_272


@pytest.mark.parametrize(
    "given", [lambda y: {"out": y, "stride": 8}, lambda y: (y, None, "name", [1.5, y]), lambda y: y]
)
def test_numbers_and_words_beside_the_tensors_of_a_result_change_nothing(given):
    module = nn.Sequential(nn.Conv2d(8, 8, 1, bias=False), Calls(given))
    assert measure.macs(module, (1, 8, 4, 4)) == 1024


def test_fvcores_full_count_still_has_its_other_operators():
    module = nn.Sequential(nn.Conv2d(8, 8, 1, bias=False), nn.GroupNorm(2, 8), nn.Upsample(scale_factor=2))
    counted = measure.macs_by_operator(module, (1, 8, 4, 4))
    assert counted == {"conv": 1024, "group_norm": 640, "upsample_nearest2d": 512}


# What measuring leaves behind


def mixed_mode_network():
    """Return a network of three blocks in training mode, the first frozen in eval mode, with moved averages."""
    torch.manual_seed(0)
    model = MobileNetV2(10, 0.25, spec=V2_SPEC[:2])
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
def test_a_module_that_refuses_its_input_stays_as_it_was(count):
    model = mixed_mode_network()
    modes = [part.training for part in model.modules()]
    model.stem.register_forward_hook(lambda module, given, result: None)
    for shape in ((1, 3, 2, 16), (1, 5, 64, 64)):
        with pytest.raises(ValueError, match="input_shape must be one that the module takes, got .*; it says: x must"):
            count(model, shape)
    assert [part.training for part in model.modules()] == modes
    assert [part for part in model.modules() if part._forward_hooks or part._forward_pre_hooks] == [model.stem]
    assert len(model.stem._forward_hooks) == 1


@pytest.mark.parametrize("count", [measure.macs, measure.macs_by_operator, measure.cost, measure.summary])
def test_measuring_is_quiet(count, monkeypatch, capsys):
    records, handler = [], logging.Handler(logging.WARNING)
    monkeypatch.setattr(handler, "emit", records.append)
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        count(MobileNetV2(10, 0.25, spec=V2_SPEC[:2]), (1, 3, 64, 64))
    assert records == []
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
