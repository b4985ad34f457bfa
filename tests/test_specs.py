"""The tables that the networks are built from, held against timm's and torchvision's networks."""

import random
from fractions import Fraction

import numpy as np
import pytest
import torch
from peers import undrawn
from timm.layers import make_divisible as timm_make_divisible
from torchvision.models import mobilenet_v2
from torchvision.models._utils import _make_divisible as torchvision_make_divisible

from mobilenet_lib import V1_SPEC, V2_SPEC, make_divisible, specs

WIDTHS = (0.1, 0.25, 0.35, 0.5, 0.75, 1.0, 1.3, 1.4, 2.0)


def test_make_divisible_is_the_rule_of_timm_and_torchvision():
    draw = random.Random(0)
    for _ in range(4000):
        value, divisor = draw.uniform(0.01, 3000), draw.choice([1, 2, 4, 8, 16, 32])
        min_value = draw.choice([None, 1, 8, 24])
        ours = make_divisible(value, divisor, min_value)
        assert ours == timm_make_divisible(value, divisor, min_value), (value, divisor, min_value)
        assert ours == torchvision_make_divisible(value, divisor, min_value), (value, divisor, min_value)
        limit = draw.uniform(0.5, 0.99)
        assert make_divisible(value, divisor, None, limit) == timm_make_divisible(value, divisor, None, limit)
    for c in range(1, 2000):
        assert make_divisible(c) == timm_make_divisible(c)


def test_make_divisible_never_loses_more_than_a_tenth():
    for value in np.linspace(1, 2000, 5001):
        rounded = make_divisible(value)
        assert rounded % 8 == 0
        assert rounded >= 0.9 * value


@pytest.mark.parametrize("width_mult", WIDTHS)
def test_v2_blocks_are_the_blocks_of_torchvision_at_every_width(width_mult):
    with torch.device("meta"), undrawn():
        features = mobilenet_v2(width_mult=width_mult).features
    assert specs.stem_channels(width_mult) == features[0][0].out_channels
    assert specs.v2_head_channels(width_mult) == features[-1][0].out_channels
    ours = list(specs.v2_blocks(width_mult))
    assert len(ours) == len(features) - 2 == 17
    for block, peer in zip(ours, features[1:-1], strict=True):
        convolutions = [part for part in peer.modules() if hasattr(part, "kernel_size")]
        assert block.in_channels == convolutions[0].in_channels
        assert block.in_channels * block.expansion == convolutions[-1].in_channels
        assert block.out_channels == peer.out_channels
        assert block.stride == peer.stride


@pytest.mark.parametrize("width_mult", [0.25, 0.5, 0.75, 1.0])
def test_v1_widths_are_those_of_the_released_checkpoints(width_mult):
    # TensorFlow-Slim multiplies without rounding to 8; at the four released widths that is the same.
    assert specs.stem_channels(width_mult) == max(int(32 * width_mult), 8)
    published = [c for c, n, _ in V1_SPEC for _ in range(n)]
    ours = [block.out_channels for block in specs.v1_blocks(width_mult)]
    assert ours == [max(int(c * width_mult), 8) for c in published]


@pytest.mark.parametrize("width_mult", WIDTHS)
def test_each_block_takes_what_the_one_before_it_gives(width_mult):
    for blocks in (list(specs.v1_blocks(width_mult)), list(specs.v2_blocks(width_mult))):
        ends = [specs.stem_channels(width_mult), *(block.out_channels for block in blocks)]
        assert [block.in_channels for block in blocks] == ends[:-1]


def test_both_networks_divide_the_image_by_their_total_stride():
    for blocks in (specs.v1_blocks(), specs.v2_blocks()):
        strides = [block.stride for block in blocks]
        assert 2 * np.prod(strides) == specs.TOTAL_STRIDE


def test_only_the_first_block_of_a_row_has_its_stride():
    blocks = iter(specs.v2_blocks())
    for row in V2_SPEC:
        strides = [next(blocks).stride for _ in range(row.n)]
        assert strides == [row.s] + [1] * (row.n - 1)
    assert next(blocks, None) is None


def test_rows_can_be_unpacked_like_the_lines_of_the_papers_tables():
    assert sum(n for _, n, _ in V1_SPEC) == 13
    assert sum(n for _, _, n, _ in V2_SPEC) == 17
    assert V2_SPEC[1]._asdict() == {"t": 6, "c": 24, "n": 2, "s": 2}


@pytest.mark.parametrize(
    ("expansion", "error"), [(0, ValueError), (-6, ValueError), (6.0, TypeError), (True, TypeError)]
)
def test_an_expansion_that_is_no_positive_integer_is_refused(expansion, error):
    with pytest.raises(error) as caught:
        specs.v2_spec(expansion)
    assert "expansion" in str(caught.value)
    assert repr(expansion) in str(caught.value)


@pytest.mark.parametrize("width_mult", [1, np.float32(0.5), np.int64(1), Fraction(1, 2)])
def test_any_real_number_is_a_width(width_mult):
    assert list(specs.v2_blocks(width_mult)) == list(specs.v2_blocks(float(width_mult)))
    assert type(specs.stem_channels(width_mult)) is int


@pytest.mark.parametrize("function", [specs.stem_channels, specs.v2_head_channels, specs.v1_blocks, specs.v2_blocks])
@pytest.mark.parametrize(
    ("width_mult", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        ("1", TypeError),
        (True, TypeError),
        (None, TypeError),
        (1j, TypeError),
    ],
)
def test_a_width_that_is_no_positive_number_is_refused(function, width_mult, error):
    with pytest.raises(error) as caught:
        list(function(width_mult) if function in (specs.v1_blocks, specs.v2_blocks) else [function(width_mult)])
    assert "width_mult" in str(caught.value)
    assert repr(width_mult) in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "error", "name", "value"),
    [
        ({"value": 0}, ValueError, "value", "0"),
        ({"value": float("nan")}, ValueError, "value", "nan"),
        ({"value": "24"}, TypeError, "value", "'24'"),
        ({"value": 24, "divisor": 0}, ValueError, "divisor", "0"),
        ({"value": 24, "divisor": 8.0}, TypeError, "divisor", "8.0"),
        ({"value": 24, "min_value": -8}, ValueError, "min_value", "-8"),
        ({"value": 24, "min_value": "8"}, TypeError, "min_value", "'8'"),
        ({"value": 24, "round_limit": -0.5}, ValueError, "round_limit", "-0.5"),
        ({"value": 24, "multiple": 8}, TypeError, "multiple", ""),
    ],
)
def test_make_divisible_refuses_what_it_cannot_round(arguments, error, name, value):
    with pytest.raises(error) as caught:
        make_divisible(**arguments)
    assert name in str(caught.value)
    assert value in str(caught.value)
