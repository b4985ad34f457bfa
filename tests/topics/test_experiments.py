"""The experiments: variants that differ in one thing, intervals that scipy agrees with, results that come out again."""

from __future__ import annotations

import json
import math
import statistics
import sys
from functools import cache

import numpy as np
import pytest
import scipy.stats
import torch
from peers import flops, undrawn
from torch import nn
from torch.nn import functional

from mobilenet_lib import InvertedResidual, cost, experiments, measure, training
from mobilenet_lib.explorables import digit_canvas
from mobilenet_lib.topics._command import DATA
from mobilenet_lib.topics.experiments import EASY, NETWORKS, SEEDS, TASKS, Effect, build, effect, results

FILE = DATA / "experiments.json"
ABLATIONS = ("relu6_bottleneck", "no_residual", "expansion_shortcut")


@cache
def counted(name, task):
    """Return the parameters of a network and the MACs that torch counts for one image of its task."""
    size = TASKS[task].size
    with undrawn():
        network = build(name, task).eval()
    return cost.Cost(measure.params(network), flops(network, 1, 1, size, size) // 2)


# The variants


def test_relu6_in_the_bottleneck_is_all_that_it_adds():
    torch.manual_seed(0)
    block = experiments.ReLU6Bottleneck(8, 48, 8).eval()
    plain = InvertedResidual(8, 48, 8).eval()
    plain.load_state_dict(block.state_dict())
    x = torch.randn(2, 8, 7, 7)
    inside = plain.conv2(plain.depthwise(plain.conv1(x)))
    assert inside.min() < 0
    assert torch.equal(block(x), x + functional.relu6(inside))


def test_without_its_residual_a_block_is_the_rest_of_it():
    torch.manual_seed(0)
    block = experiments.NoResidual(8, 48, 8).eval()
    plain = InvertedResidual(8, 48, 8).eval()
    plain.load_state_dict(block.state_dict())
    x = torch.randn(2, 8, 7, 7)
    assert torch.allclose(block(x), plain(x) - x, atol=1e-6)


def test_a_shortcut_between_expansions_joins_what_hooks_see_there():
    torch.manual_seed(0)
    model = build("expansion_shortcut").eval()
    seen = {"wrote": [], "read": []}
    for block in model.blocks:
        block.conv1.register_forward_hook(lambda part, args, out: seen["wrote"].append(out.clone()))
        block.depthwise.register_forward_pre_hook(lambda part, args: seen["read"].append(args[0].clone()))
    model(torch.randn(2, 1, 28, 28))
    before, joined = None, 0
    for wrote, read in zip(seen["wrote"], seen["read"], strict=True):
        if before is not None and before.shape == wrote.shape:
            assert torch.equal(read, wrote + before)
            joined += 1
        else:
            assert torch.equal(read, wrote)
        before = read
    assert joined == 8  # one fewer than the bottlenecks' nine: the first and the last fat tensor have one neighbour
    assert sum(block.use_residual for block in build("inverted").blocks) == 9


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_begins_with_the_weights_and_the_cost_of_the_reference(name):
    for seed in (0, 3):
        reference, variant = build("inverted", seed=seed).state_dict(), build(name, seed=seed).state_dict()
        assert list(reference) == list(variant)
        assert all(torch.equal(value, variant[key]) for key, value in reference.items())
    assert counted(name, "digits") == counted("inverted", "digits")


def test_the_thin_twins_have_the_channels_and_the_plain_ones_no_shortcut():
    for name in ("standard_thin", "separable_thin", "inverted"):
        assert NETWORKS[name].channels == (8, 12, 16)
    for name in ("standard_plain", "separable_plain"):
        twin = build(name.removesuffix("_plain"))
        assert [*build(name).state_dict()] == [*twin.state_dict()]
        x = torch.rand(2, 1, 28, 28)
        for part in twin.modules():
            if hasattr(part, "use_residual"):
                part.use_residual = False
        assert torch.equal(build(name).eval()(x), twin.eval()(x))


def test_as_costly_means_within_one_and_a_half_percent():
    for task in ("digits", "patches"):
        costs = [counted(name, task) for name in ("inverted", "t1_wide")]
        assert costs[1].params == pytest.approx(costs[0].params, rel=0.015)
        assert costs[1].macs == pytest.approx(costs[0].macs, rel=0.015)


def test_building_leaves_torchs_generator_alone_and_a_seed_decides():
    state = torch.get_rng_state()
    a, b, c = build("t2", seed=1), build("t2", seed=1), build("t2", seed=2)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(a.stem[0].weight, b.stem[0].weight)
    assert not torch.equal(a.stem[0].weight, c.stem[0].weight)


@pytest.mark.parametrize("task", TASKS)
def test_a_task_has_images_of_its_size_and_classes(task):
    data, classes, size, _ = TASKS[task]
    for split in ("train", "test"):
        images, labels = data(split)
        assert images.shape[1:] == (1, size, size)
        assert labels.unique().tolist() == list(range(classes))


# The statistics


def test_the_interval_is_scipys():
    draw = np.random.default_rng(0)
    for n in (2, 5, 12):
        a, b = draw.normal(95, 1, n), draw.normal(94, 2, n)
        for confidence in (0.95, 0.8):
            ours = effect(a.tolist(), b.tolist(), confidence)
            theirs = scipy.stats.ttest_rel(a, b).confidence_interval(confidence)
            assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
            assert ours.mean == pytest.approx((a - b).mean())
            assert ours.pairs == n


def test_the_verdict_is_that_of_the_paired_test():
    draw = np.random.default_rng(1)
    verdicts = []
    for _ in range(200):
        a, b = draw.normal(0.8, 1, 5), draw.normal(0, 1, 5)
        p = scipy.stats.ttest_rel(a, b).pvalue
        verdicts.append(effect(a, b).verdict)
        assert (verdicts[-1] == "not resolved") == (p > 0.05)
        if p < 0.05:
            assert verdicts[-1] == ("better" if a.mean() > b.mean() else "worse")
    assert {"better", "not resolved"} <= set(verdicts)


def test_pairs_resolve_what_the_same_numbers_unpaired_do_not():
    shared = [90.0, 94.0, 91.0, 95.0, 92.0]
    better = [a + 1 + 0.1 * i for i, a in enumerate(shared)]
    assert effect(better, shared).verdict == "better"
    assert scipy.stats.ttest_ind(better, shared).pvalue > 0.05


def test_an_effect_reads_as_mean_and_half_width():
    assert str(Effect(-1.66, -2.05, -1.27, 5)) == "-1.66 ± 0.39"
    assert Effect(0.0, 0.0, 0.0, 5).verdict == "not resolved"


# The committed results


def test_the_file_is_complete_and_says_how_it_was_made():
    file = json.loads(FILE.read_text(encoding="utf-8"))
    about = file["about"]
    assert about["command"] == "make experiments"
    assert "\nexperiments:" in (FILE.parents[2] / "Makefile").read_text(encoding="utf-8")
    assert about["seeds"] == list(SEEDS)
    assert len(SEEDS) >= 5
    assert about["settings"] == {task: TASKS[task].training for task in TASKS}
    assert {"torch", "mlxtend", "scikit-image", "scikit-learn"} <= set(about["versions"])
    for task in TASKS:
        assert set(file["results"][task]) == set(EASY if task == "tiny_digits" else NETWORKS)
        for row in file["results"][task].values():
            assert len(row["accuracy"]) == len(SEEDS)
    assert FILE.read_text(encoding="utf-8") == experiments._written(file)  # sorted: two files can be compared


@pytest.mark.parametrize("task", TASKS)
def test_the_costs_in_the_file_are_those_of_the_networks(task):
    for name, result in results(task).items():
        assert cost.Cost(result.params, result.macs) == counted(name, task)
        assert result.label == NETWORKS[name].label


@pytest.mark.parametrize("task", TASKS)
def test_accuracies_in_the_file_are_whole_numbers_of_test_images(task):
    images = len(TASKS[task].data("test")[1])
    for result in results(task).values():
        for percent in result.accuracy:
            right = percent * images / 100
            assert abs(right - round(right)) < images * 0.00501 / 100 + 1e-6
            assert 100 / TASKS[task].classes < percent <= 100


def test_the_trained_twins_read_digits_they_have_not_seen_as_the_runs_with_seed_zero():
    """What the figure says that they read is what they read today: tests/explorables/test_digit_canvas.py."""
    read = json.loads(digit_canvas.EXAMPLES.read_text("utf8"))["accuracy"]
    assert set(read) == set(training.TWINS)
    for name, reached in read.items():
        assert not training.trained(name).training
        assert reached > 92
        assert reached == pytest.approx(results("digits")[name].accuracy[0], abs=0.09)  # rounding differs by machine


def prediction(values, runs):
    """Return where the mean of so many new runs lies, with 99.9 percent confidence, given the runs there are."""
    n = len(values)
    half = scipy.stats.t.ppf(0.9995, n - 1) * statistics.stdev(values) * math.sqrt(1 / n + 1 / runs)
    mean = statistics.fmean(values)
    return mean - half, mean + half


# Both tasks, and the separable and the inverted block, as far as seconds go: the whole of the inverted takes thirteen.
@pytest.mark.parametrize(("task", "name"), [("digits", "separable_thin"), ("tiny_digits", "no_residual")])
def test_a_subset_run_again_lands_where_the_file_says(task, name):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        reached = [experiments.run(name, task, seed, progress=False).accuracy for seed in SEEDS[:1]]
    finally:
        torch.set_num_threads(threads)
    low, high = prediction(results(task)[name].accuracy, len(reached))
    assert low <= statistics.fmean(reached) <= high
    # The interval could be missed: it is far narrower than what there is to get, from guessing to all right.
    assert high - low < 20


def test_the_command_writes_what_the_library_reads(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    small = ["--tasks", "tiny_digits", "--networks", "t1", "no_residual", "--seeds", "2", "--epochs", "1"]
    experiments.main([*small, "--processes", "1", "--out", str(tmp_path)])
    file = json.loads((tmp_path / "experiments.json").read_text(encoding="utf-8"))
    assert set(file["results"]["tiny_digits"]) == {"t1", "no_residual"}
    expected = [experiments.run("t1", "tiny_digits", seed, progress=False, epochs=1).accuracy for seed in range(2)]
    assert file["results"]["tiny_digits"]["t1"]["accuracy"] == pytest.approx(expected, abs=0.3)
    assert file["about"]["settings"]["tiny_digits"]["epochs"] == 1


def test_without_scipy_an_effect_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(ImportError, match="pip install scipy"):
        effect([1.0, 2.0], [1.0, 3.0])


BAD = [
    (lambda: build("resnet"), "network must be one of standard, .*got 'resnet'"),
    (lambda: build("t1", "imagenet"), "task must be one of digits, patches, tiny_digits, got 'imagenet'"),
    (lambda: experiments.run("t3"), "network must be one of .*got 't3'"),
    (lambda: results("imagenet"), "task must be one of .*got 'imagenet'"),
    (lambda: effect([1.0], [2.0]), "must be pairs, two or more, got 1 and 1"),
    (lambda: effect([1.0, 2.0], [2.0]), "must be pairs, two or more, got 2 and 1"),
    (lambda: effect([1.0, 2.0], [2.0, 3.0], confidence=95), "confidence must be above 0 and below 1, got 95"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_arguments_are_refused_by_name_and_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_every_network_is_told_from_every_other():
    x = torch.rand(4, 1, 28, 28)
    outputs = {name: build(name).eval()(x) for name in NETWORKS}
    names = [*outputs]
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            assert not torch.equal(outputs[a], outputs[b]), (a, b)
    assert all(isinstance(build(name).classifier, nn.Linear) for name in names)
