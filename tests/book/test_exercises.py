"""Exercises that are answered in the page: it says what the library's own check says, and gives no answer away."""

import doctest
import json

import exercises
import node
import notebooks
import pytest

from mobilenet_lib.course.answers import parts, source

NAMES = sorted(exercises.asked())
# What wants a function or a class, a proof or a diagnosis in words, or a result that depends on the reader's machine.
# Everything else asks for a number, a list or a choice, and the page has to answer it.
WANTS_CODE = {
    *("ex-count", "ex-fvcore-total", "ex-tool-behind", "ex-write", "ex-rows", "ex-share", "ex-write-inverted"),
    *("ex-table-two", "ex-decoder", "ex-spec", "ex-dilation", "ex-intensity", "ex-least", "ex-half-width"),
    *("ex-padding", "ex-field", "ex-hsigmoid", "ex-se", "ex-fold", "ex-round", "ex-groups", "ex-freeze", "ex-trace"),
    *("ex-universal", "ex-merge", "ex-fields", "ex-scale-row", "ex-row", "ex-network", "ex-same-as-timm"),
}
WANTS_WORDS = {
    *("ex-zero-six", "ex-worse", "ex-order", "ex-diagnose", "ex-half", "ex-clip", "ex-leaky", "ex-collapse"),
    *("ex-nonsense", "ex-faults", "ex-caches", "ex-unpaired", "ex-own", "ex-three", "ex-equal", "ex-mode"),
    "ex-before",
}


def written(field, answer):
    """Return an answer as a reader types it."""
    return ", ".join(map(str, answer)) if field.kind == "list" else str(answer)


def typical(exercise):
    """Return three wrong answers or more: what a reader types, and what the check says to it."""
    right = [field.right for field in exercise.fields]
    for i, field in enumerate(exercise.fields):
        wrong = [answer for _, answer in exercises.tried(field)] or [field.other]
        for answer in wrong:
            answers = [*right[:i], answer, *right[i + 1 :]]
            is_right, words = exercises.said(exercise, answers)
            if not is_right:
                yield [written(f, a) for f, a in zip(exercise.fields, answers, strict=True)], words


def test_examples_in_the_module_are_true():
    assert doctest.testmod(exercises).failed == 0


def checked_exercises(root):
    """Return the label of each exercise of the book, with its chapter and the check that its cells call, or nothing."""
    found = {}
    for path in sorted((root / "chapters").glob("*.ipynb")):
        for cell, label, solves in parts(notebooks.read(path).cells):
            if label:
                found.setdefault((path.stem, label), None)
                if not solves and (match := exercises.CHECK.search(source(cell))):
                    found[path.stem, label] = match[1]
    return found


def test_each_exercise_is_answered_in_the_page_unless_it_wants_code_or_words(root):
    found = checked_exercises(root)
    labels = [label for _, label in found]
    assert len(labels) == len(set(labels)) and set(labels) >= WANTS_CODE | WANTS_WORDS
    answered = {label for (_, label), check in found.items() if check in exercises.asked()}
    assert answered == set(labels) - WANTS_CODE - WANTS_WORDS
    assert {check for check in found.values() if check} >= set(exercises.asked())  # none is for nobody


@pytest.mark.parametrize("name", NAMES)
def test_the_page_calls_the_right_answer_right_in_the_words_of_the_check(name):
    exercise, data = exercises.asked()[name], exercises.exported(name)
    texts = [written(field, field.right) for field in exercise.fields]
    praise = exercises.said(exercise, [field.right for field in exercise.fields])[1]
    assert node.answers("judge", [[data, texts]]) == [{"state": "right", "words": praise}]


@pytest.mark.parametrize("name", NAMES)
def test_the_page_gives_the_hint_of_the_check_to_each_typical_mistake(name):
    exercise, data = exercises.asked()[name], exercises.exported(name)
    cases = list(typical(exercise))
    assert len(cases) >= 3
    found = node.answers("judge", [[data, texts] for texts, _ in cases])
    assert found == [{"state": "wrong", "words": words} for _, words in cases]


@pytest.mark.parametrize("name", NAMES)
def test_what_the_page_carries_does_not_show_the_answer(name):
    exercise, text = exercises.asked()[name], json.dumps(exercises.exported(name), ensure_ascii=False)
    praise = exercises.said(exercise, [field.right for field in exercise.fields])[1]
    assert praise not in text
    for field in exercise.fields:
        if field.kind == "number" and len(str(field.right)) > 3:
            assert str(field.right) not in text and f"{field.right:,}" not in text


def test_a_number_may_be_rounded_and_a_mistake_is_recognised_all_the_same():
    zeros, shallow = exercises.exported("check_padding_zeros"), exercises.exported("check_shallow")
    assert [each["state"] for each in node.answers("judge", [[zeros, ["1.2 %", "18"]], [zeros, ["1.19", "18.1"]]])] == [
        "right",
        "right",
    ]
    assert node.answers("judge", [[zeros, ["1.2", "9.5"]], [zeros, ["18.1", "1.2"]]]) == [
        {"state": "wrong", "words": "7×7: this is along one axis. Rows meet the border, and columns do."},
        {
            "state": "wrong",
            "words": "Both numbers are there, but swapped: the large map first, then the small one.",
        },
    ]
    assert node.answers("judge", [[shallow, ["307 million", "0.75"]]])[0]["state"] == "right"


def test_a_rounded_number_and_one_in_millions_are_told_so_as_in_a_notebook():
    stem, weights = exercises.exported("check_stem"), exercises.exported("check_weight_bytes")
    tries = [
        *([stem, [params, "10,838,016"]] for params in ("860", "870")),
        *([stem, ["864", macs]] for macs in ("10.8 million", "10,838,000", "1.0838e7", "10.838016", "10.84")),
        [weights, ["13,951,264", "3.5 M"]],
    ]
    close = "this is close. Is it rounded?"
    assert [each["words"] for each in node.answers("judge", tries)] == [
        *[f"Parameters: {close} The exact number is asked for."] * 2,
        *[f"MACs: {close} The exact number is asked for."] * 3,
        *["MACs: give the number itself, not millions."] * 2,
        f"int8: {close} Give more digits.",
    ]


def test_no_hint_on_a_number_speaks_of_a_function():
    for name in NAMES:
        data = exercises.exported(name)
        assert not [hint for hint in data["hints"] if "your function" in hint.lower()], name


def test_a_choice_is_made_of_names_as_the_check_writes_them():
    tools = exercises.exported("check_five_tools")
    names = ["closed form", "torchinfo", "fvcore", "ptflops", "PyTorch"]
    assert [field["choices"] for field in tools["fields"]] == [sorted(names, key=str.lower)] * 5
    assert node.answers("judge", [[tools, names], [tools, names[:4] + [""]]]) == [
        {"state": "right", "words": "one number is M, one is twice M, and in three something is added."},
        {"state": "open", "words": "Not yet: one answer is missing."},
    ]


def test_unfinished_and_unreadable_answers_are_told_apart_from_wrong_ones():
    data = exercises.exported("check_stem")
    assert node.answers("judge", [[data, ["864", ""]], [data, ["many", "1"]]]) == [
        {"state": "open", "words": "Not yet: one answer is missing."},
        {"state": "wrong", "words": "Parameters: write a number, as in 1,280."},
    ]


def test_a_width_in_proportion_to_the_budget_is_told_so_to_two_digits_or_three():
    width = exercises.exported("check_width_for_budget")
    found = node.answers("judge", [[width, [text]] for text in ("0.53", "0.527", "0.7251")])
    assert ["in proportion to the width" in each["words"] for each in found] == [True, True, False]
