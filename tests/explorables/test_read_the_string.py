"""Read the string: the page's parser is the library's, letter for letter, and its counts are those of real blocks."""

from __future__ import annotations

import gzip
import inspect
import json
import random
import re
import sys
from functools import cache, partial
from html import unescape
from pathlib import Path

import pytest
import static_form
import static_widgets
import timm
import traitlets
from drawn import short
from node import draw, esm, javascript
from timm.models import _efficientnet_blocks as efficientnet_blocks
from timm.models import _efficientnet_builder as efficientnet_builder
from timm.models import mobilenetv3
from torch import nn

from mobilenet_lib import cost, measure, specs
from mobilenet_lib.explorables import kit, read_the_string
from mobilenet_lib.explorables.read_the_string import NETWORKS, ReadTheString, strings_in
from mobilenet_lib.topics.families import costs, grammar

SOURCE = esm(ReadTheString)


@pytest.fixture(scope="module")
def tables() -> dict:
    return ReadTheString().tables


@cache
def of_the_networks() -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kit, "COUNTED_UP_TO", 0)  # fvcore has no say in what the strings are
        return sorted({string for name in NETWORKS for string in ReadTheString(network=name).strings()})


def test_a_share_is_written_as_timm_reads_it():
    """It looks for the first digit, and takes no notice of `se.25`, whose letter is then `se.`."""
    with pytest.raises(grammar.Misread, match=r"a value after se, got '.25'"):
        grammar.parse("ir_r1_k3_s1_e6_c24_se.25")
    arguments, _ = efficientnet_builder._decode_block_str("ir_r1_k3_s1_e6_c24_se.25")
    assert arguments["se_ratio"] == 0


def misprinted() -> list[str]:
    """Return strings with one fault or more: a letter changed, taken away, put in, two parts swapped or doubled."""
    rng = random.Random(16)
    alphabet = "abcdehiknprsuv_0123456789.xqäß "
    found = ["", "_", "ir", "ir_", "IR_r1_k3_s1_e6_c24", "ir__r1", "uir_r1_k0_s2_e4_c96", "uir_r1_a0_k0_p0_s2_e4_c96"]
    others = ["mqa_r1_k3_h4_s1_v2_d64_c160", "dsa_r2_k3_s2_c64", "uir_r1_a3_k5_p3_s2_e4_c80"]
    for string in [*of_the_networks(), *others] * 12:
        i, parts = rng.randrange(len(string)), string.split("_")
        found += [
            string[:i] + rng.choice(alphabet) + string[i + 1 :],
            string[:i] + string[i + 1 :],
            string[:i] + rng.choice(alphabet) + string[i:],
            string[:i],
            "_".join(rng.sample(parts, len(parts))),
            "_".join([*parts, rng.choice(parts)]),
            "_".join([parts[0], *rng.sample(parts[1:], len(parts) - 1)]),
        ]
    return sorted(set(found))


def test_the_page_reads_every_string_as_the_library_does(tables):
    strings = [*of_the_networks(), *misprinted()]
    right = wrong = 0
    for string, read in zip(
        strings, javascript(SOURCE, "readString", [[string, tables["grammar"]] for string in strings]), strict=True
    ):
        try:
            spec = grammar.parse(string)
        except ValueError as error:
            wrong += 1
            assert (read["error"]["at"], read["error"]["end"]) == error.place, (string, read, str(error))
            # The remedy is the same in other words: what to write, or what to leave out.
            remedy = str(error).rpartition("; ")[2]
            assert re.sub(r"^\w+ ", "", remedy).lower() in read["error"]["words"].lower(), (string, read, remedy)
            continue
        right += 1
        assert "error" not in read, (string, read)
        parts, said = read["parts"], {}
        for letter, (field, *_) in grammar.LETTERS.items():
            value = getattr(spec, field)
            said[letter] = parts[letter] if letter in parts else None
            default = grammar.BlockSpec._field_defaults.get(field)
            expected = default if said[letter] is None else type(value)(said[letter])
            assert value == expected, (string, letter)
        assert read["kind"] == spec.kind
        assert "_".join(text for _, text in read["order"]) == string
    assert right > 200 and wrong > 700


# What the strings make


def rows_of(strings: list[str], network: dict, tables: dict, size: int = 224) -> list[dict]:
    reads = javascript(SOURCE, "readString", [[string, tables["grammar"]] for string in strings])
    [rows] = javascript(SOURCE, "rowsOf", [[reads, network, size]])
    return rows


def counted(blocks: nn.Module, stem: int, side: int) -> cost.Cost:
    return measure.cost(blocks, (1, stem, side, side))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_strings_of_a_network_are_timms_and_make_its_blocks(name, tables):
    network = tables["networks"][name]
    model = timm.create_model(NETWORKS[name][1])
    rows = rows_of(network["strings"], network, tables, 96)
    real = counted(model.blocks, network["stem"], 48)
    assert sum(row["macs"] for row in rows) == real.macs
    assert sum(row["params"] for row in rows) == real.params
    # The strings themselves stand in timm's source, one after the other.
    source = re.sub(r"#.*", "", inspect.getsource(sys.modules[type(model).__module__]))
    assert network["strings"] in [
        [string for string in re.findall(r"'([\w.]+)'", part) if string in network["strings"]]
        for part in re.split(r"arch_def = \[", source)
    ]


def some_strings(rng: random.Random, count: int) -> list[str]:
    """Return strings of every kind that draw on all of their letters."""
    found = []
    for _ in range(count):
        kind = rng.choice(["cn", "ds", "dsa", "ir", "er", "uir"])
        parts = [kind, f"r{rng.randint(1, 3)}", f"k{rng.choice([1, 3, 5])}", f"s{rng.choice([1, 1, 2])}"]
        parts.append(f"c{rng.choice([8, 10, 16, 24, 37])}")
        if kind in ("ir", "er", "uir"):
            parts.append(f"e{rng.choice(['1', '2.3', '3.67', '6'])}")
        if kind in ("ds", "ir", "er") and rng.random() < 0.5:
            parts.append(rng.choice(["se0.25", "se0.5", "se1.0", "se0.125"]))
        if kind == "uir":
            parts[2] = f"k{rng.choice([0, 3, 5])}"
            parts += [f"a{rng.choice([0, 3, 7])}", f"p{rng.choice([0, 0, 5])}"]
            if all(f"{letter}0" in parts for letter in "akp"):
                parts[3] = "s1"
        word = {"cn": "skip", "dsa": "nhs"}.get(kind, "noskip")
        found.append("_".join(parts + [word] * (rng.random() < 0.3)))
    return found


@pytest.mark.parametrize("name", ["mobilenetv2", "mobilenetv3"])
def test_strings_of_ones_own_make_what_timms_builder_makes(name, tables):
    rng, network = random.Random(name), tables["networks"][name]
    for _ in range(4):
        strings = some_strings(rng, 6)
        real = built_by_timm(strings, network)
        rows = rows_of(strings, network, tables, size=64)
        total = counted(real, network["stem"], 32)
        assert sum(row["macs"] for row in rows) == total.macs, strings
        assert sum(row["params"] for row in rows) == total.params, strings
        for row, stage in zip(rows, real, strict=True):
            assert [row["first"]["residual"]] == [getattr(stage[0], "has_skip", False)], row["order"]
            if len(stage) > 1:
                assert row["other"]["residual"] == stage[1].has_skip


def built_by_timm(strings: list[str], network: dict) -> nn.Sequential:
    """Build the strings, each a stage of its own, as timm builds the network that they stand in for."""
    excite = partial(efficientnet_blocks.SqueezeExcite, rd_round_fn=efficientnet_builder.round_channels)
    builder = efficientnet_builder.EfficientNetBuilder(
        se_from_exp=network["squeeze"] == "middle",
        se_layer=excite if network["squeeze"] == "middle" else efficientnet_blocks.SqueezeExcite,
        act_layer=nn.ReLU,
        norm_layer=nn.BatchNorm2d,
        output_stride=10_000,
    )
    stages = efficientnet_builder.decode_arch_def([[string] for string in strings])
    return nn.Sequential(*builder(network["stem"], stages))


def test_the_kernel_counts_what_the_page_shows(tables, monkeypatch):
    monkeypatch.setattr(kit, "COUNTED_UP_TO", 0)
    rng = random.Random(7)
    cases = [(name, "") for name in NETWORKS]
    cases += [(rng.choice(list(NETWORKS)), "\n".join(some_strings(rng, 4))) for _ in range(12)]
    for name, text in cases:
        figure = ReadTheString(network=name, text=text, size=160)
        rows = rows_of(figure.strings(), tables["networks"][name], tables, size=160)
        total = cost.total(figure.layers())
        assert (total.macs, total.params) == tuple(sum(row[metric] for row in rows) for metric in ("macs", "params"))
        named = [spec for row in rows for spec in [row["first"], *[row["other"]] * (row["repeats"] - 1)]]
        for block, placed in zip(named, figure.placed(), strict=True):
            assert block["output"] == placed.out_channels and block["out"] == -(-block["size"] // placed.stride)
            there = [(layer["macs"], layer["params"]) for layer in block["present"]]
            wide = [layer for layer in costs.block_layers(placed, block["size"]) if "se." not in layer.name]
            assert there == [(layer.macs, layer.params) for layer in wide]


def test_fvcore_counts_as_the_reader_types():
    figure = ReadTheString(size=128)
    for text in (
        "ds_r1_k5_s1_c16_se0.25",
        "er_r2_k3_s2_e3_c24",
        "uir_r1_a3_k0_s2_e4_c40 # one\n'cn_r1_k1_s1_c64_nhs',",
    ):
        figure.text = text
        assert figure.measured == {"key": figure.key(), "macs": cost.total(figure.layers()).macs}
    for text, why in [
        ("ds_r1_k4", "string must have a value after k, got '4' at character 8"),
        ("mqa_r1_k3_h4_s1_d64_c160", "mqa is attention, which this figure does not count"),
        ("ir_r51_k3_s1_e6_c24", "r must be at most 50, got 51"),
    ]:
        figure.text = text
        assert why in figure.measured["error"] and figure.measured["key"] == figure.key()
        assert len(figure.numbers()) == 1


def test_lines_of_timms_source_can_be_pasted():
    source = inspect.getsource(mobilenetv3._gen_mobilenet_v4)
    strings = re.findall(r"'((?:uir|cn|er|mqa)_\w+)'", source)
    pasted = "\n".join(line for line in source.splitlines() if re.search(r"'(uir|cn|er|mqa)_", line))
    assert len(strings) > 100 and strings_in(pasted) == strings
    texts = [pasted, "", " \n#x", "['a','b'],#c,d\n e\t\u00a0f", "ir_r1 # 'no'\n\r\n,ds", "a" * 50 + "#" * 9]
    found = javascript(SOURCE, "stringsIn", [[text] for text in texts])
    for text, own in zip(texts, found, strict=True):
        assert [each["string"] for each in own] == strings_in(text)
        assert all(text[each["at"] :].startswith(each["string"]) for each in own)


# What it says


def all_rows(tables: dict) -> list[tuple[dict, dict]]:
    """Return every row of the networks, and of some strings that they do not have."""
    rng = random.Random(2)
    networks = tables["networks"]
    found = [(networks[name], networks[name]["strings"]) for name in NETWORKS]
    found += [(networks[rng.choice(list(NETWORKS))], some_strings(rng, 6)) for _ in range(12)]
    return [(network, row) for network, strings in found for row in rows_of(strings, network, tables)]


def test_what_the_parts_mean_is_true_in_every_row(tables):
    cases = [(network, row, letter) for network, row in all_rows(tables) for letter, _ in row["order"]]
    meanings = javascript(SOURCE, "meaningOf", [[letter, row] for _, row, letter in cases])
    for (network, row, letter), said in zip(cases, meanings, strict=True):
        first, parts = row["first"], row["parts"]
        assert said and not re.search(r"undefined|NaN|null|object", said), (letter, said)
        wide = {layer["part"]: layer for layer in first["present"]}
        if letter == "r":
            assert said.startswith("one block" if parts["r"] == "1" else f"{parts['r']} blocks")
        elif letter == "s":
            assert f"{first['size']}×{first['size']}" in said and f"{first['out']}×{first['out']}" in said
            assert -(-first["size"] // int(parts["s"])) == first["out"]
        elif letter == "e" and row["kind"] in ("ir", "er", "uir"):
            middle = wide["k" if row["kind"] == "er" else "e"]["outChannels"]
            assert said.endswith(f"{middle:,} channels in the middle")
            assert ("rounded" in said) == (abs(first["input"] * float(parts["e"]) - middle) > 1e-9), said
        elif letter == "c":
            assert said.startswith(f"{first['output']} channels")
            assert ("rounded" in said) == (int(parts["c"]) != first["output"])
        elif letter == "se":
            assert f"with {first['excited']['squeeze']} channels" in said and network["squeeze"] in said
        elif letter in "akp" and parts[letter] == "0":
            assert said.startswith("no depthwise layer") and letter not in wide
        elif letter in "akp":
            assert f"{wide[letter]['kernel']}×{wide[letter]['kernel']} filter" in said


def test_the_table_has_the_papers_rows(tables):
    """MobileNetV2, table 2; MobileNetV3, table 1: operator, exp, c, SE, NL, s."""
    for name, place, columns in [("mobilenetv2", 0, "t c n s"), ("mobilenetv3", 1, "exp c SE NL s")]:
        network = tables["networks"][name]
        rows = rows_of(network["strings"], network, tables)
        shown = javascript(SOURCE, "tableRow", [[row, i] for i, row in enumerate(rows)])
        [heads] = javascript(SOURCE, "() => COLUMNS", [[]])
        assert [row["label"] for row in shown] == [str(i + 1) for i in range(len(rows))]
        cells = [dict(zip(heads[1:], row["cells"], strict=True)) for row in shown]
        assert [[row[column] for column in columns.split()] for row in cells] == PAPERS[place]


PAPERS = (
    [["–", "16", "1", "1"], *([str(row.t), str(row.c), str(row.n), str(row.s)] for row in specs.V2_SPEC[1:])],
    [
        ["–", "16", "–", "ReLU", "1"],
        ["64", "24", "–", "ReLU", "2"],
        ["72", "24", "–", "ReLU", "1"],
        ["72", "40", "24", "ReLU", "2"],
        ["240", "80", "–", "h-swish", "2"],
        ["200", "80", "–", "h-swish", "1"],
        ["184", "80", "–", "h-swish", "1"],
        ["480", "112", "120", "h-swish", "1"],
        ["672", "160", "168", "h-swish", "2"],
        ["–", "960", "–", "h-swish", "1"],
    ],
)


WRONG = [
    ("ir_r3_k4_s2_e6_c40", "Character 8: “4” cannot follow k. Use an odd integer."),
    ("ir_r2_k3_s2_e6_c24\nir_r2_k3_s2_x6", "String 2, character 13: “x” is no letter of ir. Write one of"),
    ("ir_r1_k3_s1_e6", "Character 15: c is missing. Add c with a positive integer."),
    ("irr_r1", "Character 1: “irr” is no kind of block. Begin with one of cn ds dsa ir er uir mqa."),
    ("ir_r1_k3_s1_e_c8", "Character 14: e has no value yet. Use a number above 0."),
    ("ir_r1_k3_s1_e6_c", "Character 17: c has no value yet."),
    ("uir_r1_a0_k0_s2_e4_c96", "Character 14: s2 needs a depthwise filter that takes the step. Use k3, or s1."),
    ("mqa_r1_k3_h4_s1_v2_d64_c160", "Character 1: mqa is attention, which this figure does not draw."),
    ("ir_r1_k3_s1_e6_c99999999999", "Character 17: That is more than this figure draws. Use at most 9999."),
    (" ", "There is no string yet."),
    ("ds " * 31, "There are 31 strings, and this figure reads 30."),
    ("'", "There is no string yet."),
    ("ir_r1_k3_s1_e6_c8_r2", "Character 19: “r2” is the second r. Leave one of the two out."),
    ("\ud83d\ude00_r1".encode("utf-16", "surrogatepass").decode("utf-16"), "is no kind of block"),
]


def test_wrong_strings_are_explained_and_the_last_good_ones_stay():
    for (text, said), drawn in zip(WRONG, said_by([ReadTheString(text=text) for text, _ in WRONG]), strict=True):
        assert said in drawn, text
        assert "closed form: 268,585,856 MACs" in drawn  # MobileNetV2's blocks, from before
        if "haracter" in said:  # the same words stand below the string, at the place that is marked
            assert f"here {said.partition(': ')[2]}" in drawn


def said_by(figures: list[ReadTheString]) -> list[str]:
    """Return what the static forms of figures say, drawn at once."""
    drawn = [
        static_form.Figure(f"figure-{i}", SOURCE, static_widgets.public(figure.get_state()))
        for i, figure in enumerate(figures)
    ]
    return [" ".join(unescape(re.sub(r"<[^>]*>", " ", each.html)).split()) for each in static_form.draw(drawn, draw)]


def test_the_static_form_has_the_table_and_the_parts(tables):
    network = tables["networks"]["efficientnet_b0"]
    row = rows_of(network["strings"], network, tables)[2]
    theirs, own = said_by(
        [
            ReadTheString(network="efficientnet_b0", line=3),
            ReadTheString(network="mobilenetv3", text="ir_r1_k3_s1_e3_c16_se0.0001", line=1),
        ]
    )
    assert f"String 3 of 7 makes 2 blocks: {' '.join(short(row['macs']).split())} MACs" in theirs
    assert "squeeze-and-excitation with 6 channels, 0.25 of the input’s" in theirs
    assert "3 bneck 5×5 56² × 24 6 144 40 6 SiLU 2 2" in theirs
    assert "ir _ r2 _ k5 _ s2 _ e6 _ c40 _ se0.25" in theirs
    # A string of one's own has the network's stem and activation.
    assert "in your strings" in own and "h-swish" in own and "16 · 3 = 48 channels" in own


def test_what_the_page_carries_is_small(tables):
    own = Path(read_the_string.__file__).parent
    files = "read_the_string.js", "read_the_string.css", "drawn_block.js"
    code = b"".join((own / name).read_bytes() for name in files)
    assert len(gzip.compress(json.dumps(tables).encode() + code)) < 13_000


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("network", "vgg", "network must be one of mobilenetv2, mnasnet, mobilenetv3"),
        ("text", "c" * 2001, "text must be a string of at most 2000 letters"),
        ("text", 3, "text must be a string of at most 2000 letters, got 3"),
        ("line", 31, "line must be from 1 to 30 in steps of 1, got 31"),
        ("size", 100, "size must be one of 128, 160"),
    ],
)
def test_a_value_that_no_control_has_is_refused(setting, value, message):
    with pytest.raises(traitlets.TraitError, match=message):
        ReadTheString(**{setting: value})
