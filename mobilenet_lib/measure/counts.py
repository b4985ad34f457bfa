"""Counts of a real module: fvcore's MACs, parameters, torchinfo's summary."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn

from ..cost import Cost
from ._modules import check_module, device_of, evaluating

if TYPE_CHECKING:
    from torchinfo import ModelStatistics

# fvcore counts these too; the papers do not, and neither does this book.
NOT_COUNTED = ("aten::batch_norm", "aten::adaptive_avg_pool2d", "aten::upsample_bilinear2d")


def macs(module: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Count the MACs of convolutions and linear layers by running fvcore on a module.

    Parameters
    ----------
    module : torch.nn.Module
        Any module that takes one tensor. It is counted in eval mode and left in the mode it had.
    input_shape : tuple of int
        Shape of the input, with the batch: (1, 3, 224, 224).

    Returns
    -------
    int
        MACs. fvcore calls them "flops"; one of its flops is one multiply-accumulate.

    Raises
    ------
    TypeError
        If module is not a torch module.
    ImportError
        If fvcore is not installed.

    Notes
    -----
    fvcore's own total is larger: it also counts BatchNorm, pooling and bilinear resizing. See :func:`macs_by_operator`.

    References
    ----------
    fvcore, `FlopCountAnalysis`.

    Examples
    --------
    >>> macs(nn.Conv2d(64, 128, 3, padding=1), (1, 64, 56, 56))
    231211008
    """
    counted = macs_by_operator(module, input_shape)
    return sum(n for operator, n in counted.items() if f"aten::{operator}" not in NOT_COUNTED)


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
    TypeError, ImportError
        As :func:`macs`.

    Examples
    --------
    >>> macs_by_operator(nn.Sequential(nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8)), (1, 8, 4, 4))
    {'conv': 1024, 'batch_norm': 256}
    """
    check_module(module)
    with _quiet_fvcore() as flop_count_analysis, evaluating(module):
        analysis = flop_count_analysis(module, torch.zeros(input_shape, device=device_of(module)))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        return {operator: int(n) for operator, n in analysis.by_operator().items()}


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
    TypeError, ImportError
        As :func:`macs`.

    Examples
    --------
    >>> cost(nn.Conv2d(64, 128, 1, bias=False), (1, 64, 56, 56))
    Cost(params=8192, macs=25690112)
    """
    return Cost(params(module), macs(module, input_shape))


def summary(module: nn.Module, input_shape: tuple[int, ...], depth: int = 3) -> ModelStatistics:
    """Return torchinfo's table: a row for each layer, with shapes, parameters and "mult-adds".

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
        Printing it, or ending a cell with it, shows the table.

    Raises
    ------
    TypeError
        If module is not a torch module.
    ImportError
        If torchinfo is not installed.

    Examples
    --------
    >>> summary(nn.Conv2d(3, 32, 3, padding=1), (1, 3, 32, 32)).total_params
    896
    """
    check_module(module)
    try:
        import torchinfo
    except ImportError as error:
        raise ImportError("the summary needs torchinfo: pip install torchinfo") from error
    columns = ("kernel_size", "input_size", "output_size", "num_params", "mult_adds")
    looks = {"depth": depth, "col_names": columns, "col_width": 18, "verbose": 0}
    with evaluating(module):
        return torchinfo.summary(module, input_size=input_shape, device=device_of(module), **looks)


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
