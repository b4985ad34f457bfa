"""ReLU and the manifold as an explorable: a spiral, a random matrix, ReLU, and what three decoders bring back."""

from __future__ import annotations

from functools import cache

import numpy as np
import traitlets

from ..topics import manifold
from .kit import Choice, Explorable, Steps

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

    def numbers(self) -> list[dict[str, object]]:
        """Return the error of each decoder, and the shares of points with fewer than two active units."""
        lost = float(manifold.lost_share(manifold.spiral(), self.units()))
        expected = float(manifold.expected_lost_share(self.n))
        rows = {**self.errors(), "fewer than two active units": lost, "expected, over all draws": expected}
        return [{"what": name, "relative error, or share of the points": value} for name, value in rows.items()]


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
