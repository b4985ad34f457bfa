"""Explorables: figures with sliders that work in a notebook, in a built page with no kernel, and on paper.

A cell that ends in ``explorables.InvertedBlock()`` shows one. In a notebook, fvcore counts the real module at every
change and its number stands beside the closed form; in a built page the same JavaScript works alone; without
JavaScript, and in print, its first state shows, which the same JavaScript has drawn in node while the book was built.

To add one, write three files:

1. ``NAME.py``: a subclass of :class:`~mobilenet_lib.explorables.kit.Explorable`. Its sliders are ``Steps`` and
   ``Choice`` attributes; ``layers()`` gives the closed form, ``measure_state()`` the real module's MACs by fvcore, and
   ``numbers()`` the table that a stored notebook shows where nothing draws.
2. ``NAME.js``: a pure function from the settings to the numbers, and ``render({ model, el, signal })``, which draws
   them. The kit (``kit.js``) is put in front of it: everything defined there is at hand, so there is nothing to
   import. The last line is ``export default { render };``. Rules of its own go into ``NAME.css``, if it needs any.
3. ``tests/explorables/test_NAME.py``: a node test that compares the pure function with ``layers()`` over a grid of
   settings.

An explorable that runs networks derives from :class:`~mobilenet_lib.explorables.runtime.Runtime`: a built page runs
them in the reader's browser, a notebook in its kernel.

Then add the class to the table below. What two explorables share belongs in the kit; what one needs, does not.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .break_network import BreakNetwork
    from .counters import Counters
    from .digit_canvas import DigitCanvas
    from .few_pictures import FewPictures
    from .inverted_block import InvertedBlock
    from .kernel_scope import KernelScope
    from .latency_lab import LatencyLab
    from .layer_cost import LayerCost
    from .manifold import Manifold
    from .network import Network
    from .read_the_string import ReadTheString
    from .receptive_field import ReceptiveField
    from .roofline import Roofline
    from .rosetta import Rosetta
    from .rounded_weights import RoundedWeights
    from .seed_pairs import SeedPairs
    from .universal_block import UniversalBlock
    from .what_it_sees import WhatItSees
    from .width_resolution import WidthResolution
else:
    from .. import _lazy

    HOMES = {
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
        "WhatItSees": "what_it_sees",
        "BreakNetwork": "break_network",
        "FewPictures": "few_pictures",
        "UniversalBlock": "universal_block",
        "ReadTheString": "read_the_string",
    }
    __getattr__, __dir__ = _lazy.names(__name__, HOMES)

__all__ = [
    "BreakNetwork",
    "Counters",
    "DigitCanvas",
    "FewPictures",
    "InvertedBlock",
    "KernelScope",
    "LatencyLab",
    "LayerCost",
    "Manifold",
    "Network",
    "ReadTheString",
    "ReceptiveField",
    "Roofline",
    "Rosetta",
    "RoundedWeights",
    "SeedPairs",
    "UniversalBlock",
    "WhatItSees",
    "WidthResolution",
]
