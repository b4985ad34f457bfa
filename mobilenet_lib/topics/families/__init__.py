"""What came after MobileNetV2: families of networks that timm writes as strings, read, built and counted.

``grammar`` reads a string. ``stages`` puts the blocks of a table in their places, and ``costs`` counts them: both by
arithmetic. ``blocks`` are the modules, ``builder`` makes networks of them, ``weights`` fills in timm's. ``tables`` has
the strings of the networks that are compared.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .blocks import (
        ConvBNGELU,
        ConvBNPlainReLU,
        ConvBNResidual,
        ConvBNSiLU,
        DepthwiseProjectionSE,
        EdgeResidual,
        EdgeResidualSE,
        SameConv,
        SigmoidSqueezeExcite,
        UniversalInvertedBottleneck,
        as_in_tensorflow,
        with_layer,
    )
    from .builder import FamilyNetwork, block_of, build, named
    from .grammar import KINDS, LETTERS, BlockSpec, Misread, parse
    from .stages import Placed, deepened, place, squeeze_of_input, squeeze_of_middle
    from .tables import FAMILIES, Family, family, table
    from .weights import load_timm, timm_names
else:
    from ... import _lazy

    HOMES = {
        "KINDS": "grammar",
        "LETTERS": "grammar",
        "BlockSpec": "grammar",
        "Misread": "grammar",
        "parse": "grammar",
        "Placed": "stages",
        "place": "stages",
        "deepened": "stages",
        "squeeze_of_input": "stages",
        "squeeze_of_middle": "stages",
        "FAMILIES": "tables",
        "Family": "tables",
        "family": "tables",
        "table": "tables",
        "ConvBNPlainReLU": "blocks",
        "ConvBNSiLU": "blocks",
        "ConvBNGELU": "blocks",
        "ConvBNResidual": "blocks",
        "SigmoidSqueezeExcite": "blocks",
        "DepthwiseProjectionSE": "blocks",
        "EdgeResidual": "blocks",
        "EdgeResidualSE": "blocks",
        "UniversalInvertedBottleneck": "blocks",
        "SameConv": "blocks",
        "with_layer": "blocks",
        "as_in_tensorflow": "blocks",
        "FamilyNetwork": "builder",
        "block_of": "builder",
        "build": "builder",
        "named": "builder",
        "timm_names": "weights",
        "load_timm": "weights",
    }
    __getattr__, __dir__ = _lazy.names(__name__, HOMES)

__all__ = [
    "FAMILIES",
    "KINDS",
    "LETTERS",
    "BlockSpec",
    "ConvBNGELU",
    "ConvBNPlainReLU",
    "ConvBNResidual",
    "ConvBNSiLU",
    "DepthwiseProjectionSE",
    "EdgeResidual",
    "EdgeResidualSE",
    "Family",
    "FamilyNetwork",
    "Misread",
    "Placed",
    "SameConv",
    "SigmoidSqueezeExcite",
    "UniversalInvertedBottleneck",
    "as_in_tensorflow",
    "block_of",
    "build",
    "deepened",
    "family",
    "load_timm",
    "named",
    "parse",
    "place",
    "squeeze_of_input",
    "squeeze_of_middle",
    "table",
    "timm_names",
    "with_layer",
]
