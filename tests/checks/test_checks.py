"""The checks: right answers pass, typical wrong answers get a hint of their own, and no hint gives the answer away."""

from __future__ import annotations

import inspect
import math
import operator
import re
import statistics
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import timm
import torch
import torchvision
from timm.models import _efficientnet_blocks, _efficientnet_builder, efficientnet
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mobilenet_lib import (
    DepthwiseSeparableConv,
    InvertedResidual,
    checks,
    cost,
    layers,
    measure,
    models,
    roofline,
    shipping,
    specs,
)

CHECKS = sorted(name for name in vars(checks) if name.startswith("check_"))


# Right answers


def my_macs(conv, height, width):
    sides = []
    for i, side in enumerate((height, width)):
        reach = conv.dilation[i] * (conv.kernel_size[i] - 1) + 1
        sides.append((side + 2 * conv.padding[i] - reach) // conv.stride[i] + 1)
    return conv.weight.numel() * sides[0] * sides[1]


def fvcore_total(layers):
    normed = sum(layer.activations for layer in layers if layer.norm)
    return cost.total(layers).macs + 2 * normed + layers[-2].activations


def torchinfo_total(layers):
    norms = sum(2 * layer.out_channels for layer in layers if layer.norm)
    return cost.total(layers).macs + norms + layers[-1].out_channels


def lost_share(n, d=2):
    return sum(math.comb(n, i) for i in range(d)) / 2**n


def break_even(channels, kernel_size):
    return kernel_size**2 * channels / (2 * channels + kernel_size**2)


def expand(rows):
    in_channels, blocks = 32, []
    for t, c, n, s in rows:
        for i in range(n):
            blocks.append((in_channels, t, c, s if i == 0 else 1))
            in_channels = c
    return blocks


def peak(layers):
    def alive(layer):
        return layer.in_channels * layer.in_size[0] * layer.in_size[1] + layer.activations

    largest = max(layers, key=alive)
    return largest.name, 2 * alive(largest)


def half_width(a, b, t):
    differences = np.subtract(a, b)
    return t * differences.std(ddof=1) / math.sqrt(len(a))


def seeds(spread, half_width, t):
    n = 1
    while t * spread / math.sqrt(n) > half_width * (1 + 1e-12):
        n += 1
    return n


def printed_stride():
    *rest, depthwise, pointwise, classifier = cost.mobilenet_v1_layers()
    small = {"in_size": (4, 4), "out_size": (4, 4)}
    return cost.total([*rest, depthwise._replace(out_size=(4, 4)), pointwise._replace(**small), classifier]).macs


class MySeparable(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        spatial = nn.Conv2d(in_channels, in_channels, 3, stride, padding=1, groups=in_channels, bias=False)
        mixing = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.depthwise = nn.Sequential(spatial, nn.BatchNorm2d(in_channels), nn.ReLU6())
        self.pointwise = nn.Sequential(mixing, nn.BatchNorm2d(out_channels), nn.ReLU6())

    def forward(self, x):
        return self.pointwise(self.depthwise(x))


class MyOtherSeparable(nn.Module):
    """Registered in another order, one activation for both layers, and functional."""

    def __init__(self, c_in, c_out, stride=1):
        super().__init__()
        self.mix, self.norm2 = nn.Conv2d(c_in, c_out, 1, bias=False), nn.BatchNorm2d(c_out)
        self.pad = nn.ZeroPad2d(1)
        self.filter, self.norm1 = nn.Conv2d(c_in, c_in, 3, stride, groups=c_in, bias=False), nn.BatchNorm2d(c_in)

    def forward(self, x):
        x = nn.functional.relu6(self.norm1(self.filter(self.pad(x))))
        return self.norm2(self.mix(x)).clamp(0, 6)


class MyInvertedResidual(nn.Module):
    def __init__(self, in_channels, mid_channels, out_channels, kernel_size=3, stride=1, dilation=1):
        super().__init__()
        same = dilation * (kernel_size - 1) // 2
        spatial = nn.Conv2d(mid_channels, mid_channels, kernel_size, stride, same, dilation, mid_channels, bias=False)
        expand = nn.Conv2d(in_channels, mid_channels, 1, bias=False)
        self.conv1 = nn.Sequential(expand, nn.BatchNorm2d(mid_channels), nn.ReLU6())
        self.depthwise = nn.Sequential(spatial, nn.BatchNorm2d(mid_channels), nn.ReLU6())
        project = nn.Conv2d(mid_channels, out_channels, 1, bias=False)
        self.conv2 = nn.Sequential(project, nn.BatchNorm2d(out_channels))
        self.use_residual = stride == 1 and in_channels == out_channels

    def forward(self, x):
        y = self.conv2(self.depthwise(self.conv1(x)))
        return x + y if self.use_residual else y


def decode(string):
    block, *options = string.split("_")
    numbers = {option[0]: int(option[1:]) for option in options if option[1:].isdigit()}
    names = {"repeats": "r", "kernel_size": "k", "stride": "s", "channels": "c"}
    return {"block": block, "expansion": numbers.get("e", 1)} | {name: numbers[each] for name, each in names.items()}


def decode_by_pattern(string):
    def number(letter, otherwise=None):
        found = re.search(rf"_{letter}(\d+)(?=_|$)", string)
        return float(found[1]) if found else otherwise

    numbers = {"repeats": "r", "kernel_size": "k", "stride": "s", "channels": "c"}
    decoded = {name: int(number(letter)) for name, letter in numbers.items()}
    return decoded | {"block": re.match("[a-z]+", string)[0], "expansion": number("e", 1.0), "more": "welcome"}


def dilate(strides, output_stride):
    reached, dilation, result = 2, 1, []
    for stride in strides:
        if reached * stride > output_stride:
            result.append((1, dilation))
            dilation *= stride
        else:
            result.append((stride, dilation))
            reached *= stride
    return result


def dilate_in_place(strides, output_stride):
    """Write into the list that it is given, and let the running stride grow on."""
    reached, dilation = 2, 1
    for i, stride in enumerate(strides):
        reached *= stride
        strides[i] = [stride if reached <= output_stride else 1, dilation]
        if reached > output_stride:
            dilation *= stride
    yield from strides


FOUND = {
    **{"padding": "pad_type", "shortcut": "after", "norm": "BatchNormAct2d", "linear": "apply_act", "v1_skip": False},
    **{"activation": "hard_swish", "head": 1280, "depth": 6, "letters": "er", "eps": 1e-5},
}
FOUND_BY_OTHERS = {
    **{"padding": ("pad_type", ""), "shortcut": "After", "norm": timm.layers.BatchNormAct2d},
    **{"linear": "apply_act=False", "v1_skip": "False", "activation": "'hard_swish'", "head": "1280"},
    **{"depth": torch.tensor(6), "letters": "`er`", "eps": "1e-5"},
}


def field(layers):
    pixels, jump = 1, 1
    for kernel_size, stride, dilation in layers:
        pixels += dilation * (kernel_size - 1) * jump
        jump *= stride
    return pixels


def field_from_behind(layers):
    pixels = 1
    for kernel_size, stride, dilation in reversed(layers):
        pixels = (pixels - 1) * stride + dilation * (kernel_size - 1) + 1
    return pixels


class MySqueezeExcite(nn.Module):
    def __init__(self, channels, squeeze_channels):
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeeze_channels, 1)
        self.expand = nn.Conv2d(squeeze_channels, channels, 1)

    def forward(self, x):
        s = x.mean((2, 3), keepdim=True)
        return x * functional.hardsigmoid(self.expand(functional.relu(self.reduce(s))))


class MyLinearSqueezeExcite(nn.Module):
    """Registered in another order, and of linear layers."""

    def __init__(self, channels, squeeze_channels):
        super().__init__()
        self.back = nn.Sequential(nn.Linear(squeeze_channels, channels), nn.Hardsigmoid())
        self.gather = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, squeeze_channels))

    def forward(self, x):
        return x * self.back(self.gather(x).clamp(min=0))[..., None, None]


def torchvision_squeeze_excite(channels, squeeze_channels):
    gate = nn.Hardsigmoid
    return torchvision.ops.SqueezeExcitation(channels, squeeze_channels, scale_activation=gate)


class TorchvisionSqueezeExcite(nn.Module):
    def __init__(self, channels, squeeze_channels):
        super().__init__()
        self.all = torchvision_squeeze_excite(channels, squeeze_channels)

    def forward(self, x):
        return self.all(x)


def intensity(layer, batch):
    height, width = layer.in_size
    numbers = batch * (layer.in_channels * height * width + layer.activations) + layer.weights
    return batch * layer.macs / (4 * numbers)


def least_time(macs, moved, peak, bandwidth):
    return 1000 * max(macs / peak, moved / bandwidth)


def fold(weight, norm):
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return weight * scale[:, None, None, None], norm.bias - scale * norm.running_mean


def fold_with_torch(weight, norm):
    conv = nn.Conv2d(weight.shape[1], len(weight), weight.shape[2], bias=False).eval()
    conv.weight = nn.Parameter(weight)
    folded = fuse_conv_bn_eval(conv, norm)
    return folded.weight, folded.bias


def round_channels(weight, bits):
    scale = weight.abs().amax((1, 2, 3), keepdim=True) / (2 ** (bits - 1) - 1)
    return torch.round(weight / scale) * scale


def spread(norm):
    return (norm.running_var + norm.eps).sqrt()[:, None, None, None]


def largest(weight):
    return weight.abs().amax((1, 2, 3), keepdim=True)


def step(weight, bits):
    return largest(weight) / (2 ** (bits - 1) - 1)


def without_weights(layer, batch):
    return layer.macs / (4 * (layer.in_channels * layer.in_size[0] * layer.in_size[1] + layer.activations))


STEM = cost.conv(3, 32, 3, 112)
BLOCK = [layer.macs for layer in cost.depthwise_separable_layers(32, 64, size=112)]
V1_BLOCKS = [tuple(block) for block in specs.v1_blocks(0.5)]
WIDEST = max(s for s in range(1, 21) if cost.mobilenet_v1(s / 20).macs < 300e6) / 20
PEAK = peak(cost.mobilenet_v2_layers())

RIGHT = [
    ("check_stem", (STEM.params, STEM.macs)),
    ("check_stem", (torch.tensor(STEM.params), np.float64(STEM.macs))),
    ("check_macs_function", (my_macs,)),
    ("check_macs_function", (lambda conv, h, w: measure.macs(conv, (1, conv.in_channels, h, w)),)),
    ("check_fvcore_total", (fvcore_total,)),
    ("check_torchinfo_total", (torchinfo_total,)),
    ("check_block_cost", tuple(BLOCK)),
    ("check_exact_eighth", (72,)),
    ("check_separable", (MySeparable,)),
    ("check_separable", (MyOtherSeparable,)),
    ("check_separable", (DepthwiseSeparableConv,)),
    ("check_width_for_budget", (WIDEST,)),
    ("check_v1_blocks", (V1_BLOCKS,)),
    ("check_v1_blocks", (lambda: specs.v1_blocks(0.5),)),
    ("check_printed_stride", (printed_stride(),)),
    ("check_lost_share", (lost_share,)),
    ("check_lost_share", (lambda n, d=2: Fraction(sum(math.comb(n, i) for i in range(d)), 2**n),)),
    ("check_step", (lambda top, bits: top / (2**bits - 1),)),
    ("check_break_even", (break_even,)),
    ("check_break_even", (3.79,)),
    ("check_residual_rule", (lambda i, o, s: s == 1 and i == o,)),
    ("check_residual_rule", (lambda i, o, s: np.bool_(s == 1 and i == o),)),
    ("check_inverted_residual", (MyInvertedResidual,)),
    ("check_inverted_residual", (InvertedResidual,)),
    ("check_table2", (expand,)),
    ("check_table2", (lambda rows: (list(row) for row in expand(rows)),)),
    ("check_peak", (PEAK[1],)),
    ("check_peak", (PEAK,)),
    ("check_peak", ((1, PEAK[1]),)),
    ("check_peak", (("blocks.1", PEAK[1]),)),
    ("check_peak", (peak,)),
    ("check_peak", (lambda layers: peak(layers)[1],)),
    ("check_decoder", (decode,)),
    ("check_decoder", (decode_by_pattern,)),
    ("check_stride_walk", (dilate,)),
    ("check_stride_walk", (dilate_in_place,)),
    ("check_hunt", (FOUND,)),
    ("check_hunt", (FOUND_BY_OTHERS,)),
    ("check_half_width", (half_width,)),
    ("check_half_width", (lambda a, b, t: t * statistics.stdev(map(operator.sub, a, b)) / len(b) ** 0.5,)),
    ("check_half_width", (lambda a, b, t: t * torch.tensor(a).double().sub(torch.tensor(b)).std() / len(a) ** 0.5,)),
    ("check_seeds", (seeds,)),
    ("check_seeds", (lambda s, h, t: math.ceil((t * s / h) ** 2),)),
    ("check_seeds", (lambda s, h, t: math.ceil(t * t * s * s / (h * h)),)),
    ("check_padding", (lambda k, d: d * (k - 1) // 2,)),
    ("check_padding", (layers.same_padding,)),
    ("check_padding", (lambda kernel_size, dilation: np.int64((kernel_size - 1) // 2 * dilation),)),
    ("check_receptive_field", (field,)),
    ("check_receptive_field", (field_from_behind,)),
    ("check_hard_sigmoid", (functional.hardsigmoid,)),
    ("check_hard_sigmoid", (nn.Hardsigmoid(),)),
    ("check_hard_sigmoid", (lambda x: functional.relu6(x + 3) / 6,)),
    ("check_hard_sigmoid", (lambda x: torch.clamp(x / 6 + 0.5, 0, 1),)),
    ("check_squeeze_excite", (MySqueezeExcite,)),
    ("check_squeeze_excite", (MyLinearSqueezeExcite,)),
    ("check_squeeze_excite", (TorchvisionSqueezeExcite,)),
    ("check_squeeze_excite", (layers.SqueezeExcite,)),
    ("check_intensity", (intensity,)),
    ("check_intensity", (roofline.intensity,)),
    ("check_least_time", (least_time,)),
    ("check_least_time", (lambda macs, moved, *roof: 1000 * macs / roofline.Roofline(*roof).ceiling(macs / moved),)),
    ("check_fold", (fold,)),
    ("check_fold", (fold_with_torch,)),
    ("check_rounding", (round_channels,)),
    ("check_rounding", (lambda weight, bits: shipping.quantize(weight, bits, per_channel=True),)),
]


@pytest.mark.parametrize(("name", "answers"), RIGHT, ids=[f"{name}-{i}" for i, (name, _) in enumerate(RIGHT)])
def test_right_answers_pass_with_one_line(capsys, name, answers):
    assert getattr(checks, name)(*answers) is None
    said = capsys.readouterr().out
    assert said.startswith("right: ") and said.count("\n") == 1


def test_every_check_has_a_right_answer_here():
    assert {name for name, _ in RIGHT} == set(CHECKS)


def test_what_the_checks_call_right_is_what_the_counters_say():
    model, layers = models.MobileNetV2(num_classes=10, width_mult=0.35), cost.mobilenet_v2_layers(0.35, 96, 10)
    shape = (1, 3, 96, 96)
    assert sum(measure.macs_by_operator(model, shape).values()) == fvcore_total(layers)
    assert measure.summary(model, shape).total_mult_adds == torchinfo_total(layers)


def test_the_printed_stride_is_what_the_changed_network_costs():
    network = models.MobileNetV1()
    network.blocks[12].depthwise[0].stride = (2, 2)
    assert measure.macs(network, (1, 3, 224, 224)) == printed_stride()


@pytest.mark.parametrize("output_stride", [32, 16, 8])
@pytest.mark.parametrize(("name", "spec"), [("mobilenetv1_100", specs.v1_blocks), ("mobilenetv2_100", specs.v2_blocks)])
def test_the_walk_is_timms(name, spec, output_stride):
    with torch.device("meta"):
        network = timm.create_model(name, output_stride=output_stride)
    convs = [block.conv_dw for stage in network.blocks for block in stage]
    built = [(conv.stride[0], conv.dilation[0]) for conv in convs]
    strides = [block.stride for block in spec()]
    assert built == dilate(strides, output_stride) == checks._walk(strides, output_stride)
    assert built == [(block.stride, dilation) for block, dilation in specs.dilate(spec(), output_stride)]


def test_the_hunts_treasures_are_where_the_chapter_says():
    assert checks._treasures() == FOUND


@pytest.mark.parametrize("layers", [[(3, 2, 1), (3, 1, 2)], [(5, 1, 1), (3, 2, 2), (1, 1, 1), (3, 1, 1)]])
def test_the_receptive_field_is_what_a_gradient_reaches(layers):
    x = torch.zeros(1, 1, 1, 61, requires_grad=True)
    y = x
    for kernel_size, stride, dilation in layers:
        y = functional.conv2d(y, torch.ones(1, 1, 1, kernel_size), stride=stride, dilation=dilation)
    y[..., y.shape[-1] // 2].sum().backward()
    seen = x.grad.flatten().nonzero().flatten()
    assert seen.max() - seen.min() + 1 == field(layers)


# timm is read by name: what if it is not there?


@pytest.mark.parametrize(
    ("home", "name", "check", "answer"),
    [
        (_efficientnet_builder, "_decode_block_str", "check_decoder", decode),
        (_efficientnet_builder, "_decode_block_str", "check_hunt", FOUND),
        (_efficientnet_blocks, "InvertedResidual", "check_hunt", FOUND),
        (efficientnet, "_gen_mobilenet_v2", "check_decoder", decode),
        (efficientnet, "mobilenetv2_120d", "check_hunt", FOUND),
    ],
)
def test_a_check_says_clearly_what_timm_has_moved(monkeypatch, home, name, check, answer):
    monkeypatch.delattr(home, name)
    with pytest.raises(checks.CannotCheck) as failed:
        getattr(checks, check)(answer)
    where = home.__name__
    assert str(failed.value).startswith(f"timm {timm.__version__} has no {name} in {where}: it has moved")
    assert failed.value._render_traceback_() == [f"cannot check: {failed.value}"]


def test_a_check_says_clearly_what_timm_has_changed(monkeypatch):
    monkeypatch.setattr(_efficientnet_builder, "_decode_block_str", lambda string: ({"type": "ds"}, 1))
    with pytest.raises(
        checks.CannotCheck, match="_decode_block_str of timm .* cannot be read as before, KeyError: 'bl"
    ):
        checks.check_decoder(decode)
    monkeypatch.setattr(_efficientnet_blocks, "InvertedResidual", nn.Conv2d)
    with pytest.raises(checks.CannotCheck, match="What the treasure hunt asks for .* cannot be read as before"):
        checks.check_hunt(FOUND)


def test_a_check_says_when_a_module_of_timm_or_all_of_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm.models._efficientnet_builder", None)
    with pytest.raises(checks.CannotCheck, match="has no timm.models._efficientnet_builder: it has moved"):
        checks.check_decoder(decode)
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(checks.CannotCheck, match="timm is not installed here, .*pip install timm"):
        checks.check_hunt(FOUND)


# Not yet


@pytest.mark.parametrize("nothing", [..., None, NotImplemented])
@pytest.mark.parametrize("name", CHECKS)
def test_an_open_answer_is_not_a_failure(capsys, name, nothing):
    check = getattr(checks, name)
    check(*[nothing] * len(inspect.signature(check).parameters))
    assert capsys.readouterr().out == "not yet: put your answer in place of the ... and run this cell again\n"


def outlined(*answers):
    raise NotImplementedError


class Outline(nn.Module):
    def __init__(self, *sizes, **settings):
        raise NotImplementedError("later")

    def forward(self, x):
        return x


class OutlineOfForward(nn.Module):
    def __init__(self, *sizes, **settings):
        super().__init__()

    def forward(self, x):
        raise NotImplementedError


class NoForward(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()


class Sketch(nn.Module):
    def __init__(self, in_channels, mid_channels, out_channels, kernel_size=3, stride=1, dilation=1): ...

    def forward(self, x): ...


class Exercise(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        ...

    def forward(self, x): ...


class Empty(nn.Module): ...


class EmptyForward(MyInvertedResidual):
    def forward(self, x): ...


class EmptyGate(MySqueezeExcite):
    def forward(self, x): ...


class SketchOfAGate(nn.Module):
    def __init__(self, channels, squeeze_channels): ...

    def forward(self, x): ...


@pytest.mark.parametrize(
    ("name", "answers", "words"),
    [
        ("check_stem", (STEM.params, ...), "put your answer in place"),
        ("check_macs_function", (lambda conv, height, width: ...,), "put your answer in place"),
        ("check_v1_blocks", ([],), "the list is still empty"),
        ("check_v1_blocks", (lambda: None,), "put your answer in place"),
        ("check_residual_rule", (lambda i, o, s: None,), "put your answer in place"),
        ("check_table2", (lambda rows: None,), "put your answer in place"),
        ("check_peak", (lambda layers: ...,), "put your answer in place"),
        ("check_peak", ((1, ...),), "put your answer in place"),
        ("check_separable", (Empty,), "Empty has no __init__"),
        ("check_separable", (Exercise,), "put your answer in place"),
        ("check_separable", (NoForward,), "NoForward has no forward"),
        ("check_inverted_residual", (Sketch,), "does not call super().__init__()"),
        ("check_inverted_residual", (EmptyForward,), "put your answer in place"),
        ("check_residual_rule", (outlined,), "in place of NotImplementedError"),
        ("check_separable", (Outline,), "in place of NotImplementedError"),
        ("check_inverted_residual", (OutlineOfForward,), "in place of NotImplementedError"),
        ("check_squeeze_excite", (Outline,), "in place of NotImplementedError"),
        ("check_decoder", (lambda string: ...,), "put your answer in place"),
        ("check_decoder", (lambda string: decode(string) | {"channels": ...},), "put your answer in place"),
        ("check_stride_walk", (lambda strides, output_stride: None,), "put your answer in place"),
        ("check_stride_walk", (lambda strides, output_stride: [],), "the list is still empty"),
        ("check_hunt", (dict.fromkeys(FOUND, ...),), "not yet: 0 of 10\n"),
        ("check_hunt", (FOUND | {"eps": ..., "head": None, "norm": ...},), "not yet: 7 of 10\n"),
        ("check_hunt", ({"shortcut": "after"},), "not yet: 1 of 10\n"),
        ("check_half_width", (lambda a, b, t: ...,), "put your answer in place"),
        ("check_seeds", (lambda spread, half_width, t: None,), "put your answer in place"),
        ("check_padding", (lambda kernel_size, dilation: ...,), "put your answer in place"),
        ("check_receptive_field", (lambda layers: None,), "put your answer in place"),
        ("check_hard_sigmoid", (lambda x: ...,), "put your answer in place"),
        ("check_squeeze_excite", (Empty,), "Empty has no __init__"),
        ("check_squeeze_excite", (EmptyGate,), "put your answer in place"),
        ("check_squeeze_excite", (SketchOfAGate,), "does not call super().__init__()"),
        ("check_intensity", (lambda layer, batch: ...,), "put your answer in place"),
        ("check_least_time", (lambda *numbers: None,), "put your answer in place"),
        ("check_fold", (lambda weight, norm: None,), "put your answer in place"),
        ("check_fold", (lambda weight, norm: (weight, ...),), "put your answer in place"),
        ("check_rounding", (lambda weight, bits: ...,), "put your answer in place"),
    ],
)
def test_a_half_written_answer_is_not_a_failure(capsys, name, answers, words):
    getattr(checks, name)(*answers)
    said = capsys.readouterr().out
    assert said.startswith("not yet: ") and words in said


# Wrong answers


def sides(conv, height, width, **changes):
    """Count MACs with a copy of the layer that has other settings."""
    settings = {name: getattr(conv, name) for name in ("stride", "padding", "dilation")} | changes
    pixels = 1
    for i, side in enumerate((height, width)):
        reach = settings["dilation"][i] * (conv.kernel_size[i] - 1) + 1
        pixels *= (side + 2 * settings["padding"][i] - reach) // settings["stride"][i] + 1
    return conv.weight.numel() * pixels


def forgetting(**changes):
    return lambda conv, height, width: sides(conv, height, width, **changes)


def separable(**changes):
    """Build a MySeparable with a fault."""

    class Faulty(nn.Module):
        def __init__(self, in_channels, out_channels, stride=1):
            super().__init__()
            depthwise_stride, pointwise_stride = changes.get("strides", lambda s: (s, 1))(stride)
            groups = changes.get("groups", lambda n: n)(in_channels)
            bias = changes.get("bias", False)
            self.spatial = nn.Conv2d(
                in_channels, in_channels, 3, depthwise_stride, changes.get("padding", 1), groups=groups, bias=bias
            )
            self.norm1 = nn.BatchNorm2d(in_channels)
            self.mixing = nn.Conv2d(in_channels, out_channels, 1, pointwise_stride, bias=bias)
            self.norm2 = nn.BatchNorm2d(out_channels)
            self.first, self.second = changes.get("activations", (nn.ReLU6(), nn.ReLU6()))

        def forward(self, x):
            if changes.get("norm_last"):
                return self.norm2(self.second(self.mixing(self.norm1(self.first(self.spatial(x))))))
            return self.second(self.norm2(self.mixing(self.first(self.norm1(self.spatial(x))))))

    return Faulty


class Swapped(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.pointwise = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels), nn.ReLU6()
        )
        self.depthwise = nn.Sequential(
            nn.Conv2d(out_channels, out_channels, 3, stride, 1, groups=out_channels, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU6(),
        )

    def forward(self, x):
        return self.depthwise(self.pointwise(x))


class NoNorm(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        spatial = nn.Conv2d(in_channels, in_channels, 3, stride, 1, groups=in_channels, bias=False)
        self.all = nn.Sequential(spatial, nn.ReLU6(), nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.ReLU6())

    def forward(self, x):
        return self.all(x)


class Dropping(MySeparable):
    def forward(self, x):
        return nn.functional.dropout(super().forward(x), 0.5, self.training)


class Raising(MySeparable):
    def forward(self, x):
        return self.pointwise(self.depthwize(x))


class Unbuildable(MySeparable):
    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)


class ReturnsPair(MySeparable):
    def forward(self, x):
        return x, super().forward(x)


def inverted(residual=None, padding=None, projected=None, summed=None, expanded=None, bias=False, groups=True, **more):
    """Build a MyInvertedResidual with a fault."""

    class Faulty(MyInvertedResidual):
        def __init__(self, in_channels, mid_channels, out_channels, kernel_size=3, stride=1, dilation=1):
            super().__init__(in_channels, mid_channels, out_channels, kernel_size, stride, dilation)
            if padding is not None:
                self.depthwise[0].padding = padding(kernel_size, dilation)
            if bias:
                self.conv1[0] = nn.Conv2d(in_channels, mid_channels, 1)
            if not groups:
                settings = (kernel_size, stride, self.depthwise[0].padding, dilation)
                self.depthwise[0] = nn.Conv2d(mid_channels, mid_channels, *settings, bias=False)
            if projected:
                self.conv2.append(projected)
            if expanded:
                self.conv1[2] = expanded
            if residual:
                self.use_residual = residual(in_channels, out_channels, stride)
            if more.get("stride_in_expansion"):
                self.conv1[0].stride, self.depthwise[0].stride = (stride, stride), (1, 1)
            if more.get("no_dilation"):
                self.depthwise[0].dilation = (1, 1)
                self.depthwise[0].padding = ((kernel_size - 1) // 2,) * 2
            if more.get("fixed_kernel"):
                self.depthwise[0] = nn.Conv2d(
                    mid_channels, mid_channels, 3, stride, dilation, dilation, mid_channels, False
                )

        def forward(self, x):
            y = super().forward(x)
            return summed(y) if summed else y

    return Faulty


def walk(rows, first=32, inputs="chain", strides="first"):
    found, before = [], first
    for t, c, n, s in rows:
        entering = before
        for i in range(n):
            found.append((entering if inputs == "row" else before, t, c, s if i == 0 or strides == "all" else 1))
            before = c
    return found


def over(value, join=max):
    return join(value(layer) for layer in cost.mobilenet_v2_layers())


def both(layer):
    return layer.in_channels * layer.in_size[0] * layer.in_size[1] + layer.activations


def normed(layers):
    return sum(layer.activations for layer in layers if layer.norm)


def total(layers):
    return cost.total(layers).macs


def unscaled(rows):
    return [(2 * a, 2 * b, s) for a, b, s in rows]


def decoded(**changes):
    """Build a decode with a fault: each change takes the right dict and the string."""
    return lambda string: decode(string) | {key: change(decode(string), string) for key, change in changes.items()}


def decode_by_place(string):
    block, r, k, s, *e, c = [*string.split("_")][:6] if string[:2] == "ir" else string.split("_")
    numbers = dict(
        zip(("repeats", "kernel_size", "stride", "channels"), (int(x[1:]) for x in (r, k, s, c)), strict=True)
    )
    return {"block": block, "expansion": int(e[0][1:]) if e else 1, **numbers}


def decode_digits(string):
    block, *options = string.split("_")
    numbers = {option[0]: int(re.sub(r"\D", "", option) or 0) for option in options}
    keys = ("repeats", "kernel_size", "stride", "expansion", "channels")
    return {"block": block} | {key: numbers.get(letter, 1) for key, letter in zip(keys, "rksec", strict=True)}


def faulty_walk(own=False, first=2, keep=False, limit=lambda reached, stop: reached > stop, grow=lambda d, s: d * s):
    def walk_(strides, output_stride):
        reached, dilation, result = first, 1, []
        for stride in strides:
            if stride > 1 and limit(reached * stride, output_stride):
                before, dilation = dilation, grow(dilation, stride)
                result.append((stride if keep else 1, dilation if own else before))
            else:
                result.append((stride, dilation))
                reached *= stride
        return result

    return walk_


def multiplying_everywhere(strides, output_stride):
    reached, dilation, result = 2, 1, []
    for stride in strides:
        reached *= stride
        if reached > output_stride:
            result.append((1, dilation))
            dilation *= 2
        else:
            result.append((stride, dilation))
    return result


def multiplying_from_the_limit_on(strides, output_stride):
    reached, dilation, result = 2, 1, []
    for stride in strides:
        if reached >= output_stride:
            dilation *= 2
            result.append((1, dilation))
        else:
            result.append((stride, dilation))
            reached *= stride
    return result


def faulty_field(reach=lambda k, d: d * (k - 1), grow=lambda jump, s: jump * s, first=1, early=False):
    def field_(layers):
        pixels, jump = first, 1
        for kernel_size, stride, dilation in layers:
            before, jump = jump, grow(jump, stride)
            pixels += reach(kernel_size, dilation) * (jump if early else before)
        return pixels

    return field_


def gate(pool=None, between=None, last=None, join=None, bias=True, kernel_size=1, ends=None, norm=False, drop=False):
    """Build a MySqueezeExcite with a fault."""

    class Faulty(MySqueezeExcite):
        def __init__(self, channels, squeeze_channels):
            super().__init__(channels, squeeze_channels)
            if not bias:
                self.reduce = nn.Conv2d(channels, squeeze_channels, 1, bias=False)
            if kernel_size > 1:
                self.reduce = nn.Conv2d(channels, squeeze_channels, kernel_size, padding=kernel_size // 2)
            if ends:
                a, b, c = ends(channels, squeeze_channels)
                self.reduce, self.expand = nn.Conv2d(a, b, 1), nn.Conv2d(b, c, 1)
            self.norm = nn.BatchNorm2d(squeeze_channels) if norm else nn.Identity()
            self.drop = nn.Dropout() if drop else nn.Identity()

        def forward(self, x):
            s = pool(x) if pool else x.mean((2, 3), keepdim=True)
            s = (between or functional.relu)(self.norm(self.reduce(s)))
            s = self.drop((last or functional.hardsigmoid)(self.expand(s)))
            return join(x, s) if join else x * s

    return Faulty


class OneLayerGate(MySqueezeExcite):
    def forward(self, x):
        return x * functional.hardsigmoid(
            self.expand(self.reduce.weight.new_zeros(len(x), len(self.reduce.bias), 1, 1))
        )


class RaisingGate(MySqueezeExcite):
    def forward(self, x):
        return x * self.expend(self.reduce(x.mean((2, 3), keepdim=True)))


WRONG = {
    "check_decoder": [
        ((decoded(channels=lambda right, _: str(right["channels"])),), "channels: this is still text; make"),
        ((decoded(channels=lambda right, _: f"c{right['channels']}"),), "still text, with its letter"),
        ((decoded(channels=lambda right, _: int(str(right["channels"])[0])),), "channels: this is cut"),
        ((decoded(channels=lambda right, _: right["channels"] % 10),), "channels: this is cut"),
        ((decoded(repeats=lambda right, _: right["repeats"] % 10),), "repeats: this is cut"),
        ((lambda string: {k: v for k, v in decode(string).items() if k != "expansion" or "_e" in string},), "no key"),
        ((decoded(expansion=lambda right, s: right["expansion"] if "_e" in s else None),), "It has no e"),
        ((decoded(expansion=lambda right, s: right["expansion"] if "_e" in s else 6),), "does not expand"),
        ((decoded(expansion=lambda right, s: int(re.search(r"e(\d+)", s)[1])),), "TypeError: 'NoneType'"),
        (
            (decoded(expansion=lambda right, s: dict(re.findall(r"_([a-z])(\d)", s))["e"]),),
            "KeyError: 'e'. It has no e",
        ),
        ((decoded(kernel_size=lambda right, _: right["channels"]),), "You give the channels as kernel_size"),
        ((decoded(stride=lambda right, _: right["repeats"]),), "You give the repeats as stride"),
        ((decoded(block=lambda right, _: right["block"][:2]),), "The name of the block is cut"),
        ((decoded(block=lambda right, s: s),), "in front of the first underscore"),
        ((decode_digits,), "se is not the stride"),
        ((decode_by_place,), "go by the letter, not by the place"),
        ((decoded(stride=lambda right, _: 1),), "Look at stride again."),
        ((lambda string: {o[0]: int(o[1:]) for o in string.split("_")},), "ValueError: invalid literal"),
        ((lambda string: None if string.startswith("x") else list(decode(string)),), "should return a dict"),
        ((decode("ds_r1_k3_s1_c16"),), "Pass the function itself"),
    ],
    "check_stride_walk": [
        ((faulty_walk(own=True),), "is dilated itself"),
        ((faulty_walk(first=1),), "The stem in front"),
        ((multiplying_everywhere,), "grows at every block"),
        ((multiplying_from_the_limit_on,), "grows at every block"),
        ((faulty_walk(keep=True),), "The stride is still there"),
        ((faulty_walk(keep=True, own=True),), "The stride is still there"),
        ((faulty_walk(limit=lambda reached, stop: reached >= stop),), "The limit itself may be reached"),
        ((faulty_walk(grow=lambda d, s: s),), "adds to the first"),
        ((faulty_walk(grow=lambda d, s: d + s),), "nothing is added"),
        ((faulty_walk(grow=lambda d, s: 1),), "no block is dilated in their place"),
        ((lambda strides, stop: [(s, 1) for s in strides],), "Nothing is changed"),
        ((lambda strides, stop: [pair[::-1] for pair in dilate(strides, stop)],), "The order in a pair"),
        ((lambda strides, stop: dilate(strides, stop)[1:],), "there are 13 blocks, and your list has 12 pairs"),
        ((lambda strides, stop: dilate(strides, 16),), "Look at its stride"),
        ((lambda strides, stop: [(s, min(d, 3)) for s, d in dilate(strides, stop)],), "Look at its dilation"),
        ((lambda strides, stop: dilate(strides, stop)[0],), "each row has 2 numbers"),
        ((lambda strides: strides,), "stops for MobileNetV1 at output stride 32 with TypeError"),
    ],
    "check_hunt": [
        ((FOUND | {"eps": 1e-3},), "eps: look in _gen_mobilenet_v2, at its norm_layer, and resolve_bn_args"),
        ((FOUND | {"head": 640, "depth": 5},), "below 1; depth: look in _scale_stage_depth"),
        ((FOUND | {"shortcut": "before"},), "shortcut: look in the last lines of InvertedResidual.forward."),
        ((FOUND | {"norm": nn.BatchNorm2d},), "norm: look in InvertedResidual.__init__, at what get_norm"),
        ((FOUND | {"linear": "act_layer"},), "linear: look in InvertedResidual.__init__, where bn3"),
        ((FOUND | {"v1_skip": True},), "v1_skip: look in _decode_block_str"),
        ((FOUND | {"padding": "padding"},), "padding: look in the signature of InvertedResidual.__init__"),
        ((FOUND | {"activation": "hs"},), "activation: look in _decode_block_str, where"),
        ((FOUND | {"letters": "ir"},), "letters: look in EfficientNetBuilder._make_block."),
        ((dict.fromkeys(FOUND, ...) | {"depth": "many", "head": None, "eps": 1e-5},), "depth: look in"),
        ((FOUND | {"head": True, "v1_skip": 0},), "v1_skip: look in"),
        (({"pading": "pad_type"},), "There is no question 'pading'"),
        ((list(FOUND.values()),), "A dict of answers is expected here, and this is a list."),
    ],
    "check_half_width": [
        ((lambda a, b, t: t * np.std(a, ddof=1) / len(a) ** 0.5,), "first network alone"),
        ((lambda a, b, t: t * np.std(b, ddof=1) / len(a) ** 0.5,), "second network alone"),
        ((lambda a, b, t: t * (np.var(a, ddof=1) / len(a) + np.var(b, ddof=1) / len(b)) ** 0.5,), "two groups"),
        ((lambda a, b, t: half_width(a, b, t) * len(a) ** 0.5,), "surer than one"),
        ((lambda a, b, t: half_width(a, b, t) / len(a) ** 0.5,), "four times as many halve"),
        ((lambda a, b, t: half_width(a, b, t) * (len(a) / (len(a) - 1)) ** 0.5,), "not of one fewer"),
        ((lambda a, b, t: t * np.subtract(a, b).std() / len(a) ** 0.5,), "by one fewer than there are"),
        ((lambda a, b, t: half_width(a, b, 1),), "t is not used"),
        ((lambda a, b, t: 2 * half_width(a, b, t),), "the whole width"),
        ((lambda a, b, t: t * np.var(np.subtract(a, b), ddof=1) / len(a) ** 0.5,), "This is a variance"),
        ((lambda a, b, t: np.mean(a) - np.mean(b),), "mean difference"),
        ((lambda a, b, t: t / len(a),), "First the differences"),
        ((lambda a, b: 0.0,), "stops for a=[95.0, 94.0, 96.5]"),
    ],
    "check_seeds": [
        ((lambda s, h, t: math.ceil(t * s / h),), "only twice as many"),
        ((lambda s, h, t: (t * s / h) ** 2,), "no part of a pair"),
        ((lambda s, h, t: int((t * s / h) ** 2),), "Downwards"),
        ((lambda s, h, t: round((t * s / h) ** 2),), "To the nearest"),
        ((lambda s, h, t: int((t * s / h) ** 2) + 1,), "even where the number is whole"),
        ((lambda s, h, t: math.ceil(t * (s / h) ** 2),), "t is squared as well"),
        ((lambda s, h, t: math.ceil((s / h) ** 2),), "t is left out"),
        ((lambda s, h, t: seeds(s, h, 2),), "taken to be 2"),
        ((lambda s, h, t: math.ceil((h / (t * s)) ** 2),), "Upside down"),
        ((lambda s, h, t: seeds(2 * s, h, t),), "half the width that is given"),
        ((lambda s, h, t: 30,), "same answer for different inputs"),
        ((lambda s, h, t: math.ceil(s * t),), "solve for n"),
    ],
    "check_padding": [
        ((lambda k, d: k // 2,), "The dilation is forgotten"),
        ((lambda k, d: d,), "a 3x3 kernel only"),
        ((lambda k, d: 1,), "a plain 3x3 only"),
        ((lambda k, d: d * k // 2,), "only the gaps are stretched"),
        ((lambda k, d: d * (k - 1),), "both sides together"),
        ((lambda k, d: d * (k - 1) + 1,), "how far the kernel reaches"),
        ((lambda k, d: k // 2 + d - 1,), "The dilation is added"),
        ((lambda k, d: d * (k - 1) / 2,), "they are floats"),
        ((lambda k, d: k + d,), "Draw the kernel on its first pixel"),
        ((lambda k: k // 2,), "TypeError"),
        ((2,), "Pass the function itself"),
    ],
    "check_receptive_field": [
        ((faulty_field(grow=lambda jump, s: 1),), "The strides are forgotten"),
        ((faulty_field(reach=lambda k, d: d * k),), "adds its gaps, not its taps"),
        ((faulty_field(reach=lambda k, d: d * k, first=0),), "adds its gaps, not its taps"),
        ((faulty_field(reach=lambda k, d: d * (k - 1) + 1, first=0),), "adds its gaps, not its taps"),
        ((faulty_field(early=True),), "own stride comes too early"),
        ((faulty_field(reach=lambda k, d: k - 1),), "The dilation is forgotten"),
        ((faulty_field(grow=lambda jump, s: s),), "Only the stride of the layer before"),
        ((faulty_field(grow=lambda jump, s: jump + s),), "The strides are added"),
        ((faulty_field(first=0),), "sees one pixel, itself"),
        ((lambda layers: field_from_behind(layers[::-1]),), "begins at the last layer"),
        ((lambda layers: math.prod(k for k, s, d in layers),), "The kernels are multiplied"),
        ((lambda layers: field(layers[:1]),), "The second layer widens"),
        ((faulty_field(reach=lambda k, d: k + d - 2),), "Dilation makes a kernel reach further"),
        ((lambda layers: sum(layers),), "stops for [(3, 1, 1)] with TypeError"),
    ],
    "check_hard_sigmoid": [
        ((torch.sigmoid,), "the smooth sigmoid"),
        ((nn.Sigmoid(),), "the smooth sigmoid"),
        ((lambda x: (x + 3) / 6,), "Nothing stops the line"),
        ((lambda x: functional.relu(x + 3) / 6,), "can pass 1"),
        ((lambda x: functional.relu6(x + 3),), "from 0 to 6"),
        ((lambda x: functional.relu6(x) / 6,), "shift the line"),
        ((functional.hardswish,), "This is h-swish"),
        ((lambda x: x.clamp(0, 1),), "climbs by 1 over a length of 6"),
        ((lambda x: (0.2 * x + 0.5).clamp(0, 1),), "another library's"),
        ((functional.hardtanh,), "not at −1"),
        ((lambda x: functional.relu6(x.add_(3)) / 6,), "changes the tensor"),
        ((lambda x: 0 if x < -3 else 1 if x > 3 else x / 6 + 0.5,), "no if can choose"),
        ((lambda x: functional.hardsigmoid(x).mean(),), "The shape should stay"),
        ((lambda x: functional.hardsigmoid(x).tolist(),), "return a tensor"),
        ((lambda x: functional.hardsigmoid(x) ** 2,), "Draw it from −6 to 6"),
        ((0.5,), "Pass the function itself"),
    ],
    "check_squeeze_excite": [
        ((gate(last=torch.sigmoid),), "The gate is the smooth sigmoid"),
        ((gate(between=nn.Identity()),), "between the two convolutions is missing"),
        ((gate(between=nn.Identity(), last=torch.sigmoid),), "Two slips"),
        ((gate(between=functional.relu6),), "nothing is cut off at the top"),
        ((gate(between=functional.hardswish),), "is plain ReLU"),
        ((gate(join=lambda x, s: x + s),), "added to the input"),
        ((gate(join=lambda x, s: x * s + x),), "no residual in here"),
        ((gate(join=lambda x, s: s),), "The factors themselves are returned"),
        ((gate(join=lambda x, s: s.expand_as(x)),), "spread over the map"),
        ((gate(pool=lambda x: x),), "The first convolution runs on the whole map"),
        ((gate(pool=lambda x: x.mean(3, keepdim=True)),), "The first convolution runs on the whole map"),
        ((gate(pool=lambda x: x.amax((2, 3), keepdim=True)),), "The largest value of each map"),
        ((gate(pool=lambda x: x.sum((2, 3), keepdim=True)),), "Each map is summed up"),
        ((gate(pool=lambda x: x.mean((1, 2, 3), keepdim=True).expand(-1, x.shape[1], 1, 1)),), "not what happens"),
        ((gate(last=functional.relu),), "belongs to a gate"),
        ((gate(last=lambda s: s.softmax(1)),), "The channels compete"),
        ((gate(bias=False),), "The first convolution has no bias"),
        ((gate(kernel_size=3),), "larger than the single pixel"),
        ((gate(ends=lambda c, s: (c, c, c)),), "The first convolution takes 16 channels to 16"),
        ((gate(ends=lambda c, s: (s, c, s)),), "Faulty(16, 4) stops with RuntimeError"),
        ((gate(norm=True),), "There is a BatchNorm"),
        ((gate(drop=True),), "behaves differently in training"),
        ((OneLayerGate,), "and here 1 ran"),
        ((RaisingGate,), "stops with AttributeError"),
        ((MyInvertedResidual,), "cannot be built: TypeError"),
        ((MySqueezeExcite(16, 4),), "Pass the class itself"),
    ],
    "check_stem": [
        ((STEM.macs, STEM.params), "swapped"),
        ((STEM.params + 32, STEM.macs), "bias"),
        ((STEM.params + 64, STEM.macs), "Parameters: BatchNorm's two numbers"),
        ((9 * 32, STEM.macs), "as deep as its input"),
        ((27, STEM.macs), "one filter"),
        ((STEM.macs, STEM.macs), "do not depend on the size of the map"),
        ((1000, STEM.macs), "Parameters: multiply the numbers"),
        ((STEM.params, STEM.params * 224**2), "the stride is forgotten"),
        ((STEM.params, STEM.params * 224 * 112), "both sides"),
        ((STEM.params, STEM.params), "a single pixel"),
        ((STEM.params, 27 * 112**2), "one output channel"),
        ((STEM.params, STEM.params * 111**2), "padding"),
        ((STEM.params, 2 * STEM.macs), "twice too much"),
        ((STEM.params, 12345), "MACs: every weight is used once"),
        ((STEM.params, "10838016"), "without quotation marks"),
        ((STEM, STEM), "whole Cost"),
        ((True, STEM.macs), "a number is expected"),
        ((float("nan"), STEM.macs), "not a finite number"),
    ],
    "check_macs_function": [
        ((lambda conv, h, w: conv.weight.numel() * h * w,), "pixels of the input"),
        ((forgetting(stride=(1, 1)),), "The stride is forgotten"),
        ((forgetting(padding=(0, 0)),), "The padding is forgotten"),
        ((forgetting(dilation=(1, 1)),), "The dilation is forgotten"),
        ((lambda conv, h, w: my_macs(conv, h, w) * conv.groups,), "The groups are forgotten"),
        ((lambda conv, h, w: my_macs(conv, h, w) // conv.groups,), "divided by the groups twice"),
        ((lambda conv, h, w: my_macs(conv, h, w) * (1 if conv.bias is None else 1 + 1 / 72),), "A bias is counted"),
        ((lambda conv, h, w: 2 * my_macs(conv, h, w),), "twice too much"),
        ((lambda conv, h, w: conv.weight.numel(),), "These are the parameters"),
        ((lambda conv, h, w: my_macs(conv, w, h),), "Height and width are mixed up"),
        ((lambda conv, h, w: my_macs(conv, h, h),), "nn.Conv2d(8, 16, kernel_size=(3, 3)"),
        ((lambda conv, h, w: 7,), "the same answer for different inputs"),
        ((lambda conv, h, w: sides(conv, h, w, stride=(1, 1), dilation=(1, 1)),), "The stride changes"),  # two at once
        ((lambda conv: 1,), "stops for nn.Conv2d"),
        ((lambda conv, h, w: 1 / 0,), "ZeroDivisionError: division by zero."),
        ((12,), "Pass the function itself"),
    ],
    "check_fvcore_total": [
        ((total,), "two kinds of layer more"),
        ((lambda layers: 2 * total(layers),), "do not double"),
        ((lambda layers: total(layers) + 2 * normed(layers),), "The pooling is missing"),
        ((lambda layers: total(layers) + layers[-2].activations,), "The BatchNorms are missing"),
        ((lambda layers: fvcore_total(layers) - normed(layers),), "How many operations"),
        ((lambda layers: fvcore_total(layers) + 3 * normed(layers),), "training mode"),
        ((lambda layers: fvcore_total(layers) + 2 * layers[-1].activations,), "behind the classifier"),
        ((lambda layers: fvcore_total(layers) - layers[-2].activations + layers[-2].out_channels,), "by its outputs"),
        (
            (lambda layers: torchinfo_total(layers) - layers[-1].activations + layers[-2].activations,),
            "torchinfo's way",
        ),
        ((lambda layers: 578875904,), "the same answer for different inputs"),
        ((lambda layers: total(layers) + 3 * normed(layers),), "Take the parts one by one"),
    ],
    "check_torchinfo_total": [
        ((total,), "These are the MACs"),
        ((lambda layers: torchinfo_total(layers) - layers[-1].out_channels,), "bias is missing"),
        ((lambda layers: total(layers) + layers[-1].out_channels,), "BatchNorm is missing"),
        (
            (lambda layers: (total(layers) + torchinfo_total(layers) + layers[-1].out_channels) // 2,),
            "two numbers for each",
        ),
        ((lambda layers: torchinfo_total(layers) - layers[-1].out_channels + 1000,), "number of classes is fixed"),
        ((lambda layers: total(layers) + cost.total(layers).params,), "All parameters are added"),
        ((fvcore_total,), "fvcore's total"),
        ((lambda layers: total(layers) + 2 * normed(layers) + layers[-1].out_channels,), "fvcore's way"),
        ((lambda layers: 2 * torchinfo_total(layers),), "twice too much"),
        ((lambda layers: layers.macs,), "AttributeError"),
    ],
    "check_block_cost": [
        ((BLOCK[1], BLOCK[0]), "swapped"),
        ((9 * 32 * 64 * 112**2, BLOCK[1]), "a standard convolution"),
        ((9 * 32 * 32 * 112**2, BLOCK[1]), "the groups are forgotten"),
        ((9 * 64 * 112**2, BLOCK[1]), "the 32 channels that come in"),
        ((9 * 32, BLOCK[1]), "Depthwise: this is for a single pixel"),
        ((2 * BLOCK[0], BLOCK[1]), "twice too much"),
        ((5, BLOCK[1]), "Depthwise: for each pixel"),
        ((BLOCK[0], 9 * BLOCK[1]), "a single pixel"),
        ((BLOCK[0], 32 * 64), "Pointwise: this is for a single pixel"),
        ((BLOCK[0], sum(BLOCK)), "the sum of the two"),
        ((BLOCK[0], BLOCK[1] / 4), "the map keeps its size"),
    ],
    "check_exact_eighth": [
        ((8,), "comes on top of it"),
        ((9,), "the kernel's part"),
        ((17,), "denominators are not added"),
        ((1 / 72,), "This is 1/N"),
        ((64,), "more than an eighth"),
        ((73,), "less than an eighth"),
        ((71.5,), "whole number"),
        ((-3,), "whole number"),
    ],
    "check_separable": [
        ((separable(bias=True),), "has a bias"),
        ((separable(groups=lambda n: 1),), "no groups"),
        ((separable(groups=lambda n: n // 2),), "has groups=4"),
        ((separable(padding=0),), "The padding of the depthwise convolution"),
        ((separable(strides=lambda s: (1, 1)),), "The depthwise convolution ignores the stride"),
        ((separable(strides=lambda s: (1, s)),), "The depthwise convolution ignores the stride"),
        ((separable(activations=(nn.Identity(), nn.ReLU6())),), "behind the depthwise convolution is missing"),
        ((separable(activations=(nn.ReLU6(), nn.Identity())),), "behind the pointwise convolution is missing"),
        ((separable(activations=(nn.ReLU(), nn.ReLU())),), "ReLU lets values above 6 pass"),
        ((separable(activations=(nn.ReLU6(), nn.ReLU())),), "above 6 pass behind the pointwise"),
        ((separable(activations=(nn.Identity(), nn.Identity())),), "All activations are missing"),
        ((separable(norm_last=True),), "BatchNorm stands between the convolution and ReLU6"),
        ((Swapped,), "The order is swapped"),
        ((NoNorm,), "A BatchNorm is missing"),
        ((Dropping,), "behaves differently in training"),
        ((Raising,), "stops with AttributeError"),
        ((Unbuildable,), "Unbuildable(8, 16, stride=2) cannot be built: TypeError"),
        ((ReturnsPair,), "returns a tuple"),
        ((MySeparable(8, 16),), "Pass the class itself"),
        ((dict,), "derives from nn.Module"),
    ],
    "check_width_for_budget": [
        ((1.0,), "over the budget"),
        ((WIDEST + 0.05,), "Just over is over"),
        ((0.5,), "in proportion to the width"),
        ((0.25,), "It fits, but a wider one fits too"),
        ((math.sqrt(300 / 569),), "in steps of 0.05"),
        ((224,), "alpha multiplies the channels"),
        (("0.5",), "without quotation marks"),
    ],
    "check_v1_blocks": [
        ((unscaled(V1_BLOCKS),), "This is width 1"),
        (([(32, *V1_BLOCKS[0][1:]), *V1_BLOCKS[1:]],), "The stem is scaled too"),
        (([*V1_BLOCKS[:-1], (512, 512, 2)],), "table 1's last stride"),
        (([*V1_BLOCKS[:7], *V1_BLOCKS[11:]],), "only once"),
        (([(b, a, s) for a, b, s in V1_BLOCKS],), "The first number of a row is what comes in"),
        (([(3, 16, 2), *V1_BLOCKS],), "The stem is among the rows"),
        (([(a, b, 1) for a, b, s in V1_BLOCKS],), "The strides are missing"),
        ((V1_BLOCKS[:5],), "too few rows"),
        (([*V1_BLOCKS, (512, 1000, 1)],), "too many rows"),
        (([*V1_BLOCKS[:3], (32, 128, 2), *V1_BLOCKS[4:]],), "Row 3, counted from 0, does not read what row 2 writes"),
        (([*V1_BLOCKS[:3], (64, 128, 1), *V1_BLOCKS[4:]],), "Up to row 3"),
        (([(16, 32)],), "each row has 3 numbers"),
        ((7,), "A list of rows"),
    ],
    "check_printed_stride": [
        ((cost.mobilenet_v1().macs,), "this is the network with stride 1"),
        ((cost.mobilenet_v1().macs - 9 * 1024 * 33,), "the layer behind it works on the small map"),
        ((cost.mobilenet_v1().macs - 1024 * 1024 * 33,), "the depthwise layer itself does less"),
        ((cost.mobilenet_v1().macs - (9 + 1024) * 1024 * 40,), "rounded up, not down"),
        ((cost.mobilenet_v1().macs - (9 + 1024) * 1024 * 147 // 4,), "half of 7 is not whole"),
        ((cost.mobilenet_v1().macs - printed_stride(),), "what is saved"),
        ((printed_stride() / 1e6,), "not millions"),
        ((1,), "only the last depthwise layer"),
    ],
    "check_lost_share": [
        ((lambda n, d=2: (n + 1) / 2**n,), "does not look at d"),
        ((lambda n, d=2: lost_share(n, d + 1),), "at most d"),
        ((lambda n, d=2: 1 - lost_share(n, d),), "survives"),
        ((lambda n, d=2: math.comb(n, d - 1) / 2**n,), "exactly one number"),
        ((lambda n, d=2: math.comb(n, d) / 2**n,), "exactly d"),
        ((lambda n, d=2: lost_share(n, d) * 2**n,), "These are counts"),
        ((lambda n, d=2: 100 * lost_share(n, d),), "per cent"),
        ((lambda n, d=2: lost_share(n, d) - 0.5**n,), "without any active channel is missing"),
        ((lambda n, d=2: 1 / n,), "Count the patterns of signs"),
        ((lambda n: 0.5,), "stops for n=5, d=2 with TypeError"),
    ],
    "check_step": [
        ((lambda top, bits: top / 2**bits,), "Count the gaps"),
        ((lambda top, bits: top / 255,), "8 bits only"),
        ((lambda top, bits: 6 / (2**bits - 1),), "up to 6 only"),
        ((lambda top, bits: top / bits,), "bits are not the levels"),
        ((lambda top, bits: top / (2**bits - 1) / 2,), "largest error of rounding"),
        ((lambda top, bits: (2**bits - 1) / top,), "Upside down"),
        ((lambda top, bits: top / 2 ** (bits - 1),), "for a sign"),
        ((lambda top, bits: 1.0,), "the same answer for different inputs"),
        ((lambda top, bits: top,), "Draw the levels"),
    ],
    "check_break_even": [
        ((4.5,), "depthwise layer is left out"),
        ((lambda c, k: k**2 / 2,), "depthwise layer is left out"),
        ((lambda c, k: k**2 * c / (c + k**2),), "One of the two pointwise layers"),
        ((6.55,), "One of the two pointwise layers"),
        ((lambda c, k: k * c / (2 * c + k),), "square it"),
        ((lambda c, k: (2 * c + k**2) / (k**2 * c),), "Upside down"),
        ((lambda c, k: break_even(c, 3),), "3x3 kernel only"),
        ((lambda c, k: round(break_even(c, k)),), "Do not round"),
        ((4,), "do not round"),
        ((90.9,), "channels of the middle"),
        ((6,), "the block costs more"),
        ((1.5,), "the block costs less"),
        ((lambda c: break_even(c, 3),), "stops for channels=24, kernel_size=3 with TypeError"),
        ((lambda c, k: c / k,), "set them equal"),
    ],
    "check_residual_rule": [
        ((lambda i, o, s: s == 1,), "What else must agree"),
        ((lambda i, o, s: i == o,), "What does the stride do"),
        ((lambda i, o, s: s == 1 or i == o,), "both must hold"),
        ((lambda i, o, s: True,), "does not exist in every block"),
        ((lambda i, o, s: False,), "Some blocks do have it"),
        ((lambda i, o, s: not (s == 1 and i == o),), "The wrong way round"),
        ((lambda i, o, s: s == 1 and i <= o,), "A narrower input"),
        ((lambda i, o, s: "yes",), "return True or False"),
        ((lambda i, o, s: s == 1 and i == o == 24,), "Compare the two shapes"),
    ],
    "check_inverted_residual": [
        ((inverted(residual=lambda i, o, s: True),), "The input is added to an output of another shape"),
        ((inverted(residual=lambda i, o, s: s == 1),), "The input is added to an output of another shape"),
        ((inverted(residual=lambda i, o, s: i == o),), "When does the residual exist?"),
        ((inverted(residual=lambda i, o, s: False),), "The residual is missing"),
        ((inverted(padding=lambda k, d: (1, 1)),), "The padding must follow kernel size and dilation"),
        ((inverted(padding=lambda k, d: ((k - 1) // 2,) * 2),), "The padding must follow kernel size and dilation"),
        ((inverted(projected=nn.ReLU6()),), "the bottleneck is linear"),
        ((inverted(projected=nn.ReLU()),), "the bottleneck is linear"),
        ((inverted(summed=nn.ReLU6()),), "the bottleneck is linear"),
        ((inverted(expanded=nn.Identity()),), "behind the expansion is missing"),
        ((inverted(bias=True),), "The expansion has a bias"),
        ((inverted(groups=False),), "The depthwise convolution has no groups"),
        ((inverted(stride_in_expansion=True),), "The expansion has a stride that belongs to another layer"),
        ((inverted(no_dilation=True),), "ignores the dilation"),
        ((inverted(fixed_kernel=True),), "has a 3 x 3 kernel"),
        ((MySeparable,), "has 3 convolutions, and here 2 ran"),
    ],
    "check_table2": [
        ((lambda rows: walk(rows, strides="all"),), "Only the first one halves the map"),
        ((lambda rows: walk(rows, inputs="row"),), "read the row's own channels"),
        ((lambda rows: walk(rows, first=16),), "The first block reads the stem's channels"),
        ((lambda rows: walk(rows, first=3),), "not the image's"),
        ((lambda rows: [(i, 6, o, s) for i, t, o, s in expand(rows)],), "expansion of its own"),
        ((lambda rows: [(i, t * i, o, s) for i, t, o, s in expand(rows)],), "t itself"),
        ((lambda rows: [(t, i, o, s) for i, t, o, s in expand(rows)],), "The order is"),
        ((lambda rows: [(32, t, c, s) for t, c, n, s in rows],), "too few rows"),
        ((lambda rows: [(32, 3, 1, 1), *expand(rows)],), "too many rows"),
        ((lambda rows: expand(specs.V2_SPEC),), "for any table"),
        ((expand(specs.V2_SPEC),), "stops for table 2"),
        ((lambda rows: [row[:3] for row in expand(rows)],), "each row has 4 numbers"),
    ],
    "check_peak": [
        ((2 * over(lambda layer: layer.activations),), "one tensor alone"),
        ((over(both),), "numbers, not bytes"),
        ((4 * over(both),), "32 bits"),
        ((16 * over(both),), "These are bits"),
        ((over(lambda layer: layer.activations),), "Two slips"),
        ((2 * over(both, sum),), "the sum over all layers"),
        ((2 * over(lambda layer: both(layer) + layer.weights),), "The weights are in it"),
        ((PEAK[1] / 1024,), "not kB"),
        ((123,), "take the largest sum"),
        (((0, PEAK[1]),), "belong to another block"),
        (((2, PEAK[1]),), "from 0"),
        ((("blocks.1.conv1", PEAK[1]),), "another of its layers"),
        (((PEAK[1], 1),), "Swapped"),
        ((lambda layers: PEAK[1],), "the same answer for different inputs"),
        ((lambda layers: ("blocks.1", peak(layers)[1]),), "belong to another block"),
    ],
    "check_intensity": [
        ((lambda layer, batch: 4 * intensity(layer, batch),), "How many bytes has a float32"),
        ((lambda layer, batch: intensity(layer, batch) / 8,), "for each bit"),
        ((lambda layer, batch: 2 * intensity(layer, batch),), "two for a MAC"),
        ((lambda layer, batch: layer.macs / (4 * layer.activations),), "Only the output is counted"),
        ((lambda layer, batch: intensity(layer, 1),), "The batch cancels"),
        ((lambda layer, batch: intensity(layer, 1) * batch,), "the bytes do not"),
        ((lambda layer, batch: intensity(layer, batch) / batch,), "the MACs do not"),
        ((lambda layer, batch: 1 / intensity(layer, batch),), "Upside down"),
        ((lambda layer, batch: intensity(layer._replace(in_size=layer.out_size), batch),), "input is larger"),
        ((lambda layer, batch: without_weights(layer, batch),), "The weights are missing"),
        ((lambda layer: layer.macs,), "stops for a standard layer"),
        ((lambda layer, batch: 1.0,), "the same answer for different inputs"),
    ],
    "check_least_time": [
        ((lambda macs, moved, peak, bandwidth: 1000 * (macs / peak + moved / bandwidth),), "are added"),
        ((lambda macs, moved, peak, bandwidth: 1000 * min(macs / peak, moved / bandwidth),), "the shorter"),
        ((lambda macs, moved, peak, bandwidth: 1000 * macs / peak,), "Only the arithmetic"),
        ((lambda macs, moved, peak, bandwidth: 1000 * moved / bandwidth,), "Only the bytes"),
        ((lambda *numbers: least_time(*numbers) / 1000,), "These are seconds"),
        ((lambda macs, moved, peak, bandwidth: 1000 * macs / min(peak, bandwidth),), "different units"),
        ((lambda macs, moved, peak, bandwidth: min(peak, macs / moved * bandwidth),), "This is the ceiling"),
    ],
    "check_fold": [
        ((lambda w, n: (w, fold(w, n)[1]),), "The weights are those of before"),
        (
            (lambda w, n: (w * (n.weight / n.running_var.sqrt())[:, None, None, None], fold(w, n)[1]),),
            "eps is forgotten",
        ),
        ((lambda w, n: (w * n.weight[:, None, None, None] / spread(n) ** 2, fold(w, n)[1]),), "not by a variance"),
        ((lambda w, n: (w / spread(n), fold(w, n)[1]),), "norm.weight, is missing"),
        ((lambda w, n: (w * n.weight[:, None, None, None] * spread(n), fold(w, n)[1]),), "divides by the spread"),
        ((lambda w, n: (fold(w, n)[0], n.bias),), "The mean is forgotten"),
        ((lambda w, n: (fold(w, n)[0], fold(w, n)[1] - n.bias),), "norm.bias, is missing"),
        ((lambda w, n: (fold(w, n)[0], 2 * n.bias - fold(w, n)[1]),), "The mean is added"),
        ((lambda w, n: (fold(w, n)[0], n.bias - n.running_mean),), "before the scale works"),
        ((lambda w, n: (fold(w, n)[0], torch.zeros(len(w))),), "The bias is zero"),
        ((lambda w, n: (fold(w, n)[0], fold(w, n)[1][:2]),), "The bias has shape (2,)"),
        ((lambda w, n: fold(w, n)[0],), "Two tensors are expected"),
        ((lambda w, n: (w.mul_(2), n.bias),), "changes the weight that it is given"),
        ((lambda w, n: (fold(w, n)[0], 3 * n.bias),), "Write BatchNorm down for one channel"),
    ],
    "check_rounding": [
        ((lambda weight, bits: weight,), "Nothing is rounded"),
        ((shipping.quantize,), "One scale serves the whole tensor"),
        (
            (lambda weight, bits: round_channels(weight.transpose(0, 1), bits).transpose(0, 1),),
            "for each input channel",
        ),
        ((lambda weight, bits: round_channels(weight, bits + 1),), "for the sign"),
        ((lambda weight, bits: round_channels(weight, 8),), "8 bits only"),
        (
            (lambda weight, bits: torch.round(weight / largest(weight) * (2 ** (bits - 1) - 1)),),
            "These are the integers",
        ),
        ((lambda weight, bits: torch.trunc(weight / step(weight, bits)) * step(weight, bits),), "nearest integer"),
        ((lambda weight, bits: torch.ceil(weight / step(weight, bits)) * step(weight, bits),), "Always up"),
        ((lambda weight, bits: weight[0],), "The shape should stay"),
        ((lambda weight, bits: 0.5 * weight,), "Divide by the scale"),
        ((lambda weight, bits: 1,), "should return a tensor"),
    ],
}
HINTS = {}
CASES = [
    pytest.param(name, answers, words, id=f"{name}-{words}") for name, rows in WRONG.items() for answers, words in rows
]


def hint(name, answers):
    """Return how a check fails; the answers of WRONG are tried once."""
    key = name, id(answers)
    if key not in HINTS:
        HINTS[key] = fail(name, answers)
    return HINTS[key]


def fail(name, answers):
    with pytest.raises(checks.CheckFailed) as failed:
        getattr(checks, name)(*answers)
    return failed.value


@pytest.mark.parametrize(("name", "answers", "words"), CASES)
def test_a_wrong_answer_gets_its_own_hint(name, answers, words):
    failed = hint(name, answers)
    assert words in str(failed)
    assert failed._render_traceback_() == [f"look again: {failed}"]
    assert failed.__suppress_context__
    assert "\n" not in str(failed) and str(failed)[-1] in ".?" and "  " not in str(failed)


def test_every_check_knows_at_least_three_typical_mistakes():
    assert set(WRONG) == set(CHECKS)
    for name, rows in WRONG.items():
        assert len({str(hint(name, answers)) for answers, _ in rows}) >= 3, name


SPECS = (specs.v1_blocks, specs.v2_blocks)
SOLUTIONS = {
    "check_stem": (STEM.params, STEM.macs),
    "check_block_cost": tuple(BLOCK),
    "check_exact_eighth": (72,),
    "check_width_for_budget": (WIDEST,),
    "check_v1_blocks": (len(V1_BLOCKS),),
    "check_printed_stride": (printed_stride(), printed_stride() // 10**6),
    "check_break_even": (3.789, 3.79, 3.8),
    "check_table2": (len(expand(specs.V2_SPEC)),),
    "check_peak": (PEAK[1],),
    "check_fvcore_total": (578875904, 314193216),
    "check_torchinfo_total": (568763240, 300809384),
    "check_receptive_field": tuple(field([(3, 2, 1), *((3, b.stride, 1) for b in each())]) for each in SPECS),
}


@pytest.mark.parametrize("name", SOLUTIONS)
def test_no_hint_gives_the_number_away(name):
    for answers, words in WRONG[name]:
        printed = re.findall(r"\d+\.\d+|\d+", str(hint(name, answers)).replace(",", ""))
        given = {str(answer) for answer in answers}
        assert not {str(number) for number in SOLUTIONS[name]} & (set(printed) - given), words


# Words and pieces of code that would be the solution of an exercise whose answer is no number.
GIVEN_AWAY = {
    "check_decoder": ["split", "isdigit", "get("],
    "check_stride_walk": ["dilation *=", "reached *"],
    "check_hunt": [*(str(value) for value in FOUND.values()), "0.00001"],
    "check_half_width": ["stdev", "sqrt", "t *", "ddof"],
    "check_seeds": ["ceil", "** 2", "t * s"],
    "check_padding": ["(k − 1)", "dilation *", "// 2"],
    "check_receptive_field": ["jump", "+=", "*"],
    "check_hard_sigmoid": ["relu6", "ReLU6", "clamp", "x + 3", "/ 6"],
    "check_intensity": ["4 *", "in_channels", "activations"],
    "check_least_time": ["max", "1000", "longer"],
    "check_fold": ["sqrt", "[:, None", "*"],
    "check_rounding": ["amax", "round(", "127"],
    "check_squeeze_excite": ["hard sigmoid", "Hardsigmoid", "hardsigmoid", "mean((2", "*"],
}


@pytest.mark.parametrize("name", GIVEN_AWAY)
def test_no_hint_gives_the_solution_away(name):
    for answers, words in WRONG[name]:
        said = str(hint(name, answers))
        for word in GIVEN_AWAY[name]:
            bare = rf"\b{word}\b" if word.isalnum() else re.escape(word)
            assert not re.search(bare, said.replace("**", "")), (word, words)


def test_checking_leaves_the_random_numbers_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    checks.check_inverted_residual(MyInvertedResidual)
    checks.check_squeeze_excite(MySqueezeExcite)
    checks.check_hunt(FOUND)
    assert torch.equal(torch.rand(3), expected)


def test_a_notebook_shows_the_sentence_and_no_traceback():
    program = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_cell('from mobilenet_lib import checks\\nchecks.check_exact_eighth(8)')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "look again: 1/N alone would be an eighth, but the kernel's 1/9 comes on top of it.\n"
