"""What the figures about the blocks after MobileNetV2 share: a block as a chain of convolutions, and its picture."""

from __future__ import annotations

from .kit import Explorable


class DrawnBlock(Explorable):
    """An explorable that draws a block of MobileNet's successors: its script finds that of this class before it."""
