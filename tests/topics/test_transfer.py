"""Transfer: features are what the classifier sees, heads are scikit-learn's, and no picture teaches its own test."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import lfw_subset
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torchvision.models import MobileNet_V2_Weights

from mobilenet_lib import MobileNetV2, datasets
from mobilenet_lib.topics import preparing, transfer


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return MobileNetV2(10, width_mult=0.35).eval()


@pytest.fixture
def points():
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(4).repeat(30)
    return torch.randn(120, 6, generator=draw) + labels[:, None] * torch.tensor([1.0, 0, 0, 0, 0, 0]), labels


@torch.no_grad()
def test_features_are_what_the_classifier_sees(network):
    x = torch.randn(5, 3, 64, 64)
    found = transfer.features(network, x, batch=2)
    assert torch.allclose(network.classifier(found), network(x), atol=1e-5)
    deep = transfer.features_by_depth(network, x)
    assert len(deep) == 18
    assert torch.allclose(deep[3], network.blocks[:4](network.stem(x)).mean((2, 3)), atol=1e-6)


def test_a_new_head_fits_a_network_of_any_numbers_and_with_any_head_before():
    network = MobileNetV2(10, width_mult=0.1).double()
    network.classifier = torch.nn.Sequential(torch.nn.Dropout(), network.classifier)
    assert transfer.with_new_head(network, 3).eval()(torch.zeros(1, 3, 32, 32).double()).shape == (1, 3)


def test_a_head_is_scikit_learns(points):
    found, labels = points
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=0.01)).fit(found.numpy(), labels.numpy())
    ours = transfer.predicted(transfer.linear_head(found, labels), found)
    assert (ours.numpy() == theirs.predict(found.numpy())).mean() > 0.99


def test_cross_validation_is_scikit_learns_with_the_same_folds(points):
    found, labels = points
    ours = transfer.cross_validated(found, labels, folds=5)
    fold = np.empty(len(labels), dtype=int)
    draw = torch.Generator().manual_seed(0)
    for category in range(4):
        which = (labels == category).nonzero()[:, 0]
        fold[which[torch.randperm(30, generator=draw)]] = np.arange(30) % 5
    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=5000))
    theirs = cross_val_predict(head, found.double().numpy(), labels.numpy(), cv=PredefinedSplit(fold))
    assert ours.tolist() == theirs.tolist()


def test_labels_by_chance_are_not_learned(points):
    found, labels = points
    shuffled = labels[torch.randperm(120, generator=torch.Generator().manual_seed(1))]
    right = (transfer.cross_validated(found, shuffled) == shuffled).double().mean()
    assert right < 0.4
    assert (transfer.cross_validated(found, labels) == labels).double().mean() > right


def test_few_draws_as_many_of_each_class_and_differently():
    labels = torch.tensor([0] * 10 + [1] * 6 + [2] * 8)
    drawn = list(transfer.few(labels, 3, draws=5))
    for places in drawn:
        assert labels[places].bincount().tolist() == [3, 3, 3]
        assert len(set(places.tolist())) == 9
    assert len({tuple(places.tolist()) for places in drawn}) == 5
    assert [p.tolist() for p in transfer.few(labels, 3, draws=5)] == [p.tolist() for p in drawn]


def test_faces_are_scikit_images_and_textures_are_among_the_patches():
    images, labels = transfer.faces()
    assert np.array_equal(images[:, 0].numpy(), lfw_subset().astype(np.float32))
    assert labels[:100].all() and not labels[100:].any()
    images, labels = transfer.textures("test", size=32, count=4)
    patches, photographs = datasets.patches("test", size=32, count=4)
    for label, photograph in enumerate(transfer.TEXTURES.values()):
        assert torch.equal(images[labels == label], patches[photographs == photograph])


def test_grey_pictures_become_what_pillow_and_torchvision_make_of_them():
    grey = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    transforms = MobileNet_V2_Weights.IMAGENET1K_V1.transforms(crop_size=80, resize_size=80)
    theirs = transforms(Image.fromarray(grey).convert("RGB"))
    ours = transfer.for_network(torch.from_numpy(grey)[None, None] / 255, size=80)[0]
    assert torch.allclose(ours, theirs, atol=0.02)  # Pillow rounds to whole bytes
    assert torch.equal(preparing.normalised(torch.zeros(3, 1, 1)), preparing.normalised(torch.zeros(1, 3, 1, 1))[0])


def tuned(labels):
    return transfer.fine_tune(MobileNetV2(2, width_mult=0.1), torch.zeros(len(labels), 3, 32, 32), labels)


BAD = [
    (lambda: transfer.for_network(torch.zeros(25, 25)), r"images must be of shape .*got \(25, 25\)"),
    (lambda: transfer.for_network(torch.zeros(1, 2, 25, 25)), r"images must be of shape .*got \(1, 2, 25, 25\)"),
    (lambda: list(transfer.few(torch.tensor([0, 0, 1]), 2)), "count must be 1 or less, got 2"),
    (lambda: tuned(torch.tensor([0, 2])), "labels must be from 0 to 1, .* got 2; with_new_head"),
    (lambda: tuned(torch.tensor([-100, 1])), "labels must be from 0 to 1, .* got -100; "),
    (lambda: transfer.textures("validation"), "split must be 'train' or 'test'"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_arguments_are_refused_by_name_and_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
