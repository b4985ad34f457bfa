"""A small library of MobileNet blocks, their costs by closed form, and their costs as measured.

The subject stands here: ``specs``, ``cost``, ``layers``, ``blocks`` and ``models``. Each folder is one job of the
course: what is measured, further topics, checks of exercises, explorables, and what pages are made of.

Importing it is light: torch is loaded when a name that needs it is first used.

Examples
--------
>>> from mobilenet_lib import InvertedResidual, cost, measure
>>> block = InvertedResidual(24, 144, 24)
>>> measure.cost(block, (1, 24, 56, 56)) == cost.inverted_residual(24, 144, 24, size=56)
True
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what an editor reads; the table below is what Python reads, and a test compares the two
    from . import blocks, checks, cost, explorables, layers, measure, models, specs
    from .blocks import (
        ConvDepthwiseConv,
        DepthwiseProjection,
        DepthwiseSeparableConv,
        InvertedResidual,
        InvertedResidualSE,
    )
    from .cost import Cost
    from .course import answers, diagrams, figures, palette, predictions, published, quiz, tables
    from .course.answers import reveal
    from .course.tables import Table
    from .layers import ConvBN, ConvBNHardswish, ConvBNReLU, SqueezeExcite
    from .measure import roof as roofline
    from .measure import timing
    from .models import MobileNetV1, MobileNetV2, Pyramid
    from .specs import V1_SPEC, V2_SPEC, make_divisible
    from .topics import (
        anatomy,
        compare,
        datasets,
        downloads,
        experiments,
        families,
        family_results,
        few_bits,
        lite0,
        manifold,
        naming,
        page_model,
        photographs,
        preparing,
        pretrained,
        segmentation,
        shipping,
        surgery,
        trained,
        training,
        transfer,
        transfer_results,
    )
else:
    from . import _lazy

    HOMES = {
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
        "Table": "course.tables",
        "reveal": "course.answers",
    }
    MODULES = {
        "anatomy": "topics.anatomy",
        "answers": "course.answers",
        "blocks": "blocks",
        "checks": "checks",
        "compare": "topics.compare",
        "cost": "cost",
        "datasets": "topics.datasets",
        "diagrams": "course.diagrams",
        "downloads": "topics.downloads",
        "experiments": "topics.experiments",
        "explorables": "explorables",
        "families": "topics.families",
        "family_results": "topics.family_results",
        "few_bits": "topics.few_bits",
        "figures": "course.figures",
        "layers": "layers",
        "lite0": "topics.lite0",
        "manifold": "topics.manifold",
        "measure": "measure",
        "models": "models",
        "naming": "topics.naming",
        "page_model": "topics.page_model",
        "palette": "course.palette",
        "photographs": "topics.photographs",
        "predictions": "course.predictions",
        "preparing": "topics.preparing",
        "pretrained": "topics.pretrained",
        "published": "course.published",
        "quiz": "course.quiz",
        "roofline": "measure.roof",
        "segmentation": "topics.segmentation",
        "shipping": "topics.shipping",
        "specs": "specs",
        "surgery": "topics.surgery",
        "tables": "course.tables",
        "timing": "measure.timing",
        "trained": "topics.trained",
        "training": "topics.training",
        "transfer": "topics.transfer",
        "transfer_results": "topics.transfer_results",
    }
    __getattr__, __dir__ = _lazy.names(__name__, HOMES, MODULES)

__all__ = [
    "V1_SPEC",
    "V2_SPEC",
    "ConvBN",
    "ConvBNHardswish",
    "ConvBNReLU",
    "ConvDepthwiseConv",
    "Cost",
    "DepthwiseProjection",
    "DepthwiseSeparableConv",
    "InvertedResidual",
    "InvertedResidualSE",
    "MobileNetV1",
    "MobileNetV2",
    "Pyramid",
    "SqueezeExcite",
    "Table",
    "anatomy",
    "answers",
    "blocks",
    "checks",
    "compare",
    "cost",
    "datasets",
    "diagrams",
    "downloads",
    "experiments",
    "explorables",
    "families",
    "family_results",
    "few_bits",
    "figures",
    "layers",
    "lite0",
    "make_divisible",
    "manifold",
    "measure",
    "models",
    "naming",
    "page_model",
    "palette",
    "photographs",
    "predictions",
    "preparing",
    "pretrained",
    "published",
    "quiz",
    "reveal",
    "roofline",
    "segmentation",
    "shipping",
    "specs",
    "surgery",
    "tables",
    "timing",
    "trained",
    "training",
    "transfer",
    "transfer_results",
]
