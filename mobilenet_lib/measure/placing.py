"""Layers under the roof: how long each takes in both memory formats, beside the least that the machine allows.

Chapters and readers use these through :mod:`mobilenet_lib.measure`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

import torch

from .._validation import instance, instances, one_of, positive_int, positive_number
from ..cost import Layer
from .roof import Roofline, intensity
from .threads import one_thread
from .timing import MEMORY_FORMATS, Latency, _laid_out, build, latencies


class Timed(NamedTuple):
    """A convolution, and how long it takes in each memory format.

    Attributes
    ----------
    layer : Layer
        The row of a cost table that was built and run.
    contiguous, channels_last : Latency
        With all pixels of a channel side by side; with all channels of a pixel side by side.
    """

    layer: Layer
    contiguous: Latency
    channels_last: Latency

    @property
    def best(self) -> Latency:
        """The faster of the two."""
        return min(self.contiguous, self.channels_last, key=lambda took: took.median)

    def rate(self, took: Latency) -> float:
        """MACs a second."""
        return took.batch * self.layer.macs / (took.median / 1000)


def time_layers(layers: Sequence[Layer], *, threads: int = 1, seconds: float = 0.1) -> list[Timed]:
    """Run the convolution of each row of a cost table in both memory formats, and say how long it takes.

    Parameters
    ----------
    layers : sequence of Layer
        Rows of a cost table. Each is run alone, on one image, without BatchNorm and activation.
    threads : int, default=1
        As in :func:`latency`.
    seconds : float, default=0.1
        How long to measure each of them in each format.

    Returns
    -------
    list of Timed
        In the order of the layers.

    Raises
    ------
    TypeError, ValueError
        If layers holds something else, or as :func:`latency`.

    Examples
    --------
    >>> from mobilenet_lib import cost
    >>> [timed] = time_layers(cost.mobilenet_v2_layers()[-3:-2], seconds=0.02)
    >>> timed.layer.name, timed.best.median > 0
    ('blocks.16.conv2', True)
    """
    layers = instances("layers", layers, Layer, "cost.mobilenet_v2_layers()")
    (threads,) = positive_int(threads=threads)
    (seconds,) = positive_number(seconds=seconds)
    # Networks repeat their layers: what differs in its name alone is measured once.
    key = {layer: str(layer._replace(name="", role="")) for layer in layers}
    cases = {key[layer]: (build(layer), (1, layer.in_channels, *layer.in_size)) for layer in layers}
    took = [latencies(cases, threads=threads, memory_format=each, seconds=seconds) for each in MEMORY_FORMATS]
    return [Timed(layer, *(each[key[layer]] for each in took)) for layer in layers]


def times(timed: Sequence[Timed]) -> list[dict[str, object]]:
    """Return a row for each layer: its MACs, and its times with their spread.

    Parameters
    ----------
    timed : sequence of Timed
        What :func:`time_layers` found.

    Returns
    -------
    list of dict
        Rows of a table; times in milliseconds.

    Raises
    ------
    TypeError
        If timed holds something else.
    """
    timed = instances("timed", timed, Timed, "measure.time_layers(...)")
    return [
        {
            "layer": each.layer.name,
            "MACs": each.layer.macs,
            **{f"{took.memory_format}, ms": took.median for took in each[1:]},
            "larger IQR, ms": max(took.iqr for took in each[1:]),
            "G MACs a second, at best": each.rate(each.best) / 1e9,
        }
        for each in timed
    ]


def kernel_steps(layer: Layer, *, memory_format: str = "contiguous") -> list[dict[str, object]]:
    """Run a layer once, on one thread, and return what oneDNN logs: PyTorch's convolutions on many processors.

    Parameters
    ----------
    layer : Layer
        A row of a cost table.
    memory_format : {"contiguous", "channels_last"}, default="contiguous"
        Of the layer's input and weights.

    Returns
    -------
    list of dict
        One row for each step: what it does ("reorder" writes the numbers in another order), with which kernel, and its
        milliseconds. None where PyTorch runs this layer with something else.

    Raises
    ------
    TypeError, ValueError
        If layer is not a row of a cost table, or memory_format is neither of the two.

    Examples
    --------
    >>> from mobilenet_lib import cost
    >>> steps = kernel_steps(cost.mobilenet_v1_layers()[5])
    >>> all(set(step) == {"step", "kernel", "ms"} for step in steps)
    True
    """
    instance("layer", layer, Layer, "cost.mobilenet_v2_layers() returns such")
    one_of("memory_format", memory_format, MEMORY_FORMATS)
    if not torch.backends.mkldnn.is_available():
        return []
    module, x = _laid_out(build(layer), torch.ones(1, layer.in_channels, *layer.in_size), memory_format)
    with one_thread(), torch.inference_mode(), tempfile.TemporaryFile() as log:
        for _ in range(3):
            module(x)
        sys.stdout.flush()
        stdout = os.dup(1)  # the log is C's, and knows nothing of sys.stdout
        try:
            os.dup2(log.fileno(), 1)
            with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON):
                module(x)
        finally:
            os.dup2(stdout, 1)
            os.close(stdout)
        log.seek(0)
        lines = [line.split(",") for line in log.read().decode().splitlines() if ",exec," in line]
    after = [(line, line.index("exec")) for line in lines]
    return [{"step": line[at + 2], "kernel": line[at + 3], "ms": float(line[-1])} for line, at in after]


def placed(timed: Sequence[Timed], roof: Roofline) -> list[dict[str, object]]:
    """Return a row for each layer: its intensity, the least time that the roof allows, and the times it took.

    Parameters
    ----------
    timed : sequence of Timed
        What :func:`time_layers` found.
    roof : mobilenet_lib.measure.roof.Roofline
        The limits of the machine.

    Returns
    -------
    list of dict
        Rows of a table. The least time is that of numbers which lie in a cache.

    Raises
    ------
    TypeError
        If timed holds something else, or roof is not a Roofline.
    """
    timed = instances("timed", timed, Timed, "measure.time_layers(...)")
    instance("roof", roof, Roofline, "measure.roofline() gives one")
    return [
        {
            "layer": each.layer.name,
            "MACs per byte": intensity(each.layer),
            "least, ms": roof.ms(each.layer, cached=True),
            "contiguous, ms": each.contiguous.median,
            "channels_last, ms": each.channels_last.median,
            "best / least": each.best.median / roof.ms(each.layer, cached=True),
        }
        for each in timed
    ]


def points(timed: Sequence[Timed]) -> dict[str, tuple[float, float, str]]:
    """Return where the layers stand on a roofline, in both memory formats: what ``figures.roofline`` draws.

    Parameters
    ----------
    timed : sequence of Timed
        What :func:`time_layers` found.

    Returns
    -------
    dict of str to (float, float, str)
        By layer and format: MACs per byte, MACs a second, and the role.

    Raises
    ------
    TypeError
        If timed holds something else.
    """
    timed = instances("timed", timed, Timed, "measure.time_layers(...)")
    return {
        f"{each.layer.name}, {took.memory_format}": (intensity(each.layer), each.rate(took), each.layer.role)
        for each in timed
        for took in each[1:]
    }


def factors(fast: Timed, slow: Timed, roof: Roofline) -> dict[str, float]:
    """Take the distance between two layers' speeds apart: what the roof explains, what the format, and what neither.

    Parameters
    ----------
    fast, slow : Timed
        Two layers. Speeds are MACs a second: the first one's in its better format, the second one's when contiguous.
    roof : mobilenet_lib.measure.roof.Roofline
        The limits of the machine.

    Returns
    -------
    dict of str to float
        "bytes": how much lower the roof stands over the slow layer, because it has less to compute for each byte.
        "memory format": how much faster the slow layer is in its better format, with the same bytes and the same MACs.
        "the rest": how much nearer the fast layer comes to its roof than the slow one does to its own. The product of
        the three is the distance.

    Raises
    ------
    TypeError
        If fast or slow is not a Timed, or roof is not a Roofline.
    """
    instance("fast", fast, Timed, "measure.time_layers(...) gives several")
    instance("slow", slow, Timed, "measure.time_layers(...) gives several")
    instance("roof", roof, Roofline, "measure.roofline() gives one")
    apart = fast.rate(fast.best) / slow.rate(slow.contiguous)
    bytes_ = roof.ceiling(intensity(fast.layer), cached=True) / roof.ceiling(intensity(slow.layer), cached=True)
    order = slow.contiguous.median / slow.best.median
    return {"bytes": bytes_, "memory format": order, "the rest": apart / bytes_ / order}


def by_kind(timed: Sequence[Timed], roof: Roofline) -> list[dict[str, object]]:
    """Return a row for each kind of layer: its shares of the MACs, of the least time and of the times measured.

    Parameters
    ----------
    timed : sequence of Timed
        What :func:`time_layers` found for the layers of a network.
    roof : mobilenet_lib.measure.roof.Roofline
        The limits of the machine.

    Returns
    -------
    list of dict
        Rows of a table, in percent, in the order in which the kinds first appear. The least time is that of numbers
        which come from memory.

    Raises
    ------
    TypeError
        If timed holds something else, or roof is not a Roofline.
    """
    timed = instances("timed", timed, Timed, "measure.time_layers(...)")
    instance("roof", roof, Roofline, "measure.roofline() gives one")
    columns = {
        "MACs, %": lambda each: each.layer.macs,
        "least time, %": lambda each: roof.ms(each.layer),
        "contiguous, %": lambda each: each.contiguous.median,
        "channels_last, %": lambda each: each.channels_last.median,
    }
    rows = []
    for kind in dict.fromkeys(each.layer.role for each in timed):
        own = [each for each in timed if each.layer.role == kind]
        shares = {name: 100 * sum(map(of, own)) / sum(map(of, timed)) for name, of in columns.items()}
        rows.append({"kind": kind, "layers": len(own), **shares})
    return rows
