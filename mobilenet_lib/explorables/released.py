"""The released models, as the explorables of both networks show them: accuracy over MACs, and which one is nearest."""

from __future__ import annotations

import math

from .. import cost
from ..course import published
from .kit import paint, short, tag

CLASSES = 1000
WIDTH = 620  # of the static pictures, in pixels

_PAGES = {
    "v1": ("tf_slim_mobilenet_v1", "top1_float", cost.mobilenet_v1),
    "v2": ("tf_slim_mobilenet_v2", "top1", cost.mobilenet_v2),
}


def released(network: str) -> list[dict]:
    """Return the released models of "v1" or "v2": width, resolution, top-1 accuracy as printed, MACs by closed form.

    The pages' own MACs are rounded, and for width 0.75 of V1 they leave out the first layer.

    Examples
    --------
    >>> released("v1")[4]
    {'alpha': 0.75, 'resolution': 224, 'top1': 68.4, 'macs': 325400448}
    >>> len(released("v1")), len(released("v2"))
    (16, 22)
    """
    page, accuracy, count = _PAGES[network]
    return [
        {
            "alpha": row["alpha"],
            "resolution": row["resolution"],
            "top1": row[accuracy],
            "macs": count(row["alpha"], row["resolution"], CLASSES).macs,
        }
        for row in published.table(page, "checkpoints").rows
    ]


def nearest_released(models: list[dict], width_mult: float, resolution: int) -> dict:
    """Return the released model whose width and resolution differ least, both by ratio.

    MACs grow about with the square of each, so that equal ratios weigh alike.

    Examples
    --------
    >>> nearest_released(released("v1"), 0.6, 256)
    {'alpha': 0.5, 'resolution': 224, 'top1': 63.3, 'macs': 149497088}
    """
    return min(
        models,
        key=lambda model: math.hypot(math.log(model["alpha"] / width_mult), math.log(model["resolution"] / resolution)),
    )


def dots(
    groups: list[tuple[list[dict], str, str | None]], axes: dict, here: int, near: dict | None, top: float
) -> list[str]:
    """Draw released models over their MACs, and a line where the current network stands.

    `groups` are (models, "circle" or "diamond", colour's concept or None for the text's colour).
    """
    left, right, bottom = 34, WIDTH - 10, top + 190
    (x_from, x_to, x_ticks), (y_from, y_to, y_ticks) = axes["x"], axes["y"]

    def x_at(macs: float) -> float:
        return left + (right - left) * math.log(macs / x_from) / math.log(x_to / x_from)

    def y_at(top1: float) -> float:
        return bottom - (bottom - top - 20) * (top1 - y_from) / (y_to - y_from)

    parts = [tag("text", "ImageNet top-1 accuracy of the released models, in %", x=0, y=top - 22, font_weight="bold")]
    for value in y_ticks:
        y = y_at(value)
        parts.append(tag("path", d=f"M{left} {y:.1f}H{right}", stroke="currentColor", stroke_opacity=0.25))
        parts.append(tag("text", str(value), x=left - 6, y=y + 4, text_anchor="end", font_size=11))
    for value in x_ticks:
        label = short(int(value)).replace(".0", "")
        parts.append(tag("text", label, x=x_at(value), y=bottom + 16, text_anchor="middle", font_size=11))
    parts.append(tag("text", "MACs", x=right, y=bottom + 32, text_anchor="end"))
    for models, shape, role in groups:
        colour = paint(role) if role else "currentColor"
        for model in models:
            x, y = x_at(model["macs"]), y_at(model["top1"])
            if shape == "circle":
                dot = {"cx": x, "cy": y, "r": 4, "fill": "none", "stroke": colour, "stroke_width": 2}
                parts.append(tag("circle", **dot))
            else:
                parts.append(tag("path", d=f"M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z", fill=colour))
    x = x_at(here)
    line = {"stroke": "currentColor", "stroke_width": 1.5, "stroke_dasharray": "5 3"}
    parts.append(tag("path", d=f"M{x:.1f} {top - 8:g}V{bottom:g}", **line))
    side = ("end", x - 6) if x > WIDTH / 2 else ("start", x + 6)
    words = f"you are here: {short(here)}"
    parts.append(tag("text", words, x=side[1], y=top + 2, text_anchor=side[0], font_weight="bold"))
    if near:
        ring = {"cx": x_at(near["macs"]), "cy": y_at(near["top1"]), "r": 9}
        parts.append(tag("circle", **ring, fill="none", stroke="currentColor", stroke_width=2))
    return parts
