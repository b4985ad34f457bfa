"""Chapter 9 says what its own measurements say: no point above the roof, and each verdict follows from the numbers."""

from __future__ import annotations

import ast
import json
import math
from pathlib import Path
from typing import Any

import pytest
from notebooks import executed

PATH = Path(__file__).resolve().parents[2] / "chapters" / "09_fewer_macs_faster.ipynb"
SAID = {
    "bytes": "the bytes",
    "memory format": "the order in memory",
    "the rest": "the rest, which is the program's own work",
}

pytestmark = pytest.mark.site


def glued(name: str) -> Any:
    """Return what a cell of the executed chapter has put into the text."""
    for cell in executed(PATH).cells:
        for output in cell.get("outputs", []):
            if output.get("metadata", {}).get("scrapbook", {}).get("name") == name:
                return ast.literal_eval(next(iter(output.data.values())))
    raise KeyError(name)


def test_no_measured_point_stands_above_the_roof():
    read = json.loads(glued("roof_read"))
    assert len(read["points"]) == 6
    for intensity, rate, role in read["points"]:
        assert rate <= min(read["peak"], intensity * max(read["bandwidth"], read["cache"])), (role, rate)


def test_the_factors_multiply_to_the_distance_and_the_largest_is_the_one_that_the_text_names():
    read = json.loads(glued("roof_read"))
    assert math.prod(read["factors"].values()) == pytest.approx(read["apart"]) == pytest.approx(glued("apart"))
    largest = max(read["factors"], key=read["factors"].get)
    assert read["largest"] == SAID[largest] == glued("largest")


def test_what_takes_the_most_time_is_what_the_text_names():
    read = json.loads(glued("share_read"))
    time = {row["kind"]: row["contiguous, %"] for row in read["rows"]}
    mixing = time["expansion"] + time["projection"] + time["pointwise"]
    assert glued("most_kind") == read["most"] == ("pointwise" if mixing >= time["depthwise"] else "depthwise")
    assert sum(time.values()) == pytest.approx(100)
