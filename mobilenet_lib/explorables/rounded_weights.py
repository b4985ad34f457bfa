"""The trained MobileNetV2's weights in few bits: where each one lands, and how often the network still agrees."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import traitlets

from .kit import Choice, Explorable, Steps
from .runtime import DATA

FILE, MEASURED = DATA / "rounded_weights.json", DATA / "trained.json"
LAYERS = {  # the first is the one that loses most
    "blocks.0.depthwise": "block 0, depthwise",
    "blocks.0.conv2": "block 0, projection",
    "blocks.1.depthwise": "block 1, depthwise",
    "blocks.1.conv2": "block 1, projection",
    "blocks.6.depthwise": "block 6, depthwise",
    "stem": "stem",
}
BITS = range(4, 9)
WAYS = {
    "tensor": "one scale for the tensor",
    "channel": "a scale for each channel",
    "equalized": "equalized, then one scale for the tensor",
}
CORRECTION = {"off": "off", "on": "on"}
FINE = 2**15 - 1  # the file has each weight as a share of the largest of its channel, in so many steps


class Channel(NamedTuple):
    """An output channel: its number, its largest weight, and how many different integers its weights become."""

    channel: int
    largest: float
    used: int


class RoundedWeights(Explorable):
    """A layer of the trained MobileNetV2 in 4 to 8 bits: which integers each channel uses, and what is lost.

    Parameters
    ----------
    bits : int, 4 to 8, default=6
        Bits of a weight.
    way : {"tensor", "channel", "equalized"}, default="tensor"
        One scale for the whole tensor, one for each output channel, or one for the tensor after the ranges of
        neighbouring layers were made equal.
    correction : {"off", "on"}, default="off"
        Whether the biases were corrected afterwards.
    layer : str, default="blocks.0.depthwise"
        Which layer, as in ``network.named_modules()``.

    Raises
    ------
    traitlets.TraitError
        If a value is not one the control has.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    The network is ``shipping.fold(pretrained.from_torchvision(weights="IMAGENET1K_V1"))``, the rounding that of
    :func:`mobilenet_lib.topics.shipping.quantize`, equalizing and correcting those of
    :mod:`mobilenet_lib.topics.few_bits`. The page carries the weights of six layers in 16 bits each, which
    ``python -m mobilenet_lib.explorables.export`` writes, and the measured agreements of
    :func:`mobilenet_lib.topics.trained.results`, for which all layers were rounded. No MACs are counted.

    References
    ----------
    Jacob et al. 2018, arXiv:1712.05877, section 2.1; Nagel et al. 2019, arXiv:1906.04721, sections 4.1 and 4.2.

    Examples
    --------
    >>> coarse, fine = RoundedWeights(), RoundedWeights(way="channel")
    >>> coarse.channels()[-1].used < fine.channels()[-1].used
    True
    """

    bits = Steps(6, BITS[0], BITS[-1], 1, help="bits of a weight", ticks=BITS)
    way = Choice("tensor", WAYS, help="what shares a scale, and whether ranges were made equal")
    correction = Choice("off", CORRECTION, help="whether biases were corrected")
    layer = Choice("blocks.0.depthwise", LAYERS, help="layer of the network")
    experiment = traitlets.Dict(help="weights of some layers, agreements").tag(sync=True)

    def __init__(self, **values: object):
        super().__init__(**{"experiment": _experiment(), **values})

    def weights(self) -> np.ndarray:
        """Return the layer's weights as they are rounded, a row for each output channel."""
        layer = self.experiment["layers"][self.layer]
        shares = np.frombuffer(base64.b64decode(layer["weights"]), dtype="<i2")
        weights = np.asarray(layer["largest"])[:, None] * shares.reshape(len(layer["largest"]), -1) / FINE
        if self.way != "equalized":
            return weights
        factors = np.asarray(layer["factors"] or [1.0])
        return weights * (factors[:, None] if layer["axis"] == 0 else factors)

    def steps(self) -> np.ndarray:
        """Return the weight that one integer step stands for, for each channel."""
        widest = np.abs(self.weights()).max(axis=1, keepdims=True)
        return (widest if self.way == "channel" else np.full_like(widest, widest.max())) / (2 ** (self.bits - 1) - 1)

    def integers(self) -> np.ndarray:
        """Return the integers that the weights become; halves go away from zero."""
        weights = self.weights()
        return np.sign(weights) * np.floor(np.abs(weights) / self.steps() + 0.5)

    def channels(self) -> list[Channel]:
        """Return the channels, from the widest to the quietest."""
        widest = np.abs(self.weights()).max(axis=1)
        rows = enumerate(zip(widest, self.integers(), strict=True))
        found = [Channel(i, float(largest), len(np.unique(np.abs(own) * np.sign(own)))) for i, (largest, own) in rows]
        return sorted(found, key=lambda each: (-each.largest, each.channel))

    def lost(self) -> int:
        """Return how many channels become zero altogether."""
        return int((self.integers() == 0).all(axis=1).sum())

    def error(self) -> float:
        """Return how far the layer is off, as a share of the norm of its weights."""
        weights = self.weights()
        return float(np.linalg.norm(weights - self.integers() * self.steps()) / np.linalg.norm(weights))

    def agreement(self) -> list[float]:
        """Return how often the network agrees with float32 when all its layers are rounded like this one.

        In percent of the pieces of photographs, with the ends of the 95 % interval.
        """
        return self.experiment["agreement"][self.way][self.correction][str(self.bits)]

    def numbers(self) -> list[dict[str, object]]:
        """Return the measured agreements for each number of bits, in percent, with and without correction."""
        agreement = self.experiment["agreement"]
        titles = {(way, each): f"{WAYS[way]}{', corrected' * (each == 'on')}" for each in CORRECTION for way in WAYS}
        return [
            {"bits": bits, **{title: agreement[way][each][str(bits)][0] for (way, each), title in titles.items()}}
            for bits in BITS
        ]


@cache
def _experiment() -> dict[str, Any]:
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    found = measured["bits"]["agreement"]
    key = {"off": "{} {}", "on": "{}, corrected {}"}
    return {
        "pieces": measured["about"]["pieces"],
        "photographs": len(measured["about"]["compared"]),
        "unrounded": found["equalized, not rounded"][0],
        "agreement": {
            way: {each: {str(bits): found[key[each].format(way, bits)] for bits in BITS} for each in CORRECTION}
            for way in WAYS
        },
        "layers": json.loads(FILE.read_text(encoding="utf-8")),
    }
