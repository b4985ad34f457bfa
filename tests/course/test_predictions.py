"""Predictions in a notebook: what a reader presses and types, what is said, and that a page says the same."""

from functools import cache
from itertools import product

import ipywidgets
import node
import pytest

from mobilenet_lib.course.predictions import Axis, Choice, Number, ask, number, pack, say

TYPED = ["1,280", "0,7", "10 838 016", "1_000", "2.5 million", "3e6", "50 %", "3*3*32", "1/8", "−2", "9 × 4", "2 k",
         "many", "", "1.2.3", "1/0", "12,34", "0.5e3", "-7", "4 / 2 / 2", "1,2345"]  # fmt: skip


def status(box) -> str:
    """Return what a box has said, and a screen reader announced."""
    words = box.said.value
    assert words.startswith('<span role="status">')
    return words.removeprefix('<span role="status">').removesuffix("</span>")


def parts(box, kind):
    return [part for part in box.children[1].children if isinstance(part, kind)]


def press(box):
    """Press the button that compares, where it is there to be pressed."""
    assert box.compare.layout.display != "none"
    box.compare.click()
    return status(box)


def test_numbers_are_read_as_the_page_reads_them():
    there = [None if value != value or abs(value) == float("inf") else value for value in map(number, TYPED)]
    assert node.answers("number", [[text] for text in TYPED]) == pytest.approx(there)


@pytest.mark.parametrize("unit", ["", "%", "% of the time", "times"])
def test_how_far_off_a_number_is_said_as_in_the_page(unit):
    values = [0, 0.02, 1, 2, 7.5, 40, 99, 100, 101, 1500, 3e6, 2.4e9]
    cases = [(given, right, f"{say(right)} {unit}".strip()) for given, right in product(values, values)]
    data = [
        [{"kind": "number", "right": str(right), "says": says, "unit": unit}, str(given)]
        for given, right, says in cases
    ]
    box = cache(lambda right, says: Number("?", unit, pack(right, says)))
    own = [box(right, says).judge(str(given)) for given, right, says in cases]
    assert own == node.answers("sentence", data)


def test_how_far_off_a_choice_is_said_as_in_the_page():
    choices = [
        "none",
        "about 2",
        "60 %",
        "1/8",
        "2 million",
        "a few",
        "the block",
        "V2",
        "14×14",
        "the 24-channel ends",
    ]
    cases = list(product(choices, choices, ["8.84", "61.2 %", "the block", "V1", "it depends"], ["", "%"]))
    data = [
        [{"kind": "choices", "right": right, "says": says, "unit": unit}, given] for given, right, says, unit in cases
    ]
    box = cache(lambda right, says, unit: Choice("?", choices, unit, pack(right, says)))
    own = [box(right, says, unit).judge(given) for given, right, says, unit in cases]
    theirs = node.answers("sentence", data)
    assert [one for one in zip(cases, own, theirs, strict=True) if one[1] != one[2]] == []


def test_a_pressed_choice_is_kept_and_compared_when_the_reader_asks():
    box = Choice("Which?", ["the block", "the convolution"], result=pack("the block", "the block"))
    (buttons,) = parts(box, ipywidgets.ToggleButtons)
    assert status(box) == "" and box.compare.layout.display == "none"
    buttons.value = "the convolution"
    assert status(box).startswith("Kept.")
    assert press(box) == "You predicted the convolution. It is the block: not this time."
    buttons.value = "the block"
    assert press(box) == "You predicted the block: right."


def test_a_typed_number_is_kept_by_enter_and_nonsense_is_refused():
    box = Number("How many?", "maps", pack(72, "72 maps"))
    (field,) = parts(box, ipywidgets.Text)
    field.value = "many"
    assert status(box) == "Write a number, as in 1,280 or 2.5 million." and box.compare.layout.display == "none"
    field.value = "27"
    assert press(box) == "You predicted 27 maps. It is 72 maps: 2.67 times too low."


@pytest.mark.parametrize(("ticks", "middle"), [([1, 10, 100], "10 times"), ([0, 50, 100], "50 times")])
def test_a_slider_begins_in_the_middle_of_its_axis_and_reaches_both_ends(ticks, middle):
    box = Axis("How many times?", ticks, "times", pack(ticks[1], middle))
    (slider,) = parts(box, ipywidgets.SelectionSlider)
    values = [value for _, value in slider.options]
    assert (values[0], values[-1]) == (ticks[0], ticks[-1]) and values == sorted(set(values))
    (keep,) = parts(box, ipywidgets.Button)
    keep.click()
    assert press(box) == f"You predicted {middle}: spot on."


def test_without_a_result_a_prediction_is_kept_and_nothing_judges_it():
    box = Number("How many?")
    (field,), (keep,) = parts(box, ipywidgets.Text), parts(box, ipywidgets.Button)
    field.value = "9"
    keep.click()
    assert status(box).startswith("Kept.") and box.compare.layout.display == "none"
    with pytest.raises(ValueError, match="no result to compare '9' with; give the question result=pack"):
        box.judge("9")


def test_a_result_cannot_be_read_by_accident():
    assert "72" not in pack(72, "72 maps") and "block" not in pack("the block", "the block")


def test_several_questions_stand_in_their_order():
    asked = [Choice("One?", ["a", "b"]), Number("Two?"), Axis("Three?", [1, 10, 100])]
    assert list(ask(*asked).children) == asked
