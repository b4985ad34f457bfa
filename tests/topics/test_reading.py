"""Each class of timm's file of blocks has its place in the book; a new one is noticed."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest
import timm
import timm.models._efficientnet_blocks as blocks
import torch
from torch import nn

import mobilenet_lib
from mobilenet_lib import families
from mobilenet_lib.topics.families import reading

CHAPTERS = Path(__file__).resolve().parents[2] / "chapters"
WRITTEN = {path.stem for path in CHAPTERS.glob("*.ipynb")}


def test_each_class_of_the_installed_file_has_a_place():
    rows = families.timm_classes()
    lost = [f"{row.name} (line {row.line})" for row in rows if row.chapter is None]
    assert not lost, (
        f"timm's _efficientnet_blocks.py has {', '.join(lost)}, which no chapter explains; explain it, and write its "
        "place into PLACES of topics/families/reading.py"
    )
    gone = set(reading.PLACES) - {row.name for row in rows}
    assert not gone, f"PLACES of topics/families/reading.py has {gone}, which timm no longer has; take it out"


def test_the_rows_are_the_classes_in_their_order():
    own = [thing for thing in vars(blocks).values() if inspect.isclass(thing) and thing.__module__ == blocks.__name__]
    lines = {thing.__name__: inspect.getsourcelines(thing)[1] for thing in own if issubclass(thing, nn.Module)}
    assert {row.name: row.line for row in families.timm_classes()} == lines
    assert [row.line for row in families.timm_classes()] == sorted(lines.values())


def test_what_is_ours_is_there():
    for row in families.timm_classes():
        if row.ours is not None:
            home = mobilenet_lib if hasattr(mobilenet_lib, row.ours) else families
            assert issubclass(getattr(home, row.ours), nn.Module)


@pytest.mark.parametrize("name", [name for name, (_, chapter, _) in reading.PLACES.items() if chapter in WRITTEN])
def test_the_chapter_names_the_class(name):
    _, chapter, _ = reading.PLACES[name]
    cells = json.loads((CHAPTERS / f"{chapter}.ipynb").read_text("utf8"))["cells"]
    assert name in " ".join("".join(cell["source"]) for cell in cells)


def test_what_the_chapters_say_of_mobilenetv3_is_so_in_the_installed_timm():
    with torch.device("meta"):
        third, fourth = (timm.create_model(name) for name in ("mobilenetv3_large_100", "mobilenetv4_conv_small"))
    assert [len(row) for row in third.blocks][1] == 2  # two strings of one block each, in one row
    (last,) = third.blocks[-1]
    assert isinstance(last, blocks.ConvBnAct) and last.conv.kernel_size == (1, 1)
    names = [name for name, _ in third.named_children()]
    assert names.index("global_pool") + 1 == names.index("conv_head")
    assert third.conv_head.bias is not None and isinstance(third.norm_head, nn.Identity)
    assert isinstance(fourth.norm_head, nn.BatchNorm2d)
