"""Break the trained network: the page shows what is stored, and what is stored is what surgery does."""

from __future__ import annotations

import base64
import gzip
import io
import itertools
import json
import re
from functools import cache

import numpy as np
import pytest
import traitlets
from drawn import Elements, drawn, words
from node import esm, javascript
from PIL import Image

from mobilenet_lib import MobileNetV2, naming, photographs, surgery, trained
from mobilenet_lib.explorables import break_network
from mobilenet_lib.explorables.break_network import BLOCKS, CHANGES, FILE, PHOTOGRAPHS, RULES, SHARES, BreakNetwork

PLACES = [
    {"change": change, "block": block, "span": span, "share": 5, "rule": "contribution"}
    for change, block, span in itertools.product(CHANGES[:4], range(BLOCKS), ["block", "row", "network"])
]
PRUNED = [
    {"change": "channels", "block": 3, "span": "block", "share": share, "rule": rule}
    for share, rule in itertools.product(SHARES, RULES)
]
STATES = [
    {**state, "photograph": photograph, "bars": "tried"}
    for state, photograph in itertools.product(PLACES + PRUNED, PHOTOGRAPHS)
]


@pytest.fixture(scope="module")
def experiment() -> dict:
    return BreakNetwork().experiment


def shown(state: dict) -> BreakNetwork:
    """Return the figure in a state, to look at, without asking PyTorch; each is made once."""
    return _shown(**state)


@cache
def _shown(**state: object) -> BreakNetwork:
    return BreakNetwork(**state)


def test_the_file_holds_the_results_on_the_trained_network():
    """If this fails: python -m mobilenet_lib.explorables.export"""
    assert json.loads(FILE.read_text(encoding="utf-8")) == break_network.stored()


def test_blocks_are_those_of_the_network(experiment):
    network = MobileNetV2()
    residual = surgery.residual_blocks(network)
    assert len(experiment["blocks"]) == len(network.blocks) == BLOCKS
    for i, (block, row) in enumerate(zip(network.blocks, experiment["blocks"], strict=True)):
        thin = [block.conv1[0].in_channels if row["t"] > 1 else block.depthwise[0].in_channels]
        assert row["ends"] == [*thin, block.conv2[0].out_channels]
        assert block.depthwise[0].in_channels == row["t"] * row["ends"][0]
        assert row["stride"] == block.depthwise[0].stride[0]
        assert row["residual"] == (i in residual)
    assert [row["row"] for row in experiment["blocks"]] == [1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 6, 6, 6, 7]


def test_the_page_and_python_speak_of_the_same_change(experiment):
    keys = javascript(esm(BreakNetwork), "changeKey", [[state, experiment["blocks"]] for state in STATES])
    assert [shown(state).change_key() for state in STATES] == keys
    known = {change.key for change in surgery.changes(MobileNetV2())}
    assert set(keys) - {""} <= known and set(keys) - {""} == set(experiment["agreement"])


def test_the_page_shows_the_stored_answers(experiment):
    keys = [shown(state).change_key() for state in STATES]
    cases = [[experiment, key, state["photograph"]] for key, state in zip(keys, STATES, strict=True)]
    names = naming.categories()
    for state, key, found in zip(STATES, keys, javascript(esm(BreakNetwork), "answersOf", cases), strict=True):
        right = trained.answers(state["photograph"], key)
        assert [each["name"] for each in found] == [names[answer.category] for answer in right]
        assert [each["percent"] for each in found] == pytest.approx([answer.percent for answer in right], abs=0.51)
        assert shown(state).answers() == [(each["name"], each["percent"]) for each in found]


def test_the_words_are_true_in_every_state(experiment):
    sentences = javascript(esm(BreakNetwork), "resultSentence", [[state, experiment] for state in STATES])
    for state, sentence in zip(STATES, sentences, strict=True):
        figure = shown(state)
        key, blocks = figure.change_key(), figure.changed_blocks()
        if not key:
            assert "nothing to take away" in sentence and state["change"] in ("shortcut", "branch")
            assert not any(experiment["blocks"][i]["residual"] for i in [state["block"]] * (state["span"] == "block"))
            continue
        mean = float(re.search(r"([\d.]+)\N{NO-BREAK SPACE}% \(", sentence)[1])
        assert mean == pytest.approx(experiment["agreement"][key][0], abs=0.51)
        first, intact = figure.answers()[0], trained.answers(state["photograph"])[0]
        assert first[0] in sentence
        still = first[0] == naming.categories()[intact.category]
        assert ("still" in sentence) == still and ("instead of" in sentence)
        if len(blocks) == 1:
            assert f"block {blocks[0]}" in sentence
        assert not re.search(r"undefined|NaN|\bnull\b", sentence)


def test_a_change_that_is_none_explains_itself(experiment):
    state = {**STATES[0], "change": "shortcut", "block": 1}
    (sentence,) = javascript(esm(BreakNetwork), "resultSentence", [[state, experiment]])
    assert sentence.startswith("Block 1 has no shortcut (its stride is 2, and it turns 16 channels into 24)")
    state |= {"block": 16, "span": "row"}
    (sentence,) = javascript(esm(BreakNetwork), "resultSentence", [[state, experiment]])
    assert sentence.startswith("No block in the row of block 16 has a shortcut")


def test_the_static_form_has_the_numbers(experiment):
    text = words(BreakNetwork())
    ends = experiment["agreement"]["relu6 3"]
    mean, low, high = (f"{one:.1f}".removesuffix(".0") if one < 9.95 else f"{one:.0f}" for one in ends)
    assert f"{mean}\N{NO-BREAK SPACE}% ({low} to {high})" in text
    for name, _ in BreakNetwork().answers():
        assert name in text


def test_the_static_form_shows_the_photograph_and_whose_it_is():
    figure = BreakNetwork(photograph="china")
    (image,) = [about for name, about in Elements(drawn(figure).html).found if name == "img"]
    assert image["src"].endswith("/gallery/china.webp") and image["alt"] == "Photograph: palace"
    assert image["loading"] == "lazy" and image["width"] == image["height"] == "224"
    assert photographs.SHIPPED["china"].line in words(figure)
    for file in figure.pictures:
        with Image.open(FILE.parent / file) as picture:
            assert picture.size == (224, 224)
    assert {f"gallery/{name}.webp" for name in PHOTOGRAPHS} == set(figure.pictures)


def test_what_the_page_carries_is_small(experiment):
    assert len(gzip.compress(json.dumps(experiment).encode())) < 8_000
    own = FILE.parents[1] / "explorables"
    code = b"".join((own / f"break_network.{kind}").read_bytes() for kind in ("js", "css"))
    assert len(gzip.compress(json.dumps(experiment).encode() + code)) < 15_000


# In a notebook


def test_the_kernel_sends_the_photograph_that_is_asked_for():
    figure = BreakNetwork()
    assert figure.seen == {}
    figure.wanted = "coffee"
    kind, _, content = figure.seen["coffee"].partition(",")
    assert kind == "data:image/jpeg;base64"
    with (
        Image.open(io.BytesIO(base64.b64decode(content))) as sent,
        Image.open(FILE.parent / "gallery/coffee.webp") as file,
    ):
        assert sent.size == file.size
        sent, file = (np.asarray(each.convert("RGB"), dtype=float) for each in (sent, file))
    assert np.abs(sent - file).mean() < 5  # two ways to write it down, of 255 steps


def test_without_the_picture_the_figure_shows_all_the_rest(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError("no skimage here")

    monkeypatch.setattr(photographs, "picture", missing)
    figure = BreakNetwork()
    figure.wanted = "coffee"
    assert figure.seen == {"coffee": ""}
    figure.wanted = "dog"  # nobody has it
    assert figure.seen == {"coffee": ""}


@pytest.mark.parametrize(
    "state",
    [
        {"change": "relu6", "block": 6, "span": "row", "photograph": "coffee"},
        {"change": "shortcut", "block": 4},
        {"change": "channels", "rule": "weights", "share": 2, "photograph": "camera"},
    ],
)
def test_pytorch_gives_the_stored_classes(state):
    figure = BreakNetwork()
    assert figure.live == {}  # nothing is fetched before the reader does something
    with figure.hold_trait_notifications():
        for name, value in state.items():
            setattr(figure, name, value)
    assert figure.live["change"] == figure.change_key() and "error" not in figure.live
    found, right = figure.live["answers"], figure.answers()
    assert found[0][0] == right[0][0]
    assert found[0][1] == pytest.approx(right[0][1], abs=1)
    key, photograph = figure.change_key(), figure.photograph
    (said,) = javascript(esm(BreakNetwork), "liveWords", [[figure.live, figure.experiment, key, photograph]])
    assert said.startswith("PyTorch, in this notebook: ") and said.endswith("agrees.")


def test_where_pytorch_cannot_answer_the_figure_says_why(monkeypatch):
    def refuse():
        raise ConnectionError("the weights cannot be reached")

    monkeypatch.setattr(break_network, "_network", refuse)
    figure = BreakNetwork()
    figure.block = 9
    assert figure.live["error"] == "the weights cannot be reached"
    case = [figure.live, figure.experiment, figure.change_key(), figure.photograph]
    assert javascript(esm(BreakNetwork), "liveWords", [case]) == ["PyTorch: the weights cannot be reached"]


def test_words_about_another_state_are_not_shown(experiment):
    live = {"change": "relu6 3", "photograph": "china", "answers": [["palace", 50.0]]}
    assert javascript(esm(BreakNetwork), "liveWords", [[live, experiment, "relu6 4", "china"]]) == [""]


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("change", "stem", "change must be one of relu6, shortcut, branch, activations, channels, got 'stem'"),
        ("block", 17, "block must be one of 0, 1, 2"),
        ("share", 3, "share must be one of 2, 5, 10, 20, 50, got 3"),
        ("photograph", "dog", "photograph must be one of chelsea, coffee, china, camera, got 'dog'"),
    ],
)
def test_a_value_that_no_control_has_is_refused(setting, value, message):
    with pytest.raises(traitlets.TraitError, match=message):
        BreakNetwork(**{setting: value})
