"""The released models, as the explorables of both networks show them: accuracy over MACs."""

from __future__ import annotations

from .. import cost
from ..course import published

CLASSES = 1000

_PAGES = {
    "v1": ("tf_slim_mobilenet_v1", "top1_float", cost.mobilenet_v1),
    "v2": ("tf_slim_mobilenet_v2", "top1", cost.mobilenet_v2),
}


def released(network: str) -> list[dict]:
    """Return the released models of "v1" or "v2": width, resolution, top-1 accuracy as printed, MACs by closed form.

    The pages' own MACs are rounded, and for width 0.75 of V1 they leave out the first layer.

    Examples
    --------
    >>> released("v1")[4]
    {'alpha': 0.75, 'resolution': 224, 'top1': 68.4, 'macs': 325400448}
    >>> len(released("v1")), len(released("v2"))
    (16, 22)
    """
    page, accuracy, count = _PAGES[network]
    return [
        {
            "alpha": row["alpha"],
            "resolution": row["resolution"],
            "top1": row[accuracy],
            "macs": count(row["alpha"], row["resolution"], CLASSES).macs,
        }
        for row in published.table(page, "checkpoints").rows
    ]
