"""Diagrams of what leads where: boxes and arrows, drawn as the book's other figures are.

Time runs downward, and branches stand side by side, so that the words stay readable on a narrow screen. The text that a
screen reader speaks is made from the same arrows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from ._drawing import FOREGROUND, STYLE, colour_of, described, new_axes

HALF_WIDTH, HALF_HEIGHT = 0.44, 0.3  # of a box, in columns and rows
ROW = 0.75  # inches
AROUND = 9  # points that stay free around a sign


class Part(NamedTuple):
    """One box, or one sign (× or +), and where it stands.

    Attributes
    ----------
    text : str
        What stands in it, in one or two lines. A single letter is drawn as a sign in a circle.
    column, row : float
        The place of its middle; rows are counted from the top.
    role : str
        The concept of the palette that gives it its colour; "" for none.

    Examples
    --------
    >>> Part("1×1 expand", 0, 0, "expansion").role
    'expansion'
    """

    text: str
    column: float
    row: float
    role: str = ""

    @property
    def half(self) -> tuple[float, float]:
        """Half of its width and of its height; a sign has room of its own, in points."""
        return (0, AROUND / 72 / ROW) if self.is_sign else (HALF_WIDTH, HALF_HEIGHT)

    @property
    def is_sign(self) -> bool:
        """Whether it is a single letter."""
        return len(self.text) == 1


def flow(parts: Sequence[Part], arrows: Sequence[tuple[int, int]], ax: Axes | None = None) -> Axes:
    """Draw parts and the arrows between them.

    An arrow to a later row leaves a part at its foot and enters the other at its head; one to the same row joins their
    sides.

    Parameters
    ----------
    parts : sequence of Part
        What to draw.
    arrows : sequence of (int, int)
        From which part to which, by their places in ``parts``.
    ax : Axes, optional
        Where to draw; left out, a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    TypeError
        If the parts or the arrows are something else.
    ValueError
        If an arrow begins or ends at no part, or leads to an earlier row.

    Examples
    --------
    >>> flow([Part("in", 0, 0), Part("out", 0, 1)], [(0, 1)]).figure.get_label()
    'Diagram. in leads to out.'
    """
    if not isinstance(parts, Sequence) or not all(isinstance(part, Part) for part in parts):
        raise TypeError(f"parts must be a list of Part, got {parts!r}; give [Part('in', 0, 0), Part('out', 0, 1)]")
    if not isinstance(arrows, Sequence) or not all(_is_pair(arrow) for arrow in arrows):
        raise TypeError(f"arrows must be a list of pairs of int, got {arrows!r}; give [(0, 1)]")
    for arrow in arrows:
        if not all(0 <= end < len(parts) for end in arrow):
            raise ValueError(f"arrows must join parts 0 to {len(parts) - 1}, got {arrow}; count the parts from 0")
        if parts[arrow[1]].row < parts[arrow[0]].row:
            raise ValueError(f"arrows must lead down or sideways, got {arrow}; exchange its ends")
    rows, columns = [part.row for part in parts], [part.column for part in parts]
    with mpl.rc_context(STYLE):
        ax = ax or new_axes(height=ROW * (max(rows, default=0) + 1))
        ax.set(xlim=(min(columns, default=0) - 0.55, max(columns, default=0) + 0.55), aspect="auto")
        ax.set_ylim(max(rows, default=0) + 0.5, -0.5)
        ax.set_axis_off()
        for part in parts:
            _draw(ax, part)
        for begin, end in arrows:
            _join(ax, parts[begin], parts[end])
    spoken = ". ".join(f"{_said(parts[begin])} leads to {_said(parts[end])}" for begin, end in arrows)
    return described(ax, f"Diagram. {spoken}.")


def squeeze_excite(ax: Axes | None = None) -> Axes:
    """Draw where squeeze-and-excitation stands in an inverted residual: in its wide middle.

    Parameters
    ----------
    ax : Axes, optional
        Where to draw; left out, a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    References
    ----------
    Hu et al. 2018, arXiv:1709.01507, figure 1; Howard et al. 2019, arXiv:1905.02244, figure 4.

    Examples
    --------
    >>> "hard sigmoid leads to times" in squeeze_excite().figure.get_label()
    True
    """
    parts = [
        Part("1×1, expand", 0, 0, "expansion"),
        Part("3×3, depthwise", 0, 1, "depthwise"),
        Part("average\nof each channel", 1, 2),
        Part("1×1, ReLU", 1, 3),
        Part("1×1, hard sigmoid", 1, 4),
        Part("×", 0, 4),
        Part("1×1, project", 0, 5, "projection"),
    ]
    return flow(parts, [(0, 1), (1, 5), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6)], ax)


def deeplab_v3(ax: Axes | None = None) -> Axes:
    """Draw DeepLabV3's head: five views of the last map, side by side.

    Parameters
    ----------
    ax : Axes, optional
        Where to draw; left out, a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    References
    ----------
    Chen et al. 2017, arXiv:1706.05587, figure 5.

    Examples
    --------
    >>> deeplab_v3().figure.get_label().count("last map leads to")
    5
    """
    views = [Part("1×1", 0, 1, "pointwise")]
    views += [Part(f"3×3,\ndilation {rate}", i, 1, "standard") for i, rate in enumerate((6, 12, 18), 1)]
    parts = [Part("last map", 2, 0), *views, Part("average,\n1×1", 4, 1, "pointwise")]
    parts += [Part("joined,\n1×1", 2, 2, "pointwise"), Part("classes", 2, 3)]
    return flow(parts, [*((0, i) for i in range(1, 6)), *((i, 6) for i in range(1, 6)), (6, 7)], ax)


def lraspp(ax: Axes | None = None) -> Axes:
    """Draw LR-ASPP, MobileNetV3's light head: one gated layer, and a shortcut from a finer map.

    Parameters
    ----------
    ax : Axes, optional
        Where to draw; left out, a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    References
    ----------
    Howard et al. 2019, arXiv:1905.02244, section 6.4 and figure 10.

    Examples
    --------
    >>> "finer map leads to 1×1" in lraspp().figure.get_label()
    True
    """
    parts = [
        Part("last map", 0.5, 0),
        Part("1×1", 0, 1, "pointwise"),
        Part("average,\n1×1, sigmoid", 1, 1, "pointwise"),
        Part("×", 0, 2),
        Part("1×1", 0, 3, "pointwise"),
        Part("finer map", 2, 2),
        Part("1×1", 2, 3, "pointwise"),
        Part("+", 1, 4),
        Part("classes", 1, 5),
    ]
    return flow(parts, [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (5, 6), (4, 7), (6, 7), (7, 8)], ax)


def _is_pair(arrow: object) -> bool:
    return isinstance(arrow, tuple) and len(arrow) == 2 and all(type(end) is int for end in arrow)


def _draw(ax: Axes, part: Part) -> None:
    width, height = part.half
    if not part.is_sign:
        ax.add_patch(
            FancyBboxPatch(
                (part.column - width, part.row - height),
                2 * width,
                2 * height,
                boxstyle="round,pad=0,rounding_size=0.08",
                facecolor="none",
                edgecolor=colour_of(part.role) if part.role else FOREGROUND,
                linewidth=1.8,
            )
        )
    size = 18 if part.is_sign else 10
    ax.annotate(part.text, (part.column, part.row), ha="center", va="center", fontsize=size)


def _join(ax: Axes, begin: Part, end: Part) -> None:
    """Draw an arrow of straight lines: across; or down, across and, if it does not enter a sign's side, down."""
    *path, last = _way(begin, end)
    ax.plot(*zip(*path, strict=True), color=FOREGROUND, linewidth=1.2, solid_joinstyle="round")
    into_the_side = end.is_sign and path[-1][1] == last[1]
    look = {"arrowstyle": "-|>", "color": FOREGROUND, "linewidth": 1.2, "shrinkA": 0}
    ax.annotate("", last, path[-1], arrowprops={**look, "shrinkB": AROUND if into_the_side else 0})


def _way(begin: Part, end: Part) -> list[tuple[float, float]]:
    if begin.row == end.row:
        side = 1 if end.column > begin.column else -1
        return [(begin.column + side * begin.half[0], begin.row), (end.column - side * end.half[0], end.row)]
    foot, head = (begin.column, begin.row + begin.half[1]), (end.column, end.row - end.half[1])
    if begin.column == end.column:
        return [foot, head]
    if end.is_sign:
        return [foot, (begin.column, end.row), (end.column, end.row)]
    return [foot, (begin.column, begin.row + 0.5), (end.column, begin.row + 0.5), head]


def _said(part: Part) -> str:
    return {"×": "times", "+": "plus"}.get(part.text, part.text.replace("\n", " "))
