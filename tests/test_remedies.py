"""What a message tells one to do helps: each remedy of the subject's messages is tried, and none is left out."""

import ast
import re
import traceback
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mobilenet_lib import (
    ConvBN,
    ConvDepthwiseConv,
    DepthwiseSeparableConv,
    MobileNetV1,
    MobileNetV2,
    Pyramid,
    SqueezeExcite,
    _validation,
    blocks,
    cost,
    layers,
    make_divisible,
    measure,
    models,
    specs,
)
from mobilenet_lib.topics import anatomy, compare, manifold, photographs, transfer

MODULES = (_validation, specs, cost, layers, blocks, models)


def maps(*shape):
    """Return a blank input."""
    return torch.zeros(*shape)


def stacked(stride):
    """Return what has a larger step: one stride-2 block after another."""
    return nn.Sequential(*(DepthwiseSeparableConv(4, 4, stride=2) for _ in range(stride // 2)))


# A call that is refused, what its message tells one to do, and that done.
REMEDIES = [
    (lambda: ConvBN(8.0, 8), "int(...) makes 8 of it", lambda: ConvBN(int(8.0), 8)),
    (lambda: ConvBN("8", 8), "int(...) makes 8 of it", lambda: ConvBN(int("8"), 8)),
    (lambda: ConvBN(8.6, 8), "int(...) makes 8 of it", lambda: ConvBN(int(8.6), 8)),
    (lambda: ConvBN(torch.tensor(8), 8), "int(...) makes 8 of it", lambda: ConvBN(int(torch.tensor(8)), 8)),
    (lambda: ConvBN(None, 8), "give 1 or more", lambda: ConvBN(1, 8)),
    (lambda: ConvBN(True, 8), "give 1 or more", lambda: ConvBN(1, 8)),
    (lambda: ConvBN(float("nan"), 8), "give 1 or more", lambda: ConvBN(1, 8)),
    (lambda: ConvBN(0.4, 8), "give 1 or more", lambda: ConvBN(1, 8)),
    (lambda: ConvBN(0, 8), "give 1 or more", lambda: ConvBN(1, 8)),
    (lambda: ConvBN(8, 8, padding=-1), "give 0 or more", lambda: ConvBN(8, 8, padding=0)),
    (lambda: ConvBN(8, 8, padding="same"), "give 0 or more", lambda: ConvBN(8, 8, padding=0)),
    (lambda: ConvBN(8, 8, 2), "use 1 or 3", lambda: (ConvBN(8, 8, 1), ConvBN(8, 8, 3))),
    (lambda: cost.conv(8, 8, 6), "use 5 or 7", lambda: (cost.conv(8, 8, 5), cost.conv(8, 8, 7))),
    (lambda: ConvBN(4, 8)(maps(1, 4, 8, 8).byte()), "begin with x.float() / 255",
     lambda: ConvBN(4, 8)(maps(1, 4, 8, 8).byte().float() / 255)),
    (lambda: DepthwiseSeparableConv(4, 4, 4), "one stride-2 block after another", lambda: stacked(4)(maps(2, 4, 8, 8))),
    (lambda: specs.v2_rows([(6, 24, 2, 4)]), "one stride-2 block after another", lambda: stacked(4)(maps(2, 4, 8, 8))),
    (lambda: ConvBN(8, 12, groups=3), "use 1 (standard) or another divisor of 4",
     lambda: [ConvBN(8, 12, groups=groups) for groups in (1, 2, 4)]),
    (lambda: cost.conv(8, 9, groups=8), "use 1 (standard) or another divisor of 1", lambda: cost.conv(8, 9, groups=1)),
    (lambda: MobileNetV2(width_mult="1"), "give a float or an int, such as 1.0", lambda: MobileNetV2(width_mult=1.0)),
    (lambda: make_divisible(-3), "1.0 is one", lambda: make_divisible(1.0)),
    (lambda: cost.mobilenet_v1(10**400), "1.0 is one", lambda: cost.mobilenet_v1(1.0)),
    (lambda: MobileNetV2(dropout="half"), "0.0 switches it off", lambda: MobileNetV2(dropout=0.0)),
    (lambda: MobileNetV2(dropout=1.5), "0.0 switches it off", lambda: MobileNetV2(dropout=0.0)),
    (lambda: cost.conv(8, 8, out_size=(7, 7, 7)), "give two integers", lambda: cost.conv(8, 8, out_size=(7, 7))),
    (lambda: cost.mobilenet_v2(resolution=28), "enlarge the image", lambda: cost.mobilenet_v2(resolution=32)),
    (lambda: cost.deeplab_v3(21, rates=6), "write (6,)", lambda: cost.deeplab_v3(21, rates=(6,))),
    (lambda: cost.deeplab_v3(21, rates=None), "write (1,)", lambda: cost.deeplab_v3(21, rates=(1,))),
    (lambda: cost.deeplab_v3(21, rates=torch.tensor(6)), "write (1,)", lambda: cost.deeplab_v3(21, rates=(1,))),
    (lambda: cost.total(cost.mobilenet_v2()), "write a list of it",
     lambda: cost.total([cost.mobilenet_v2_layers()[0]])),
    (lambda: cost.total([1]), "cost.mobilenet_v2_layers() returns such",
     lambda: cost.total(cost.mobilenet_v2_layers())),
    (lambda: specs.dilate([(16, 24, 2)]), "specs.v1_blocks() and specs.v2_blocks() yield such",
     lambda: (specs.dilate(specs.v1_blocks()), specs.dilate(specs.v2_blocks()))),
    (lambda: ConvBN(8, 8, bias="no"), "write bool(...)", lambda: ConvBN(8, 8, bias=bool("no"))),
    (lambda: cost.conv_layer(3, "standard", 3, 8, 9), "put it in quotes or use str(...)",
     lambda: (cost.conv_layer("3", "standard", 3, 8, 9), cost.conv_layer(str(3), "standard", 3, 8, 9))),
    (lambda: _validation.one_of("split", "validation", ("train", "test")), "one of train, test",
     lambda: [_validation.one_of("split", split, ("train", "test")) for split in ("train", "test")]),
    (lambda: MobileNetV2(spec=[]), "specs.V2_SPEC is the table", lambda: MobileNetV2(spec=specs.V2_SPEC)),
    (lambda: MobileNetV2(spec=6), "write [(6, 24, 2, 2)]", lambda: MobileNetV2(spec=[(6, 24, 2, 2)])),
    (lambda: MobileNetV2(spec=[6]), "such as (6, 24, 2, 2)", lambda: MobileNetV2(spec=[(6, 24, 2, 2)])),
    (lambda: MobileNetV1(output_stride=4), "32 is the network of the paper, 8 the finest map",
     lambda: (MobileNetV1(output_stride=32), MobileNetV1(output_stride=8))),
    (lambda: cost.depthwise_separable(8, 8, 1, stride=2), "use stride=1 or a larger feature map",
     lambda: (cost.depthwise_separable(8, 8, 1, stride=1), cost.depthwise_separable(8, 8, 2, stride=2))),
    (lambda: ConvBN(4, 8, stride=2)(maps(2, 4, 1, 8)), "use a larger image or stride=1",
     lambda: (ConvBN(4, 8, stride=2)(maps(2, 4, 2, 8)), ConvBN(4, 8, stride=1)(maps(2, 4, 1, 8)))),
    (lambda: ConvBN(4, 8, 5, padding=0)(maps(2, 4, 4, 8)), "use a larger image or leave padding out",
     lambda: (ConvBN(4, 8, 5, padding=0)(maps(2, 4, 5, 8)), ConvBN(4, 8, 5)(maps(2, 4, 4, 8)))),
    (lambda: ConvBN(4, 8)(np.zeros((2, 4, 8, 8), np.float32)), "torch.as_tensor(x) makes one of an array",
     lambda: ConvBN(4, 8)(torch.as_tensor(np.zeros((2, 4, 8, 8), np.float32)))),
    (lambda: ConvBN(1, 8)(maps(8, 8)), "use x[None, None]", lambda: ConvBN(1, 8)(maps(8, 8)[None, None])),
    (lambda: ConvBN(4, 8)(maps(4, 8, 8)), "use x.unsqueeze(0)", lambda: ConvBN(4, 8)(maps(4, 8, 8).unsqueeze(0))),
    (lambda: ConvBN(4, 8)(maps(2, 3, 4, 8, 8)), "x.flatten(0, -4)",
     lambda: ConvBN(4, 8)(maps(2, 3, 4, 8, 8).flatten(0, -4))),
    (lambda: ConvBN(4, 8)(maps(2, 3, 8, 8)), "build the layer with in_channels=3 or pass another tensor",
     lambda: (ConvBN(3, 8)(maps(2, 3, 8, 8)), ConvBN(4, 8)(maps(2, 4, 8, 8)))),
    (lambda: MobileNetV2()(maps(2, 64, 64, 3)), "x.permute(0, 3, 1, 2)",
     lambda: MobileNetV2()(maps(2, 64, 64, 3).permute(0, 3, 1, 2))),
    (lambda: MobileNetV2()(maps(2, 1, 64, 64)), "build the layer with in_channels=1",
     lambda: MobileNetV2(in_channels=1)(maps(2, 1, 64, 64))),
    (lambda: SqueezeExcite(4, 2)(maps(2, 3, 8, 8)), "pass another tensor",
     lambda: SqueezeExcite(4, 2)(maps(2, 4, 8, 8))),
    (lambda: MobileNetV2()(maps(2, 3, 28, 28)), "enlarge the image",
     lambda: MobileNetV2()(nn.functional.interpolate(maps(2, 3, 28, 28), size=(32, 32)))),
    (lambda: ConvDepthwiseConv(8, 16, 8, padding=0), "leave padding out", lambda: ConvDepthwiseConv(8, 16, 8)),
    (lambda: models.initialise(MobileNetV2), "MobileNetV2() builds one", lambda: models.initialise(MobileNetV2())),
    (lambda: Pyramid(nn.Identity()), "MobileNetV2() builds one", lambda: Pyramid(MobileNetV2())),
    (lambda: Pyramid(MobileNetV2), "MobileNetV2() builds one", lambda: Pyramid(MobileNetV2())),
    # Messages that stand with the subject and that only the other rooms use.
    (lambda: compare.estimate([100, float("inf")], [0, 1]), "leave it out", lambda: compare.estimate([100, 0], [0, 1])),
    (lambda: compare.estimate([100, 0], "01"), "such as [0, 0, 1, 1]",
     lambda: compare.estimate([100, 0, 0, 0], [0, 0, 1, 1])),
    (lambda: compare.crops([maps(3, 8, 8)]), "such as {'cat': picture}",
     lambda: compare.crops({"cat": photographs.picture(np.zeros((300, 300, 3), np.uint8))}, each=1)),
    (lambda: anatomy.conv_of(MobileNetV2()), "such as network.stem", lambda: anatomy.conv_of(MobileNetV2().stem)),
    (lambda: measure.page_faults(3), "a lambda", lambda: measure.page_faults(lambda: maps(1, 1))),
    (lambda: anatomy.balance([[1.0]]), "torch.as_tensor(...) may make one",
     lambda: anatomy.balance(torch.as_tensor([[[1.0]]]))),
    (lambda: anatomy.balance(maps(3, 3)), "use reshape or an index",
     lambda: anatomy.balance(maps(3, 3).reshape(1, 3, 3))),
    (lambda: transfer.few(maps(4), 1), "use labels.long()", lambda: list(transfer.few(maps(4).long(), 1, draws=1))),
    (lambda: transfer.linear_head(maps(4, 2), maps(3).long()), "give as many",
     lambda: transfer.linear_head(maps(4, 2), torch.tensor([0, 0, 1, 1]))),
    (lambda: transfer.for_network(maps(1, 3, 9, 9).byte()), "write images / 255",
     lambda: transfer.for_network(maps(1, 3, 9, 9).byte() / 255)),
    (lambda: manifold.relu([0.5, 1.0], np.ones((3, 2))), "np.array(...) may make one",
     lambda: manifold.relu(np.array([0.5, 1.0])[None] * np.ones((2, 1)), np.ones((3, 2)))),
    (lambda: manifold.relu(np.ones((2, 2, 2, 2)), np.ones((3, 2))), "use reshape",
     lambda: manifold.relu(np.ones((2, 2, 2, 2)).reshape(2, 8), np.ones((3, 2)))),
]  # fmt: skip
IDS = [f"{remedy[:30]}, {i}" for i, (_, remedy, _) in enumerate(REMEDIES)]


def refused(call):
    """Return the error of a call, and the file and the line where it was raised."""
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    where = traceback.extract_tb(caught.value.__traceback__)[-1]
    return caught.value, (where.filename, where.lineno)


@pytest.mark.parametrize(("call", "remedy", "done"), REMEDIES, ids=IDS)
def test_what_the_message_tells_one_to_do_helps(call, remedy, done):
    error, _ = refused(call)
    message = str(error)
    assert remedy in message
    assert re.search(r" must .*, got ", message), message
    done()


def test_every_message_of_the_subject_was_tried():
    tried = {refused(call)[1] for call, _, _ in REMEDIES}
    missing = []
    for module in MODULES:
        path = module.__file__
        for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and node.exc and "NotImplementedError" not in ast.unparse(node):
                if not any(path == file and node.lineno <= line <= node.end_lineno for file, line in tried):
                    missing.append(f"{Path(path).name}:{node.lineno}: {ast.unparse(node)}")
    assert missing == []
