"""What training keeps; and page faults: fresh memory has them, and where nobody counts there is no count."""

import copy
import mmap
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mobilenet_lib import ConvBNReLU, measure


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


def test_what_training_keeps_is_every_input_of_a_chain_of_convolutions():
    chain = nn.Sequential(*(nn.Conv2d(4, 4, 1, bias=False) for _ in range(5)))
    assert measure.saved_for_backward(chain, (2, 4, 10, 10)) == 5 * 4 * (2 * 4 * 10 * 10)


def test_a_tensor_that_two_layers_keep_is_counted_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other = nn.Conv2d(4, 4, 1, bias=False), nn.Conv2d(4, 8, 1, bias=False)

        def forward(self, x):
            return self.one(x).sum() + self.other(x).sum()

    assert measure.saved_for_backward(Twice(), (1, 4, 10, 10)) == 4 * 4 * 100


def test_measuring_what_is_kept_leaves_the_module_as_it_was():
    block = ConvBNReLU(4, 8).eval()
    before = copy.deepcopy(block.state_dict())
    kept = measure.saved_for_backward(block, (2, 4, 10, 10))
    # the convolution's input and the BatchNorm's input at least, and no more than one tensor for each of the layers
    assert 4 * 2 * 100 * (4 + 8) <= kept <= 4 * 2 * 100 * (4 + 8 + 8) + 200
    assert not block.training and all(torch.equal(before[name], new) for name, new in block.state_dict().items())


def test_a_compiled_network_keeps_what_the_network_keeps_and_no_weights():
    conv = nn.Conv2d(3, 8, 3)
    compiled = torch.compile(conv, backend="aot_eager")
    assert measure.saved_for_backward(compiled, (1, 3, 8, 8)) == measure.saved_for_backward(conv, (1, 3, 8, 8)) == 768


def test_a_shape_that_only_training_refuses_is_named():
    words = (
        r"input_shape must be one that the module takes in training, got \(1, 8, 1, 1\); it says: Expected more than"
    )
    with pytest.raises(ValueError, match=words):
        measure.saved_for_backward(nn.BatchNorm2d(8), (1, 8, 1, 1))
