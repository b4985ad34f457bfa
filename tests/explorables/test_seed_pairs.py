"""Pairs of runs: the JavaScript computes the library's effects, and its words are true in every state."""

from __future__ import annotations

import itertools
import json
import re

import pytest
import scipy.stats
import traitlets
from drawn import words
from node import esm, javascript

from mobilenet_lib import experiments
from mobilenet_lib.explorables.seed_pairs import NETWORKS, QUANTILES, REFERENCE, SEEDS, TASKS, SeedPairs


def signed(points: float) -> str:
    """Write a difference with its sign and two decimals."""
    text = f"{abs(points):.2f}"
    return text if float(text) == 0 else f"{'−' if points < 0 else '+'}{text}"


STATES = [
    {"task": task, "network": network, "seeds": seeds}
    for task, network, seeds in itertools.product(TASKS, NETWORKS, range(2, SEEDS + 1))
]


@pytest.fixture(scope="module")
def computed() -> list[tuple[dict, dict]]:
    """Return every state with what the JavaScript computes for it."""
    experiment = SeedPairs().experiment
    cases = [[state, experiment] for state in STATES]
    return list(zip(STATES, javascript(esm(SeedPairs), "pairedEffect", cases), strict=True))


def half_width(pairs: int, effect: dict) -> float:
    return scipy.stats.t.ppf(0.975, pairs - 1) * effect["spread"] / pairs**0.5


def expected(state: dict) -> experiments.Effect:
    found = experiments.results(state["task"])
    runs = (found[name].accuracy[: state["seeds"]] for name in (state["network"], REFERENCE))
    return experiments.effect(*runs)


def test_the_figure_knows_what_the_library_knows():
    assert len(experiments.SEEDS) == SEEDS
    assert set(TASKS) <= set(experiments.TASKS)
    assert {REFERENCE, *NETWORKS} <= set(experiments.NETWORKS)
    assert QUANTILES == pytest.approx([scipy.stats.t.ppf(0.975, n - 1) for n in range(2, SEEDS + 1)], abs=5e-5)
    experiment = SeedPairs().experiment
    for task in TASKS:
        for name, found in experiments.results(task).items():
            if name in experiment["labels"]:
                assert experiment["labels"][name] == found.label
                assert tuple(experiment["runs"][task][name]) == found.accuracy


def test_javascript_equals_the_librarys_effect_in_every_state(computed):
    assert len(computed) == 120
    for state, effect in computed:
        right = expected(state)
        for name in ("mean", "low", "high"):
            assert effect[name] == pytest.approx(getattr(right, name), abs=2e-3), (state, name)
        # An interval that ends within a thousandth of a point of zero may fall on either side of it.
        if min(abs(right.low), abs(right.high)) > 2e-3:
            assert effect["verdict"] == right.verdict, state


def test_python_draws_what_javascript_computes(computed):
    for state, effect in computed:
        shown = SeedPairs(**state)
        assert shown.differences() == pytest.approx(effect["differences"])
        for name, value in shown.effect().items():
            assert effect[name] == (value if name == "verdict" else pytest.approx(value)), state


def test_the_words_are_true_in_every_state(computed):
    labels = SeedPairs().experiment["labels"]
    cases = [[effect, labels[state["network"]]] for state, effect in computed]
    for (state, effect), sentence in zip(computed, javascript(esm(SeedPairs), "effectSentence", cases), strict=True):
        assert sentence.startswith(f"{state['seeds']} pairs: {labels[state['network']]} differs by ")
        numbers = [float(n.replace("−", "-")) for n in re.findall(r"[+−]?\d+\.\d\d", sentence)]
        assert numbers[:3] == pytest.approx([effect["mean"], effect["low"], effect["high"]], abs=0.0051)
        inside = effect["low"] <= 0 <= effect["high"]
        assert ("Zero is inside: not resolved." in sentence) == inside
        assert ("Zero is outside" in sentence) != inside
        if not inside:
            assert f"{'better' if effect['mean'] > 0 else 'worse'} than the reference" in sentence
        if found := re.search(r"(\d+) pairs would resolve it", sentence):
            needed = int(found.group(1))
            assert needed > state["seeds"]
            assert half_width(needed, effect) < abs(effect["mean"]) * 1.001
            assert half_width(needed - 1, effect) >= abs(effect["mean"]) * 0.999
        elif inside:
            assert half_width(1000, effect) >= abs(effect["mean"]) * 0.999, "more than a thousand pairs"


def test_differences_are_written_alike_in_python_and_javascript():
    values = [-1.656, 0.5, -0.001, 0.0, 12.345, -20.0]
    assert javascript(esm(SeedPairs), "signed", [[value] for value in values]) == [*map(signed, values)]


def test_what_the_chapter_tells_of_the_first_state_is_so():
    # Three pairs say "better", the fourth takes it back: the chapter's warning against stopping when a result is in.
    assert (SeedPairs().network, SeedPairs().task, SeedPairs().seeds) == ("t8", "digits", 3)
    assert SeedPairs().effect()["verdict"] == "better"
    assert SeedPairs(seeds=4).effect()["verdict"] == "not resolved"
    three, four = (SeedPairs(seeds=n).effect() for n in (3, 4))
    assert four["high"] - four["low"] > three["high"] - three["low"]


@pytest.mark.parametrize("state", [{}, {"seeds": 2}, {"task": "patches", "network": "standard_plain", "seeds": 6}])
def test_the_static_form_has_the_numbers(state):
    shown = SeedPairs(**state)
    text, effect = words(shown), shown.effect()
    for number in (effect["mean"], effect["low"], effect["high"]):
        assert signed(number) in text
    assert effect["verdict"] in text
    for accuracy in shown.experiment["runs"][shown.task][shown.network]:
        assert f"{accuracy:.1f}" in text


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("task", "imagenet", "task must be one of digits, patches, got 'imagenet'"),
        ("network", "inverted", "network must be one of relu6_bottleneck, .*, got 'inverted'"),
        ("seeds", 1, "seeds must be from 2 to 6 in steps of 1, got 1"),
        ("seeds", 7, "seeds must be from 2 to 6 in steps of 1, got 7"),
        ("seeds", True, "seeds must be from 2 to 6 in steps of 1, got True"),
    ],
)
def test_a_value_that_no_control_has_is_refused(setting, value, message):
    with pytest.raises(traitlets.TraitError, match=message):
        SeedPairs(**{setting: value})


def test_what_the_page_carries_is_small():
    assert len(json.dumps(SeedPairs().experiment)) < 3000
