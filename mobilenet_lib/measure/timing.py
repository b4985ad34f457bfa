"""How long a module takes on this machine: latencies with their conditions, and the machine's own limits.

Chapters and readers use these through :mod:`mobilenet_lib.measure`.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .._validation import instance, mapping, one_of, positive_int, positive_number, several, shown
from ..cost import Layer, conv_layer
from .probe import check_numbers, copied, probing, quietly
from .roof import FLOAT, Roofline

if TYPE_CHECKING:
    from torch.utils.benchmark import Timer

MEMORY_FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
# What two measurements must share, or their ratio says something about the wrong thing.
CONDITIONS = ("batch", "threads", "memory_format", "device", "torch")
ROUNDS = 5
BLOCKS = 4  # that a round has of what is fast
# What a roof is measured with: convolutions that kernels are good at, and arrays for the memory and for the caches.
FAST = (
    conv_layer("3x3, 64 channels", "standard", 64, 64, size=56, kernel_size=3),
    conv_layer("3x3, 256 channels", "standard", 256, 256, size=28, kernel_size=3),
    conv_layer("1x1, 512 channels", "pointwise", 512, 512, size=14),
)
LARGE, SMALL = 16 * 2**20, (2**13, 2**14, 2**16)


@dataclass(frozen=True, repr=False)
class Latency:
    """How long one call takes, and under which conditions.

    Attributes
    ----------
    median, iqr : float
        Milliseconds of a call: the middle of all measurements, and the distance between their quartiles.
    runs : int
        How many calls were timed.
    batch, threads : int
        Images in a call; threads that computed.
    memory_format : str
        "contiguous" (all of a channel, then the next) or "channels_last" (all channels of a pixel, then the next).
    device, torch : str
        Where it ran, and the version of PyTorch.

    Examples
    --------
    >>> slow = Latency(12.0, 0.2, 40, 1, 1, "contiguous", "cpu", "2.9")
    >>> fast = Latency(8.0, 0.1, 60, 1, 1, "contiguous", "cpu", "2.9")
    >>> fast.speedup_over(slow)
    1.5
    >>> fast
    Latency(8 ms, IQR 0.1 ms, 60 runs;
            batch 1, 1 thread, contiguous, cpu, torch 2.9)
    """

    median: float
    iqr: float
    runs: int
    batch: int
    threads: int
    memory_format: str
    device: str
    torch: str

    def speedup_over(self, other: Latency, *, across: tuple[str, ...] | str = ()) -> float:
        """Return how many times faster this one is, if both were measured alike.

        Parameters
        ----------
        other : Latency
            What it is compared with.
        across : str or tuple of str, optional
            Conditions that may differ, because they are what the comparison is about: ``across="memory_format"``.

        Returns
        -------
        float
            other.median / self.median: above 1 where this one is faster.

        Raises
        ------
        TypeError
            If other is not a Latency.
        ValueError
            If a condition differs that `across` does not name, or `across` names something else.

        Examples
        --------
        >>> one = Latency(12.0, 0.2, 40, 1, 1, "contiguous", "cpu", "2.9")
        >>> Latency(8.0, 0.1, 60, 1, 1, "channels_last", "cpu", "2.9").speedup_over(one, across="memory_format")
        1.5
        >>> Latency(300.0, 0.1, 60, 32, 1, "contiguous", "cpu", "2.9").speedup_over(one)
        Traceback (most recent call last):
            ...
        ValueError: other must be measured under the same conditions, got batch 1 where this one has 32; measure \
both alike, or say across="batch" if that difference is the question
        """
        if not isinstance(other, Latency):
            raise TypeError(f"other must be a Latency, got {type(other).__name__}; measure.latency gives one")
        allowed = (across,) if isinstance(across, str) else several("across", across, "names of conditions", '"batch"')
        for name in allowed:
            if name not in CONDITIONS:
                raise ValueError(f"across must name conditions ({', '.join(CONDITIONS)}), got {name!r}")
        for name in CONDITIONS:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs and name not in allowed:
                raise ValueError(
                    f"other must be measured under the same conditions, got {name} {theirs} where this one has {mine}; "
                    f'measure both alike, or say across="{name}" if that difference is the question'
                )
        return other.median / self.median

    def __repr__(self) -> str:
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        where = f"batch {self.batch}, {threads}, {self.memory_format}, {self.device}, torch {self.torch}"
        # Two lines, of which the first has room for a name: JupyterLab breaks long ones inside their words.
        return f"Latency({self.median:.3g} ms, IQR {self.iqr:.2g} ms, {self.runs} runs;\n        {where})"


def latency(
    module: nn.Module | Callable[[Tensor], object],
    input_shape: tuple[int, ...],
    *,
    threads: int = 1,
    memory_format: str = "contiguous",
    seconds: float = 0.5,
) -> Latency:
    """Measure how long one call of a module takes, with ``torch.utils.benchmark``.

    Parameters
    ----------
    module : torch.nn.Module or callable
        What takes one tensor. A module is measured in eval mode, without gradients, and left as it was; its input has
        its dtype.
    input_shape : tuple of int
        Shape of the input, with the batch: (1, 3, 224, 224).
    threads : int, default=1
        With one, other programs disturb least, and results of two machines can be compared.
    memory_format : {"contiguous", "channels_last"}, default="contiguous"
        Order of the numbers in memory, of the input and of the weights.
    seconds : float, default=0.5
        How long to measure, warm-up not included. A slow module is called at least five times.

    Returns
    -------
    Latency
        Median and interquartile range in milliseconds, with their conditions.

    Raises
    ------
    TypeError
        If module cannot be called or is a class, or a number is not one.
    ValueError
        If input_shape is not a shape that the module takes, memory_format is neither of the two, or the module was made
        for another number of threads.

    Notes
    -----
    The first call is slower: memory is asked for the first time, kernels are chosen, caches are cold. It is not
    counted.

    Examples
    --------
    >>> took = latency(nn.Conv2d(8, 8, 1), (1, 8, 14, 14), seconds=0.05)
    >>> took.median > 0, took.batch, took.threads, took.memory_format
    (True, 1, 1, 'contiguous')
    """
    return latencies({"": (module, input_shape)}, threads=threads, memory_format=memory_format, seconds=seconds)[""]


def latencies(
    cases: Mapping[str, tuple[nn.Module | Callable[[Tensor], object], tuple[int, ...]]],
    *,
    threads: int = 1,
    memory_format: str = "contiguous",
    seconds: float = 0.5,
) -> dict[str, Latency]:
    """Measure several modules in turn, five times round, so that a disturbance does not hit one of them alone.

    Parameters
    ----------
    cases : mapping of str to (module, input_shape)
        What to measure, by name.
    threads : int, default=1
        As in :func:`latency`.
    memory_format : {"contiguous", "channels_last"}, default="contiguous"
        As in :func:`latency`.
    seconds : float, default=0.5
        How long to measure each of them.

    Returns
    -------
    dict of str to Latency
        In the order of the cases.

    Raises
    ------
    TypeError, ValueError
        As :func:`latency`.

    Examples
    --------
    >>> shape = (1, 8, 14, 14)
    >>> took = latencies({"narrow": (nn.Conv2d(8, 8, 1), shape), "wide": (nn.Conv2d(8, 64, 1), shape)}, seconds=0.05)
    >>> list(took)
    ['narrow', 'wide']
    """
    mapping("cases", cases, "{'V2': (MobileNetV2(), (1, 3, 224, 224))}")
    (threads,) = positive_int(threads=threads)
    (seconds,) = positive_number(seconds=seconds)
    one_of("memory_format", memory_format, MEMORY_FORMATS)
    with ExitStack() as stack:
        timers, inputs = {}, {}
        for name, case in cases.items():
            if not isinstance(case, tuple | list) or len(case) != 2:
                raise TypeError(f"cases[{name!r}] must be (module, input_shape), got {shown(case)}; write such a pair")
            module, input_shape = case
            _check_callable(module, threads)
            x = stack.enter_context(probing(module, input_shape, torch.randn))
            check_numbers(x)
            module, x = inputs[name] = _laid_out(module, x, memory_format)
            timers[name] = _timer("module(x)", {"module": module, "x": x}, threads)
        times, runs = _in_turn(timers, seconds)
    version = torch.__version__.split("+")[0]
    found = {}
    for name, (_, x) in inputs.items():
        low, middle, high = (1000 * each for each in statistics.quantiles(times[name], n=4, method="inclusive"))
        where = (len(x), threads, memory_format, _device_name(x.device), version)
        found[name] = Latency(middle, high - low, runs[name], *where)
    return found


def _in_turn(timers: Mapping[Any, Timer], seconds: float) -> tuple[dict[Any, list[float]], dict[Any, int]]:
    """Return the seconds of each timer's calls, and how many calls these were."""
    times: dict[Any, list[float]] = {name: [] for name in timers}
    runs = dict.fromkeys(timers, 0)
    share = seconds / ROUNDS
    with torch.inference_mode():
        # Both ways of a timer begin with calls that are not counted: they are the warm-up.
        calls = {name: math.ceil(share / BLOCKS / timer.timeit(1).median) for name, timer in timers.items()}
        for _ in range(ROUNDS):
            for name, timer in timers.items():
                # To find out how many calls are long enough for the clock, a timer tries one, ten, a hundred. In each
                # round again, that would take several times as long as to measure what is fast.
                if calls[name] <= BLOCKS:
                    found = [timer.blocked_autorange(min_run_time=share)]
                else:
                    found = [timer.timeit(calls[name]) for _ in range(BLOCKS)]
                times[name] += [each for one in found for each in one.times]
                runs[name] += sum(len(one.times) * one.number_per_run for one in found)
    return times, runs


def roofline(*, threads: int = 1, seconds: float = 0.5) -> Roofline:
    """Measure the limits of this machine: its fastest arithmetic, and the bandwidths of its memory and its cache.

    Parameters
    ----------
    threads : int, default=1
        How many threads compute.
    seconds : float, default=0.5
        How long to run each program.

    Returns
    -------
    Roofline
        The best of all runs, since limits are asked for: MACs a second and bytes a second.

    Raises
    ------
    TypeError, ValueError
        If threads is not a positive integer, or seconds is not a number above 0.

    Notes
    -----
    The peak is the better of a 1024 x 1024 float32 product and of convolutions in both memory formats: a library for
    convolutions may use instructions that the one for matrix products does not, and a roof below a measured layer
    would be none. The bandwidth is that of adding two arrays of 64 MB into a third one, which is there already: fresh
    memory would measure the system's page faults, see :func:`~mobilenet_lib.measure.page_faults`. That of the cache is
    the best of the same addition for small arrays. The programs run in turn, five times round.

    References
    ----------
    Williams et al. 2009; McCalpin's STREAM benchmark, whose "add" this is.

    Examples
    --------
    >>> roof = roofline(seconds=0.01)
    >>> roof.peak > 0, roof.bandwidth > 0, roof.threads
    (True, True, 1)
    """
    (threads,) = positive_int(threads=threads)
    (seconds,) = positive_number(seconds=seconds)
    n, timers, work = 1024, {}, {}
    timers["product"] = _timer("torch.mm(a, b, out=c)", {"torch": torch, **_ones("abc", n, n)}, threads)
    work["product"] = n**3
    for layer, memory_format in itertools.product(FAST, MEMORY_FORMATS):
        x = torch.ones(1, layer.in_channels, *layer.in_size)
        module, x = _laid_out(build(layer), x, memory_format)
        name = f"{layer.name}, {memory_format}"
        timers[name], work[name] = _timer("module(x)", {"module": module, "x": x}, threads), layer.macs
    for numbers in (LARGE, *SMALL):
        timers[numbers] = _timer("torch.add(a, b, out=c)", {"torch": torch, **_ones("abc", numbers)}, threads)
        work[numbers] = 3 * FLOAT * numbers
    times, _ = _in_turn(timers, seconds)
    rate = {name: work[name] / min(took) for name, took in times.items()}
    peak = max(each for name, each in rate.items() if name not in (LARGE, *SMALL))
    return Roofline(peak, rate[LARGE], threads, cache=max(rate[numbers] for numbers in (LARGE, *SMALL)))


def _ones(names: str, *size: int) -> dict[str, Tensor]:
    return {name: torch.ones(size) for name in names}


def build(layer: Layer) -> nn.Conv2d:
    """Build the convolution that a row of a cost table describes, without BatchNorm and activation.

    Parameters
    ----------
    layer : Layer
        A row of a cost table. A classifier becomes the 1x1 convolution that it is.

    Returns
    -------
    torch.nn.Conv2d
        With random weights, for an input of ``layer.in_channels`` maps of ``layer.in_size``; torch's generator is left
        as it was.

    Examples
    --------
    >>> from mobilenet_lib import cost
    >>> build(cost.mobilenet_v1_layers()[1])
    Conv2d(32, 32, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), groups=32, bias=False)
    """
    instance("layer", layer, Layer, "cost.mobilenet_v2_layers() returns such")
    padding = layer.dilation * (layer.kernel_size - 1) // 2
    ends = (layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, padding, layer.dilation)
    with torch.random.fork_rng(devices=[]):
        return nn.Conv2d(*ends, groups=layer.groups, bias=layer.bias)


def _timer(statement: str, names: dict, threads: int) -> Timer:
    return quietly("torch.utils.benchmark").Timer(statement, globals=names, num_threads=threads)


def _check_callable(module: object, threads: int) -> None:
    if isinstance(module, type) or not callable(module):
        hint = "call the class to build one" if isinstance(module, type) else "pass what takes a tensor"
        raise TypeError(f"module must be a torch.nn.Module or another callable, got {module!r}; {hint}")
    own = getattr(module, "threads", threads)
    if own != threads:
        raise ValueError(f"threads must be {own}, for which the module was made, got {threads}; make it anew")


def _laid_out(module: nn.Module | Callable, x: Tensor, memory_format: str) -> tuple[nn.Module | Callable, Tensor]:
    """Return module and input in a memory format; the module itself where it is so already, else a copy.

    Raises
    ------
    ValueError
        If the input has not four dimensions, and channels_last is asked for.
    """
    wanted = MEMORY_FORMATS[memory_format]
    if x.dim() == 4:
        x = x.contiguous(memory_format=wanted)
    elif memory_format == "channels_last":
        raise ValueError(f"input_shape must have 4 dimensions for channels_last, got {tuple(x.shape)}")
    if isinstance(module, nn.Module):
        weights = [weight for weight in module.parameters() if weight.dim() == 4]
        if not all(weight.is_contiguous(memory_format=wanted) for weight in weights):
            module = copied(module).to(memory_format=wanted)
    return module, x


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
