"""Answers in chapter 3, depthwise separable convolution: right, half written, and typically wrong."""

from __future__ import annotations

from torch import nn

from checks.shared import Empty, MySeparable, Outline
from mobilenet_lib import DepthwiseSeparableConv, cost


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


BLOCK = [layer.macs for layer in cost.depthwise_separable_layers(32, 64, size=112)]


class NoForward(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()


class Exercise(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        ...

    def forward(self, x): ...


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


class Adding(MySeparable):
    def forward(self, x):
        return x + super().forward(x)


class Forgetful(MySeparable):
    def forward(self, x):
        super().forward(x)


class Overwriting(MySeparable):
    def forward(self, x):
        return x.copy_(super().forward(x)) if x.shape[1] == self.pointwise[0].out_channels else super().forward(x)


class Raising(MySeparable):
    def forward(self, x):
        return self.pointwise(self.depthwize(x))


class Unbuildable(MySeparable):
    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)


class ReturnsPair(MySeparable):
    def forward(self, x):
        return x, super().forward(x)


RIGHT = [
    ("check_block_cost", tuple(BLOCK)),
    ("check_exact_eighth", (72,)),
    ("check_separable", (MySeparable,)),
    ("check_separable", (MyOtherSeparable,)),
    ("check_separable", (DepthwiseSeparableConv,)),
]
HALF_WRITTEN = [
    ("check_separable", (Empty,), "Empty has no __init__"),
    ("check_separable", (Exercise,), "put your answer in place"),
    ("check_separable", (NoForward,), "NoForward has no forward"),
    ("check_separable", (Outline,), "in place of NotImplementedError"),
]
WRONG = {
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
        ((Adding,), "The input is added to the output. This block has no residual."),
        ((Forgetful,), "forward returns nothing. End it with return."),
        ((Overwriting,), "changes the tensor that it is given"),
        ((Raising,), "stops with AttributeError"),
        ((Unbuildable,), "Unbuildable(8, 16, stride=2) cannot be built: TypeError"),
        ((ReturnsPair,), "returns a tuple"),
        ((MySeparable(8, 16),), "Pass the class itself"),
        ((dict,), "derives from nn.Module"),
    ],
}
# No hint prints these numbers.
NUMBERS = {
    "check_block_cost": tuple(BLOCK),
    "check_exact_eighth": (72,),
}
# Words and pieces of code that would be the solution.
GIVEN_AWAY = {}
