"""An input for somebody's module: of its dtype, and with one sentence for whoever gives a shape that does not fit."""

from contextlib import nullcontext
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from mobilenet_lib import MobileNetV2, cost, measure, shipping, specs
from mobilenet_lib.measure.probe import check_shape, place_of, probing

SHAPE = (1, 3, 32, 32)
MAKE_THEIR_OWN_INPUT = {
    "cost": measure.cost,
    "macs": measure.macs,
    "macs_by_operator": measure.macs_by_operator,
    "summary": measure.summary,
    "latency": lambda module, shape: measure.latency(module, shape, seconds=0.01),
    "saved_for_backward": measure.saved_for_backward,
    "to_onnx": shipping.to_onnx,
}
each = pytest.mark.parametrize("name", MAKE_THEIR_OWN_INPUT)


def tiny():
    """Return a whole network of three blocks."""
    return MobileNetV2(2, 0.1, spec=specs.V2_SPEC[:2])


TINY = tiny()


class Sees(nn.Module):
    """A network that writes down the dtype and the device of what it is given."""

    def __init__(self):
        super().__init__()
        self.conv, self.seen = nn.Conv2d(3, 4, 3), []

    def forward(self, x):
        self.seen.append((x.dtype, x.device.type))
        return self.conv(x)


class Exported(Exception):
    """Raised in place of an export, which takes a second."""


@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_the_input_has_the_modules_dtype(monkeypatch, name, dtype):
    def export(module, given, **options):
        module(*given)
        raise Exported

    monkeypatch.setattr(torch.onnx, "export", export)
    module = Sees().to(dtype)
    with pytest.raises(Exported) if name == "to_onnx" else nullcontext():
        MAKE_THEIR_OWN_INPUT[name](module, SHAPE)
    assert set(module.seen) == {(dtype, "cpu")}


@pytest.mark.parametrize("name", ["cost", "macs", "macs_by_operator", "summary", "latency"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_whole_network_is_measured_in_its_own_dtype(name, dtype):
    MAKE_THEIR_OWN_INPUT[name](tiny().to(dtype), SHAPE)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_the_dtype_changes_no_count(dtype):
    assert measure.cost(tiny().to(dtype), SHAPE) == measure.cost(TINY, SHAPE)


def test_dtype_and_device_are_those_of_weights_then_of_buffers_then_the_modules_word():
    norm = nn.BatchNorm2d(3, affine=False).double()  # its first buffer is of floats, its last an integer
    assert place_of(norm)["dtype"] == torch.float64
    counting = nn.Module()
    counting.register_buffer("steps", torch.zeros(1, dtype=torch.long))
    assert place_of(counting)["dtype"] == torch.float32
    counting.dtype = torch.float16
    assert place_of(counting)["dtype"] == torch.float16
    assert place_of(nn.Conv2d(3, 4, 1, device="meta"))["device"].type == "meta"
    assert place_of(torch.relu) == {"dtype": torch.float32, "device": torch.device("cpu")}


PLAIN = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())


@cache
def of_the_plain_network(name):
    return MAKE_THEIR_OWN_INPUT[name](PLAIN, SHAPE)


@each
@pytest.mark.parametrize("wrap", [nn.DataParallel, lambda module: torch.compile(module, backend="eager")])
def test_a_network_may_be_wrapped(name, wrap):
    found = MAKE_THEIR_OWN_INPUT[name](wrap(PLAIN), SHAPE)
    assert name in ("summary", "latency") or found == of_the_plain_network(name)


@pytest.mark.parametrize("name", ["cost", "macs", "macs_by_operator", "latency", "saved_for_backward", "to_onnx"])
def test_a_network_without_numbers_is_refused_with_a_remedy(name):
    module = nn.Conv2d(3, 4, 3, device="meta")
    with pytest.raises(ValueError, match=r"module must hold numbers, .*meta.*; module.to_empty\(device='cpu'\)"):
        MAKE_THEIR_OWN_INPUT[name](module, SHAPE)
    MAKE_THEIR_OWN_INPUT[name](module.to_empty(device="cpu"), SHAPE)


@each
def test_a_layer_that_waits_for_its_first_input_still_waits_for_it(name):
    module = nn.Sequential(nn.LazyConv2d(4, 3), nn.ReLU())
    with pytest.raises(ValueError, match=r"module must have all of its weights, got a LazyConv2d .*; call module\(x\)"):
        MAKE_THEIR_OWN_INPUT[name](module, SHAPE)
    assert module[0].has_uninitialized_params()
    module(torch.zeros(SHAPE))  # the remedy
    measure.cost(module, SHAPE)


@pytest.mark.parametrize("name", ["cost", "macs", "macs_by_operator", "saved_for_backward", "to_onnx"])
def test_a_scripted_network_is_refused_since_nobody_sees_what_it_does(name):
    scripted = torch.jit.script(nn.Conv2d(3, 4, 3))
    for module in (scripted, nn.Sequential(scripted)):
        with pytest.raises(TypeError, match="module must run in Python, got Conv2d of torch.jit; give the Conv2d"):
            MAKE_THEIR_OWN_INPUT[name](module, SHAPE)


class Draws(nn.Module):
    def forward(self, x):
        return x + torch.rand_like(x)


class Returns(nn.Module):
    """A network that returns what it is told, whatever its layer gives."""

    def __init__(self, result=None):
        super().__init__()
        self.conv, self.result = nn.Conv2d(3, 4, 3), result

    def forward(self, x):
        self.conv(x)
        return self.result


@pytest.mark.parametrize("name", ["cost", "macs", "macs_by_operator", "summary", "to_onnx"])
@pytest.mark.parametrize("result", [None, "done", [3, None]])
def test_a_network_that_returns_no_tensor_is_refused_and_not_counted_as_nothing(name, result):
    with pytest.raises(ValueError, match="module must return a tensor, got Returns that returns .*; end its f") as told:
        MAKE_THEIR_OWN_INPUT[name](Returns(result), SHAPE)
    assert repr(result) in str(told.value)


@pytest.mark.parametrize("name", ["cost", "macs", "macs_by_operator", "summary"])
def test_a_network_that_returns_an_object_of_its_own_is_refused_with_a_remedy(name):
    class Wraps(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return SimpleNamespace(scores=self.conv(x))

    words = r"module must be one that .*, got Wraps; give it .*tensors, lists, tuples and dicts as results; it says: "
    with pytest.raises(ValueError, match=words):
        MAKE_THEIR_OWN_INPUT[name](Wraps(), SHAPE)


def test_a_network_with_a_compiled_part_is_refused_with_a_remedy():
    with pytest.raises(ValueError, match=r"module must be one .*, got Sequential; give it without torch.compile"):
        measure.macs(nn.Sequential(torch.compile(nn.Conv2d(3, 4, 3), backend="eager"), nn.ReLU()), SHAPE)


@each
@pytest.mark.parametrize("side", [10**7, 10**12, 10**30])
def test_a_shape_that_no_machine_has_room_for_is_named(name, side):
    with pytest.raises(ValueError, match=r"input_shape must be one to make an input of, got \(1, 3, .*; give smaller"):
        MAKE_THEIR_OWN_INPUT[name](nn.Conv2d(3, 4, 3), (1, 3, side, side))


def test_an_exported_network_is_counted_though_it_knows_no_modes():
    exported = torch.export.export(PLAIN, (torch.zeros(SHAPE),)).module()
    assert measure.macs(exported, SHAPE) == measure.macs(PLAIN, SHAPE)


def test_a_part_that_is_looked_into_is_no_result():
    with pytest.raises(ValueError, match="module must return a tensor, got Returns that returns None"):
        shipping.to_onnx(Returns(), SHAPE, features=["conv"])


@pytest.mark.parametrize("name", sorted({*MAKE_THEIR_OWN_INPUT} - {"to_onnx"}))
def test_torchs_generator_is_left_as_it_was(name):
    state = torch.get_rng_state()
    MAKE_THEIR_OWN_INPUT[name](Draws(), SHAPE)
    assert torch.equal(torch.get_rng_state(), state)


def test_to_build_and_to_time_layers_draws_nothing_from_torchs_generator():
    state, layer = torch.get_rng_state(), cost.conv_layer("conv", "standard", 3, 4, 8)
    measure.time_layers([layer], seconds=0.001)
    measure.kernel_steps(layer)
    assert torch.equal(torch.get_rng_state(), state)


WRONG_SHAPES = [
    ((3, 32, 32), ValueError, "with the batch, got (3, 32, 32); write (1, 3, 32, 32)"),
    ((32, 32), ValueError, "got (32, 32)"),
    ((1, 1, 32, 32), ValueError, "got (1, 1, 32, 32)"),
    ((1, 32, 32, 3), ValueError, "got (1, 32, 32, 3)"),
    ((1, 3, 32, 32, 1), ValueError, "got (1, 3, 32, 32, 1)"),
    ((1, 3, 0, 32), ValueError, "input_shape[2] must be a positive integer, got 0"),
    ((1, 3, -4, 32), ValueError, "got -4"),
    ((1, 3, 32.0, 32), TypeError, "got 32.0"),
    ((1, 3, True, 32), TypeError, "got True"),
    ((1, 3, None, 32), TypeError, "got None"),
    ((), ValueError, "got ()"),
    (32, TypeError, "got 32"),
    (None, TypeError, "got None"),
    ("1x3x32x32", TypeError, "got '1x3x32x32'"),
    ({"height": 32}, TypeError, "got {'height': 32}"),
    (torch.zeros(SHAPE), TypeError, "got a Tensor itself; give its .shape"),
    (np.zeros(SHAPE), TypeError, "got a ndarray itself; give its .shape"),
    ([torch.zeros(3, 32, 32)], TypeError, "input_shape[0] must be a positive integer, got a Tensor"),
    ((torch.zeros(SHAPE),), TypeError, "got a Tensor"),
]


@each
@pytest.mark.parametrize(("shape", "error", "words"), WRONG_SHAPES, ids=lambda value: str(value)[:20])
def test_a_shape_that_does_not_fit_is_refused_in_one_way_by_all(name, shape, error, words):
    modes = [part.training for part in TINY.modules()]
    with pytest.raises(error) as caught:
        MAKE_THEIR_OWN_INPUT[name](TINY, shape)
    message = str(caught.value)
    assert message.startswith("input_shape") and words in message
    assert "tensor(" not in message and len(message) < 300
    assert [part.training for part in TINY.modules()] == modes


@pytest.mark.parametrize("name", ["cost", "macs", "macs_by_operator", "summary", "latency"])
@pytest.mark.parametrize("shape", [list(SHAPE), torch.zeros(SHAPE).shape, tuple(np.array(SHAPE))])
def test_a_shape_may_be_any_sequence_of_integers(name, shape):
    MAKE_THEIR_OWN_INPUT[name](nn.Conv2d(3, 4, 3), shape)


def test_what_the_module_says_stands_in_the_message():
    with pytest.raises(ValueError, match=r"input_shape .* got \(1, 5, 32, 32\); it says: x must have 3 .*got 5"):
        measure.cost(TINY, (1, 5, 32, 32))
    with pytest.raises(ValueError, match=r"input_shape .* got \(1, 4\); it says: mat1 and mat2 shapes"):
        measure.summary(nn.Linear(3, 2), (1, 4))


def test_what_fails_around_a_module_that_takes_its_input_is_not_blamed_on_the_shape():
    with pytest.raises(KeyError, match="elsewhere"), probing(nn.Identity(), (1, 2)):
        raise KeyError("elsewhere")


def test_the_one_among_many_that_refuses_is_found():
    cases = {"takes": (nn.Conv2d(3, 4, 1), SHAPE), "refuses": (nn.Conv2d(5, 4, 1), SHAPE), "too": (nn.ReLU(), (1, 1))}
    with pytest.raises(ValueError, match="input_shape .* it says: .*5 channels"):
        measure.latencies(cases, seconds=0.01)


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.Linear(8, 2), (3, 8)),
        (nn.Linear(8, 2), (2, 3, 8)),
        (nn.Conv1d(3, 4, 3), (1, 3, 16)),
        (nn.Sequential(nn.Unflatten(1, (3, 4, 4)), nn.Conv2d(3, 4, 3)), (2, 48)),
        (nn.Sequential(nn.Unflatten(1, (1, 8)), nn.Conv2d(1, 4, 3)), (2, 8, 6)),
        (nn.Identity(), (3, 32, 32)),
    ],
)
def test_what_is_no_picture_needs_not_four_sizes(module, shape):
    assert check_shape(shape, module) == shape
    measure.cost(module, shape)
