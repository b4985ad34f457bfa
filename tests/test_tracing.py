"""Every module is traced, scripted, exported and compiled whole, and gives the same output: by torch's own tools."""

import copy
import warnings
from functools import cache
from unittest import mock

import pytest
import torch
from peers import shake
from torch import Tensor, nn
from torch.ao.quantization import HistogramObserver, get_default_qconfig_mapping
from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx
from torchvision.models.feature_extraction import create_feature_extractor

from mobilenet_lib import (
    ConvBN,
    ConvBNHardswish,
    ConvBNReLU,
    ConvDepthwiseConv,
    DepthwiseProjection,
    DepthwiseSeparableConv,
    InvertedResidualSE,
    MobileNetV1,
    MobileNetV2,
    Pyramid,
    SqueezeExcite,
    blocks,
    experiments,
    families,
    layers,
    lite0,
    models,
    segmentation,
    specs,
    training,
)
from mobilenet_lib.topics.families import blocks as family_blocks
from mobilenet_lib.topics.families import builder

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(torch.ao.quantization|quantize_fx|QConfig).*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Please use quant_min and quant_max:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*reduce_range will be deprecated:UserWarning"),
    pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning"),
    pytest.mark.filterwarnings("ignore:All inputs of this cat operator:UserWarning"),
]


def network():
    """Return a MobileNetV2 of one block for each step of its map, and of two in one row, for a residual connection.

    Its other blocks do not expand: a block that does is tried in one row here, and by itself.
    """
    rows = [row for row in specs.V2_SPEC if row.s == 2]
    spec = [(row.t if i == 0 else 1, row.c, 1 + (i == 0), row.s) for i, row in enumerate(rows)]
    return MobileNetV2(7, 0.35, spec=spec)


def trunk():
    """Return a MobileNetV2 to build upon: of one block for each step, none of which expands."""
    return MobileNetV2(7, 0.35, spec=[(1, row.c, 1, row.s) for row in specs.V2_SPEC if row.s == 2], output_stride=16)


def first():
    """Return a MobileNetV1 of its first three blocks, the second of which halves the map."""
    with mock.patch.object(specs, "V1_SPEC", specs.V1_SPEC[:3]):
        return MobileNetV1(7, 0.25)


def lite():
    """Return an EfficientNet-Lite0 of the rows in which each size of filter has each step, with one residual."""
    rows = [row for i, row in enumerate(lite0.SPEC) if i in (0, 1, 2, 4)]
    with mock.patch.object(lite0, "SPEC", [row._replace(n=1 + (i == 1)) for i, row in enumerate(rows)]):
        return lite0.EfficientNetLite0(7)


# name: how to build it, and the channels and sides of its inputs
MODULES = {
    "ConvBN": (lambda: ConvBN(4, 8, stride=2), [(4, 11)]),
    "ConvBNReLU": (lambda: ConvBNReLU(4, 8), [(4, 11)]),
    "ConvBNHardswish": (lambda: ConvBNHardswish(4, 8), [(4, 11)]),
    "SqueezeExcite": (lambda: SqueezeExcite(4, 2), [(4, 11)]),
    "DepthwiseSeparableConv": (lambda: DepthwiseSeparableConv(4, 8, stride=2), [(4, 11)]),
    "ConvDepthwiseConv": (lambda: ConvDepthwiseConv(4, 8, 4), [(4, 11)]),
    "DepthwiseProjection": (lambda: DepthwiseProjection(4, 4), [(4, 11)]),
    "InvertedResidualSE": (lambda: InvertedResidualSE(4, 8, 4, 2), [(4, 11)]),
    "MobileNetV1": (first, [(3, 64)]),
    "MobileNetV2": (network, [(3, 64)]),
    "Pyramid": (lambda: Pyramid(trunk()), [(3, 64)]),
    "LRASPPHead": (lambda: segmentation.LRASPPHead(8, 16, 5), [(8, 12), (16, 6)]),
    "DeepLabHead": (lambda: segmentation.DeepLabHead(8, 5, mid_channels=4), [(8, 12)]),
    "LRASPP": (lambda: segmentation.LRASPP(trunk(), 5), [(3, 64)]),
    "ResidualConv": (lambda: training.ResidualConv(4, 4), [(4, 11)]),
    "ResidualSeparable": (lambda: training.ResidualSeparable(4, 4), [(4, 11)]),
    "SmallNet": (lambda: training.SmallNet(training.expanding(2), (4, 6), (1, 2)), [(1, 28)]),
    "ReLU6Bottleneck": (lambda: experiments.ReLU6Bottleneck(4, 8, 4), [(4, 11)]),
    "NoResidual": (lambda: experiments.NoResidual(4, 8, 4), [(4, 11)]),
    "ExpansionShortcutNet": (
        lambda: experiments.ExpansionShortcutNet(training.expanding(2), (4, 6), (2, 1)),
        [(1, 28)],
    ),
    "ConvBNPlainReLU": (lambda: families.ConvBNPlainReLU(4, 8), [(4, 11)]),
    "ConvBNSiLU": (lambda: families.ConvBNSiLU(4, 8), [(4, 11)]),
    "ConvBNGELU": (lambda: families.ConvBNGELU(4, 8), [(4, 11)]),
    "ConvBNResidual": (lambda: families.ConvBNResidual(4), [(4, 11)]),
    "SigmoidSqueezeExcite": (lambda: families.SigmoidSqueezeExcite(4, 2, nn.SiLU()), [(4, 11)]),
    "DepthwiseProjectionSE": (lambda: families.DepthwiseProjectionSE(4, 4, 2), [(4, 11)]),
    "EdgeResidual": (lambda: families.EdgeResidual(4, 8, 6, stride=2), [(4, 11)]),
    "EdgeResidualSE": (lambda: families.EdgeResidualSE(4, 8, 4, 2), [(4, 11)]),
    "UniversalInvertedBottleneck": (lambda: families.UniversalInvertedBottleneck(4, 8, 4, 5, 3), [(4, 11)]),
    "ScaledUniversalInvertedBottleneck": (
        lambda: families.ScaledUniversalInvertedBottleneck(4, 8, 4, 7, 0),
        [(4, 11)],
    ),
    "ReparameterizableDepthwise": (lambda: families.ReparameterizableDepthwise(4, branches=2), [(4, 11)]),
    "SameConv": (lambda: families.SameConv(nn.Conv2d(4, 8, 3, stride=2)), [(4, 11)]),
    "FamilyNetwork": (
        lambda: families.as_in_tensorflow(
            families.build(["ds_r1_k3_s1_c8", "ir_r1_k5_s2_e3_c8_se0.5"], stem=8, features=16, num_classes=7)
        ),
        [(3, 64)],
    ),
    "SamePaddedResidual": (lambda: lite0.SamePaddedResidual(4, 8, 6), [(4, 11)]),
    "EfficientNetLite0": (lite, [(3, 64)]),
    "DeepLabV3": (lambda: segmentation.DeepLabV3(trunk(), 5, mid_channels=4), [(3, 64)]),
}
BLOCKS = [name for name in MODULES if name not in ("MobileNetV1", "Pyramid", "LRASPP", "DeepLabV3")]


@cache
def made(name):
    """Return a module in eval mode with numbers of its own, inputs for it, and what it calls the first of them.

    All tests look at the same one: what is to be changed is a copy.
    """
    build, shapes = MODULES[name]
    module = shake(build()).eval()
    inputs = tuple(torch.randn(2, channels, side, side + 1) for channels, side in shapes)
    return module, inputs, next(iter(torch.fx.Tracer().trace(copy.deepcopy(module)).nodes)).name


def outputs(module, inputs):
    """Return what comes out, as a list of tensors."""
    with torch.no_grad():
        y = module(*inputs)
    return [y] if isinstance(y, Tensor) else list(y)


def assert_same(ours, traced, inputs):
    """Require equal bits."""
    mine, theirs = outputs(ours, inputs), outputs(traced, inputs)
    assert len(mine) == len(theirs)
    assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


def test_every_public_module_is_here():
    public = {
        name
        for room in (layers, blocks, models, segmentation, training, experiments, lite0, family_blocks, builder)
        for name, thing in vars(room).items()
        if isinstance(thing, type)
        and issubclass(thing, nn.Module)
        and thing.__module__ == room.__name__
        and not name.startswith("_")
    }
    assert public - {"Checked", "InvertedResidual", "SamePadding"} == set(MODULES)  # a base, another name, zeros


@pytest.mark.parametrize("name", MODULES)
def test_fx_traces_the_operations_and_nothing_else(name):
    module, inputs, _ = made(name)
    traced = torch.fx.symbolic_trace(module)
    assert_same(module, traced, inputs)
    assert not {"check", "dim"} & {str(node.target).split(".")[-1] for node in traced.graph.nodes}
    assert "_assert" not in traced.code


@pytest.mark.parametrize("name", MODULES)
def test_torchvision_takes_features_of_any_part(name):
    module, inputs, _ = made(name)
    seen = {}
    part = next(key for key, child in module.named_children() if not isinstance(child, nn.ModuleList | Pyramid))
    hook = module.get_submodule(part).register_forward_hook(lambda *call: seen.setdefault("y", call[2].clone()))
    outputs(module, inputs)
    hook.remove()
    features = create_feature_extractor(module, {part: "y"})
    with torch.no_grad():
        assert torch.equal(features(*inputs)["y"], seen["y"])


@pytest.mark.parametrize("name", MODULES)
def test_fx_quantization_prepares_and_converts(name, monkeypatch):
    # Most of the time would go into torch's search for the best range of each map, which is not asked for here.
    monkeypatch.setattr(HistogramObserver, "_non_linear_param_search", lambda self: (self.min_val, self.max_val))
    module, inputs, _ = made(name)
    prepared = prepare_fx(copy.deepcopy(module), get_default_qconfig_mapping("x86"), inputs)
    for mine, theirs in zip(outputs(module, inputs), outputs(prepared, inputs), strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-3, atol=1e-4)  # it has folded the BatchNorms
    scores = outputs(convert_fx(prepared), inputs)
    assert [y.shape for y in scores] == [y.shape for y in outputs(module, inputs)]


@pytest.mark.parametrize("name", MODULES)
def test_a_script_is_saved_frozen_and_gives_the_same(name, tmp_path):
    module, inputs, _ = made(name)
    script = torch.jit.script(module)
    assert_same(module, script, inputs)
    script.save(tmp_path / "script.pt")
    assert_same(module, torch.jit.load(tmp_path / "script.pt"), inputs)
    assert torch.allclose(outputs(module, inputs)[-1], outputs(torch.jit.freeze(script), inputs)[-1], atol=1e-5)


@pytest.mark.parametrize("name", MODULES)
def test_a_trace_warns_of_nothing_and_takes_other_sizes(name):
    module, inputs, _ = made(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error", torch.jit.TracerWarning)
        # strict is torch's word for: no list comes out. What its check would compare is compared here, to the bit.
        traced = torch.jit.trace(module, inputs, strict=name != "Pyramid", check_trace=False)
    assert_same(module, traced, inputs)
    if name not in ("LRASPP", "LRASPPHead"):  # their sizes are numbers in the trace, as in torchvision's
        assert_same(module, traced, tuple(torch.cat([x, x], dim=3) for x in inputs))


@pytest.mark.parametrize("name", MODULES)
def test_an_export_takes_any_batch_and_gives_the_same(name):
    module, inputs, _ = made(name)
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(module, inputs, dynamic_shapes=tuple({0: batch} for _ in inputs)).module()
    assert_same(module, program, inputs)
    assert_same(module, program, tuple(torch.cat([x, x]) for x in inputs))


@pytest.mark.parametrize("name", BLOCKS)
def test_torch_compile_finds_no_break_in_the_graph(name, monkeypatch):
    # A third of the time would go into emptying the processor's cache, for a line in torch's log.
    monkeypatch.setattr(torch._dynamo.guards, "profile_guard_manager", lambda *_: 0.0)
    module, inputs, _ = made(name)
    torch._dynamo.reset()  # it counts how often a forward is compiled anew, and all modules share one
    assert_same(module, torch.compile(module, fullgraph=True, backend="eager"), inputs)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("call", ["alone", "by name", "in a trace", "behind a hook", "in training"])
def test_outside_of_a_recording_a_wrong_input_is_refused(name, call):
    module, inputs, first = made(name)
    wrong = (torch.cat([inputs[0], inputs[0]], dim=1), *inputs[1:])
    with pytest.raises(ValueError, match=r"x must have \d channels .*; build the layer with in_channels=\d"):
        if call == "by name":
            module(**{first: wrong[0]}, **({"high": wrong[1]} if len(wrong) > 1 else {}))
        elif call == "in a trace":
            torch.jit.trace(module, wrong)
        elif call == "behind a hook":
            with module.register_forward_pre_hook(lambda *_: None):
                module(*wrong)
        elif call == "in training":
            copy.deepcopy(module).train()(*wrong)
        else:
            module(*wrong)
    assert not torch.jit.is_tracing()


def test_a_hook_may_make_the_input_right():
    module = network().eval()
    pixels_last = torch.randn(2, 64, 64, 3)
    with torch.no_grad():
        expected = module(pixels_last.permute(0, 3, 1, 2))
        with module.register_forward_pre_hook(lambda _, inputs: inputs[0].permute(0, 3, 1, 2)):
            assert torch.equal(module(pixels_last), expected)
    assert not module._forward_pre_hooks


def test_the_trace_has_as_many_operations_as_that_of_modules_that_check_nothing():
    block = ConvDepthwiseConv(4, 8, 4).eval()
    bare = nn.Sequential(*(part for group in block.children() for part in group))
    counts = []
    for module in (block, bare):
        graph = torch.jit.trace(module, torch.zeros(1, 4, 8, 8)).inlined_graph
        counts.append(sum("aten::size" in node.kind() or "prim::NumToTensor" in node.kind() for node in graph.nodes()))
    assert counts == [0, 0]
