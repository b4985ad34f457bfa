"""The boxes that ask for a prediction: what an author writes, and what the page says to a reader.

That each stored answer is what its chapter has computed, and that each box answers, is in tests/site/test_answers.py.
"""

import doctest
import json
import re
from pathlib import Path

import node
import predict
import pytest
from plain_markdown import split_options

ROOT = Path(__file__).resolve().parents[2]
BOX = re.compile(r":::\{predict\} (.+)\n((?::.*\n)*)")


def boxes():
    """Return each box of each chapter as (chapter, title, options)."""
    for path in sorted((ROOT / "chapters").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf8"))["cells"]:
            if cell["cell_type"] == "markdown":
                for title, options in BOX.findall("".join(cell["source"])):
                    yield path.stem, title, split_options(options.rstrip("\n"))[0]


BOXES = list(boxes())


def test_examples_in_the_module_are_true():
    assert doctest.testmod(predict).failed == 0


def test_each_kind_of_prediction_is_asked_for_somewhere():
    asked = {kind for *_, options in BOXES for kind in predict.KINDS if kind in options}
    assert asked >= {"choices", "number", "axis"}


@pytest.mark.parametrize(("chapter", "title", "options"), BOXES, ids=lambda it: it if isinstance(it, str) else "")
def test_a_box_never_holds_a_number_as_its_answer(chapter, title, options):
    for end in predict.ENDS:
        if answer := options.get(f"answer{end}"):
            assert re.match(r"[A-Za-z_]", answer), f"{chapter}, {title}: {answer} is no glued name"


@pytest.mark.parametrize(
    ("choices", "value", "right"),
    [
        (["about 2", "about 9", "about 50"], 8.84, "about 9"),
        (["2 million", "20 million", "200 million"], 231_211_008, "200 million"),
        (["less than 1 %", "a few", "more than 10 %"], "a few", "a few"),
        (["none", "60 %", "90 %"], 2, "none"),
        (["yes", "no, never"], False, "no, never"),
    ],
)
def test_a_result_makes_the_nearest_choice_right(choices, value, right):
    assert predict.chosen(value, choices) == right


def test_a_result_that_fits_no_choice_is_refused_with_a_remedy():
    with pytest.raises(ValueError, match="glue the words of one"):
        predict.chosen("green", ["red", "blue"])
    with pytest.raises(ValueError, match="give it one, or glue words"):
        predict.chosen(3, ["few", "many"])
    with pytest.raises(ValueError, match="even steps or at even factors"):
        predict.axis("1 2 5")


def test_numbers_are_read_as_people_write_them():
    texts = {"1,280": 1280, "0,7": 0.7, "10 838 016": 10838016, "1_000": 1000, "2.5 million": 2.5e6, "3e6": 3e6,
             "50 %": 50, "3*3*32": 288, "1/8": 0.125, "−2": -2, "9 × 4": 36}  # fmt: skip
    assert node.answers("number", [[text] for text in texts]) == list(texts.values())
    assert node.answers("number", [["many"], [""], ["1.2.3"]]) == [None, None, None]  # NaN


def test_script_and_builder_say_a_number_alike():
    values = [0, 72, 0.25, 8.8445, 999, 1280, 45_678, 1_000_000, 231_211_008, 4.867e9, 0.0333]
    assert node.answers("say", [[value] for value in values]) == [predict.say(value) for value in values]


@pytest.mark.parametrize(
    ("kind", "given", "right", "unit", "says"),
    [
        ("number", "72", "72", "", "You predicted 72: spot on."),
        ("number", "27", "72", "", "You predicted 27. It is 72: 2.67 times too low."),
        ("axis", "80", "40", "%", "You predicted 80 %. It is 40 %: 40 points too high."),
        ("number", "90", "100", "", "You predicted 90. It is 100: 10 % too low."),
        ("choices", "yes", "no", "", "You predicted yes. It is no: not this time."),
        ("choices", "no", "no", "", "You predicted no: right."),
        (
            "axis",
            "50",
            "30",
            "% of the time",
            "You predicted 50 % of the time. It is 30 % of the time: 20 points too high.",
        ),
        ("choices", "yes", "it depends", "", "You predicted yes. In truth it depends: not this time."),
        ("choices", "V1", "V2", "", "You predicted V1. It is V2: not this time."),
        ("choices", "112×112", "14×14", "", "You predicted 112×112. It is 14×14: not this time."),
        ("choices", "int8", "folding", "", "You predicted int8. It is folding: not this time."),
        ("choices", "the 144-channel end", "24", "", "You predicted the 144-channel end. It is 24: not this time."),
        ("choices", "about 2", "9", "", "You predicted about 2. It is 9: 4.5 times too low."),
    ],
)
def test_a_reader_is_told_how_far_off_a_prediction_was(kind, given, right, unit, says):
    shown = f"{right} {unit}".strip()
    data = {"kind": kind, "right": right, "says": shown, "unit": unit}
    assert node.answers("sentence", [[data, given]]) == [says]
