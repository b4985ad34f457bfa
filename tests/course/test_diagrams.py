"""The diagrams: what is drawn, what a screen reader hears, and that nothing lies on anything else."""

import itertools

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Annotation

from mobilenet_lib import diagrams, figures
from mobilenet_lib.course.diagrams import Part

DIAGRAMS = {
    "squeeze_excite": [
        "3×3, depthwise leads to average of each channel",
        "hard sigmoid leads to times",
        "1×1, project",
    ],
    "deeplab_v3": ["3×3, dilation 18", "last map leads to average, 1×1", "joined, 1×1 leads to classes"],
    "lraspp": ["average, 1×1, sigmoid leads to times", "finer map leads to 1×1", "1×1 leads to plus"],
}
every_diagram = pytest.mark.parametrize("name", DIAGRAMS)


def drawn(name):
    ax = getattr(diagrams, name)()
    ax.figure.draw_without_rendering()
    return ax


@every_diagram
def test_a_screen_reader_hears_where_each_arrow_leads(name):
    spoken = drawn(name).figure.get_label()
    assert spoken.startswith("Diagram. ") and not [words for words in DIAGRAMS[name] if words not in spoken]


@every_diagram
def test_words_stay_inside_their_box_and_boxes_apart(name):
    ax = drawn(name)
    boxes = [patch.get_window_extent() for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    words = [text for text in ax.texts if isinstance(text, Annotation) and len(text.get_text()) > 1]
    assert len(boxes) == len(words) >= 6
    for text in words:
        # The writing of a browser is a little wider than the one that is measured here.
        inside = text.get_window_extent().expanded(1.05, 1.0)
        assert any(
            box.x0 <= inside.x0 and inside.x1 <= box.x1 and box.y0 <= inside.y0 and inside.y1 <= box.y1 for box in boxes
        ), text.get_text()
    assert not [pair for pair in itertools.combinations(boxes, 2) if pair[0].overlaps(pair[1])]


@every_diagram
def test_no_line_crosses_a_box(name):
    ax = drawn(name)
    boxes = [patch.get_window_extent().expanded(0.9, 0.9) for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    for line in ax.lines:
        points = ax.transData.transform(line.get_xydata())
        for (x, y), (u, v) in itertools.pairwise(points):
            steps = [(x + (u - x) * i / 50, y + (v - y) * i / 50) for i in range(51)]
            assert not [box for box in boxes if any(box.contains(*step) for step in steps)]


@every_diagram
def test_a_diagram_is_drawn_into_given_axes_and_follows_the_page(name):
    ax = Figure().subplots()
    assert getattr(diagrams, name)(ax) is ax
    assert "currentColor" in figures.svg(drawn(name)) and "--mn-" in figures.svg(drawn(name))


def test_an_arrow_that_leads_nowhere_or_up_is_refused():
    two = [Part("in", 0, 0), Part("out", 0, 1)]
    with pytest.raises(ValueError, match=r"parts 0 to 1, got \(0, 2\); count the parts from 0"):
        diagrams.flow(two, [(0, 2)])
    with pytest.raises(ValueError, match=r"down or sideways, got \(1, 0\); exchange its ends"):
        diagrams.flow(two, [(1, 0)])
    diagrams.flow(two, [(0, 1)])
