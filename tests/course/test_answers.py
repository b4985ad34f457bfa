"""Blanks and their answers: how they are marked, found, and revealed."""

from __future__ import annotations

import json

import IPython
import packing
import pytest

from mobilenet_lib import answers, reveal


def markdown(text):
    return {"cell_type": "markdown", "id": "m", "metadata": {}, "source": text}


def program(name, text, *tags):
    return {"cell_type": "code", "id": name, "metadata": {"tags": list(tags)}, "source": text}


EXERCISE = "```{exercise}\n:label: ex-sum\n\nAdd.\n```"
START, END = "```{solution-start} ex-sum\n:class: dropdown\n```", "```{solution-end}\n```"


def test_an_answer_is_the_code_between_start_and_end_of_its_solution():
    cells = [
        markdown(EXERCISE),
        program("try", "total = ...", "exercise"),
        markdown(START),
        program("one", "total = 3", "solution"),
        program("glue", "glue(total)", "book-only", "remove-cell"),
        program("two", "total + 1", "solution"),
        markdown(END),
        program("other", "4", "solution"),
    ]
    assert answers.answers({"cells": cells}, 7) == {"ch7.sum": "total = 3\n\ntotal + 1"}


def test_two_blanks_of_one_name_are_an_error():
    cells = [program("sum", "# --- solution\n3", "live"), markdown(START), program("s", "3", "solution"), markdown(END)]
    with pytest.raises(ValueError, match="two blanks are called 'ch7.sum'; give one"):
        answers.answers({"cells": cells}, 7)


def test_what_belongs_to_an_exercise_ends_with_its_solution_or_a_heading():
    cells = [markdown(EXERCISE), program("try", "..."), markdown(START), markdown(END), program("next", "1")]
    assert [part.exercise for part in answers.parts(cells)] == ["ex-sum"] * 4 + [""]
    assert [part.solves for part in answers.parts(cells)] == [False, False, True, True, False]
    cells = [markdown(EXERCISE), markdown("## Summary"), program("x", "1")]
    assert [part.exercise for part in answers.parts(cells)] == ["ex-sum", "", ""]


def test_a_heading_and_an_exercise_may_share_a_cell():
    assert [part.exercise for part in answers.parts([markdown("## Exercises\n\n" + EXERCISE)])] == ["ex-sum"]


def test_a_blank_keeps_indentation_and_what_stands_around_it():
    text = (
        "for n in (1, 2):\n    a = n\n    # --- solution: double it\n    a *= 2\n    b = a\n    # --- end\n    print(a)"
    )
    assert answers.blanked(text) == "for n in (1, 2):\n    a = n\n    ...  # double it\n    print(a)"
    assert answers.finished(text) == "for n in (1, 2):\n    a = n\n    a *= 2\n    b = a\n    print(a)"


def test_a_cell_may_have_several_blanks_and_a_prompt_may_be_left_out():
    text = "# --- solution\na = 1\n# --- end\n# --- solution: two\nb = 2"
    assert answers.blanked(text) == "...  # your turn\n...  # two"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = 1", "no answer is marked"),
        ("a = 1\n# --- end", "'# --- end' stands at the wrong place"),
        ("# --- solution\n# --- solution\na", "'# --- solution' stands at the wrong place"),
    ],
)
def test_markers_that_do_not_match_are_an_error(text, words):
    with pytest.raises(ValueError, match=words):
        answers.blanked(text)


def test_a_comment_that_is_no_marker_stays():
    assert answers.finished("a = 1  # --- solution\n#--- solution") == "a = 1  # --- solution\n#--- solution"


def test_every_answer_of_the_book_is_a_program():
    assert len(answers.keys()) > 50
    for key in answers.keys():  # noqa: SIM118
        compile(str(reveal(key)), key, "exec")


def test_keys_are_those_of_a_chapter():
    assert answers.keys(3)[0].startswith("ch3.")
    assert set(answers.keys(1)) < set(answers.keys())
    assert not set(answers.keys(1)) & set(answers.keys(11))


def test_a_notebook_shows_an_answer_with_its_words(monkeypatch, tmp_path):
    path = tmp_path / "answers.json"
    path.write_text(json.dumps({"ch3.sum": packing.sealed("1 + 2", "Count.")}))
    assert "1 + 2" not in path.read_text()
    monkeypatch.setattr(answers, "CARRIED", path)
    answers._all.cache_clear()
    try:
        assert answers.keys() == ["ch3.sum"]
        assert repr(reveal("ch3.sum")) == "1 + 2"
        assert reveal("ch3.sum")._repr_markdown_() == "Count.\n\n```python\n1 + 2\n```"
    finally:
        answers._all.cache_clear()


def test_an_answer_goes_into_the_next_cell(monkeypatch):
    put = []

    class Shell:
        set_next_input = put.append

    monkeypatch.setattr(IPython, "get_ipython", Shell)
    assert reveal("ch6.break-even", next_cell=True) is None
    assert put == [str(reveal("ch6.break-even"))] and type(put[0]) is str


def test_the_next_cell_wants_a_notebook():
    with pytest.raises(RuntimeError, match="wants a notebook"):
        reveal("ch6.break-even", next_cell=True)


def test_an_unknown_blank_names_those_of_the_chapter():
    with pytest.raises(ValueError, match="'ch6.zzz'; there are .*ch6.break-even") as error:
        reveal("ch6.zzz")
    assert "ch3." not in str(error.value)


def test_without_a_checkout_and_without_answers_there_is_a_remedy(monkeypatch, tmp_path):
    monkeypatch.setattr(answers, "CARRIED", tmp_path / "none.json")
    monkeypatch.setattr(answers, "CHAPTERS", tmp_path)
    answers._all.cache_clear()
    with pytest.raises(FileNotFoundError, match="which bring them along"):
        reveal("ch6.break-even")
    answers._all.cache_clear()
