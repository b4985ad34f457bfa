"""Every check meets right answers in every disguise, and monsters: each ends in one sentence, and none in a traceback.

A function that never ends is not among them: whoever runs a cell can interrupt it, and a check obeys.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import re
import sys
from collections import deque
from decimal import Decimal
from fractions import Fraction
from numbers import Integral

import numpy as np
import pytest
import sympy
import torch
from torch import nn

from checks.shared import MyInvertedResidual, MySeparable
from checks.test_chapter_08 import FOUND
from checks.test_chapter_11 import MySqueezeExcite
from checks.test_every_check import CHECKS, HALF_WRITTEN, NUMBERS, RIGHT, WRONG
from mobilenet_lib import checks
from mobilenet_lib.checks import chapter_08, verdicts

BLOCKS = {"check_separable", "check_inverted_residual", "check_squeeze_excite"}
NUMBERLESS = BLOCKS | {"check_row", "check_network", "check_same_as_timm"}  # what these functions return holds none
every_check = pytest.mark.parametrize("name", CHECKS)


@pytest.fixture(autouse=True)
def a_hunt_that_is_quick(monkeypatch):
    """Building timm's networks for each monster takes minutes; that the treasures are there is tested elsewhere."""
    monkeypatch.setattr(chapter_08, "treasures", lambda: FOUND)


# Right answers in disguise


class Index:
    """An integer of a library that nobody knows."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


class Float(Index):
    """A number of such a library."""

    __index__ = None

    def __float__(self):
        return float(self.value)


def exact(kind):
    """Return a disguise for integers only."""
    return lambda value: kind(value) if isinstance(value, int) else value


def finite(kind):
    """Return a disguise for the numbers that its type can hold."""

    def disguise(value):
        with np.errstate(over="ignore"):
            hidden = kind(value)
        return hidden if math.isfinite(float(hidden)) else value

    return disguise


def tensor(dtype, shape=()):
    return lambda value: torch.full(shape, value, dtype=dtype)


DISGUISES = {
    "float": float,
    "complex": complex,
    "Fraction": Fraction,
    "Decimal": Decimal,
    "sympy number": sympy.sympify,
    "sympy expression": lambda value: sympy.sqrt(sympy.Rational(value) ** 2, evaluate=False),
    "sympy float": sympy.Float,
    "index": exact(Index),
    "float protocol": Float,
    **{f"np.{kind.__name__}": exact(kind) for kind in (np.int32, np.int64, np.uint32, np.uint64)},
    **{f"np.{kind.__name__}": finite(kind) for kind in (np.float16, np.float32, np.float64, np.longdouble)},
    "np.complex64": np.complex64,
    "array of none": np.array,
    "array of one": lambda value: np.array([value]),
    "array of an object": lambda value: np.array(Fraction(value)),
    "torch.int64": exact(tensor(torch.int64)),
    "torch.int32": exact(tensor(torch.int32)),
    **{str(dtype): finite(tensor(dtype)) for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64)},
    "torch.complex64": tensor(torch.complex64),
    "tensor of one": tensor(torch.float32, (1, 1)),
    "tensor with a gradient": lambda value: torch.tensor(float(value), requires_grad=True),
    "float that was a float32": lambda value: torch.tensor(float(value)).item(),
}


def is_number(thing):
    return isinstance(thing, (int, float, Fraction, np.generic)) and not isinstance(thing, (bool, np.bool_))


def in_disguise(thing, disguise):
    """Return an answer with each of its numbers in disguise: those in rows and dicts, and what a function returns."""
    if is_number(thing):
        plain = int(thing) if isinstance(thing, Integral) else float(thing)
        return disguise(plain) if math.isfinite(plain) else plain
    if isinstance(thing, (list, tuple)):
        return [in_disguise(each, disguise) for each in thing]
    if isinstance(thing, dict):
        return {key: in_disguise(each, disguise) for key, each in thing.items()}
    if callable(thing) and not isinstance(thing, (type, nn.Module)):
        return lambda *args: in_disguise(thing(*args), disguise)
    return thing


def judged(name, answers):
    """Return how a check ends."""
    try:
        getattr(checks, name)(*answers)
    except checks.CheckFailed as failed:
        return str(failed)
    return "passed"


def judged_in_disguise(name, answers, kinds):
    """Yield how a check ends with each disguise; with the first one alone, where no number is there to wear it."""
    for kind in kinds:
        worn = []

        def disguise(value, kind=kind, worn=worn):
            worn.append(value)
            return DISGUISES[kind](value)

        yield kind, judged(name, in_disguise(answers, disguise))
        if not worn:
            return


# Only whole numbers are right there, and a check says so to a float.
FLOATS = {"float", "np.float64", "float that was a float32"}


@every_check
def test_a_right_answer_passes_in_every_disguise(capsys, name):
    answered = [answers for each, answers in RIGHT if each == name and name not in NUMBERLESS]
    for answers in answered:
        for kind, said in judged_in_disguise(name, answers, DISGUISES):
            if name == "check_padding" and kind in FLOATS:
                assert "they are floats" in said
            else:
                assert said == "passed", kind
                assert capsys.readouterr().out.startswith("right: "), kind


@every_check
def test_a_wrong_answer_fails_in_every_exact_disguise(name):
    wrong = [answers for answers, words in WRONG[name] if name not in NUMBERLESS and words != "they are floats"]
    kinds = ("Fraction", "sympy number", "np.float32", "torch.float32", "index", "float protocol")
    for answers in wrong:
        for kind, said in judged_in_disguise(name, answers, kinds):
            assert said != "passed", (kind, answers)
            assert_a_sentence(said)


TRUTHS = {
    "np.bool_": np.bool_,
    "tensor": torch.tensor,
    "array": lambda truth: np.array([truth]),
    "sympy": sympy.sympify,
    "integer": int,
    "float": float,
    "tensor of integers": lambda truth: torch.tensor(int(truth)),
}


@pytest.mark.parametrize("kind", TRUTHS)
def test_a_right_truth_passes_in_disguise(capsys, kind):
    checks.check_residual_rule(lambda i, o, s: TRUTHS[kind](s == 1 and i == o))
    assert capsys.readouterr().out.startswith("right: ")
    checks.check_hunt(FOUND | {"v1_skip": TRUTHS[kind](False)} if "tensor" == kind else FOUND)


SHAPES = {
    "array": np.array,
    "tensor": torch.tensor,
    "tuple": lambda rows: tuple(map(tuple, rows)),
    "iterator of iterators": lambda rows: map(iter, rows),
    "generator": lambda rows: (iter(row) for row in rows),
    "deque": deque,
}


def reshaped(answer, shape):
    return (lambda *args: shape(list(answer(*args)))) if callable(answer) else shape(answer)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["check_v1_blocks", "check_table2", "check_stride_walk"])
def test_right_rows_pass_in_any_shape(capsys, name, shape):
    for answers in (answers for each, answers in RIGHT if each == name):
        (answer,) = answers
        getattr(checks, name)(reshaped(answer, SHAPES[shape]))
        assert capsys.readouterr().out.startswith("right: ")


FUNCTIONS = [(name, answers) for name, answers in RIGHT if inspect.isfunction(answers[0])]


class Callable:
    def __init__(self, function):
        self.function = function

    def __call__(self, *args):
        return self.function(*args)


def spoiling(function):
    """Change or use up all arguments but tensors: those the checks want back as they were."""

    def spoil(*args):
        result = function(*args)
        result = list(result) if inspect.isgenerator(result) else result
        for arg in args:
            if isinstance(arg, list):
                arg.clear()
            elif isinstance(arg, nn.Module):
                for parameter in arg.parameters():
                    parameter.data = parameter.data * 0
                arg.stride, arg.eps, arg.bias = (9, 9), 7.0, None
        return result

    return spoil


def noisy(function):
    def shout(*args):
        print("in between")
        return function(*args)

    return shout


@pytest.mark.parametrize("dress", [Callable, functools.partial, spoiling, noisy], ids=lambda dress: dress.__name__)
@pytest.mark.parametrize("name", dict.fromkeys(name for name, _ in FUNCTIONS))
def test_a_right_function_passes_whatever_else_it_does(capsys, name, dress):
    if name == "check_freeze" and dress is spoiling:
        return  # what it is given is what it returns: spoiled, it is no right answer
    for function, *others in (answers for each, answers in FUNCTIONS if each == name):
        getattr(checks, name)(dress(function), *others)
        noise, verdict, why = f"\n{capsys.readouterr().out}".rpartition("\nright: ")
        assert verdict and f"right: {why}" == f"{checks.in_lines(f'right: {why}')}\n", function
        assert set(noise.split("\n")) <= {"in between", ""}, function


class OtherNames(nn.Module):
    """A separable block with names that mean something else in a module."""

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.train, self.name, self.type = "slowly", "separable", 1
        first = nn.Conv2d(in_channels, in_channels, 3, stride, 1, groups=in_channels, bias=False)
        self.steps = nn.ModuleDict({"a": first, "b": nn.BatchNorm2d(in_channels)})
        self.more = nn.ModuleList([nn.LazyConv2d(out_channels, 1, bias=False), nn.LazyBatchNorm2d()])

    def forward(self, x):
        x = self.steps["b"](self.steps["a"](x)).clamp_(0, 6)
        return self.more[1](self.more[0](x)).clamp_(0, 6).double()


class HalfSeparable(MySeparable):
    def forward(self, x):
        return super().forward(x).to(torch.bfloat16)


@pytest.mark.parametrize("block", [OtherNames, HalfSeparable])
def test_a_right_block_passes_whatever_its_names_and_its_type(capsys, block):
    checks.check_separable(block)
    assert capsys.readouterr().out.startswith("right: ")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.complex64])
@pytest.mark.parametrize("name", ["check_hard_sigmoid", "check_fold", "check_rounding"])
def test_a_right_tensor_passes_in_any_type(capsys, name, dtype):
    for answers in (answers for each, answers in RIGHT if each == name):

        def of_type(*args, function=answers[0]):
            result = function(*args)
            return result.to(dtype) if isinstance(result, torch.Tensor) else tuple(each.to(dtype) for each in result)

        getattr(checks, name)(of_type)
        assert capsys.readouterr().out.startswith("right: ")


# Monsters


class Hostile:
    """An object that wants nothing to do with anybody."""

    def refuse(self, *args):
        raise RuntimeError("leave me\n  alone")

    __eq__ = __repr__ = __str__ = __float__ = __index__ = __iter__ = __len__ = __bool__ = __lt__ = __gt__ = refuse
    __hash__ = __getitem__ = __contains__ = refuse


class HostileError(Exception):
    def __str__(self):
        raise ValueError


class Unheard(BaseException):
    pass


def knot():
    rows = []
    rows.append(rows)
    return rows


async def later(*args):
    return 1


VALUES = {
    "digits": lambda: "864",
    "bytes": lambda: b"864",
    "no digits": lambda: "",
    "NumPy text": lambda: np.str_("864"),
    "text in an array": lambda: np.array("864"),
    "truth": lambda: True,
    "NumPy truth": lambda: np.True_,
    "tensor of a truth": lambda: torch.tensor(True),
    "list of one": lambda: [864],
    "vector": lambda: np.array([864, 1]),
    "tensor": lambda: torch.zeros(2, 3),
    "empty tensor": lambda: torch.empty(0),
    "nowhere": lambda: torch.zeros((), device="meta"),
    "dates": lambda: np.array(["2020-01-01"], dtype="datetime64[D]"),
    "span": lambda: np.timedelta64(864, "s"),
    "structure": lambda: np.zeros(1, dtype=[("a", int)]),
    "set": lambda: {864},
    "dict": lambda: {"a": 1},
    "nan": lambda: math.nan,
    "infinity": lambda: -math.inf,
    "Decimal nan": lambda: Decimal("NaN"),
    "Decimal that signals": lambda: Decimal("sNaN"),
    "large Decimal": lambda: Decimal("1e999999"),
    "large": lambda: 10**400,
    "larger": lambda: -(10**5000),
    "large float": lambda: 1e308,
    "large Fraction": lambda: Fraction(10**400, 3),
    "large sympy": lambda: sympy.Integer(10) ** 400 / 7,
    "symbol": lambda: sympy.Symbol("x"),
    "sympy infinity": lambda: sympy.oo,
    "sympy nan": lambda: sympy.nan,
    "zoo": lambda: sympy.zoo,
    "matrix": lambda: sympy.eye(2),
    "imaginary": lambda: 1j,
    "sympy imaginary": lambda: sympy.I,
    "range": lambda: range(3),
    "without end": itertools.count,
    "rows without end": lambda: itertools.repeat((1, 2, 3)),
    "rows of rows": lambda: [[[1]]],
    "knot": knot,
    "letters": lambda: ["abc", "def"],
    "object": object,
    "class": lambda: int,
    "module": lambda: math,
    "layer": lambda: nn.Linear(1, 1),
    "memory": lambda: memoryview(b"864"),
    "an error": lambda: ValueError("no"),
    "long": lambda: ["many words " * 1000],
    "hostile": Hostile,
    "hostile row": lambda: [Hostile()],
    "hostile pair": lambda: (Hostile(), Hostile()),
}
HOSTILE = {"hostile", "hostile row", "hostile pair"}


def raising(error):
    def stop(*args, **named):
        raise error

    return stop


def forever(*args):
    return forever(*args)


def breaking(*args):
    yield 1
    raise RuntimeError("in the middle")


FAULTS = {
    "raises": raising(ValueError("no\nreally not.")),
    "asserts": raising(AssertionError()),
    "exits": lambda *args: sys.exit(),
    "exits with words": raising(SystemExit("good  bye")),
    "stops an iteration": raising(StopIteration),
    "closes a generator": raising(GeneratorExit),
    "raises what nobody catches": raising(Unheard("far\tbelow")),
    "raises what cannot be printed": raising(HostileError()),
    "raises many words": raising(KeyError("many words " * 1000)),
    "recurses": forever,
    "takes nothing": lambda: 1,
    "takes names only": lambda *, a: a,
    "breaks in the middle": breaking,
    "is for later": later,
    "gives itself": lambda *args: forever,
}


def assert_a_sentence(said):
    assert "\n" not in said and "  " not in said and "\t" not in said
    assert said[-1] in ".?!" and len(said) < 700
    assert "Traceback" not in said


def check_ends_well(capsys, name, answers, monster):
    """Assert that a wrong answer gets a hint or "not yet", and that neither is the solution."""
    said = judged(name, answers)
    printed = capsys.readouterr().out
    if said == "passed":
        assert printed.startswith("not yet: ") and printed == f"{checks.in_lines(printed)}\n", monster
    else:
        assert_a_sentence(said)
        assert monster in HOSTILE or "cannot be read" not in said, monster
    numbers = re.findall(r"\d+\.\d+|\d+", (said + printed).replace(",", ""))
    assert not {str(number) for number in NUMBERS.get(name, ())} & set(numbers), monster


def parameters(name):
    return len(inspect.signature(getattr(checks, name)).parameters)


@every_check
def test_no_answer_ends_in_a_traceback(capsys, name):
    for value, monster in VALUES.items():
        check_ends_well(capsys, name, [monster() for _ in range(parameters(name))], value)


@every_check
def test_no_result_of_a_function_ends_in_a_traceback(capsys, name):
    for value, monster in VALUES.items():
        function = lambda *args, monster=monster: monster()  # noqa: E731
        check_ends_well(capsys, name, [function] * parameters(name), value)


@every_check
def test_no_fault_of_a_function_ends_in_a_traceback(capsys, name):
    for fault, function in FAULTS.items():
        check_ends_well(capsys, name, [function] * parameters(name), fault)


@pytest.mark.parametrize("value", VALUES)
def test_no_value_in_a_dict_or_a_row_ends_in_a_traceback(capsys, value):
    monster = VALUES[value]
    for key in chapter_08.DECODED:
        decoded = {**dict.fromkeys(chapter_08.DECODED, 1), "block": "ds", key: monster()}
        check_ends_well(capsys, "check_decoder", [lambda string, decoded=decoded: decoded], value)
    for key in FOUND:
        check_ends_well(capsys, "check_hunt", [FOUND | {key: monster()}], value)
    check_ends_well(capsys, "check_v1_blocks", [[(monster(), 64, 1)]], value)
    check_ends_well(capsys, "check_peak", [(monster(), 5)], value)
    check_ends_well(capsys, "check_peak", [(1, monster())], value)


def block_that(fault, where):
    """Return a block that does something in its __init__ or its forward."""

    class Block(nn.Module):
        def __init__(self, *args, **named):
            super().__init__()
            if where == "__init__":
                fault()

        def forward(self, x):
            return fault(x)

    return Block


@pytest.mark.parametrize("where", ["__init__", "forward"])
@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_no_block_ends_in_a_traceback(capsys, name, where):
    for fault, function in FAULTS.items():
        if fault != "is for later":
            check_ends_well(capsys, name, [block_that(function, where)], fault)


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_no_output_of_a_block_ends_in_a_traceback(capsys, name):
    for value, monster in VALUES.items():
        check_ends_well(capsys, name, [block_that(lambda *args, monster=monster: monster(), "forward")], value)


RIGHT_BLOCKS = {
    "check_separable": MySeparable,
    "check_inverted_residual": MyInvertedResidual,
    "check_squeeze_excite": MySqueezeExcite,
}


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_a_block_that_fails_in_train_mode_only_is_told_so(name):
    class Moody(RIGHT_BLOCKS[name]):
        def forward(self, x):
            if self.training:
                sys.exit("not today")
            return super().forward(x)

    assert judged(name, [Moody]).endswith("stops with SystemExit: not today.")


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_a_class_that_builds_something_else_is_told_so(name):
    class Number(nn.Module):
        def __new__(cls, *args, **named):
            return 7

        def __init__(self, *args, **named): ...

        def forward(self, x): ...

    assert "should be a module, and is a int" in judged(name, [Number])


# What a function does around its result


NUMBER_FUNCTIONS = {name: answers[0] for name, answers in RIGHT if inspect.isfunction(answers[0])}


@pytest.mark.parametrize("name", NUMBER_FUNCTIONS)
@pytest.mark.parametrize("place", [0, 1])
def test_a_function_that_forgets_a_return_is_told_for_what(capsys, name, place):
    if name in ("check_v1_blocks", "check_freeze", "check_same_as_timm") and place:
        return  # it is called once
    calls = []

    def forgetful(*args):
        calls.append(args)
        return None if (len(calls) - 1) % 3 == place else NUMBER_FUNCTIONS[name](*args)

    said = judged(name, [forgetful])
    at_a_time = {"check_hard_sigmoid", "check_fold", "check_rounding", "check_v1_blocks"}  # a tensor
    if name in at_a_time | {"check_groups", "check_freeze", "check_changed", "check_same_as_timm"}:  # or a network
        assert "Your function returns nothing" in said and said.endswith(" End it with return.")
    else:
        assert "Your function returns nothing for " in said and said.endswith("Is there a return for every case?")


@pytest.mark.parametrize("name", NUMBER_FUNCTIONS)
def test_a_function_that_prints_its_result_is_told_to_return_it(capsys, name):
    said = judged(name, [lambda *args: print("here")])
    assert said.endswith("Your function prints something and returns nothing. End it with return.")
    assert capsys.readouterr().out == "here\n"


def test_a_reader_who_interrupts_a_cell_is_obeyed():
    with pytest.raises(KeyboardInterrupt):
        checks.check_padding(raising(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        checks.check_separable(block_that(raising(KeyboardInterrupt), "forward"))


def test_a_hint_shortens_what_is_long_and_survives_what_cannot_be_shown():
    assert verdicts.shown([1] * 1000).endswith(" ...")
    assert verdicts.shown(Hostile()) == "a Hostile"
    assert verdicts.sentence(HostileError()) == "HostileError."
    assert "an integer of 401 digits" in judged("check_seeds", [lambda s, h, t: 10**400 + int(9 * s)])


def test_what_is_not_yet_written_is_so_in_any_dress(capsys):
    for name, answers, words in HALF_WRITTEN:
        if inspect.isfunction(answers[0]) and "NotImplementedError" not in words:
            getattr(checks, name)(Callable(answers[0]))
            assert capsys.readouterr().out.startswith("not yet: ")
