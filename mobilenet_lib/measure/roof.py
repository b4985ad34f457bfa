"""What limits a layer's speed, by arithmetic alone: MACs for each byte that moves, and the roof over them.

A layer reads its input and its weights and writes its output. Divide its MACs by those bytes and you have its
arithmetic intensity. A machine multiplies so fast and no faster (its peak), and moves so many bytes a second (its
bandwidth). The lower of the two limits is the roof, after Williams et al. 2009; they count operations, we count MACs.
"""

from __future__ import annotations

from dataclasses import dataclass

from .._validation import flag, instance, positive_int, positive_number
from ..cost import Layer

FLOAT = 4  # bytes of a float32


def traffic(layer: Layer, batch: int = 1, bytes_each: int = FLOAT) -> int:
    """Bytes that a layer has to move at least: input and weights once in, output once out.

    Parameters
    ----------
    layer : Layer
        A row of a cost table.
    batch : int, default=1
        Images at a time. Input and output grow with it, the weights do not.
    bytes_each : int, default=4
        Bytes of a number: 4 for float32, 1 for int8.

    Returns
    -------
    int
        Bytes. A real layer moves more: what does not fit into the caches is read again.

    Raises
    ------
    TypeError, ValueError
        If batch or bytes_each is not a positive integer.

    Examples
    --------
    >>> from mobilenet_lib import cost
    >>> depthwise, pointwise = cost.depthwise_separable_layers(512, 512, size=14)
    >>> traffic(depthwise), traffic(pointwise)
    (821248, 1851392)
    """
    instance("layer", layer, Layer, "cost.mobilenet_v2_layers() returns such")
    batch, bytes_each = positive_int(batch=batch, bytes_each=bytes_each)
    height, width = layer.in_size
    numbers = batch * (layer.in_channels * height * width + layer.activations) + layer.weights
    return bytes_each * (numbers + (layer.out_channels if layer.bias else 0))


def intensity(layer: Layer, batch: int = 1, bytes_each: int = FLOAT) -> float:
    """Arithmetic intensity of a layer: its MACs for each byte of :func:`traffic`.

    Parameters
    ----------
    layer : Layer
        A row of a cost table.
    batch : int, default=1
        Images at a time.
    bytes_each : int, default=4
        Bytes of a number.

    Returns
    -------
    float
        MACs per byte. A 3x3 depthwise layer at stride 1 never reaches 9/8 in float32: nine MACs for one number read
        and one written.

    Raises
    ------
    TypeError, ValueError
        As :func:`traffic`.

    References
    ----------
    Williams et al. 2009, "Roofline: an insightful visual performance model for multicore architectures"; there it is
    operations per byte, which is twice as much.

    Examples
    --------
    >>> from mobilenet_lib import cost
    >>> depthwise, pointwise = cost.depthwise_separable_layers(512, 512, size=14)
    >>> round(intensity(depthwise), 2), round(intensity(pointwise), 2)
    (1.1, 27.75)
    """
    batch, bytes_each = positive_int(batch=batch, bytes_each=bytes_each)
    instance("layer", layer, Layer, "cost.mobilenet_v2_layers() returns such")
    return batch * layer.macs / traffic(layer, batch, bytes_each)


@dataclass(frozen=True)
class Roofline:
    """The limits of a machine, and what they allow a layer.

    Parameters
    ----------
    peak : float
        MACs a second, of the fastest product or convolution.
    bandwidth : float
        Bytes a second, of arrays too large for the caches.
    threads : int, default=1
        On how many threads all of them were measured.
    cache : float, optional
        Bytes a second, of arrays that fit into a cache. Left out, the memory's bandwidth is the only slope.

    Raises
    ------
    TypeError, ValueError
        If a limit is not a finite number above 0, or threads is not a positive integer.

    References
    ----------
    Williams, Waterman and Patterson 2009, Communications of the ACM 52(4), figure 1.

    Examples
    --------
    >>> roof = Roofline(peak=100e9, bandwidth=20e9)
    >>> roof.ridge, roof.ceiling(1.0), roof.ceiling(50.0)
    (5.0, 20000000000.0, 100000000000.0)
    >>> roof
    Roofline(peak=100 GMAC/s, bandwidth=20 GB/s, ridge=5 MACs per byte, threads=1)
    >>> Roofline(peak=100e9, bandwidth=20e9, cache=80e9).ceiling(1.0, cached=True)
    80000000000.0
    """

    peak: float
    bandwidth: float
    threads: int = 1
    cache: float | None = None

    def __post_init__(self) -> None:
        limits = ["peak", "bandwidth", *(["cache"] if self.cache is not None else [])]
        checked = positive_number(**{name: getattr(self, name) for name in limits})
        for name, value in zip([*limits, "threads"], [*checked, *positive_int(threads=self.threads)], strict=True):
            object.__setattr__(self, name, value)  # the dataclass is frozen

    @property
    def ridge(self) -> float:
        """MACs per byte where the two limits meet: below it memory decides, above it arithmetic."""
        return self.peak / self.bandwidth

    def ceiling(self, intensity: float, cached: bool = False) -> float:
        """MACs a second that the machine allows at an arithmetic intensity, from memory or from a cache."""
        (cached,), (intensity,) = flag(cached=cached), positive_number(intensity=intensity)
        faster = max(self.bandwidth, self.cache or 0) if cached else self.bandwidth
        return min(self.peak, intensity * faster)

    def ms(self, layer: Layer, batch: int = 1, cached: bool = False) -> float:
        """Milliseconds that a layer takes at least, if its numbers come from memory, or from a cache."""
        ceiling = self.ceiling(intensity(layer, batch), cached)  # looks at the layer first
        return 1000 * batch * layer.macs / ceiling

    def __repr__(self) -> str:
        cache = f", cache={self.cache / 1e9:.3g} GB/s" if self.cache else ""
        return (
            f"Roofline(peak={self.peak / 1e9:.3g} GMAC/s, bandwidth={self.bandwidth / 1e9:.3g} GB/s{cache},\n"
            f"         ridge={self.ridge:.3g} MACs per byte, threads={self.threads})"
        )
