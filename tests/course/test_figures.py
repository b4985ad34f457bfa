"""The figures: what a page and a screen reader get from them."""

import builtins
import re
import types
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mobilenet_lib import anatomy, cost, figures, palette

BARS = {"standard": {"standard": 115_605_504}, "separable": {"depthwise": 1_806_336, "pointwise": 12_845_056}}
RATIOS = [1 / n + 1 / 9 for n in (16, 64, 256)]
PROFILES = {
    "inverted": [(24, ""), (144, "expansion"), (144, "depthwise"), (24, "projection")],
    "classical": [(256, ""), (64, "pointwise"), (64, "standard"), (256, "pointwise")],
}
ROOF = {"filter": (1.1, 4e9, "depthwise"), "mix": (27.0, 60e9, "pointwise")}
EFFECTS = {
    "ReLU6": {"digits": (-1.66, -2.05, -1.27), "patches": (-5.94, -8.4, -3.48)},
    "shortcut": {"patches": (-2.37, -5.87, 1.13)},
}
BANKS = {
    "standard": np.linspace(-1, 1, 144).reshape(4, 4, 3, 3),
    "depthwise": np.ones((4, 1, 3, 3)),
    "pointwise": np.ones((4, 4, 1, 1)),
}
BLUR, EDGE = np.ones((3, 3)), np.array([[-1.0, 0.0, 1.0]] * 3)
KERNELS = np.stack([BLUR, EDGE, -2 * BLUR, BLUR + 1.5 * EDGE])
MASKS = {"standard": np.ones((4, 4), bool), "depthwise": np.eye(4, dtype=bool)}

# name: the figure, what its spoken text must hold, and the concepts that it draws
FIGURES = {
    "cost_bars": (
        lambda ax=None: figures.cost_bars(BARS, ax=ax),
        ["MACs", "standard 115.6\xa0M", "depthwise 1.8\xa0M", "pointwise 12.8\xa0M", "in all 14.7\xa0M"],
        ["standard", "depthwise", "pointwise"],
    ),
    "curves": (
        lambda ax=None: figures.curves(
            [16, 64, 256], {"ratio": RATIOS}, "N & M", "share <1>", {"ratio": "depthwise"}, "x", ax
        ),
        ["ratio goes from 0.174 at 16 to 0.115 at 256", "N & M", "share <1>"],
        ["depthwise"],
    ),
    "roofline": (
        lambda ax=None: figures.roofline(100e9, 20e9, ROOF, ax=ax),
        ["20.0\xa0G bytes a second up to 5 MACs", "100.0\xa0G MACs", "filter at 1.1 MACs per byte does 4.0\xa0G"],
        ["depthwise", "pointwise"],
    ),
    "scatter": (
        lambda ax=None: figures.scatter(
            {"V1": [(569e6, 14.5), (150e6, 5)], "V2": [(300e6, 11)]}, "MACs", "ms", {"V1": "depthwise"}, "xy", ax
        ),
        ["V1: 569.0\xa0M and 14.5, 150.0\xa0M and 5", "V2: 300.0\xa0M and 11", "ms over MACs"],
        ["depthwise"],
    ),
    "channel_profiles": (
        lambda ax=None: figures.channel_profiles(PROFILES, ax=ax),
        ["24 to 144 to 144 to 24", "256 to 64 to 64 to 256"],
        ["expansion", "depthwise", "pointwise", "standard"],
    ),
    "connections": (lambda ax=None: figures.connections(MASKS, ax=ax), ["16 of 16", "4 of 16"], ["standard"]),
    "filter_banks": (
        lambda ax=None: figures.filter_banks(BANKS, ax=ax),
        [
            "standard: 4 output channels, each reads 4 of 4 through kernels of 3 by 3, 144 weights in all",
            "depthwise: 4 output channels, each reads 1 of 4 through kernels of 3 by 3, 36 weights in all",
            "pointwise: 4 output channels, each reads 4 of 4 through kernels of 1 by 1, 16 weights in all",
        ],
        ["standard", "depthwise", "pointwise"],
    ),
    "filters": (
        lambda ax=None: figures.filters({"block 0": KERNELS, "block <1>": -KERNELS[:1]}, shown=2, ax=ax),
        ["block 0: 50 % blurs, 25 % edges", "block <1>: 100 % blurs, 0 % edges"],
        [],
    ),
    "maps": (
        lambda ax=None: figures.maps({"input": np.eye(6, 4), "edges": np.zeros((3, 5))}, ax=ax),
        ["input, 6 by 4 pixels", "edges, 3 by 5 pixels"],
        [],
    ),
}
FIGURES["effects"] = (
    lambda ax=None: figures.effects(EFFECTS, "points <of accuracy>", ax=ax),
    ["ReLU6, digits: -1.66, from -2.05 to -1.27;", "shortcut, patches: -2.37, from -5.87 to +1.13, not resolved"],
    [],
)
every_figure = pytest.mark.parametrize("name", FIGURES)


@pytest.fixture(scope="module")
def drawings():
    """Return each figure's SVG."""
    return {name: figures.svg(draw()) for name, (draw, _, _) in FIGURES.items()}


@every_figure
def test_a_figure_is_an_axes_that_pyplot_does_not_know(name):
    ax = FIGURES[name][0]()
    assert isinstance(ax, Axes)
    assert plt.get_fignums() == []
    assert not hasattr(ax.figure, "number")


@every_figure
def test_a_figure_is_one_well_formed_picture_with_a_spoken_text(name, drawings):
    root = ElementTree.fromstring(drawings[name])
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("role") == "img"
    for words in FIGURES[name][1]:
        assert words in root.get("aria-label")
    assert drawings[name].startswith("<svg")
    assert drawings[name].endswith("</svg>")


@every_figure
def test_a_figure_fits_its_column_and_keeps_its_shape(name, drawings):
    root = ElementTree.fromstring(drawings[name])
    assert root.get("viewBox")
    assert (root.get("width"), root.get("height")) == (None, None)
    assert "width:100%" in root.get("style")
    assert f"max-width:{figures.WIDTH * 96:.0f}px" in root.get("style")


@every_figure
def test_a_figure_takes_text_colour_and_concepts_from_the_page(name, drawings):
    drawing = drawings[name]
    assert figures.FOREGROUND not in drawing
    assert "currentColor" in drawing
    for concept in FIGURES[name][2]:
        assert f"var(--mn-{concept}, " in drawing
    for concept, fallback in re.findall(r"var\(--mn-(\w+), (#\w+)\)", drawing):
        assert palette.COLOURS[concept].light == fallback.lower()
    # No colour is left that the page could not change: what is not in a var() is nowhere.
    left = re.sub(r"var\([^)]*\)|url\([^)]*\)|href=\"[^\"]*\"", "", drawing)
    assert re.findall(r"#[0-9a-f]{6}\b", left) == []


@every_figure
def test_a_figure_is_the_same_to_the_byte_each_time(name, drawings):
    assert figures.svg(FIGURES[name][0]()) == drawings[name]


@every_figure
def test_a_figure_says_nothing_to_the_rest_of_its_page(name, drawings):
    assert "<style" not in drawings[name]
    assert "<script" not in drawings[name]
    assert "<metadata" not in drawings[name]
    assert "http" not in re.sub(r'xmlns(:xlink)?="[^"]*"', "", drawings[name])


def test_figures_on_one_page_share_no_ids(drawings):
    seen = set()
    for drawing in drawings.values():
        ids = re.findall(r' id="([^"]*)"', drawing)
        assert len(ids) == len(set(ids))
        assert seen.isdisjoint(ids)
        seen.update(ids)
        assert set(re.findall(r'(?:url\(|href=")#([\w.-]+)', drawing)) <= set(ids)
    assert seen


@every_figure
def test_a_figure_can_be_drawn_into_axes_of_ones_own(name):
    own = Figure()
    left, right = own.subplots(1, 2)
    assert FIGURES[name][0](right) is right
    assert not left.has_data()
    FIGURES[name][0](left)
    # Both drawings are spoken.
    assert own.get_label().count(FIGURES[name][1][0]) == 2


def test_drawing_leaves_matplotlibs_settings_alone():
    settings = [name for name in mpl.rcParams if name != "backend"]  # found out at its first use
    before = {name: mpl.rcParams[name] for name in settings}
    for draw, _, _ in FIGURES.values():
        figures.svg(draw())
    assert {name: mpl.rcParams[name] for name in settings} == before


def test_bars_are_as_long_as_their_numbers():
    ax = figures.cost_bars(BARS)
    widths = [bar.get_width() for bar in ax.patches]
    assert widths == [115_605_504, 1_806_336, 12_845_056]
    assert ax.patches[2].get_x() == 1_806_336
    assert [label.get_text() for label in ax.get_yticklabels()] == list(BARS)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["standard", "depthwise", "pointwise"]
    assert ax.get_xlim()[1] > 115_605_504


def test_a_role_stands_in_the_legend_once():
    parts = {row.role: row.macs for row in cost.inverted_residual_layers(24, 144, 24, 56)}
    ax = figures.cost_bars({"one": parts, "two": parts})
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(parts)


@pytest.mark.parametrize("count", [2, 3, 4, 6])
def test_the_legend_is_not_wider_than_its_figure(count):
    roles = ("standard", "pointwise", "projection", "expansion", "depthwise", "classifier")[-count:]
    fits(figures.cost_bars({"the whole network": dict.fromkeys(roles, 1e6)}))


def test_the_legend_has_no_more_room_than_the_names_of_the_rows_leave():
    series = {f"task {i}": (0.0, -1.0, 1.0) for i in range(4)}
    fits(figures.effects({"standard, no shortcut": series}, "points"))


def fits(ax):
    ax.figure.draw_without_rendering()
    box, room = ax.get_legend().get_window_extent(), ax.figure.bbox
    assert room.x0 <= box.x0 and box.x1 <= room.x1 and box.y1 <= room.y1


@pytest.mark.parametrize("count", [2, 3, 4])
def test_lines_of_one_row_of_effects_are_nearer_to_each_other_than_to_the_next_rows(count):
    series = {str(i): (0.0, -1.0, 1.0) for i in range(count)}
    ax = figures.effects(dict.fromkeys("abc", series), "points")
    ax.figure.draw_without_rendering()
    at = sorted(ax.transData.transform((0, line.get_ydata()[0]))[1] * 72 / ax.figure.dpi for line in ax.lines[1::2])
    gaps = np.diff(at)
    within, between = np.delete(gaps, slice(count - 1, None, count)), gaps[count - 1 :: count]
    assert within.min() > 7 and between.min() > 1.5 * within.max()  # 7 points is a mark


def test_a_row_of_effects_is_little_taller_than_its_letters():
    ax = figures.effects({f"block {i}": {"change": (-1.0, -2.0, 0.0)} for i in range(17)}, "points")
    ax.figure.draw_without_rendering()
    names = [label.get_window_extent() for label in ax.get_yticklabels()]
    for above, below in pairwise(names):
        assert 0 < above.y0 - below.y1 < above.height


def test_a_bar_that_costs_nothing_is_drawn():
    assert "in all 0" in figures.svg(figures.cost_bars({"identity": {"residual": 0}}))


def test_curves_pass_through_their_points():
    ax = FIGURES["curves"][0]()
    assert ax.lines[0].get_xydata().tolist() == [[16, RATIOS[0]], [64, RATIOS[1]], [256, RATIOS[2]]]
    assert ax.get_xscale() == "log"


@pytest.mark.parametrize(("ends", "apart"), [((6, 6), False), ((0, 6), True), ((1, 1, 6), False), ((1, 3, 6), True)])
def test_curves_are_named_at_their_ends_or_in_a_legend_where_these_meet(ends, apart):
    ax = figures.curves([0, 1], {f"curve {i}": [0, end] for i, end in enumerate(ends)}, "x", "y")
    beside = [text.get_text() for text in ax.texts]
    legend = [text.get_text() for text in ax.get_legend().texts] if ax.get_legend() else []
    assert (beside if apart else legend) == [f"curve {i}" for i in range(len(ends))]
    assert (legend if apart else beside) == []


@pytest.mark.parametrize(("x", "whole"), [([1, 3, 6, 9, 12, 15, 17, 18], True), ([0.5, 1.0, 1.4], False)])
def test_curves_over_whole_numbers_have_whole_ticks(x, whole):
    ticks = figures.curves(x, {"line": x}, "x", "y").get_xticks()
    assert all(tick % 1 == 0 for tick in ticks) is whole


def test_silhouettes_are_as_high_as_their_channels():
    ax = FIGURES["channel_profiles"][0]()
    heights = [np.ptp(line.get_ydata()) for line in ax.lines]
    assert heights == [channels for steps in PROFILES.values() for channels, _ in steps]


def test_the_names_of_a_silhouettes_steps_stand_below_it_each_under_its_own():
    ax = FIGURES["channel_profiles"][0]()
    ax.figure.draw_without_rendering()
    steps = [patch.get_window_extent() for patch in ax.patches]
    roles = [role for profile in PROFILES.values() for _, role in profile[1:]]
    names = [text.get_window_extent() for text in ax.texts if text.get_text() in roles]
    assert len(names) == len(steps) == 6
    for name, step in zip(names, steps, strict=True):
        assert step.x0 < name.x0 and name.x1 < step.x1 and name.y1 < min(each.y0 for each in steps), (name, step)


def test_effects_lie_where_their_numbers_are_and_are_filled_when_resolved():
    ax = figures.effects(EFFECTS, "points")
    zero, *lines = ax.lines
    assert list(zero.get_xdata()) == [0, 0]
    whiskers, marks = lines[::2], lines[1::2]
    assert [list(line.get_xdata()) for line in whiskers] == [[-2.05, -1.27], [-8.4, -3.48], [-5.87, 1.13]]
    assert [mark.get_xdata()[0] for mark in marks] == [-1.66, -5.94, -2.37]
    assert [mark.get_fillstyle() for mark in marks] == ["full", "full", "none"]
    assert [mark.get_marker() for mark in marks] == ["o", "D", "D"]
    assert marks[0].get_ydata()[0] < marks[1].get_ydata()[0] < marks[2].get_ydata()[0]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["digits", "patches"]


def test_maps_of_several_shapes_are_shown_whole():
    for order in (["tall", "wide"], ["wide", "tall"]):
        images = {"tall": np.zeros((8, 4)), "wide": np.zeros((3, 6))}
        ax = figures.maps({name: images[name] for name in order})
        assert ax.get_ylim() == (0, 2)
        for image in ax.images:
            left, right, bottom, top = image.get_extent()
            rows, columns = image.get_array().shape
            assert (top - bottom) / (right - left) == pytest.approx(rows / columns)


def test_layers_stand_at_their_intensity_under_a_roof_with_its_corner_at_the_ridge():
    ax = FIGURES["roofline"][0]()
    roof, *marks = (line.get_xydata().tolist() for line in ax.lines)
    assert roof[1] == [5, 100e9] and roof[0][1] / roof[0][0] == pytest.approx(20e9) and roof[2][1] == 100e9
    assert [1.1, 4e9] in [point for mark in marks for point in mark]
    assert {label.get_text() for label in ax.get_legend().get_texts()} == set(ROOF)


def test_an_axis_has_units_for_large_numbers_and_none_for_shares():
    ax = figures.scatter({"V2": [(300e6, 0.2), (97e6, 1.0)]}, "MACs", "share")
    ax.figure.draw_without_rendering()
    assert [label.get_text() for label in ax.get_xticklabels()][-1].endswith(" M")
    assert "0.2" in [label.get_text() for label in ax.get_yticklabels()]


@pytest.mark.parametrize(("low", "high"), [(1, 60), (6144, 99), (6144, 2e4), (1, 1e7), (6144, 2.5), (90, 1.15)])
def test_a_logarithmic_axis_has_two_labels_at_least_and_none_touches_the_next(low, high):
    axes = figures.scatter({"add": [(low, low), (low * high, low * high)]}, "bytes", "bytes a second", log="xy")
    axes.figure.draw_without_rendering()
    for name in ("x", "y"):
        labels = [label for label in getattr(axes, f"get_{name}ticklabels")() if label.get_text()]
        boxes = [label.get_window_extent() for label in labels]
        shown = [box for box in boxes if axes.bbox.padded(9).overlaps(box.padded(9))]
        first, last = getattr(axes, f"get_{name}lim")()
        assert sum(first <= tick <= last for tick in getattr(axes, f"get_{name}ticks")()) >= 2
        ends = sorted((getattr(box, f"{name}0"), getattr(box, f"{name}1")) for box in shown)
        assert len(ends) >= 2
        assert all(before[1] + 2 < after[0] for before, after in pairwise(ends)), labels


def test_groups_of_points_differ_in_their_mark_not_only_in_colour():
    ax = FIGURES["scatter"][0]()
    assert [line.get_xydata().tolist() for line in ax.lines] == [[[569e6, 14.5], [150e6, 5]], [[300e6, 11]]]
    assert len({line.get_marker() for line in ax.lines}) == 2
    assert ax.get_xscale() == ax.get_yscale() == "log"
    plain = figures.scatter({"one": [(3, 4)]}, "x", "y")
    assert plain.get_xlim()[0] == plain.get_ylim()[0] == 0 and plain.get_legend() is None


def test_bad_roles_are_refused_by_name():
    for draw in (
        lambda: figures.cost_bars({"block": {"convolution": 1}}),
        lambda: figures.curves([1, 2], {"a": [1, 2]}, "x", "y", roles={"a": "convolution"}),
        lambda: figures.channel_profiles({"block": [(1, ""), (2, "convolution")]}),
        lambda: figures.roofline(1e9, 1e9, {"a": (1, 1e6, "convolution")}),
        lambda: figures.scatter({"a": [(1, 2)]}, "x", "y", {"a": "convolution"}),
    ):
        with pytest.raises(ValueError, match="role must be one of standard, .*got 'convolution'"):
            draw()


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="bars must hold at least one block"):
        figures.cost_bars({})
    with pytest.raises(ValueError, match="rows must hold at least one difference"):
        figures.effects({}, "points")
    with pytest.raises(ValueError, match="rows must hold at most 4 series, got 5"):
        figures.effects({"a": {str(i): (0, -1, 1) for i in range(5)}}, "points")
    with pytest.raises(ValueError, match=r"rows\['a'\]\['b'\] must be mean, low, high, got \(2, -1, 1\)"):
        figures.effects({"a": {"b": (2, -1, 1)}}, "points")
    with pytest.raises(ValueError, match=r"lines\['a'\] must have 2 points like x, got 3"):
        figures.curves([1, 2], {"a": [1, 2, 3]}, "x", "y")
    with pytest.raises(ValueError, match="points must hold at least one layer"):
        figures.roofline(1e9, 1e9, {})
    with pytest.raises(ValueError, match=r"groups\['a'\] must hold at least one point"):
        figures.scatter({"a": []}, "x", "y")
    with pytest.raises(ValueError, match=r"images\['a'\] must have shape \(H, W\), got \(3, 4, 4\)"):
        figures.maps({"a": np.zeros((3, 4, 4))})
    with pytest.raises(TypeError, match="ax must be a matplotlib Axes or Figure, got str"):
        figures.svg("figure")


def test_a_notebook_shows_an_axes_as_its_picture(monkeypatch):
    shell = types.SimpleNamespace(display_formatter=DisplayFormatter())
    monkeypatch.setattr(builtins, "get_ipython", lambda: shell, raising=False)
    figures._show_in_notebooks()
    drawing = figures.svg(figures.cost_bars(BARS))
    for shown in (figures.cost_bars(BARS), figures.cost_bars(BARS).figure):
        data, _ = shell.display_formatter.format(shown)
        assert data["text/html"] == f'<div class="mn-figure">{drawing}</div>'


def test_a_depthwise_bank_is_the_diagonal_of_a_standard_one():
    ax = figures.filter_banks({"standard": np.ones((3, 3, 3, 3)), "depthwise": np.ones((3, 1, 3, 3))})
    standard, depthwise = (drawn.get_offsets() for drawn in ax.collections)
    assert len(standard) == 81 and len(depthwise) == 27
    across, down = (depthwise - depthwise.min(axis=0)).T
    assert (across // 4 == down // 4).all()  # a kernel of three, and a gap


def test_grouped_kernels_stand_at_the_channels_that_they_read():
    ax = figures.filter_banks({"standard": np.ones((4, 4, 1, 1)), "grouped": np.ones((4, 2, 1, 1))})
    columns, rows = (ax.collections[1].get_offsets() - ax.collections[1].get_offsets().min(axis=0)).T // 2
    masks = np.zeros((4, 4), bool)
    masks[rows.astype(int), columns.astype(int)] = True
    assert (masks == np.kron(np.eye(2), np.ones((2, 2)))).all()


def test_a_bank_that_reads_other_channels_is_refused():
    with pytest.raises(ValueError, match="banks must read the same channels, got one with 4 outputs that reads 3 of 4"):
        figures.filter_banks({"a": np.ones((4, 4, 3, 3)), "b": np.ones((4, 3, 3, 3))})
    with pytest.raises(ValueError, match=r"banks\['a'\] must have shape \(N, M / groups, k, k\), got \(4, 4\)"):
        figures.filter_banks({"a": np.ones((4, 4))})


def test_filters_are_counted_as_the_library_counts_them():
    drawn = np.random.default_rng(0).normal(0.3, 1, (500, 3, 3))
    spoken = figures.filters({"random": drawn}).figure.get_label()
    balance = anatomy.balance(torch.tensor(drawn))
    blurs, edges = (balance > anatomy.BLUR).double().mean().item(), (balance < anatomy.EDGE).double().mean().item()
    assert f"random: {100 * blurs:.0f} % blurs, {100 * edges:.0f} % edges" in spoken
    with pytest.raises(ValueError, match=r"kernels\['a'\] must have shape \(C, k, k\), got \(3, 3\)"):
        figures.filters({"a": EDGE})


def test_filters_run_from_edges_to_blurs_with_one_sign():
    images = [image.get_array() for image in figures.filters({"block": KERNELS}, shown=4).images]
    totals = [abs(image.sum()) / abs(image).sum() for image in images]
    assert totals == sorted(totals)
    assert all(image.sum() >= 0 and abs(image).max() == 1 for image in images)


def test_marks_of_one_look_are_one_path():
    drawing = figures.svg(figures.connections({"depthwise": np.eye(6, dtype=bool)}))
    assert "<use" not in drawing
    paths = {look: path for path, look in re.findall(r'<path d="([^"]*)" style="fill: ([^"]*)"/>', drawing)}
    assert paths["var(--mn-standard, #0072B2)"].count("M") == 6
    assert paths["currentColor; fill-opacity: 0.12"].count("M") == 36


def test_marks_that_touch_stay_marks_whose_strengths_add_up():
    ax = figures.curves([1, 2], {"line": [1, 2]}, "x", "y")
    ax.scatter([1, 1.001, 1.5], [1, 1, 1.5], alpha=0.5)
    assert figures.svg(ax).count("fill-opacity: 0.5") == 3
