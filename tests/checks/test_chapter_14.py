"""Answers in chapter 14, after V2: right, half written, and typically wrong."""

from __future__ import annotations

import math

import torch
from peers import undrawn
from torch import nn

from mobilenet_lib import ConvBNReLU, DepthwiseProjection, DepthwiseSeparableConv, InvertedResidual, make_divisible


def universal(channels, expansion, start, middle, size):
    wide = channels * expansion
    return size * size * (start * start * channels + 2 * channels * wide + middle * middle * wide)


def merge(three, one):
    weight = three.weight.detach().clone()
    weight[:, :, 1, 1] += one.weight.detach()[:, :, 0, 0] + 1
    return weight, (three.bias + one.bias).detach()


def merge_by_asking(three, one):
    """Send a single one through the branches: what comes out is the kernel, turned round."""
    channels = len(three.weight)
    zeros, point = torch.zeros(1, channels, 5, 5), torch.zeros(1, channels, 5, 5)
    point[:, :, 2, 2] = 1
    constant = three(zeros) + one(zeros)
    kernel = (three(point) + one(point) + point - constant)[0, :, 1:4, 1:4].flip(1, 2)
    return [kernel[:, None].detach(), constant[0, :, 2, 2].detach()]


def fields(string):
    block, *parts = string.split("_")
    names = {"r": "repeats", "k": "kernel_size", "s": "stride", "e": "expansion", "c": "channels"}
    found = {"block": block, "expansion": 1}
    for part in parts:
        if part[0] not in names or not part[1:].isdigit():
            raise ValueError(f"what is {part} in {string}?")
        found[names[part[0]]] = int(part[1:])
    return found


def careless(string):
    block, *parts = string.split("_")
    found = {part[0]: int(part[1:]) for part in parts}
    keys = {"r": "repeats", "k": "kernel_size", "s": "stride", "c": "channels"}
    return {"block": block, "expansion": found.get("e", 1)} | {name: found.get(key) for key, name in keys.items()}


def mute(string):
    try:
        return fields(string)
    except ValueError:
        raise ValueError("this is no string of timm's") from None


def with_key_error(string):
    try:
        return fields(string)
    except ValueError:
        raise KeyError(string) from None


def scale(repeats, channels, depth_mult, width_mult):
    return math.ceil(repeats * depth_mult), make_divisible(channels * width_mult)


def row(fields, in_channels, every=False, forget=False, kernel=True, kind=None):
    made, c, out = [], in_channels, fields["channels"]
    for place in range(fields["repeats"]):
        stride = fields["stride"] if place == 0 or every else 1
        if (kind or fields["block"]) == "ir":
            size = fields["kernel_size"] if kernel else 3
            made.append(InvertedResidual(c, c * fields["expansion"], out, size, stride=stride))
        elif (kind or fields["block"]) == "ds":
            made.append(DepthwiseProjection(c, out, stride=stride))
        else:
            made.append(DepthwiseSeparableConv(c, out, stride=stride))
        c = c if forget else out
    return made


def one_for_all(fields, in_channels):
    made = row(fields, in_channels)
    return [made[0], *[made[-1]] * (len(made) - 1)]


@undrawn()  # the check gives all layers other weights
def build(
    strings, stem, head, depth_mult, width_mult, ends=True, act=True, pool=None, deep=True, wide=True, scaled_stem=False
):
    stem = make_divisible(stem * width_mult) if scaled_stem else stem
    made, c = [ConvBNReLU(3, stem, stride=2)], stem
    for place, string in enumerate(strings):
        part = fields(string)
        depth = 1 if place in (0, len(strings) - 1) and ends or not deep else depth_mult
        part["repeats"], part["channels"] = scale(part["repeats"], part["channels"], depth, width_mult if wide else 1.0)
        made += row(part, c)
        c = part["channels"]
    last = ConvBNReLU(c, head, kernel_size=1)
    last = last if act else nn.Sequential(last[0], last[1])
    return nn.Sequential(*made, last, pool or nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(head, 1000))


class Module(nn.Module):
    """The same network, with names of another taste, and parts that are made in another order than they run."""

    def __init__(self, *plan):
        super().__init__()
        made = build(*plan)
        self.train_me, self.body, self.last = made[0], made[1:-3], made[-1]

    def forward(self, x):
        return self.last(self.body(self.train_me(x)).mean((2, 3)))


LOST = {"mobilenetv1_100", "mobilenetv2_140", "mnasnet_100", "fbnetc_100", "efficientnet_lite0"}  # read from the figure


RIGHT = [
    ("check_universal_macs", (universal,)),
    ("check_merge", (merge,)),
    ("check_merge", (merge_by_asking,)),
    ("check_unmergeable", ([2, 5, 6],)),
    ("check_unmergeable", ((6, 2.0, torch.tensor(5)),)),
    ("check_fields", (fields,)),
    ("check_scaling", (scale,)),
    ("check_scaling", (lambda *row: list(scale(*row)),)),
    ("check_row", (row,)),
    ("check_row", (lambda fields, c: nn.Sequential(*row(fields, c)),)),
    ("check_row", (lambda fields, c: (block for block in row(fields, c)),)),
    ("check_network", (build,)),
    ("check_network", (Module,)),
    ("check_same_as_timm", (build, "mobilenetv2_035")),
    ("check_same_as_timm", (Module, "efficientnet_lite1")),
    ("check_same_time", ("mobilenetv2_140", LOST, "ghostnet_100")),
    ("check_same_time", ("MobileNetV2_140 ", 5, "ghostnet_100")),
]
HALF_WRITTEN = [
    ("check_universal_macs", (lambda c, t, a, k, d: None,), "put your answer in place"),
    ("check_merge", (lambda three, one: ...,), "put your answer in place"),
    ("check_unmergeable", ([2, ...],), "put your answer in place"),
    ("check_fields", (lambda string: None,), "put your answer in place"),
    ("check_scaling", (lambda r, c, d, w: ...,), "put your answer in place"),
    ("check_row", (lambda fields, c: [...],), "put your answer in place"),
    ("check_network", (lambda *plan: None,), "put your answer in place"),
    ("check_same_as_timm", (lambda *plan: ..., "mobilenetv2_035"), "put your answer in place"),
    ("check_same_time", ("mobilenetv2_140", LOST, ...), "put your answer in place"),
]


def slipped(**settings):
    return lambda fields, in_channels: row(fields, in_channels, **settings)


def misbuilt(**settings):
    return lambda *plan: build(*plan, **settings)


WRONG = {
    "check_universal_macs": [
        ((lambda *args: 2 * universal(*args),), "twice too much"),
        ((lambda c, t, a, k, d: d * d * (a * a * c * t + 2 * c * c * t + k * k * c * t),), "front of the expansion"),
        ((lambda c, t, a, k, d: d * d * (a * a * c + 2 * c * c * t + k * k * c),), "behind the expansion"),
        ((lambda c, t, a, k, d: d * d * (a * a * c + c * c * t + k * k * c * t),), "A pointwise layer is missing"),
        ((lambda c, t, a, k, d: universal(c, t, max(a, 1), max(k, 1), d),), "A switch that is off is 0"),
        ((lambda c, t, a, k, d: universal(c, t, a, k, 1),), "The pixels of the map are missing"),
        ((lambda c, t, a, k, d: universal(c, t, a, k, 1) * d,), "The map has rows and columns"),
        ((lambda c, t, a, k, d: universal(c, t, 0, 0, d),), "The filters are missing"),
    ],
    "check_merge": [
        ((lambda three, one: (three.weight, three.bias),), "Only the 3x3 filter is in the weight"),
        ((lambda three, one: (merge(three, one)[0], three.bias),), "The bias of the 1x1 branch is missing"),
        ((lambda three, one: (merge(three, one)[0], one.bias),), "The bias of the 3x3 branch is missing"),
        ((lambda three, one: (three.weight + one.weight, merge(three, one)[1]),), "all nine taps"),
        ((lambda three, one: (merge(three, one)[0], merge(three, one)[1] + 1),), "The shortcut adds the input"),
        ((lambda three, one: (merge(three, one)[0] * 2, merge(three, one)[1]),), "The weight is not right"),
        ((lambda three, one: (merge(three, one)[0][:, 0], merge(three, one)[1]),), "The weight has shape"),
        ((lambda three, one: merge(three, one)[0],), "Two tensors are expected"),
    ],
    "check_unmergeable": [
        (([1],), "Number 1 can be merged"),
        (([2, 3, 5, 6],), "Number 3 can be merged"),
        (([4],), "Number 4 can be merged"),
        (([5, 6],), "everything in each branch"),
        (([2, 6],), "the same for each image"),
        (([2, 5],), "each BatchNorm take"),
        (([],), "The list is empty"),
        (([7],), "There is no number 7"),
        ((2,), "as a list"),
    ],
    "check_fields": [
        ((careless,), "is read without a word"),
        ((mute,), "It should quote the part"),
        ((with_key_error,), "stops with KeyError"),
        ((lambda string: fields(string) | {"stride": string.split("_")[3][1:]},), "still text"),
        ((lambda string: fields(string) | {"repeats": fields(string)["repeats"] % 10},), "this is cut"),
        ((lambda string: {"block": string.split("_")[0]},), "has no key 'repeats'"),
        ((lambda string: [1],), "should return a dict"),
    ],
    "check_scaling": [
        ((lambda r, c, d, w: (math.ceil(r * d), max(8, round(c * w / 8) * 8)),), "may be too small"),
        ((lambda r, c, d, w: (r, c),), "Neither multiplier"),
        ((lambda r, c, d, w: (round(r * d), make_divisible(c * w)),), "rounded to the nearest number"),
        ((lambda r, c, d, w: (int(r * d), make_divisible(c * w)),), "The repeats are rounded down"),
        ((lambda r, c, d, w: (math.ceil(r * d), int(c * w)),), "The channels are not rounded"),
        ((lambda r, c, d, w: (math.ceil(r * d), max(8, int(c * w + 4) // 8 * 8)),), "lose more than a tenth"),
        ((lambda r, c, d, w: scale(r, c, w, d),), "swapped"),
        ((lambda r, c, d, w: scale(r, c, d, w)[::-1],), "The order is"),
        ((lambda r, c, d, w: r,), "each row has 2 numbers"),
    ],
    "check_row": [
        ((lambda fields, c: [],), "there are 0"),
        ((slipped(every=True),), "Each block has the row's stride"),
        ((slipped(forget=True),), "stop with"),
        ((slipped(kernel=False),), "are not those of this row"),
        ((slipped(kind="dsa"),), "are not those of this row"),
        ((one_for_all,), "stands there twice"),
        ((lambda fields, c: row(fields, c)[0],), "A list of blocks is expected"),
        ((lambda fields, c: [1] * fields["repeats"],), "it holds a int"),
    ],
    "check_network": [
        ((lambda *plan: nn.Identity(),), "should turn (1, 3, 64, 64) into (1, 1000)"),
        ((misbuilt(ends=False),), "The first and the last row keep their depth"),
        ((misbuilt(deep=False),), "The depth multiplier has no effect"),
        ((misbuilt(wide=False),), "The width multiplier has no effect"),
        ((misbuilt(scaled_stem=True),), "do not fit"),
        ((misbuilt(act=False),), "Which operation has no weights?"),
        ((misbuilt(pool=nn.AdaptiveMaxPool2d(1)),), "Which operation has no weights?"),
        ((lambda *plan: list(build(*plan)),), "should return a network"),
    ],
    "check_same_as_timm": [
        ((build, "resnet18"), "not made of these blocks alone"),
        ((build, 3), "is the name of a network"),
        ((misbuilt(act=False), "mobilenetv2_035"), "Which operation has no weights?"),
        ((misbuilt(ends=False), "efficientnet_lite1"), "The first and the last row keep their depth"),
        ((lambda *plan: nn.Identity(), "mobilenetv2_035"), "should turn"),
    ],
    "check_same_time": [
        (("repvgg_a0", LOST, "ghostnet_100"), "takes more than 7 ms"),
        (("mobilenetv1_100", LOST, "ghostnet_100"), "one with more MACs"),
        (("resnet50", LOST, "ghostnet_100"), "one of the twenty networks"),
        (("mobilenetv2_140", LOST | {"repvgg_a0"}, "ghostnet_100"), "is no loss"),
        (("mobilenetv2_140", LOST | {"semnasnet_100"}, "ghostnet_100"), "so it stays"),
        (("mobilenetv2_140", LOST - {"fbnetc_100"}, "ghostnet_100"), "which are in time"),
        (("mobilenetv2_140", 11, "ghostnet_100"), "all that are in time"),
        (("mobilenetv2_140", 7, "ghostnet_100"), "all that have few MACs"),
        (("mobilenetv2_140", 6, "ghostnet_100"), "stay on both lists"),
        (("mobilenetv2_140", 13, "ghostnet_100"), "all with more MACs"),
        (("mobilenetv2_140", 1, "ghostnet_100"), "come in that are too slow"),
        (("mobilenetv2_140", LOST, "mobilenetv1_100"), "more than 320 million"),
        (("mobilenetv2_140", LOST, "mobilenetv2_100"), "is in time"),
    ],
}
# No hint prints these numbers.
NUMBERS = {
    "check_same_time": (5,),
}
# Words and pieces of code that would be the solution.
GIVEN_AWAY = {
    "check_universal_macs": ["**2", "channels *"],
    "check_merge": ["1:2", "clone"],
    "check_unmergeable": ["squeeze", "training mode"],
    "check_fields": ["split", "isdigit"],
    "check_scaling": ["ceil", "make_divisible"],
    "check_row": ["InvertedResidual", "DepthwiseProjection"],
    "check_network": ["AdaptiveAvgPool2d", "ReLU6"],
    "check_same_as_timm": ["AdaptiveAvgPool2d", "ReLU6"],
    "check_same_time": ["mobilenetv2_140 is", "ghostnet_100 is"],
}
