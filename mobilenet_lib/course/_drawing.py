"""What figures and diagrams are drawn with: the style, the axes, the legend, colours and marks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Annotation
from matplotlib.ticker import EngFormatter, Locator, LogLocator, MaxNLocator

from .palette import COLOURS

# A colour no figure would choose by accident: the SVG writer turns it into the page's own text colour.
FOREGROUND = "#212325"
WIDTH = 5.2  # inches: at 375 pixels the text is still about 10 pixels high
NAME_HEIGHT = 13  # points between two lines of text

STYLE: dict[Any, Any] = {  # matplotlib types its names one by one
    "axes.edgecolor": FOREGROUND,
    "axes.labelcolor": FOREGROUND,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 11,
    "grid.alpha": 0.18,
    "grid.color": FOREGROUND,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "mobilenet",
    "text.color": FOREGROUND,
    "xtick.color": FOREGROUND,
    "ytick.color": FOREGROUND,
}


class Units(EngFormatter):
    """Write 200 M for a large number. Below a thousand the number itself: a share of 0.2 is not "200 m"."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}".replace("-", "\N{MINUS SIGN}") if abs(x) < 1000 else super().__call__(x, pos)


def new_axes(height: float, **margins: float) -> Axes:
    # Not pyplot's: the notebook would then show the figure a second time.
    figure = Figure(figsize=(WIDTH, height))
    figure.set_layout_engine("constrained", **margins)
    return figure.subplots()


def legend_above(ax: Axes) -> Legend:
    """Put the legend above the axes, in as many rows as its words need to fit the figure. The ticks stand already."""
    count, rows = len(ax.get_legend_handles_labels()[1]), 1
    while True:
        columns = -(-count // rows)
        legend = ax.legend(ncols=columns, loc="lower left", bbox_to_anchor=(0, 1), handlelength=1, columnspacing=1)
        legend.set_in_layout(False)  # or one that is too wide would leave no room for the axes
        ax.figure.canvas.figure.draw_without_rendering()  # only now the axes have their place
        if columns <= 1 or legend.get_window_extent().x1 <= ax.figure.bbox.x1:
            legend.set_in_layout(True)
            return legend
        rows += 1


def covered(ax: Axes, names: Sequence[Annotation]) -> bool:
    """Whether one of the names at the ends of curves would cover another."""
    ax.figure.canvas.figure.draw_without_rendering()  # only now the axes have their place
    at = sorted(ax.transData.transform(name.xy)[1] * 72 / ax.figure.dpi for name in names)
    return any(above - below < NAME_HEIGHT for below, above in itertools.pairwise(at))


def colour_of(role: str) -> str:
    if role not in COLOURS:
        raise ValueError(f"role must be one of {', '.join(COLOURS)}, got {role!r}")
    return COLOURS[role].light


def markers() -> Iterator[str]:
    """Return one mark after the other: a colour alone would not tell two groups apart for everyone."""
    return itertools.cycle("osD^vPX*")


def described(ax: Axes, alt: str) -> Axes:
    figure = ax.figure
    figure.set_label(f"{figure.get_label()} {alt}".strip())
    return ax


def log_ticks(low: float, high: float) -> Locator:
    """Return where a logarithmic axis has its labels: two at least, and no two that touch."""
    ticks = LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,))
    shown = [tick for tick in ticks.tick_values(low, high) if low <= tick <= high]
    return ticks if len(shown) > 1 else MaxNLocator(4)
