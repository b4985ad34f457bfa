"""What came after V2: counts that another counter confirms, and a file that says what the chapter says."""

from __future__ import annotations

import math

import pytest
import timm
import torch
from scipy.stats import spearmanr
from torch.utils.flop_counter import FlopCounterMode

from mobilenet_lib import family_results, published

STORED = family_results.results()
MACHINES = ("i7_12700h", "i9_10940x", "rtx_4090")


# The file


@pytest.mark.parametrize("name", ["mobilenetv3_small_100", "ghostnet_100", "mobilenetv4_conv_small"])
def test_pytorchs_own_counter_counts_the_macs_of_the_file(name):
    row = STORED["networks"][name]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        timm.create_model(name).eval()(torch.zeros(1, 3, row["resolution"], row["resolution"]))
    assert counter.get_total_flops() == 2 * row["macs"]


def test_the_file_has_all_networks_and_its_counts_are_those_that_timm_publishes():
    assert list(STORED["networks"]) == list(family_results.NETWORKS)
    assert list(STORED["branched"]) == list(family_results.BRANCHED)
    counted = STORED["networks"] | STORED["branched"]  # timm times the networks as they are trained
    for machine in MACHINES:
        table = {row["network"]: row for row in published.table("after_v2", machine).rows}
        assert list(table) == list(family_results.NETWORKS)
        for name, row in table.items():
            ours = counted[name]
            assert row["resolution"] == ours["resolution"], name
            assert row["million_params"] == pytest.approx(ours["params"] / 1e6, abs=0.006), name
            assert row["million_activations"] == pytest.approx(ours["activations"] / 1e6, abs=0.006), name
            # timm's MACs are fvcore's total, with BatchNorm and pooling.
            assert 1 <= row["giga_macs"] / (ours["macs"] / 1e9) < 1.13 or row["giga_macs"] < 0.1, name


def test_each_published_time_is_that_of_its_own_rate():
    for machine in MACHINES:
        for row in published.table("after_v2", machine).rows:
            rate = 1000 * row["batch"] / row["step_ms"]
            assert row["images_per_second"] == pytest.approx(rate, rel=0.01), row


def test_the_quickest_call_is_no_slower_than_the_median():
    rows = [*STORED["networks"].values(), *STORED["branched"].values()]
    for row in rows:
        for program in ("pytorch", "onnx"):
            least, median = row[program]
            assert 0 < least <= median


# What the chapter says


def test_v3_is_slower_than_v2_on_both_processors_and_faster_on_the_card_and_on_the_phone():
    (row,) = family_results.relative("mobilenetv3_large_100")
    assert row["MACs"] == pytest.approx(0.72, abs=0.005)
    assert row["i7"] > 1 and row["i9"] > 1 and row["RTX 4090"] < 1
    pixel = {each["network"]: each["pixel1_ms"] for each in published.table("after_v2", "pixel1_slim").rows}
    assert pixel["mobilenetv3_large_100"] < pixel["mobilenetv2_100"]


def test_the_searched_network_is_faster_at_equal_accuracy_but_on_the_i9():
    searched, wide = family_results.relative("semnasnet_100", "mobilenetv2_140")
    assert searched["i7"] < wide["i7"] and searched["RTX 4090"] < wide["RTX 4090"] and searched["i9"] > wide["i9"]
    (found,) = published.table("after_v2", "pixel1_mnasnet").rows
    slim = published.table("tf_slim_mobilenet_v2", "checkpoints").rows
    (other,) = (row for row in slim if row["alpha"] == 1.4)
    assert abs(found["top1"] - other["top1"]) < 0.3 and found["pixel1_ms"] < 0.6 * other["pixel1_ms"]


def test_without_gates_equal_macs_take_less_time_everywhere():
    gated, plain = family_results.relative("efficientnet_b0", "efficientnet_lite0")
    assert plain["MACs"] == pytest.approx(gated["MACs"], rel=0.002)
    for machine in ("PyTorch here", "i7", "i9", "RTX 4090"):
        assert plain[machine] < gated[machine], machine


def test_half_the_macs_by_cheap_channels_save_no_time_on_timms_processors():
    (ghost,) = family_results.relative("ghostnet_100")
    assert ghost["MACs"] < 0.5 and ghost["i7"] > 1 and ghost["i9"] > 1 and ghost["RTX 4090"] < 1


def test_a_fused_block_wins_less_often_where_depthwise_layers_are_quick():
    rows = family_results.fused()
    assert rows[0]["MACs"] < 2 and all(4 < row["MACs"] < 5 for row in rows[1:])
    assert sum(row["ONNX Runtime"] < 1 for row in rows) <= sum(row["PyTorch"] < 1 for row in rows)


def test_merging_saves_most_where_there_were_most_branches():
    rows = {row["network"]: row for row in family_results.merged()}
    saved = {name: row["M MACs trained"] / row["M MACs used"] for name, row in rows.items()}
    assert max(saved, key=saved.__getitem__) == "mobileone_s0"
    assert rows["mobileone_s0"]["ms trained"] > 1.5 * rows["mobileone_s0"]["ms used"]
    rate = {name: row["macs"] / row["pytorch"][0] for name, row in STORED["networks"].items()}
    assert rate["repvgg_a0"] > 2 * rate["mobilenetv2_100"]


def test_activations_predict_the_cards_times_best_and_no_count_stands_out_on_the_i9():
    card = family_results.orders("rtx_4090")
    assert max(card, key=lambda count: card[count].rho) == "activations" and card["activations"].low > 0.7
    i9 = family_results.orders("i9_10940x")
    assert max(order.low for order in i9.values()) < min(order.high for order in i9.values())


@pytest.mark.parametrize("machine", family_results.MACHINES)
def test_an_order_is_scipys_and_lies_in_its_interval(machine):
    found = family_results.points(machine)
    for count, order in family_results.orders(machine).items():
        values = [getattr(point, count) for point in found]
        assert order.rho == pytest.approx(spearmanr(values, [point.ms for point in found])[0])
        assert order.low < order.rho < order.high


def test_whoever_asks_for_another_network_learns_which_there_are():
    with pytest.raises(ValueError, match="names must be one of mobilenetv1_100"):
        family_results.relative("resnet18")
    with pytest.raises(ValueError, match="got none"):
        family_results.relative()


def test_compound_scaling_rounds_up():
    depths = [[len(row) for row in timm.create_model(f"efficientnet_b{i}").blocks] for i in (0, 1, 2)]
    assert depths[1] == depths[2] == [math.ceil(1.1 * n) for n in depths[0]]
