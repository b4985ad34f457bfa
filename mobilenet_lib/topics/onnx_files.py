"""ONNX models as bytes: the packages that know them, what is one, and what does not belong into one."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

# ONNX Runtime has known this opset since 1.14, in the browser too. PyTorch's exporter writes none that is older.
OPSET = 18
IR_VERSION = 8  # the file format that came with it


def need(*names: str) -> list[Any]:
    """Import packages that not everyone has, or say how to get them."""
    found = []
    for name in names:
        try:
            found.append(import_module(name))
        except ImportError as error:
            raise ImportError(
                f"this needs {name}: pip install onnx onnxscript onnxruntime, or install the library as "
                '"mobilenet-lib[shipping]"'
            ) from error
    return found


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back what exporter, compiler and quantizer tell about their insides."""
    names = ("", "torch.onnx", "torch.utils.cpp_extension", "onnxscript", "onnx_ir")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def check_model(model: object) -> None:
    """Require the bytes of a file."""
    if not isinstance(model, bytes):
        kind = type(model).__name__
        raise TypeError(
            f"model must be the bytes of an ONNX model, got {kind}; read a file with Path(...).read_bytes()"
        )
    if not model:
        raise ValueError("model must be the bytes of an ONNX model, got b''; to_onnx(...) returns some")


def read(model: bytes) -> Any:
    """Return an ONNX model as onnx's own object."""
    check_model(model)
    (onnx,) = need("onnx")
    try:
        return onnx.load_from_string(model)
    except Exception as error:  # protobuf's, which is not ours to import
        raise ValueError(
            f"model must be an ONNX model, got {len(model):,} bytes that are none; give what to_onnx returned"
        ) from error


def plain(model: Any) -> Any:
    """Take out of an ONNX model what only describes where it comes from."""
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version, model.doc_string = "mobilenet_lib", "", ""
    graphs = [model.graph, *model.functions]
    for graph in graphs:
        graph.ClearField("value_info")
        graph.doc_string = ""
        things = [*graph.node]
        if graph is model.graph:
            things += [*graph.input, *graph.output, *graph.initializer]
            graph.name = "mobilenet_lib"
        for thing in [graph, *things]:
            thing.doc_string = ""
            thing.ClearField("metadata_props")
    model.ClearField("metadata_props")
    return model
