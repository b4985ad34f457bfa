"""Which of PyTorch's operators are convolutions and matrix products, and how many MACs each call of them takes.

These are what :func:`~mobilenet_lib.measure.macs` counts, and nothing else: a new normalisation, activation or way of
resizing needs no line here. fvcore knows most of them; it does not know attention, a convolution whose padding is a
word, recurrent layers or a product with a vector, and takes a broadcast matrix for a single one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

Handle = Callable[[Sequence[Any], Sequence[Any]], Any]  # of one call: inputs and outputs in a trace


def _shape(value: Any) -> list[int]:
    return value.type().sizes()


def _tensors(value: Any) -> list[Any]:
    """Return the tensors of a list in a trace; of anything else, none."""
    node = value.node()
    return [each for each in node.inputs() if each.isCompleteTensor()] if node.kind() == "prim::ListConstruct" else []


def _named(name: str, handle: Handle) -> Handle:
    """Book a handle's count under another name than the operator's, as fvcore books `_convolution` under "conv"."""
    return lambda inputs, outputs: {name: handle(inputs, outputs)}


def _convolution(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """Each output takes one weight of a filter after the other; transposed, each input gives to all of them."""
    x, weight = _shape(inputs[0]), _shape(inputs[1])
    transposed = inputs[6].toIValue() if len(inputs) > 7 else False  # the shorter form, padding by a word, never is
    return math.prod(x if transposed else _shape(outputs[0])) * math.prod(weight[1:])


def _deformable(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    return math.prod(_shape(outputs[0])) * math.prod(_shape(inputs[1])[1:])


def _linear(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    return math.prod(_shape(outputs[0])) * _shape(inputs[1])[-1]


def _product(first: int) -> Handle:
    """Each output is a sum over the last dimension of the left factor; `first` says which input that is."""
    return lambda inputs, outputs: math.prod(_shape(outputs[0])) * _shape(inputs[first])[-1]


def _summed_products(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    return math.prod(_shape(inputs[1])) * _shape(inputs[2])[-1]


def _tensordot(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    # What is summed over is in both factors and not in the result, what is left over in one factor and the result.
    return math.isqrt(math.prod(math.prod(_shape(each)) for each in (*inputs[:2], outputs[0])))


def _attention(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """Queries times keys, and what comes of it times values, masked or not."""
    query, key, out = _shape(inputs[0]), _shape(inputs[1]), _shape(outputs[0])
    return math.prod(out[:-1]) * key[-2] * (query[-1] + out[-1])


def _recurrent(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """Each step multiplies with every matrix of weights once."""
    weights = next(filter(None, map(_tensors, reversed(inputs))))
    return _steps(inputs[0]) * sum(math.prod(shape) for shape in map(_shape, weights) if len(shape) == 2)


def _recurrent_cell(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    return _steps(inputs[0]) * sum(math.prod(_shape(weight)) for weight in inputs[2:4])


def _steps(x: Any) -> int:
    return math.prod(_shape(x)[:-1])


def _taken_apart(call: Callable[..., object], given: Sequence[Any]) -> int:
    """Let torch take an operator apart, on tensors without numbers, and count the products that it is made of."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        call(*(torch.empty(_shape(each), device="meta") for each in given))
    return counter.get_total_flops() // 2


def _einsum(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    equation = inputs[0].toIValue()
    return _taken_apart(lambda *factors: torch.einsum(equation, *factors), _tensors(inputs[1]))


def _multi_dot(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    return _taken_apart(lambda *factors: torch.linalg.multi_dot(factors), _tensors(inputs[0]))


def _handles() -> Iterator[tuple[str, Handle]]:
    yield "aten::_convolution", _named("conv", _convolution)
    yield "aten::_convolution_mode", _named("conv", _convolution)
    yield "torchvision::deform_conv2d", _named("conv", _deformable)
    yield "aten::linear", _linear
    for name in ("mm", "bmm", "matmul", "mv", "dot", "vdot", "inner"):
        yield f"aten::{name}", _product(0)
    for name in ("addmm", "addmv", "baddbmm"):
        yield f"aten::{name}", _product(1)
        yield f"aten::{name}_", _named(name, _product(1))
    yield "aten::addbmm", _summed_products
    yield "aten::einsum", _einsum
    yield "aten::tensordot", _tensordot
    yield "aten::linalg_multi_dot", _multi_dot
    yield "aten::chain_matmul", _multi_dot
    yield "aten::scaled_dot_product_attention", _attention
    for name in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
        yield f"aten::{name}", _recurrent
        yield f"aten::{name}_cell", _recurrent_cell


HANDLES = dict(_handles())
