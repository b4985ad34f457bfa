"""Where each class of timm's ``_efficientnet_blocks.py`` is explained, read from the file that is installed."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import NamedTuple

FILE = "timm.models._efficientnet_blocks"
# timm's class: what it is in this book, the chapter that explains it, and what the chapter says of it.
PLACES = {
    "SqueezeExcite": ("SqueezeExcite", "11_beyond", "squeeze-and-excitation"),
    "ConvBnAct": ("ConvBNReLU", "14_after_v2", "convolution, BatchNorm, activation"),
    "DepthwiseSeparableConv": ("DepthwiseSeparableConv", "03_depthwise_separable_convolution", "MobileNetV1's block"),
    "InvertedResidual": ("ConvDepthwiseConv", "06_inverted_residual", "MobileNetV2's block"),
    "UniversalInvertedResidual": ("UniversalInvertedBottleneck", "14_after_v2", "MobileNetV4's block"),
    "MobileAttention": (None, "14_after_v2", "MobileNetV4's attention, read and costed"),
    "CondConvResidual": (None, "14_after_v2", "an inverted residual with a mixture of kernels, read"),
    "EdgeResidual": ("EdgeResidual", "14_after_v2", "the fused inverted residual"),
}


class TimmClass(NamedTuple):
    """A class of timm's file, and its place in this book.

    Attributes
    ----------
    name : str
        As timm calls it.
    line : int
        Where it begins in the installed file.
    ours : str or None
        This library's class, if it has one.
    chapter : str or None
        The notebook that explains it, without its ending; None for a class that has no place yet.
    words : str
        What it is.

    Examples
    --------
    >>> next(row.ours for row in timm_classes() if row.name == "EdgeResidual")
    'EdgeResidual'
    """

    name: str
    line: int
    ours: str | None
    chapter: str | None
    words: str


def timm_classes() -> list[TimmClass]:
    """List the classes of timm's file of blocks in order, each with its place in this book.

    Returns
    -------
    list of TimmClass
        One for each class in the installed file. One that is new there has no chapter.

    Raises
    ------
    ImportError
        If timm is not installed.

    References
    ----------
    `timm.models._efficientnet_blocks`.

    Examples
    --------
    >>> [row.name for row in timm_classes() if row.chapter == "06_inverted_residual"]
    ['InvertedResidual']
    """
    source = _file().read_text(encoding="utf8")
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    return [TimmClass(node.name, node.lineno, *PLACES.get(node.name, (None, None, ""))) for node in classes]


def _file() -> Path:
    """Return the installed file, without importing torch."""
    package = importlib.util.find_spec("timm")
    if package is None or package.origin is None:
        raise ImportError("timm's classes need timm: pip install timm")
    return Path(package.origin).parent.joinpath(*FILE.split(".")[1:]).with_suffix(".py")
