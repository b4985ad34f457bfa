"""The bare and the filled edition of a chapter in one kernel: each name holds what it holds in either.

A cell whose names hold the same in both does the same in both, and runs once, for both. A blank runs twice, and so
does each cell that reads what differs after it. The notebook's kernel runs this file, and gives `Both` its names.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import warnings
import zlib
from collections import OrderedDict
from collections.abc import Collection

import torch


class Both:
    """What a notebook's names hold in its two editions. One edition is in the kernel's `names`, the other kept."""

    def __init__(self, names: dict[str, object], hidden: Collection[str] = ()):
        self.names, self.hidden = names, {*hidden}
        self.other = self.held()

    def held(self) -> dict[str, object]:
        return {name: value for name, value in self.names.items() if name[0] != "_" and name not in self.hidden}

    def made(self) -> dict[str, bytes]:
        return {name: made_of(value) for name, value in self.held().items()}

    def swap(self) -> None:
        held = self.held()
        for name in held:
            del self.names[name]
        self.names.update(self.other)
        self.other = held

    def bare(self, differ: Collection[str]) -> None:
        """Go to the bare edition. What the cells since the last comparison have set, they have set in both."""
        same = {name: value for name, value in self.held().items() if name not in differ}
        self.other = same | {name: value for name, value in self.other.items() if name in differ}
        self.swap()
        self.random = torch.get_rng_state()

    def filled(self) -> None:
        """Go to the filled edition, with the random numbers that the bare one began with."""
        self.bare_made, self.bare_modes = self.made(), modes()
        self.swap()
        torch.set_rng_state(self.random)

    def compare(self) -> tuple[list[str], list[str]]:
        """Return the names that hold different things now, and those of them that hold one, changed by the answer."""
        assert modes() == self.bare_modes, f"an answer leaves PyTorch with {modes()}, not with {self.bare_modes}"
        made = self.made()
        differ = {name for name in made | self.bare_made if made.get(name) != self.bare_made.get(name)}
        return sorted(differ), sorted(name for name in differ & {*made} if self.names[name] is self.other.get(name))


def modes() -> tuple:
    """Return what no name tells of, and later cells would meet."""
    return torch.is_grad_enabled(), torch.get_num_threads(), torch.get_default_dtype()


def made_of(value: object) -> bytes:
    """Return the same bytes for values that are the same, as two networks that began with the same numbers."""
    written = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what later Pythons will not write any more
        Writer(written).dump(value)
    return written.getvalue()


class Writer(pickle.Pickler):
    """Write a tensor's numbers, without their address. What cannot be written, or only by its name, is itself alone."""

    def reducer_override(self, value: object):
        if value is str:
            return NotImplemented
        if type(value) is OrderedDict:  # ten a module, mostly empty, and their own way takes twice as long
            return OrderedDict, (), vars(value) or None, None, iter(value.items())
        with contextlib.suppress(Exception):
            if isinstance(value, torch.Tensor):
                numbers = zlib.crc32(value.detach().contiguous().numpy())
                return str, (f"{value.dtype} {value.shape} {value.requires_grad} {value.grad_fn} {numbers}",)
            if not isinstance(reduced := value.__reduce_ex__(4), str):
                return reduced
        return str, (f"{type(value)} {id(value)}",)
