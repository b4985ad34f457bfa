"""The chapter's experiments: small networks that differ in one thing, trained with several seeds, and what follows.

``make experiments`` trains them all and writes ``data/experiments.json``, which :func:`results` reads, and the weights
that :func:`mobilenet_lib.topics.training.trained` loads.
"""

from __future__ import annotations

import json
import math
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from multiprocessing import get_context
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from .. import measure
from .._validation import flag, one_of, zero_or_more
from ..blocks import ConvDepthwiseConv, DepthwiseSeparableConv
from ..layers import ConvBNReLU
from . import datasets, training
from ._command import told
from .training import TWINS, SmallNet, expanding

# What differs from the reference


class ReLU6Bottleneck(ConvDepthwiseConv):
    """An inverted residual with a ReLU6 behind its projection, where the paper has none.

    Parameters
    ----------
    in_channels, mid_channels, out_channels : int
        As :class:`~mobilenet_lib.blocks.ConvDepthwiseConv`.
    stride : {1, 2}, default=1
        Step of the depthwise filter, in pixels.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, section 6.4 and figure 6a.

    Examples
    --------
    >>> block = ReLU6Bottleneck(8, 48, 12)
    >>> block(torch.randn(2, 8, 14, 14)).min().item() >= 0
    True
    """

    def __init__(self, in_channels: int, mid_channels: int, out_channels: int, stride: int = 1):
        super().__init__(in_channels, mid_channels, out_channels, stride=stride)
        self.conv2.append(nn.ReLU6(inplace=True))


class NoResidual(ConvDepthwiseConv):
    """An inverted residual without its shortcut.

    Parameters
    ----------
    in_channels, mid_channels, out_channels : int
        As :class:`~mobilenet_lib.blocks.ConvDepthwiseConv`.
    stride : {1, 2}, default=1
        Step of the depthwise filter, in pixels.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, section 6.4 and figure 6b.

    Examples
    --------
    >>> NoResidual(8, 48, 8).use_residual
    False
    """

    def __init__(self, in_channels: int, mid_channels: int, out_channels: int, stride: int = 1):
        super().__init__(in_channels, mid_channels, out_channels, stride=stride)
        self.use_residual = False


class ExpansionShortcutNet(SmallNet):
    """A network of inverted residuals whose shortcuts join the fat middles instead of the thin ends.

    The layers are those of :class:`~mobilenet_lib.topics.training.SmallNet`, with the same names. What a block's
    expansion wrote is added to what the next one's expansion writes, where the shapes agree.

    Parameters
    ----------
    block, channels, repeats, in_channels, num_classes
        As :class:`~mobilenet_lib.topics.training.SmallNet`; the blocks must be inverted residuals.

    Attributes
    ----------
    joins : list of bool
        For each block, whether the fat middle before it is added to its own.

    Raises
    ------
    TypeError, ValueError
        As :class:`~mobilenet_lib.topics.training.SmallNet`, or if the blocks are others.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, section 6.4 and figure 6b.

    Examples
    --------
    >>> network = ExpansionShortcutNet(expanding(6), channels=(8, 12), repeats=(2, 3))
    >>> network(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        block: Callable[..., nn.Module],
        channels: Iterable[int],
        repeats: Iterable[int] = (3, 4, 4),
        in_channels: int = 1,
        num_classes: int = 10,
    ):
        super().__init__(block, channels, repeats, in_channels, num_classes)
        middles = [_middle(part) for part in self.blocks]
        pairs = zip([(0, 0), *middles], middles, strict=False)
        self.joins = [fat == before and stride == 1 for (before, stride), (fat, _) in pairs]

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        before = x
        for i, block in enumerate(self.blocks):
            fat = block.conv1(x)  # pyright: ignore[reportCallIssue]
            if self.joins[i]:
                fat = before + fat
            x = block.conv2(block.depthwise(fat))  # pyright: ignore[reportCallIssue]
            before = fat
        return self.classifier(x.mean(dim=(2, 3)))


def _middle(block: nn.Module) -> tuple[int, int]:
    """Return the channels in the middle of an inverted residual, and its stride."""
    if not isinstance(block, ConvDepthwiseConv):
        raise TypeError(f"block must make inverted residuals, got {type(block).__name__}; expanding(6) makes them")
    filters = block.get_submodule("depthwise.0")
    assert isinstance(filters, nn.Conv2d)
    return filters.in_channels, filters.stride[0]


class Network(NamedTuple):
    """One of the networks that are compared.

    Attributes
    ----------
    label : str
        What it is, in a few words.
    block : callable
        ``block(in_channels, out_channels, stride=...)``.
    channels : tuple of int
        Of each stage.
    shape : type
        :class:`~mobilenet_lib.topics.training.SmallNet`, or one with other shortcuts.

    Examples
    --------
    >>> NETWORKS["t1"].label
    't = 1'
    """

    label: str
    block: Callable[..., nn.Module]
    channels: tuple[int, ...]
    shape: type[SmallNet] = SmallNet


THIN = TWINS["inverted"][1]
NETWORKS = {
    # Twins of equal cost.
    "standard": Network("standard convolution", *TWINS["standard"]),
    "separable": Network("depthwise separable", *TWINS["separable"]),
    "inverted": Network("inverted residual, t = 6", *TWINS["inverted"]),
    # The channels of the inverted residual's thin ends.
    "standard_thin": Network("standard, same channels", TWINS["standard"][0], THIN),
    "separable_thin": Network("separable, same channels", TWINS["separable"][0], THIN),
    # Without shortcuts.
    "standard_plain": Network("standard, no shortcut", ConvBNReLU, TWINS["standard"][1]),
    "separable_plain": Network("separable, no shortcut", DepthwiseSeparableConv, TWINS["separable"][1]),
    # The inverted residual, one thing changed.
    "relu6_bottleneck": Network("ReLU6 in the bottleneck", expanding(6, ReLU6Bottleneck), THIN),
    "no_residual": Network("no residual", expanding(6, NoResidual), THIN),
    "expansion_shortcut": Network("shortcut between expansions", expanding(6), THIN, ExpansionShortcutNet),
    "t1": Network("t = 1", expanding(1), THIN),
    "t2": Network("t = 2", expanding(2), THIN),
    "t4": Network("t = 4", expanding(4), THIN),
    "t8": Network("t = 8", expanding(8), THIN),
    # As thin as t = 1, and as costly as t = 6: more channels at the ends instead.
    "t1_wide": Network("t = 1, same cost", expanding(1), (21, 34, 42)),
}


class Task(NamedTuple):
    """What the networks are trained on, and how.

    Attributes
    ----------
    data : callable
        ``data(split)`` gives images and labels.
    classes : int
        How many there are.
    size : int
        Height and width of an image, in pixels.
    training : dict
        Arguments of :func:`~mobilenet_lib.topics.training.train`.

    Examples
    --------
    >>> TASKS["patches"].classes
    18
    """

    data: Callable[[str], tuple[Tensor, Tensor]]
    classes: int
    size: int
    training: dict[str, Any]


TASKS = {
    "digits": Task(datasets.digits, 10, 28, {"epochs": 3, "batch_size": 64, "max_lr": 0.02}),
    "patches": Task(datasets.patches, 18, 24, {"epochs": 5, "batch_size": 64, "max_lr": 0.02}),
    "tiny_digits": Task(datasets.tiny_digits, 10, 8, {"epochs": 20, "batch_size": 64, "max_lr": 0.02}),
}
EASY = ("inverted", "relu6_bottleneck", "no_residual", "t1")  # what the easy task is tried on
SEEDS = range(6)


def build(network: str, task: str = "digits", seed: int = 0) -> SmallNet:
    """Return one of the networks, untrained. A seed gives variants with the same layers the same first weights.

    Parameters
    ----------
    network : str
        One of ``NETWORKS``.
    task : str, default="digits"
        One of ``TASKS``; decides the number of scores.
    seed : int, default=0
        For torch's generator, which is left as it was.

    Returns
    -------
    SmallNet
        (N, 1, H, W) -> (N, classes).

    Raises
    ------
    ValueError
        If there is no such network or task.

    Examples
    --------
    >>> a, b = build("inverted"), build("no_residual")
    >>> all(torch.equal(v, w) for v, w in zip(a.state_dict().values(), b.state_dict().values()))
    True
    """
    (seed,) = zero_or_more(seed=seed)
    one_of("network", network, NETWORKS)
    one_of("task", task, TASKS)
    _, block, channels, shape = NETWORKS[network]
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return shape(block, channels, num_classes=TASKS[task].classes)


def run(network: str, task: str = "digits", seed: int = 0, progress: bool = True, **settings: Any) -> training.Run:
    """Train one network once, as the committed results were made.

    Parameters
    ----------
    network, task : str
        As :func:`build`.
    seed : int, default=0
        Decides the first weights and the order of the images.
    progress : bool, default=True
        Whether to show a progress bar.
    settings : object
        Keywords of :func:`~mobilenet_lib.topics.training.train` that shall differ from the task's: ``epochs=1``.

    Returns
    -------
    Run
        With the accuracy on the test images.

    Raises
    ------
    ValueError
        If there is no such network or task.

    Examples
    --------
    >>> run("t1", "tiny_digits", epochs=2, progress=False).accuracy > 20
    True
    """
    (seed,) = zero_or_more(seed=seed)
    flag(progress=progress)
    return _trained(network, task, seed, progress, settings)[1]


def _trained(network: str, task: str, seed: int, progress: bool, settings: dict) -> tuple[SmallNet, training.Run]:
    # A pixel's channels side by side: depthwise and 1x1 convolutions learn in two thirds of the time.
    model = build(network, task, seed).to(memory_format=torch.channels_last)
    data = TASKS[task].data
    arguments = {**TASKS[task].training, "seed": seed, "progress": progress, **settings}
    return model, training.train(model, data("train"), data("test"), **arguments)


# What follows from the results


class Effect(NamedTuple):
    """How much one network is better than another, in percentage points, and how sure that is.

    Attributes
    ----------
    mean : float
        Mean of the paired differences.
    low, high : float
        Ends of the confidence interval.
    pairs : int
        How many seeds.

    Examples
    --------
    >>> Effect(-1.7, -2.1, -1.3, 5).verdict, Effect(0.2, -0.1, 0.5, 5).verdict
    ('worse', 'not resolved')
    """

    mean: float
    low: float
    high: float
    pairs: int

    @property
    def verdict(self) -> str:
        """Say "better" or "worse" if the interval leaves out zero, and "not resolved" if it does not."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "not resolved"

    def __str__(self) -> str:
        return f"{self.mean:+.2f} ± {(self.high - self.low) / 2:.2f}"


def effect(accuracies: Sequence[float], reference: Sequence[float], confidence: float = 0.95) -> Effect:
    """Compare two networks that were trained with the same seeds: the mean difference and its t interval.

    Parameters
    ----------
    accuracies, reference : sequence of float
        In percent, one for each seed, in the same order.
    confidence : float, default=0.95
        Of the interval, above 0 and below 1.

    Returns
    -------
    Effect
        Of ``accuracies`` over ``reference``.

    Raises
    ------
    TypeError, ValueError
        If the two differ in length, there are fewer than two pairs, a number is none or not finite, or confidence is
        out of range.
    ImportError
        If scipy is not installed.

    Notes
    -----
    mean ± t · s / √n, with s the standard deviation of the n differences and t the quantile of Student's
    distribution with n - 1 degrees of freedom. What the two runs of a pair share, the order of the images above all,
    cancels in their difference.

    References
    ----------
    Student 1908, "The probable error of a mean".

    Examples
    --------
    >>> print(effect([95.0, 94.6, 95.3], [96.0, 95.5, 96.5]))
    -1.03 ± 0.38
    """
    ours, others = _percents("accuracies", accuracies), _percents("reference", reference)
    n = len(ours)
    if n != len(others) or n < 2:
        raise ValueError(
            f"accuracies and reference must be pairs, two or more, got {n} and {len(others)}; train both with the "
            "same seeds"
        )
    if not isinstance(confidence, Real) or isinstance(confidence, bool):
        raise TypeError(f"confidence must be a number above 0 and below 1, got {confidence!r}; 0.95 is usual")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be above 0 and below 1, got {confidence}; 0.95 is usual")
    try:
        from scipy.stats import t
    except ImportError as error:
        raise ImportError("effect needs scipy: pip install scipy") from error
    differences = [a - b for a, b in zip(ours, others, strict=True)]
    mean = statistics.fmean(differences)
    half = float(t.ppf((1 + confidence) / 2, n - 1)) * statistics.stdev(differences) / n**0.5
    return Effect(mean, mean - half, mean + half, n)


def _percents(name: str, values: Iterable[float]) -> list[float]:
    """Return accuracies as a list, each a finite number."""
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be numbers, one for each seed, got {values!r}; take Result.accuracy") from error
    for seed, number in enumerate(numbers):
        if not math.isfinite(number):
            raise ValueError(f"{name} must be finite, got {number} for seed {seed}; leave that pair out of both")
    return numbers


class Result(NamedTuple):
    """What the committed file says of one network on one task.

    Attributes
    ----------
    label : str
        What the network is.
    params, macs : int
        Its cost, counted by fvcore for one image of the task.
    accuracy : tuple of float
        Percent of the test images, one for each seed from 0.
    seconds : float
        Processor time of a training, the median over the seeds, on the machine that made the file.

    Examples
    --------
    >>> results("digits")["inverted"].params
    30194
    """

    label: str
    params: int
    macs: int
    accuracy: tuple[float, ...]
    seconds: float


def results(task: str) -> dict[str, Result]:
    """Return the committed results on a task, by network.

    Parameters
    ----------
    task : str
        One of ``TASKS``.

    Returns
    -------
    dict of str to Result
        In the order of ``NETWORKS``.

    Raises
    ------
    ValueError
        If there is no such task.

    Examples
    --------
    >>> found = results("digits")
    >>> effect(found["t1"].accuracy, found["inverted"].accuracy).verdict
    'worse'
    """
    one_of("task", task, TASKS)
    found = _file()["results"][task]
    rows = {name: {**found[name], "accuracy": tuple(found[name]["accuracy"])} for name in NETWORKS if name in found}
    return {name: Result(**row) for name, row in rows.items()}


@cache
def _file() -> dict[str, Any]:
    return json.loads(files("mobilenet_lib").joinpath("data", "experiments.json").read_text(encoding="utf-8"))


# Making them

Job = tuple[str, str, int]  # network, task, seed


def _one(network: str, task: str, seed: int, settings: dict) -> tuple[float, float, dict[str, np.ndarray]]:
    """Train in a process of its own; return accuracy, processor time and weights."""
    torch.set_num_threads(1)
    start = time.process_time()
    model, made = _trained(network, task, seed, False, settings)
    weights = {key: value.numpy() for key, value in model.state_dict().items()}
    assert made.accuracy is not None  # it has been tested
    return made.accuracy, time.process_time() - start, weights


def main(arguments: list[str] | None = None) -> None:
    """Train everything and write the files: ``make experiments``.

    Parameters
    ----------
    arguments : list of str, optional
        Of the command line; ``--help`` lists them.

    Examples
    --------
    >>> main(["--processes", "many"])
    Traceback (most recent call last):
        ...
    SystemExit: 2
    """
    options: dict[str, dict[str, Any]] = {
        "--processes": {"type": int, "default": 2, "help": "trainings at a time, each on one thread"},
        "--tasks": {"nargs": "+", "default": list(TASKS), "choices": list(TASKS)},
        "--networks": {"nargs": "+", "default": list(NETWORKS), "choices": list(NETWORKS)},
        "--seeds": {"type": int, "default": len(SEEDS), "help": "how many, from 0"},
        "--epochs": {"type": int, "help": "instead of each task's own"},
    }
    chosen = told("experiments", "Train the chapter's networks.", arguments, options)
    settings = {"epochs": chosen.epochs} if chosen.epochs else {}
    jobs = [
        (network, task, seed)
        for seed in range(chosen.seeds)
        for task in chosen.tasks
        for network in chosen.networks
        if task != "tiny_digits" or network in EASY
    ]
    done = _all(jobs, settings, chosen.processes, chosen.out)
    file = {"about": _about(chosen.tasks, chosen.seeds, settings), "results": _rows(chosen.tasks, done)}
    (chosen.out / "experiments.json").write_text(_written(file), encoding="utf-8")


def _all(jobs: list[Job], settings: dict[str, Any], processes: int, out: Path) -> dict[Job, tuple[float, float]]:
    """Train what is to be trained, some at a time; write the twins' weights, return accuracies and seconds."""
    done = {}
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        running = {pool.submit(_one, *job, settings): job for job in jobs}
        for count, future in enumerate(as_completed(running), 1):
            job = running[future]
            percent, seconds, weights = future.result()
            done[job] = percent, seconds
            print(f"{count}/{len(jobs)}", *job, f"{percent:.2f} % in {seconds:.1f} s", flush=True)
            if job[0] in TWINS and job[1:] == ("digits", 0):
                np.savez_compressed(out / f"digits_{job[0]}.npz", allow_pickle=False, **weights)
    return done


def _rows(tasks: Sequence[str], done: dict[Job, tuple[float, float]]) -> dict[str, dict[str, Any]]:
    """Return a row of the file for each network on each task."""
    found: dict[str, dict[str, Any]] = {task: {} for task in tasks}
    for network, task in dict.fromkeys((network, task) for network, task, _ in sorted(done, key=lambda job: job[2])):
        runs = [done[job] for job in sorted(done, key=lambda job: job[2]) if job[:2] == (network, task)]
        size = TASKS[task].size
        cost = measure.cost(build(network, task), (1, 1, size, size))
        found[task][network] = {
            "accuracy": [round(percent, 2) for percent, _ in runs],
            "label": NETWORKS[network].label,
            "macs": cost.macs,
            "params": cost.params,
            "seconds": round(statistics.median(seconds for _, seconds in runs), 1),
        }
    return found


def _about(tasks: Sequence[str], seeds: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Return what the file says of how it was made."""
    packages = ("mlxtend", "numpy", "scikit-image", "scikit-learn", "torch")
    return {
        "command": "make experiments",
        "machine": f"{platform.system()} {platform.machine()}, one thread for each training",
        "python": platform.python_version(),
        "seeds": list(range(seeds)),
        "settings": {task: {**TASKS[task].training, **settings} for task in tasks},
        "versions": {name: version(name).split("+")[0] for name in packages},
    }


def _written(file: dict[str, Any]) -> str:
    """Write the file with one line for each entry, so that two of them can be compared line by line."""
    about = [
        f"  {json.dumps(key)}: {json.dumps(value, sort_keys=True)}" for key, value in sorted(file["about"].items())
    ]
    tasks = []
    for task, rows in sorted(file["results"].items()):
        lines = [f"   {json.dumps(name)}: {json.dumps(row, sort_keys=True)}" for name, row in sorted(rows.items())]
        tasks.append(f"  {json.dumps(task)}: {{\n" + ",\n".join(lines) + "\n  }")
    return '{\n "about": {\n' + ",\n".join(about) + '\n },\n "results": {\n' + ",\n".join(tasks) + "\n }\n}\n"


if __name__ == "__main__":
    sys.exit(main())
