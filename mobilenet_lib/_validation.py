"""Argument checks shared by the library: every message says the name, the value and the remedy."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real


def positive_int(**arguments: object) -> None:
    """Require each keyword argument to be an integer of at least 1.

    Raises
    ------
    TypeError
        If a value is not an integer (True and 8.0 are not).
    ValueError
        If a value is below 1.

    Examples
    --------
    >>> positive_int(in_channels=0)
    Traceback (most recent call last):
        ...
    ValueError: in_channels must be a positive integer, got 0; give 1 or more
    """
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise TypeError(f"{name} must be a positive integer, got {value!r}; round it or use int(...)")
        if value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value}; give 1 or more")


def zero_or_more(**arguments: object) -> None:
    """Require each keyword argument to be an integer of at least 0."""
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise TypeError(f"{name} must be an integer of 0 or more, got {value!r}; round it or use int(...)")
        if value < 0:
            raise ValueError(f"{name} must be an integer of 0 or more, got {value}; 0 adds no pixels")


def odd_kernel(kernel_size: object) -> None:
    """Require an odd, positive kernel size."""
    positive_int(kernel_size=kernel_size)
    if kernel_size % 2 == 0:
        raise ValueError(
            f"kernel_size must be odd, got {kernel_size}; an even kernel has no centre pixel, "
            f"so use {kernel_size - 1} or {kernel_size + 1}"
        )


def one_or_two(stride: object) -> None:
    """Require a stride of 1 or 2, the only two that MobileNets use."""
    positive_int(stride=stride)
    if stride not in (1, 2):
        raise ValueError(f"stride must be 1 or 2, got {stride}; for a larger step put one stride-2 block after another")


def positive_number(**arguments: object) -> None:
    """Require each keyword argument to be a finite real number above 0."""
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"{name} must be a number above 0, got {value!r}; 1.0 is the size in the paper")
        if not math.isfinite(value) or value <= 0:
            raise ValueError(f"{name} must be a finite number above 0, got {value}; 1.0 is the size in the paper")


def share(**arguments: object) -> None:
    """Require each keyword argument to be a real number from 0 to 1."""
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"{name} must be a number from 0 to 1, got {value!r}; 0.0 switches it off")
        if not 0 <= value <= 1:  # also false for nan
            raise ValueError(f"{name} must be a number from 0 to 1, got {value}; 0.0 switches it off")


def pair(size: object, name: str = "size") -> tuple[int, int]:
    """Return (height, width) from one integer or a pair of integers.

    Examples
    --------
    >>> pair(56), pair((7, 5))
    ((56, 56), (7, 5))
    """
    height, width = size if isinstance(size, (tuple, list)) and len(size) == 2 else (size, size)
    positive_int(**{f"{name} (height)": height, f"{name} (width)": width})
    return int(height), int(width)


def at_least(minimum: int, size: tuple[int, int], name: str = "resolution") -> None:
    """Require both sides of an image to be at least `minimum` pixels, the network's total stride."""
    if min(size) < minimum:
        raise ValueError(
            f"{name} must be at least {minimum} pixels a side, got {size[0]}x{size[1]}; "
            f"the network halves the image until one pixel stands for {minimum}: enlarge the image"
        )


def positive_ints(name: str, values: object) -> tuple[int, ...]:
    """Return the values as a tuple, each an integer of at least 1.

    Examples
    --------
    >>> positive_ints("rates", [6, 12])
    (6, 12)
    """
    try:
        values = tuple(values)
    except TypeError:
        raise TypeError(
            f"{name} must be several positive integers, got {values!r}; for one write ({values!r},)"
        ) from None
    for i, value in enumerate(values):
        positive_int(**{f"{name}[{i}]": value})
    return tuple(int(value) for value in values)


def one_of(name: str, value: object, known: Iterable[str]) -> None:
    """Require a word that is among those that are known.

    Examples
    --------
    >>> one_of("split", "validation", ("train", "test"))
    Traceback (most recent call last):
        ...
    ValueError: split must be one of train, test, got 'validation'
    """
    known = list(known)
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
