"""Draw a digit: drawings become the images the networks know, and page, file and kernel read them as PyTorch does."""

from __future__ import annotations

import base64
import io
import json
import random
import re

import numpy as np
import pytest
import torch
import traitlets
from drawn import drawn, words
from node import esm, javascript
from PIL import Image

from mobilenet_lib import cost, measure, shipping, training
from mobilenet_lib.explorables import digit_canvas, export
from mobilenet_lib.explorables.digit_canvas import READERS, DigitCanvas
from mobilenet_lib.explorables.runtime import DATA


def percent(share: float) -> str:
    """Write a probability: never 0 % and never 100 %."""
    if share < 0.0005:
        return "<\N{NO-BREAK SPACE}0.1\N{NO-BREAK SPACE}%"
    if share >= 0.9995:
        return ">\N{NO-BREAK SPACE}99.9\N{NO-BREAK SPACE}%"
    decimals = 0 if 0.0995 <= share < 0.985 else 1
    return f"{100 * share:.{decimals}f}\N{NO-BREAK SPACE}%"


STORED = json.loads(digit_canvas.EXAMPLES.read_text("utf8"))


@pytest.fixture(scope="module")
def test_set() -> tuple[torch.Tensor, torch.Tensor]:
    return training.digits("test")


@pytest.fixture(scope="module")
def redrawn(test_set) -> torch.Tensor:
    """Return 100 images of the test set as the page makes them of drawings, each somewhere on a large paper."""
    cases, side, shift = [], 90, random.Random(0)
    for image in test_set[0][::10, 0]:
        rows, columns = np.nonzero(image.numpy().any(1))[0], np.nonzero(image.numpy().any(0))[0]
        ink = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        ink = ink.repeat_interleave(3, 0).repeat_interleave(3, 1)
        paper = torch.zeros(side, side)
        top, left = shift.randint(0, side - ink.shape[0]), shift.randint(0, side - ink.shape[1])
        paper[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
        cases.append([[round(value, 4) for value in paper.flatten().tolist()], side])
    return torch.tensor(javascript(esm(DigitCanvas), "asImage", cases)).reshape(-1, 1, 28, 28)


@pytest.mark.parametrize("name", READERS)
def test_closed_forms_equal_fvcore_on_the_trained_networks(name):
    counted = measure.cost(training.trained(name), digit_canvas.SHAPE)
    assert counted == cost.total(digit_canvas.layers_of(name))
    about = next(reader for reader in DigitCanvas().readers if reader["name"] == name)
    assert (about["macs"], about["params"]) == (counted.macs, counted.params)


def test_a_digit_of_the_test_set_drawn_anywhere_comes_back_as_it_was(test_set, redrawn):
    """Three times as large, and somewhere on the paper: MNIST's own rule, box and centre of mass, finds it again."""
    differ = (redrawn - test_set[0][::10]).abs().amax(dim=(1, 2, 3)) > 1.5 / 255
    assert differ.sum() <= 1, differ.sum()  # a centre of mass half-way between two pixels may go either way


@pytest.mark.parametrize("name", READERS)
def test_networks_read_drawings_as_well_as_the_test_set(name, test_set, redrawn):
    images, labels = test_set
    direct = training.accuracy(training.trained(name), images[::10], labels[::10])
    assert training.accuracy(training.trained(name), redrawn, labels[::10]) == pytest.approx(direct, abs=1)


@pytest.mark.parametrize("name", READERS)
def test_the_file_says_what_pytorch_says_maps_included(name, test_set):
    """If this fails: python -m mobilenet_lib.explorables.export"""
    model = shipping.OnnxNetwork((DATA / digit_canvas.file_of(name)).read_bytes())
    assert model.outputs == ("output", READERS[name].part)
    canvas, network = DigitCanvas(), training.trained(name)
    images = test_set[0][::40]
    with torch.inference_mode():
        expected = canvas.outputs(name, network, images)
    scores, maps = model(images)
    torch.testing.assert_close(scores, expected["output"], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(maps, expected[READERS[name].part], rtol=1e-4, atol=1e-4)
    about = next(reader for reader in canvas.readers if reader["name"] == name)
    assert maps.shape[1] == about["channels"] and maps.shape[1] * 196 == maps[0].numel()
    assert len((DATA / digit_canvas.file_of(name)).read_bytes()) < 200_000


def test_stored_examples_and_accuracies_are_what_the_networks_say_today():
    """If this fails: python -m mobilenet_lib.explorables.export"""
    found = export.digits()
    for stored, now in zip(STORED["examples"], found["examples"], strict=True):
        assert (stored["label"], stored["pixels"]) == (now["label"], now["pixels"])
        for name in READERS:
            assert stored["shares"][name] == pytest.approx(now["shares"][name], abs=1e-3)
            assert sum(stored["shares"][name]) == pytest.approx(1, abs=1e-4)
        said = {max(range(10), key=shares.__getitem__) for shares in stored["shares"].values()}
        assert stored["hard"] == (said != {stored["label"]})
    assert STORED["accuracy"] == pytest.approx(found["accuracy"], abs=0.11)  # one image of a thousand


def test_the_kernel_reads_an_image_as_pytorch_does(test_set):
    canvas, image = DigitCanvas(), test_set[0][7:8]
    canvas.question = {"id": "1", "do": "open", "name": "inverted", "shape": [1, 1, 28, 28]}
    assert canvas.answer["value"]["runtime"].startswith("PyTorch ")
    canvas.question = {"id": "2", "do": "run", "name": "inverted", "values": image.flatten().tolist()}
    answer = canvas.answer["value"]
    with torch.inference_mode():
        assert answer["output"] == pytest.approx(training.trained("inverted")(image)[0].tolist(), abs=1e-4)
    assert len(answer["blocks.0.depthwise"]) == 48 * 14 * 14
    assert 0 <= min(answer["blocks.0.depthwise"]) and max(answer["blocks.0.depthwise"]) <= 6


def test_probabilities_are_written_alike_in_python_and_javascript():
    shares = [(i + 0.3) / 2003 for i in range(2003)] + [0, 1e-9, 0.99949, 0.9995, 1]
    written = javascript(esm(DigitCanvas), "shareText", [[share] for share in shares])
    assert written == [percent(share) for share in shares]


def test_the_sentence_says_who_says_what():
    readers = DigitCanvas().readers
    one = {digit: [0.9 if i == digit else 0.1 / 9 for i in range(10)] for digit in (3, 5)}
    cases = [dict.fromkeys(READERS, one[3]), {**dict.fromkeys(READERS, one[3]), "inverted": one[5]}]
    same, other = javascript(esm(DigitCanvas), "answersSentence", [[readers, case] for case in cases])
    assert same.replace("\N{NO-BREAK SPACE}", " ").startswith(
        "All three say 3: standard with 90 %, separable with 90 %"
    )
    assert other.startswith("They do not agree: standard says 3,") and "inverted residual says 5," in other


def test_what_the_maps_are_fits_into_the_sentences_that_name_them():
    """A half sentence behind a semicolon would be read on: "…, once the networks are loaded"."""
    for reader in READERS.values():
        assert re.fullmatch(r"of the [\w ]+(, which [\w ]+)?", reader.maps)


def test_a_network_that_is_none_is_refused():
    with pytest.raises(traitlets.TraitError, match="network must be one of standard, separable, inverted, got 'dense'"):
        DigitCanvas(network="dense")


def test_the_static_form_shows_the_digit_and_what_the_networks_say():
    canvas = DigitCanvas()
    example = canvas.examples[digit_canvas.FIRST]
    form, text = drawn(canvas), words(canvas)
    for reader in canvas.readers:
        shares = example["shares"][reader["name"]]
        assert f" {shares.index(max(shares))} " in text and reader["label"] in text
        assert percent(max(shares)) in text
    [image] = form.images.values()
    assert form.html.count('src="explorables:') == 2  # the paper, and what the networks see
    pixels = np.array(Image.open(io.BytesIO(image)).convert("L"))
    assert pixels.tobytes() == base64.b64decode(example["pixels"])
    assert "A 2 of the test set" in text
