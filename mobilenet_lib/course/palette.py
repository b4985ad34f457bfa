"""One concept, one colour, in every figure and every explorable, on paper and in the dark.

The hues are Okabe and Ito's, chosen so that readers with any of the common colour-vision deficiencies tell them
apart. Dark pages use lighter versions of the hues that would sink into a dark background.
"""

from __future__ import annotations

from typing import NamedTuple


class Colour(NamedTuple):
    """A colour on a light page and on a dark one, as hex strings.

    Examples
    --------
    >>> COLOURS["depthwise"]
    Colour(light='#e69f00', dark='#f0b429')
    """

    light: str
    dark: str


COLOURS = {
    "standard": Colour("#0072b2", "#56b4e9"),
    "depthwise": Colour("#e69f00", "#f0b429"),
    "pointwise": Colour("#009e73", "#3fd6a6"),
    "projection": Colour("#009e73", "#3fd6a6"),  # a projection is a pointwise convolution that narrows
    "expansion": Colour("#cc79a7", "#dd94bd"),
    "residual": Colour("#d55e00", "#ff8a3d"),
    "classifier": Colour("#595959", "#808080"),
    # What stands between the convolutions. Okabe and Ito's set ends here; these keep their distance from it.
    "norm": Colour("#7a3ce0", "#8757ff"),
    "activation": Colour("#7a1a0c", "#cc3333"),
    "pooling": Colour("#14142e", "#f4f4a8"),
}

# Where each of the places a widget can live says that it is dark.
DARK = (
    'html[data-theme="dark"]',
    '[data-jp-theme-light="false"]',
    'html[theme="dark"]',
    ".vscode-dark",
    ".vscode-high-contrast:not(.vscode-high-contrast-light)",
)


def css() -> str:
    """Return the palette as CSS custom properties, `--mn-standard` and so on, for light and dark pages.

    Returns
    -------
    str
        A stylesheet of two rules.

    Examples
    --------
    >>> print(css().splitlines()[0])
    :root { --mn-standard: #0072b2; --mn-depthwise: #e69f00; --mn-pointwise: #009e73; --mn-projection: #009e73; \
--mn-expansion: #cc79a7; --mn-residual: #d55e00; --mn-classifier: #595959; --mn-norm: #7a3ce0; \
--mn-activation: #7a1a0c; --mn-pooling: #14142e; }
    """
    light = " ".join(f"--mn-{name}: {colour.light};" for name, colour in COLOURS.items())
    dark = " ".join(f"--mn-{name}: {colour.dark};" for name, colour in COLOURS.items())
    return f":root {{ {light} }}\n{', '.join(DARK)} {{ {dark} }}\n"
