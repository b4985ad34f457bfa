"""All public callables are walked with the wrong inputs that fit each parameter's name.

What comes out is a TypeError, a ValueError, a ConnectionError or a FileNotFoundError that names the argument, shows its
value and says what helps; and never a result.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import nn

import mobilenet_lib
from mobilenet_lib import (
    ConvBN,
    MobileNetV2,
    cost,
    diagrams,
    families,
    lite0,
    manifold,
    measure,
    predictions,
    pretrained,
    quiz,
    roofline,
    shipping,
    specs,
    surgery,
    training,
    transfer,
)

ALLOWED = (TypeError, ValueError, ConnectionError, FileNotFoundError)


class Strange:
    """Of no kind that anything here takes."""

    def __repr__(self):
        return "Strange()"


NAN, INF = float("nan"), float("inf")
NOTHING = [None, Strange()]

# What is wrong for every parameter of a kind.
COUNT = [0, -1, 2.5, "8", True, [8], NAN, *NOTHING]
ZERO_OR_MORE = [-1, 2.5, "8", True, [8], NAN, *NOTHING]
NUMBER = [0, -1.0, NAN, INF, "1", True, [1.0], 1j, *NOTHING]
SHARE = [-0.1, 1.5, NAN, "0.5", True, [0.5], *NOTHING]
SIZE = [0, -7, 7.5, "7", True, (7, 0), (7,), (7, 7, 7), (7, "7"), *NOTHING]
FLAG = ["yes", 2, *NOTHING]
TEXT = [3, ["a"], *NOTHING]
WORD = ["nonsense", "", 3, ["a"], *NOTHING]
SEVERAL = [6, "6", (0, 1), (1, 2.5), ("1",), *NOTHING]
MODULE = [MobileNetV2, "mobilenet_v2", 3, [nn.Identity()], *NOTHING]
OURS = [nn.Identity(), *MODULE]
TENSOR = [3.0, "x", [1.0, 2.0], np.zeros(3), torch.zeros(()), *NOTHING]
LABELS = ["x", [0.5], torch.zeros(4), torch.zeros(4, 1, dtype=torch.long), torch.tensor([0, 1]), *NOTHING]
ARRAY = ["x", [[1.0], [1.0, 2.0]], np.zeros(2), np.zeros((1, 1, 2, 2)), np.array([["a", "b"]]), *NOTHING]
CALLABLE = [3, "relu", *[one for one in NOTHING]]
MAPPING = [3, "x", [("a", 1)], *NOTHING]
PICTURE = [3, "photograph.jpg", np.zeros((8, 8, 3)), torch.zeros(3, 8, 8), *NOTHING]
NUMBERS = ["x", 3, ["a", "b"], [1.0, NAN], [None, 1], *NOTHING]

# The vocabulary: what a parameter's name says that it is. A longer name, with its function, comes first.
VOCABULARY = {
    **dict.fromkeys("in_channels out_channels mid_channels low_channels high_channels squeeze_channels".split(), COUNT),
    **dict.fromkeys("channels in_features out_features num_classes groups dilation divisor min_value".split(), COUNT),
    **dict.fromkeys("expansion batch batch_size bytes_each count draws each epochs folds threads".split(), COUNT),
    **dict.fromkeys("n d points turns".split(), COUNT),
    "bits": [*COUNT, 1, 99],
    "kernel_size": [*COUNT, 4, (3, 3)],
    "stride": [*COUNT, 3],
    "output_stride": [*COUNT, 4, 64],
    **dict.fromkeys("padding pixels seed params macs".split(), ZERO_OR_MORE),
    "category": [*ZERO_OR_MORE, 1000],
    "ignore": [2.5, "255", True, Strange()],
    **dict.fromkeys("width_mult depth_mult value round_limit max_lr seconds peak bandwidth strength".split(), NUMBER),
    **dict.fromkeys("head_lr trunk_lr".split(), NUMBER),
    "weight_decay": [-1.0, NAN, INF, "1", True, *NOTHING],
    **dict.fromkeys("dropout share".split(), SHARE),
    "confidence": [*SHARE, 0, 1],
    **dict.fromkeys("size resolution out_size".split(), SIZE),
    **dict.fromkeys("bias norm partly progress per_channel pretrained next_cell colour frozen_norm".split(), FLAG),
    **dict.fromkeys("role title xlabel ylabel unit question says".split(), TEXT),
    **dict.fromkeys("name key publication split task way decoder memory_format log machine".split(), WORD),
    **dict.fromkeys("rates repeats".split(), SEVERAL),
    "input_shape": [*SEVERAL, (1, 5, 32, 32), torch.zeros(1, 3, 32, 32), ()],
    "spec": [6, "6", [6, 24, 2, 2], [(6, 24, 2)], [(6, 0, 2, 2)], [(6, 24, 2, 3)], *NOTHING],
    "blocks": [6, "6", [3], [(16, 24, 2)], *NOTHING],
    "layers": [6, "6", [3], cost.mobilenet_v2(), *NOTHING],
    "layer": [6, "stem", nn.Conv2d(3, 8, 3), *NOTHING],
    **dict.fromkeys("network rounded".split(), OURS),
    **dict.fromkeys("model module".split(), MODULE),
    **dict.fromkeys("images image x masks predicted found scores reference others weight filters".split(), TENSOR),
    "labels": LABELS,
    "units": ARRAY,
    "back": ARRAY,
    **dict.fromkeys("block where augment".split(), CALLABLE),
    **dict.fromkeys("bars lines photographs cases channel_scores profiles".split(), MAPPING),
    "picture": PICTURE,
    "pictures": [*PICTURE[:-2], [3], *NOTHING],
    "accuracies": NUMBERS,
    **dict.fromkeys("seeds widths".split(), ["x", 3, [0.5], [-1], ["1"], *NOTHING]),
    "trained.kinds": WORD,
    "trained.block": [-1, 17, 2.5, "8", *NOTHING],
    "values": NUMBERS,
    "data": [3, "digits", (torch.zeros(4, 1, 8, 8),), (torch.zeros(4, 1, 8, 8), torch.zeros(4)), *NOTHING],
    **dict.fromkeys(["call"], CALLABLE),
    "timed": [3, "x", [3], *NOTHING],
    **dict.fromkeys("fast slow roof".split(), [3, "x", *NOTHING]),
    "cache": [value for value in NUMBER if value is not None],
    "records": [3, "x", [3], [], *NOTHING],
    "measure.x": NUMBERS,
    "measure.y": NUMBERS,
    "depth": COUNT,
    "source": [3, "", {"weight": 3}, {}, nn.Identity(), *NOTHING],
    "part": [3, "nonsense", ["a"], Strange()],
    "features": [3, "x", [3], ["nonsense"], *NOTHING],
    "change": [3, "prune", *NOTHING],
    "checkpoint": [3, Path("/no/such/folder/run.pt"), Strange()],
    "device": ["nonsense", 3.5, Strange()],
    "chapter": [0, 99, "1", 1.5, True, Strange()],
    "columns": [3, "x", *NOTHING],
    "rows": [3, "x", [3], *NOTHING],
    "questions": [3, "x", [3], *NOTHING],
    "choices": [3, "x", [3], ["a"], ["a", "a"], *NOTHING],
    "ticks": [*NUMBERS, [1.0, 2.0], [3.0, 2.0, 1.0]],
    "result": ["nonsense", 3, *NOTHING],
    "right": [NAN, [1.0], *NOTHING],
    # where a name means something else
    "compare.groups": [3, "x", [0], ["a", "b"], *NOTHING],
    "shipping.model": [b"", b"nonsense", "network.onnx", 3, *NOTHING],
    "training.channels": SEVERAL,
    "experiments.channels": SEVERAL,
    "experiments.network": WORD,
    "experiments.reference": NUMBERS,
    "manifold.x": ARRAY,
    "surgery.blocks": [99, -1, 2.5, "8", True, *NOTHING],
    "segmentation.resize.size": SIZE,
    "transfer.few.labels": LABELS[:-3] + NOTHING,
    "names": ["nonsense", 3, ["a"], *NOTHING],
    "weights": ["nonsense", 3, *NOTHING],
    "lite0.image": [value for value in TENSOR if not isinstance(value, torch.Tensor)],
    "training.accuracy.images": [value for value in TENSOR if not isinstance(value, torch.Tensor)],
    "anatomy.conv_of.part": MODULE,
    "anatomy.factor_of.part": MODULE,
    "anatomy.clipped.network": MODULE,
    "anatomy.largest.network": MODULE,
    "surgery.with_relu.network": MODULE,
    "answers.chapter": [0, "1", 1.5, True, Strange()],
    "predictions.value": [NAN, INF, "1", [1.0], 1j, *NOTHING],
    "diagrams.parts": [3, "x", [3], [("in", 0, 0)], *NOTHING],
    "diagrams.arrows": [3, "x", [3], [(0, 1, 2)], [(0, 7)], *NOTHING],
    "figures.points": MAPPING,
    "figures.groups": MAPPING,
    "figures.rows": MAPPING,
    "figures.images": MAPPING,
    "figures.masks": MAPPING,
    "figures.banks": MAPPING,
    "figures.kernels": MAPPING,
    "figures.shown": COUNT,
    "figures.x": [3.0, "x", *NOTHING],
    "figures.log": [word for word in WORD if word != ""],
    "manifold.seeds": [3, [0.5], [-1], ["1"], *NOTHING],
    "lite0.SamePadding.kernel_size": COUNT,
    "lite0.SamePadding.stride": COUNT,
    "compare.values": ["x", 3, ["a", "b"], [None, 1], *NOTHING],
    "shipping.quantize.weight": [3.0, "x", [1.0], np.zeros(3), torch.zeros(2, dtype=torch.long), *NOTHING],
    "pretrained.name": ["", 3, ["a"], "resnet18", *NOTHING],
    "shipping.network": MODULE,
    "few_bits.network": MODULE,
    "compare.network": MODULE,
    "cost.name": TEXT,
    "segmentation.size": [2.5, "64", True, 31, 257, *NOTHING],
    "datasets.size": [0, -1, 2.5, "8", True, 4096, *NOTHING],
    "transfer.size": [0, -1, 2.5, "8", True, *NOTHING],
    "shipping.norm": [nn.Identity(), 3, *NOTHING],
    "shipping.conv": [nn.Identity(), 3, *NOTHING],
    "transfer.head": [3, "x", *NOTHING],
    "naming.network": MODULE,
    "categories": [3, ["cat", "dog"], *NOTHING],
    "photograph": PICTURE,
    "families.rows": [3, "ir_r1_k3_s1_e6_c8", ["xx"], [["ir_r1_k3_s1_e6_c8", 3]], [3], [[]], *NOTHING],
    "families.stem": COUNT,
    "families.features": COUNT,
    "families.depth_mult": [0, -1.0, NAN, "1", True, [1.0, 2.0, 3.0], [0.0], *NOTHING],
    "families.repeats": SEVERAL,
    "families.se_ratio": [*NUMBER, 1.5],
    "families.expansion": NUMBER,
    "families.head": WORD,
    "families.block": MODULE,
    "families.network": MODULE,
    "families.activation": WORD,
    "families.SigmoidSqueezeExcite.activation": [3, "relu", nn.SiLU, *NOTHING],
    "families.squeeze": WORD,
    "families.layer": [3, "relu", nn.SiLU, nn.SiLU(), *NOTHING],
    **dict.fromkeys(("families.heads", "families.key_dim"), COUNT),
    "families.strings.rows": [3, "x", [3], [(3, 16, 16, False, "RE", 1)], *NOTHING],
    "families.which": WORD,
    "families.branches": COUNT,
    "families.kv_stride": [*COUNT, 3],
    "families.conv": [nn.Identity(), 3, "conv", *NOTHING],
    "families.placed": [3, "ir", [3], *NOTHING],
    **dict.fromkeys(("families.start", "families.middle", "families.end"), [-1, 2, 2.5, "3", True, *NOTHING]),
    "string": [3, "", "ir", "xx_r1_k3_s1_c8", "ir_r1_k4_s1_e6_c8", ["ir"], *NOTHING],
}
# Parameters that anything goes into, with the reason.
FREE = {
    "args": "of a base class",
    "kwargs": "of a base class",
    "arguments": "of a command line",
    "ax": "Matplotlib's",
    "settings": "what training.train takes",
    "test": "as data",
    "root": "a folder that may not be there yet",
    "roles": "names of the palette",
    "stem": "of a network that is built",
    "masks": "pictures of any kind in figures; tensors elsewhere are walked",
    "cell": "of a notebook that is read from a file",
    "cells": "of a notebook that is read from a file",
    "notebook": "read from a file",
    "markdown": "read from a file",
    "code": "any text",
    "words": "any text",
    "text": "any text",
}


def walked():
    """Yield the public callables by name: those of the public modules, without rows that only the library fills in."""
    for name, home in mobilenet_lib.MODULES.items():
        if name in ("checks", "explorables"):  # hints to a reader's answer; traits
            continue
        module = import_module(f"mobilenet_lib.{home}")
        names = list(getattr(module, "__all__", vars(module)))
        for key in names:
            thing = getattr(module, key)
            own = (getattr(thing, "__module__", None) or "").startswith(module.__name__)
            if key.startswith("_") or not own or not (inspect.isclass(thing) or inspect.isfunction(thing)):
                continue
            record = inspect.isclass(thing) and issubclass(thing, tuple)
            if not record and key not in RECORDS:
                yield f"{name}.{key}", thing


# Rows that only the library fills in, a base class, programs, what builds the book,
# and what looks into parts of a network.
RECORDS = {
    "finished",
    "blanked",
    "source",
    "parts",
    "read",
    "inline",
    "answers",
    "blank_key",
    "Latency",
    "Run",
    "Answer",
    "PublishedTable",
    "Unread",
    "Misread",
    "FamilyNetwork",
    "main",
    "Checked",
    "first_convolution",
    "check_image",
}


def walks() -> Iterator:
    """Yield (name of the callable, the callable, its parameter, a wrong value)."""
    for name, thing in walked():
        for key, parameter in inspect.signature(thing).parameters.items():
            room = name.split(".")[0]
            words = VOCABULARY.get(f"{name}.{key}", VOCABULARY.get(f"{room}.{key}", VOCABULARY.get(key)))
            if words is None or (key in FREE and room == "figures"):
                continue
            for wrong in words:
                if not (wrong is None and parameter.default is None):
                    yield name, thing, key, wrong


def tiny(**options):
    """Return a small network of ours."""
    return MobileNetV2(10, 0.35, **options).eval()


def under_names(network, names):
    """Return a network's weights under the names of another library."""
    state = network.state_dict()
    return {theirs: state[ours] for ours, theirs in names(network).items()}


@cache
def right() -> dict:
    """Return a right value for each parameter that must be given, and small ones where time is spent.

    Networks are made for it, which only the process does that runs these tests.
    """
    network, images = tiny(), torch.rand(4, 3, 64, 64)
    folded = shipping.fold(network)
    # A file of the library's: to export a network takes ten seconds, and each process that runs tests would do it.
    model = (Path(mobilenet_lib.__file__).parent / "data" / "onnx" / "digit-standard.onnx").read_bytes()
    digits = (torch.rand(8, 1, 8, 8), torch.arange(8))
    timed = measure.time_layers(cost.mobilenet_v2_layers()[-3:-1], seconds=0.01)
    roof = roofline.Roofline(1e9, 1e9)

    found = {
        **dict.fromkeys("in_channels out_channels mid_channels low_channels high_channels squeeze_channels".split(), 8),
        **dict.fromkeys("channels in_features out_features num_classes expansion n count".split(), 4),
        "kernel_size": 3, "stride": 1, "category": 3, "value": 24.0, "seed": 1, "epochs": 1, "size": 56,
        "seconds": 0.01, "batch_size": 4,
        "peak": 1e9, "bandwidth": 1e9, "share": 0.5, "name": "a", "chapter": 1, "role": "standard",
        "key": "ch1.by-hand",
        "publication": "mobilenet_v1_paper", "split": "train", "task": "digits", "decoder": "affine",
        "pretrained": False, "progress": False, "input_shape": (1, 3, 64, 64), "blocks": list(specs.v2_blocks()),
        "layers": cost.mobilenet_v2_layers(), "layer": cost.mobilenet_v2_layers()[0], "network": network,
        "rounded": network, "model": network, "shipping.model": model, "module": network,
        "family_results.relative.*names": "ghostnet_100",
        "experiments.run.**settings": {"task": "tiny_digits", "epochs": 1},
        "shipping.to_int8.images": torch.rand(4, 1, 28, 28), "shipping.to_onnx.module": nn.Conv2d(3, 4, 3),
        "measure.time_layers.layers": cost.mobilenet_v2_layers()[-3:-1],
        "images": images, "image": images[0], "x": images,
        "masks": torch.zeros(4, dtype=torch.long), "predicted": torch.zeros(4, dtype=torch.long),
        "found": torch.rand(4, 8), "scores": torch.rand(4, 10), "reference": torch.rand(4, 10),
        "others": torch.rand(4, 10), "weight": torch.rand(8, 4, 1, 1), "filters": torch.rand(4, 3, 3),
        "labels": torch.arange(4), "block": mobilenet_lib.DepthwiseSeparableConv, "groups": [0, 0, 1, 1],
        "values": [1.0, 2.0, 3.0, 4.0], "accuracies": [0.5, 0.6, 0.7], "units": np.eye(2), "back": manifold.spiral(8),
        "data": digits, "training.model": training.twin("separable"), "source": network.state_dict(),
        "photographs": {"a": Image.new("RGB", (300, 300))},
        "picture": Image.new("RGB", (300, 300)), "pictures": Image.new("RGB", (300, 300)),
        "bars": {"a": {"depthwise": 1.0}}, "lines": {"a": [1.0, 2.0]}, "profiles": {"a": [(8, "a")]},
        "notebook": {"cells": []},
        "cell": {"source": ""}, "cells": [], "code": "", "text": "", "markdown": "# A\n", "figures.x": [1.0, 2.0],
        "figures.ax": Figure(), "figures.points": {"a": (1.0, 1.0, "depthwise")}, "figures.groups": {"a": [(1.0, 2.0)]},
        "figures.rows": {"a": {"b": (1.0, 0.5, 1.5)}},
        "diagrams.parts": [diagrams.Part("in", 0, 0), diagrams.Part("out", 0, 1)], "diagrams.arrows": [(0, 1)],
        "figures.banks": {"a": np.ones((2, 2, 3, 3))}, "figures.kernels": {"a": np.ones((2, 3, 3))},
        "figures.masks": {"a": np.ones((2, 2))}, "figures.images": {"a": np.ones((2, 2))}, "tables.rows": [["b"]],
        "transfer.labels": torch.tensor([0, 0, 1, 1]), "transfer.count": 1,
        "columns": ["a"], "rows": [["b"]], "questions": quiz.chapter("counting").questions, "transfer.folds": 2,
        "photographs.source": images[0], "cases": {"a": (network, (1, 3, 64, 64))},
        "xlabel": "x", "ylabel": "y", "question": "How many?", "choices": ["2", "9"], "ticks": [1.0, 10.0, 100.0],
        "right": 9.0, "says": "9", "predictions.ask.*questions": predictions.Number("Why?"),
        "cost.groups": 1, "layers.groups": 1, "training.channels": (8, 16, 16), "experiments.channels": (8, 16, 16),
        "experiments.network": "standard",
        "experiments.block": training.expanding(6), "few_bits.equalize.network": folded,
        "experiments.reference": [0.5, 0.5, 0.6], "manifold.x": manifold.spiral(8),
        "manifold.points": 10, "lite0.network": None, "shipping.conv": nn.Conv2d(3, 8, 1),
        "shipping.norm": nn.BatchNorm2d(8),
        "anatomy.part": network.stem, "pretrained.name": "mobilenetv2_035", "segmentation.size": 64,
        "segmentation.resize.size": (8, 8), "training.name": "separable", "quiz.name": "counting",
        "published.name": "table1_body_architecture",
        "machine": "here", "transfer_results.name": "pieces", "transfer_results.images": digits[0],
        "datasets.size": 24, "datasets.count": 2, "transfer.size": 96, "training.images": digits[0],
        "training.labels": digits[1], "surgery.change": None, "surgery.channel_scores": None,
        "anatomy.found": images, "widths": [2, 3], "trained.block": 0,
        "measure.x": [1.0, 2.0, 3.0], "measure.y": [1.0, 2.0, 3.0], "measure.call": lambda: None,
        "timed": timed, "fast": timed[0], "slow": timed[1], "roof": roof, "records": [{"a": 1}],
    }  # fmt: skip
    found["transfer.head"] = transfer.linear_head(found["found"], found["labels"])
    found["lite0.network"] = lite0.EfficientNetLite0(10)
    found["lite0.source"] = under_names(found["lite0.network"], lite0._names)
    # The two loaders read the names of another library.
    found["pretrained.load_timm.source"] = under_names(network, pretrained.timm_names)
    found["pretrained.load_torchvision.source"] = under_names(network, pretrained.torchvision_names)
    found |= {
        "naming.network": MobileNetV2(1000, 0.35).eval(), "naming.scores": torch.rand(1000),
        "page_model.model": b"model",
        "page_model.network": folded, "categories": list("abcdefghij"),
        "page_model.features": images[0],
        "photograph": Image.new("RGB", (300, 300)), "string": "ir_r2_k3_s2_e6_c24",
    }  # fmt: skip
    found |= {
        "families.rows": ["ir_r2_k3_s2_e6_c24"], "families.repeats": [1, 2], "families.depth_mult": 1.0,
        "families.se_ratio": 0.25, "families.head": "wide", "families.features": 8, "families.layer": ConvBN,
        "families.reparameterized.block": families.ReparameterizableDepthwise(8).eval(),
        "families.strings.rows": [families.V3Row(3, 16, 16, True, "RE", 2)], "families.which": "small",
        "families.torchvision_names.network": families.named("mobilenetv3_small_100"),
        "families.heads": 2, "families.key_dim": 4,
        "families.dilation": 1, "families.conv": nn.Conv2d(3, 8, 3), "families.name": "mobilenetv3_small_050",
        "families.activation": "r6", "families.SigmoidSqueezeExcite.activation": nn.SiLU(),
        "families.placed": families.place(["ir_r2_k3_s2_e6_c24"])[0], "families.block": network.blocks[1],
        "families.network": families.named("mobilenetv3_small_050", num_classes=10),
    }  # fmt: skip
    found["families.load_torchvision.source"] = {
        theirs: found["families.torchvision_names.network"].state_dict()[ours]
        for ours, theirs in families.torchvision_names(found["families.torchvision_names.network"]).items()
    }
    found["families.source"] = {
        theirs: found["families.network"].state_dict()[ours]
        for ours, theirs in families.timm_names(found["families.network"]).items()
    }
    found["surgery.change"] = surgery.Change("contribution", share=50)
    found["surgery.channel_scores"] = surgery.by_weights(network)
    return found


MISSING = object()


def said(table, name, key, default=MISSING):
    """Look a parameter up: with its function, with its room, alone."""
    room = name.split(".")[0]
    for longer in (f"{name}.{key}", f"{room}.{key}", key):
        if longer in table:
            return table[longer]
    return default


def arguments(name, thing):
    """Return right arguments for all parameters that need one, and for those that would take time."""
    found = {}
    for key, parameter in inspect.signature(thing).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        value = said(right(), name, key)
        if parameter.default is parameter.empty:
            assert value is not MISSING, f"{name} needs a right {key}"
            found[key] = value
        elif key in ("epochs", "seconds", "pretrained", "progress", "batch_size", "folds"):
            found[key] = value
    return found


def call(name, thing, key, value):
    """Call with one argument of its own; what is made bit by bit is made to the end."""
    kind = inspect.signature(thing).parameters[key].kind
    given = {**arguments(name, thing), key: value}
    if kind is inspect.Parameter.VAR_POSITIONAL:
        given.pop(key)
        first = [given.pop(other) for other in list(given)]
        result = thing(*first, value)
    else:
        result = thing(**given)
    return list(result) if isinstance(result, Iterator) else result


def inside(value):
    """Yield what a list or a tuple holds: one of these may be what is wrong."""
    for part in value if isinstance(value, list | tuple) else ():
        yield part
        yield from inside(part)


def looks(value):
    """Yield what a message may show of a value: itself, or its kind, its shape, its length."""
    for one in (value, *inside(value)):
        yield from (repr(one), str(one), type(one).__name__, getattr(one, "__name__", repr(one)))
        if hasattr(one, "shape"):
            yield from (str(tuple(one.shape)), str(one.dtype))
        if hasattr(one, "__len__") and getattr(one, "shape", (1,)):
            yield from (f"got {len(one)}", f"and {len(one)} labels")


def complaint(name, thing, key, value):
    """Return what is wrong with the way in which a wrong value is refused, or nothing."""
    try:
        call(name, thing, key, value)
    except ALLOWED as error:
        message = str(error)
        if not re.search(rf"\b{key}\b", message):
            return f"{value!r:.60} is refused without its name: {type(error).__name__}: {message:.150}"
        # What a state lacks is its value, and says what helps.
        if re.search(r"^source must have .*, and it is missing", message):
            return None
        if not any(one in message for one in looks(value)):
            return f"{value!r:.60} is refused without being shown: {message:.150}"
        if not re.search(r"; \S|: \S.* \S|one of |, or | or |use |give |write ", message):
            return f"{value!r:.60} is refused without a remedy: {message:.150}"
        return None
    except Exception as error:
        return f"{value!r:.60} gives {type(error).__name__}: {str(error):.150}"
    return f"{value!r:.60} is taken"


THINGS = dict(walked())
PARAMETERS = sorted({(name, key) for name, _, key, _ in walks()})


@pytest.mark.parametrize("room", sorted({name.split(".")[0] for name, _ in PARAMETERS}))
def test_a_wrong_value_is_refused_by_name_and_value_with_a_remedy(room):
    found = []
    for name, key in PARAMETERS:
        if name.split(".")[0] == room:
            thing = THINGS[name]
            default = inspect.signature(thing).parameters[key].default
            wrong = [value for value in said(VOCABULARY, name, key) if not (value is None and default is None)]
            found += [(f"{name}({key})", complaint(name, thing, key, value)) for value in wrong]
    assert found
    assert [one for one in found if one[1]] == []


def test_the_right_values_are_right():
    """Else a wrong value could be refused for the sake of another argument."""
    called = set()
    for name, thing in walked():
        if not inspect.signature(thing).parameters or name in TAKES_LONG:
            continue
        given = arguments(name, thing)
        # What a room has from one of its modules is called once, with the same values.
        asked = thing, *((key, id(value)) for key, value in given.items())
        if asked in called:
            continue
        called.add(asked)
        starred = [f"{name}.*{key}" for key in inspect.signature(thing).parameters]
        several = [right()[key] for key in starred if key in right()]
        result = thing(*several, **given, **right().get(f"{name}.**settings", {}))
        if isinstance(result, Iterator):
            list(result)


TAKEN = {"positive_int", "zero_or_more", "positive_number", "share", "odd_kernel", "one_or_two", "divides", "pair",
         "instances", "several", "positive_ints"}  # fmt: skip
# Nothing is made of these numbers here: they are checked once more.
NOT_TAKEN = {"_row", "UniversalInvertedBottleneck"}


def test_what_is_checked_is_used_as_its_check_returns_it():
    """NumPy's numbers would overflow, or stop torch.jit; an iterator has nothing left after its check."""
    found = set()
    for path in Path(mobilenet_lib.__file__).parent.rglob("*.py"):
        for thing in ast.parse(path.read_text("utf-8")).body:
            for node in ast.walk(thing):
                call = node.value if isinstance(node, ast.Expr) else None
                if isinstance(call, ast.Call) and ast.unparse(call.func).removeprefix("check.") in TAKEN:
                    found.add(getattr(thing, "name", path.name))
    assert found == NOT_TAKEN


def test_every_parameter_has_its_place_in_the_vocabulary():
    missing = []
    for name, thing in walked():
        for key in inspect.signature(thing).parameters:
            if said(VOCABULARY, name, key, None) is None and key not in FREE:
                missing.append(f"{name}.{key}")
    assert missing == []


# The last one's example calls it with the same values; it is walked under both of its names.
TAKES_LONG = {"datasets.cifar10", "downloads.fetch", "measure.roofline", "timing.roofline"}
