"""What a trained network knows of other pictures: its features, frozen, and a linear layer trained on top of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .._validation import flag, from_0_to_1, instance, positive_int, positive_number, shown, tensor, zero_or_more
from .._validation import labels as labels_of
from ..measure.probe import evaluating, place_of
from ..models import MobileNetV2
from . import datasets, photographs
from .preparing import normalised

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

# Scikit-image's textures and other pictures whose left half is much like their right half, as `datasets.patches`
# counts its photographs.
TEXTURES = {"brick": 1, "cell": 3, "coins": 7, "grass": 8, "gravel": 9, "hubble": 10, "tissue": 11, "moon": 12}


# Pictures


def faces() -> tuple[Tensor, Tensor]:
    """Return 100 small grey pictures of faces and 100 of other things, as scikit-image ships them.

    Returns
    -------
    images : Tensor, shape (200, 1, 25, 25)
        From 0 to 1; for a network see :func:`for_network`.
    labels : Tensor, shape (200,)
        1 for a face, 0 for a piece of a background.

    Raises
    ------
    ImportError
        If scikit-image is not installed.

    References
    ----------
    Huang et al. 2007, "Labeled Faces in the Wild"; the sample is `skimage.data.lfw_subset`.

    Examples
    --------
    >>> images, labels = faces()
    >>> images.shape, labels.bincount().tolist()
    (torch.Size([200, 1, 25, 25]), [100, 100])
    """
    try:
        from skimage.data import lfw_subset
    except ImportError as error:
        raise ImportError("faces needs scikit-image: pip install scikit-image") from error
    images = torch.tensor(lfw_subset()).float()[:, None]
    return images, (torch.arange(len(images)) < 100).long()


def textures(split: str, size: int = 96, count: int = 20) -> tuple[Tensor, Tensor]:
    """Return grey pieces of eight textures, to be told apart: bricks, cells, coins, grass, gravel, stars, tissue, moon.

    Parameters
    ----------
    split : {"train", "test"}
        Pieces of the left 60 % of each picture, or of the right 35 %.
    size : int, default=96
        Height and width of a piece, in pixels; 100 at most.
    count : int, default=20
        Pieces of each texture. They overlap.

    Returns
    -------
    images : Tensor, shape (8 * count, 1, size, size)
        From 0 to 1; for a network see :func:`for_network`.
    labels : Tensor, shape (8 * count,)
        From 0 to 7, in the order of ``transfer.TEXTURES``.

    Raises
    ------
    TypeError, ValueError, ImportError
        As :func:`mobilenet_lib.topics.datasets.patches`, of which these are some.

    Examples
    --------
    >>> images, labels = textures("train", count=3)
    >>> images.shape, labels.bincount().tolist()
    (torch.Size([24, 1, 96, 96]), [3, 3, 3, 3, 3, 3, 3, 3])
    """
    images, labels = datasets.patches(split, size, count)
    chosen = torch.cat([(labels == photograph).nonzero()[:, 0] for photograph in TEXTURES.values()])
    return images[chosen], torch.arange(len(TEXTURES)).repeat_interleave(count)


def pieces(split: str, size: int = 96, count: int = 40, *, colour: bool = False) -> tuple[Tensor, Tensor]:
    """Return pieces of the eleven photographs of this book: from which photograph is this piece?

    Parameters
    ----------
    split : {"train", "test"}
        The left 60 % of each photograph are to learn from, the right 35 % to test on: no pixel is in both.
    size : int, default=96
        Height and width of a piece, in pixels; 100 at most.
    count : int, default=40
        Pieces of each photograph, at places drawn once and for all. They overlap.
    colour : bool, default=False
        Whether to keep the colours, which alone give most of the photographs away.

    Returns
    -------
    images : Tensor, shape (11 * count, 1, size, size), or 3 for 1 in colour
        From 0 to 1; for a network see :func:`for_network`.
    labels : Tensor, shape (11 * count,)
        From 0 to 10, in the order of ``photographs.SHIPPED``.

    Raises
    ------
    TypeError, ValueError
        If split is neither, a count is not a positive integer, a piece is too large, or colour is no bool.
    ImportError
        If a package that ships one of the photographs is not installed.

    Examples
    --------
    >>> images, labels = pieces("test", count=2)
    >>> images.shape, labels.unique().numel()
    (torch.Size([22, 1, 96, 96]), 11)
    """
    if not isinstance(split, str) or split not in ("train", "test"):
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")
    size, count = positive_int(size=size, count=count)
    flag(colour=colour)
    if size > 100:
        raise ValueError(f"size must be 100 pixels or less, got {size}; the smallest photograph has few more to spare")
    draw = torch.Generator().manual_seed(0 if split == "train" else 1)
    cut = []
    for picture in photographs.pictures().values():
        whole = torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255
        whole = whole if colour else whole.mean(0, keepdim=True)
        width = whole.shape[2]
        part = whole[:, :, : int(0.6 * width)] if split == "train" else whole[:, :, -int(0.35 * width) :]
        for _ in range(count):
            top, left = (int(torch.randint(side - size + 1, (), generator=draw)) for side in part.shape[1:])
            cut.append(part[:, top : top + size, left : left + size])
    return torch.stack(cut), torch.arange(len(photographs.SHIPPED)).repeat_interleave(count)


def for_network(images: Tensor, size: int = 224) -> Tensor:
    """Enlarge small pictures, make grey ones colour, and take out ImageNet's mean and deviation.

    Parameters
    ----------
    images : Tensor, shape (N, 1, H, W) or (N, 3, H, W)
        From 0 to 1.
    size : int, default=224
        Height and width that the network gets, in pixels.

    Returns
    -------
    Tensor, shape (N, 3, size, size)
        What a network takes that was trained on ImageNet.

    Raises
    ------
    TypeError, ValueError
        If size is not a positive integer, or images is not such a batch, of floats.

    Examples
    --------
    >>> for_network(torch.zeros(2, 1, 25, 25), size=96).shape
    torch.Size([2, 3, 96, 96])
    """
    (size,) = positive_int(size=size)
    if not isinstance(images, Tensor) or images.dim() != 4 or images.shape[1] not in (1, 3):
        got = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(f"images must be of shape (N, 1, H, W) or (N, 3, H, W), got {got}; for one write image[None]")
    from_0_to_1("images", images)
    large = functional.interpolate(images, size=(size, size), mode="bilinear", antialias=True)
    return normalised(large.expand(-1, 3, -1, -1))


# Features


def features(network: MobileNetV2, images: Tensor, batch: int = 4) -> Tensor:
    """Return what the classifier of a network gets to see: the mean of each channel of the last map.

    Parameters
    ----------
    network : MobileNetV2
        Trained; its classifier is not used.
    images : Tensor, shape (N, 3, H, W)
        Prepared as in the training.
    batch : int, default=4
        How many at a time.

    Returns
    -------
    Tensor, shape (N, 1280)
        The last column of :func:`features_by_depth`.

    Raises
    ------
    TypeError, ValueError
        As the network, or if batch is not a positive integer.

    References
    ----------
    Donahue et al. 2014, arXiv:1310.1531.

    Examples
    --------
    >>> features(MobileNetV2(10, width_mult=0.35), torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 1280])
    """
    return features_by_depth(network, images, batch)[-1]


def features_by_depth(network: MobileNetV2, images: Tensor, batch: int = 4) -> list[Tensor]:
    """Return the mean of each channel behind each block of a network, and behind its head.

    Parameters
    ----------
    network : MobileNetV2
        Trained; its classifier is not used.
    images : Tensor, shape (N, 3, H, W)
        Prepared as in the training.
    batch : int, default=4
        How many at a time.

    Returns
    -------
    list of Tensor, shape (N, C)
        18 of them, with the channels of each block: 16, 24, 24, ..., 320 and 1280.

    Raises
    ------
    TypeError, ValueError
        As the network, or if batch is not a positive integer.

    References
    ----------
    Yosinski et al. 2014, arXiv:1411.1792, on how features change with depth.

    Examples
    --------
    >>> found = features_by_depth(MobileNetV2(10, width_mult=0.35), torch.zeros(2, 3, 32, 32))
    >>> len(found), found[0].shape
    (18, torch.Size([2, 8]))
    """
    instance("network", network, MobileNetV2, "MobileNetV2() builds one")
    tensor("images", images, "(N, C, H, W)")
    (batch,) = positive_int(batch=batch)
    rows = []
    with evaluating(network):
        for part in images.split(batch):
            x, row = network.stem(part), []
            for block in [*network.blocks, network.head]:
                x = block(x)
                row.append(x.mean((2, 3)))
            rows.append(row)
    return [torch.cat(column) for column in zip(*rows, strict=True)]


# A linear layer on top


def _check_features(found: object) -> None:
    tensor("found", found, "(N, features)")


def linear_head(found: Tensor, labels: Tensor, strength: float = 0.01) -> Pipeline:
    """Train a linear classifier on features: each one standardised, then logistic regression.

    Parameters
    ----------
    found : Tensor, shape (N, C)
        Features of the training pictures, or anything else about them.
    labels : Tensor, shape (N,)
        Their classes.
    strength : float, default=0.01
        How far the weights may grow: scikit-learn's C. Small, since there are more features than pictures.

    Returns
    -------
    sklearn.pipeline.Pipeline
        With ``predict`` and ``score``.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.

    Examples
    --------
    >>> found, labels = torch.tensor([[0.0], [1.0], [9.0], [10.0]]), torch.tensor([0, 0, 1, 1])
    >>> linear_head(found, labels, strength=1.0).predict([[2.0], [8.0]]).tolist()
    [0, 1]
    """
    _check_features(found)
    labels_of("labels", labels, len(found))
    (strength,) = positive_number(strength=strength)
    try:
        from sklearn.decomposition import PCA
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise ImportError("linear_head needs scikit-learn: pip install scikit-learn") from error
    # So few pictures span few dimensions. Turned into these, the weights and their lengths are the same, and the
    # training takes a tenth of the time.
    turned = [PCA(svd_solver="full")] if len(found) < found.shape[1] else []
    head = make_pipeline(StandardScaler(), *turned, LogisticRegression(C=strength, max_iter=5000))
    with threadpool_limits(1):  # matrices as small as these are slower on several threads
        return head.fit(found.double().numpy(force=True), labels.numpy(force=True))


def predicted(head: Any, found: Tensor) -> Tensor:
    """Return the classes that a trained head gives to features.

    Parameters
    ----------
    head : sklearn.pipeline.Pipeline
        Of :func:`linear_head`.
    found : Tensor, shape (N, C)
        Features of other pictures.

    Returns
    -------
    Tensor, shape (N,)
        One class for each.

    Examples
    --------
    >>> found, labels = torch.tensor([[0.0], [1.0], [9.0], [10.0]]), torch.tensor([0, 0, 1, 1])
    >>> predicted(linear_head(found, labels), torch.tensor([[8.0]]))
    tensor([1])
    """
    if not hasattr(head, "predict"):
        raise TypeError(f"head must be a classifier, got {shown(head)}; linear_head(...) makes one")
    _check_features(found)
    return torch.as_tensor(head.predict(found.double().numpy(force=True)))


def cross_validated(found: Tensor, labels: Tensor, folds: int = 5, seed: int = 0, strength: float = 0.01) -> Tensor:
    """Return for each picture the class that a head gives it which was trained on the other folds.

    Parameters
    ----------
    found : Tensor, shape (N, C)
        Features of all pictures.
    labels : Tensor, shape (N,)
        Their classes.
    folds : int, default=5
        Each has about the same share of each class.
    seed : int, default=0
        Decides which picture is in which fold.
    strength : float, default=0.01
        As in :func:`linear_head`.

    Returns
    -------
    Tensor, shape (N,)
        One class for each.

    Raises
    ------
    TypeError, ValueError
        If folds is not 2 or more, or a class has fewer pictures than there are folds.

    Examples
    --------
    >>> found, labels = torch.tensor([[0.0], [1.0], [2.0], [8.0], [9.0], [10.0]]), torch.tensor([0, 0, 0, 1, 1, 1])
    >>> cross_validated(found, labels, folds=3)
    tensor([0, 0, 0, 1, 1, 1])
    """
    _check_features(found)
    labels_of("labels", labels, len(found))
    (seed,) = zero_or_more(seed=seed)
    (strength,) = positive_number(strength=strength)
    classes = _places_by_class(labels)
    least = min(map(len, classes))
    if positive_int(folds=folds)[0] not in range(2, least + 1):
        raise ValueError(f"folds must be between 2 and {least}, the pictures of the smallest class, got {folds}")
    result = torch.empty_like(labels)
    fold = torch.empty_like(labels)
    draw = torch.Generator().manual_seed(seed)
    for which in classes:
        fold[which[torch.randperm(len(which), generator=draw)]] = torch.arange(len(which)) % folds
    for each in range(folds):
        head = linear_head(found[fold != each], labels[fold != each], strength)
        result[fold == each] = predicted(head, found[fold == each])
    return result


def few(labels: Tensor, count: int, draws: int = 20) -> Iterator[Tensor]:
    """Draw the same number of pictures of each class, several times.

    Parameters
    ----------
    labels : Tensor, shape (N,)
        Classes of all pictures there are.
    count : int
        Pictures of each class.
    draws : int, default=20
        How many times.

    Returns
    -------
    iterator of Tensor, shape (classes * count,)
        Places of the drawn pictures. The same seed gives the same draws.

    Raises
    ------
    TypeError, ValueError
        If a number is not a positive integer, or a class has fewer pictures.

    Examples
    --------
    >>> [len(drawn) for drawn in few(torch.tensor([0, 0, 0, 1, 1, 1]), 2, draws=2)]
    [4, 4]
    """
    labels_of("labels", labels)
    count, draws = positive_int(count=count, draws=draws)
    places = _places_by_class(labels)
    least = min(map(len, places))
    if count > least:
        raise ValueError(f"count must be {least} or less, got {count}; a class has no more pictures")

    def drawn(seed: int) -> Tensor:
        draw = torch.Generator().manual_seed(seed)
        return torch.cat([each[torch.randperm(len(each), generator=draw)[:count]] for each in places])

    return map(drawn, range(draws))


def _places_by_class(labels: Tensor) -> list[Tensor]:
    """Say of each class where its pictures are."""
    if not len(labels):
        raise ValueError("labels must name a picture's class at least, got none; give one for each picture")
    return [(labels == category).nonzero()[:, 0] for category in labels.unique()]


# Training further


def fine_tune(
    network: MobileNetV2,
    images: Tensor,
    labels: Tensor,
    *,
    epochs: int = 4,
    batch_size: int = 16,
    head_lr: float = 1e-3,
    trunk_lr: float = 1e-4,
    frozen_norm: bool = True,
    seed: int = 0,
) -> list[float]:
    """Train all of a network further, its classifier at one learning rate and what lies below at another.

    Parameters
    ----------
    network : MobileNetV2
        Trained, with a classifier for the new classes. It is trained in place, and left in eval mode.
    images : Tensor, shape (N, 3, H, W)
        Prepared as in the training.
    labels : Tensor, shape (N,)
        Their classes.
    epochs : int, default=4
        How often each picture is seen.
    batch_size : int, default=16
        Pictures in a batch; the last one may be smaller.
    head_lr, trunk_lr : float, default=1e-3, 1e-4
        Learning rates of the classifier, and of all other parameters.
    frozen_norm : bool, default=True
        Whether each BatchNorm keeps the averages it came with. Otherwise it uses each batch's own, and moves its
        averages towards them.
    seed : int, default=0
        Decides the order of the pictures.

    Returns
    -------
    list of float
        Cross-entropy of each batch.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range, images and labels are no pairs, or a label is none of the network's classes.

    Examples
    --------
    >>> images, labels = torch.randn(8, 3, 32, 32), torch.arange(8) % 2
    >>> len(fine_tune(MobileNetV2(2, width_mult=0.35), images, labels, epochs=1, batch_size=4))
    2
    """
    instance("network", network, MobileNetV2, "MobileNetV2() builds one")
    tensor("images", images, "(N, C, H, W)")
    labels_of("labels", labels, len(images))
    classes = getattr(network.classifier, "out_features", None)  # another classifier than a linear one says for itself
    if classes and len(outside := labels[(labels < 0) | (labels >= classes)]):
        raise ValueError(
            f"labels must be from 0 to {classes - 1}, the classes of the network, got {int(outside[0])}; "
            "with_new_head(network, num_classes) gives it others"
        )
    epochs, batch_size = positive_int(epochs=epochs, batch_size=batch_size)
    head_lr, trunk_lr = positive_number(head_lr=head_lr, trunk_lr=trunk_lr)
    flag(frozen_norm=frozen_norm)
    (seed,) = zero_or_more(seed=seed)
    draw = torch.Generator().manual_seed(seed)
    head = list(network.classifier.parameters())
    trunk = [weight for name, weight in network.named_parameters() if not name.startswith("classifier.")]
    optimiser = torch.optim.AdamW([{"params": head, "lr": head_lr}, {"params": trunk, "lr": trunk_lr}])
    network.train(not frozen_norm)
    losses = []
    with torch.enable_grad():
        for _ in range(epochs):
            for batch in torch.randperm(len(labels), generator=draw).split(batch_size):
                loss = functional.cross_entropy(network(images[batch]), labels[batch])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                losses.append(loss.item())
    network.eval()
    return losses


def with_new_head(network: MobileNetV2, num_classes: int, seed: int = 0) -> MobileNetV2:
    """Return a copy of a network with an untrained classifier for other classes.

    Parameters
    ----------
    network : MobileNetV2
        Trained; it stays as it is.
    num_classes : int
        Outputs of the new classifier.
    seed : int, default=0
        Decides its first weights; torch's own generator is left as it was.

    Returns
    -------
    MobileNetV2
        All else is as it was: weights, averages, modes.

    Raises
    ------
    TypeError, ValueError
        If network is something else, or num_classes is not a positive integer.

    Examples
    --------
    >>> with_new_head(MobileNetV2(10, width_mult=0.35), 3).classifier
    Linear(in_features=1280, out_features=3, bias=True)
    """
    instance("network", network, MobileNetV2, "MobileNetV2() builds one")
    (num_classes,) = positive_int(num_classes=num_classes)
    (seed,) = zero_or_more(seed=seed)
    new = copy.deepcopy(network)
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        new.classifier = nn.Linear(cast(nn.Conv2d, network.head[0]).out_channels, num_classes).to(**place_of(network))
    return new
