"""What it sees: pictures are prepared as torchvision does it, and the kernel answers as the page does."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn import Elements, drawn, words
from node import esm, javascript
from PIL import Image
from torchvision.models import MobileNet_V2_Weights
from torchvision.transforms import functional

from mobilenet_lib import compare, cost, photographs, preparing, pretrained
from mobilenet_lib.explorables import what_it_sees
from mobilenet_lib.explorables.what_it_sees import WhatItSees

PICTURE = (
    Path(__file__).parents[2].joinpath("book", "ext", "picture.js").read_text("utf8").replace("export const", "const")
)
STORED = what_it_sees.STORED["photographs"]
SIZES = [(600, 400), (451, 300), (512, 512), (1, 1), (3, 900), (257, 256), (224, 640), (100, 77), (1000, 37)]


def picture_of(width: int, height: int) -> Image.Image:
    """Return a picture with edges, slopes and noise."""
    noise = np.random.default_rng(width * height).integers(0, 60, (height, width, 3))
    slopes = np.add.outer(np.arange(height), np.arange(width))[:, :, None] * np.array([1, 2, 3]) % 190
    return Image.fromarray((noise + slopes).astype(np.uint8))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [224, 160])
def test_a_picture_is_resized_and_cropped_as_torchvision_does_it(size, side):
    picture = picture_of(*size)
    data = base64.b64encode(picture.convert("RGBA").tobytes()).decode()
    image = f"{{ width: {size[0]}, height: {size[1]}, data: Buffer.from(data, 'base64') }}"
    prepare = f"((data) => [...cutOut({image}, placeOf({size[0]}, {size[1]}, {side}))])"
    (found,) = javascript(PICTURE, prepare, [[data]])
    small = functional.resize(picture, [side * 256 // 224], antialias=True)
    expected = np.asarray(functional.center_crop(small, [side, side]), dtype=int)
    difference = np.abs(np.array(found).reshape(side, side, 4)[:, :, :3] - expected)
    assert difference.max() <= 1  # of 255: Pillow computes in integers


def test_colours_are_normalised_as_in_the_training():
    pixels = np.random.default_rng(0).integers(0, 256, (10, 10, 4))
    (found,) = javascript(PICTURE, "((pixels) => [...normalised(pixels)])", [[pixels.flatten().tolist()]])
    image = torch.from_numpy(pixels[:, :, :3]).permute(2, 0, 1).float() / 255
    assert found == pytest.approx(preparing.normalised(image).flatten().tolist(), abs=1e-5)
    weights = MobileNet_V2_Weights.IMAGENET1K_V1.transforms()
    assert (tuple(weights.mean), tuple(weights.std)) == (preparing.MEAN, preparing.DEVIATION)


def test_the_place_of_the_largest_value_is_said_in_words():
    maps = [[float(i == at) for i in range(49)] for at in (24, 0, 48, 3, 28, 45)]
    found = javascript(esm(WhatItSees), "whereOf", [[each, 7, 7] for each in maps])
    assert found == [
        *("in the middle", "at the top, on the left", "at the bottom, on the right", "at the top", "on the left"),
        "at the bottom",
    ]


def test_the_picture_is_bright_where_the_map_is_large():
    shades = javascript(esm(WhatItSees), "shadeOf", [[[3, -1, 1]], [[2, 2, 2]]])
    assert shades[0][0] == 0 < shades[0][2] < shades[0][1] == 215
    assert len(set(shades[1])) == 1  # a flat map darkens everything alike


def test_the_blocks_are_those_of_table_two():
    projections = [layer for layer in cost.mobilenet_v2_layers() if layer.role == "projection"]
    rows = what_it_sees.table_two()
    assert [(row["c"], row["size"]) for row in rows] == [(each.out_channels, each.out_size[0]) for each in projections]
    assert sum(row["residual"] for row in rows) == 10


def test_the_stored_answer_shows_before_anything_is_loaded():
    text = words(WhatItSees())
    for category, name, _ in STORED["china"]["first"]:
        assert name in text, category
    for said in ("Load the network, 7.0\N{NO-BREAK SPACE}MB", "nothing leaves your device", STORED["china"]["line"]):
        assert said in text
    form = drawn(WhatItSees(photo="coffee", rank=2))
    assert "espresso" in form.html and "What speaks for consomme" in form.html
    images = [attributes["src"] for name, attributes in Elements(form.html).found if name == "img"]
    assert any("coffee.webp" in (source or "") for source in images)


def test_a_map_stands_in_the_static_form_as_it_is_stored():
    values = np.array([int(step, 16) for step in STORED["coffee"]["maps"][0]])
    form = drawn(WhatItSees(photo="coffee"))
    file = next(name for name in form.images if Image.open(io.BytesIO(form.images[name])).size == (7, 7))
    shade = np.asarray(Image.open(io.BytesIO(form.images[file])))[:, :, 3].flatten()
    expected = 215 * (1 - (values - values.min()) / (values.max() - values.min()))
    assert shade == pytest.approx(expected, abs=1)


@pytest.fixture
def ready(released) -> WhatItSees:
    released("mobilenet_v2")
    figure = WhatItSees()
    figure.question = {"id": "1", "do": "open", "name": "mobilenet", "shape": [1, 3, 224, 224]}
    assert figure.answer["value"]["runtime"].startswith("PyTorch ")
    return figure


def test_the_kernel_says_of_a_photograph_what_pytorch_says(ready):
    ready.question = {"id": "2", "do": "see", "name": "mobilenet", "photo": "coffee"}
    answer = ready.answer["value"]
    network = pretrained.from_torchvision()
    with torch.inference_mode():
        scores = network(preparing.prepared(photographs.picture("coffee")))
    first = compare.first_classes(scores)[0]
    assert [each["category"] for each in answer["first"]] == [each.category for each in first]
    assert answer["first"][0]["name"] == "espresso"
    assert np.mean(answer["first"][0]["map"]) == pytest.approx(scores[0, 967].item(), abs=1e-3)
    assert [block["channels"] for block in answer["blocks"]] == [row["c"] for row in ready.blocks]
    block = answer["blocks"][2]
    steps = np.frombuffer(base64.b64decode(block["steps"]), np.int8)
    assert len(steps) == 24 * 56 * 56 and np.abs(steps).max() == 127
    json.dumps(answer)  # it travels as text


def test_the_kernel_takes_the_readers_own_picture_and_says_what_is_none(ready):
    buffer = io.BytesIO()
    photographs.picture("chelsea").save(buffer, "PNG")
    own = base64.b64encode(buffer.getvalue()).decode()
    ready.question = {"id": "3", "do": "see", "name": "mobilenet", "picture": own}
    assert ready.answer["value"]["first"][0]["name"] == "Egyptian cat"
    assert ready.answer["value"]["seen"].startswith("data:image/jpeg;base64,")
    ready.question = {"id": "4", "do": "see", "name": "mobilenet", "picture": base64.b64encode(b"Dear diary").decode()}
    assert "it is a text" in ready.answer["error"]


def test_weights_that_cannot_be_had_are_named_in_a_sentence(monkeypatch):
    def nowhere(*args, **kwargs):
        raise ConnectionError("mobilenet_v2-b0353104.pth could not be fetched; is there a connection?")

    monkeypatch.setattr(pretrained, "from_torchvision", nowhere)
    figure = WhatItSees()
    figure.question = {"id": "5", "do": "open", "name": "mobilenet", "shape": [1, 3, 224, 224]}
    assert "could not be fetched" in figure.answer["error"]
