"""What is measured on a real module rather than derived: fvcore's MACs, parameters, torchinfo's summary, and time.

``counts`` counts, ``timing`` times modules and the machine, and ``roof`` says by arithmetic how fast a layer can be at
best, without loading torch.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .counts import cost, macs, macs_by_operator, params, summary
    from .timing import latencies, latency, page_faults, rank_correlation, roofline
else:
    from .. import _lazy

    HOMES = {
        "cost": "counts",
        "macs": "counts",
        "macs_by_operator": "counts",
        "params": "counts",
        "summary": "counts",
        "latencies": "timing",
        "latency": "timing",
        "page_faults": "timing",
        "rank_correlation": "timing",
        "roofline": "timing",
    }
    __getattr__, __dir__ = _lazy.names(__name__, HOMES)

__all__ = [
    "cost",
    "latencies",
    "latency",
    "macs",
    "macs_by_operator",
    "page_faults",
    "params",
    "rank_correlation",
    "roofline",
    "summary",
]
