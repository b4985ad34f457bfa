"""What ReLU does to a curve: the experiment of MobileNetV2's figure 1, in numpy alone.

A flat spiral is sent into n dimensions by a random matrix, through ReLU, and brought back by one of three linear
decoders. The explorable shows single draws of it, and a chapter the error bars: both call these functions, so the
picture and the table are of the same experiment.

The definitions behind every number:

- The curve x has 1,000 points, (t cos 4πt, t sin 4πt) for t from 0 to 1 in equal steps: two turns around the origin,
  which is its first point. It is not centred.
- The n units are the rows of T, with independent standard normal entries rounded to four decimals. Seed s gives
  the same units whatever n is: the first n of its sequence.
- What arrives is y = max(T x, 0).
- The error of a decoder is ‖x - x̂‖ / ‖x‖ over all points together (Frobenius norms), so 0 is perfect and 1 is what
  answering with the origin every time would give.
- A point is lost when fewer than two units are active (above 0) at it: then fewer than two numbers are left of its two
  coordinates. The origin, at which no unit is active, is always one of the 1,000.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import comb

import numpy as np

from .._validation import array, positive_int, positive_ints

POINTS = 1000
TURNS = 2
DECODERS = ("pseudo-inverse", "rescaled", "affine")
SEEDS = range(1, 201)
BATCH = 25  # draws at a time: the arrays stay small enough for a processor's cache


def spiral(points: int = POINTS, turns: int = TURNS) -> np.ndarray:
    """Return the curve: a spiral from the origin to the unit circle.

    Parameters
    ----------
    points : int, default=1000
        How many.
    turns : int, default=2
        Whole turns, so that every direction is met equally often.

    Returns
    -------
    ndarray of shape (2, points)
        One point a column, in order along the curve.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> spiral(points=5, turns=1).round(2) + 0.0
    array([[ 0.  ,  0.  , -0.5 ,  0.  ,  1.  ],
           [ 0.  ,  0.25,  0.  , -0.75,  0.  ]])
    """
    points, turns = positive_int(points=points, turns=turns)
    t = np.linspace(0, 1, points)
    angle = 2 * np.pi * turns * t
    return t * np.stack([np.cos(angle), np.sin(angle)])


def random_units(n: int, seed: int) -> np.ndarray:
    """Draw T: n directions in the plane, one for each unit.

    Parameters
    ----------
    n : int
        Dimensions that the plane is sent into.
    seed : int
        Names the draw. The same seed with a larger n gives the same units and more.

    Returns
    -------
    ndarray of shape (n, 2)
        Standard normal numbers, rounded to four decimals so that a page can carry them exactly.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer.

    Examples
    --------
    >>> random_units(2, seed=1)
    array([[ 0.3456,  0.8216],
           [ 0.3304, -1.3032]])
    >>> bool((random_units(30, seed=1)[:2] == random_units(2, seed=1)).all())
    True
    """
    n, seed = positive_int(n=n, seed=seed)
    return np.random.default_rng(seed).standard_normal((n, 2)).round(4)


def _check_arrays(**arrays: object) -> None:
    for name, value in arrays.items():
        array(name, value, (2,) if name == "x" else (2, 3))


def relu(x: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Return what arrives: max(T x, 0).

    Parameters
    ----------
    x : ndarray of shape (2, points)
        Points of the plane.
    units : ndarray of shape (..., n, 2)
        T, or a stack of several.

    Returns
    -------
    ndarray of shape (..., n, points)
        One row a unit.

    Examples
    --------
    >>> relu(np.array([[1.0, -1.0], [2.0, 2.0]]), np.eye(2))
    array([[1., 0.],
           [2., 2.]])
    """
    _check_arrays(x=x, units=units)
    return np.maximum(units @ x, 0)


def decode(x: np.ndarray, units: np.ndarray, decoder: str) -> np.ndarray:
    """Send points through the units and ReLU, and bring them back with a linear decoder.

    Parameters
    ----------
    x : ndarray of shape (2, points)
        Points of the plane.
    units : ndarray of shape (..., n, 2)
        T, or a stack of several; n of at least 2.
    decoder : {"pseudo-inverse", "rescaled", "affine"}
        "pseudo-inverse" is T⁺, which brings T x back perfectly. "rescaled" is the multiple of T⁺ that has the smallest
        error. "affine" is the matrix and the offset with the smallest error (least squares from y to x).

    Returns
    -------
    ndarray of shape (..., 2, points)
        The points that come back.

    Raises
    ------
    ValueError
        If there is no decoder of that name, there are fewer than two units, or, for "affine", two of them have the same
        direction, so that there is no single best decoder.

    Notes
    -----
    max(a, 0) = (a + abs(a)) / 2, so T⁺ y = x/2 + T⁺ abs(T x)/2: half of the curve, and something that gets smaller
    with n because the units' directions cancel. That is why the pseudo-inverse's error tends to one half.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, figure 1, which decodes with the (pseudo-)inverse.

    Examples
    --------
    >>> points = np.array([[1.0, -1.0], [2.0, 2.0]])
    >>> decode(points, np.eye(2), "pseudo-inverse")
    array([[1., 0.],
           [2., 2.]])
    """
    _check_arrays(x=x, units=units)
    if decoder not in DECODERS:
        raise ValueError(f"decoder must be one of {', '.join(DECODERS)}, got {decoder!r}")
    if units.shape[-2] < 2:
        raise ValueError(
            f"units must be at least 2, got {units.shape[-2]}; one number cannot hold a point of the plane"
        )
    y = relu(x, units)
    if decoder == "affine":
        _different_directions(units)
        return _affine(x, y)
    back = np.linalg.pinv(units) @ y
    if decoder == "pseudo-inverse":
        return back
    return back * ((back * x).sum((-2, -1)) / (back * back).sum((-2, -1)))[..., None, None]


def _different_directions(units: np.ndarray) -> None:
    """Require units that are not zero, no two of one direction: then least squares has a single answer."""
    directions = np.sort(np.arctan2(units[..., 1], units[..., 0]))
    if (np.diff(directions) < 1e-6).any() or not units.any(-1).all():
        raise ValueError("units must all be different directions; leave out zeros, and one of each two that agree")


def _affine(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fit x by a linear function of y and a constant: least squares."""
    mean = x.mean(-1, keepdims=True)  # the best offset makes the means agree
    target, features = x - mean, y - y.mean(-1, keepdims=True)
    # Through the normal equations with einsum, because these many small matrices are quick on one thread, and LAPACK's
    # QR takes two of them and thirty times as long where both are busy. Solving again for what is left over gives back
    # the digits that the normal equations lose.
    gram = np.einsum("...ip,...jp->...ij", features, features)
    back = np.zeros_like(y[..., :2, :])
    for _ in range(2):
        weights = np.linalg.solve(gram, np.einsum("...ip,...jp->...ij", features, target - back))
        back += np.einsum("...ij,...ip->...jp", weights, features)
    return mean + back


def relative_error(x: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Return ‖x - x̂‖ / ‖x‖ over all points together.

    Parameters
    ----------
    x : ndarray of shape (2, points)
        The points.
    back : ndarray of shape (..., 2, points)
        What came back of them.

    Returns
    -------
    ndarray of shape (...)
        0 is perfect.

    Examples
    --------
    >>> float(relative_error(spiral(), spiral() / 2).round(6))
    0.5
    """
    _check_arrays(x=x, back=back)
    return np.linalg.norm(x - back, axis=(-2, -1)) / np.linalg.norm(x)


def active(x: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Count the units that are active at each point.

    Parameters
    ----------
    x : ndarray of shape (2, points)
        Points of the plane.
    units : ndarray of shape (..., n, 2)
        T, or a stack of several.

    Returns
    -------
    ndarray of int, of shape (..., points)
        How many entries of T x are above 0.

    Examples
    --------
    >>> active(np.array([[1.0, -1.0], [2.0, 2.0]]), np.eye(2))
    array([2, 1])
    """
    _check_arrays(x=x, units=units)
    return (units @ x > 0).sum(-2)


def lost_share(x: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Return the share of points with fewer than two active units.

    Parameters
    ----------
    x : ndarray of shape (2, points)
        Points of the plane.
    units : ndarray of shape (..., n, 2)
        T, or a stack of several.

    Returns
    -------
    ndarray of shape (...)
        From 0 to 1.

    Examples
    --------
    >>> float(lost_share(spiral(), np.eye(2)))  # two units at a right angle: a quarter of the plane keeps both
    0.751
    """
    return (active(x, units) < 2).mean(-1)


def expected_lost_share(n: int, d: int = 2) -> Fraction:
    """Return the probability that fewer than d of n random units are active at a point of d dimensions.

    Parameters
    ----------
    n : int
        Number of units.
    d : int, default=2
        Dimensions of the point.

    Returns
    -------
    Fraction
        Exact. For the plane it is (n + 1) / 2ⁿ.

    Raises
    ------
    TypeError, ValueError
        If n or d is not a positive integer.

    Notes
    -----
    At any point but the origin each unit is active with probability 1/2, independently of the others. Of the 2ⁿ equally
    probable patterns, one has no active unit, n have a single one, and so on.

    Examples
    --------
    >>> [str(expected_lost_share(n)) for n in (2, 3, 5, 10)]
    ['3/4', '1/2', '3/16', '11/1024']
    >>> float(expected_lost_share(24, 24)) > 0.9999999, round(float(expected_lost_share(48, 24)), 3)
    (True, 0.443)
    """
    n, d = positive_int(n=n, d=d)
    return Fraction(sum(comb(n, i) for i in range(d)), 2**n)


def expected_missing_share(n: int, d: int = 2) -> Fraction:
    """Return what share of the d equations that a point of d dimensions needs is missing after ReLU, on average.

    Parameters
    ----------
    n : int
        Number of units.
    d : int, default=2
        Dimensions of the point.

    Returns
    -------
    Fraction
        Exact. A point with 23 of its 24 equations is lost as a whole, and counts here with 1/24.

    Raises
    ------
    TypeError, ValueError
        If n or d is not a positive integer.

    Examples
    --------
    >>> [round(float(expected_missing_share(24 * t, 24)), 5) for t in (1, 2, 3)]
    [0.5, 0.05728, 0.00011]
    """
    n, d = positive_int(n=n, d=d)
    return Fraction(sum(comb(n, i) * (d - i) for i in range(d)), d * 2**n)


def medians(widths: Iterable[int]) -> dict[str, list[float]]:
    """Return the median error of each decoder over all draws, for each width.

    Parameters
    ----------
    widths : iterable of int
        Dimensions that the plane is sent into, each 2 or more.

    Returns
    -------
    dict of str to list of float
        For each of `DECODERS`.

    Raises
    ------
    TypeError, ValueError
        If a width is not an integer of 2 or more.

    Examples
    --------
    >>> {name: round(errors[0], 3) for name, errors in medians([15]).items()}
    {'pseudo-inverse': 0.54, 'rescaled': 0.402, 'affine': 0.006}
    """
    found = [draws(n) for n in _widths(widths)]
    return {name: [float(np.median(each[name])) for each in found] for name in DECODERS}


def _widths(widths: Iterable[int]) -> list[int]:
    listed = list(positive_ints("widths", widths))
    for n in listed:
        if n < 2:
            raise ValueError(f"widths must be 2 or more, got {n}; one number cannot hold a point of the plane")
    return listed


def quartiles(widths: Iterable[int]) -> list[tuple[int | str, ...]]:
    """Return the median error of each decoder over all draws, with its quartiles: a row for each width.

    Parameters
    ----------
    widths : iterable of int
        Dimensions that the plane is sent into, each 2 or more.

    Returns
    -------
    list of tuple
        The width, and for each of `DECODERS` a text such as "0.443 [0.323, 0.577]".

    Raises
    ------
    TypeError, ValueError
        If a width is not an integer of 2 or more.

    Examples
    --------
    >>> quartiles([15])[0][1].split()[0]
    '0.540'
    """
    rows = []
    for n in _widths(widths):
        found = draws(n)
        parts = [np.quantile(found[name], (0.5, 0.25, 0.75)) for name in DECODERS]
        rows.append((n, *(f"{middle:.3f} [{low:.3f}, {high:.3f}]" for middle, low, high in parts)))
    return rows


def draws(n: int, seeds: Iterable[int] = SEEDS) -> dict[str, np.ndarray]:
    """Repeat the experiment: the errors of the three decoders and the share of lost points, for each seed.

    Parameters
    ----------
    n : int
        Dimensions that the plane is sent into, 2 or more.
    seeds : iterable of int, default=range(1, 201)
        One draw of the units each.

    Returns
    -------
    dict of str to ndarray
        One number a seed, under the names of `DECODERS` and under "lost".

    Raises
    ------
    TypeError, ValueError
        If n or a seed is not a positive integer, or n is 1.

    Examples
    --------
    >>> found = draws(15)
    >>> {name: round(float(np.median(found[name])), 3) for name in DECODERS}
    {'pseudo-inverse': 0.54, 'rescaled': 0.402, 'affine': 0.006}
    """
    seeds = positive_ints("seeds", seeds)
    x = spiral()
    units = np.stack([random_units(n, seed) for seed in seeds])
    batches = [units[start : start + BATCH] for start in range(0, len(units), BATCH)]
    found = {
        name: np.concatenate([relative_error(x, decode(x, batch, name)) for batch in batches]) for name in DECODERS
    }
    return {**found, "lost": np.concatenate([lost_share(x, batch) for batch in batches])}
