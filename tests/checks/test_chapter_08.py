"""Answers in chapter 8, reading timm: right, half written, and typically wrong."""

from __future__ import annotations

import re
import sys

import pytest
import timm
import torch
from timm.models import _efficientnet_blocks, _efficientnet_builder, efficientnet
from torch import nn

from mobilenet_lib import checks, specs
from mobilenet_lib.checks import chapter_08


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
    **{"padding": "pad_type", "shortcut": "after", "squeeze": 4, "linear": "apply_act", "v1_skip": False},
    **{"activation": "hard_swish", "head": 1280, "depth": 6, "letters": "er", "eps": 1e-5},
}


FOUND_BY_OTHERS = {
    **{"padding": ("pad_type", ""), "shortcut": "After", "squeeze": "4"},
    **{"linear": "apply_act=False", "v1_skip": "False", "activation": "'hard_swish'", "head": "1280"},
    **{"depth": torch.tensor(6), "letters": "`er`", "eps": "1e-5"},
}


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


RIGHT = [
    ("check_decoder", (decode,)),
    ("check_decoder", (decode_by_pattern,)),
    ("check_stride_walk", (dilate,)),
    ("check_stride_walk", (dilate_in_place,)),
    ("check_hunt", (FOUND,)),
    ("check_hunt", (FOUND_BY_OTHERS,)),
    ("check_hunt", (FOUND | {"shortcut": "after drop_path", "v1_skip": "no"},)),
]
HALF_WRITTEN = [
    ("check_decoder", (lambda string: ...,), "put your answer in place"),
    ("check_decoder", (lambda string: decode(string) | {"channels": ...},), "put your answer in place"),
    ("check_stride_walk", (lambda strides, output_stride: None,), "put your answer in place"),
    ("check_stride_walk", (lambda strides, output_stride: [],), "the list is still empty"),
    ("check_hunt", (dict.fromkeys(FOUND, ...),), "not yet: 0 of 10\n"),
    ("check_hunt", (FOUND | {"eps": ..., "head": None, "squeeze": ...},), "not yet: 7 of 10\n"),
    ("check_hunt", ({"shortcut": "after"},), "not yet: 1 of 10\n"),
]
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
        ((FOUND | {"shortcut": "before drop_path"},), "shortcut: look in the last lines of InvertedResidual.forward."),
        ((FOUND | {"squeeze": 24},), "squeeze: look in EfficientNetBuilder._make_block, at what becomes of se"),
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
}
# No hint prints these numbers.
NUMBERS = {}
# Words and pieces of code that would be the solution.
GIVEN_AWAY = {
    "check_decoder": ["split", "isdigit", "get("],
    "check_stride_walk": ["dilation *=", "reached *"],
    "check_hunt": [*(str(value) for value in FOUND.values()), "0.00001"],
}


@pytest.mark.parametrize("output_stride", [32, 16, 8])
@pytest.mark.parametrize(("name", "spec"), [("mobilenetv1_100", specs.v1_blocks), ("mobilenetv2_100", specs.v2_blocks)])
def test_the_walk_is_timms(name, spec, output_stride):
    with torch.device("meta"):
        network = timm.create_model(name, output_stride=output_stride)
    convs = [block.conv_dw for stage in network.blocks for block in stage]
    built = [(conv.stride[0], conv.dilation[0]) for conv in convs]
    strides = [block.stride for block in spec()]
    assert built == dilate(strides, output_stride) == chapter_08.walk_strides(strides, output_stride)
    assert built == [(block.stride, dilation) for block, dilation in specs.dilate(spec(), output_stride)]


def test_the_hunts_treasures_are_where_the_chapter_says():
    assert chapter_08.treasures() == FOUND


@pytest.mark.parametrize(
    ("home", "name", "check", "answer"),
    [
        (_efficientnet_builder, "_decode_block_str", "check_decoder", decode),
        (_efficientnet_builder, "_decode_block_str", "check_hunt", FOUND),
        (_efficientnet_blocks, "InvertedResidual", "check_hunt", FOUND),
        (efficientnet, "_gen_mobilenet_v2", "check_decoder", decode),
        (efficientnet, "tf_efficientnet_lite4", "check_hunt", FOUND),
    ],
)
def test_a_check_says_clearly_what_timm_has_moved(monkeypatch, home, name, check, answer):
    monkeypatch.delattr(home, name)
    with pytest.raises(checks.CannotCheck) as failed:
        getattr(checks, check)(answer)
    where = home.__name__
    assert str(failed.value).startswith(f"timm {timm.__version__} has no {name} in {where}: it has moved")
    assert failed.value._render_traceback_() == [checks.in_lines(f"cannot check: {failed.value}")]


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
