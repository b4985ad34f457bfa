"""Weights in few bits as an explorable: where each one lands, and what becomes of the network's accuracy."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import NamedTuple

import numpy as np
import traitlets

from .kit import Choice, Explorable, Steps
from .runtime import DATA

FILE = DATA / "rounded_weights.json"
PARTS = {"depthwise": "depthwise", "projection": "conv2"}  # how the blocks of the network call them
BLOCKS = [1, 4, 7, 10]
BITS = range(2, 9)
SCALES = {"tensor": "one scale for the tensor", "channel": "a scale for each channel"}
FINE = 2**15 - 1  # the file has each weight as a share of the largest of its tensor, in so many steps


class Channel(NamedTuple):
    """An output channel: its number, its largest weight, and how many different integers its weights become."""

    channel: int
    largest: float
    used: int


class RoundedWeights(Explorable):
    """A layer of the trained digit network in 2 to 8 bits: which integers each channel uses, and what is lost.

    Parameters
    ----------
    bits : int, 2 to 8, default=4
        Bits of a weight.
    block : {1, 4, 7, 10}, default=10
        Which of the network's blocks, counted from 0.
    scales : {"tensor", "channel"}, default="tensor"
        One scale for the whole tensor, or one for each output channel.
    kind : {"depthwise", "projection"}, default="depthwise"
        Which layer of the block.

    Raises
    ------
    traitlets.TraitError
        If a value is not one the slider has.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    The network is ``shipping.fold(training.trained("inverted"))``, and the rounding that of
    :func:`mobilenet_lib.topics.shipping.quantize`. The page carries the weights of eight layers in 16 bits each, and
    fourteen measured accuracies, for which all layers were rounded; ``python -m
    mobilenet_lib.explorables.export`` writes them. No MACs are counted.

    References
    ----------
    Jacob et al. 2018, arXiv:1712.05877, section 2.1; Sheng et al. 2018, arXiv:1803.08607, on depthwise layers.

    Examples
    --------
    >>> coarse, fine = RoundedWeights(), RoundedWeights(scales="channel")
    >>> coarse.channels()[-1].used < fine.channels()[-1].used
    True
    """

    bits = Steps(4, BITS[0], BITS[-1], 1, help="bits of a weight", ticks=BITS)
    block = Choice(10, BLOCKS, help="block of the network, counted from 0")
    scales = Choice("tensor", SCALES, help="what shares a scale")
    kind = Choice("depthwise", PARTS, help="layer of the block")
    experiment = traitlets.Dict(help="weights of some layers, accuracies").tag(sync=True)

    def __init__(self, **values: object):
        super().__init__(**{"experiment": _experiment(), **values})

    def weights(self) -> np.ndarray:
        """Return the layer's weights, a row for each output channel."""
        layer = self.experiment["layers"][self.kind][str(self.block)]
        shares = np.frombuffer(base64.b64decode(layer["weights"]), dtype="<i2")
        return layer["largest"] * shares.reshape(layer["channels"], -1) / FINE

    def steps(self) -> np.ndarray:
        """Return the weight that one integer step stands for, for each channel."""
        widest = np.abs(self.weights()).max(axis=1, keepdims=True)
        return (widest if self.scales == "channel" else np.full_like(widest, widest.max())) / (2 ** (self.bits - 1) - 1)

    def integers(self) -> np.ndarray:
        """Return the integers that the weights become; halves go away from zero."""
        weights = self.weights()
        return np.sign(weights) * np.floor(np.abs(weights) / self.steps() + 0.5)

    def channels(self) -> list[Channel]:
        """Return the channels, from the widest to the quietest."""
        widest = np.abs(self.weights()).max(axis=1)
        rows = enumerate(zip(widest, self.integers(), strict=True))
        found = [Channel(i, float(largest), len(np.unique(own))) for i, (largest, own) in rows]
        return sorted(found, key=lambda each: (-each.largest, each.channel))

    def error(self) -> float:
        """Return how far the layer is off, as a share of the norm of its weights."""
        weights = self.weights()
        return float(np.linalg.norm(weights - self.integers() * self.steps()) / np.linalg.norm(weights))

    def accuracy(self) -> float:
        """Return the measured accuracy of the network, in percent, with all its layers rounded like this one."""
        return self.experiment["accuracy"][self.scales][str(self.bits)]

    def numbers(self) -> list[dict[str, object]]:
        """Return the measured accuracy of the network for each number of bits, in percent."""
        accuracy = self.experiment["accuracy"]
        return [{"bits": bits, **{SCALES[name]: accuracy[name][str(bits)] for name in SCALES}} for bits in BITS]


@cache
def _experiment() -> dict:
    return json.loads(FILE.read_text(encoding="utf-8"))
