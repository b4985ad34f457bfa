"""Page faults: fresh memory has them, and where nobody counts there is no count."""

import mmap
import sys
from types import SimpleNamespace

import pytest
import torch

from mobilenet_lib import measure


def test_fresh_memory_faults_and_memory_that_is_there_does_not():
    size = 64 * 2**20
    # From the system itself: torch.ones might get what another test has freed and the heap has kept.
    memory = torch.frombuffer(mmap.mmap(-1, size), dtype=torch.float32)
    faults = measure.page_faults(lambda: memory.fill_(1))
    if faults is None:
        pytest.skip("this system does not count page faults")
    assert measure.page_faults(lambda: memory.fill_(2)) < faults
    assert faults >= size // 2**21  # one for each page, even where pages are huge


def test_without_the_counter_there_is_no_count(monkeypatch):
    called = []
    monkeypatch.setitem(sys.modules, "resource", None)
    assert measure.page_faults(lambda: called.append(1)) is None and called == [1]


def test_a_counter_that_never_moves_is_no_counter(monkeypatch):
    resource, called = pytest.importorskip("resource"), []
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_minflt=0))
    assert measure.page_faults(lambda: called.append(1)) is None and called == [1]
