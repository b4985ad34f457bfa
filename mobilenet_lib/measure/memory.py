"""What a call asks of the machine's memory, and what a step of training keeps there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .._validation import function

if TYPE_CHECKING:
    from torch import Tensor, nn


def page_faults(call: Callable[[], object]) -> int | None:
    """Count how often a call touches memory that the system has promised but not given yet.

    Parameters
    ----------
    call : callable
        Called once, without arguments.

    Returns
    -------
    int or None
        Minor page faults of this process. None where the system does not count them (Windows, some sandboxes).

    Notes
    -----
    Fresh memory has no pages behind it. The first touch of each page, 4096 bytes on most machines, interrupts the
    program: the system must find a page and fill it with zeros.

    Examples
    --------
    >>> faults = page_faults(lambda: None)
    >>> faults is None or faults >= 0
    True
    """
    function("call", call)
    try:
        import resource
    except ImportError:
        call()
        return None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    result = call()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    del result  # kept until here, so that freeing it is not part of the count
    return after - before if after else None  # no program starts without a fault: zero means that nobody counts


def saved_for_backward(module: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Count the bytes that PyTorch keeps from a forward pass in training, because the backward pass reads them.

    Parameters
    ----------
    module : torch.nn.Module
        Any module that takes one tensor. A copy of it runs, in training mode; the module stays as it was.
    input_shape : tuple of int
        Shape of the input, with the batch: (2, 3, 224, 224).

    Returns
    -------
    int
        Bytes, for the whole batch. Parameters are not in it, since they are there anyway; a tensor that several
        operations keep is counted once.

    Raises
    ------
    TypeError, ValueError
        If module is not a torch module, or input_shape not a shape that it takes.

    Notes
    -----
    ``torch.autograd.graph.saved_tensors_hooks`` tells which tensors these are. A convolution keeps its input, a
    BatchNorm keeps its own input, which is the convolution's output, and ReLU6 keeps one more.

    Examples
    --------
    >>> from torch import nn
    >>> conv = nn.Conv2d(3, 8, 1, bias=False)
    >>> saved_for_backward(conv, (2, 3, 10, 10)) == 4 * 2 * 3 * 10 * 10  # the input, in float32
    True
    """
    import torch

    from .probe import check_module, check_numbers, check_readable, copied, probing, told, unwrapped

    check_module(module)
    module = unwrapped(module)  # a copy of a compiled one would run on the weights of the first
    check_readable(module)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in there:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with probing(module, input_shape, torch.randn) as x:
        check_numbers(x)
        module(x)  # a shape that does not fit is blamed here
        trained = copied(module).train()
        there = {parameter.untyped_storage().data_ptr() for parameter in trained.parameters()}
        try:
            with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                result = trained(x)
        except Exception as error:  # whatever the module refuses with
            shape = tuple(x.shape)
            raise ValueError(
                f"input_shape must be one that the module takes in training, got {shape}; it says: {told(error)}"
            ) from error
    del result  # kept until here: memory that is given back could be given out again, and would count once
    return sum(kept.values())
