"""What running someone's module takes care of: that it is one, an input that fits, and that it stays as it was."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin

from .._validation import PERMANENT, positive_ints, shown

Module = TypeVar("Module", bound=nn.Module)
SHAPE = "(1, 3, H, W), with the batch"


def check_module(module: object, name: str = "module") -> None:
    """Require a module, built, with all of its weights there: one that waits for its first input would be changed."""
    if not isinstance(module, nn.Module):
        hint = "call the class to build one" if isinstance(module, type) else "pass the module itself"
        raise TypeError(f"{name} must be a torch.nn.Module, got {shown(module)}; {hint}")
    for part in module.modules():
        if isinstance(part, LazyModuleMixin) and cast(Any, part).has_uninitialized_params():
            raise ValueError(
                f"{name} must have all of its weights, got a {type(part).__name__} that waits for its first input; "
                f"call {name}(x) once"
            )


def check_readable(module: nn.Module, name: str = "module") -> None:
    """Require a module that runs in Python: one of torch.jit does not tell what it does, and keeps."""
    for part in module.modules():
        if isinstance(part, torch.jit.ScriptModule):
            kind = part.original_name
            raise TypeError(
                f"{name} must run in Python, got {kind} of torch.jit; give the {kind} that it was made from"
            )


def unwrapped(module: nn.Module) -> nn.Module:
    """Return the network inside of what spreads it over devices or compiles it: who traces it wants the network alone.

    Examples
    --------
    >>> unwrapped(nn.DataParallel(nn.ReLU()))
    ReLU()
    """
    while True:
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            module = module.module
        elif isinstance(compiled := getattr(module, "_orig_mod", None), nn.Module):
            module = compiled
        else:
            return module


def copied(module: Module, name: str = "module") -> Module:
    """Return a copy of a module, or say what stands against one."""
    try:
        return copy.deepcopy(module)
    except RuntimeError as error:  # weights that are results: pruned ones, and those of the older weight_norm
        raise ValueError(
            f"{name} must be one that can be copied, got {type(module).__name__} with weights made from others; "
            f"{PERMANENT}"
        ) from error


def check_numbers(x: Tensor) -> None:
    """Require an input of numbers, which a network without any of its own, on the meta device, does not have."""
    if x.device.type == "meta":
        raise ValueError(
            "module must hold numbers, got one on the meta device; module.to_empty(device='cpu') gives it some"
        )


def check_result(module: nn.Module, result: object) -> None:
    """Require a tensor in what a module has returned: without one, nothing that it computed is in any trace."""
    if next(without_constants(result), None) is None:
        raise ValueError(
            f"module must return a tensor, got {type(module).__name__} that returns {result!r}; "
            "end its forward with return and the tensor"
        )


def without_constants(result: object) -> Iterator[object]:
    """Yield what a module has returned, one after the other, without numbers, words and None.

    Examples
    --------
    >>> list(without_constants({"scores": torch.zeros(2), "about": ("two classes", None)}))
    [tensor([0., 0.])]
    """
    if isinstance(result, Mapping | list | tuple):
        for each in result.values() if isinstance(result, Mapping) else result:
            yield from without_constants(each)
    elif result is not None and not isinstance(result, str | int | float):
        yield result


def check_shape(input_shape: object, module: object = None) -> tuple[int, ...]:
    """Return the sizes of an input, the batch first, or say what is wrong with them.

    A single image is refused where the module shows that one is meant: its first layer is a two-dimensional
    convolution of just so many channels. PyTorch would take the channels for the batch, or guess.

    Examples
    --------
    >>> check_shape([1, 3, 224, 224])
    (1, 3, 224, 224)
    >>> check_shape((3, 224, 224), nn.Conv2d(3, 8, 1))
    Traceback (most recent call last):
        ...
    ValueError: input_shape must be (1, 3, H, W), with the batch, got (3, 224, 224); write (1, 3, 224, 224)
    """
    kind = type(input_shape).__name__
    if hasattr(input_shape, "shape"):
        raise TypeError(f"input_shape must be sizes such as {SHAPE}, got a {kind} itself; give its .shape")
    if isinstance(input_shape, str | bytes | dict) or not isinstance(input_shape, Iterable):
        raise TypeError(
            f"input_shape must be several positive integers, {SHAPE}, got {input_shape!r}; write (1, 3, 224, 224)"
        )
    given = tuple(input_shape)
    for i, size in enumerate(given):
        if hasattr(size, "shape") and getattr(size, "ndim", 0):  # a whole picture in its place is not printed
            kind = type(size).__name__
            raise TypeError(f"input_shape[{i}] must be a positive integer, got a {kind}; {SHAPE} are sizes")
    sizes = positive_ints("input_shape", given)
    if not sizes:
        raise ValueError(f"input_shape must be {SHAPE}, got (); write the size of each dimension")
    first = _first_layer(module) if isinstance(module, nn.Module) else None
    if isinstance(first, nn.Conv2d) and len(sizes) == 3 and sizes[0] == first.in_channels:
        raise ValueError(f"input_shape must be {SHAPE}, got {sizes}; write {(1, *sizes)}")
    return sizes


def place_of(module: object) -> dict[str, Any]:
    """Return the dtype and the device that a module's input must have, as keywords for ``torch.zeros``.

    They are those of its first floating-point parameter or buffer. What has none of them, a plain function too, may
    say its own with an attribute `dtype`, as :class:`~mobilenet_lib.topics.shipping.OnnxNetwork` does; else they are
    PyTorch's default and the CPU.

    Examples
    --------
    >>> place_of(nn.Conv2d(3, 8, 1).double()), place_of(nn.ReLU())
    ({'dtype': torch.float64, 'device': device(type='cpu')}, {'dtype': torch.float32, 'device': device(type='cpu')})
    """
    if isinstance(module, nn.Module):
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point() or tensor.is_complex():
                return {"dtype": tensor.dtype, "device": tensor.device}
    own = getattr(module, "dtype", None)
    return {"dtype": own if isinstance(own, torch.dtype) else torch.get_default_dtype(), "device": torch.device("cpu")}


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Switch to eval mode and back: measuring must not move BatchNorm's running averages."""
    modes = {part: part.training for module in modules for part in module.modules()}
    for module in modules:
        nn.Module.train(module, False)  # a program of torch.export refuses its own eval(), and needs none
    try:
        with torch.no_grad():
            yield
    finally:
        for part, mode in modes.items():
            part.training = mode


@contextmanager
def probing(module: nn.Module | Callable, input_shape: object, make: Callable[..., Tensor] = torch.zeros) -> Iterator:
    """Give an input for a module, which is in eval mode meanwhile, and blame the shape where the module refuses it.

    Everything that makes an input of its own does it here, so that all of it follows the module's dtype and device,
    says the same of a shape that does not fit, and leaves torch's generator as it was.

    Examples
    --------
    >>> with probing(nn.Conv2d(3, 8, 1).half(), (1, 3, 4, 4)) as x:
    ...     x.dtype
    torch.float16
    >>> with probing(nn.Linear(3, 8), (1, 4)) as x:
    ...     nn.Linear(3, 8)(x)
    Traceback (most recent call last):
        ...
    ValueError: input_shape must be one that the module takes, got (1, 4); it says: mat1 and mat2 shapes cannot be \
multiplied (1x4 and 3x8)
    """
    if isinstance(module, nn.Module):
        check_module(module)
    sizes = check_shape(input_shape, module)
    parts = list(module.modules()) if isinstance(module, nn.Module) else []
    hooks = [hooks for part in parts for hooks in (part._forward_hooks, part._forward_pre_hooks)]
    own = [set(each) for each in hooks]
    with torch.random.fork_rng(devices=[]), evaluating(*([module] if isinstance(module, nn.Module) else [])):
        try:
            x = make(sizes, **place_of(module))
        except (RuntimeError, TypeError) as error:  # more numbers than the machine has room for, or can count
            raise ValueError(
                f"input_shape must be one to make an input of, got {shown(sizes)}; give smaller sizes, for the machine "
                f"says: {told(error)}"
            ) from error
        try:
            yield x
        except Exception as error:
            for each, before in zip(hooks, own, strict=True):  # fvcore leaves its own behind when a module fails
                for key in each.keys() - before:
                    del each[key]
            # The module is asked alone, so that what goes wrong around it is not blamed on the shape.
            refusal = _refusal(module, x)
            if refusal is None:
                raise
            said = told(refusal)
            raise ValueError(f"input_shape must be one that the module takes, got {sizes}; it says: {said}") from error


def told(error: BaseException) -> str:
    """Return the first line of what an error says, or its name where it says nothing.

    Examples
    --------
    >>> told(RuntimeError("no room")), told(KeyError())
    ('no room', 'KeyError')
    """
    return str(error).strip().split("\n")[0] or type(error).__name__


def quietly(name: str) -> ModuleType:
    """Import a part of torch that looks for CUDA: a machine with its tools and without a GPU would be told so."""
    log = logging.getLogger("torch.utils.cpp_extension")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        return import_module(name)
    finally:
        log.setLevel(level)


def _first_layer(module: nn.Module) -> nn.Module | None:
    """Return the first part that has weights of its own, in the order of registration."""
    return next((part for part in module.modules() if next(part.parameters(recurse=False), None) is not None), None)


def _refusal(module: Callable, x: Tensor) -> Exception | None:
    try:
        with torch.no_grad():
            module(x)
    except Exception as error:  # a module may refuse with whatever it likes
        return error
    return None
