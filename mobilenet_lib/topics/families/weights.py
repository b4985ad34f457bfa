"""timm's weights into the networks of the families, by name."""

from __future__ import annotations

from typing import Any, cast

from ..._validation import instance
from ..pretrained import Source, _load, _renamed
from .builder import FamilyNetwork

# What timm calls the convolution and the BatchNorm of each part, by the kind of block.
_PARTS = {
    "cn": {"": ("conv", "bn1"), "conv": ("conv", "bn1")},
    "dsa": {"depthwise": ("conv_dw", "bn1"), "pointwise": ("conv_pw", "bn2")},
    "ds": {"depthwise": ("conv_dw", "bn1"), "conv2": ("conv_pw", "bn2")},
    "ir": {"conv1": ("conv_pw", "bn1"), "depthwise": ("conv_dw", "bn2"), "conv2": ("conv_pwl", "bn3")},
    "er": {"conv1": ("conv_exp", "bn1"), "conv2": ("conv_pwl", "bn2")},
    "uir": {
        part: (f"{theirs}.conv", f"{theirs}.bn")
        for part, theirs in (
            *(("start", "dw_start"), ("conv1", "pw_exp"), ("depthwise", "dw_mid")),
            *(("conv2", "pw_proj"), ("end", "dw_end")),
        )
    },
}
_ENDS = {
    "stem.0": "conv_stem", "stem.1": "bn1", "head.0.0": "conv_head", "head.0.1": "bn2",  # the wide head of V2
    "head.1": "conv_head", "head.1.0": "conv_head", "head.1.1": "norm_head",  # the late heads of V3 and V4
    "classifier": "classifier",
}  # fmt: skip


def timm_names(network: FamilyNetwork) -> dict[str, str]:
    """Say what timm calls each tensor of a network.

    Parameters
    ----------
    network : FamilyNetwork
        Whose tensors to name.

    Returns
    -------
    dict of str to str
        All keys of ``network.state_dict()``, and timm's name for each.

    Raises
    ------
    TypeError
        If network is something else.
    ValueError
        If network has a part that timm has no name for, such as another classifier.

    Examples
    --------
    >>> from mobilenet_lib import families
    >>> names = timm_names(families.named("mobilenetv4_conv_small", num_classes=10))
    >>> names["stem.0.weight"], names["blocks.5.depthwise.1.bias"]
    ('conv_stem.weight', 'blocks.2.1.dw_mid.bn.bias')
    """
    network = instance("network", network, FamilyNetwork, 'named("mnasnet_100") builds one')
    modules, stages = dict(_ENDS), [placed.stage for placed in network.placed]
    for i, placed in enumerate(network.placed):
        theirs = f"blocks.{placed.stage}.{i - stages.index(placed.stage)}"
        for part, names in _PARTS[placed.spec.kind].items():
            for j, name in enumerate(names):
                modules[".".join(filter(None, ["blocks", str(i), part, str(j)]))] = f"{theirs}.{name}"
        modules |= {f"blocks.{i}.se.{name}": f"{theirs}.se.conv_{name}" for name in ("reduce", "expand")}
    return _renamed(network, modules, "timm")


def load_timm(network: FamilyNetwork, source: Source, *, part: str | None = None) -> FamilyNetwork:
    """Load timm's weights into a network of a family. Either all tensors fit and are copied, or none is.

    Parameters
    ----------
    network : FamilyNetwork
        Of the same table and number of classes.
    source : torch.nn.Module, mapping, str or path
        A model of timm's, its state dict, a checkpoint or a file with one, as in
        :func:`mobilenet_lib.topics.pretrained.load_timm`.
    part : str, optional
        Which network to take where a checkpoint holds several.

    Returns
    -------
    FamilyNetwork
        The network itself; with the same input it has timm's output, to the last bit.

    Raises
    ------
    TypeError, ValueError, FileNotFoundError, ImportError
        As :func:`mobilenet_lib.topics.pretrained.load_timm`.

    Examples
    --------
    >>> from mobilenet_lib import families
    >>> network = families.named("mobilenetv3_small_050", num_classes=10)
    >>> state = network.state_dict()
    >>> source = {theirs: state[ours] for ours, theirs in timm_names(network).items()}  # or timm's own
    >>> other = load_timm(families.named("mobilenetv3_small_050", num_classes=10), source)
    >>> other.classifier.bias.equal(network.classifier.bias)
    True
    """
    return _load(cast("Any", network), source, timm_names, part)
