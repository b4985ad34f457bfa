"""What is in memory while a block or a network runs: what the figures of both show."""

from __future__ import annotations

from typing import NamedTuple


class Alive(NamedTuple):
    """What is in memory while one step runs: counts of numbers, for one image.

    Attributes
    ----------
    name : str
        What runs: a layer, or a block at once.
    numbers : dict of str to int
        What is there. In a block: "input", "output", and tensors of the middle under the layer that wrote them. In a
        network: "read" and "written", the step's input and output, and "kept", what waits for a residual sum.
    layers : (int, int)
        First and last layer that the step stands for, counted from 0.
    """

    name: str
    numbers: dict[str, int]
    layers: tuple[int, int]

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.numbers.values())
