"""What a call asks of the machine's memory."""

from __future__ import annotations

from collections.abc import Callable

from .._validation import function


def page_faults(call: Callable[[], object]) -> int | None:
    """Count how often a call touches memory that the system has promised but not given yet.

    Parameters
    ----------
    call : callable
        Called once, without arguments.

    Returns
    -------
    int or None
        Minor page faults of this process. None where the system does not count them (Windows, some sandboxes).

    Notes
    -----
    Fresh memory has no pages behind it. The first touch of each page, 4096 bytes on most machines, interrupts the
    program: the system must find a page and fill it with zeros.

    Examples
    --------
    >>> faults = page_faults(lambda: None)
    >>> faults is None or faults >= 0
    True
    """
    function("call", call)
    try:
        import resource
    except ImportError:
        call()
        return None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    result = call()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    del result  # kept until here, so that freeing it is not part of the count
    return after - before if after else None  # no program starts without a fault: zero means that nobody counts
