"""Few pictures: the figure shows the library's results, its words are true in every state, and its pieces are seen."""

from __future__ import annotations

import base64
import itertools
import json
import re

import pytest
import traitlets
from drawn import drawn, words
from node import esm, javascript

from mobilenet_lib import photographs, transfer_results
from mobilenet_lib.explorables.few_pictures import BLOCKS, CLASSES, COUNTS, TASKS, FewPictures

STATES = [
    {"task": task, "count": count, "block": block} for task, count, block in itertools.product(TASKS, COUNTS, BLOCKS)
]


@pytest.fixture(scope="module")
def experiment() -> dict:
    return FewPictures().experiment


@pytest.fixture(scope="module")
def computed(experiment) -> list[tuple[dict, dict]]:
    """Return every state with what the JavaScript shows for it."""
    return list(zip(STATES, javascript(esm(FewPictures), "fewRates", [[s, experiment] for s in STATES]), strict=True))


def test_the_figure_knows_what_the_library_knows(experiment):
    assert list(TASKS) == list(transfer_results.TASKS)
    assert COUNTS == transfer_results.COUNTS
    assert [block - 1 for block in BLOCKS] == list(transfer_results.DEPTHS)
    for task, classes in CLASSES.items():
        assert transfer_results.task(task).labels.unique().numel() == classes
    stored = transfer_results.results()
    assert {name: experiment[name] for name in ("few", "answers", "shown", "scratch")} == {
        name: stored[name] for name in ("few", "answers", "shown", "scratch")
    }


def test_javascript_and_python_show_the_librarys_results_in_every_state(computed):
    few = transfer_results.results()["few"]
    for state, rates in computed:
        sources = {"trained": str(state["block"] - 1), "untrained": "untrained", "pixels": "pixels"}
        right = {name: few[state["task"]][source][str(state["count"])] for name, source in sources.items()}
        assert {name: [rate["mean"], rate["deviation"]] for name, rate in rates.items()} == right
        assert FewPictures(**state).rates() == right


def test_the_words_are_true_in_every_state(computed, experiment):
    cases = [[state, experiment, BLOCKS] for state, _ in computed]
    for (state, rates), sentence in zip(computed, javascript(esm(FewPictures), "fewSentence", cases), strict=True):
        assert f"the features behind block {state['block']} give" in sentence
        trained, best = rates["trained"]["mean"], max(rates["untrained"]["mean"], rates["pixels"]["mean"])
        printed = [float(number) for number in re.findall(r"([\d.]+)\s%", sentence)]
        assert printed[0] == pytest.approx(trained, abs=0.051)
        assert printed[1] == pytest.approx(best, abs=0.051)
        gap = trained - best
        if found := re.search(r"([\d.]+) points (more|fewer) than", sentence):
            away = printed[0] - printed[1]  # as a reader subtracts them
            assert float(found[1]) == pytest.approx(abs(away)) and (found[2] == "more") == (away > 0)
        assert ("about as much as" in sentence) == (abs(gap) <= 2)
        assert ("points more than" in sentence) == (gap > 2)
        assert ("points fewer than" in sentence) == (gap < -2)
        by_block = {b: experiment["few"][state["task"]][str(b - 1)][str(state["count"])][0] for b in BLOCKS}
        assert ("No other block does better." in sentence) == (by_block[state["block"]] == max(by_block.values()))
        if found := re.search(r"Block (\d+) would give", sentence):
            assert by_block[int(found.group(1))] == max(by_block.values())


def test_what_the_chapter_tells_of_the_figure_is_so(experiment):
    one = FewPictures().rates()["trained"][0]
    many = FewPictures(count=32).rates()
    assert abs(one - many["untrained"][0]) < 5 and one > many["pixels"][0] + 15
    digits = FewPictures(task="digits", count=8).rates()
    assert abs(digits["trained"][0] - digits["pixels"][0]) < 3
    assert FewPictures(task="digits", count=8, block=12).rates()["trained"][0] > digits["pixels"][0] + 5


def test_a_notebook_computes_a_state_anew_and_the_figure_says_so():
    shown = FewPictures(task="faces", count=8, block=3)
    mean, deviation = FewPictures(task="faces", count=8, block=3).rates()["trained"]
    assert shown.compute(draws=2) == pytest.approx(mean, abs=3 * deviation + 0.5)
    line = f"computed in this notebook: {shown.again['mean']:.1f}\N{NO-BREAK SPACE}% over 2 draws"
    assert line in words(shown)
    shown.count = 16  # what was computed is of another state now
    assert "computed in this notebook" not in words(shown)


def test_a_piece_is_drawn_pixel_by_pixel(experiment):
    text = experiment["shown"]["chelsea"]
    pairs = base64.b64decode(text)
    greys = [grey >> 1 for byte in pairs for grey in (byte >> 4, byte & 15)]
    assert javascript(esm(FewPictures), "greysOf", [[text]])[0] == greys
    seen = [None] * len(greys)
    for grey, path in enumerate(javascript(esm(FewPictures), "pathsOf", [[greys]])[0]):
        for x, y, run, back in re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", path):
            assert run == back
            for i in range(int(run)):
                assert seen[32 * int(y) + int(x) + i] is None
                seen[32 * int(y) + int(x) + i] = grey
    assert seen == greys


@pytest.mark.parametrize("state", [{}, {"count": 32, "block": 9}, {"task": "digits", "count": 4, "block": 12}])
def test_the_static_form_has_the_numbers_and_names_each_piece(state):
    shown = FewPictures(**state)
    text = words(shown)
    said = [int(number) for number in re.findall(r"(\d+)\s%", text)]
    for mean, _ in shown.rates().values():
        assert any(abs(number - mean) <= 0.51 for number in said)
    answers = shown.experiment["answers"][str(shown.block - 1)][str(shown.count)]
    for i, (name, place) in enumerate(zip(photographs.SHIPPED, answers, strict=True)):
        assert (f"a piece of {name}" in text) == (shown.task == "pieces")
        if shown.task == "pieces":
            other = list(photographs.SHIPPED)[place]
            assert (f"✓ {name}" if place == i else f"✗ {other} (it is {name})") in " ".join(text.split())
    assert len(drawn(shown).html) < 70_000


def test_each_photograph_is_credited_with_its_licence():
    text = words(FewPictures())
    for photograph in photographs.SHIPPED.values():
        assert photograph.credit in text and photograph.licence in text


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("task", "cats", "task must be one of pieces, faces, digits, got 'cats'"),
        ("count", 3, "count must be one of 1, 2, 4, 8, 16, 32, got 3"),
        ("block", 2, "block must be one of 1, 3, 6, 9, 12, 15, 17, 18, got 2"),
    ],
)
def test_a_value_that_no_control_has_is_refused(setting, value, message):
    with pytest.raises(traitlets.TraitError, match=message):
        FewPictures(**{setting: value})


def test_what_the_page_carries_is_small(experiment):
    assert len(json.dumps(experiment)) < 20_000
