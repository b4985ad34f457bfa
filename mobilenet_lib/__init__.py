"""A small library of MobileNet blocks, their costs by closed form, and their costs as measured.

Importing it is light: torch is loaded when a name that needs it is first used.

Examples
--------
>>> from mobilenet_lib import InvertedResidual, cost, measure
>>> block = InvertedResidual(24, 144, 24)
>>> measure.cost(block, (1, 24, 56, 56)) == cost.inverted_residual(24, 144, 24, size=56)
True
"""

from __future__ import annotations

from importlib import import_module

_MODULES = (
    "answers",
    "blocks",
    "checks",
    "cost",
    "datasets",
    "experiments",
    "explorables",
    "figures",
    "layers",
    "manifold",
    "measure",
    "models",
    "palette",
    "pretrained",
    "published",
    "quiz",
    "roofline",
    "segmentation",
    "shipping",
    "specs",
    "tables",
    "timing",
    "training",
)
_NAMES = {
    "ConvBN": "layers",
    "ConvBNReLU": "layers",
    "ConvBNHardswish": "layers",
    "DepthwiseSeparableConv": "blocks",
    "ConvDepthwiseConv": "blocks",
    "InvertedResidual": "blocks",
    "DepthwiseProjection": "blocks",
    "InvertedResidualSE": "blocks",
    "SqueezeExcite": "layers",
    "MobileNetV1": "models",
    "MobileNetV2": "models",
    "Pyramid": "models",
    "V1_SPEC": "specs",
    "V2_SPEC": "specs",
    "make_divisible": "specs",
    "Cost": "cost",
    "Table": "tables",
    "reveal": "answers",
}

__all__ = [*_NAMES, *_MODULES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name in _NAMES:
        return getattr(import_module(f".{_NAMES[name]}", __name__), name)
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
