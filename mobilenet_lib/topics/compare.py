"""Two networks on the same pictures: how often do they give the same answer, and how sure is that number?

There are no labels here. What is counted is agreement: the share of pictures to which a changed network gives the first
class of the intact one. It is not accuracy: where the intact network is wrong, a changed one may well be right.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import ImageOps
from PIL.Image import Image
from torch import Tensor, nn

from .._validation import instance, mapping, positive_int, real_numbers, sized, tensor, zero_or_more
from ..measure.probe import check_module, evaluating

RESAMPLES = 4000


class Estimate(NamedTuple):
    """A mean over pictures, and how far another set of photographs might move it.

    Attributes
    ----------
    mean : float
        Over all pictures.
    low, high : float
        Ends of the 95 % interval.
    pictures, groups : int
        How many pictures there are, and from how many photographs they come.

    Examples
    --------
    >>> print(Estimate(82.5, 74.2, 90.0, 240, 12))
    82.5 (74.2 to 90.0)
    """

    mean: float
    low: float
    high: float
    pictures: int
    groups: int

    def __str__(self) -> str:
        return f"{self.mean:.1f} ({self.low:.1f} to {self.high:.1f})"


def estimate(values: Iterable[float], groups: Sequence[int]) -> Estimate:
    """Return the mean of a number for each picture, with its interval: a bootstrap over the photographs.

    Parameters
    ----------
    values : iterable of float
        One for each picture. For a paired comparison, the differences.
    groups : sequence of int
        From which photograph each picture comes. Pictures that stand for themselves: ``range(len(values))``.

    Returns
    -------
    Estimate
        With the interval of 95 %.

    Raises
    ------
    ValueError
        If the two differ in length, or there are fewer than two groups.

    Notes
    -----
    Pictures cut from one photograph are alike, so whole photographs are drawn, with replacement, 4,000 times. The
    draws are always the same. With a dozen photographs such an interval is somewhat too narrow, and where all pictures
    agree it has no width at all, which does not mean that another picture would agree, too.

    References
    ----------
    Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapters 8 and 13.

    Examples
    --------
    >>> print(estimate([100, 100, 100, 0, 0, 0], groups=[0, 0, 1, 1, 2, 2]))
    50.0 (0.0 to 100.0)
    """
    sized("groups", groups, "[0, 0, 1, 1]")
    values = real_numbers("values", values)
    numbers = np.asarray([float(value) for value in values])
    if len(numbers) != len(groups):
        raise ValueError(
            f"groups must have one entry for each of the {len(numbers)} values, got {len(groups)}; say of each picture "
            "from which photograph it comes"
        )
    known, group = np.unique(np.asarray(groups), return_inverse=True)
    if len(known) < 2:
        raise ValueError(f"groups must name two photographs or more, got {len(known)}; one says nothing of others")
    sums, sizes = np.bincount(group, numbers), np.bincount(group)
    drawn = np.random.default_rng(0).integers(0, len(known), (RESAMPLES, len(known)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), [0.025, 0.975])
    return Estimate(float(numbers.mean()), float(low), float(high), len(numbers), len(known))


def agreement(reference: Tensor, scores: Tensor, groups: Sequence[int]) -> Estimate:
    """Return the percentage of pictures to which two networks give the same first class.

    Parameters
    ----------
    reference, scores : Tensor, shape (N, classes)
        What the intact network and the other one say.
    groups : sequence of int
        From which photograph each picture comes.

    Returns
    -------
    Estimate
        In percent.

    Raises
    ------
    ValueError
        If the scores differ in shape, nan is among them, or as :func:`estimate`.

    Examples
    --------
    >>> intact, other = torch.tensor([[3.0, 1.0], [0.0, 2.0]]), torch.tensor([[2.0, 0.0], [1.0, 0.0]])
    >>> agreement(intact, other, groups=[0, 1]).mean
    50.0
    """
    return estimate(100.0 * _same(reference, scores), groups)


def difference(reference: Tensor, scores: Tensor, others: Tensor, groups: Sequence[int]) -> Estimate:
    """Return by how many percentage points one network agrees more often with the intact one than another does.

    Parameters
    ----------
    reference : Tensor, shape (N, classes)
        What the intact network says.
    scores, others : Tensor, shape (N, classes)
        What the two networks say that are compared, to the same pictures.
    groups : sequence of int
        From which photograph each picture comes.

    Returns
    -------
    Estimate
        Above zero where `scores` agrees more often. The comparison is paired: what makes a picture hard for both
        cancels.

    Raises
    ------
    ValueError
        If the scores differ in shape, nan is among them, or as :func:`estimate`.

    Examples
    --------
    >>> intact, wrong = torch.tensor([[3.0, 1.0], [0.0, 2.0]]), torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    >>> difference(intact, intact, wrong, groups=[0, 1]).mean
    50.0
    """
    tensor("others", others, "(N, classes)")
    return estimate(100.0 * (_same(reference, scores) - _same(reference, others)), groups)


def _same(reference: Tensor, scores: Tensor) -> np.ndarray:
    for name, tensor_ in (("reference", reference), ("scores", scores)):
        tensor(name, tensor_, "(N, classes)")
        if tensor_.isnan().any():
            raise ValueError(f"{name} must hold numbers, got nan, which is no answer; look at that network's weights")
    if reference.dim() != 2 or reference.shape != scores.shape:
        raise ValueError(
            f"scores must have the shape of the reference, (N, classes), got {tuple(scores.shape)} for "
            f"{tuple(reference.shape)}; give both networks the same pictures"
        )
    return (reference.argmax(1) == scores.argmax(1)).numpy(force=True).astype(float)


def scores(network: nn.Module, images: Tensor, batch: int = 4) -> Tensor:
    """Return what a network says to many images, without keeping all that it computes on the way.

    Parameters
    ----------
    network : torch.nn.Module
        In any mode; it runs in eval mode.
    images : Tensor, shape (N, 3, H, W)
        Prepared as in the network's training.
    batch : int, default=4
        How many at a time. Few are faster: what a layer writes is then still in the cache when the next one reads it.

    Returns
    -------
    Tensor, shape (N, classes)
        Before softmax.

    Raises
    ------
    TypeError, ValueError
        If network is not a torch module, batch is not a positive integer, or as the network.

    Examples
    --------
    >>> from mobilenet_lib import MobileNetV2
    >>> scores(MobileNetV2(10, width_mult=0.35), torch.zeros(5, 3, 32, 32), batch=2).shape
    torch.Size([5, 10])
    """
    tensor("images", images, "(N, C, H, W)")
    check_module(network, "network")
    (batch,) = positive_int(batch=batch)
    # A pixel's channels side by side: what a depthwise and a 1x1 convolution read, in half the time.
    images = images.to(memory_format=torch.channels_last)
    with evaluating(network):
        return torch.cat([network(part) for part in images.split(batch)])


class Answer(NamedTuple):
    """One class that a network names, and how sure it is.

    Attributes
    ----------
    category : int
        Number of the class.
    percent : float
        Its probability.

    Examples
    --------
    >>> Answer(967, 98.7).category
    967
    """

    category: int
    percent: float


def first_classes(scores: Tensor, count: int = 5) -> list[list[Answer]]:
    """Return the most probable classes of each picture, the most probable first.

    Parameters
    ----------
    scores : Tensor, shape (N, classes)
        Before softmax.
    count : int, default=5
        How many classes.

    Returns
    -------
    list of list of Answer
        One list for each picture. Among classes with equal scores the lower number comes first.

    Raises
    ------
    TypeError, ValueError
        If count is not a positive integer, or there are fewer classes.

    Examples
    --------
    >>> [(answer.category, round(answer.percent, 1)) for answer in first_classes(torch.tensor([[0.0, 2, 1]]), 2)[0]]
    [(1, 66.5), (2, 24.5)]
    """
    tensor("scores", scores, "(N, classes)")
    (count,) = positive_int(count=count)
    if count > scores.shape[1]:
        raise ValueError(f"count must be {scores.shape[1]} or less, got {count}; there are no more classes")
    percent, order = (100 * scores.double().softmax(1)).sort(dim=1, descending=True, stable=True)
    return [
        [Answer(*pair) for pair in zip(categories, shares, strict=True)]
        for categories, shares in zip(order[:, :count].tolist(), percent[:, :count].tolist(), strict=True)
    ]


class Crops(NamedTuple):
    """Pieces of photographs.

    Attributes
    ----------
    pictures : list of PIL.Image.Image
        The pieces, as large as they were cut.
    groups : list of int
        From which photograph each comes.

    Examples
    --------
    >>> Crops([], []).groups
    []
    """

    pictures: list[Image]
    groups: list[int]


def crops(photographs: Mapping[str, Image], each: int = 20, seed: int = 0) -> Crops:
    """Cut pieces out of photographs: a quarter to all of the area, 3:4 to 4:3 as high as wide, half of them mirrored.

    Parameters
    ----------
    photographs : mapping of str to PIL.Image.Image
        By name; their order counts.
    each : int, default=20
        Pieces of each photograph.
    seed : int, default=0
        Decides what is cut.

    Returns
    -------
    Crops
        Photograph by photograph.

    Raises
    ------
    TypeError, ValueError
        If each is not a positive integer, or there is no photograph, or something else among them.

    Notes
    -----
    The pieces that ImageNet networks are trained on are cut alike, though down to a twelfth of the area. Here most
    pieces still show what the photograph shows.

    References
    ----------
    Szegedy et al. 2015, arXiv:1409.4842, section 6.

    Examples
    --------
    >>> from PIL import Image
    >>> pictures, groups = crops({"grey": Image.new("RGB", (300, 200), "grey")}, each=3)
    >>> len(pictures), groups
    (3, [0, 0, 0])
    """
    (seed,) = zero_or_more(seed=seed)
    mapping("photographs", photographs, "{'cat': picture}")
    (each,) = positive_int(each=each)
    if not photographs:
        raise ValueError("photographs must name at least one photograph, got none; give {'cat': picture}")
    draw, pictures = random.Random(seed), []
    for name, photograph in photographs.items():
        instance(f"photographs[{name!r}]", photograph, Image, "Image.open(path) reads one")
        for _ in range(each):
            pictures.append(_piece(photograph, draw))
    return Crops(pictures, [group for group in range(len(photographs)) for _ in range(each)])


def _piece(photograph: Image, draw: random.Random) -> Image:
    width, height = photograph.size
    area, ratio = width * height * draw.uniform(0.25, 1), draw.uniform(3 / 4, 4 / 3)
    sides = zip(photograph.size, ((area * ratio) ** 0.5, (area / ratio) ** 0.5), strict=True)
    wide, high = (min(most, max(1, int(side))) for most, side in sides)
    left, top = draw.randint(0, width - wide), draw.randint(0, height - high)
    piece = photograph.crop((left, top, left + wide, top + high))
    return ImageOps.mirror(piece) if draw.random() < 0.5 else piece
