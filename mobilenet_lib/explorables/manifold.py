"""ReLU and the manifold as an explorable: a spiral, a random matrix, ReLU, and what three decoders bring back."""

from __future__ import annotations

from functools import cache

import numpy as np
import traitlets

from ..topics import manifold
from .kit import Choice, Explorable, Steps, picture, tag

UP_TO = 30
DIMENSIONS = [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, UP_TO]
SEEDS = 8

# Positions along the curve, from its start in the middle to its end: a ramp in the order of lightness (matplotlib's
# plasma without its darkest and lightest ends), which keeps its order for readers with a colour-vision deficiency.
RAMP = ("#38049a", "#6300a7", "#8808a6", "#ab2494", "#c6417d", "#dd5e66", "#ef7e50", "#fb9f3a", "#fdc627")
PIECES = 50  # of the curve, each in one colour


class Manifold(Explorable):
    """A spiral goes through a random matrix and ReLU: what comes back, by three decoders.

    Parameters
    ----------
    n : {2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30}, default=3
        Dimensions that the plane is sent into: the number of units.
    seed : int, 1 to 8, default=1
        Which random draw of the units. Another n with the same seed keeps the units there are.
    decoder : {"affine", "rescaled", "pseudo-inverse"}, default="affine"
        Which linear decoder brings the points back; see :func:`mobilenet_lib.topics.manifold.decode`.

    Raises
    ------
    traitlets.TraitError
        If a value is not one the slider has.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    :mod:`mobilenet_lib.topics.manifold` says how every number is defined. The page carries 8 draws of 30 units, the
    quartiles of 200 draws and the colours, 5.5 kB in all (2.3 kB gzipped); the decoding it does itself. No MACs are
    counted here.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, figure 1.

    Examples
    --------
    >>> shown = Manifold(n=5)
    >>> {name: round(error, 2) for name, error in shown.errors().items()}
    {'pseudo-inverse': 0.6, 'rescaled': 0.55, 'affine': 0.32}
    """

    n = Choice(3, DIMENSIONS, help="dimensions the plane is sent into")
    seed = Steps(1, 1, SEEDS, 1, help="random draw of the units")
    decoder = Choice("affine", list(reversed(manifold.DECODERS)), help="linear decoder")
    experiment = traitlets.Dict(help="the draws, and the quartiles of many").tag(sync=True)

    def __init__(self, **values: object):
        super().__init__(**{"experiment": _experiment(), **values})

    def units(self) -> np.ndarray:
        """Return T of the current state."""
        return manifold.random_units(self.n, self.seed)

    def errors(self) -> dict[str, float]:
        """Return the relative error of each decoder."""
        x = manifold.spiral()
        back = {name: manifold.decode(x, self.units(), name) for name in manifold.DECODERS}
        return {name: float(manifold.relative_error(x, points)) for name, points in back.items()}

    def static_svg(self) -> str:
        """Draw the spiral, what comes back, and the errors."""
        x, units = manifold.spiral(), self.units()
        back = manifold.decode(x, units, self.decoder)
        lost = manifold.active(x, units) < 2
        errors, chance = self.errors(), manifold.expected_lost_share(self.n)
        whole = f"({self.n} + 1)/2{str(self.n).translate(SUPERSCRIPTS)}"
        description = (
            f"A spiral of two turns goes through {self.n} random units and ReLU. {percent(lost.mean())} of its points "
            f"have fewer than two active units; over all draws {percent(float(chance))} are expected. Relative error "
            + ", ".join(f"of the {NAMES[name]} {percent(error)}" for name, error in errors.items())
            + "."
        )
        rows = [(NAMES[name], error, name == self.decoder) for name, error in errors.items()]
        rows += [("fewer than two active units", lost.mean(), False), (f"expected: {whole}", float(chance), False)]
        between = {"x": (LEFT + RIGHT) / 2, "text_anchor": "middle"}
        parts = [
            tag("text", "the spiral", x=LEFT, y=20, text_anchor="middle", font_weight="bold"),
            tag("text", f"{self.n} units and ReLU,", y=MIDDLE - 24, **between),
            tag("text", NAMES[self.decoder], y=MIDDLE - 8, **between),
            tag(
                "path",
                d=f"M{(LEFT + RIGHT) / 2 - 16} {MIDDLE + 8}h32m-6 -5l6 5l-6 5",
                fill="none",
                stroke="currentColor",
            ),
            tag("text", "what comes back", x=RIGHT, y=20, text_anchor="middle", font_weight="bold"),
            *_curve(x, lost, LEFT),
            *_curve(back, lost, RIGHT),
            tag("text", "circles: fewer than two active units", x=LEFT, y=MIDDLE + RADIUS + 24, text_anchor="middle"),
            *_bars(rows),
        ]
        title = f"ReLU and the manifold: {self.n} dimensions, error {percent(errors[self.decoder])}"
        return picture(title, description, 620, 424, parts)


@cache
def _experiment() -> dict:
    """Return what the page needs and cannot compute itself."""
    draws = {n: manifold.draws(n) for n in DIMENSIONS}
    quartiles = {
        name: [[float(f"{q:.3g}") for q in np.quantile(draws[n][name], [0.25, 0.5, 0.75])] for n in DIMENSIONS]
        for name in manifold.DECODERS
    }
    return {
        "points": manifold.POINTS,
        "turns": manifold.TURNS,
        "units": [manifold.random_units(UP_TO, seed).tolist() for seed in range(1, SEEDS + 1)],
        "repeats": len(manifold.SEEDS),
        "quartiles": quartiles,
        "colours": colours(),
    }


def colours() -> list[str]:
    """Return the colour of each piece of the curve.

    Examples
    --------
    >>> colours()[0], colours()[-1], len(colours())
    ('#38049a', '#fdc627', 50)
    """
    stops = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in RAMP])
    at = np.linspace(0, len(RAMP) - 1, PIECES)
    mixed = np.stack([np.interp(at, range(len(RAMP)), channel) for channel in stops.T], axis=1)
    return ["#" + "".join(f"{round(value):02x}" for value in colour) for colour in mixed]


def percent(share: float) -> str:
    r"""Write a share with as many decimals as say something; the twin of `percent` in manifold.js.

    Examples
    --------
    >>> [percent(share) for share in (0, 3e-8, 0.0008, 0.026, 0.5, 1.04)]
    ['0\xa0%', 'under 0.01\xa0%', '0.08\xa0%', '2.6\xa0%', '50\xa0%', '104\xa0%']
    """
    if 0 < share < 0.0001:
        return "under 0.01\N{NO-BREAK SPACE}%"
    decimals = 0 if share == 0 or share >= 0.0995 else 1 if share >= 0.00995 else 2
    return f"{100 * share:.{decimals}f}\N{NO-BREAK SPACE}%"


# The static picture, in pixels.
LEFT, RIGHT, MIDDLE, RADIUS = 130, 490, 142, 104
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
NAMES = {"pseudo-inverse": "pseudo-inverse", "rescaled": "rescaled pseudo-inverse", "affine": "best affine decoder"}


def _curve(points: np.ndarray, lost: np.ndarray, centre: float) -> list[str]:
    # What lies far outside is drawn on the border.
    x, y = np.clip(points, -1.2, 1.2) * RADIUS * np.array([[1], [-1]]) + np.array([[centre], [MIDDLE]])
    parts = [tag("circle", cx=centre, cy=MIDDLE, r=RADIUS, fill="none", stroke="currentColor", stroke_opacity=0.25)]
    length = len(x) // PIECES
    for piece, colour in enumerate(colours()):
        own = slice(piece * length, (piece + 1) * length + 1)
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x[own], y[own], strict=True))
        parts.append(tag("polyline", points=line, fill="none", stroke=colour, stroke_width=4, stroke_linecap="round"))
    rings = "".join(f"M{x[i] - 3:.1f} {y[i]:.1f}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0" for i in range(0, len(x), 8) if lost[i])
    return [*parts, tag("path", d=rings, fill="none", stroke="currentColor", stroke_width=0.8)]


def _bars(rows: list[tuple[str, float, bool]]) -> list[str]:
    left, wide = 220, 300
    parts = [tag("path", d=f"M{left} 290v124", fill="none", stroke="currentColor", stroke_opacity=0.4)]
    for i, (label, share, chosen) in enumerate(rows):
        y = 292 + 25 * i
        weight = "bold" if chosen else "normal"
        width = min(1.0, share) * wide
        parts += [
            tag("text", label, x=left - 10, y=y + 14, text_anchor="end", font_weight=weight),
            tag("rect", x=left, y=y, width=width, height=18, fill_opacity=0.75 if chosen else 0.35),
            tag("text", percent(share), x=left + width + 6, y=y + 14, font_weight=weight),
        ]
    return parts
