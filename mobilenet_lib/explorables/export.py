"""Writes the ONNX files that the built pages fetch: ``python -m mobilenet_lib.explorables.export``.

They are committed, because the same network gives the same bytes: a test exports them again and compares.
"""

from __future__ import annotations

import math

from .runtime import DATA


def with_equal_weights(model: bytes) -> bytes:
    """Put a constant in the place of each tensor of weights of an ONNX model.

    The file of a network that is only timed stays small: a convolution takes as long whatever its weights are, and
    ONNX Runtime writes the constants out when it opens the file. The constant is He et al.'s, 2015, so that a signal
    keeps its size from layer to layer and nothing overflows.

    Parameters
    ----------
    model : bytes
        What ``shipping.to_onnx`` returns.

    Returns
    -------
    bytes
        A model with the same operations.

    Examples
    --------
    >>> from torch import nn
    >>> from mobilenet_lib import shipping
    >>> model = shipping.to_onnx(nn.Conv2d(64, 64, 3), (1, 64, 56, 56))
    >>> len(model) // 1000, len(with_equal_weights(model)) // 1000
    (148, 0)
    """
    import onnx
    from onnx import TensorProto, helper

    parsed = onnx.load_model_from_string(model)
    kept, constants = [], []
    for tensor in parsed.graph.initializer:
        sizes = list(tensor.dims)
        if tensor.data_type != TensorProto.FLOAT or math.prod(sizes) <= 16:
            kept.append(tensor)
            continue
        value = math.sqrt(2 / math.prod(sizes[1:])) if len(sizes) > 1 else 0.0  # a bias has one dimension
        kept.append(helper.make_tensor(f"{tensor.name}.shape", TensorProto.INT64, [len(sizes)], sizes))
        fill = helper.make_tensor("value", TensorProto.FLOAT, [1], [value])
        constants.append(helper.make_node("ConstantOfShape", [kept[-1].name], [tensor.name], value=fill))
    nodes = [*constants, *parsed.graph.node]
    parsed.graph.ClearField("initializer")
    parsed.graph.ClearField("node")
    parsed.graph.initializer.extend(kept)
    parsed.graph.node.extend(nodes)
    onnx.checker.check_model(parsed, full_check=True)
    return parsed.SerializeToString(deterministic=True)


def files() -> dict[str, bytes]:
    """Return what stands in every file, by its name in the library's data."""
    from .. import shipping
    from . import latency_lab

    timed = latency_lab.timed()
    return {
        latency_lab.file_of(name): with_equal_weights(shipping.to_onnx(module, timed[name].shape))
        for name, module in latency_lab.modules().items()
    }


def main() -> None:
    """Write the files."""
    for name, content in files().items():
        path = DATA / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        print(f"{path}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
