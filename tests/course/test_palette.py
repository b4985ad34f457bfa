"""The palette: every concept has a colour, readers can tell the colours apart, and pages get them as CSS."""

import itertools
import re

import numpy as np
import pytest

from mobilenet_lib import cost, palette

LIGHT_PAGE, DARK_PAGE = "#ffffff", "#121212"

# How a colour looks without one kind of cone, on linear RGB (Machado, Oliveira and Fernandes 2009, severity 1).
VISION = {
    "full": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(colour):
    """Return a hex colour as linear RGB."""
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """Return linear RGB as CIE L*a*b*, where distances are about what the eye sees."""
    xyz = XYZ @ np.clip(rgb, 0, 1) / XYZ.sum(axis=1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(a, b):
    """Return the contrast ratio of two colours as WCAG defines it."""
    darker, lighter = sorted(linear(colour) @ XYZ[1] for colour in (a, b))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_and_distance_are_measured_right():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)  # WCAG's well-known grey
    assert lab(linear("#ffffff")) == pytest.approx([100, 0, 0], abs=0.01)
    assert lab(linear("#ff0000")) == pytest.approx([53.24, 80.09, 67.20], abs=0.05)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("page", ["light", "dark"])
def test_no_two_concepts_look_alike_to_anyone(page, vision):
    colours = {getattr(colour, page) for colour in palette.COLOURS.values()}
    assert len(colours) == len(palette.COLOURS) - 1  # a projection is a pointwise convolution
    for a, b in itertools.combinations(sorted(colours), 2):
        seen = [lab(VISION[vision] @ linear(colour)) for colour in (a, b)]
        assert np.linalg.norm(seen[0] - seen[1]) > 11, (a, b)  # about 2 is just visible side by side


@pytest.mark.parametrize("concept", palette.COLOURS)
def test_every_colour_stands_out_from_its_page(concept):
    colour = palette.COLOURS[concept]
    # Depthwise orange, 2.25 on white, is the one below the 3 that WCAG asks of graphics: its bars carry labels.
    assert contrast(colour.light, LIGHT_PAGE) > (2.2 if concept == "depthwise" else 3)
    assert contrast(colour.dark, DARK_PAGE) > 3


def test_a_projection_looks_like_the_pointwise_convolution_it_is():
    assert palette.COLOURS["projection"] == palette.COLOURS["pointwise"]


def test_every_role_of_a_layer_is_a_concept():
    rows = [*cost.mobilenet_v1_layers(), *cost.mobilenet_v2_layers(), *cost.bottleneck_layers(8, 4, 8, 7)]
    assert {row.role for row in rows} <= set(palette.COLOURS)


def test_css_gives_every_concept_its_light_and_its_dark_value():
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", palette.css())
    assert re.sub(r"[^{}]", "", palette.css()) == "{}{}"
    (light_at, light), (dark_at, dark) = rules
    assert light_at.strip() == ":root"
    assert dark_at.strip() == ", ".join(palette.DARK)
    for page, declarations in (("light", light), ("dark", dark)):
        values = dict(re.findall(r"--mn-([a-z]+):\s*(#[0-9a-f]{6});", declarations))
        assert values == {name: getattr(colour, page) for name, colour in palette.COLOURS.items()}
        assert declarations.count(":") == len(values)


@pytest.mark.parametrize(
    "home",
    [
        'html[data-theme="dark"]',
        '[data-jp-theme-light="false"]',
        'html[theme="dark"]',
        ".vscode-dark",
        ".vscode-high-contrast:not(.vscode-high-contrast-light)",  # its light sister has both names
    ],
)
def test_every_home_of_a_widget_has_its_dark_rule(home):
    assert home in palette.DARK
