"""Latencies: what they say of their conditions, that they leave no trace, and that they can tell slow from fast."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
import time
from functools import partial
from types import SimpleNamespace

import fresh
import pytest
import torch
from torch import nn
from torch.nn.utils import prune
from torch.utils.benchmark import Timer

from mobilenet_lib import InvertedResidual, MobileNetV2, measure
from mobilenet_lib.measure import timing
from mobilenet_lib.measure.timing import BLOCKS, CONDITIONS, ROUNDS, Latency, _laid_out

ONE = Latency(12.0, 0.3, 40, 1, 1, "contiguous", "cpu", "2.9.0")
SHAPE = (2, 8, 28, 28)
QUICK = {"seconds": 0.02}


class Slept(nn.Module):
    """Waits for a known time."""

    def __init__(self, ms):
        super().__init__()
        self.ms = ms

    def forward(self, x):
        end = time.perf_counter() + self.ms / 1000
        while time.perf_counter() < end:
            pass
        return x


# One measurement


def test_the_conditions_are_written_down():
    took = measure.latency(InvertedResidual(8, 48, 8), SHAPE, memory_format="channels_last", **QUICK)
    assert (took.batch, took.threads, took.memory_format, took.device) == (2, 1, "channels_last", "cpu")
    assert torch.__version__.startswith(took.torch)
    assert took.median > 0 and took.iqr >= 0 and took.runs >= ROUNDS
    assert set(CONDITIONS) < {field.name for field in dataclasses.fields(took)}


def test_measuring_is_quiet():
    call = "measure.latency(nn.ReLU(), (1, 1), seconds=0.01)"
    program = f"from torch import nn; from mobilenet_lib import measure; {call}"
    done = fresh.python(program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_known_time_is_found():
    start = time.perf_counter()
    took = measure.latency(Slept(4), (1, 1), **QUICK)
    assert 4 <= took.median <= 1000 * (time.perf_counter() - start)  # a busy machine only ever adds, to both


def test_a_slow_module_is_called_five_times_at_least():
    assert measure.latency(Slept(30), (1, 1), **QUICK).runs >= ROUNDS


def test_the_threads_are_those_asked_for_and_only_meanwhile():
    seen = []

    class Counts(nn.Module):
        def forward(self, x):
            seen.append(torch.get_num_threads())
            return x

    before = torch.get_num_threads()
    measure.latency(Counts(), (1, 1), threads=2, **QUICK)
    assert set(seen) == {2} and torch.get_num_threads() == before


def test_measuring_leaves_the_module_as_it_was():
    torch.manual_seed(0)
    module = MobileNetV2(10, 0.25)
    module.blocks[0].eval()
    state, modes = copy.deepcopy(module.state_dict()), [part.training for part in module.modules()]
    strides = [weight.stride() for weight in module.parameters()]
    for memory_format in ("contiguous", "channels_last"):
        measure.latency(module, (1, 3, 64, 64), memory_format=memory_format, **QUICK)
    assert [part.training for part in module.modules()] == modes
    assert [weight.stride() for weight in module.parameters()] == strides
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, state[name]), name


def test_weights_and_input_lie_in_memory_as_asked():
    conv, x = nn.Conv2d(8, 16, 3), torch.randn(SHAPE)
    module, laid = _laid_out(conv, x, "channels_last")
    assert laid.is_contiguous(memory_format=torch.channels_last) and not laid.is_contiguous()
    assert not module.weight.is_contiguous() and conv.weight.is_contiguous()
    again, _ = _laid_out(module, laid, "channels_last")
    assert again is module  # it is so already
    back, x = _laid_out(module, laid, "contiguous")
    assert back.weight.is_contiguous() and x.is_contiguous()


def test_a_plain_function_can_be_timed():
    took = measure.latency(torch.relu, (1000,), **QUICK)
    assert took.batch == 1000 and took.device == "cpu"


def test_many_are_measured_in_turn_and_told_apart():
    took = measure.latencies({"slow": (Slept(8), (1, 1)), "fast": (Slept(1), (3, 1))}, **QUICK)
    assert list(took) == ["slow", "fast"]
    assert (took["slow"].batch, took["fast"].batch) == (1, 3)
    assert took["slow"].median >= 8 and took["fast"].median >= 1


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"module": MobileNetV2}, TypeError, "call the class"),
        ({"module": 3}, TypeError, "got 3"),
        ({"input_shape": (1, 0, 3)}, ValueError, r"input_shape\[1\] must be a positive integer, got 0"),
        ({"input_shape": 8}, TypeError, "input_shape must be several"),
        ({"threads": 0}, ValueError, "threads must be a positive integer, got 0"),
        ({"seconds": 0}, ValueError, "seconds must be a finite number above 0"),
        ({"memory_format": "nhwc"}, ValueError, "memory_format must be one of contiguous, channels_last, got 'nhwc'"),
        ({"input_shape": (1, 8), "memory_format": "channels_last"}, ValueError, "must have 4 dimensions"),
    ],
)
def test_wrong_arguments_are_refused(change, error, words):
    with pytest.raises(error, match=words):
        measure.latency(**{"module": nn.Identity(), "input_shape": SHAPE, **change})


def test_a_case_is_a_module_and_a_shape():
    for case in (nn.ReLU(), (nn.ReLU(), SHAPE, 1), "no"):
        with pytest.raises(TypeError, match=r"cases\['one'\] must be \(module, input_shape\), got"):
            measure.latencies({"one": case})


def test_weights_that_cannot_be_laid_out_anew_are_named_with_a_remedy():
    layer = prune.identity(nn.Conv2d(3, 8, 3), "weight")
    with pytest.raises(ValueError, match="module must be one that can be copied, .*prune.remove"):
        measure.latency(layer, (1, 3, 8, 8), memory_format="channels_last")


def test_a_module_made_for_other_threads_is_refused():
    class Engine:
        threads = 2

        def __call__(self, x):
            return x

    with pytest.raises(ValueError, match="threads must be 2, for which the module was made, got 1"):
        measure.latency(Engine(), (1, 1))
    assert measure.latency(Engine(), (1, 1), threads=2, **QUICK).threads == 2


# Two measurements


def test_the_speedup_is_the_ratio_of_the_medians():
    assert dataclasses.replace(ONE, median=3.0).speedup_over(ONE) == 4
    assert ONE.speedup_over(ONE) == 1


UNLIKE = {"batch": 32, "threads": 2, "memory_format": "channels_last", "device": "a GPU", "torch": "2.4.0"}


@pytest.mark.parametrize("name", CONDITIONS)
def test_unlike_conditions_are_not_compared_unless_they_are_the_question(name):
    other = dataclasses.replace(ONE, **{name: UNLIKE[name]})
    with pytest.raises(ValueError, match=f"got {name} {UNLIKE[name]} where this one has {getattr(ONE, name)}"):
        ONE.speedup_over(other)
    assert ONE.speedup_over(other, across=name) == ONE.speedup_over(other, across=CONDITIONS) == 1
    with pytest.raises(ValueError, match="across"):
        ONE.speedup_over(other, across="batch" if name != "batch" else "threads")


def test_only_conditions_may_differ_on_purpose():
    with pytest.raises(ValueError, match="across must name conditions .*got 'median'"):
        ONE.speedup_over(ONE, across="median")
    with pytest.raises(TypeError, match="across must be names of conditions, got 3"):
        ONE.speedup_over(ONE, across=3)
    with pytest.raises(TypeError, match="other must be a Latency, got float"):
        ONE.speedup_over(12.0)


def test_a_latency_cannot_be_changed_afterwards():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ONE.median = 1.0


def test_it_shows_its_conditions():
    assert repr(ONE) == (
        "Latency(12 ms, IQR 0.3 ms, 40 runs;\n        batch 1, 1 thread, contiguous, cpu, torch 2.9.0)"
    )


# The machine


class Known:
    """A timer that measures nothing and knows all: 9, 4 and 6 times what it is told."""

    def __init__(self, second):
        self.second, self.next = second, itertools.cycle([9, 4, 6])

    def timeit(self, number):
        took = next(self.next) * self.second
        return SimpleNamespace(median=took, times=[took], number_per_run=number)

    def blocked_autorange(self, min_run_time):
        return SimpleNamespace(times=[9 * self.second, 4 * self.second, 6 * self.second], number_per_run=2)


def test_the_limits_of_this_machine_are_those_of_the_best_runs(monkeypatch):
    def known(statement, names, threads):
        if "mm" in statement:
            return Known(0.5)
        return Known(0.25 if "add" in statement else 0.125 * names["module"].weight.numel())

    monkeypatch.setattr(timing, "_timer", known)
    roof = measure.roofline(threads=2)
    assert (roof.peak, roof.threads) == (1024**3 / 2, 2)  # these convolutions would take hours
    assert roof.bandwidth == roof.cache == 3 * 64 * 2**20  # three arrays of 64 MB in a second
    with pytest.raises(ValueError, match="threads must be a positive integer"):
        measure.roofline(threads=0)


def test_a_convolution_that_is_faster_than_the_matrix_product_lifts_the_roof(monkeypatch):
    def known(statement, names, threads):
        return Known(0.01 if statement == "module(x)" else 1)

    monkeypatch.setattr(timing, "_timer", known)
    assert measure.roofline().peak == max(layer.macs for layer in timing.FAST) / 0.04


def test_the_limits_are_measured_on_what_they_say(monkeypatch):
    asked = []

    def run(statement, names, threads):
        exec(statement, names)
        if statement == "module(x)":
            conv, x = names["module"], names["x"]
            formats = [name for name, it in timing.MEMORY_FORMATS.items() if x.is_contiguous(memory_format=it)]
            assert conv.weight.shape[2:] == (1, 1) or conv.weight.is_contiguous(
                memory_format=timing.MEMORY_FORMATS[formats[0]]
            )
            asked.append((tuple(x.shape), *formats))
        else:
            assert names["c"].unique().tolist() == [1024 if "mm" in statement else 2]  # it wrote where it was told to
            asked.append({name: tuple(names[name].shape) for name in "abc"})
        return Known(1)

    monkeypatch.setattr(timing, "_timer", run)
    measure.roofline()
    shapes = [(1, layer.in_channels, *layer.in_size) for layer in timing.FAST]
    arrays = [dict.fromkeys("abc", (numbers,)) for numbers in (2**24, *timing.SMALL)]
    assert asked == [
        dict.fromkeys("abc", (1024, 1024)),
        *((shape, name) for shape in shapes for name in ("contiguous", "channels_last")),
        *arrays,
    ]


def test_a_latency_is_the_middle_of_all_rounds_in_milliseconds(monkeypatch):
    monkeypatch.setattr(timing, "_timer", lambda statement, names, threads: Known(names["module"].ms / 1000))
    took = measure.latencies({"slow": (Slept(8), (1, 1)), "fast": (Slept(1), (3, 1))})
    assert [each.median for each in took.values()] == pytest.approx([48, 6])
    assert [each.iqr for each in took.values()] == pytest.approx([40, 5])
    assert [each.runs for each in took.values()] == [30, 30]


def test_what_is_fast_is_measured_in_blocks_that_fill_its_rounds(monkeypatch):
    monkeypatch.setattr(timing, "_timer", lambda statement, names, threads: Known(1e-4))
    took = measure.latency(nn.Identity(), (1, 1), seconds=0.5)
    assert took.median == pytest.approx(0.6)
    assert took.runs == ROUNDS * BLOCKS * math.ceil(0.5 / ROUNDS / BLOCKS / 9e-4)


@pytest.mark.parametrize("ms", [0.05, 0.4, 0.7])
def test_measuring_takes_about_the_seconds_asked_for(monkeypatch, ms):
    """Where the length of the blocks is found by tens, and again in each round, it takes many times as long."""
    now = 0.0

    def waits(x):
        nonlocal now
        now += ms / 1000
        return x

    # A clock that only the measured function moves: the test says the same on a busy machine.
    timer = partial(Timer, timer=lambda: now)
    monkeypatch.setattr(timing, "_timer", lambda statement, names, threads: timer(statement, globals=names))
    measure.latency(waits, (1, 1), seconds=0.1)
    assert 0.1 <= now < 0.3
