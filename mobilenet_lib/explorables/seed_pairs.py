"""Pairs of runs as an explorable: what each further seed does to an effect and its confidence interval."""

from __future__ import annotations

import json
import math
import statistics
from functools import cache
from importlib.resources import files

import traitlets

from .kit import Choice, Explorable, Steps

REFERENCE = "inverted"
TASKS = {"digits": "digits", "patches": "patches of photographs"}
NETWORKS = [
    *("relu6_bottleneck", "no_residual", "expansion_shortcut"),
    *("t1", "t2", "t4", "t8", "t1_wide"),
    *("standard", "separable", "standard_plain", "separable_plain"),
]
SEEDS = 6
# Student's distribution: the factor of a 95 % interval from 2, 3, ... pairs.
QUANTILES = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706)


class SeedPairs(Explorable):
    """Two networks, trained with the same seeds: their differences, and the interval that so many pairs allow.

    Parameters
    ----------
    task : {"digits", "patches"}, default="digits"
        What the networks were trained on; see :mod:`mobilenet_lib.topics.datasets`.
    network : str, default="t8"
        Which one is compared with the inverted residual of expansion 6: one of ``experiments.NETWORKS``.
    seeds : int, 2 to 6, default=3
        How many pairs are looked at.

    Raises
    ------
    traitlets.TraitError
        If a value is not one the slider has.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    The accuracies are the committed results that :func:`mobilenet_lib.topics.experiments.results` reads. Nothing is
    trained here, and no MACs are counted.

    References
    ----------
    Student 1908, "The probable error of a mean".

    Examples
    --------
    >>> shown = SeedPairs(network="t1", seeds=4)
    >>> shown.effect()["verdict"]
    'worse'
    """

    task = Choice("digits", TASKS, help="what the networks were trained on")
    network = Choice("t8", NETWORKS, help="what is compared with the reference")
    seeds = Steps(3, 2, SEEDS, 1, help="pairs that are looked at", ticks=range(2, SEEDS + 1))
    experiment = traitlets.Dict(help="labels, accuracies, quantiles").tag(sync=True)

    def __init__(self, **values: object):
        super().__init__(**{"experiment": _experiment(), **values})

    def differences(self) -> list[float]:
        """Return the difference of each pair, of all seeds, in percentage points."""
        runs = self.experiment["runs"][self.task]
        return [round(a - b, 2) for a, b in zip(runs[self.network], runs[REFERENCE], strict=True)]

    def effect(self) -> dict:
        """Return mean, low, high and verdict from the pairs that are looked at."""
        used = self.differences()[: self.seeds]
        mean = statistics.fmean(used)
        half = QUANTILES[self.seeds - 2] * statistics.stdev(used) / math.sqrt(self.seeds)
        low, high = mean - half, mean + half
        verdict = "better" if low > 0 else "worse" if high < 0 else "not resolved"
        return {"mean": mean, "low": low, "high": high, "verdict": verdict}

    def numbers(self) -> list[dict[str, object]]:
        """Return the accuracies of each pair in percent and their difference, and the interval of those looked at."""
        runs, effect = self.experiment["runs"][self.task], self.effect()
        pairs = zip(runs[REFERENCE], runs[self.network], self.differences(), strict=True)
        heads = ("pair", "reference, %", "this one, %", "difference, points")
        interval = f"{effect['mean']:.2f}, 95 % from {effect['low']:.2f} to {effect['high']:.2f}: {effect['verdict']}"
        rows = [
            *((f"seed {seed}", *pair) for seed, pair in enumerate(pairs)),
            (f"the first {self.seeds}", "", "", interval),
        ]
        return [dict(zip(heads, row, strict=True)) for row in rows]


@cache
def _experiment() -> dict:
    """Return what the page shows: read from the file, since the library's own reader would load torch."""
    file = files("mobilenet_lib").joinpath("data", "experiments.json")
    results = json.loads(file.read_text(encoding="utf-8"))["results"]
    names = [REFERENCE, *NETWORKS]
    return {
        "reference": REFERENCE,
        "tasks": TASKS,
        "labels": {name: results["digits"][name]["label"] for name in names},
        "runs": {task: {name: results[task][name]["accuracy"] for name in names} for task in TASKS},
        "quantiles": list(QUANTILES),
    }
