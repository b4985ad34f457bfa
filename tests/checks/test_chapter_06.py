"""Answers in chapter 6, the inverted residual: right, half written, and typically wrong."""

from __future__ import annotations

import numpy as np
from peers import undrawn
from torch import nn

from checks.shared import MyInvertedResidual, MySeparable
from mobilenet_lib import InvertedResidual, MobileNetV2, measure


def break_even(channels, kernel_size):
    return kernel_size**2 * channels / (2 * channels + kernel_size**2)


def extra_layer():
    """Return what fvcore counts for the expansion that t = 1 does without at width 0.5, in millions."""
    return measure.macs(nn.Conv2d(16, 16, 1, bias=False), (1, 16, 112, 112)) / 1e6


def outlined(*answers):
    raise NotImplementedError


class OutlineOfForward(nn.Module):
    def __init__(self, *sizes, **settings):
        super().__init__()

    def forward(self, x):
        raise NotImplementedError


class Sketch(nn.Module):
    def __init__(self, in_channels, mid_channels, out_channels, kernel_size=3, stride=1, dilation=1): ...

    def forward(self, x): ...


class EmptyForward(MyInvertedResidual):
    def forward(self, x): ...


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


class AddsIntoItsInput(MyInvertedResidual):
    def forward(self, x):
        y = self.conv2(self.depthwise(self.conv1(x)))
        if self.use_residual:
            x += y
        return x if self.use_residual else y


class LosesItsInput(MyInvertedResidual):
    def forward(self, x):
        x = self.conv2(self.depthwise(self.conv1(x)))
        return x + x if self.use_residual else x


def kernel_percent(size):
    """Return by how many percent fvcore's count of the block grows with its kernel."""
    small, large = (measure.macs(InvertedResidual(96, 576, 96, k), (1, 96, 14, 14)) for k in (3, size))
    return 100 * large / small - 100


KERNELS = kernel_percent(5), kernel_percent(7)
with undrawn():
    NARROW, WIDE = MobileNetV2(width_mult=0.25), MobileNetV2()
MORE = [  # the place of the block that has a shortcut when the network is narrow
    place
    for place, (narrow, wide) in enumerate(zip(NARROW.blocks, WIDE.blocks, strict=True))
    if narrow.use_residual and not wide.use_residual
]


RIGHT = [
    ("check_break_even", (break_even,)),
    ("check_break_even", (3.79,)),
    ("check_extra_layer", (extra_layer(),)),
    ("check_extra_layer", (round(extra_layer(), 2),)),
    ("check_residual_rule", (lambda i, o, s: s == 1 and i == o,)),
    ("check_residual_rule", (lambda i, o, s: np.bool_(s == 1 and i == o),)),
    ("check_inverted_residual", (MyInvertedResidual,)),
    ("check_inverted_residual", (InvertedResidual,)),
    ("check_extra_shortcut", tuple(MORE)),
    ("check_dearer_kernel", (*KERNELS, 6.6)),
    ("check_dearer_kernel", (8, 20, 6.6)),
]
HALF_WRITTEN = [
    ("check_residual_rule", (lambda i, o, s: None,), "put your answer in place"),
    ("check_inverted_residual", (Sketch,), "does not call super().__init__()"),
    ("check_inverted_residual", (EmptyForward,), "put your answer in place"),
    ("check_residual_rule", (outlined,), "in place of NotImplementedError"),
    ("check_inverted_residual", (OutlineOfForward,), "in place of NotImplementedError"),
]
WRONG = {
    "check_break_even": [
        ((lambda c, k: round(break_even(c, k), 2),), "Your function rounds what it returns"),
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
    "check_extra_layer": [
        ((3.2,), "difference of the two printed totals"),
        ((4 * extra_layer(),), "at width 1"),
        ((extra_layer() * 1e6,), "Give millions"),
        ((extra_layer() / 2,), "it is a projection"),
        ((extra_layer() * 9 / 16,), "depthwise layer"),
        ((extra_layer() / 4,), "its map is not"),
        ((extra_layer() * 2,), "Twice too much"),
        ((1,), "a layer fewer"),
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
        ((AddsIntoItsInput,), "changes the tensor that it is given"),
        ((LosesItsInput,), "The output is added to itself"),
    ],
    "check_extra_shortcut": [
        ((1,), "Block 1 has stride 2"),
        ((2,), "at width 1, too"),
        ((10,), "The ends of block 10 differ"),
        ((17,), "There are 17 blocks"),
        ((-1,), "There are 17 blocks"),
        ((0.5,), "There are 17 blocks"),
    ],
    "check_dearer_kernel": [
        ((*KERNELS[::-1], 6.6), "swapped"),
        ((0.0796, KERNELS[1], 6.6), "5×5: give percent"),
        ((108, KERNELS[1], 6.6), "in percent of the old one"),
        ((177.8, KERNELS[1], 6.6), "the depthwise layer alone"),
        ((KERNELS[0], 38.1, 6.6), "7×7: one of the two pointwise layers"),
        ((KERNELS[0], 2.05, 6.6), "two sides"),
        ((KERNELS[0], 429, 6.6), "reads one channel only"),
        ((KERNELS[0], 1, 6.6), "only k² changes"),
        ((*KERNELS, 0.6), "added to t"),
        ((*KERNELS, 633), "channels of the middle"),
        ((*KERNELS, 6.29), "not with its square"),
        ((*KERNELS, 1.1), "this is the factor"),
        ((*KERNELS, 7), "less than that"),
        ((*KERNELS, 60), "in proportion"),
    ],
}
# No hint prints these numbers.
NUMBERS = {
    "check_break_even": (3.789, 3.79, 3.8),
    "check_dearer_kernel": (8, 7.96, 19.9, 20, 6.6),
}
# Words and pieces of code that would be the solution.
GIVEN_AWAY = {}
