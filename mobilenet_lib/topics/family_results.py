"""What came after MobileNetV2, measured: twenty networks, their costs and their times on several machines.

``python -m mobilenet_lib.topics.family_results`` counts and times them on this machine, in some minutes on one core,
and writes ``data/families.json``, which :func:`results` reads. ``make experiments`` calls it; it wants timm. What
others have measured stands in ``data/after_v2.json``, with its sources.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .. import measure
from .._validation import one_of
from ..measure.allocator import keep_memory
from . import shipping
from ._command import told

FILE, PUBLISHED = "families.json", "after_v2.json"
# The side of the images that each network is measured with: what timm's own weights were trained or tested with.
NETWORKS = {
    "mobilenetv1_100": 224,
    "mobilenetv2_050": 224,
    "mobilenetv2_100": 224,
    "mobilenetv2_140": 224,
    "mnasnet_100": 224,
    "semnasnet_100": 224,
    "fbnetc_100": 224,
    "mobilenetv3_small_100": 224,
    "mobilenetv3_large_100": 224,
    "efficientnet_b0": 224,
    "efficientnet_b1": 240,
    "efficientnet_lite0": 224,
    "tf_efficientnetv2_b0": 192,
    "ghostnet_100": 224,
    "mobileone_s0": 224,
    "mobileone_s1": 224,
    "repvgg_a0": 224,
    "repvit_m0_9": 224,
    "mobilenetv4_conv_small": 224,
    "mobilenetv4_conv_medium": 256,
}
BRANCHED = ("mobileone_s0", "mobileone_s1", "repvgg_a0", "repvit_m0_9")  # merged before they are used
# A fused block against an inverted residual with the same ends: channels in and out, stride, side of the map.
STAGES = ((32, 48, 2, 112), (48, 48, 1, 56), (96, 96, 1, 28), (128, 128, 1, 14))
VISITS, SECONDS, CALLS = (
    10,
    0.15,
    3,
)  # each is timed that often, in turn, each time so long, and called at least so often
MACHINES = {
    "here": "this book's processor, PyTorch",
    "here, ONNX": "this book's processor, ONNX Runtime",
    "i7_12700h": "Core i7-12700H, compiled",
    "i9_10940x": "Core i9-10940X, compiled",
    "rtx_4090": "RTX 4090, 1,024 images at once",
}
SHORT = {
    "here": "PyTorch here",
    "here, ONNX": "ONNX here",
    "i7_12700h": "i7",
    "i9_10940x": "i9",
    "rtx_4090": "RTX 4090",
}
BASELINE = "mobilenetv2_100"
COUNTS = ("macs", "activations", "params")


class Point(NamedTuple):
    """One network on one machine.

    Attributes
    ----------
    network : str
        timm's name.
    macs, activations, params : float
        Of one image: multiply-accumulates, numbers that its convolutions write, trained numbers.
    ms : float
        Milliseconds for an image, or for a whole batch where the machine was given one.

    Examples
    --------
    >>> Point("mobilenetv2_100", 300.8e6, 6.68e6, 3.5e6, 11.2).ms
    11.2
    """

    network: str
    macs: float
    activations: float
    params: float
    ms: float


class Order(NamedTuple):
    """How well two orders agree, and how sure that is.

    Attributes
    ----------
    rho : float
        Spearman's rank correlation.
    low, high : float
        The ends of its 95 % interval, by a bootstrap over the networks.

    Examples
    --------
    >>> print(Order(0.94, 0.8, 0.98))
    0.94 (0.80 to 0.98)
    """

    rho: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.rho:.2f} ({self.low:.2f} to {self.high:.2f})"


@cache
def results() -> dict[str, Any]:
    """Return the committed results.

    Returns
    -------
    dict of str to object
        ``about`` says how the file was made; ``networks`` has for each of the twenty its counts and its times, each
        time as the quickest call and the median, in milliseconds; ``branched`` the same for those that are trained
        in another form; ``fused`` two blocks at four places of a network.

    Examples
    --------
    >>> results()["networks"]["mobilenetv2_100"]["macs"]
    300774272
    """
    return _read(FILE)


@cache
def _read(name: str) -> dict[str, Any]:
    return json.loads(files("mobilenet_lib").joinpath("data", name).read_text(encoding="utf-8"))


def points(machine: str) -> list[Point]:
    """Return the twenty networks on one machine.

    Parameters
    ----------
    machine : str
        A key of ``MACHINES``: "here" and "here, ONNX" were measured by this book, with the networks of several
        branches merged. The others are timm's own results, with these networks as they are trained; their counts are
        those of that form.

    Returns
    -------
    list of Point
        In the order of ``NETWORKS``.

    Raises
    ------
    ValueError
        If machine is not a key of MACHINES.

    Examples
    --------
    >>> [len(points(machine)) for machine in MACHINES]
    [20, 20, 20, 20, 20]
    """
    one_of("machine", machine, MACHINES)
    if machine.startswith("here"):
        found = results()["networks"]
        program = "onnx" if "ONNX" in machine else "pytorch"
        return [
            Point(name, row["macs"], row["activations"], row["params"], row[program][0]) for name, row in found.items()
        ]
    table = _read(PUBLISHED)[machine]
    rows = (dict(zip(table["columns"], row, strict=True)) for row in table["rows"])
    return [
        Point(
            row["network"],
            row["giga_macs"] * 1e9,
            row["million_activations"] * 1e6,
            row["million_params"] * 1e6,
            row["step_ms"],
        )
        for row in rows
    ]


def orders(machine: str) -> dict[str, Order]:
    """Say how well each of three counts puts the twenty networks into the order of their times.

    Parameters
    ----------
    machine : str
        A key of ``MACHINES``.

    Returns
    -------
    dict of str to Order
        For "macs", "activations" and "params".

    Raises
    ------
    ValueError
        If machine is not a key of MACHINES.
    ImportError
        If scipy is not installed.

    Examples
    --------
    >>> found = orders("rtx_4090")
    >>> found["activations"].rho > found["params"].rho
    True
    """
    found = points(machine)
    ms = [point.ms for point in found]
    rows = {count: [getattr(point, count) for point in found] for count in COUNTS}
    return {
        count: Order(measure.rank_correlation(values, ms), *measure.rank_interval(values, ms))
        for count, values in rows.items()
    }


def predictors() -> list[dict[str, object]]:
    """Set the rank correlations of all machines beside each other, each with its interval.

    Returns
    -------
    list of dict
        A row for each machine of ``MACHINES``.

    Raises
    ------
    ImportError
        If scipy is not installed.

    Examples
    --------
    >>> list(predictors()[0])
    ['time on', 'MACs', 'activations', 'parameters']
    """
    rows = []
    for machine, name in MACHINES.items():
        found = orders(machine)
        titles = zip(("MACs", "activations", "parameters"), COUNTS, strict=True)
        rows.append({"time on": name} | {title: str(found[count]) for title, count in titles})
    return rows


def relative(*names: str) -> list[dict[str, object]]:
    """Set networks beside MobileNetV2: their MACs, and their time on each machine, as multiples of its own.

    Parameters
    ----------
    names : str
        Keys of ``NETWORKS``.

    Returns
    -------
    list of dict
        A row for each: below 1 is less than MobileNetV2 at width 1.

    Raises
    ------
    ValueError
        If there is no such network, or none is named.

    Examples
    --------
    >>> row = relative("ghostnet_100")[0]
    >>> row["network"], round(row["MACs"], 2)
    ('ghostnet_100', 0.47)
    """
    for name in names:
        one_of("names", name, NETWORKS)
    if not names:
        raise ValueError(f"names must be at least one of {', '.join(NETWORKS)}, got none; name one")
    by_name = {machine: {point.network: point for point in points(machine)} for machine in MACHINES}
    rows = []
    for name in names:
        here = by_name["here"]
        row: dict[str, object] = {"network": name, "MACs": here[name].macs / here[BASELINE].macs}
        for machine, found in by_name.items():
            row[SHORT[machine]] = found[name].ms / found[BASELINE].ms
        rows.append(row)
    return rows


def fused() -> list[dict[str, object]]:
    """Compare a fused block with an inverted residual of the same ends, at four places of a network.

    Returns
    -------
    list of dict
        A row for each place: the fused block's MACs and its times, as multiples of the inverted residual's.

    Examples
    --------
    >>> [row["block"] for row in fused()]
    ['32 to 48 at 112', '48 to 48 at 56', '96 to 96 at 28', '128 to 128 at 14']
    """
    rows = []
    for each in results()["fused"]:
        row: dict[str, object] = {"block": f"{each['in']} to {each['out']} at {each['size']}"}
        row["MACs"] = each["fused macs"] / each["separable macs"]
        for program, name in (("pytorch", "PyTorch"), ("onnx", "ONNX Runtime")):
            row[name] = each[f"fused {program}"][0] / each[f"separable {program}"][0]
        rows.append(row)
    return rows


def merged() -> list[dict[str, object]]:
    """Compare networks of several branches as they are trained with the same networks as they are used.

    Returns
    -------
    list of dict
        Millions of MACs and parameters, and milliseconds in PyTorch, before the branches are merged and after.

    Examples
    --------
    >>> [row["network"] for row in merged()]
    ['mobileone_s0', 'mobileone_s1', 'repvgg_a0', 'repvit_m0_9']
    """
    rows = []
    for name, trained in results()["branched"].items():
        used, row = results()["networks"][name], {"network": name}
        for key, title, unit in (("macs", "M MACs", 1e6), ("params", "M parameters", 1e6)):
            row |= {f"{title} trained": trained[key] / unit, f"{title} used": used[key] / unit}
        rows.append(row | {"ms trained": trained["pytorch"][0], "ms used": used["pytorch"][0]})
    return rows


# Making the file


def _built(name: str) -> tuple[nn.Module, nn.Module]:
    """Return a network as it is trained, and as it is used."""
    import timm
    from timm.utils.model import reparameterize_model

    torch.manual_seed(0)
    trained = timm.create_model(name).eval()
    return trained, reparameterize_model(trained) if name in BRANCHED else trained


def _counted(network: nn.Module, side: int) -> dict[str, int]:
    shape = (1, 3, side, side)
    cost = measure.cost(network, shape)
    return {"resolution": side, "params": cost.params, "macs": cost.macs, "activations": _outputs(network, shape)}


def _outputs(network: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Count the numbers that a network's convolutions and linear layers write: what timm calls activations.

    Examples
    --------
    >>> _outputs(nn.Conv2d(3, 8, 3, padding=1), (1, 3, 4, 4))
    128
    """
    written: list[int] = []

    def note(layer: nn.Module, inputs: object, output: Tensor) -> None:
        written.append(output.numel() // len(output))

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        with torch.inference_mode():
            network(torch.zeros(input_shape))
    finally:
        for hook in hooks:
            hook.remove()
    return sum(written)


def _timed(cases: Mapping[str, tuple[Any, tuple[int, ...]]]) -> dict[str, list[float]]:
    """Time everything in turn, several times over; return the quickest call of each, and the median, in milliseconds.

    Other programs can only add time. On a quiet machine the two differ by a few percent.
    """
    inputs = {name: torch.randn(shape) for name, (_, shape) in cases.items()}
    times: dict[str, list[float]] = {name: [] for name in cases}
    with torch.inference_mode():
        for _ in range(VISITS):
            for name, (module, _) in cases.items():
                x, until, left = inputs[name], time.perf_counter() + SECONDS, CALLS
                module(x)
                while left > 0 or time.perf_counter() < until:
                    start = time.perf_counter()
                    module(x)
                    times[name].append(1000 * (time.perf_counter() - start))
                    left -= 1
    return {
        name: [float(f"{each:.4g}") for each in (min(took), statistics.median(took))] for name, took in times.items()
    }


def _in_both(cases: Mapping[str, tuple[nn.Module, tuple[int, ...]]]) -> dict[str, dict[str, list[float]]]:
    """Time modules in PyTorch, and as ONNX files."""
    eager = _timed(cases)
    exported = {
        name: (shipping.OnnxNetwork(shipping.to_onnx(module, shape)), shape)
        for name, (module, shape) in _noted(cases.items(), "exporting")
    }
    there = _timed(exported)
    return {name: {"pytorch": eager[name], "onnx": there[name]} for name in cases}


def _noted(cases: Iterable[tuple[str, Any]], what: str) -> Iterable[tuple[str, Any]]:
    for name, case in cases:
        print(what, name, flush=True)
        yield name, case


def _blocks(make: Callable[[str], type[nn.Module]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return pairs of blocks to time, and what each pair is."""
    cases, rows = {}, []
    for i, (channels, out, stride, size) in enumerate(STAGES):
        shape, row = (1, channels, size, size), {"in": channels, "out": out, "stride": stride, "size": size}
        for name, kind in (("separable", "InvertedResidual"), ("fused", "EdgeResidual")):
            block = make(kind)(channels, out, stride=stride, exp_ratio=4.0).eval()
            cases[f"{name} {i}"] = block, shape
            row[f"{name} macs"] = measure.macs(block, shape)
        rows.append(row)
    return cases, rows


def main(arguments: list[str] | None = None) -> None:
    """Count and time everything, and write the file.

    Parameters
    ----------
    arguments : list of str, optional
        Of the command line; ``--help`` lists them.

    Examples
    --------
    >>> main(["--networks"])
    Traceback (most recent call last):
        ...
    SystemExit: 2
    """
    chosen = told("family_results", "Measure what came after V2.", arguments)
    from timm.models import _efficientnet_blocks

    found: dict[str, Any] = {"networks": {}, "branched": {}}
    cases = {}
    for name, side in NETWORKS.items():
        trained, used = _built(name)
        found["networks"][name] = _counted(used, side)
        cases[name] = used, (1, 3, side, side)
        if name in BRANCHED:
            found["branched"][name] = _counted(trained, side)
            cases[f"{name} as trained"] = trained, (1, 3, side, side)
    for name, took in _in_both(cases).items():
        home, plain = ("branched" if name.endswith(" as trained") else "networks"), name.removesuffix(" as trained")
        found[home][plain] |= took
    pairs, found["fused"] = _blocks(lambda kind: getattr(_efficientnet_blocks, kind))
    for name, took in _in_both(pairs).items():
        kind, place = name.split()
        found["fused"][int(place)] |= {f"{kind} {program}": each for program, each in took.items()}
    found["about"] = {
        "command": "make experiments",
        "machine": f"{platform.system()} {platform.machine()}, one thread, memory kept",
        "visits": VISITS,
        "versions": {name: version(name).split("+")[0] for name in ("timm", "torch", "onnxruntime")},
    }
    (chosen.out / FILE).write_text(_written(found), encoding="utf-8")


def _written(found: Mapping[str, Any]) -> str:
    """Write the file with one line for each entry."""
    parts = []
    for name, part in sorted(found.items()):
        if isinstance(part, list):
            ends, rows = "[]", [json.dumps(row) for row in part]
        else:
            ends, rows = "{}", [f"{json.dumps(key)}: {json.dumps(row)}" for key, row in part.items()]
        lines = ",\n".join(f"  {row}" for row in rows)
        parts.append(f" {json.dumps(name)}: {ends[0]}\n{lines}\n {ends[1]}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    keep_memory()
    sys.exit(main())
