"""What measuring a module takes care of: that it is one, where it lives, and that it stays as it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

import torch
from torch import Tensor, nn


def check_module(module: object) -> None:
    """Require a module, built."""
    if not isinstance(module, nn.Module):
        hint = "call the class to build one" if isinstance(module, type) else "pass the module itself"
        raise TypeError(f"module must be a torch.nn.Module, got {module!r}; {hint}")


def device_of(module: nn.Module) -> torch.device:
    """Return where a module's parameters live; without parameters, the CPU."""
    tensor: Tensor | None = next(module.parameters(), None)
    return torch.device("cpu") if tensor is None else tensor.device


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Switch to eval mode and back: measuring must not move BatchNorm's running averages."""
    modes = {part: part.training for module in modules for part in module.modules()}
    for module in modules:
        module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, mode in modes.items():
            part.training = mode


def quietly(name: str) -> ModuleType:
    """Import a part of torch that looks for CUDA: a machine with its tools and without a GPU would be told so."""
    log = logging.getLogger("torch.utils.cpp_extension")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        return import_module(name)
    finally:
        log.setLevel(level)
