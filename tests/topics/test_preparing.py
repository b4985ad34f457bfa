"""Preparing pictures: to the last bit what torchvision's weights say, and each fault is the one that its name says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torchvision.models import MobileNet_V2_Weights

from mobilenet_lib.topics.preparing import WAYS, normalised, prepared

TRANSFORMS = MobileNet_V2_Weights.IMAGENET1K_V1.transforms()
MEAN, DEVIATION = (torch.tensor(each)[:, None, None] for each in (TRANSFORMS.mean, TRANSFORMS.std))


@pytest.fixture
def cat():
    return Image.fromarray(data.chelsea())


@pytest.mark.parametrize("size", [(451, 300), (224, 224), (90, 500), (257, 256)])
def test_as_trained_is_torchvisions_to_the_last_bit(cat, size):
    picture = cat.resize(size)
    assert torch.equal(prepared(picture)[0], TRANSFORMS(picture))


def test_grey_and_transparent_pictures_become_colour(cat):
    for mode in ("L", "RGBA", "P"):
        assert torch.equal(prepared(cat.convert(mode)), prepared(cat.convert(mode).convert("RGB")))


def test_each_fault_is_what_its_name_says(cat):
    right = TRANSFORMS(cat)
    pixels = right * DEVIATION + MEAN
    close = lambda way, expected: torch.allclose(prepared(cat, way)[0], expected, atol=1e-3)  # noqa: E731
    assert close("not normalised", pixels)
    assert close("-1 to 1", 2 * pixels - 1)
    assert close("0 to 255", 255 * pixels)
    assert close("0 to 255, normalised", (255 * pixels - MEAN) / DEVIATION)
    blue_first = Image.fromarray(np.asarray(cat)[:, :, ::-1])  # as OpenCV reads a file
    assert torch.equal(prepared(cat, "blue, green, red")[0], TRANSFORMS(blue_first))
    squeezed = cat.resize((224, 224), Image.Resampling.BILINEAR)
    assert close("stretched", (torch.tensor(np.asarray(squeezed)).permute(2, 0, 1) / 255 - MEAN) / DEVIATION)
    assert len(WAYS) == 7


def test_several_pictures_become_a_batch(cat):
    both = prepared([cat, cat.resize((300, 300))])
    assert both.shape == (2, 3, 224, 224)
    assert torch.equal(both[:1], prepared(cat))


def test_what_is_not_there_is_refused(cat):
    with pytest.raises(ValueError, match="way must be one of 'as trained', .*got 'upside down'"):
        prepared(cat, "upside down")
    with pytest.raises(ValueError, match="pictures must be one picture or more, got none"):
        prepared([])
    with pytest.raises(TypeError, match="image must hold numbers from 0 to 1, got torch.uint8; .* write image / 255"):
        normalised(torch.zeros(3, 2, 2, dtype=torch.uint8))
