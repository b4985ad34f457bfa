"""Predictions and answers in the built pages: each stored answer is the chapter's own, and each box replies."""

from __future__ import annotations

import json
import re
from collections import Counter
from html import unescape

import exercises
import node
import predict
import pytest
from bs4 import BeautifulSoup
from plain_markdown import split_options

BOX = re.compile(r":::\{predict\} (.+)\n((?::.*\n)*)")
RESULT = re.compile(r"<pr-result ([^>]*)>")
DATA = re.compile(r'data-(\w+)="([^"]*)"')
CHAPTER = "chapters/03_depthwise_separable_convolution.html"
NO_STORAGE = """for (const name of ["localStorage", "sessionStorage"])
  Object.defineProperty(window, name, { get() { throw new DOMException("Access is denied", "SecurityError"); } });"""
NO_NUMBERS = ("", "many", "1 or 2")
# Answer a question with no page around it, and return what its box says and what is kept.
PRESS = """(result, text) => {
  const said = { textContent: "" };
  const field = { value: text };
  const ask = { dataset: result, matches: () => true, querySelector: (name) => (name === ".pr-said" ? said : field) };
  document.querySelectorAll = (name) => (name === "pr-result" ? [{ dataset: result, connectedCallback() {} }] : []);
  bookAnswers.press(ask, { textContent: text });
  return [said.textContent, bookAnswers.store.predicted ?? null];
}"""


def results(html):
    """Return what each result of a page knows."""
    return [{key: unescape(value) for key, value in DATA.findall(each)} for each in RESULT.findall(html)]


@pytest.fixture(scope="module")
def pages(site):
    """Return the built chapters that ask for predictions, by name."""
    read = {path.stem: path.read_text(encoding="utf8") for path in sorted((site / "chapters").glob("*.html"))}
    return {name: html for name, html in read.items() if "<pr-result" in html}


def test_each_box_has_as_many_places_for_results_as_questions(pages):
    assert len(pages) >= 13
    for name, html in pages.items():
        asked = re.findall(r'class="pr-ask"[^>]* data-key="([^"]+)"', html)
        assert asked and sorted(asked) == sorted(each["key"] for each in results(html)), name


def test_each_stored_answer_is_what_the_chapter_has_glued(pages, site, root):
    for name, html in pages.items():
        glued = json.loads((site.parent / "jupyter_execute" / "chapters" / f"{name}.glue.json").read_text("utf8"))
        cells = json.loads((root / "chapters" / f"{name}.ipynb").read_text("utf8"))["cells"]
        stored = {each["key"]: each for each in results(html)}
        for cell in cells:
            for title, lines in BOX.findall("".join(cell["source"])):
                options = split_options(lines.rstrip("\n"))[0]
                for i, end in enumerate(predict.ENDS):
                    if f"answer{end}" not in options:
                        continue
                    key, sign, by = re.fullmatch(r"(\S+?)(?: ([*/]) (\S+))?", options[f"answer{end}"]).groups()
                    value = predict.plain(glued[key]["data"]["text/plain"])
                    if sign:
                        value = value * float(by) if sign == "*" else value / float(by)
                    found = stored[predict.slug(title if i == 0 else f"{title} {i + 1}")]["right"]
                    if f"choices{end}" in options:
                        assert found == predict.chosen(value, options[f"choices{end}"].split(" / ")), (name, title)
                    else:
                        assert float(found) == pytest.approx(float(value)), (name, title)


def tries(result, html):
    """Return the right answer to a question, and wrong ones, as the page keeps them.

    Where fewer than three are offered, those are wrong that an earlier edition may have offered and a device still has.
    """
    if result["kind"] == "choices":
        box = re.search(rf'data-key="{result["key"]}".*?</div>', html)[0]
        offered = [unescape(each) for each in re.findall(r'aria-pressed="false">([^<]*)<', box)]
        return result["right"], [each for each in [*offered, "neither", "both"] if each != result["right"]]
    right = float(result["right"])
    return result["right"], [str(wrong) for wrong in ((right * 3, right / 3, right * 1.25) if right else (1, 2, 3))]


def test_each_box_says_so_when_a_prediction_is_right_and_how_far_off_it_is_when_wrong(pages):
    cases, expected = [], []
    for name, html in pages.items():
        for result in results(html):
            right, wrong = tries(result, html)
            assert len(wrong) >= 3, (name, result["title"])
            cases += [[result, given] for given in (right, *wrong)]
            expected += [(name, result["title"], given, given == right) for given in (right, *wrong)]
    said = node.answers("sentence", cases)
    for (name, title, given, is_right), words in zip(expected, said, strict=True):
        assert words.endswith((": right.", ": spot on.")) == is_right, (name, title, given, words)


def test_each_box_asks_again_for_what_is_no_number_and_keeps_nothing(pages):
    asked = [result for html in pages.values() for result in results(html)]
    cases = [[result, text] for result in asked if result["kind"] == "number" for text in NO_NUMBERS]
    assert {result["kind"] for result in asked} == {"choices", "number", "axis"}
    for (result, text), (said, kept) in zip(cases, node.answers(PRESS, cases), strict=True):
        assert said.startswith("Write ") and kept is None, (result["title"], text, said, kept)


def test_each_exercise_of_the_built_pages_answers_or_says_where_its_notebook_is(site):
    cases, expected, seen = [], [], set()
    for path in sorted((site / "chapters").glob("*.html")):
        html = re.sub("</?template>", "", path.read_text(encoding="utf8"))  # as when each field has come
        for box in BeautifulSoup(html[html.index("<article") : html.index("</article>")], "html.parser").select(
            "div.exercise"
        ):
            form = box.select_one(".pr-answer-box")
            assert form or "Student edition" in box.select_one(".pr-code").get_text(), (path.stem, box["id"])
            if not form:
                continue
            data = json.loads(form["data-exercise"])
            exercise = exercises.asked()[data["name"]]
            seen.add(data["name"])
            fields, right = form.select("input, select"), [field.right for field in exercise.fields]
            assert len(fields) == len(right)
            wrong = [
                [*right[:i], answer, *right[i + 1 :]]
                for i, field in enumerate(exercise.fields)
                for answer in [each for _, each in exercises.tried(field)] or [field.other]
                if not exercises.said(exercise, [*right[:i], answer, *right[i + 1 :]])[0]
            ]
            assert len(wrong) >= 3, data["name"]
            for answers, state in [(right, "right"), *((each, "wrong") for each in wrong)]:
                texts = [", ".join(map(str, each)) if isinstance(each, list) else str(each) for each in answers]
                for field, text in zip(fields, texts, strict=True):
                    assert field.name == "input" or text in [each.get_text() for each in field.select("option")]
                cases.append([data, texts])
                expected.append((data["name"], texts, state))
    assert seen == set(exercises.asked())
    for (name, texts, state), reply in zip(expected, node.answers("judge", cases), strict=True):
        assert reply["state"] == state and reply["words"], (name, texts, reply)


def test_a_class_votes_by_hand_and_paper_has_a_blank(pages, site):
    for name, html in pages.items():
        blanks = re.findall(r'data-kind="(\w+)" data-key="[^"]*">(.*?)<p class="pr-said"', html, re.DOTALL)
        assert len(blanks) == html.count('class="pr-ask"'), name
        assert [("pr-blank" in box) != (kind == "choices") for kind, box in blanks] == [True] * len(blanks), name
        deck = (site / "slides" / f"{name}.html").read_text(encoding="utf8")
        notes = " ".join(re.findall(r'<aside class="notes">(.*?)</aside>', deck, re.DOTALL))
        said = ("Vote by hand:", "the lowest and the highest")
        asked = Counter({"axis": "number"}.get(kind, kind) for kind, _ in blanks)
        assert [notes.count(each) for each in said] == [asked["choices"], asked["number"]], name


def test_predictions_are_kept_shown_and_cleared_by_key_under_a_strict_policy(visit, served_strictly):
    visited = visit(served_strictly + CHAPTER, viewport={"width": 375, "height": 800})
    page = visited.page
    assert page.locator("pr-result:not(:empty)").count() == 0
    first = page.locator(".pr-ask[data-kind=choices] button").first
    first.focus()
    page.keyboard.press("Enter")
    page.locator(".pr-ask .pr-said:not(:empty)").first.wait_for()
    assert first.get_attribute("aria-pressed") == "true"
    number = page.locator(".pr-ask[data-kind=number] input").first
    number.fill("12")
    number.press("Enter")
    assert page.locator(".pr-predictions tbody tr").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.reload()
    assert page.locator("pr-result:not(:empty)").count() == 2
    page.locator(".pr-predictions tbody tr").first.wait_for()
    page.get_by_role("button", name="Clear").click()
    assert page.locator("pr-result:not(:empty)").count() == 0 == page.locator(".pr-predictions tr").count()
    assert [error for error in visited.errors if "answers" in error] == []  # the theme's own scripts meet the policy


def test_what_is_typed_is_kept_at_the_first_press_and_stays_when_another_box_is_answered(visit, served):
    """The script that keeps it comes with the first press, and looks into all boxes then."""
    page = visit(served + CHAPTER).page
    numbers, said = page.locator(".pr-ask[data-kind=number]"), page.locator(".pr-said")
    numbers.nth(0).scroll_into_view_if_needed()
    numbers.nth(0).locator("input").fill("12")
    numbers.nth(1).scroll_into_view_if_needed()
    numbers.nth(1).locator("input").fill("34")
    numbers.nth(0).get_by_role("button", name="Keep").click()
    assert numbers.nth(0).locator(said).filter(has_text="Kept.").text_content()
    page.locator(".pr-ask[data-kind=choices] button").first.click()
    page.locator(".pr-ask[data-kind=choices] .pr-said:not(:empty)").first.wait_for()
    assert [numbers.nth(i).locator("input").input_value() for i in (0, 1)] == ["12", "34"]
    page.get_by_role("button", name="Clear").click()
    assert [numbers.nth(i).locator("input").input_value() for i in (0, 1)] == ["", "34"]
    numbers.nth(1).get_by_role("button", name="Keep").click()
    assert page.locator(".pr-predictions tbody tr").count() == 1


def test_an_exercise_is_answered_and_the_contents_mark_it_even_where_nothing_may_be_stored(visit, served):
    visited = visit(served + "genindex.html")
    page = visited.page
    page.add_init_script(NO_STORAGE)
    page.goto(served + CHAPTER)
    box = page.locator(".pr-answer-box").first
    fields, said = box.locator("input"), box.locator(".pr-said")
    fields.nth(0).fill("9 * 32 * 112 * 112")
    fields.nth(1).fill("9 * 32 * 64 * 112 * 112")
    fields.nth(1).press("Enter")
    said.filter(has_text="Look again: Pointwise: its kernel is a single pixel").wait_for()
    assert said.get_attribute("role") == "status"
    fields.nth(1).fill("32*64*112*112")
    fields.nth(1).press("Enter")
    said.filter(has_text="Right: 3,612,672 and 25,690,112 MACs.").wait_for()
    assert "1 solved" in page.locator(".bd-sidebar-primary .pr-mark").first.text_content()
    assert visited.errors == []
