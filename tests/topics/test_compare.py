"""Comparing networks: intervals that scipy agrees with, photographs that are drawn whole, pieces that lie inside."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
from PIL import Image

from mobilenet_lib import MobileNetV2
from mobilenet_lib.topics.compare import agreement, crops, difference, estimate, first_classes, scores


def test_without_groups_the_interval_is_scipys_bootstrap():
    values = np.random.default_rng(3).normal(50, 20, 40)
    ours = estimate(values, range(40))
    options = {"method": "percentile", "n_resamples": 9999, "rng": np.random.default_rng(0)}
    theirs = scipy.stats.bootstrap((values,), np.mean, **options).confidence_interval
    assert ours.mean == pytest.approx(values.mean())
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.5)
    assert (ours.pictures, ours.groups) == (40, 40)


def test_with_groups_it_is_the_bootstrap_of_their_means():
    means = np.array([0.0, 20.0, 50.0, 70.0, 100.0, 100.0, 30.0])
    grouped = estimate(np.repeat(means, 8), np.repeat(range(7), 8))
    assert grouped[:3] == pytest.approx(estimate(means, range(7))[:3])
    assert grouped.high - grouped.low > 2 * (lambda e: e.high - e.low)(estimate(np.repeat(means, 8), range(56)))


def test_groups_of_unlike_size_count_by_their_pictures():
    assert estimate([100.0] * 9 + [0.0], [0] * 9 + [1]).mean == 90


def test_a_paired_difference_is_narrower_than_the_two_it_is_made_of():
    draw = torch.Generator().manual_seed(0)
    reference = torch.randn(200, 10, generator=draw)
    noise = 0.5 * torch.randn(200, 10, generator=draw)
    groups = [i // 10 for i in range(200)]
    near, far = reference + noise, reference + 1.1 * noise
    gain = difference(reference, near, far, groups)
    a, b = agreement(reference, near, groups), agreement(reference, far, groups)
    assert gain.mean == pytest.approx(a.mean - b.mean)
    assert gain.high - gain.low < min(a.high - a.low, b.high - b.low)
    assert agreement(reference, reference, groups)[:3] == (100, 100, 100)


def test_scores_are_the_networks_and_leave_its_mode():
    network = MobileNetV2(10, width_mult=0.35).train()
    x = torch.randn(5, 3, 32, 32)
    found = scores(network, x, batch=2)
    assert network.training
    assert not found.requires_grad
    assert torch.allclose(found, network.eval()(x), atol=1e-6)


def test_first_classes_are_topk_of_softmax():
    said = torch.randn(4, 30)
    best = said.softmax(1).topk(5)
    for answers, percent, category in zip(first_classes(said), best.values, best.indices, strict=True):
        assert [answer.category for answer in answers] == category.tolist()
        assert [answer.percent for answer in answers] == pytest.approx((100 * percent).tolist(), abs=1e-4)
    assert [answer.category for answer in first_classes(torch.zeros(1, 9))[0]] == [0, 1, 2, 3, 4]


def test_pieces_lie_inside_and_are_as_large_as_they_say():
    wide = Image.fromarray(np.tile(np.arange(200, dtype=np.uint8), (300, 1)))  # its column is its brightness
    cut = crops({"a": wide, "b": wide}, each=30, seed=1)
    assert cut.groups == [0] * 30 + [1] * 30
    mirrored = 0
    for piece in cut.pictures:
        columns = np.asarray(piece)[0].astype(int)
        assert 0.2 < piece.width * piece.height / (300 * 200) <= 1
        assert 0.7 < piece.width / piece.height < 1.4
        assert abs(np.diff(columns)).max() == 1
        mirrored += columns[0] > columns[-1]
    assert 15 < mirrored < 45
    again = crops({"a": wide, "b": wide}, each=30, seed=1)
    assert [p.tobytes() for p in again.pictures] == [p.tobytes() for p in cut.pictures]
    assert [p.tobytes() for p in crops({"a": wide}, seed=2).pictures] != [p.tobytes() for p in cut.pictures[:20]]


def test_a_piece_has_a_pixel_at_least_and_comes_from_a_picture():
    pieces = crops({"dot": Image.new("L", (1, 1)), "line": Image.new("L", (1, 400))}, each=5).pictures
    assert all(min(piece.size) >= 1 for piece in pieces)
    with pytest.raises(TypeError, match=r"photographs\['array'\] must be a Image, got ndarray"):
        crops({"array": np.zeros((9, 9))})


BAD = [
    (lambda: estimate([1.0, 2.0], [0]), "groups must have one entry for each of the 2 values, got 1"),
    (lambda: estimate([1.0, 2.0], [0, 0]), "groups must name two photographs or more, got 1"),
    (lambda: agreement(torch.zeros(2, 3), torch.zeros(2, 4), [0, 1]), r"scores must have the shape .*got \(2, 4\)"),
    (lambda: agreement(torch.zeros(2, 3), torch.full((2, 3), torch.nan), [0, 1]), "scores must hold numbers, got nan"),
    (lambda: first_classes(torch.zeros(1, 3)), "count must be 3 or less, got 5"),
    (lambda: crops({}), "photographs must name at least one"),
    (lambda: crops({"a": Image.new("L", (9, 9))}, each=0), "each must be a positive integer, got 0"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_arguments_are_refused_by_name_and_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
