"""What is measured on a real module rather than derived: fvcore's MACs, parameters, torchinfo's summary, and time.

``counts`` counts, and ``operators`` says what; ``timing`` times modules and the machine; ``placing`` puts layers under
the machine's roof; ``memory`` says what a training step keeps, and counts page faults; ``ranks`` compares two orders;
``roof`` says by arithmetic how fast a layer can be at best, without loading torch. What runs a module does it through
``probe``.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .counts import cost, macs, macs_by_operator, params, summary
    from .memory import page_faults, saved_for_backward
    from .placing import by_kind, factors, kernel_steps, placed, points, time_layers, times
    from .ranks import rank_correlation, rank_interval
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
        "saved_for_backward": "memory",
        "by_kind": "placing",
        "factors": "placing",
        "kernel_steps": "placing",
        "placed": "placing",
        "points": "placing",
        "time_layers": "placing",
        "times": "placing",
        "rank_correlation": "ranks",
        "rank_interval": "ranks",
        "roofline": "timing",
    }
    __getattr__, __dir__ = _lazy.names(__name__, HOMES)

__all__ = [
    "by_kind",
    "cost",
    "factors",
    "kernel_steps",
    "latencies",
    "latency",
    "macs",
    "macs_by_operator",
    "page_faults",
    "params",
    "placed",
    "points",
    "rank_correlation",
    "rank_interval",
    "roofline",
    "saved_for_backward",
    "summary",
    "time_layers",
    "times",
]
