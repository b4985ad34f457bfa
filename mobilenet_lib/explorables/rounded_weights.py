"""Weights in few bits as an explorable: where each one lands, and what becomes of the network's accuracy."""

from __future__ import annotations

import base64
import json
import math
from collections import Counter
from functools import cache
from typing import NamedTuple

import numpy as np
import traitlets

from .kit import Choice, Explorable, Steps, paint, picture, tag
from .runtime import DATA

FILE = DATA / "rounded_weights.json"
PARTS = {"depthwise": "depthwise", "projection": "conv2"}  # how the blocks of the network call them
BLOCKS = [1, 4, 7, 10]
BITS = range(2, 9)
SCALES = {"tensor": "one scale for the tensor", "channel": "a scale for each channel"}
FINE = 2**15 - 1  # the file has each weight as a share of the largest of its tensor, in so many steps


class Channel(NamedTuple):
    """What rounding does to the weights of one output channel.

    Examples
    --------
    >>> RoundedWeights(bits=2).channels()[-1].used
    1
    """

    channel: int
    largest: float
    step: float
    integers: list[int]
    error: float

    @property
    def used(self) -> int:
        """How many different integers the weights have become."""
        return len(set(self.integers))


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

    def channels(self) -> list[Channel]:
        """Return the channels, from the widest to the quietest."""
        weights = self.weights()
        widest = np.abs(weights).max(axis=1)
        steps = (widest if self.scales == "channel" else np.full_like(widest, widest.max())) / self.top
        integers = np.sign(weights) * np.floor(np.abs(weights) / steps[:, None] + 0.5)
        errors = np.linalg.norm(weights - integers * steps[:, None], axis=1) / np.linalg.norm(weights, axis=1)
        rows = zip(widest, steps, integers, errors, strict=True)
        found = [
            Channel(i, float(largest), float(step), own.astype(int).tolist(), float(error))
            for i, (largest, step, own, error) in enumerate(rows)
        ]
        return sorted(found, key=lambda each: (-each.largest, each.channel))

    @property
    def top(self) -> int:
        """The largest integer. One is left out below, so that zero is in the middle."""
        return 2 ** (self.bits - 1) - 1

    def error(self) -> float:
        """Return how far the layer is off, as a share of the norm of its weights."""
        weights = self.weights()
        rounded = np.empty_like(weights)
        for each in self.channels():
            rounded[each.channel] = np.array(each.integers) * each.step
        return float(np.linalg.norm(weights - rounded) / np.linalg.norm(weights))

    def accuracy(self) -> float:
        """Return the measured accuracy of the network, in percent, with all its layers rounded like this one."""
        return self.experiment["accuracy"][self.scales][str(self.bits)]

    def static_svg(self) -> str:
        """Draw twelve channels: their weights as ticks above a line, and below it a bar at each integer in use."""
        channels, weights = self.channels(), self.weights()
        count = min(SHOWN, len(channels))
        # Halves go up, here and in JavaScript.
        chosen = [channels[math.floor(i * (len(channels) - 1) / (count - 1) + 0.5)] for i in range(count)]
        integers, widest = 2 * self.top + 1, channels[0].largest
        lines = (
            f"{self.bits} bits, {SCALES[self.scales]}: the layer is off by {percent(self.error())}.",
            f"With all layers rounded, {self.accuracy():.1f} % of the digits are read right; without rounding, "
            f"{self.experiment['unrounded']:.1f} %.",
        )

        def x(weight: float) -> float:
            return (LEFT + RIGHT) / 2 + weight / widest * (RIGHT - LEFT) / 2

        parts = [
            tag("text", f"Block {self.block}, {self.kind}", x=16, y=20, font_weight="bold"),
            tag("text", "weights above, integers below", x=x(0), y=20, text_anchor="middle"),
            tag("text", f"of {integers} integers", x=604, y=20, text_anchor="end"),
            tag("path", d=f"M{x(0):g} 30V{TOP + ROW * (count - 1) + 16}", stroke="currentColor", stroke_opacity=0.25),
        ]
        for i, each in enumerate(chosen):
            y = TOP + ROW * i
            ticks = "".join(f"M{x(weight):.1f} {y - 2}v-9" for weight in weights[each.channel])
            bars = "".join(
                f"M{x(integer * each.step):.1f} {y + 1}v{max(2.5, 13 * number / len(each.integers)):.1f}"
                for integer, number in sorted(Counter(each.integers).items())
            )
            width = max(1.5, min(5, 0.6 * (x(chosen[-1].step) - x(0))))
            parts += [
                tag("text", f"channel {each.channel}", x=16, y=y + 4),
                tag("path", d=f"M{LEFT} {y}H{RIGHT}", stroke="currentColor", stroke_opacity=0.4),
                tag("path", d=ticks, stroke="currentColor", stroke_width=1.25),
                tag("path", d=bars, stroke=paint(self.kind), stroke_width=width),
                tag("text", f"{each.used} in use", x=604, y=y + 4, text_anchor="end"),
            ]
        bottom = TOP + ROW * count
        parts += [
            tag("text", f"{value:.3g}".replace("-", "−"), x=x(value), y=bottom + 10, text_anchor="middle")
            for value in (-widest, 0.0, widest)
        ]
        parts += [tag("text", line, x=16, y=bottom + 36 + 18 * i) for i, line in enumerate(lines)]
        description = (
            f"{count} of {len(channels)} channels of the {self.kind} layer in block {self.block}, from the widest to "
            f"the quietest. They use {', '.join(str(each.used) for each in chosen)} of {integers} integers. "
            + " ".join(lines)
        )
        return picture(f"Weights in few bits: {lines[0]}", description, 620, bottom + 66, parts)


# The static picture, in pixels. It shows what rounded_weights.js draws, at a fixed size.
SHOWN = 12
LEFT, RIGHT, TOP, ROW = 100, 540, 48, 31


def percent(share: float) -> str:
    r"""Write a share; the twin of `percent` in rounded_weights.js.

    Examples
    --------
    >>> percent(0.0123), percent(0.4)
    ('1.2\xa0%', '40\xa0%')
    """
    return f"{100 * share:.{1 if share < 0.0995 else 0}f}\N{NO-BREAK SPACE}%"


@cache
def _experiment() -> dict:
    return json.loads(FILE.read_text(encoding="utf-8"))
