"""Shipping: each step gives the same network again, and says so against PyTorch, timm, torchvision, ONNX Runtime."""

from __future__ import annotations

import copy
import sys
import tempfile
from pathlib import Path

import fresh
import numpy as np
import onnx
import pytest
import timm
import torch
import torchvision
from peers import shake
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mobilenet_lib import (
    ConvBNReLU,
    DepthwiseSeparableConv,
    InvertedResidual,
    MobileNetV1,
    MobileNetV2,
    measure,
    shipping,
)
from mobilenet_lib.topics import onnx_files

SHAPE = (1, 8, 14, 14)


def shaken(network: nn.Module) -> nn.Module:
    """Return the network in eval mode with weights and BatchNorms that do something."""
    return shake(network, seed=1).eval()


def same(a: torch.Tensor, b: torch.Tensor, tolerance: float = 1e-5) -> bool:
    return bool((a - b).abs().max() <= tolerance * b.abs().max())


# BatchNorm


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("groups", [1, 8])
def test_a_folded_pair_is_what_torch_folds(bias, groups):
    conv = nn.Conv2d(8, 16, 3, groups=groups, bias=bias).eval()
    norm = shaken(nn.BatchNorm2d(16))
    folded, theirs = shipping.fold_pair(conv, norm), fuse_conv_bn_eval(conv, norm)
    assert torch.allclose(folded.weight, theirs.weight, atol=1e-6)
    assert torch.allclose(folded.bias, theirs.bias, atol=1e-6)
    x = torch.randn(2, 8, 9, 9)
    assert same(folded(x), norm(conv(x)))


def test_a_batchnorm_without_scale_and_shift_folds_too():
    conv, norm = nn.Conv2d(4, 4, 1, bias=False).eval(), shaken(nn.BatchNorm2d(4, affine=False))
    x = torch.randn(2, 4, 5, 5)
    assert same(shipping.fold_pair(conv, norm)(x), norm(conv(x)))


NETWORKS = {
    "V1": lambda: MobileNetV1(10, 0.25),
    "V2": lambda: MobileNetV2(10, 0.25),
    "timm's V1": lambda: timm.create_model("mobilenetv1_100", num_classes=10),
    "timm's V2": lambda: timm.create_model("mobilenetv2_050", num_classes=10),
    "torchvision's V2": lambda: torchvision.models.mobilenet_v2(num_classes=10, width_mult=0.25),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_folded_network_computes_the_same_without_a_batchnorm(name):
    network, x = shake(NETWORKS[name]()).double(), torch.randn(2, 3, 64, 64, dtype=torch.double)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = 1.0  # one pass in training mode sets the averages, and no layer explodes or dies
    with torch.no_grad():
        network.train()(x)
        state = copy.deepcopy(network.eval().state_dict())
        folded = shipping.fold(network)
        assert same(folded(x), network(x), 1e-10)
        assert not same(network(x[:1]), network(x[1:]), 0.1)  # what comes out depends on what goes in
    assert not [part for part in folded.modules() if isinstance(part, nn.BatchNorm2d)]
    for key, tensor in network.state_dict().items():
        assert torch.equal(tensor, state[key]), key


def test_timms_activations_stay():
    network = timm.create_model("mobilenetv2_050")
    folded = shipping.fold(network)
    count = sum(isinstance(part, nn.ReLU6) for part in network.modules())
    assert count == sum(isinstance(part, nn.ReLU6) for part in folded.modules()) > 30


def test_what_is_no_pair_is_refused():
    conv = nn.Conv2d(4, 8, 1)
    with pytest.raises(TypeError, match="got Conv2d and ReLU"):
        shipping.fold_pair(conv, nn.ReLU())
    with pytest.raises(ValueError, match="norm must have 8 channels like the output of conv, got 4"):
        shipping.fold_pair(conv, nn.BatchNorm2d(4))
    with pytest.raises(ValueError, match="running averages"):
        shipping.fold_pair(conv, nn.BatchNorm2d(8, track_running_stats=False))
    with pytest.raises(TypeError, match="call the class"):
        shipping.fold(MobileNetV2)


# ONNX


@pytest.fixture(scope="module")
def block() -> nn.Module:
    return shaken(InvertedResidual(8, 48, 8))


@pytest.fixture(scope="module")
def exported(block) -> bytes:
    return shipping.to_onnx(block, SHAPE)


def test_the_exported_block_computes_the_same_for_any_batch(block, exported):
    run = shipping.OnnxNetwork(exported)
    for batch in (1, 2, 7):
        x = torch.randn(batch, *SHAPE[1:])
        with torch.no_grad():
            assert same(run(x), block(x))


def test_the_model_is_valid_and_has_no_batchnorm_left(exported):
    model = onnx.load_from_string(exported)
    onnx.checker.check_model(model, full_check=True)
    assert (model.opset_import[0].version, model.ir_version) == (onnx_files.OPSET, onnx_files.IR_VERSION)
    assert [each.name for each in (*model.graph.input, *model.graph.output)] == ["input", "output"]
    assert shipping.operators(exported) == {"Conv": 3, "Clip": 2, "Add": 1}


def test_the_same_block_gives_the_same_bytes_here_and_in_another_process_quietly(block, exported, tmp_path, capfd):
    capfd.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "onnxruntime", None)  # without it a model is written all the same
        assert shipping.to_onnx(block, (5, *SHAPE[1:])) == exported
    assert capfd.readouterr() == ("", "")
    torch.save(block.state_dict(), tmp_path / "block.pt")
    program = (
        "import torch; from mobilenet_lib import InvertedResidual, shipping; block = InvertedResidual(8, 48, 8);"
        f"block.load_state_dict(torch.load({str(tmp_path / 'block.pt')!r}));"
        f"open({str(tmp_path / 'block.onnx')!r}, 'wb').write(shipping.to_onnx(block, {SHAPE}))"
    )
    done = fresh.python(program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "block.onnx").read_bytes() == exported


def test_the_model_says_nothing_about_where_it_was_made(exported):
    for word in (b".py", b"mobilenet_lib/", b"forward", b"torch", b"pkg."):
        assert word not in exported, word


def test_a_part_can_be_looked_into(block):
    model = shipping.to_onnx(block, SHAPE, features=["conv1", "depthwise"])
    run, x = shipping.OnnxNetwork(model), torch.randn(3, *SHAPE[1:])
    assert run.outputs == ("output", "conv1", "depthwise")
    with torch.no_grad():
        output, expanded, filtered = run(x)
        assert same(output, block(x))
        assert same(expanded, block.conv1(x))
        assert same(filtered, block.depthwise(block.conv1(x)))
    assert not any(part._forward_hooks for part in block.modules())


def test_exporting_leaves_the_module_as_it_was():
    module = DepthwiseSeparableConv(8, 4)
    state = copy.deepcopy(module.state_dict())
    shipping.to_onnx(module, SHAPE, features=["depthwise"])
    assert all(part.training for part in module.modules())
    assert all(torch.equal(tensor, state[key]) for key, tensor in module.state_dict().items())


def test_wrong_arguments_are_refused(block):
    with pytest.raises(TypeError, match="call the class"):
        shipping.to_onnx(MobileNetV2, SHAPE)
    with pytest.raises(ValueError, match=r"input_shape\[1\] must be a positive integer"):
        shipping.to_onnx(block, (1, 0, 14, 14))
    with pytest.raises(ValueError, match=r"features must name parts of the module \(conv1, .*got 'conv9'"):
        shipping.to_onnx(block, SHAPE, features=["conv9"])
    with pytest.raises(TypeError, match="model must be the bytes"):
        shipping.OnnxNetwork("block.onnx")


@pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime"])
def test_what_is_not_installed_is_named_with_a_remedy(monkeypatch, block, exported, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=f"this needs {missing}: pip install onnx onnxscript onnxruntime"):
        if missing != "onnxruntime":  # without it a model is written, see above
            shipping.to_onnx(block, SHAPE)
        shipping.OnnxNetwork(exported)


# What was written is opened and run


def test_a_network_of_half_numbers_gives_a_model_of_half_numbers():
    module = shaken(DepthwiseSeparableConv(8, 4)).half()
    run = shipping.OnnxNetwork(shipping.to_onnx(module, SHAPE))
    assert run.dtype == torch.float16
    x = torch.randn(3, *SHAPE[1:]).half()
    with torch.no_grad():
        assert run(x).dtype == torch.float16 and same(run(x).float(), copy.deepcopy(module).float()(x.float()), 0.02)
    assert measure.latency(run, SHAPE, seconds=0.01).runs >= 5


def test_what_onnx_runtime_does_not_run_is_refused_at_the_call_with_a_remedy_that_helps():
    for dtype in (torch.double, torch.bfloat16):
        module = nn.Conv2d(8, 4, 1).to(dtype)
        name = str(dtype).removeprefix("torch.")
        with pytest.raises(ValueError, match=f"module must be one .*got {name}, .*module.float.. makes it float32"):
            shipping.to_onnx(module, SHAPE)
        assert module.weight.dtype == dtype
    run = shipping.OnnxNetwork(shipping.to_onnx(module.float(), SHAPE))  # the remedy
    assert run(torch.zeros(SHAPE)).shape == (1, 4, 14, 14)


def test_double_numbers_are_exported_where_onnx_runtime_has_the_operators():
    layer = nn.Linear(8, 4).double()
    run, x = shipping.OnnxNetwork(shipping.to_onnx(layer, (1, 8))), torch.randn(3, 8).double()
    assert run.dtype == torch.float64
    with torch.no_grad():
        assert same(run(x), layer(x), 1e-12)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: shipping.OnnxNetwork(b"no model"), ValueError, "model must be an ONNX model .*got 8 bytes"),
        (lambda: shipping.OnnxNetwork(None), TypeError, "model must be the bytes of an ONNX model, got NoneType"),
        (lambda: shipping.operators("block.onnx"), TypeError, "model must be the bytes .*got str"),
        (lambda: shipping.operators(b"no model"), ValueError, "model must be an ONNX model, got 8 bytes that are none"),
        (lambda: shipping.to_onnx(nn.Linear(8, 4), (8,)), ValueError, r"input_shape must have a batch .*got \(8,\)"),
        (lambda: shipping.to_onnx(nn.Linear(8, 4), (1, 8), features="fc"), TypeError, r"for one write \['fc'\]"),
        (lambda: shipping.to_onnx(nn.Linear(8, 4), (1, 8), features=["fc"]), ValueError, r"\(it has none\), got 'fc'"),
        (
            lambda: shipping.to_onnx(nn.Sequential(nn.ReLU()), (1, 8), features=["0", "0"]),
            ValueError,
            "once, .* got '0'",
        ),
        (
            lambda: shipping.to_onnx(nn.ModuleDict({"input": nn.ReLU()}), (1, 8), features=["input"]),
            ValueError,
            "none that is called input or output, got 'input'",
        ),
    ],
)
def test_what_is_no_model_and_no_shape_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_what_the_exporter_does_not_write_down_is_one_sentence(monkeypatch):
    def export(*given, **options):
        raise torch.onnx.OnnxExporterError("step 1/3") from ValueError("not for any batch\nand much more")

    monkeypatch.setattr(torch.onnx, "export", export)
    with pytest.raises(ValueError, match="module must be one .* any batch, got ReLU; it says: not for any batch; exp"):
        shipping.to_onnx(nn.ReLU(), (1, 8))


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.zeros((1, 3, 6, 6), np.float32), TypeError, "x must be a Tensor, got ndarray"),
        (torch.zeros(1, 3, 6, 6).double(), ValueError, "torch.float32 of size .*, got torch.float64 of size"),
        (torch.zeros(1, 4, 6, 6), ValueError, r"\['batch', 3, 6, 6\], got torch.float32 of size \[1, 4, 6, 6\]"),
    ],
)
def test_an_input_that_a_model_does_not_take_is_shown_beside_what_it_takes(small, x, error, words):
    with pytest.raises(error, match=words):
        shipping.OnnxNetwork(small)(x)


# Eight bits


@pytest.fixture(scope="module")
def small() -> bytes:
    """Return a model of one convolution, for images of 3x6x6."""
    torch.manual_seed(0)
    return shipping.to_onnx(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU6()), (1, 3, 6, 6))


IMAGES = torch.linspace(-1, 1, 8 * 3 * 6 * 6).reshape(8, 3, 6, 6)
WRONG_IMAGES = {
    "none": (None, TypeError, r"images must be a tensor of shape \(N, 3, 6, 6\), got NoneType"),
    "a list": (list(IMAGES), TypeError, r"got list; torch.stack\(images\) makes one"),
    "numbers": ([[0.0]], TypeError, "got list; read and prepare"),
    "a path": (Path("images"), TypeError, "got PosixPath|got WindowsPath"),
    "a name": ("images", TypeError, "got str"),
    "an array": (IMAGES.numpy(), TypeError, "got ndarray"),
    "bytes": (IMAGES.to(torch.uint8), TypeError, r"got torch.uint8; .*images.float\(\) / 255"),
    "integers": (IMAGES.long(), TypeError, "got torch.int64"),
    "no image": (IMAGES[:0], ValueError, r"images must be some hundred, got \(0, 3, 6, 6\)"),
    "a single image": (IMAGES[0], ValueError, r"with the batch, got \(3, 6, 6\); for a single one, images\[None\]"),
    "a grey one": (IMAGES[:, :1], ValueError, r"images must have shape \(N, 3, 6, 6\), got \(8, 1, 6, 6\)"),
    "a larger one": (IMAGES.repeat(1, 1, 2, 2), ValueError, r"got \(8, 3, 12, 12\)"),
    "a number": (IMAGES.sum(), ValueError, r"images must have shape \(N, 3, 6, 6\), got \(\)"),
    "nan": (IMAGES.log(), ValueError, "images must be finite numbers, got nan or inf"),
}


@pytest.mark.parametrize("name", WRONG_IMAGES)
def test_images_that_no_range_can_be_measured_on_are_refused(small, name):
    images, error, words = WRONG_IMAGES[name]
    with pytest.raises(error, match=words):
        shipping.to_int8(small, images)


def test_the_remedies_for_images_help(small):
    pixels = (255 * IMAGES.abs()).to(torch.uint8)
    for images in (torch.stack(list(IMAGES)), pixels.float() / 255, IMAGES[0][None], IMAGES.double(), IMAGES.half()):
        assert shipping.OnnxNetwork(shipping.to_int8(small, images))(IMAGES).shape == (8, 8, 4, 4)


@pytest.mark.parametrize("per_channel", [False, True])
def test_a_model_in_eight_bits_is_not_put_into_eight_bits_again(small, per_channel):
    quantized = shipping.to_int8(small, IMAGES, per_channel=per_channel)
    with pytest.raises(ValueError, match="model must be in floating point, got one with (Deq|Q)uantizeLinear"):
        shipping.to_int8(quantized, IMAGES)


def test_only_a_float32_model_is_put_into_eight_bits(small):
    half = shipping.to_onnx(nn.Conv2d(3, 8, 3).half(), (1, 3, 6, 6))
    with pytest.raises(ValueError, match=r"model must take float32, got float16; export module.float\(\)"):
        shipping.to_int8(half, IMAGES.half())
    with pytest.raises(TypeError, match="model must be the bytes"):
        shipping.to_int8(nn.Conv2d(3, 8, 3), IMAGES)
    with pytest.raises(ValueError, match="model must be an ONNX model"):
        shipping.to_int8(small[: len(small) // 2], IMAGES)


def test_a_model_that_is_not_ours_may_call_its_input_as_it_likes(small):
    model = onnx.load_from_string(small)
    for node in model.graph.node:
        node.input[:] = ["picture" if name == "input" else name for name in node.input]
    model.graph.input[0].name = "picture"
    run = shipping.OnnxNetwork(shipping.to_int8(model.SerializeToString(), IMAGES))
    assert run.input == "picture" and run(IMAGES).shape == (8, 8, 4, 4)


def test_nothing_is_left_on_disk_where_it_fails_or_succeeds(monkeypatch, tmp_path, small):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    shipping.to_int8(small, IMAGES)
    quantized = shipping.to_int8(small, IMAGES)
    for model, images in ((small, IMAGES[:0]), (quantized, IMAGES), (small[:100], IMAGES), (small, IMAGES[:, :1])):
        with pytest.raises(ValueError):
            shipping.to_int8(model, images)
    monkeypatch.setattr(onnx_files, "plain", lambda model: 1 / 0)  # in the middle of it
    with pytest.raises(ZeroDivisionError):
        shipping.to_int8(small, IMAGES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bits", [3, 4, 8])
def test_rounding_is_torchs_own_fake_quantisation(bits):
    torch.manual_seed(0)
    weight, top = torch.randn(6, 4, 3, 3), 2 ** (bits - 1) - 1
    scale = (weight.abs().max() / top).item()
    theirs = torch.fake_quantize_per_tensor_affine(weight, scale, 0, -top, top)
    assert torch.allclose(shipping.quantize(weight, bits), theirs, atol=1e-6)
    scales = weight.abs().amax((1, 2, 3)) / top
    zeros = torch.zeros(6, dtype=torch.int32)
    theirs = torch.fake_quantize_per_channel_affine(weight, scales, zeros, 0, -top, top)
    assert torch.allclose(shipping.quantize(weight, bits, per_channel=True), theirs, atol=1e-6)


def test_one_scale_for_all_channels_loses_the_small_ones():
    weight = torch.randn(8, 1, 3, 3) * torch.logspace(0, -3, 8)[:, None, None, None]
    lost = (shipping.quantize(weight) == 0).flatten(1).all(1)
    assert lost[-1] and not lost[0]
    assert not (shipping.quantize(weight, per_channel=True) == 0).flatten(1).all(1).any()


def test_weights_that_cannot_be_rounded_are_refused():
    for weight in (torch.tensor([1.0, torch.nan]), torch.tensor([torch.inf]), torch.zeros(0, 3)):
        with pytest.raises(ValueError, match="weight must hold finite numbers, got n"):
            shipping.quantize(weight)


@pytest.mark.parametrize("make", [nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm])
def test_a_layer_that_makes_its_weights_anew_is_refused_and_the_remedy_works(make):
    layer = make(nn.Linear(4, 3))
    with pytest.raises(ValueError, match="weights of its own, got a ParametrizedLinear .*; make .*remove_parametriz"):
        shipping.with_rounded_weights(layer, bits=2)
    nn.utils.parametrize.remove_parametrizations(layer, "weight")
    assert shipping.with_rounded_weights(layer, bits=2).weight.unique().numel() <= 3


def test_a_channel_of_zeros_stays_zero():
    weight = torch.zeros(2, 1, 3, 3)
    assert torch.equal(shipping.quantize(weight, per_channel=True), weight)


def test_only_the_layers_asked_for_are_rounded():
    network = shaken(DepthwiseSeparableConv(8, 16))
    rounded = shipping.with_rounded_weights(network, 3, where=lambda layer: layer.groups > 1)
    assert rounded.depthwise[0].weight.unique().numel() <= 7
    assert torch.equal(rounded.pointwise[0].weight, network.pointwise[0].weight)
    assert network.depthwise[0].weight.unique().numel() > 7


@pytest.mark.parametrize("bits", [1, 17])
def test_numbers_of_bits_that_make_no_sense_are_refused(bits):
    with pytest.raises(ValueError, match=f"bits must be from 2 to 16, got {bits}"):
        shipping.quantize(torch.ones(1, 1), bits)


@pytest.fixture(scope="module")
def uneven() -> nn.Module:
    """Return a block whose depthwise channels have very unlike ranges."""
    block = shaken(DepthwiseSeparableConv(16, 16))
    with torch.no_grad():
        block.depthwise[1].weight.copy_(torch.logspace(0, -2.5, 16))
        block.pointwise[0].weight.div_(torch.logspace(0, -2.5, 16)[:, None, None])
    return block


def test_eight_bits_are_close_and_a_scale_for_each_channel_is_closer(uneven):
    model, x = shipping.to_onnx(uneven, (1, 16, 14, 14)), torch.randn(64, 16, 14, 14)
    errors = {}
    with torch.no_grad():
        for per_channel in (False, True):
            run = shipping.OnnxNetwork(shipping.to_int8(model, x, per_channel=per_channel))
            errors[per_channel] = (run(x) - uneven(x)).abs().mean() / uneven(x).abs().mean()
    assert errors[True] < errors[False] / 1.5
    assert errors[True] < 0.1


def test_in_eight_bits_relu6_is_no_operator_of_its_own(exported):
    before = shipping.operators(exported)
    after = shipping.operators(shipping.to_int8(exported, torch.randn(32, *SHAPE[1:])))
    assert before["Clip"] == 2 and "Clip" not in after
    assert after["Conv"] == before["Conv"]


def test_eight_bits_take_about_a_quarter_of_the_bytes_once_the_weights_weigh_more_than_the_names():
    layer = nn.Conv2d(128, 128, 3, padding=1)
    model = shipping.to_onnx(layer, (1, 128, 7, 7))
    small = shipping.to_int8(model, torch.randn(8, 128, 7, 7))
    assert 0.24 < len(small) / len(model) < 0.27


# Size and compiling


def test_the_stored_bytes_are_the_files(tmp_path):
    network = MobileNetV2(10, 0.25)
    torch.save(network.state_dict(), tmp_path / "x.pt")
    written = (tmp_path / "x.pt").stat().st_size  # the file's name is in it, once for each tensor
    assert shipping.stored_bytes(network) == pytest.approx(written, rel=0.05)
    tensors = sum(each.nbytes for each in network.state_dict().values())
    assert tensors < shipping.stored_bytes(network) < 1.4 * tensors


def test_without_a_compiler_there_is_a_remedy(monkeypatch):
    monkeypatch.setattr(shipping.shutil, "which", lambda name: None)
    assert not shipping.can_compile()
    with pytest.raises(RuntimeError, match="needs a C.. compiler on the PATH"):
        shipping.compiled(ConvBNReLU(3, 8))


def test_without_pythons_headers_there_is_a_remedy(monkeypatch, tmp_path):
    """As with Debian's own Python: a compiler is there, and torch.compile ended in an error of its own."""
    monkeypatch.setattr(shipping.shutil, "which", lambda name: "/usr/bin/g++")
    monkeypatch.setattr(shipping.sysconfig, "get_path", lambda name: str(tmp_path))
    assert not shipping.can_compile()
    with pytest.raises(RuntimeError, match="Python.h, got none in .*; install .*python3-dev"):
        shipping.compiled(ConvBNReLU(3, 8))
    (tmp_path / "Python.h").touch()
    assert shipping.can_compile()
