"""What a trained MobileNetV2 is worth for three other tasks: the transfer chapter's experiments and their results.

``python -m mobilenet_lib.topics.transfer_results`` does them all, in some minutes on one core, and writes
``data/transfer.json``, which :func:`results` reads. ``make experiments`` calls it.
"""

from __future__ import annotations

import base64
import json
import platform
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from .._validation import one_of, positive_int
from ..models import MobileNetV2
from . import datasets, photographs, training, transfer
from ._command import told
from .pretrained import from_torchvision

FILE = "transfer.json"
EACH_TEST = 40  # test pieces of each photograph
SIZE = 96  # pixels a side that the network gets
COUNTS = (1, 2, 4, 8, 16, 32)
DRAWS = 10
DEPTHS = (0, 2, 5, 8, 11, 14, 16, 17)  # places in `transfer.features_by_depth`; the last one is the head
# How strongly a linear layer is held back. What the features are compared with gets the best of these, as found on the
# test pictures: a help that the features do without.
STRENGTH, STRENGTHS = 0.01, (0.001, 0.01, 0.1)
SEEDS, EACH = range(3), 8  # of what is trained whole: trainings, and pictures of each class
SHOWN, LEVELS = 32, 16  # pixels a side, and greys, of the pieces that the figure shows
# A training of all weights, as keywords of `transfer.fine_tune`.
TUNINGS: dict[str, dict[str, Any]] = {
    "frozen averages": {"epochs": 8},
    "moving averages": {"epochs": 8, "frozen_norm": False},
    "frozen, batches of 4": {"epochs": 8, "batch_size": 4},
    "moving, batches of 4": {"epochs": 8, "batch_size": 4, "frozen_norm": False},
    "one high rate": {"epochs": 8, "trunk_lr": 1e-2, "head_lr": 1e-2},
}
SCRATCH = {"head_lr": 3e-3, "trunk_lr": 3e-3, "frozen_norm": False}
SEEN = 3520  # pictures that a training from scratch sees, however few there are


class Pictures(NamedTuple):
    """A task: pictures to learn from, pictures to test on, and their classes.

    Attributes
    ----------
    images, test_images : Tensor, shape (N, 1, H, W)
        From 0 to 1.
    labels, test_labels : Tensor, shape (N,)
        Their classes.

    Examples
    --------
    >>> Pictures._fields
    ('images', 'labels', 'test_images', 'test_labels')
    """

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor


def _pieces() -> Pictures:
    return Pictures(*transfer.pieces("train"), *transfer.pieces("test", count=EACH_TEST))


def _faces() -> Pictures:
    images, labels = transfer.faces()
    return Pictures(images[::2], labels[::2], images[1::2], labels[1::2])


def _digits() -> Pictures:
    found = []
    for split in ("train", "test"):
        images, labels = datasets.digits(split)
        first = torch.cat([(labels == digit).nonzero()[:40, 0] for digit in range(10)])
        found += [images[first], labels[first]]
    return Pictures(*found)


TASKS: dict[str, Callable[[], Pictures]] = {"pieces": _pieces, "faces": _faces, "digits": _digits}


def task(name: str) -> Pictures:
    """Return the pictures of one of the three tasks.

    Parameters
    ----------
    name : {"pieces", "faces", "digits"}
        Grey pieces of eleven photographs (the left of each to learn from, the right to test on); faces and other
        things (every second one to test on); handwritten digits.

    Returns
    -------
    Pictures
        40 or 50 of each class to learn from, and as many to test on.

    Raises
    ------
    ValueError
        If there is no such task.

    Examples
    --------
    >>> [len(task(name).test_labels) for name in TASKS]
    [440, 100, 400]
    """
    one_of("name", name, TASKS)
    return TASKS[name]()


@cache
def results() -> dict[str, Any]:
    """Return the committed results.

    Returns
    -------
    dict of str to object
        ``few``: by task, by what the linear layer sees and by pictures of each class, the mean accuracy over draws and
        its standard deviation, in percent. ``scratch`` and ``tuned``: accuracies of trainings on the pieces, one for
        each seed. ``answers``: what is said of the first test piece of each photograph; ``shown``: these pieces.
        ``about``: how the file was made.

    Examples
    --------
    >>> results()["about"]["command"]
    'make experiments'
    """
    return json.loads(files("mobilenet_lib").joinpath("data", FILE).read_text(encoding="utf-8"))


def best_depth(task: str, count: int) -> int:
    """Return where in the trained network the features are best, as the committed results say.

    Parameters
    ----------
    task : {"pieces", "faces", "digits"}
        As :func:`task`.
    count : {1, 2, 4, 8, 16, 32}
        Pictures of each class.

    Returns
    -------
    int
        A place in the list of :func:`~mobilenet_lib.topics.transfer.features_by_depth`; the last one is 17. It is read
        off the test pictures, so it says where to look, and its accuracy is a little too good.

    Raises
    ------
    TypeError, ValueError
        If there is no such task, or no result for so many pictures.

    Examples
    --------
    >>> best_depth("pieces", 8)
    8
    """
    one_of("task", task, TASKS)
    (count,) = positive_int(count=count)
    if count not in COUNTS:
        raise ValueError(f"count must be one of {', '.join(map(str, COUNTS))}, got {count}; these were measured")
    few = results()["few"][task]
    return max(DEPTHS, key=lambda depth: few[str(depth)][str(count)][0])


# The experiments


def pixels(images: Tensor) -> Tensor:
    """Return pictures as rows of numbers, at most 24x24 grey values each.

    Parameters
    ----------
    images : Tensor, shape (N, 1, H, W)
        From 0 to 1.

    Returns
    -------
    Tensor, shape (N, 576)
        Means over areas.

    Raises
    ------
    TypeError, ValueError
        If images is not such a batch.

    Examples
    --------
    >>> pixels(torch.zeros(2, 1, 96, 96)).shape
    torch.Size([2, 576])
    """
    if not isinstance(images, Tensor) or images.dim() != 4 or images.shape[1] != 1:
        got = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(f"images must be of shape (N, 1, H, W), got {got}; of one grey picture take image[None]")
    return functional.interpolate(images, size=(24, 24), mode="area").flatten(1)


def _described(pictures: Pictures, network: MobileNetV2, other: MobileNetV2) -> dict[str, tuple[Tensor, Tensor]]:
    """Return all that a linear layer is given of the pictures: pixels, and two networks' features."""
    both = pictures.images, pictures.test_images
    found = {"pixels": tuple(pixels(images) for images in both)}
    deep, raw = (
        [transfer.features_by_depth(net, transfer.for_network(images, SIZE)) for images in both]
        for net in (network, other)
    )
    found["untrained"] = raw[0][-1], raw[1][-1]
    return found | {str(depth): (deep[0][depth], deep[1][depth]) for depth in DEPTHS}  # type: ignore[return-value]


def _learned(pictures: Pictures, given: tuple[Tensor, Tensor], count: int, strength: float = STRENGTH) -> Tensor:
    """Return for each draw of so many pictures a class which test picture gets which answer: (draws, test pictures)."""
    said = []
    for drawn in transfer.few(pictures.labels, count, DRAWS):
        head = transfer.linear_head(given[0][drawn], pictures.labels[drawn], strength)
        said.append(transfer.predicted(head, given[1]))
    return torch.stack(said)


def _percent(said: Tensor, truth: Tensor) -> Tensor:
    return 100 * (said == truth).double().mean(-1)


def untrained() -> MobileNetV2:
    """Return the network that the trained one is compared with: MobileNetV2 with its first random weights.

    Returns
    -------
    MobileNetV2
        The same each time, in eval mode; torch's own generator is left as it was.

    Examples
    --------
    >>> untrained().training
    False
    """
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return MobileNetV2().eval()


def _few_pictures(pictures: Pictures, network: MobileNetV2) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return accuracies by what is given and by count, and the answers of each first draw."""
    rates: dict[str, Any] = {}
    answers: dict[str, Any] = {}
    for what, given in _described(pictures, network, untrained()).items():
        rates[what], answers[what] = {}, {}
        for count in COUNTS:
            strengths = STRENGTHS if what in ("pixels", "untrained") else (STRENGTH,)
            tried = [_learned(pictures, given, count, strength) for strength in strengths]
            said = max(tried, key=lambda one: _percent(one, pictures.test_labels).mean().item())
            percents = _percent(said, pictures.test_labels)
            rates[what][str(count)] = [round(percents.mean().item(), 1), round(percents.std().item(), 1)]
            answers[what][str(count)] = said[0]
    return rates, answers


def _from_scratch(pictures: Pictures, count: int, seed: int = 0) -> float:
    """Train MobileNetV2 at width 0.35 on so many pieces of each photograph, from random weights; return percent."""
    drawn = list(transfer.few(pictures.labels, count, seed + 1))[seed]
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        network = MobileNetV2(len(photographs.SHIPPED), width_mult=0.35)
    images, labels = transfer.for_network(pictures.images[drawn], SIZE), pictures.labels[drawn]
    transfer.fine_tune(network, images, labels, epochs=max(1, SEEN // len(labels)), seed=seed, **SCRATCH)
    return training.accuracy(network, transfer.for_network(pictures.test_images, SIZE), pictures.test_labels, 4)


def _tuned(pictures: Pictures, network: MobileNetV2, way: str, seed: int = 0) -> float:
    """Train all of the network further, on a few pieces of each photograph, in one of the ways; return percent."""
    drawn = list(transfer.few(pictures.labels, EACH, seed + 1))[seed]
    new = transfer.with_new_head(network, len(photographs.SHIPPED), seed)
    images, labels = transfer.for_network(pictures.images[drawn], SIZE), pictures.labels[drawn]
    transfer.fine_tune(new, images, labels, seed=seed, **TUNINGS[way])
    return training.accuracy(new, transfer.for_network(pictures.test_images, SIZE), pictures.test_labels, 4)


# Making the file


def main(arguments: list[str] | None = None) -> None:
    """Do all experiments and write the file.

    Parameters
    ----------
    arguments : list of str, optional
        Of the command line; ``--help`` lists them.

    Examples
    --------
    >>> main(["--photographs"])
    Traceback (most recent call last):
        ...
    SystemExit: 2
    """
    chosen = told("transfer_results", "Transfer to three tasks.", arguments)
    network = from_torchvision(weights="IMAGENET1K_V1").eval()
    found: dict[str, Any] = {"few": {}}
    for name in TASKS:
        found["few"][name], answers = _few_pictures(task(name), network)
        print(name, flush=True)
        if name == "pieces":
            found["answers"] = _kept(answers)
            found["shown"] = _shown(task(name))
    pieces = task("pieces")
    found["tuned"] = {way: [_noted(_tuned(pieces, network, way, seed)) for seed in SEEDS] for way in TUNINGS}
    found["scratch"] = {str(n): [_noted(_from_scratch(pieces, n, seed)) for seed in SEEDS] for n in (EACH, COUNTS[-1])}
    found["about"] = {
        "command": "make experiments",
        "machine": f"{platform.system()} {platform.machine()}, one thread",
        "size": SIZE,
        "draws": DRAWS,
        "photographs": list(photographs.SHIPPED),
        "tests": {name: len(task(name).test_labels) for name in TASKS},
        "versions": {name: version(name).split("+")[0] for name in PACKAGES},
    }
    (chosen.out / FILE).write_text(_written(found), encoding="utf-8")


PACKAGES = ("numpy", "pillow", "scikit-image", "scikit-learn", "torch")


def _noted(percent: float) -> float:
    print(f"{percent:.1f} %", flush=True)
    return round(percent, 1)


def _kept(answers: dict[str, dict[str, Tensor]]) -> dict[str, dict[str, list[int]]]:
    """Keep what was said of the first test piece of each photograph."""
    return {what: {n: said[::EACH_TEST].tolist() for n, said in by_count.items()} for what, by_count in answers.items()}


def _shown(pictures: Pictures) -> dict[str, str]:
    """Return the first test piece of each photograph, small, in sixteen greys, two to a byte."""
    small = functional.interpolate(pictures.test_images[::EACH_TEST], size=(SHOWN, SHOWN), mode="area")
    greys = (small.flatten(1) * (LEVELS - 1)).round().to(torch.uint8)
    pairs = LEVELS * greys[:, ::2] + greys[:, 1::2]
    written = (base64.b64encode(bytes(row.tolist())).decode() for row in pairs)
    return dict(zip(photographs.SHIPPED, written, strict=True))


def _written(found: dict[str, Any]) -> str:
    """Write the file with a line for each entry, so that two of them can be compared line by line."""
    parts = []
    for name, part in sorted(found.items()):
        lines = []
        for key, value in part.items():
            if name == "few":
                inner = ",\n".join(f"   {json.dumps(what)}: {json.dumps(row)}" for what, row in value.items())
                lines.append(f"  {json.dumps(key)}: {{\n{inner}\n  }}")
            else:
                lines.append(f"  {json.dumps(key)}: {json.dumps(value)}")
        parts.append(f" {json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    sys.exit(main())
