"""Writes the ONNX files that the built pages fetch, and what three figures carry.

``python -m mobilenet_lib.explorables.export`` writes them. They are committed, because the same network gives the same
bytes: a test exports them again and compares.
"""

from __future__ import annotations

import base64
import json
import math
from typing import cast

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
    from ..topics import shipping, training
    from . import break_network, digit_canvas, latency_lab
    from .rounded_weights import FILE

    timed = latency_lab.timed()
    found = {
        latency_lab.file_of(name): with_equal_weights(shipping.to_onnx(module, timed[name].shape))
        for name, module in latency_lab.modules().items()
    }
    for name, reader in digit_canvas.READERS.items():
        model = shipping.to_onnx(training.trained(name), digit_canvas.SHAPE, features=[reader.part])
        found[digit_canvas.file_of(name)] = model
    found[digit_canvas.EXAMPLES.name] = (json.dumps(digits(), indent=1) + "\n").encode()
    found[FILE.name] = (json.dumps(rounded_weights(), indent=1) + "\n").encode()
    found[break_network.FILE.name] = (json.dumps(break_network.stored()) + "\n").encode()
    return found


def digits() -> dict:
    """Return what the trained networks say of the test set: of some images, and how many of all they read right.

    The images are the first of each digit, and the first one that some network misreads of every second digit.

    Examples
    --------
    >>> found = digits()
    >>> [example["label"] for example in found["examples"] if not example["hard"]]
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    import torch

    from ..topics import training
    from .digit_canvas import READERS

    images, labels = training.digits("test")
    networks = {name: training.trained(name) for name in READERS}
    with torch.inference_mode():
        shares = {name: network(images).softmax(dim=1) for name, network in networks.items()}
    right = {name: each.argmax(dim=1) == labels for name, each in shares.items()}
    misread = ~torch.stack([*right.values()]).all(dim=0)
    first = [int((labels == digit).nonzero()[0]) for digit in range(10)]
    hard = [int(found[0]) for digit in range(0, 10, 2) if len(found := (misread & (labels == digit)).nonzero())]
    examples = [
        {
            "label": int(labels[index]),
            "hard": index in hard,
            "pixels": base64.b64encode((255 * images[index]).round().byte().numpy().tobytes()).decode(),
            "shares": {name: [round(share, 5) for share in shares[name][index].tolist()] for name in networks},
        }
        for index in [*first, *hard]
    ]
    accuracy = {name: 100 * int(each.sum()) / len(labels) for name, each in right.items()}
    return {"accuracy": accuracy, "examples": examples}


def rounded_weights() -> dict:
    """Return what the figure about few bits shows: weights of the trained MobileNetV2, and how equalizing scales them.

    Each weight is a share of the largest of its channel. Equalizing multiplies the output channels by factors, or the
    input channels: ``axis`` says which.
    """
    import torch

    from ..models import MobileNetV2
    from ..topics import few_bits, pretrained, shipping
    from .rounded_weights import FINE, LAYERS

    network = cast(MobileNetV2, shipping.fold(pretrained.from_torchvision(weights="IMAGENET1K_V1")))
    equal, found = few_bits.equalize(network), {}
    for name in LAYERS:
        weight, after = (each.get_parameter(f"{name}.0.weight").detach().flatten(1) for each in (network, equal))
        largest = weight.abs().amax(1, keepdim=True)
        shares = (FINE * weight / largest).round().to(torch.int16).numpy().astype("<i2")
        axis = None if torch.equal(weight, after) else 0 if name.endswith("depthwise") else 1
        factors = [] if axis is None else (after.norm(dim=1 - axis) / weight.norm(dim=1 - axis)).tolist()
        found[name] = {
            "largest": [float(f"{value:.6g}") for value in largest.flatten().tolist()],
            "weights": base64.b64encode(shares.tobytes()).decode(),
            "axis": axis,
            "factors": [float(f"{factor:.6g}") for factor in factors],
        }
    return found


def main() -> None:
    """Write the files."""
    for name, content in files().items():
        path = DATA / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        print(f"{path}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
