"""Every published number that can be counted, counted: all within the tolerance of its table, or an erratum."""

import copy
import json
import math
import re
from pathlib import Path

import pytest

from mobilenet_lib import V2_SPEC, cost, published, specs

ROOT = Path(__file__).parents[2]
V1, V2 = "mobilenet_v1_paper", "mobilenet_v2_paper"


def half_a_unit(printed):
    """Return half of the last printed digit's value: 0.05 for 4.2, 0.5 for 569."""
    _, _, decimals = str(printed).partition(".")
    return 0.5 * 10 ** -len(decimals)


def off(printed, counted, tolerance=None):
    """Say whether a printed number is farther from the counted one than it may be (by default half a unit)."""
    tolerance = half_a_unit(printed) if tolerance is None else tolerance
    return abs(printed - counted) > tolerance * (1 + 1e-9)


def weights(layers):
    """Count the weights alone, without BatchNorm and biases, in millions."""
    return sum(layer.weights for layer in layers) / 1e6


def macs(layers):
    """Count MACs, in millions."""
    return sum(layer.macs for layer in layers) / 1e6


def rounded(number, decimals):
    """Round half up, as people do."""
    return math.floor(number * 10**decimals + 0.5) / 10**decimals


def test_half_a_unit_is_that_of_the_last_printed_digit():
    assert [half_a_unit(printed) for printed in (569, 4.2, 2.36)] == [0.5, 0.05, 0.005]
    assert not off(4.2, 4.2499)
    assert off(4.2, 4.2501)


# The first paper


def test_v1_table_1_is_the_network_but_for_the_stride_of_its_last_depthwise_layer():
    table = published.table(V1, "table1_body_architecture")
    layers = cost.mobilenet_v1_layers()
    rows = list(table.rows)
    five = [row for row in rows if row["repeat"] == 5]  # a depthwise and a pointwise row, printed once
    start = rows.index(five[0])
    rows[start : start + 2] = five * 5
    *rows, pool, classifier, softmax = rows
    strange = []
    for row, layer in zip(rows, layers[:-1], strict=True):
        k, m, n = layer.kernel_size, layer.in_channels, layer.out_channels
        kind, shape = {
            "standard": ("conv", [k, k, m, n]),
            "depthwise": ("dw", [k, k, m]),
            "pointwise": ("pw", [k, k, m, n]),
        }[layer.role]
        assert (row["type"], row["filter_shape"]) == (kind, shape)
        assert row["input_size_hwc"] == [*layer.in_size, m]
        if row["stride_as_printed"] != f"s{layer.stride}":
            strange.append((row["type"], row["stride_as_printed"], layer.stride, layer.in_size, layer.out_size))
    assert pool["input_size_hwc"] == [*layers[-2].out_size, layers[-2].out_channels]
    assert classifier["filter_shape"] == [layers[-1].in_channels, layers[-1].out_channels]
    assert softmax["input_size_hwc"] == [1, 1, layers[-1].out_channels]
    assert strange == [("dw", "s2", 1, (7, 7), (7, 7))]
    assert "s2" in table.errata[0]
    assert len(table.errata) == 1


def test_v1_table_2_shares_are_right_but_for_two_swapped_digits():
    table = published.table(V1, "table2_resource_per_layer_type_percent")
    layers = cost.mobilenet_v1_layers()
    types = {"conv1x1": "pointwise", "dw3x3": "depthwise", "conv3x3": "standard", "fc": "classifier"}
    wrong = {}
    for row in table.rows:
        own = [layer for layer in layers if layer.role == types[row["type"]]]
        for column, count in (("mult_adds_pct", macs), ("params_pct", weights)):
            share = 100 * count(own) / count(layers)
            if off(row[column], share, table.tolerance["abs_pct_points"]):
                wrong[f"{row['type']}.{column}"] = (row[column], rounded(share, 2))
    assert wrong == {"conv3x3.mult_adds_pct": (1.19, 1.91)}
    assert table.tolerance["except"] == {"conv3x3.mult_adds_pct": "compare with 1.91"}
    assert sum(row["mult_adds_pct"] for row in table.rows) == pytest.approx(99.29)
    assert "99.29" in table.errata[0]
    assert len(table.errata) == 1


def test_v1_table_3_layer_is_right_to_the_last_digit():
    table = published.table(V1, "table3_layer_cost_M512_N512_DF14")
    assert set(table.tolerance.values()) == {"half a unit of the last printed digit"}
    thin, small = round(0.75 * 512), round(0.714 * 14)
    layers = {
        "standard_conv": cost.standard_block_layers(512, 512, 14),
        "depthwise_separable": cost.depthwise_separable_layers(512, 512, 14),
        "alpha_0.75": cost.depthwise_separable_layers(thin, thin, 14),
        "rho_0.714": cost.depthwise_separable_layers(thin, thin, small),
    }
    assert [row["modification_cumulative"] for row in table.rows] == list(layers)
    for row in table.rows:
        own = layers[row["modification_cumulative"]]
        assert not off(row["million_mult_adds"], macs(own)), row
        assert not off(row["million_params"], weights(own)), row
    assert table.errata == ()


def full_convolution_v1():
    """Return MobileNetV1 with each depthwise separable block replaced by one standard convolution."""
    stem, *_, classifier = cost.mobilenet_v1_layers()
    layers = [stem]
    for block in specs.v1_blocks():
        layers += cost.standard_block_layers(
            block.in_channels, block.out_channels, layers[-1].out_size, stride=block.stride
        )
    return [*layers, classifier]


def test_v1_table_4_leaves_the_classifier_out_of_one_row_and_not_of_the_other():
    table = published.table(V1, "table4_full_conv_vs_separable")
    layers = {"conv_mobilenet": full_convolution_v1(), "mobilenet": cost.mobilenet_v1_layers()}
    assert [row["model"] for row in table.rows] == list(layers)
    for row in table.rows:
        own = layers[row["model"]]
        printed = row["million_mult_adds"]
        assert not off(printed, macs(own), table.tolerance["mult_adds_rel"] * macs(own)), row
        assert not off(row["million_params"], weights(own)), row
        with_classifier = row["model"] == "mobilenet"
        assert off(printed, macs(own)) != with_classifier
        assert off(printed, macs(own[:-1])) == with_classifier
    for own in layers.values():
        assert f"{macs(own):.3f}M" in table.notes[0]
        assert f"{macs(own[:-1]):.3f}M" in table.notes[0]
    assert table.errata == ()


def test_v1_table_6_widths_are_right_to_the_last_digit():
    table = published.table(V1, "table6_width_multiplier_224")
    assert all(rule.startswith("half a unit") for rule in table.tolerance.values())
    for row in table.rows:
        layers = cost.mobilenet_v1_layers(row["alpha"])
        assert not off(row["million_mult_adds"], macs(layers)), row
        assert not off(row["million_params"], weights(layers)), row
        assert not off(row["million_params"], cost.total(layers).params / 1e6), row
    assert table.errata == ()


def test_v1_table_7_resolutions_are_right_to_one_million_and_one_is_truncated():
    table = published.table(V1, "table7_resolution")
    assert table.tolerance["mult_adds"].startswith("within 1 ")
    truncated = []
    for row in table.rows:
        layers = cost.mobilenet_v1_layers(resolution=row["resolution"])
        printed = row["million_mult_adds"]
        assert not off(printed, macs(layers), 1), row
        assert not off(row["million_params"], weights(layers)), row
        if off(printed, macs(layers)):
            truncated.append((row["resolution"], printed, int(macs(layers))))
    assert truncated == [(160, 290, 290)]
    assert table.notes[0].startswith("160:")
    assert table.errata == ()


# The second paper


def test_v2_table_1_is_the_bottleneck():
    operators = [row["operator"] for row in published.table(V2, "table1_bottleneck_block").rows]
    layers = cost.inverted_residual_layers(16, 96, 24, 112, stride=2)
    assert [layer.role for layer in layers] == ["expansion", "depthwise", "projection"]
    for operator, layer in zip(operators, layers, strict=True):
        assert f"{layer.kernel_size}x{layer.kernel_size}" in operator
        assert ("dwise" in operator) == (layer.groups > 1)
        assert ("stride s" in operator) == (layer.stride == 2)
        assert ("linear" in operator) == (layer.role == "projection") != ("ReLU6" in operator)


def test_v2_table_2_is_the_network():
    table = published.table(V2, "table2_architecture")
    stem, *bottlenecks, head, pool, classifier = table.rows
    assert [tuple(row[column] for column in "tcns") for row in bottlenecks] == list(V2_SPEC)
    layers = cost.mobilenet_v2_layers()
    assert (stem["c"], stem["s"], stem["input_hwc"]) == (layers[0].out_channels, layers[0].stride, [224, 224, 3])
    first = 0
    for row in bottlenecks:
        layer = next(layer for layer in layers if layer.name.startswith(f"blocks.{first}."))
        assert row["input_hwc"] == [*layer.in_size, layer.in_channels]
        first += row["n"]
    assert (head["c"], head["input_hwc"]) == (layers[-2].out_channels, [*layers[-2].in_size, layers[-2].in_channels])
    assert pool["input_hwc"] == [*layers[-2].out_size, layers[-2].out_channels]
    assert classifier["input_hwc"] == [1, 1, layers[-1].in_channels]


def test_v2_text_says_19_bottlenecks_and_its_table_has_17_of_which_10_have_a_residual():
    (erratum,) = published.table(V2, "table2_architecture").errata
    blocks = list(specs.v2_blocks())
    residuals = sum(block.stride == 1 and block.in_channels == block.out_channels for block in blocks)
    said, *true = (int(number) for number in re.findall(r"\d+", erratum))
    assert true == [len(blocks), residuals] == [17, 10]
    assert said == 19


def test_v2_table_3_memory_is_channels_times_pixels_times_two_bytes_but_for_one_cell():
    table = published.table(V2, "table3_memory")
    wrong = []
    for row in table.rows:
        for network in table.columns[2:]:
            channels, _, printed = str(row[network]).partition("/")
            printed = printed.removesuffix("K")
            if row["size"] == "max" or printed == "O(1)":
                continue
            kilobytes = row["size"] ** 2 * int(channels) * 2 / 1000
            if abs(int(printed) - kilobytes) > max(1, 0.05 * kilobytes):
                wrong.append((row["variant"], row["size"], network, int(printed), rounded(kilobytes, 1)))
    cell = (7, "mobilenet_v1", 199, 100.4)
    assert wrong == [("materialised", *cell), ("first_layer_trick", *cell)]
    assert "1024/199" in table.errata[1]
    assert "100.4 kB" in table.errata[1]


def test_v2_table_3_comes_in_two_versions_that_differ_in_their_first_row_and_their_max():
    table = published.table(V2, "table3_memory")
    one, two = ([row for row in table.rows if row["variant"] == v] for v in ("materialised", "first_layer_trick"))
    different = [a["size"] for a, b in zip(one, two, strict=True) if a["mobilenet_v2"] != b["mobilenet_v2"]]
    assert different == [112, "max"]
    assert table.errata[0].startswith("Two versions of the first row and the max row")


def test_v2_table_3_prints_the_channels_of_the_next_stage():
    table = published.table(V2, "table3_memory")
    ends = {}  # by size: the channels of the bottlenecks' outputs, in order
    for layer in cost.mobilenet_v2_layers():
        if layer.role == "projection":
            ends.setdefault(layer.out_size[0], []).append(layer.out_channels)
    late = []
    for row in table.rows[:6]:
        printed = int(row["mobilenet_v2"].split("/")[0])
        if row["size"] in ends and printed not in ends[row["size"]]:
            following = ends[row["size"] // 2][0]
            late.append((row["size"], printed, following, max(ends[row["size"]])))
    assert late == [(56, 32, 32, 24), (28, 64, 64, 32), (14, 160, 160, 96)]
    for size, printed, _, own in late:
        assert str(printed) in table.errata[2]
        assert f"{size**2 * own * 2 / 1000:.1f}" in table.errata[2]


def test_v2_table_3_max_counts_the_bottleneck_and_not_the_larger_stem():
    table = published.table(V2, "table3_memory")
    stem = cost.mobilenet_v2_layers()[0].activations * 2 / 1000
    assert [row["mobilenet_v2"] for row in table.rows if row["size"] == "max"] == ["400K", "200K"]
    assert stem > 800
    (note,) = table.notes  # no erratum: the caption excepts the first layer
    assert f"{stem:.1f} kB" in note and "trick of section 5" in note
    assert len(table.errata) == 3


def test_v2_table_4_counts_are_right_but_for_the_errata():
    table = published.table(V2, "table4_imagenet")
    ours = {
        "mobilenet_v1": cost.mobilenet_v1_layers(),
        "mobilenet_v2_1.0": cost.mobilenet_v2_layers(),
        "mobilenet_v2_1.4": cost.mobilenet_v2_layers(1.4),
    }
    rows = {row["network"]: row for row in table.rows}
    for name, key in (("mobilenet_v2_1.0", "v2_1.0_madds_rel"), ("mobilenet_v2_1.4", "v2_1.4_madds_rel")):
        counted = macs(ours[name])
        assert not off(rows[name]["million_madds"], counted, table.tolerance[key] * counted)
    wrong = {
        (name, column)
        for name, layers in ours.items()
        for column, count in (("million_madds", macs), ("million_params", weights))
        if off(rows[name][column], count(layers))
    }
    # 300 for 300.77 and 3.4 for 3.47 are the right numbers, truncated.
    truncated = {("mobilenet_v2_1.0", "million_madds"), ("mobilenet_v2_1.0", "million_params")}
    assert wrong == truncated | {
        ("mobilenet_v1", "million_madds"),
        ("mobilenet_v2_1.4", "million_madds"),
        ("mobilenet_v2_1.4", "million_params"),
    }
    assert rows["mobilenet_v2_1.0"]["million_madds"] == math.floor(macs(ours["mobilenet_v2_1.0"]))
    assert rows["mobilenet_v2_1.0"]["million_params"] == math.floor(10 * weights(ours["mobilenet_v2_1.0"])) / 10
    first, second, third = table.errata
    assert f"{100 * (575 / macs(ours['mobilenet_v1']) - 1):.1f}% off" in first
    assert f"{macs(ours['mobilenet_v2_1.4']):.1f}M" in second
    assert f"{weights(ours['mobilenet_v2_1.4']):.2f}M weights" in second
    assert f"{cost.mobilenet_v2(1.4).params / 1e6:.2f}M with BatchNorm" in second
    assert f"{weights(ours['mobilenet_v2_1.0']):.2f}M weights only, truncated" in third


def test_v2_text_gives_a_smallest_network_that_no_released_one_matches():
    table = published.table(V2, "text_ranges")
    (erratum,) = table.errata
    smallest = macs(cost.mobilenet_v2_layers(0.35, 96))
    assert f"{smallest:.1f}M MACs by closed form" in erratum
    assert abs(smallest - 7) > 1
    ranges = {row["quantity"]: row["range"] for row in table.rows}
    assert ranges["madds"].startswith("'7'")
    assert ranges["resolutions"] == "96 to 224"


# The released checkpoints


def test_v1_checkpoints_are_counted_right_but_for_the_errata():
    table = published.table("tf_slim_mobilenet_v1", "checkpoints")
    assert table.tolerance["macs"].startswith("0.51 million")
    without_stem, unexplained, not_rounded = [], [], []
    for row in table.rows:
        layers = cost.mobilenet_v1_layers(row["alpha"], row["resolution"], num_classes=1001)
        printed, name = row["million_macs"], f"{row['alpha']}_{row['resolution']}"
        if off(printed, macs(layers), 0.51):
            (unexplained if off(printed, macs(layers[1:]), 0.51) else without_stem).append(name)
        elif printed != rounded(macs(layers), 0):
            not_rounded.append(name)
        norm = sum(layer.out_channels for layer in layers if layer.norm) / 1e6
        own = weights(layers) + 1001 / 1e6
        assert row["million_params"] == rounded(own + 3 * norm, 2), row
        assert not off(row["million_params"], own + 2 * norm, table.tolerance["params_rel_two_bn_vectors"] * own), row
    assert without_stem == ["0.75_224", "0.75_192", "0.75_160", "0.75_128"]
    assert unexplained == ["0.25_192"]
    assert not_rounded == ["0.5_224"]
    first, second, third = table.errata
    for resolution in (224, 192, 160, 128):
        assert f"{macs(cost.mobilenet_v1_layers(0.75, resolution, 1001)):.1f}" in first
    assert second.startswith("0.25_192: 34 printed, closed form 30.21")
    assert third.startswith("0.5_224: 150 printed, closed form 149.50")


def test_v2_checkpoints_are_counted_exactly():
    table = published.table("tf_slim_mobilenet_v2", "checkpoints")
    assert table.tolerance.startswith("exact: floor(MACs/1e6) and round(params/1e6, 2)")
    assert len(table.rows) == 22
    for row in table.rows:
        layers = cost.mobilenet_v2_layers(row["alpha"], row["resolution"], num_classes=1001)
        assert row["million_macs"] == math.floor(macs(layers)), row
        assert row["million_params"] == rounded(weights(layers) + 1001 / 1e6, 2), row
    assert table.errata == ()


def test_no_erratum_stands_in_the_data_without_a_test_above():
    errata = {
        name: len(published.table(publication, name).errata)
        for publication, names in published.tables().items()
        for name in names
        if published.table(publication, name).errata
    }
    assert errata == {
        "table1_body_architecture": 1,
        "table2_resource_per_layer_type_percent": 1,
        "table2_architecture": 1,
        "table3_memory": 3,
        "table4_imagenet": 3,
        "text_ranges": 1,
        "checkpoints": 3,
    }


# The loader


def test_every_table_has_a_source_and_rows_of_one_shape():
    folder = Path(published.__file__).parents[1] / "data"
    measured = {"eight_bits", "experiments", "latency_lab", "digit_examples", "rounded_weights"}  # by this book
    measured |= {"trained", "broken_network", "gallery", "transfer", "families"}
    assert {path.stem for path in folder.glob("*.json")} - measured == set(published.tables())
    for publication, names in published.tables().items():
        raw = json.loads((folder / f"{publication}.json").read_text(encoding="utf-8"))
        assert tuple(raw) == names
        for name in names:
            table = published.table(publication, name)
            assert re.search(r"arXiv:\d{4}\.\d{5} \(|@ [0-9a-f]{40}$", table.source)
            assert len(table.rows) == len(raw[name]["rows"]) > 0
            assert [list(row.values()) for row in table.rows] == raw[name]["rows"]
            assert {tuple(row) for row in table.rows} == {table.columns}
            assert set(raw[name]) <= set(table._fields)  # nothing in the data is out of the loader's sight


def test_a_reader_who_changes_a_table_changes_it_for_no_one_else():
    table = published.table(V1, "table1_body_architecture")
    before = copy.deepcopy(table)
    table.rows[0]["filter_shape"].append(0)
    table.rows[0]["type"] = "changed"
    assert published.table(V1, "table1_body_architecture") == before


@pytest.mark.parametrize(
    ("publication", "name", "words"),
    [
        ("mobilenet_v3", "table1", ["publication must be one of", *published.PUBLICATIONS, "'mobilenet_v3'"]),
        ("../data/tf_slim_mobilenet_v1", "checkpoints", ["publication must be one of"]),
        (None, "checkpoints", ["publication must be one of", "None"]),
        (V1, "table8", ["name must be one of", "table7_resolution", V1, "'table8'"]),
        (V2, "checkpoints", ["name must be one of", "table4_imagenet", V2, "'checkpoints'"]),
    ],
)
def test_an_unknown_table_is_answered_with_the_choices(publication, name, words):
    with pytest.raises(ValueError) as caught:
        published.table(publication, name)
    for word in words:
        assert word in str(caught.value)


def test_the_readme_of_the_data_names_every_file_and_field():
    readme = (Path(published.__file__).parents[1] / "data" / "README.md").read_text(encoding="utf-8")
    for name in (*(f"{publication}.json" for publication in published.PUBLICATIONS), *published.PublishedTable._fields):
        assert f"`{name}`" in readme


def test_the_installed_package_brings_the_data():
    package_data = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("package-data]")[1].split("\n[")[0]
    assert '"data/*"' in package_data  # tests/book/test_release.py looks into the wheel
