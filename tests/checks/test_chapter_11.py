"""Answers in chapter 11, beyond MobileNetV2: right, half written, and typically wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from checks.shared import Empty, MyInvertedResidual, Outline
from mobilenet_lib import layers, specs


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


class EmptyGate(MySqueezeExcite):
    def forward(self, x): ...


class SketchOfAGate(nn.Module):
    def __init__(self, channels, squeeze_channels): ...

    def forward(self, x): ...


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


SPECS = (specs.v1_blocks, specs.v2_blocks)


RIGHT = [
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
    ("check_separable_share", (100 * (1 / 256 + 1 / 9),)),
    ("check_separable_share", (11.5,)),
]
HALF_WRITTEN = [
    ("check_squeeze_excite", (Outline,), "in place of NotImplementedError"),
    ("check_padding", (lambda kernel_size, dilation: ...,), "put your answer in place"),
    ("check_receptive_field", (lambda layers: None,), "put your answer in place"),
    ("check_hard_sigmoid", (lambda x: ...,), "put your answer in place"),
    ("check_squeeze_excite", (Empty,), "Empty has no __init__"),
    ("check_squeeze_excite", (EmptyGate,), "put your answer in place"),
    ("check_squeeze_excite", (SketchOfAGate,), "does not call super().__init__()"),
]
WRONG = {
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
        ((gate(pool=lambda x: x.mean((0, 2, 3), keepdim=True)),), "over the images of the batch"),
        ((gate(join=lambda x, s: x.mul_(s)),), "changes the tensor that it is given"),
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
    "check_separable_share": [
        ((0.115,), "give percent"),
        ((11.1,), "depthwise layers are left out"),
        ((0.39,), "pointwise layers are left out"),
        ((11.42,), "channels that come out"),
        ((88.5,), "what is saved"),
        ((34.5,), "three layers become three layers"),
        ((33.7,), "two sides"),
        ((12.5,), "an eighth is the guess"),
        ((12,), "three digits"),
        ((8.69,), "the other way round"),
        ((50,), "dilation changes no MACs"),
    ],
}
# No hint prints these numbers.
NUMBERS = {
    "check_receptive_field": tuple(field([(3, 2, 1), *((3, b.stride, 1) for b in each())]) for each in SPECS),
    "check_separable_share": (11.5,),
}
# Words and pieces of code that would be the solution.
GIVEN_AWAY = {
    "check_padding": ["(k − 1)", "dilation *", "// 2"],
    "check_receptive_field": ["jump", "+=", "*"],
    "check_hard_sigmoid": ["relu6", "ReLU6", "clamp", "x + 3", "/ 6"],
    "check_squeeze_excite": ["hard sigmoid", "Hardsigmoid", "hardsigmoid", "mean((2", "*"],
}


@pytest.mark.parametrize("layers", [[(3, 2, 1), (3, 1, 2)], [(5, 1, 1), (3, 2, 2), (1, 1, 1), (3, 1, 1)]])
def test_the_receptive_field_is_what_a_gradient_reaches(layers):
    x = torch.zeros(1, 1, 1, 61, requires_grad=True)
    y = x
    for kernel_size, stride, dilation in layers:
        y = functional.conv2d(y, torch.ones(1, 1, 1, kernel_size), stride=stride, dilation=dilation)
    y[..., y.shape[-1] // 2].sum().backward()
    seen = x.grad.flatten().nonzero().flatten()
    assert seen.max() - seen.min() + 1 == field(layers)
