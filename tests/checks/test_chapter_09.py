"""Answers in chapter 9, fewer MACs, faster?: right, half written, and typically wrong."""

from __future__ import annotations

from mobilenet_lib import cost, roofline


def intensity(layer, batch):
    height, width = layer.in_size
    numbers = batch * (layer.in_channels * height * width + layer.activations) + layer.weights
    return batch * layer.macs / (4 * numbers)


def least_time(macs, moved, peak, bandwidth):
    return 1000 * max(macs / peak, moved / bandwidth)


def without_weights(layer, batch):
    return layer.macs / (4 * (layer.in_channels * layer.in_size[0] * layer.in_size[1] + layer.activations))


RIGHT = [
    ("check_intensity", (intensity,)),
    ("check_intensity", (roofline.intensity,)),
    ("check_least_time", (least_time,)),
    ("check_least_time", (lambda macs, moved, *roof: 1000 * macs / roofline.Roofline(*roof).ceiling(macs / moved),)),
    ("check_int8_limit", (4.5,)),
    ("check_int8_limit", (roofline.intensity(cost.mobilenet_v1_layers()[1], batch=1024, bytes_each=1),)),
]
HALF_WRITTEN = [
    ("check_intensity", (lambda layer, batch: ...,), "put your answer in place"),
    ("check_least_time", (lambda *numbers: None,), "put your answer in place"),
]
WRONG = {
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
    "check_int8_limit": [
        ((9 / 8,), "limit in float32"),
        ((9,), "and one is written"),
        ((2.25,), "numbers of two bytes"),
        ((0.222,), "upside down"),
        ((9 / 32,), "not fewer"),
        ((36,), "eight bits"),
        ((3,), "for one value of the output"),
    ],
}
# No hint prints these numbers.
NUMBERS = {
    "check_int8_limit": (4.5,),
}
# Words and pieces of code that would be the solution.
GIVEN_AWAY = {
    "check_intensity": ["4 *", "in_channels", "activations"],
    "check_least_time": ["max", "1000", "longer"],
}
