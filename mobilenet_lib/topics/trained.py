"""The experiments on the real network, MobileNetV2 with torchvision's ImageNet weights, and what came out.

``python -m mobilenet_lib.topics.trained`` does all of them and writes ``data/trained.json``, which :func:`results`
reads, and two files of arrays beside it. ``make experiments`` calls it.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor, nn

from ..measure.probe import evaluating
from ..models import MobileNetV2
from . import anatomy, few_bits, lite0, photographs, shipping, surgery
from ._command import told
from .compare import Answer, Crops, Estimate, agreement, crops, difference, first_classes, scores
from .preparing import WAYS, cropped, prepared
from .pretrained import from_torchvision

FILE, ANSWERS, FILTERS = "trained.json", "imagenet_answers.npz", "imagenet_filters.npz"
EACH, SEED = 20, 0  # pieces of each photograph, and what decides them
MEASURED_ON = 4, 11  # the same, for the pictures on which contributions and means are measured
BITS = (8, 7, 6, 5, 4)


class _Pictures(NamedTuple):
    """What the experiments look at.

    Attributes
    ----------
    whole : Tensor, shape (P, 3, 224, 224)
        The photographs, prepared as torchvision's weights want them.
    pieces : Tensor, shape (N, 3, 224, 224)
        Pieces of them, on which two networks are compared.
    groups : list of int
        From which photograph each piece comes.
    others : Tensor, shape (M, 3, 224, 224)
        Other pieces, for what is measured before a network is changed.
    cut : Crops
        The pieces as they were cut.

    Examples
    --------
    >>> _Pictures._fields
    ('whole', 'pieces', 'groups', 'others', 'cut')
    """

    whole: Tensor
    pieces: Tensor
    groups: list[int]
    others: Tensor
    cut: Crops


def _pictures(gallery: Mapping[str, Image], compared: Mapping[str, Image], each: int = EACH) -> _Pictures:
    """Prepare what all experiments share.

    Parameters
    ----------
    gallery : mapping of str to PIL.Image.Image
        Photographs that are looked at whole, by name.
    compared : mapping of str to PIL.Image.Image
        Photographs to cut pieces out of.
    each : int, default=20
        Pieces of each.

    Returns
    -------
    _Pictures
        The same every time.

    Raises
    ------
    TypeError, ValueError
        If each is not a positive integer, or there is no photograph.

    Examples
    --------
    >>> from PIL import Image
    >>> grey = {"grey": Image.new("RGB", (300, 200), "grey")}
    >>> _pictures(grey, grey, each=2).pieces.shape
    torch.Size([2, 3, 224, 224])
    """
    cut = crops(compared, each, SEED)
    others = crops(compared, *MEASURED_ON).pictures
    return _Pictures(prepared(gallery.values()), prepared(cut.pictures), cut.groups, prepared(others), cut)


def to_compare() -> dict[str, Image]:
    """Return the photographs whose pieces are compared: twelve, each with a thing in it that fills most pieces.

    Returns
    -------
    dict of str to PIL.Image.Image
        By name: eight of :mod:`mobilenet_lib.topics.photographs` and four more that scikit-image ships. Grass, gravel
        and bricks are left out: there is no class for them, so what comes first is a guess of some ten percent.

    Raises
    ------
    ImportError
        If a package that ships one of them is not installed.

    Examples
    --------
    >>> len(to_compare())
    12
    """
    shipped = photographs.pictures("coffee", "chelsea", "camera", "rocket", "astronaut", "china", "flower", "hopper")
    from skimage import data

    more = {"coins": data.coins(), "clock": data.clock(), "hubble": data.hubble_deep_field(), "retina": data.retina()}
    return shipped | {name: photographs.picture(array) for name, array in more.items()}


# What came out


@cache
def results() -> dict[str, Any]:
    """Return the committed results: what each experiment found, by name.

    Returns
    -------
    dict of str to object
        ``about`` says how the file was made; an agreement is a list of its mean and the ends of its interval, in
        percent. ``mobilenet_lib/data/README.md`` describes each part.

    Examples
    --------
    >>> results()["about"]["command"]
    'make experiments'
    """
    return json.loads(files("mobilenet_lib").joinpath("data", FILE).read_text(encoding="utf-8"))


def answers(photograph: str, change: str = "") -> list[Answer]:
    """Return the five first classes that a changed network gives to a photograph, from the committed results.

    Parameters
    ----------
    photograph : str
        One of ``results()["about"]["photographs"]``.
    change : str, optional
        A :attr:`~mobilenet_lib.topics.surgery.Change.key`; left out, the answers of the intact network.

    Returns
    -------
    list of Answer
        The most probable first.

    Raises
    ------
    ValueError
        If there is no such photograph or change.

    Examples
    --------
    >>> len(answers("chelsea")), answers("chelsea", "shortcut 4")[0] == answers("chelsea")[0]
    (5, False)
    """
    names, keys = results()["about"]["photographs"], ["", *results()["surgery"]]
    for what, name, known in (("photograph", photograph, names), ("change", change, keys)):
        if name not in known:
            near = ", ".join(map(repr, known[:8]))
            hint = "results() lists all"
            raise ValueError(f"{what} must be one of {near}{', ...' if len(known) > 8 else ''}, got {name!r}; {hint}")
    place = keys.index(change), names.index(photograph)
    stored = _arrays(ANSWERS)
    pairs = zip(stored["category"][place].tolist(), stored["percent"][place].tolist(), strict=True)
    return [Answer(category, hundredths / 100) for category, hundredths in pairs]


def at_six() -> dict[str, list[tuple[int, float]]]:
    """Return what share of the outputs each ReLU6 of both networks cuts off at 6, from the committed results.

    Returns
    -------
    dict of str to list of (int, float)
        For each network, the number of each ReLU6, counted from the image, and the percentage.

    Examples
    --------
    >>> {name: len(points) for name, points in at_six().items()}
    {'MobileNetV2': 35, 'EfficientNet-Lite0': 33}
    """
    parts = {"MobileNetV2": "clipped", "EfficientNet-Lite0": "clipped in Lite0"}
    return {name: [(i, row[4]) for i, row in enumerate(results()[part]["layers"])] for name, part in parts.items()}


def losses(*kinds: str) -> dict[str, dict[str, tuple[float, float, float]]]:
    """Return by how many percentage points each change of one block lowers the agreement with the intact network.

    Parameters
    ----------
    kinds : str
        Of ``surgery.KINDS``.

    Returns
    -------
    dict of str to dict
        For each block that all these changes exist for, and each kind, the mean and the ends of its interval. The
        intact network agrees with itself on all pieces.

    Raises
    ------
    ValueError
        If there is no such kind.

    Examples
    --------
    >>> list(losses("shortcut"))[:3]
    ['block 2', 'block 4', 'block 5']
    """
    for kind in kinds:
        if not isinstance(kind, str) or kind not in surgery.KINDS:
            raise ValueError(
                f"kinds must be of {', '.join(surgery.KINDS)}, got {kind!r}; each is a change of one block"
            )
    stored, found = results()["surgery"], {}
    for block in range(17):
        if all(f"{kind} {block}" in stored for kind in kinds):
            rows = {kind: stored[f"{kind} {block}"] for kind in kinds}
            found[f"block {block}"] = {
                kind: tuple(round(value - 100, 1) for value in row) for kind, row in rows.items()
            }
    return found


def filters(block: int) -> np.ndarray:
    """Return the trained network's depthwise filters of one block, from the committed results.

    Parameters
    ----------
    block : int
        From 0 to 16.

    Returns
    -------
    numpy.ndarray, shape (C, 3, 3)
        With BatchNorm's factor in them, in 127 steps either way of each one's largest weight.
        :func:`~mobilenet_lib.topics.anatomy.depthwise_filters` gives a network's own as they are.

    Raises
    ------
    ValueError
        If there is no such block.

    Examples
    --------
    >>> filters(0).shape, filters(16).shape
    ((32, 3, 3), (960, 3, 3))
    """
    stored = _arrays(FILTERS)
    if not isinstance(block, int) or f"steps{block}" not in stored:
        raise ValueError(f"block must be from 0 to {len(stored) // 2 - 1}, got {block!r}; they are counted from 0")
    return stored[f"steps{block}"].astype(np.float32) * stored[f"scale{block}"].astype(np.float32)[:, None, None]


@cache
def _arrays(name: str) -> dict[str, np.ndarray]:
    with np.load(str(files("mobilenet_lib").joinpath("data", name))) as stored:
        return dict(stored)


# The experiments


def _triple(found: Estimate) -> list[float]:
    return [round(value, 1) for value in found[:3]]


def _named(found: list[Answer]) -> list[list[float]]:
    return [[answer.category, round(answer.percent, 2)] for answer in found]


def _clipping(network: nn.Module, seen: Tensor, groups: list[int], reference: Tensor) -> dict[str, Any]:
    """Measure what each ReLU6 cuts, and what a ReLU in its place would change.

    Parameters
    ----------
    network : torch.nn.Module
        Trained.
    seen : Tensor, shape (N, 3, H, W)
        Pictures, prepared for this network.
    groups : list of int
        From which photograph each comes.
    reference : Tensor, shape (N, classes)
        What the network says to them.

    Returns
    -------
    dict of str to object
        ``layers`` (layer, channels, dead ones, percent at 0, percent at 6) and ``relu`` (agreement).

    Examples
    --------
    >>> network, seen = MobileNetV2(10, width_mult=0.35).eval(), torch.randn(4, 3, 32, 32)
    >>> _clipping(network, seen, [0, 0, 1, 1], scores(network, seen))["relu"]
    [100.0, 100.0, 100.0]
    """
    layers = [[*found[:3], round(found.zeros, 2), round(found.sixes, 4)] for found in anatomy.clipped(network, seen)]
    return {
        "layers": layers,
        "relu": _triple(agreement(reference, scores(surgery.with_relu(network), seen), groups)),
    }


def _operated(network: MobileNetV2, shown: _Pictures, reference: Tensor) -> tuple[dict[str, list[float]], np.ndarray]:
    """Try every change of the list.

    Parameters
    ----------
    network : MobileNetV2
        Trained.
    shown : _Pictures
        On which to compare.
    reference : Tensor, shape (N, classes)
        What the intact network says to the pieces.

    Returns
    -------
    agreements : dict of str to list of float
        By the change's key.
    answers : numpy.ndarray, shape (1 + changes, photographs, 5, 2)
        Category and percent of the five first classes of each photograph; the intact network comes first.

    Examples
    --------
    >>> len(surgery.changes(MobileNetV2()))
    133
    """
    agreements, found = {}, [first_classes(scores(network, shown.whole))]
    streams = _streams(network, shown.pieces)
    for change in surgery.changes(network):
        other = surgery.changed(network, change, shown.others)
        start = min(change.blocks, default=0)
        said = scores(_Rest(other, start), streams[start])
        agreements[change.key] = _triple(agreement(reference, said, shown.groups))
        found.append(first_classes(scores(other, shown.whole)))
    return agreements, np.asarray(found)


def _streams(network: MobileNetV2, images: Tensor) -> list[Tensor]:
    """Return what goes into each block: up to its first change, a changed network does what the intact one does."""
    kept = []
    with evaluating(network):
        for part in images.split(4):
            stream = [network.stem(part)]
            for block in network.blocks[:-1]:
                stream.append(block(stream[-1]))
            kept.append(stream)
    return [torch.cat(stream) for stream in zip(*kept, strict=True)]


class _Rest(nn.Module):
    """A network from one of its blocks on."""

    def __init__(self, network: MobileNetV2, start: int):
        super().__init__()
        self.blocks, self.head, self.pool = network.blocks[start:], network.head, network.pool
        self.classifier = network.classifier

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.pool(self.head(self.blocks(x))).flatten(1))


def _rounded(network: MobileNetV2, shown: _Pictures, reference: Tensor) -> dict[str, Any]:
    """Round the weights to few bits in each of six ways, and some layers alone.

    Parameters
    ----------
    network : MobileNetV2
        Trained and folded.
    shown : _Pictures
        On which to compare.
    reference : Tensor, shape (N, classes)
        What the network in float32 says to the pieces.

    Returns
    -------
    dict of str to object
        Agreements by way and bits, of layers alone, paired differences, and the ranges of the weights.

    Examples
    --------
    >>> BITS
    (8, 7, 6, 5, 4)
    """
    equal = few_bits.equalize(network)
    found, said = {}, {}

    def note(name: str, other: nn.Module) -> None:
        said[name] = scores(other, shown.pieces)
        found[name] = _triple(agreement(reference, said[name], shown.groups))

    note("ReLU, not rounded", surgery.with_relu(network))
    note("equalized, not rounded", equal)
    ways = {"tensor": (network, False), "channel": (network, True), "equalized": (equal, False)}
    for bits in BITS:
        for way, (before, per_channel) in ways.items():
            after = shipping.with_rounded_weights(before, bits, per_channel=per_channel)
            note(f"{way} {bits}", after)
            note(f"{way}, corrected {bits}", few_bits.with_corrected_biases(before, after, shown.others))
    first = anatomy.conv_of(anatomy.blocks_of(network)[0].depthwise)
    only = {
        "first depthwise layer": lambda layer: layer is first,
        "depthwise layers": lambda layer: getattr(layer, "groups", 1) > 1,
        "all but the depthwise layers": lambda layer: getattr(layer, "groups", 1) == 1,
        "all but the first depthwise layer": lambda layer: layer is not first,
    }
    for name, where in only.items():
        note(f"tensor 8, {name}", shipping.with_rounded_weights(network, where=where))
    pairs = [(f"{way} {bits}", f"tensor {bits}") for bits in BITS for way in ("channel", "equalized")]
    pairs += [(f"{way}, corrected {bits}", f"{way} {bits}") for bits in BITS for way in ways]
    gains = {f"{a} - {b}": _triple(difference(reference, said[a], said[b], shown.groups)) for a, b in pairs}
    own = first.weight.detach().abs().amax((1, 2, 3)).sort().values.tolist()
    widths = [
        [row.layer, row.channels, *(float(f"{v:.4g}") for v in row[2:5]), row.lost] for row in few_bits.ranges(network)
    ]
    return {
        "agreement": found,
        "difference": gains,
        "ranges": widths,
        "first depthwise layer": [float(f"{value:.4g}") for value in own],
    }


def _misprepared(network: nn.Module, gallery: Mapping[str, Image], shown: _Pictures, reference: Tensor) -> dict:
    """Prepare photographs and pieces in each wrong way.

    Parameters
    ----------
    network : torch.nn.Module
        Trained.
    gallery : mapping of str to PIL.Image.Image
        Photographs, by name.
    shown : _Pictures
        With the pieces.
    reference : Tensor, shape (N, classes)
        What the network says to the pieces as they should be.

    Returns
    -------
    dict of str to dict
        For each way its ``agreement``, and the first class and its percentage of each photograph.

    Examples
    --------
    >>> list(WAYS)[:2]
    ['as trained', 'not normalised']
    """
    found = {}
    for way in WAYS:
        wrong = scores(network, prepared(shown.cut.pictures, way))
        first = first_classes(scores(network, prepared(gallery.values(), way)), 1)
        found[way] = {
            "agreement": _triple(agreement(reference, wrong, shown.groups)),
            "first": {name: _named(one)[0] for name, one in zip(gallery, first, strict=True)},
        }
    return found


def _mapped(network: MobileNetV2, dense: MobileNetV2, images: Tensor) -> dict[str, Any]:
    """Compare the mean of each photograph's class activation map with the score; look at both densities.

    Parameters
    ----------
    network, dense : MobileNetV2
        With the same weights; the second with ``output_stride=16``.
    images : Tensor, shape (N, 3, H, W)
        Photographs, prepared.

    Returns
    -------
    dict of str to object
        ``error`` (the largest difference of a mean from its score), ``dense`` (the first class of each photograph at
        the higher density and its percentage).

    Examples
    --------
    >>> network = MobileNetV2(10, width_mult=0.35)
    >>> _mapped(network, network, torch.randn(2, 3, 64, 64))["error"] < 1e-5
    True
    """
    said, errors = scores(network, images), []
    for image, row in zip(images, said, strict=True):
        for answer in first_classes(row[None])[0]:
            seen = anatomy.class_activation_map(network, image, answer.category)
            errors.append(abs(seen.mean().item() - row[answer.category].item()))
    return {
        "error": float(f"{max(errors):.0e}"),
        "dense": [_named(one)[0] for one in first_classes(scores(dense, images), 1)],
    }


# Making the files


def _make(
    network: MobileNetV2,
    dense: MobileNetV2,
    lite: lite0.EfficientNetLite0,
    gallery: Mapping[str, Image],
    compared: Mapping[str, Image],
    out: Path,
) -> None:
    """Do all experiments and write the three files.

    Parameters
    ----------
    network, dense : MobileNetV2
        With torchvision's weights; the second with ``output_stride=16``.
    lite : EfficientNetLite0
        With its weights.
    gallery, compared : mapping of str to PIL.Image.Image
        Photographs to look at whole, and those to cut pieces out of, by name.
    out : Path
        Folder to write to.

    Examples
    --------
    >>> FILE
    'trained.json'
    """
    # The same network, without layers that the changes would have to look out for.
    plain = cast(MobileNetV2, shipping.fold(network))
    shown = _pictures(gallery, compared, EACH)
    said = scores(plain, shown.pieces)
    found: dict[str, Any] = {}

    def note(name: str, value: Any) -> None:
        found[name] = value
        print(name, flush=True)

    first = first_classes(scores(plain, shown.whole))
    note("answers", {name: _named(five) for name, five in zip(gallery, first, strict=True)})
    note("sure", round(100 * said.softmax(1).amax(1).mean().item(), 1))
    note("clipped", _clipping(plain, shown.pieces, shown.groups, said))
    seen = lite0.normalised(torch.stack([cropped(piece) for piece in shown.cut.pictures]))
    note("clipped in Lite0", _clipping(lite, seen, shown.groups, scores(lite, seen)))
    rows = [[*row[:3], *(round(share, 1) for share in row[3:])] for row in anatomy.kinds_of_filters(plain)]
    note("filters", rows)
    note("dimensions", [list(row) for row in anatomy.dimensions(plain, shown.pieces)])
    note("maps", _mapped(network, dense, shown.whole))
    agreements, changed = _operated(plain, shown, said)
    note("surgery", agreements)
    note("preparing", _misprepared(plain, gallery, shown, said))
    note("bits", _rounded(plain, shown, said))
    found["about"] = {
        "command": "make experiments",
        "machine": f"{platform.system()} {platform.machine()}, one thread",
        "photographs": list(gallery),
        "compared": list(compared),
        "pieces": len(shown.groups),
        "versions": {name: version(name).split("+")[0] for name in PACKAGES},
    }
    (out / FILE).write_text(_written(found), encoding="utf-8")
    hundredths = np.rint(100 * changed[..., 1]).astype(np.uint16)
    np.savez_compressed(out / ANSWERS, category=changed[..., 0].astype(np.uint16), percent=hundredths)
    stored: dict[str, Any] = _in_steps(anatomy.depthwise_filters(plain))
    np.savez_compressed(out / FILTERS, **stored)


def main(arguments: list[str] | None = None) -> None:
    """Do all experiments and write the files.

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
    chosen = told("trained", "Experiment on the trained network.", arguments)
    network, dense = (from_torchvision(weights="IMAGENET1K_V1", output_stride=stride) for stride in (32, 16))
    _make(network, dense, lite0.pretrained(), photographs.pictures(), to_compare(), chosen.out)


PACKAGES = ("numpy", "pillow", "scikit-image", "torch", "torchvision")


def _in_steps(blocks: list[Tensor]) -> dict[str, np.ndarray]:
    """Round each filter to 127 steps either way of its largest weight."""
    found = {}
    for i, weights in enumerate(blocks):
        scale = (weights.abs().amax((1, 2), keepdim=True) / 127).half().clamp(min=1e-7)
        found[f"steps{i}"] = (weights / scale.float()).round().clamp(-127, 127).to(torch.int8).numpy()
        found[f"scale{i}"] = scale[:, 0, 0].numpy()
    return found


def _written(found: Mapping[str, Any]) -> str:
    """Write the file with one line for each entry, so that two of them can be compared line by line."""
    parts = []
    for name, part in sorted(found.items()):
        if isinstance(part, dict):
            lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in part.items()]
            parts.append(f" {json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n }")
        else:
            parts.append(f" {json.dumps(name)}: {json.dumps(part)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    sys.exit(main())
