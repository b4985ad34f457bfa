"""Counts of a real module: fvcore's MACs, parameters, torchinfo's summary."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .._validation import positive_int
from ..cost import Cost
from .operators import HANDLES
from .probe import (
    check_module,
    check_numbers,
    check_readable,
    check_result,
    probing,
    told,
    unwrapped,
    without_constants,
)

if TYPE_CHECKING:
    from torchinfo import ModelStatistics

# The names under which convolutions and matrix products are booked.
COUNTED = ("conv", *(name.partition("::")[2] for name in HANDLES))


def macs(module: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Count the MACs of convolutions and matrix products by running fvcore on a module.

    Parameters
    ----------
    module : torch.nn.Module
        Any module that takes one tensor, of any dtype. It is counted in eval mode and left in the mode it had.
    input_shape : tuple of int
        Shape of the input, with the batch: (1, 3, 224, 224).

    Returns
    -------
    int
        MACs. fvcore calls them "flops"; one of its flops is one multiply-accumulate.

    Raises
    ------
    TypeError, ValueError
        If module is not a torch module that returns a tensor, or input_shape not a shape that it takes.
    ImportError
        If fvcore is not installed.

    Notes
    -----
    Convolutions and matrix products are counted: linear layers, attention and recurrent layers, too. fvcore's own total
    is larger: it also counts normalisations, pooling and resizing. See :func:`macs_by_operator`. It follows what the
    module returns: a layer whose result goes nowhere is not counted, nor is what a function of torch.jit computes.

    References
    ----------
    fvcore, `FlopCountAnalysis`.

    Examples
    --------
    >>> macs(nn.Conv2d(64, 128, 3, padding=1), (1, 64, 56, 56))
    231211008
    """
    return of_products(_count(module, input_shape, everything=False))


def of_products(counted: Mapping[str, int]) -> int:
    """Sum the convolutions and matrix products in a count of :func:`macs_by_operator`.

    Parameters
    ----------
    counted : mapping of str to int
        A count, operator by operator.

    Returns
    -------
    int
        MACs, as :func:`macs` returns them.

    Examples
    --------
    >>> of_products({"conv": 1024, "batch_norm": 256, "linear": 80})
    1104
    """
    return sum(n for operator, n in counted.items() if operator in COUNTED)


def macs_by_operator(module: nn.Module, input_shape: tuple[int, ...]) -> dict[str, int]:
    """Return fvcore's full count, operator by operator, BatchNorm and pooling included.

    Parameters
    ----------
    module : torch.nn.Module
        Any module that takes one tensor.
    input_shape : tuple of int
        Shape of the input, with the batch.

    Returns
    -------
    dict of str to int
        For example ``{"conv": ..., "batch_norm": ...}``.

    Raises
    ------
    TypeError, ValueError, ImportError
        As :func:`macs`.

    Examples
    --------
    >>> macs_by_operator(nn.Sequential(nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8)), (1, 8, 4, 4))
    {'conv': 1024, 'batch_norm': 256}
    """
    return _count(module, input_shape, everything=True)


def _count(module: nn.Module, input_shape: tuple[int, ...], *, everything: bool) -> dict[str, int]:
    """Run fvcore: with our handles of products alone, or with all that fvcore has beside them."""
    check_module(module)
    module = unwrapped(module)
    check_readable(module)
    with probing(module, input_shape) as x, _quiet_fvcore() as flop_count_analysis, _by_the_book():
        check_numbers(x)
        check_result(module, module(x))  # who traces a module does not hear its objections
        analysis = flop_count_analysis(_Tensors(module), x)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        if not everything:
            analysis.clear_op_handles()
        analysis.set_op_handle(**{name: _booked(handle) for name, handle in HANDLES.items()})
        try:
            return {operator: int(n) for operator, n in analysis.by_operator().items()}
        except RuntimeError as error:  # the module runs, as was seen above
            raise ValueError(
                f"module must be one that torch.jit can trace, got {type(module).__name__}; give it without "
                f"torch.compile, and with tensors, lists, tuples and dicts as results; it says: {told(error)}"
            ) from error


class _Tensors(nn.Module):
    """A module that gives the tensors that another one gives: who traces wants no numbers or words beside them."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> tuple[Any, ...]:
        return tuple(without_constants(self.module(x)))


def _booked(handle: Callable[..., Any]) -> Callable[..., Any]:
    """Return a handle as fvcore wants it: what is booked under a name of its own comes in a Counter."""

    def count(inputs: list[Any], outputs: list[Any]) -> Any:
        found = handle(inputs, outputs)
        return Counter(found) if isinstance(found, dict) else found

    return count


def params(module: nn.Module) -> int:
    """Count the trained numbers of a module.

    Raises
    ------
    TypeError
        If module is not a torch module.

    Examples
    --------
    >>> params(nn.Conv2d(64, 128, 3))
    73856
    """
    check_module(module)
    return sum(parameter.numel() for parameter in module.parameters())


def cost(module: nn.Module, input_shape: tuple[int, ...]) -> Cost:
    """Measure parameters and MACs at once, to hold beside a closed form of :mod:`mobilenet_lib.cost`.

    Parameters
    ----------
    module : torch.nn.Module
        Any module that takes one tensor.
    input_shape : tuple of int
        Shape of the input, with the batch.

    Returns
    -------
    Cost
        Measured, not derived.

    Raises
    ------
    TypeError, ValueError, ImportError
        As :func:`macs`.

    Examples
    --------
    >>> cost(nn.Conv2d(64, 128, 1, bias=False), (1, 64, 56, 56))
    Cost(params=8192, macs=25690112)
    """
    return Cost(params(module), macs(module, input_shape))


def summary(module: nn.Module, input_shape: tuple[int, ...], depth: int = 3) -> ModelStatistics:
    """Return torchinfo's table: a row for each layer, with kernel, output, parameters and "mult-adds".

    Parameters
    ----------
    module : torch.nn.Module
        Any module that takes one tensor.
    input_shape : tuple of int
        Shape of the input, with the batch.
    depth : int, default=3
        How many levels of nesting to show.

    Returns
    -------
    torchinfo.ModelStatistics
        Printing it, or ending a cell with it, shows the table, with its columns close together.

    Raises
    ------
    TypeError, ValueError
        If module is not a torch module that returns a tensor, or input_shape not a shape that it takes.
    ImportError
        If torchinfo is not installed.

    Examples
    --------
    >>> summary(nn.Conv2d(3, 32, 3, padding=1), (1, 3, 32, 32)).total_params
    896
    """
    (depth,) = positive_int(depth=depth)
    check_module(module)
    try:
        import torchinfo
    except ImportError as error:
        raise ImportError("the summary needs torchinfo: pip install torchinfo") from error

    class Close(torchinfo.ModelStatistics):
        def __repr__(self) -> str:
            return _closer(super().__repr__())

    # A layer's input is the output of the one above it. With that column, and with a number behind each name, no slide
    # and no notebook has room for the others.
    columns = ("kernel_size", "output_size", "num_params", "mult_adds")
    looks = {"depth": depth, "col_names": columns, "col_width": 18, "row_settings": (), "verbose": 0}
    with probing(module, input_shape) as x:
        check_result(module, module(x))  # as above: torchinfo's hooks are in the way
        try:
            found = torchinfo.summary(module, input_data=[x], device=x.device, **looks)
        except RuntimeError as error:
            raise ValueError(
                f"module must be one that torchinfo can follow, got {type(module).__name__}; give it tensors, lists, "
                f"tuples and dicts as results; it says: {told(error.__cause__ or error)}"
            ) from error
    return Close(found.summary_list, found.input_size, found.total_input, found.formatting)


def _closer(table: str) -> str:
    """Move the columns of torchinfo's table together, until two spaces are between them."""
    lines = table.split("\n")
    rows = lines[: next(i for i, line in enumerate(lines) if line.startswith("Total params"))]
    width = max(len(row) for row in rows if not row.startswith("="))
    empty = [all(row.startswith("=") or not row[at : at + 1].strip() for row in rows) for at in range(width)]
    kept = [at for at in range(width) if not all(empty[at : at + 3]) or at + 3 > width]
    closed = ["".join(row[at : at + 1] for at in kept) for row in rows] + lines[len(rows) :]
    return "\n".join("=" * len(kept) if line.startswith("=") else line for line in closed)


@contextmanager
def _quiet_fvcore() -> Iterator[type]:
    """Import fvcore and hold back just the warning it is known for: the deprecation of torch.jit."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*torch\.jit", category=FutureWarning)
        warnings.filterwarnings("ignore", message=r".*torch\.jit", category=DeprecationWarning)
        try:
            from fvcore.nn import FlopCountAnalysis
        except ImportError as error:
            raise ImportError("counting MACs on a module needs fvcore: pip install fvcore") from error
        yield FlopCountAnalysis


@contextmanager
def _by_the_book() -> Iterator[None]:
    """Have attention run as it is written: the one call that PyTorch has for it in eval mode hides its products."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
