"""The file that a page fetches: small, always the same, and it says what PyTorch says.

What it says of many pieces of photographs is asked in `test_trained.py`, which has them.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from typing import cast

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from PIL import Image
from torch import nn

from mobilenet_lib import (
    MobileNetV2,
    anatomy,
    compare,
    naming,
    page_model,
    photographs,
    preparing,
    pretrained,
    shipping,
)
from mobilenet_lib.topics._command import DATA

STORED = json.loads((DATA / page_model.ANSWERS).read_text("utf8"))
LIMIT = 3_500_000


opened = cache(shipping.OnnxNetwork)  # it puts all weights into float32 first
committed = cache(page_model.stored)


def assert_near(found: np.ndarray, expected: np.ndarray, within: float) -> None:
    """Compare two arrays of one shape: pytest.approx takes a second for 200,000 numbers."""
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= within


def run(model: bytes, image: torch.Tensor) -> dict[str, np.ndarray]:
    """Run a model on one image and return its outputs by name."""
    network = opened(model)
    return dict(zip(network.outputs, network.session.run(None, {network.input: image.numpy()}), strict=True))


@cache
def read_back(model: bytes) -> MobileNetV2:
    """Build the network of a file in PyTorch, from what stands in the file."""
    stored = {each.name: numpy_helper.to_array(each) for each in onnx.load_from_string(model).graph.initializer}
    network = cast(MobileNetV2, shipping.fold(MobileNetV2()))
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if f"{name}.half" in stored:
                weight = stored[f"{name}.half"].astype(np.float32)
            else:
                steps, scale = stored[f"{name}.steps"], stored[f"{name}.scale"]
                weight = steps.astype(np.float32) * scale.reshape(-1, *[1] * (steps.ndim - 1))
            layer.weight.data = torch.from_numpy(weight)
            layer.bias.data = torch.from_numpy(stored[f"{name}.bias"].copy())
    return network


@pytest.fixture(scope="module")
def exact(released) -> MobileNetV2:
    """Return the trained network in float32."""
    released("mobilenet_v2")
    return cast(MobileNetV2, shipping.fold(pretrained.from_torchvision()))


@pytest.fixture(scope="module")
def whole() -> torch.Tensor:
    """Return a photograph, prepared."""
    return preparing.prepared(photographs.picture("china"))


def test_the_file_is_small_and_a_model():
    packed = (DATA / page_model.FILE).read_bytes()
    assert len(packed) < LIMIT and len(packed) == STORED["about"]["bytes"]
    assert gzip.decompress(packed) == committed()
    onnx.checker.check_model(onnx.load_from_string(committed()), full_check=True)


def test_two_makings_give_the_same_bytes():
    torch.manual_seed(0)
    network, images = shipping.fold(MobileNetV2(10, width_mult=0.35)), torch.randn(4, 3, 64, 64)
    files = [page_model.to_file(page_model.rounded(network, images), list("abcdefghij")) for _ in range(2)]
    assert files[0] == files[1]
    assert page_model.packed(files[0]) == page_model.packed(files[1])


@pytest.mark.parametrize("size", [(224, 224), (160, 160), (96, 192)])
def test_all_that_the_file_gives_is_what_pytorch_computes_from_its_weights(size, whole):
    network = read_back(committed())
    image = torch.nn.functional.interpolate(whole, size=size)
    found = run(committed(), image)
    with torch.inference_mode():
        scores = network(image)[0]
    assert_near(found["output"][0], scores.numpy(), 1e-3)
    first = compare.first_classes(scores[None])[0]
    assert found["first"][0].tolist() == [answer.category for answer in first]
    for answer, values in zip(first, found["maps"][0], strict=True):
        seen = anatomy.class_activation_map(network, image[0], answer.category)
        assert_near(values, seen.flatten().numpy(), 1e-3)
        assert values.mean() == pytest.approx(scores[answer.category].item(), abs=1e-3)
    for i, block in enumerate(page_model.features(network, image[0])):
        assert_near(found[f"blocks.{i}"][0], block.numpy(), 1e-3)
    assert found["head"].shape == (1, 1280, -(-size[0] // 32), -(-size[1] // 32))


def test_names_come_with_the_file(whole):
    found = run(committed(), whole)
    assert found["names"][0].tolist() == [naming.categories()[category] for category in found["first"][0]]


@pytest.mark.parametrize("name", page_model.SHOWN)
def test_a_photograph_of_the_gallery_gets_the_class_of_its_original(name, exact):
    file = Image.open(DATA / page_model.GALLERY / f"{name}.webp")
    image = page_model._from_square(file)
    with torch.inference_mode():
        now, original = exact(image[None]), exact(preparing.prepared(photographs.picture(name)))
    first = compare.first_classes(now)[0]
    stored = STORED["photographs"][name]
    assert first[0].category == original.argmax() == stored["first"][0][0]
    assert first[0].category == run(committed(), image[None])["first"][0, 0]
    assert [each[0] for each in stored["first"]] == [answer.category for answer in first]
    assert [each[2] for each in stored["first"]] == pytest.approx([answer.percent for answer in first], abs=0.1)
    assert stored["line"] == photographs.SHIPPED[name].line


def test_each_class_needs_a_name():
    with pytest.raises(ValueError, match="categories must name 10 classes, got 2; give one name for each"):
        page_model.to_file(shipping.fold(MobileNetV2(10)), ["cat", "dog"])
