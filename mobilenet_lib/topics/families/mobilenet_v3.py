"""MobileNetV3 from the paper's two tables, and torchvision's weights for it.

A row of the paper names the channels of the middle, where a string names an expansion: :func:`strings` turns the one
into the other. torchvision's classifier is two linear layers; here the first is a convolution on a single pixel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from torch import Tensor, nn

from ..._validation import instance, instances, one_of, positive_int
from ..pretrained import _load, _renamed
from .builder import FamilyNetwork, named


class V3Row(NamedTuple):
    """A row of the paper's tables 1 and 2.

    Attributes
    ----------
    k, exp, out : int
        Kernel size, channels of the middle, channels that come out.
    se : bool
        Whether there is squeeze-and-excitation.
    nl : {"RE", "HS"}
        ReLU or h-swish.
    s : int
        Stride.

    Examples
    --------
    >>> SPECS["large"][3]
    V3Row(k=5, exp=72, out=40, se=True, nl='RE', s=2)
    """

    k: int
    exp: int
    out: int
    se: bool
    nl: str
    s: int


# Howard et al. 2019, arXiv:1905.02244, tables 1 and 2: the rows of "bneck".
SPECS = {
    "large": (
        V3Row(3, 16, 16, False, "RE", 1),
        V3Row(3, 64, 24, False, "RE", 2),
        V3Row(3, 72, 24, False, "RE", 1),
        V3Row(5, 72, 40, True, "RE", 2),
        V3Row(5, 120, 40, True, "RE", 1),
        V3Row(5, 120, 40, True, "RE", 1),
        V3Row(3, 240, 80, False, "HS", 2),
        V3Row(3, 200, 80, False, "HS", 1),
        V3Row(3, 184, 80, False, "HS", 1),
        V3Row(3, 184, 80, False, "HS", 1),
        V3Row(3, 480, 112, True, "HS", 1),
        V3Row(3, 672, 112, True, "HS", 1),
        V3Row(5, 672, 160, True, "HS", 2),
        V3Row(5, 960, 160, True, "HS", 1),
        V3Row(5, 960, 160, True, "HS", 1),
    ),
    "small": (
        V3Row(3, 16, 16, True, "RE", 2),
        V3Row(3, 72, 24, False, "RE", 2),
        V3Row(3, 88, 24, False, "RE", 1),
        V3Row(5, 96, 40, True, "HS", 2),
        V3Row(5, 240, 40, True, "HS", 1),
        V3Row(5, 240, 40, True, "HS", 1),
        V3Row(5, 120, 48, True, "HS", 1),
        V3Row(5, 144, 48, True, "HS", 1),
        V3Row(5, 288, 96, True, "HS", 2),
        V3Row(5, 576, 96, True, "HS", 1),
        V3Row(5, 576, 96, True, "HS", 1),
    ),
}


def strings(rows: Iterable[V3Row], in_channels: int = 16) -> list[str]:
    """Write the paper's rows as timm's strings, a string a row, with the 1x1 convolution that follows them.

    Parameters
    ----------
    rows : iterable of V3Row
        A value of ``SPECS``.
    in_channels : int, default=16
        What the stem gives.

    Returns
    -------
    list of str
        For ``build``, with ``stem=16, head="late", activation="hs", squeeze="middle"``, and 1280 ``features`` for the
        large network, 1024 for the small one.

    Raises
    ------
    TypeError, ValueError
        If rows does not hold rows, or in_channels is not a positive integer.

    References
    ----------
    Howard et al. 2019, arXiv:1905.02244, tables 1 and 2.

    Examples
    --------
    >>> strings(SPECS["large"])[2:4]
    ['ir_r1_k3_s1_e3_c24_nre', 'ir_r1_k5_s2_e3_c40_se0.25_nre']
    """
    (in_channels,) = positive_int(in_channels=in_channels)
    channels, found = in_channels, []
    for row in instances("rows", rows, V3Row, "SPECS has some"):
        kind, expansion = ("ds", 1.0) if row.exp == channels else ("ir", row.exp / channels)
        parts = [kind, "r1", f"k{row.k}", f"s{row.s}", f"e{expansion:g}", f"c{row.out}"]
        found.append("_".join([*parts, *["se0.25"] * row.se, *["nre"] * (row.nl == "RE")]))
        channels = row.out
    return [*found, f"cn_r1_k1_s1_c{6 * channels}"]


def torchvision_names(network: FamilyNetwork) -> dict[str, str]:
    """Say what torchvision calls each tensor of a MobileNetV3.

    Parameters
    ----------
    network : FamilyNetwork
        ``named("mobilenetv3_large_100")`` or ``named("mobilenetv3_small_100")``.

    Returns
    -------
    dict of str to str
        All keys of ``network.state_dict()``, and torchvision's name for each.

    Raises
    ------
    TypeError, ValueError
        If network is no MobileNetV3.

    Examples
    --------
    >>> from mobilenet_lib import families
    >>> names = torchvision_names(families.named("mobilenetv3_small_100", num_classes=10))
    >>> names["blocks.0.se.reduce.weight"], names["head.1.weight"]
    ('features.1.block.1.fc1.weight', 'classifier.0.weight')
    """
    network = instance("network", network, FamilyNetwork, 'named("mobilenetv3_large_100") builds one')
    blocks = list(cast("nn.Sequential", network.blocks))
    last = len(blocks)
    modules = {"head.1": "classifier.0", "classifier": "classifier.3"}
    modules |= {f"stem.{j}": f"features.0.{j}" for j in (0, 1)}
    modules |= {f"blocks.{last - 1}.{j}": f"features.{last}.{j}" for j in (0, 1)}
    for i, block in enumerate(blocks):
        parts = [part for part in ("conv1", "depthwise", "se", "conv2") if hasattr(block, part)]
        for place, part in enumerate(parts):
            theirs = f"features.{i + 1}.block.{place}"
            inside = {"reduce": "fc1", "expand": "fc2"} if part == "se" else {"0": "0", "1": "1"}
            modules |= {f"blocks.{i}.{part}.{ours}": f"{theirs}.{name}" for ours, name in inside.items()}
    return _renamed(network, modules, "torchvision")


def load_torchvision(which: str, source: nn.Module | Mapping[str, Any], num_classes: int = 1000) -> FamilyNetwork:
    """Build a MobileNetV3 with torchvision's weights, in eval mode.

    Parameters
    ----------
    which : {"large", "small"}
        Of the two networks.
    source : torch.nn.Module or mapping
        torchvision's ``mobilenet_v3_large`` or ``mobilenet_v3_small``, or its state dict.
    num_classes : int, default=1000
        Outputs of the classifier.

    Returns
    -------
    FamilyNetwork
        Its BatchNorms have torchvision's ε, 1e-3.

    Raises
    ------
    TypeError, ValueError
        If which is neither, or a tensor is missing, left over or of another shape.

    References
    ----------
    `torchvision.models.mobilenetv3`.

    Examples
    --------
    >>> import torchvision
    >>> network = load_torchvision("small", torchvision.models.mobilenet_v3_small(num_classes=10), num_classes=10)
    >>> network.stem[1].eps
    0.001
    """
    one_of("which", which, SPECS)
    state = source.state_dict() if isinstance(source, nn.Module) else source
    if not isinstance(state, Mapping):
        raise TypeError(f"source must be a model or a state dict, got {state!r:.60}; give model.state_dict()")
    network = named(f"mobilenetv3_{which}_100", num_classes=num_classes)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eps, part.momentum = 1e-3, 0.01
    first = state.get("classifier.0.weight")
    if isinstance(first, Tensor) and first.dim() == 2:  # a linear layer is a convolution on a single pixel
        state = {**state, "classifier.0.weight": first[:, :, None, None]}
    return _load(cast("Any", network), state, torchvision_names, None).eval()
