"""EfficientNet-Lite0, read as what it is: a table of inverted residuals with ReLU6, built from the same block.

No squeeze-and-excitation and no swish, since both are slow on many phones. What is left of EfficientNet is another
table: kernels of 3 and 5, and other numbers of channels.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .._validation import from_0_to_1, instance, positive_int, shown
from ..blocks import ConvDepthwiseConv, DepthwiseProjection
from ..layers import Checked, ConvBNReLU
from ..models import check_image
from . import downloads

REMEDY = 'downloads.fetch("efficientnet_lite0") brings the right file'


class Row(NamedTuple):
    """A row of the table: like MobileNetV2's, with the size of the kernel.

    Attributes
    ----------
    t, c, n, s, k : int
        Expansion, output channels, repeats, stride of the first block, kernel size.

    Examples
    --------
    >>> SPEC[2]
    Row(t=6, c=40, n=2, s=2, k=5)
    """

    t: int
    c: int
    n: int
    s: int
    k: int


SPEC = (
    Row(1, 16, 1, 1, 3),
    Row(6, 24, 2, 2, 3),
    Row(6, 40, 2, 2, 5),
    Row(6, 80, 3, 2, 3),
    Row(6, 112, 3, 1, 5),
    Row(6, 192, 4, 2, 5),
    Row(6, 320, 1, 1, 3),
)
STEM, HEAD, EPS = 32, 1280, 1e-3


class SamePadding(nn.Module):
    """The zeros that TensorFlow puts around a map for a step of two: one more at the bottom right than at the top left.

    Parameters
    ----------
    kernel_size, stride : int
        Of the filter that follows, which must have no padding of its own.

    Shape
    -----
    (N, C, H, W) -> (N, C, H', W'), just as large that ceil(H / stride) places of the filter fit.

    Examples
    --------
    >>> SamePadding(3, 2)(torch.ones(1, 1, 2, 2))[0, 0]
    tensor([[1., 1., 0.],
            [1., 1., 0.],
            [0., 0., 0.]])
    """

    def __init__(self, kernel_size: int, stride: int):
        super().__init__()
        kernel_size, stride = positive_int(kernel_size=kernel_size, stride=stride)
        self.kernel_size, self.stride = kernel_size, stride

    def forward(self, x: Tensor) -> Tensor:
        top, bottom = self._edges(x.shape[2])
        left, right = self._edges(x.shape[3])
        return functional.pad(x, [left, right, top, bottom])

    def _edges(self, size: int) -> tuple[int, int]:
        """Return how many zeros stand before and behind a row of pixels."""
        zeros = (-(-size // self.stride) - 1) * self.stride + self.kernel_size - size
        if self.kernel_size < self.stride:  # else never below 0; and no max, since a tracer has no numbers to compare
            zeros = zeros * ((zeros + self.stride) // self.stride)
        return zeros // 2, zeros - zeros // 2


class SamePaddedResidual(ConvDepthwiseConv):
    """An inverted residual with stride 2, padded as in TensorFlow.

    Parameters
    ----------
    in_channels, mid_channels, out_channels, kernel_size : int
        As :class:`~mobilenet_lib.blocks.ConvDepthwiseConv`.

    Shape
    -----
    (N, C_in, H, W) -> (N, C_out, ceil(H / 2), ceil(W / 2)).

    Examples
    --------
    >>> SamePaddedResidual(8, 48, 12, kernel_size=5)(torch.zeros(1, 8, 14, 14)).shape
    torch.Size([1, 12, 7, 7])
    """

    def __init__(self, in_channels: int, mid_channels: int, out_channels: int, kernel_size: int = 3):
        super().__init__(in_channels, mid_channels, out_channels, kernel_size, stride=2, padding=0)
        self.pad = SamePadding(kernel_size, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.depthwise(self.pad(self.conv1(x))))


class EfficientNetLite0(Checked):
    """EfficientNet-Lite0: a stem, 16 inverted residuals, a wide 1x1 convolution, a classifier.

    Parameters
    ----------
    num_classes : int, default=1000
        Outputs of the classifier.

    Attributes
    ----------
    pad, stem, blocks, head, classifier : Module
        As in :class:`~mobilenet_lib.models.MobileNetV2`; ``pad`` puts TensorFlow's zeros around the image.

    Shape
    -----
    (N, 3, H, W) -> (N, num_classes), with H and W at least 32.

    Raises
    ------
    TypeError, ValueError
        If num_classes is not a positive integer; on a call, if the input is not (N, 3, H, W) or is below 32 pixels a
        side.

    Notes
    -----
    4,652,008 parameters. Images: see :func:`normalised`. BatchNorm has TensorFlow's ε, 1e-3.

    References
    ----------
    Tan and Le 2019, arXiv:1905.11946; Liu 2020, "Higher accuracy on vision models with EfficientNet-Lite".

    Examples
    --------
    >>> network = EfficientNetLite0(num_classes=10)
    >>> network(torch.zeros(2, 3, 64, 64)).shape, len(network.blocks)
    (torch.Size([2, 10]), 16)
    """

    def __init__(self, num_classes: int = 1000):
        super().__init__()
        (num_classes,) = positive_int(num_classes=num_classes)
        self.pad = SamePadding(3, stride=2)
        self.stem = ConvBNReLU(3, STEM, stride=2, padding=0)
        blocks, channels = [], STEM
        for row in SPEC:
            for i in range(row.n):
                blocks.append(_block(channels, row, row.s if i == 0 else 1))
                channels = row.c
        self.blocks = nn.Sequential(*blocks)
        self.head = ConvBNReLU(channels, HEAD, kernel_size=1)
        self.classifier = nn.Linear(HEAD, num_classes)
        for part in self.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.eps = EPS

    def check(self, x: Any) -> None:
        check_image(x)

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(self.blocks(self.stem(self.pad(x))))
        return self.classifier(x.mean((2, 3)))


def _block(in_channels: int, row: Row, stride: int) -> nn.Module:
    if row.t == 1:
        return DepthwiseProjection(in_channels, row.c, row.k)
    if stride == 2:
        return SamePaddedResidual(in_channels, row.t * in_channels, row.c, row.k)
    return ConvDepthwiseConv(in_channels, row.t * in_channels, row.c, row.k)


def normalised(image: Tensor) -> Tensor:
    """Return an image as EfficientNet-Lite expects it: from -127/128 to 1.

    Parameters
    ----------
    image : Tensor
        From 0 to 1.

    Returns
    -------
    Tensor
        (255 x - 127) / 128.

    Raises
    ------
    TypeError
        If image is not a tensor of floats.

    Examples
    --------
    >>> normalised(torch.tensor([0.0, 1.0])).tolist()
    [-0.9921875, 1.0]
    """
    instance("image", image, Tensor, "torch.as_tensor(...) may make one")
    from_0_to_1("image", image)
    return (255 * image - 127) / 128


def load(network: EfficientNetLite0, source: Mapping[str, Tensor] | str | os.PathLike) -> EfficientNetLite0:
    """Load weights under the names that the EfficientNets of PyTorch's packages have used since 2019, or under timm's.

    Parameters
    ----------
    network : EfficientNetLite0
        It gets the weights.
    source : mapping of str to Tensor, str or path
        A state dict, or a file with one, such as ``efficientnet-lite0-57934424.pth``. timm's is that of
        ``timm.create_model("tf_efficientnet_lite0")``.

    Returns
    -------
    EfficientNetLite0
        The network itself. Either all tensors fit and are copied, or none is.

    Raises
    ------
    ValueError
        If a tensor is missing, left over, or of another shape.

    Examples
    --------
    >>> load(EfficientNetLite0(10), {})
    Traceback (most recent call last):
        ...
    ValueError: source must have _conv_stem.weight for stem.0.weight of this network, and it is missing; \
downloads.fetch("efficientnet_lite0") brings the right file
    """
    instance("network", network, EfficientNetLite0, "EfficientNetLite0() builds one")
    if not isinstance(source, (Mapping, str, os.PathLike)) or source == "":
        raise TypeError(f"source must be a state dict or a path, got {shown(source)}; network.state_dict() is one")
    if isinstance(source, Mapping):
        state = source
    else:
        state = torch.load(Path(source), map_location="cpu", weights_only=True)
    names, target = _timm_names(network) if "conv_stem.weight" in state else _names(network), network.state_dict()
    for ours, theirs in names.items():
        if theirs not in state:
            raise ValueError(f"source must have {theirs} for {ours} of this network, and it is missing; {REMEDY}")
        if state[theirs].shape != target[ours].shape:
            shape, got = tuple(target[ours].shape), tuple(state[theirs].shape)
            raise ValueError(f"{theirs} in source must have shape {shape} for {ours}, got {got}; {REMEDY}")
    extra = sorted(set(state) - set(names.values()))
    if extra:
        raise ValueError(f"source has {extra[0]}, for which this network has no place; {REMEDY}")
    network.load_state_dict({ours: state[theirs] for ours, theirs in names.items()})
    return network


def pretrained() -> EfficientNetLite0:
    """Return EfficientNet-Lite0 with the weights that its authors trained on ImageNet, in eval mode.

    Returns
    -------
    EfficientNetLite0
        With 1000 classes; :func:`normalised` prepares its images.

    Raises
    ------
    ConnectionError
        If the weights are not at hand and cannot be fetched; they are 19 MB.

    References
    ----------
    Liu 2020, "Higher accuracy on vision models with EfficientNet-Lite", which states 75.1 % of ImageNet right.

    Examples
    --------
    >>> callable(pretrained)
    True
    """
    return load(EfficientNetLite0(), downloads.fetch("efficientnet_lite0")).eval()


_PARTS = {
    "conv1": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "conv2": ("_project_conv", "_bn2"),
}
_ENDS = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}


def _names(network: EfficientNetLite0) -> dict[str, str]:
    """Return what each of the network's tensors is called in the released file."""
    names = {}
    for ours in network.state_dict():
        part, _, last = ours.rpartition(".")
        *where, layer, place = part.split(".") if "." in part else ("", part, "0")
        if layer == "classifier":
            names[ours] = f"_fc.{last}"
        elif layer in _ENDS:
            names[ours] = f"{_ENDS[layer][int(place)]}.{last}"
        else:
            names[ours] = f"_blocks.{where[1]}.{_PARTS[layer][int(place)]}.{last}"
    return names


_TIMM_PARTS = {  # with an expansion, and without one, where timm has another class
    True: {"conv1": ("conv_pw", "bn1"), "depthwise": ("conv_dw", "bn2"), "conv2": ("conv_pwl", "bn3")},
    False: {"depthwise": ("conv_dw", "bn1"), "conv2": ("conv_pw", "bn2")},
}
_TIMM_ENDS = {"stem": ("conv_stem", "bn1"), "head": ("conv_head", "bn2")}


def _timm_names(network: EfficientNetLite0) -> dict[str, str]:
    """Return what each of the network's tensors is called in timm, which counts the blocks row by row."""
    places = [(row, i) for row, spec in enumerate(SPEC) for i in range(spec.n)]
    names = {}
    for ours in network.state_dict():
        part, _, last = ours.rpartition(".")
        if part == "classifier":
            names[ours] = ours
        elif part.startswith("blocks."):
            _, block, layer, place = part.split(".")
            row, i = places[int(block)]
            names[ours] = f"blocks.{row}.{i}.{_TIMM_PARTS[SPEC[row].t > 1][layer][int(place)]}.{last}"
        else:
            layer, place = part.split(".")
            names[ours] = f"{_TIMM_ENDS[layer][int(place)]}.{last}"
    return names
