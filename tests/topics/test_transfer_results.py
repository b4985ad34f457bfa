"""The transfer chapter's results: the tasks are fair, and a part of the file comes out again."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import torch
from torch.nn import functional

from mobilenet_lib import MobileNetV2, photographs, pretrained, shipping, transfer, transfer_results

STORED = transfer_results.results()
CHANCE = {"pieces": 100 / 11, "faces": 50, "digits": 10}


@pytest.fixture(scope="module")
def network():
    return shipping.fold(pretrained.from_torchvision(weights="IMAGENET1K_V1"))  # the same features in half the time


@pytest.fixture(scope="module")
def pieces():
    return transfer_results.task("pieces")


def percent(pictures, given, count, draw=0):
    drawn = list(transfer.few(pictures.labels, count, draw + 1))[draw]
    head = transfer.linear_head(given[0][drawn], pictures.labels[drawn], transfer_results.STRENGTH)
    return 100 * (transfer.predicted(head, given[1]) == pictures.test_labels).double().mean().item()


# The tasks


def test_no_pixel_of_a_test_piece_is_in_a_piece_to_learn_from():
    for split, part in (("train", slice(None, 60)), ("test", slice(-35, None))):
        images, labels = transfer.pieces(split, size=32, count=3, colour=True)
        for i, (name, picture) in enumerate(photographs.pictures().items()):
            whole = np.asarray(picture)
            width = whole.shape[1]
            left, right = (0, int(0.6 * width)) if part.start is None else (width - int(0.35 * width), width)
            allowed = torch.from_numpy(whole[:, left:right].copy()).permute(2, 0, 1) / 255
            windows = allowed.unfold(1, 32, 1).unfold(2, 32, 1)
            for piece in images[labels == i]:
                near = (windows[:, :, :, 0, 0] - piece[:, 0, 0, None, None]).abs().amax(0) < 1e-6
                assert any(torch.equal(windows[:, y, x], piece) for y, x in near.nonzero().tolist()), name


def test_grey_pieces_are_the_coloured_ones_without_their_colours():
    grey, labels = transfer.pieces("test", count=2)
    colour, same = transfer.pieces("test", count=2, colour=True)
    assert torch.equal(labels, same)
    assert torch.allclose(grey, colour.mean(1, keepdim=True), atol=1e-6)


@pytest.mark.parametrize("name", transfer_results.TASKS)
def test_a_task_tests_on_other_pictures_than_it_learns_from(name):
    images, labels, tests, answers = transfer_results.task(name)
    assert labels.unique().tolist() == answers.unique().tolist() == list(range(len(labels.unique())))
    assert min(labels.bincount()) >= max(transfer_results.COUNTS)
    flat = {tuple(row.tolist()) for row in images.flatten(1)[:, :900]}
    assert not flat & {tuple(row.tolist()) for row in tests.flatten(1)[:, :900]}


# The file


def test_the_file_has_all_that_the_module_names():
    assert set(STORED["few"]) == set(transfer_results.TASKS)
    for by_what in STORED["few"].values():
        assert list(by_what) == ["pixels", "untrained", *map(str, transfer_results.DEPTHS)]
        for by_count in by_what.values():
            assert list(by_count) == list(map(str, transfer_results.COUNTS))
            assert all(0 <= mean <= 100 and 0 <= deviation < 50 for mean, deviation in by_count.values())
    assert set(STORED["tuned"]) == set(transfer_results.TUNINGS)
    assert all(len(rates) == len(transfer_results.SEEDS) for rates in STORED["tuned"].values())
    assert STORED["about"]["photographs"] == list(photographs.SHIPPED)


def test_a_part_of_the_file_comes_out_again(network, pieces):
    both = pieces.images, pieces.test_images[::4]
    fewer = pieces._replace(test_images=both[1], test_labels=pieces.test_labels[::4])
    prepared = [transfer.for_network(images, 96) for images in (both[0][::2], both[1])]
    deep = [transfer.features_by_depth(network, images.to(memory_format=torch.channels_last)) for images in prepared]
    fewer = fewer._replace(images=both[0][::2], labels=pieces.labels[::2])
    for depth in (8, 17):
        rates = [percent(fewer, [found[depth] for found in deep], 4, draw) for draw in range(3)]
        mean, deviation = STORED["few"]["pieces"][str(depth)]["4"]
        # Of 110 pieces the standard error is five points, and three draws have their own.
        assert np.mean(rates) == pytest.approx(mean, abs=2 * (5 + deviation / 3**0.5)), depth


def test_the_pixels_come_out_again_exactly(pieces):
    given = [transfer_results.pixels(images) for images in (pieces.images, pieces.test_images)]
    best = max(
        np.mean(
            [
                100 * (said == pieces.test_labels).double().mean().item()
                for said in transfer_results._learned(pieces, given, 2, strength)
            ]
        )
        for strength in transfer_results.STRENGTHS
    )
    assert best == pytest.approx(STORED["few"]["pieces"]["pixels"]["2"][0], abs=0.6)


def test_the_pieces_that_are_shown_are_the_first_test_pieces(pieces):
    for i, (name, text) in enumerate(STORED["shown"].items()):
        assert name == list(photographs.SHIPPED)[i]
        pairs = np.frombuffer(base64.b64decode(text), np.uint8)
        greys = np.stack([pairs // 16, pairs % 16], 1).reshape(32, 32) / 15
        small = functional.interpolate(pieces.test_images[40 * i : 40 * i + 1], size=(32, 32), mode="area")[0, 0]
        assert np.abs(greys - small.numpy()).max() < 0.034


def test_what_the_chapter_tells_is_in_the_file():
    few = STORED["few"]
    # One piece of each is worth about as much to trained features as 32 are to untrained ones; pixels are far below.
    assert abs(few["pieces"]["17"]["1"][0] - few["pieces"]["untrained"]["32"][0]) < 5
    assert few["pieces"]["17"]["1"][0] > few["pieces"]["pixels"]["32"][0] + 15
    # On faces pixels nearly catch up; on digits the last features are no better than pixels, and those of a block are.
    assert few["faces"]["17"]["32"][0] - few["faces"]["pixels"]["32"][0] < 6
    assert abs(few["digits"]["17"]["8"][0] - few["digits"]["pixels"]["8"][0]) < 3
    middle = max(few["digits"][str(depth)]["8"][0] for depth in (8, 11, 14))
    assert middle > few["digits"]["17"]["8"][0] + 4 and middle > few["digits"]["pixels"]["8"][0] + 4
    # The best place for the pieces and the faces is not the end either.
    assert few["faces"]["16"]["8"][0] > few["faces"]["17"]["8"][0]
    assert max(few["pieces"][str(depth)]["8"][0] for depth in (5, 8, 11, 14)) > few["pieces"]["17"]["8"][0] + 3
    # One high rate wipes out what was learned; a pair with frozen averages is better than its twin at each seed.
    tuned = STORED["tuned"]
    assert max(tuned["one high rate"]) < 2 * CHANCE["pieces"]
    assert np.mean(tuned["frozen averages"]) > np.mean(tuned["moving averages"]) > np.mean(STORED["scratch"]["8"])


# Training further


def small():
    torch.manual_seed(0)
    return MobileNetV2(5, width_mult=0.35)


def test_frozen_averages_stay_and_others_move():
    x, y = torch.randn(8, 3, 32, 32), torch.arange(8) % 5
    for frozen in (True, False):
        network = small()
        before = {name: buffer.clone() for name, buffer in network.named_buffers()}
        transfer.fine_tune(network, x, y, epochs=1, frozen_norm=frozen)
        same = all(torch.equal(buffer, before[name]) for name, buffer in network.named_buffers())
        assert same == frozen
        assert not network.training


def test_fine_tuning_is_the_plain_loop_with_two_rates():
    x, y = torch.randn(8, 3, 32, 32), torch.arange(8) % 5
    ours, theirs = small(), small().eval()
    transfer.fine_tune(ours, x, y, epochs=2, batch_size=4, head_lr=1e-3, trunk_lr=1e-5, seed=3)
    weights = list(theirs.parameters())
    optimiser = torch.optim.AdamW([{"params": weights[-2:], "lr": 1e-3}, {"params": weights[:-2], "lr": 1e-5}])
    draw = torch.Generator().manual_seed(3)
    for _ in range(2):
        for batch in torch.randperm(8, generator=draw).split(4):
            loss = functional.cross_entropy(theirs(x[batch]), y[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(mine, other, atol=1e-7)


def test_a_new_head_leaves_the_old_network_and_the_random_numbers_alone():
    network, before = small(), torch.get_rng_state()
    new = transfer.with_new_head(network, 3)
    assert torch.equal(torch.get_rng_state(), before)
    assert network.classifier.out_features == 5 and new.classifier.out_features == 3
    assert torch.equal(new.head[0].weight, network.head[0].weight) and new.head[0].weight is not network.head[0].weight


def test_wide_features_give_the_head_that_scikit_learn_gives():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    torch.manual_seed(0)
    labels = torch.arange(4).repeat(8)
    found, others = torch.randn(32, 200) + labels[:, None] / 3, torch.randn(100, 200)
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=5000)).fit(
        found.numpy(), labels.numpy()
    )
    ours = transfer.linear_head(found, labels)
    assert np.allclose(ours.predict_proba(others.double().numpy()), theirs.predict_proba(others.numpy()), atol=2e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: transfer.pieces("all"), "split must be 'train' or 'test', got 'all'"),
        (lambda: transfer.pieces("test", size=101), "size must be 100 pixels or less, got 101"),
        (lambda: transfer_results.task("cats"), "name must be .*got 'cats'"),
        (lambda: transfer_results.pixels(torch.zeros(3, 8, 8)), r"images must be of shape .*got \(3, 8, 8\)"),
    ],
)
def test_bad_arguments_are_refused_by_name_and_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
