"""Draw a digit: three small trained networks of equal cost read what the reader draws, side by side."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

import traitlets

from .. import cost
from .kit import Choice
from .runtime import DATA, Runtime, size_of

if TYPE_CHECKING:
    from torch import Tensor, nn

SIDE = 28
SHAPE = (1, 1, SIDE, SIDE)
EXAMPLES = DATA / "digit_examples.json"


class Reader(NamedTuple):
    """One of the networks: its name, its colour, and the part of it whose maps are shown."""

    label: str
    role: str
    part: str
    maps: str


READERS = {
    "standard": Reader("standard", "standard", "blocks.0", "of the first block, which has no depthwise convolution"),
    "separable": Reader("separable", "depthwise", "blocks.0.depthwise", "of the first depthwise convolution"),
    "inverted": Reader("inverted residual", "expansion", "blocks.0.depthwise", "of the first depthwise convolution"),
}


class DigitCanvas(Runtime):
    """Draw a digit, and three trained twins say what it is, with probabilities, MACs, milliseconds and maps.

    Parameters
    ----------
    network : {"standard", "separable", "inverted"}, default="separable"
        Whose maps are shown, and whose MACs are counted.

    Raises
    ------
    traitlets.TraitError
        If there is no such network.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    Built page: ONNX Runtime Web, WebAssembly, one thread, downloaded at the first press. Notebook: PyTorch answers. A
    drawing becomes an image like those the networks were trained on: scaled to fit 20x20 pixels, grey where the pen
    covers a pixel in part, and shifted by whole pixels until its centre of mass lies on pixel (14, 14) of 28x28.

    The files and the examples are written by ``python -m mobilenet_lib.explorables.export``.

    References
    ----------
    LeCun et al. 1998, "Gradient-based learning applied to document recognition", section III: MNIST and how its images
    were made.

    Examples
    --------
    >>> canvas = DigitCanvas(network="inverted")
    >>> canvas.measured["macs"] == cost.total(canvas.layers()).macs
    True
    """

    network = Choice("separable", list(READERS), help="whose maps are shown, and whose MACs are counted")
    readers = traitlets.List(help="the networks").tag(sync=True)
    examples = traitlets.List(help="digits of the test set, and what PyTorch says of them").tag(sync=True)

    def __init__(self, **values: object):
        stored = json.loads(EXAMPLES.read_text(encoding="utf8"))
        readers = []
        for name, reader in READERS.items():
            layers = layers_of(name)
            channels = next(layer.out_channels for layer in layers if layer.name == reader.part)
            about = {**asdict(cost.total(layers)), "accuracy": stored["accuracy"][name], "channels": channels}
            readers.append({"name": name, **reader._asdict(), **about, "file": file_of(name), "shape": list(SHAPE)})
        files = {reader["file"]: size_of(reader["file"]) for reader in readers}
        super().__init__(**{"readers": readers, "examples": stored["examples"], "files": files, **values})

    def layers(self) -> list[cost.Layer]:
        """Return the layers of the chosen network."""
        return layers_of(self.network)

    def numbers(self) -> list[dict[str, object]]:
        """Return what the networks say of the first digit: the probability of each."""
        shares = self.examples[FIRST]["shares"]
        return [
            {"digit": digit, **{reader["label"]: 100 * shares[reader["name"]][digit] for reader in self.readers}}
            for digit in range(10)
        ]

    def measure_state(self) -> int:
        """Count the MACs of the chosen network, the trained one, with fvcore."""
        from .. import measure
        from ..topics import training

        return measure.macs(training.trained(self.network), SHAPE)

    def runner(self, name: str) -> tuple[nn.Module, str]:
        """Return a trained network in PyTorch."""
        import torch

        from ..topics import training

        return training.trained(name), f"PyTorch {torch.__version__.partition('+')[0]}"

    def outputs(self, name: str, network: nn.Module, image: Tensor) -> dict[str, Tensor]:
        """Return the scores, and the maps of the part that is shown."""
        part, found = READERS[name].part, {}
        # A copy, since what comes next may write in place.
        keep = network.get_submodule(part).register_forward_hook(lambda *about: found.update({part: about[2].clone()}))
        try:
            return {"output": network(image), **found}
        finally:
            keep.remove()


ROLES = {"conv1": "expansion", "conv2": "projection"}  # the other parts are called what they are


def layers_of(name: str) -> list[cost.Layer]:
    """Return the layers of one of the twins on 28x28 pixels, from the closed forms.

    Examples
    --------
    >>> [layer.name for layer in layers_of("inverted")][:4]
    ['stem', 'blocks.0.conv1', 'blocks.0.depthwise', 'blocks.0.conv2']
    """
    from torch import nn

    from ..topics import training

    network, layers = training.twin(name), []
    for path, conv in network.named_modules():
        if isinstance(conv, nn.Conv2d):  # one behind the other; the shortcuts have none
            where = path.rpartition(".")[0]
            part = where.rpartition(".")[2]
            role = ROLES.get(part, part if part in ("depthwise", "pointwise") else "standard")
            size = layers[-1].out_size if layers else SIDE
            ends = conv.in_channels, conv.out_channels
            kernel, stride = conv.kernel_size[0], conv.stride[0]
            layers.append(cost.conv_layer(where, role, *ends, size, kernel, stride, groups=conv.groups))
    ends = network.classifier.in_features, network.classifier.out_features
    return [*layers, cost.conv_layer("classifier", "classifier", *ends, 1, norm=False, bias=True)]


def file_of(name: str) -> str:
    """Return where a network's file stands in the library's data."""
    return f"onnx/digit-{name}.onnx"


FIRST = 2  # the example that the figure starts with: a digit with a curve and a straight line
