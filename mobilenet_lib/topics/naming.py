"""What the trained network calls what it sees: scores in, names out."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from PIL.Image import Image
from torch import Tensor, nn

from .._validation import instance
from .compare import first_classes, scores
from .preparing import WAYS, prepared


class Named(NamedTuple):
    """A class that the network names.

    Attributes
    ----------
    name : str
        Of the class, as torchvision has it.
    percent : float
        Its probability.

    Examples
    --------
    >>> Named("espresso", 99.2).name
    'espresso'
    """

    name: str
    percent: float


class Way(NamedTuple):
    """What the network says to a picture that was prepared in one way.

    Attributes
    ----------
    prepared : str
        A key of ``preparing.WAYS``.
    name : str
        The first class.
    percent : float
        Its probability.

    Examples
    --------
    >>> Way("as trained", "espresso", 99.2).prepared
    'as trained'
    """

    prepared: str
    name: str
    percent: float


@cache
def categories() -> tuple[str, ...]:
    """Return the names of ImageNet's thousand classes, as torchvision carries them with its weights.

    Returns
    -------
    tuple of str
        In the order of the network's scores.

    Raises
    ------
    ImportError
        If torchvision is not installed.

    References
    ----------
    ``torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1.meta["categories"]``.

    Examples
    --------
    >>> len(categories()), categories()[967]
    (1000, 'espresso')
    """
    try:
        from torchvision.models import MobileNet_V2_Weights
    except ImportError as error:
        raise ImportError("the names of the classes come with torchvision: pip install torchvision") from error
    return tuple(MobileNet_V2_Weights.IMAGENET1K_V1.meta["categories"])


def named(scores: Tensor, count: int = 5) -> list[Named]:
    """Return the most probable classes of one picture by name.

    Parameters
    ----------
    scores : Tensor, shape (1000,) or (1, 1000)
        Before softmax, of a network for ImageNet's thousand classes.
    count : int, default=5
        How many classes.

    Returns
    -------
    list of Named
        The most probable first.

    Raises
    ------
    TypeError, ValueError
        If scores has another shape, or count is not a positive integer up to 1000.

    Examples
    --------
    >>> import torch
    >>> [(each.name, round(each.percent)) for each in named(10.0 * torch.eye(1000)[967], count=1)]
    [('espresso', 96)]
    """
    instance("scores", scores, Tensor, "network(x)[0] gives some")
    if scores.dim() not in (1, 2) or scores.numel() != len(categories()):
        raise ValueError(
            f"scores must be (1000,), those of one picture for 1000 classes, got {tuple(scores.shape)}; of several "
            "take one"
        )
    answers = first_classes(scores.detach().reshape(1, -1), count)[0]
    return [Named(categories()[answer.category], answer.percent) for answer in answers]


def by_preparation(network: nn.Module, picture: Image) -> list[Way]:
    """Prepare a picture as it should be, and with one fault each, and return what a network says to it.

    Parameters
    ----------
    network : torch.nn.Module
        For ImageNet's thousand classes, trained.
    picture : PIL.Image.Image
        Any.

    Returns
    -------
    list of Way
        One for each of ``preparing.WAYS``.

    Raises
    ------
    TypeError, ValueError
        As :func:`~mobilenet_lib.topics.preparing.prepared` and :func:`named`.

    Examples
    --------
    >>> from PIL import Image
    >>> from mobilenet_lib import MobileNetV2
    >>> [way.prepared for way in by_preparation(MobileNetV2(), Image.new("RGB", (300, 300)))][:2]
    ['as trained', 'not normalised']
    """
    instance("picture", picture, Image, "Image.open(path) reads one")
    said = ((way, named(scores(network, prepared(picture, way)), 1)[0]) for way in WAYS)
    return [Way(way, *first) for way, first in said]
