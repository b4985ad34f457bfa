"""What came after MobileNetV2: families of networks that timm writes as strings, read, built and counted.

``grammar`` reads a string.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .grammar import KINDS, LETTERS, BlockSpec, Misread, parse
else:
    from ... import _lazy

    HOMES = {
        "KINDS": "grammar",
        "LETTERS": "grammar",
        "BlockSpec": "grammar",
        "Misread": "grammar",
        "parse": "grammar",
    }
    __getattr__, __dir__ = _lazy.names(__name__, HOMES)

__all__ = [
    "KINDS",
    "LETTERS",
    "BlockSpec",
    "Misread",
    "parse",
]
