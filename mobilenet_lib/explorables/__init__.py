"""Explorables: figures with sliders that work in a notebook, in a built page with no kernel, and on paper.

A cell that ends in ``explorables.InvertedBlock()`` shows one. In a notebook, fvcore counts the real module at every
change and its number stands beside the closed form; in a built page the same JavaScript works alone; where there is
no JavaScript, a static picture drawn in Python stands in its place.

To add one, write three files:

1. ``NAME.py``: a subclass of :class:`~mobilenet_lib.explorables.kit.Explorable`. Its sliders are ``Steps`` and
   ``Choice`` attributes; ``layers()`` gives the closed form, ``measure_state()`` the real module's MACs by fvcore,
   ``static_svg()`` the picture.
2. ``NAME.js``: a pure function from the settings to the numbers, and ``render({ model, el, signal })``, which draws
   them. The kit (``kit.js``) is put in front of it: everything defined there is at hand, so there is nothing to
   import. The last line is ``export default { render };``. Rules of its own go into ``NAME.css``, if it needs any.
3. ``tests/test_explorable_NAME.py``: a node test that compares the pure function with ``layers()`` over a grid of
   settings.

An explorable that runs networks derives from :class:`~mobilenet_lib.explorables.runtime.Runtime`: a built page runs
them in the reader's browser, a notebook in its kernel.

Then add the class to the table below. What two explorables share belongs in the kit; what one needs, does not.
"""

from __future__ import annotations

from importlib import import_module

_NAMES = {
    "Counters": "counters",
    "InvertedBlock": "inverted_block",
    "WidthResolution": "width_resolution",
    "Network": "network",
    "Manifold": "manifold",
    "KernelScope": "kernel_scope",
    "LayerCost": "layer_cost",
    "Rosetta": "rosetta",
    "ReceptiveField": "receptive_field",
    "Roofline": "roofline",
    "LatencyLab": "latency_lab",
    "DigitCanvas": "digit_canvas",
    "SeedPairs": "seed_pairs",
    "RoundedWeights": "rounded_weights",
}

__all__ = [*_NAMES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name in _NAMES:
        return getattr(import_module(f".{_NAMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
