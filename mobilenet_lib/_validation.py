"""Argument checks shared by the library: every message says the name, the value and the remedy.

A check returns what it has checked, as plain Python numbers: NumPy's integers are welcome, but would overflow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any, SupportsFloat, SupportsInt, TypeVar, cast

Kind = TypeVar("Kind")

LONGEST = 80  # letters of a value in a message
# What helps where a layer makes its weights anew for each call, as norms of weights and pruning have it.
PERMANENT = (
    "make such weights permanent first, with torch.nn.utils.parametrize.remove_parametrizations, "
    "torch.nn.utils.prune.remove or torch.nn.utils.remove_weight_norm"
)


def shown(value: object) -> str:
    """Return a value as a message shows it: on one line, short, and of a tensor or an array the shape alone.

    Examples
    --------
    >>> shown("8"), shown([0] * 100)
    ("'8'", '[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0...')
    """
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"{type(value).__name__} of shape {tuple(shape)}"
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python writes no integer of more than 4300 digits
        return f"{type(value).__name__} of thousands of digits"
    return text if len(text) <= LONGEST else text[: LONGEST - 3].rstrip() + "..."


def _integer(name: str, value: object, least: int, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be {what}, got {shown(value)}; {_whole(value, least)}")
    number = int(cast(SupportsInt, value))
    if number < least:
        raise ValueError(f"{name} must be {what}, got {shown(number)}; give {least} or more")
    return number


def _whole(value: object, least: int) -> str:
    try:
        number = int(cast(SupportsInt, value))
    except Exception:  # whatever a stranger's own number raises
        number = least - 1
    return (
        f"give {least} or more"
        if isinstance(value, bool) or number < least
        else f"int(...) makes {shown(number)} of it"
    )


def positive_int(**arguments: object) -> tuple[int, ...]:
    """Require each keyword argument to be an integer of at least 1, and return them.

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
    return tuple([_integer(name, value, 1, "a positive integer") for name, value in arguments.items()])


def zero_or_more(**arguments: object) -> tuple[int, ...]:
    """Require each keyword argument to be an integer of at least 0, and return them."""
    return tuple([_integer(name, value, 0, "an integer of 0 or more") for name, value in arguments.items()])


def odd_kernel(kernel_size: object) -> int:
    """Require an odd, positive kernel size, and return it."""
    (size,) = positive_int(kernel_size=kernel_size)
    if size % 2 == 0:
        raise ValueError(
            f"kernel_size must be odd, got {shown(size)}; an even kernel has no centre pixel, so use {shown(size - 1)} "
            f"or {shown(size + 1)}"
        )
    return size


def one_or_two(stride: object, name: str = "stride") -> int:
    """Require a stride of 1 or 2, the only two that MobileNets use, and return it."""
    (step,) = positive_int(**{name: stride})
    if step not in (1, 2):
        raise ValueError(
            f"{name} must be 1 or 2, got {shown(step)}; for a larger step put one stride-2 block after another"
        )
    return step


def divides(groups: object, in_channels: int, out_channels: int) -> int:
    """Require a number of groups that divides both channel counts, and return it."""
    (number,) = positive_int(groups=groups)
    common = math.gcd(in_channels, out_channels)
    if common % number:
        raise ValueError(
            f"groups must divide in_channels and out_channels, got groups={shown(number)} for {shown(in_channels)} and "
            f"{shown(out_channels)}; use 1 (standard) or another divisor of {shown(common)}"
        )
    return number


def _real(name: str, value: object, what: str, remedy: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be {what}, got {shown(value)}; {remedy}")
    try:
        return float(cast(SupportsFloat, value))
    except OverflowError:
        return math.inf


def positive_number(**arguments: object) -> tuple[float, ...]:
    """Require each keyword argument to be a finite real number above 0, and return them."""
    found = []
    for name, value in arguments.items():
        found.append(_real(name, value, "a number above 0", "give a float or an int, such as 1.0"))
        if not math.isfinite(found[-1]) or found[-1] <= 0:
            raise ValueError(f"{name} must be a finite number above 0, got {shown(value)}; 1.0 is one")
    return tuple(found)


def share(**arguments: object) -> tuple[float, ...]:
    """Require each keyword argument to be a real number from 0 to 1, and return them."""
    found = []
    for name, value in arguments.items():
        found.append(_real(name, value, "a number from 0 to 1", "0.0 switches it off"))
        if not 0 <= found[-1] <= 1:  # also false for nan
            raise ValueError(f"{name} must be a number from 0 to 1, got {shown(value)}; 0.0 switches it off")
    return tuple(found)


def pair(size: object, name: str = "size") -> tuple[int, int]:
    """Return (height, width) from one integer or a pair of integers.

    Examples
    --------
    >>> pair(56), pair((7, 5))
    ((56, 56), (7, 5))
    """
    several_of_another_kind = isinstance(size, Iterable) and not isinstance(size, str) and getattr(size, "ndim", 1)
    if len(size) != 2 if isinstance(size, (tuple, list)) else several_of_another_kind:
        raise TypeError(f"{name} must be one integer or (height, width), got {shown(size)}; give two integers")
    height, width = size if isinstance(size, (tuple, list)) else (size, size)
    height, width = positive_int(**{f"{name} (height)": height, f"{name} (width)": width})
    return height, width


def at_least(minimum: int, size: tuple[int, int], name: str = "resolution") -> None:
    """Require both sides of an image to be at least `minimum` pixels, the network's total stride."""
    if min(size) < minimum:
        raise ValueError(
            f"{name} must be at least {minimum} pixels a side, got {size[0]}x{size[1]}; "
            f"the network halves the image until one pixel stands for {minimum}: enlarge the image"
        )


def several(name: str, values: object, what: str, one: str) -> tuple[Any, ...]:
    """Return what can be walked along as a tuple; a single value, a string or nothing is refused.

    Examples
    --------
    >>> several("rates", 6, "several positive integers", "(6,)")
    Traceback (most recent call last):
        ...
    TypeError: rates must be several positive integers, got 6; for one write (6,)
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be {what}, got {shown(values)}; for one write {one}")
    try:
        return tuple(values)
    except TypeError:  # a tensor or an array without a dimension
        raise TypeError(f"{name} must be {what}, got {shown(values)}; for one write {one}") from None


def instances(name: str, values: object, kind: type[Kind] | tuple[type[Kind], ...], remedy: str) -> list[Kind]:
    """Return the values as a list, each of a kind or of one of several."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    what = " or ".join(one.__name__ for one in kinds)
    found = several(name, values, f"several {what}", "a list of it")
    for i, value in enumerate(found):
        if not isinstance(value, kinds):
            raise TypeError(f"{name}[{i}] must be a {what}, got {shown(value)}; {remedy}")
    return cast("list[Kind]", list(found))


def positive_ints(name: str, values: object) -> tuple[int, ...]:
    """Return the values as a tuple, each an integer of at least 1.

    Examples
    --------
    >>> positive_ints("rates", [6, 12])
    (6, 12)
    """
    one = f"({values},)" if isinstance(values, Integral) else "(1,)"
    found = several(name, values, "several positive integers", one)
    return positive_int(**{f"{name}[{i}]": value for i, value in enumerate(found)})


def flag(**arguments: object) -> tuple[bool, ...]:
    """Require each keyword argument to be True or False, and return them."""
    for name, value in arguments.items():
        if type(value).__name__ not in ("bool", "bool_"):  # NumPy's too, without importing it
            raise TypeError(f"{name} must be True or False, got {shown(value)}; write bool(...) if you mean its truth")
    return tuple([bool(value) for value in arguments.values()])


def string(**arguments: object) -> tuple[str, ...]:
    """Require each keyword argument to be a string, and return them."""
    for name, value in arguments.items():
        if not isinstance(value, str):
            raise TypeError(f"{name} must be a string, got {shown(value)}; put it in quotes or use str(...)")
    return cast("tuple[str, ...]", tuple(arguments.values()))


def one_of(name: str, value: object, known: Iterable[str]) -> str:
    """Require a word that is among those that are known, and return it.

    Examples
    --------
    >>> one_of("split", "validation", ("train", "test"))
    Traceback (most recent call last):
        ...
    ValueError: split must be one of train, test, got 'validation'
    """
    known = list(known)
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {shown(value)}")
    return value


def real_numbers(name: str, values: object) -> list[float]:
    """Return several finite real numbers as a list."""
    found = several(name, values, "several numbers", f"[{values}]" if isinstance(values, Real) else "[0.5]")
    numbers = [_real(f"{name}[{i}]", value, "a number", "give a float or an int") for i, value in enumerate(found)]
    for i, number in enumerate(numbers):
        if not math.isfinite(number):
            raise ValueError(f"{name}[{i}] must be a finite number, got {number}; leave it out")
    return numbers


def instance(name: str, value: object, kind: type[Kind], remedy: str) -> Kind:
    """Require a value of a kind, and return it.

    Examples
    --------
    >>> instance("seconds", "1", float, "write 1.0")
    Traceback (most recent call last):
        ...
    TypeError: seconds must be a float, got '1'; write 1.0
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be a {kind.__name__}, got {shown(value)}; {remedy}")
    return value


def function(name: str, value: object) -> None:
    """Require what can be called."""
    if not callable(value):
        raise TypeError(f"{name} must be a function, got {shown(value)}; give its name without brackets, or a lambda")


def mapping(name: str, value: object, example: str) -> None:
    """Require a dict, or what is like one."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict, got {shown(value)}; such as {example}")


def sized(name: str, value: object, example: str) -> None:
    """Require a list, or what has a length and places like one; a string has them too, and is not meant."""
    if isinstance(value, str) or not hasattr(value, "__len__") or not hasattr(value, "__getitem__"):
        raise TypeError(f"{name} must be a list, got {shown(value)}; such as {example}")


def tensor(name: str, value: object, shape: str) -> None:
    """Require a torch.Tensor with as many dimensions as a shape such as "(N, C, H, W)" has names."""
    import torch  # whoever has a tensor has it already

    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name} must be a torch.Tensor {shape}, got {shown(value)}; torch.as_tensor(...) may make one")
    if value.dim() != shape.count(",") + 1 - shape.count(",)"):
        raise ValueError(f"{name} must have shape {shape}, got {tuple(value.shape)}; use reshape or an index")


def from_0_to_1(name: str, value: Any) -> None:
    """Require a torch.Tensor of floats, as a picture is from 0 to 1: bytes would be taken for such."""
    if not value.is_floating_point():
        raise TypeError(f"{name} must hold numbers from 0 to 1, got {value.dtype}; for 0 to 255 write {name} / 255")


def labels(name: str, value: object, count: int | None = None) -> None:
    """Require a torch.Tensor of integers, (N,): classes."""
    tensor(name, value, "(N,)")
    dtype = value.dtype  # type: ignore[attr-defined]
    if dtype.is_floating_point or dtype.is_complex:
        raise TypeError(f"{name} must hold integers, got {dtype}; use {name}.long()")
    if count not in (None, len(value)):  # type: ignore[arg-type]
        raise ValueError(f"{name} must be {count}, one for each row, got {len(value)}; give as many")  # type: ignore


def array(name: str, value: object, dims: tuple[int, ...]) -> None:
    """Require a NumPy array of numbers with one of some numbers of dimensions."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if type(value).__module__ != "numpy" or kind not in tuple("iuf"):
        raise TypeError(f"{name} must be a numpy array of numbers, got {shown(value)}; np.array(...) may make one")
    if len(value.shape) not in dims:  # type: ignore[attr-defined]
        wanted = " or ".join(map(str, dims))
        raise ValueError(f"{name} must have {wanted} dimensions, got shape {value.shape}; use reshape")  # type: ignore
