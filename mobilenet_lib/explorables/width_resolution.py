"""MobileNetV1's two knobs as an explorable: what width and resolution do to every layer, and what was released."""

from __future__ import annotations

import traitlets

from .. import cost, specs
from ..course import published
from .kit import Choice, Explorable, Steps
from .released import CLASSES, released

WIDTHS = [0.25, 0.5, 0.75, 1.0]  # of the released models: the marks on the slider
RESOLUTIONS = list(range(96, 257, 32))
# How the paper's table 2 names them.
TABLE_2 = {"pointwise": "conv1x1", "depthwise": "dw3x3", "standard": "conv3x3", "classifier": "fc"}


class WidthResolution(Explorable):
    """All layers of a MobileNetV1 at any width and resolution, their shares, and the released models beside it.

    Parameters
    ----------
    width_mult : float, 0.25 to 1.4 in steps of 0.01, default=1.0
        α: scales every layer's channels, rounded by :func:`~mobilenet_lib.make_divisible`.
    resolution : {96, 128, 160, 192, 224, 256}, default=224
        Height and width of the image, in pixels; the paper's ρ is resolution / 224.
    layer : int, 1 to 28, default=15
        The layer that is described in words: 27 convolutions and the classifier.

    Raises
    ------
    traitlets.TraitError
        If a value is not one the slider has.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    A released model's accuracy is the one its page prints; its MACs are the closed form's, since the page's counts
    for width 0.75 leave out the first layer. No accuracy is guessed for a network that was not released.

    References
    ----------
    Howard et al. 2017, arXiv:1704.04861, sections 3.3 and 3.4, tables 1, 2, 6 and 7.

    Examples
    --------
    >>> narrow = WidthResolution(width_mult=0.5, resolution=160)
    >>> cost.total(narrow.layers())
    Cost(params=1331592, macs=76524800)
    """

    width_mult = Steps(1.0, 0.25, 1.4, 0.01, help="width multiplier α", ticks=WIDTHS)
    resolution = Choice(224, RESOLUTIONS, help="height and width of the image")
    layer = Steps(15, 1, 28, 1, help="the layer that is described", counts=False)
    spec = traitlets.Dict(help="MobileNetV1's table, unscaled").tag(sync=True)
    released = traitlets.List(help="the released models").tag(sync=True)
    table2 = traitlets.Dict(help="shares that the paper prints").tag(sync=True)

    def __init__(self, **values: object):
        spec = {"stem": specs.STEM_CHANNELS, "rows": [list(row) for row in specs.V1_SPEC], "classes": CLASSES}
        super().__init__(**{"spec": spec, "released": released("v1"), "table2": _table2(), **values})

    def layers(self) -> list[cost.Layer]:
        """Return the 27 convolutions and the classifier."""
        return cost.mobilenet_v1_layers(self.width_mult, self.resolution, CLASSES)

    def measure_state(self) -> int:
        """Count the MACs of the real network with fvcore."""
        from .. import measure, models

        network = models.MobileNetV1(CLASSES, self.width_mult)
        return measure.macs(network, (1, 3, self.resolution, self.resolution))


def _table2() -> dict:
    table = published.table("mobilenet_v1_paper", "table2_resource_per_layer_type_percent")
    rows = {row["type"]: row for row in table.rows}
    return {role: [rows[name]["mult_adds_pct"], rows[name]["params_pct"]] for role, name in TABLE_2.items()}
