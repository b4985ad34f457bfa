"""Pairs of runs as an explorable: what each further seed does to an effect and its confidence interval."""

from __future__ import annotations

import json
import math
import statistics
from functools import cache
from importlib.resources import files

import traitlets

from .kit import Choice, Explorable, Steps, nice_ceiling, picture, tag

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

    def static_svg(self) -> str:
        """Draw a row for each seed, with its difference as a dot, and the interval below."""
        labels, runs = self.experiment["labels"], self.experiment["runs"][self.task]
        effect, differences = self.effect(), self.differences()
        reach = nice_ceiling(1.5 * max(map(abs, differences)))  # room for the interval
        said = (
            f"mean difference {signed(effect['mean'])} points, 95 % interval from {signed(effect['low'])} to "
            f"{signed(effect['high'])}: {effect['verdict']}"
        )

        def x(points: float) -> float:
            return LEFT + (1 + max(-1.06, min(1.06, points / reach))) / 2 * (RIGHT - LEFT)

        bottom = TOP + ROW * SEEDS
        parts = [
            tag("text", f"{labels[self.network]}, on {TASKS[self.task]}", x=16, y=20, font_weight="bold"),
            *(tag("text", head, x=at, y=TOP - 14, text_anchor=end) for head, at, end in HEADS),
            tag("text", "difference, in percentage points", x=(LEFT + RIGHT) / 2, y=TOP - 14, text_anchor="middle"),
            *(
                tag("path", d=f"M{x(value):.1f} {TOP}V{bottom + 34}", stroke="currentColor", stroke_opacity=shade)
                for value, shade in ((-reach, 0.2), (-reach / 2, 0.2), (0, 0.9), (reach / 2, 0.2), (reach, 0.2))
            ),
            *(
                tag("text", signed(value).rstrip("0").rstrip("."), x=x(value), y=bottom + 50, text_anchor="middle")
                for value in (-reach, reach)
            ),
            tag("text", "0", x=x(0), y=bottom + 50, text_anchor="middle"),
        ]
        for seed, difference in enumerate(differences):
            y = TOP + ROW * (seed + 0.5)
            look = {"opacity": 1 if seed < self.seeds else 0.35}
            parts.append(tag("text", str(seed), x=40, y=y + 4, text_anchor="middle", **look))
            for at, accuracies in ((150, runs[REFERENCE]), (240, runs[self.network])):
                parts.append(tag("text", f"{accuracies[seed]:.1f}", x=at, y=y + 4, text_anchor="end", **look))
            fill = {"fill": "currentColor"} if seed < self.seeds else {"fill": "none", "stroke": "currentColor"}
            parts.append(tag("circle", cx=x(difference), cy=y, r=5, **fill, **look))
        low, high = x(effect["low"]), x(effect["high"])
        middle = bottom + 18
        parts.append(tag("path", d=f"M{low:.1f} {middle}H{high:.1f}", stroke="currentColor", stroke_width=4))
        parts.append(tag("circle", cx=x(effect["mean"]), cy=middle, r=7))
        parts.append(tag("text", f"{self.seeds} pairs", x=240, y=middle + 4, text_anchor="end", font_weight="bold"))
        parts.append(tag("text", said[0].upper() + said[1:] + ".", x=16, y=bottom + 78))
        description = (
            f"Accuracies of {labels[self.network]} and of the reference, {labels[REFERENCE]}, on {TASKS[self.task]}. "
            f"Differences for seeds 0 to {SEEDS - 1}: {', '.join(map(signed, differences))} points. With the first "
            f"{self.seeds} pairs: {said}."
        )
        return picture(f"Pairs of runs: {said}", description, 620, bottom + 92, parts)


# The static picture, in pixels. It shows what seed_pairs.js draws, at a fixed size.
LEFT, RIGHT, TOP, ROW = 275, 595, 66, 24
HEADS = (("seed", 40, "middle"), ("reference, %", 150, "end"), ("this one, %", 240, "end"))


def signed(points: float) -> str:
    """Write a difference with its sign and two decimals; as `signed` in seed_pairs.js.

    Examples
    --------
    >>> signed(-1.656), signed(0.5), signed(-0.001)
    ('−1.66', '+0.50', '0.00')
    """
    written = f"{abs(points):.2f}"
    return written if float(written) == 0 else f"{'−' if points < 0 else '+'}{written}"


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
