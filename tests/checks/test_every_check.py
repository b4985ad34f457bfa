"""The checks: right answers pass, typical wrong answers get a hint of their own, and no hint gives the answer away."""

from __future__ import annotations

import ast
import inspect
import re
from importlib import import_module
from pathlib import Path

import fresh
import pytest
import torch

from checks.shared import MyInvertedResidual
from checks.test_chapter_08 import FOUND
from checks.test_chapter_11 import MySqueezeExcite
from mobilenet_lib import checks

CHECKS = [name for name in checks.__all__ if name.startswith("check_")]
CHAPTERS = [import_module(f"checks.{path.stem}") for path in sorted(Path(__file__).parent.glob("test_chapter_*.py"))]


def of_all(table):
    """Return what every chapter has in one of its tables."""
    rows = [getattr(chapter, table) for chapter in CHAPTERS]
    return sum(rows, []) if isinstance(rows[0], list) else {key: row for each in rows for key, row in each.items()}


RIGHT, HALF_WRITTEN = of_all("RIGHT"), of_all("HALF_WRITTEN")
WRONG, NUMBERS, GIVEN_AWAY = of_all("WRONG"), of_all("NUMBERS"), of_all("GIVEN_AWAY")


# The room


def test_each_check_stands_in_its_chapters_module_and_an_editor_reads_its_name():
    block = next(node for node in ast.parse(inspect.getsource(checks)).body if isinstance(node, ast.If)).body
    read = {alias.name: node.module for node in block for alias in node.names}
    assert read == checks.HOMES
    assert set(read) == set(CHECKS) == set(checks.__all__) - {"CannotCheck", "CheckFailed"}
    for name, home in read.items():
        assert getattr(checks, name).__module__ == f"mobilenet_lib.checks.{home}"
    assert dir(checks) == sorted(checks.__all__)


def test_no_check_stands_outside_of_the_list():
    modules = [path.stem for path in Path(checks.__file__).parent.glob("*.py") if path.stem != "__init__"]
    defined = {
        name
        for module in modules
        for name, thing in vars(import_module(f"mobilenet_lib.checks.{module}")).items()
        if name.startswith("check_") and thing.__module__ == f"mobilenet_lib.checks.{module}"
    }
    assert defined == set(CHECKS)


# Right answers


@pytest.mark.parametrize(("name", "answers"), RIGHT, ids=[f"{name}-{i}" for i, (name, _) in enumerate(RIGHT)])
def test_right_answers_pass_with_one_sentence(capsys, name, answers):
    assert getattr(checks, name)(*answers) is None
    said = capsys.readouterr().out
    assert said.startswith("right: ") and said == f"{checks.in_lines(said)}\n"


def test_every_check_has_a_right_answer_here():
    assert {name for name, _ in RIGHT} == set(CHECKS)


# Not yet


@pytest.mark.parametrize("name", CHECKS)
def test_an_open_answer_is_not_a_failure(capsys, name):
    check = getattr(checks, name)
    for nothing in (..., None, NotImplemented):
        check(*[nothing] * len(inspect.signature(check).parameters))
        said = capsys.readouterr().out
        expected = "not yet: put your answer in place of the ..., then run its cell and the\ncheck again\n"
        assert said == expected, nothing


@pytest.mark.parametrize(("name", "answers", "words"), HALF_WRITTEN)
def test_a_half_written_answer_is_not_a_failure(capsys, name, answers, words):
    getattr(checks, name)(*answers)
    said = capsys.readouterr().out
    assert said.startswith("not yet: ") and words in " ".join(said.split()) + "\n"


# Wrong answers


HINTS = {}


def hint(name, answers):
    """Return how a check fails; the answers of WRONG are tried once."""
    key = name, id(answers)
    if key not in HINTS:
        HINTS[key] = fail(name, answers)
    return HINTS[key]


def fail(name, answers):
    try:
        getattr(checks, name)(*answers)
    except checks.CheckFailed as failed:
        return failed
    pytest.fail(f"{name} takes {answers!r:.300}")


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_gets_its_own_hint(name):
    given = [(words, hint(name, answers)) for answers, words in WRONG[name]]
    assert [(words, str(failed)) for words, failed in given if words not in str(failed)] == []
    for _, failed in given:
        assert failed._render_traceback_() == [checks.in_lines(f"look again: {failed}")]
        assert failed.__suppress_context__
        assert "\n" not in str(failed) and str(failed)[-1] in ".?" and "  " not in str(failed)


def test_every_check_knows_at_least_three_typical_mistakes():
    assert set(WRONG) == set(CHECKS)
    for name, rows in WRONG.items():
        assert len({str(hint(name, answers)) for answers, _ in rows}) >= 3, name


@pytest.mark.parametrize("name", NUMBERS)
def test_no_hint_gives_the_number_away(name):
    for answers, words in WRONG[name]:
        printed = re.findall(r"\d+\.\d+|\d+", str(hint(name, answers)).replace(",", ""))
        given = {str(answer) for answer in answers}
        assert not {str(number) for number in NUMBERS[name]} & (set(printed) - given), words


@pytest.mark.parametrize("name", GIVEN_AWAY)
def test_no_hint_gives_the_solution_away(name):
    for answers, words in WRONG[name]:
        said = str(hint(name, answers))
        for word in GIVEN_AWAY[name]:
            bare = rf"\b{word}\b" if word.isalnum() else re.escape(word)
            assert not re.search(bare, said.replace("**", "")), (word, words)


# Around a check


def test_checking_leaves_the_random_numbers_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    checks.check_inverted_residual(MyInvertedResidual)
    checks.check_squeeze_excite(MySqueezeExcite)
    checks.check_hunt(FOUND)
    assert torch.equal(torch.rand(3), expected)


def test_a_notebook_shows_the_sentence_and_no_traceback():
    program = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_cell('from mobilenet_lib import checks\\nchecks.check_exact_eighth(8)')\n"
    )
    done = fresh.python(program)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "look again: 1/N alone would be an eighth, but the kernel's 1/9 comes on\ntop of it.\n"
