"""Exercises that are answered in the page: it says what the library's own check says, and gives no answer away."""

import doctest
import json

import exercises
import node
import pytest

NAMES = sorted(exercises.asked())


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


def test_unfinished_and_unreadable_answers_are_told_apart_from_wrong_ones():
    data = exercises.exported("check_stem")
    assert node.answers("judge", [[data, ["864", ""]], [data, ["many", "1"]]]) == [
        {"state": "open", "words": "Not yet: one answer is missing."},
        {"state": "wrong", "words": "Parameters: write a number, as in 1,280."},
    ]
