"""What is measured on a real module rather than derived: fvcore's MACs, parameters, torchinfo's summary, and time.

``counts`` counts, and ``operators`` says what; ``timing`` times modules and the machine; ``memory`` counts page faults;
``ranks`` compares two orders; ``roof`` says by arithmetic how fast a layer can be at best, without loading torch. What
runs a module does it through ``probe``.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .counts import cost, macs, macs_by_operator, params, summary
    from .memory import page_faults
    from .ranks import rank_correlation
    from .timing import latencies, latency, roofline
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
        "page_faults": "memory",
        "rank_correlation": "ranks",
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
