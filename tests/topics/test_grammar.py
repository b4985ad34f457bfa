"""timm's strings are read as timm reads them, and a wrong one is explained at its place."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
import timm.models._efficientnet_builder as builder

from mobilenet_lib.topics.families.grammar import INSTEAD, KINDS, LETTERS, BlockSpec, Misread, parse

SOURCES = [Path(builder.__file__).with_name(f"{name}.py") for name in ("efficientnet", "mobilenetv3", "hardcorenas")]
WRITTEN = sorted({one for path in SOURCES for one in re.findall(r"'([a-z]+_r\d[\w.]*)'", path.read_text("utf8"))})
# What we leave out of timm's strings: several kernels in a layer, experts, timm's hack for a stem.
BEYOND = re.compile(r"_[akp]\d+\.\d|_cc\d|_fc\d|^(ir|ds).*_d1")
OURS = [one for one in WRITTEN if not BEYOND.search(one)]
NAMES = {"re": "relu", "r6": "relu6", "hs": "hard_swish", "sw": "swish"}


def as_timm(spec):
    """Return what timm makes of a string, from our spec."""
    activation = builder.get_act_layer(NAMES[spec.activation]) if spec.activation else None
    args = {"block_type": spec.kind, "out_chs": spec.channels, "stride": spec.stride, "act_layer": activation}
    if spec.kind in ("ds", "dsa", "ir", "er"):
        kernel = "exp_kernel_size" if spec.kind == "er" else "dw_kernel_size"
        args |= {kernel: spec.kernel_size, "se_ratio": spec.se_ratio}
    if spec.kind in ("ir", "er", "uir"):
        args |= {"exp_ratio": spec.expansion}
    if spec.kind == "uir":
        kernels = spec.start_kernel, spec.kernel_size, spec.end_kernel
        args |= dict(zip(("dw_kernel_size_start", "dw_kernel_size_mid", "dw_kernel_size_end"), kernels, strict=True))
    if spec.kind == "mqa":
        args |= {"num_heads": spec.heads, "key_dim": spec.key_dim, "value_dim": spec.key_dim}
        args |= {"kv_stride": spec.kv_stride, "dw_kernel_size": spec.kernel_size}
    if spec.kind == "cn":
        return args | {"kernel_size": spec.kernel_size, "skip": spec.residual}
    return args | {"noskip": not spec.residual}


def test_there_are_strings_enough_and_few_are_beyond():
    assert len(OURS) > 150 and len(WRITTEN) - len(OURS) < 30
    assert {one.split("_")[0] for one in OURS} == set(KINDS)


def test_a_string_says_what_it_says_to_timm():
    for string in OURS:
        args, repeats = builder._decode_block_str(string)
        ours = as_timm(parse(string))
        assert parse(string).repeats == repeats, string
        assert {key: args[key] for key in ours} == ours, string
        # What timm has besides is as good as not there.
        assert {value for key, value in args.items() if key not in ours} <= {0, 1}, string


def test_order_does_not_matter_and_a_spec_gives_its_string():
    for string in OURS:
        spec = parse(string)
        kind, *parts = string.split("_")
        random.Random(0).shuffle(parts)
        assert parse("_".join([kind, *parts])) == spec == parse(str(spec)), string
        assert set(str(spec).split("_")) <= set(string.split("_")), string


def test_what_is_beyond_is_refused():
    for string in set(WRITTEN) - set(OURS):
        with pytest.raises(Misread):
            parse(string)


WRONG = {  # string: what is wrong in it, where, and what the message says helps
    "": ("", 0, "write one of cn ds dsa ir er uir mqa"),
    "xx_r1": ("xx", 0, "write one of cn ds dsa ir er uir mqa"),
    "IR_r1_k3_s1_e6_c8": ("IR", 0, "write one of cn ds"),
    "ir_r1_q3_s1_e6_c8": ("q", 6, "write one of r k s e c se n noskip"),
    "ir_r1__s1_e6_c8": ("", 6, "write one of r k s e c se n noskip"),
    "ir_r1_3_s1_e6_c8": ("3", 6, "write one of r k"),
    "ir_r1_a3_k3_s1_e6_c8": ("a", 6, "write one of r k"),
    "cn_r1_k3_s1_c8_noskip": ("noskip", 15, "write one of r k s c e n skip"),
    "ds_r1_k3_s1_c8_se0.25_skip": ("skip", 22, "write one of r k s c e se n noskip"),
    "ir_r1_k3_r2_s1_e6_c8": ("r2", 9, "leave one of the two out"),
    "ir_r0_k3_s1_e6_c8": ("0", 4, "use a positive integer"),
    "ir_r1_k4_s1_e6_c8": ("4", 7, "use an odd integer"),
    "ir_r1_k_s1_e6_c8": ("", 7, "use an odd integer"),
    "ir_r1_k0_s1_e6_c8": ("0", 7, "use an odd integer"),
    "ir_r1_k3.5_s1_e6_c8": ("3.5", 7, "use an odd integer"),
    "ir_r1_k٣_s1_e6_c8": ("٣", 7, "use an odd integer"),
    "ir_r1_k3_s3_e6_c8": ("3", 10, "use 1 or 2"),
    "ir_r1_k3_s1_e0_c8": ("0", 13, "use a number above 0"),
    "ir_r1_k3_s1_e-6_c8": ("-6", 13, "use a number above 0"),
    "ir_r1_k3_s1_e6_c8x": ("8x", 16, "use a positive integer"),
    "ir_r1_k3_s1_e6_c8\n": ("8\n", 16, "use a positive integer"),
    "ir_r1_k3_s1_e6_c8_se2": ("2", 20, "use a number above 0 and up to 1"),
    "ir_r1_k3_s1_e6_c8_nxx": ("xx", 19, "use re, r6, hs or sw"),
    "ds_r1_k3_s1_e6_c8": ("6", 13, "use 1, or leave e out"),
    "uir_r1_a2_k3_s1_e6_c8": ("2", 8, "use an odd integer, or 0 for none"),
    "uir_r1_a0_k0_s2_e4_c80": ("s2", 13, "use k3, or s1"),
    "ir_r1_k3_s1_c8": ("", 14, "add e with a number above 0"),
    "mqa_r1_k3_h4_s1_c160": ("", 20, "add d with a positive integer"),
}


@pytest.mark.parametrize("string", WRONG)
def test_a_wrong_string_is_explained_at_its_place(string):
    part, place, remedy = WRONG[string]
    with pytest.raises(Misread) as caught:
        parse(string)
    start, end = caught.value.place
    assert (string[start:end], start) == (part, place)
    message = str(caught.value)
    assert message.startswith("string must ") and message.endswith(f"; {remedy}") or remedy in message
    assert f"got {part!r} at character {place + 1} of {string!r}" in message


@pytest.mark.parametrize("kind", KINDS)
def test_each_letter_has_a_field_and_each_field_a_letter(kind):
    needed, others = (letters.split() for letters in KINDS[kind])
    assert set(needed + others) <= set(LETTERS) | {"skip", "noskip"}
    fields = {field for field, *_ in LETTERS.values()}
    assert fields == set(BlockSpec._fields) - {"kind", "residual"}
    assert {tuple(key.split()) for key in INSTEAD} <= {
        (kind, a) for kind in KINDS for a in " ".join(KINDS[kind]).split()
    }


def test_javascript_may_read_the_patterns():
    """No group with a name, nothing that looks behind: what both languages write alike."""
    for pattern in [row[1] for row in LETTERS.values()] + [row[0] for row in INSTEAD.values()]:
        assert re.fullmatch(r"[\w\[\]\-.?:!+*$|()\\ ]*", pattern)
        assert "(?P" not in pattern and "(?<" not in pattern and "\\d" not in pattern
