"""Weights from timm and torchvision into our networks and back: the same numbers under other names.

The two libraries and ours build the same layers in the same order. So a weight needs no conversion, only its name:
:func:`timm_names` and :func:`torchvision_names` walk along a network of ours and say what each tensor is called there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from .. import specs
from .._validation import PERMANENT, one_of, positive_number
from ..layers import ConvBN
from ..models import MobileNetV1, MobileNetV2, check_network
from . import downloads, weight_files

Network = TypeVar("Network", MobileNetV1, MobileNetV2)
NamesOf = Callable[[Any], dict[str, str]]
Source = nn.Module | Mapping[str, Any] | str | os.PathLike[str]

# timm's names for what this library builds.
TIMM = {
    "mobilenetv1_100": (MobileNetV1, {}),
    "mobilenetv1_125": (MobileNetV1, {"width_mult": 1.25}),
    "mobilenetv2_035": (MobileNetV2, {"width_mult": 0.35}),
    "mobilenetv2_050": (MobileNetV2, {"width_mult": 0.5}),
    "mobilenetv2_075": (MobileNetV2, {"width_mult": 0.75}),
    "mobilenetv2_100": (MobileNetV2, {}),
    "mobilenetv2_110d": (MobileNetV2, {"spec": specs.V2_110D_SPEC}),
    "mobilenetv2_120d": (MobileNetV2, {"spec": specs.V2_120D_SPEC}),
    "mobilenetv2_140": (MobileNetV2, {"width_mult": 1.4}),
}

# What timm calls the convolution and the BatchNorm of each part of a block. Its numbers follow the order in the
# block, so the last BatchNorm of a block without expansion is bn2, and with one bn3.
_TIMM_PARTS = {
    ("depthwise", "pointwise"): {"depthwise": ("conv_dw", "bn1"), "pointwise": ("conv_pw", "bn2")},
    ("depthwise", "conv2"): {"depthwise": ("conv_dw", "bn1"), "conv2": ("conv_pw", "bn2")},
    ("conv1", "depthwise", "conv2"): {
        "conv1": ("conv_pw", "bn1"),
        "depthwise": ("conv_dw", "bn2"),
        "conv2": ("conv_pwl", "bn3"),
    },
}
# What an error can recognise: how the network is built, as written and as done.
_WELL_KNOWN = [
    *((MobileNetV2, f"width_mult={width}", {"width_mult": width}) for width in (1.0, 0.25, 0.35, 0.5, 0.75, 1.3, 1.4)),
    (MobileNetV2, "spec=specs.V2_110D_SPEC", {"spec": specs.V2_110D_SPEC}),
    (MobileNetV2, "spec=specs.V2_120D_SPEC", {"spec": specs.V2_120D_SPEC}),
    *((MobileNetV1, f"width_mult={width}", {"width_mult": width}) for width in (1.0, 0.25, 0.5, 0.75, 1.25)),
]
# torchvision's sets of weights; its "DEFAULT" is the newer one.
TORCHVISION = {
    "IMAGENET1K_V1": "mobilenet_v2",
    "IMAGENET1K_V2": "mobilenet_v2.IMAGENET1K_V2",
    "DEFAULT": "mobilenet_v2.IMAGENET1K_V2",
}


def timm_names(network: MobileNetV1 | MobileNetV2) -> dict[str, str]:
    """Say what timm calls each tensor of a network: ours to timm's, in the order of both state dicts.

    timm groups the blocks into stages, ``blocks.<stage>.<block>``: one for each row of V2's table, and in V1 one for
    each resolution.

    Parameters
    ----------
    network : MobileNetV1 or MobileNetV2
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

    References
    ----------
    `timm.models.efficientnet` and `timm.models._efficientnet_blocks`.

    Examples
    --------
    >>> names = timm_names(MobileNetV2(width_mult=0.35))
    >>> names["stem.0.weight"], names["blocks.3.conv2.1.running_var"], names["blocks.0.conv2.0.weight"]
    ('conv_stem.weight', 'blocks.2.0.bn3.running_var', 'blocks.0.0.conv_pw.weight')
    """
    check_network(network)
    modules = {"stem.0": "conv_stem", "stem.1": "bn1", "head.0": "conv_head", "head.1": "bn2"}
    modules["classifier"] = "classifier"
    for i, ((stage, place), block) in enumerate(zip(_places(network), network.blocks, strict=False)):
        for part, (conv, norm) in _TIMM_PARTS.get(_parts(block), {}).items():
            modules[f"blocks.{i}.{part}.0"] = f"blocks.{stage}.{place}.{conv}"
            modules[f"blocks.{i}.{part}.1"] = f"blocks.{stage}.{place}.{norm}"
    return _renamed(network, modules, "timm")


def torchvision_names(network: MobileNetV2) -> dict[str, str]:
    """Say what torchvision calls each tensor of a MobileNetV2: ours to torchvision's, in the order of both.

    torchvision numbers everything in one row, ``features.0`` to ``features.18``, and inside a block the layers.

    Parameters
    ----------
    network : MobileNetV2
        Whose tensors to name.

    Returns
    -------
    dict of str to str
        All keys of ``network.state_dict()``, and torchvision's name for each.

    Raises
    ------
    TypeError
        If network is something else; torchvision has no MobileNetV1.
    ValueError
        If network has a part that torchvision has no name for, such as another classifier.

    References
    ----------
    `torchvision.models.mobilenetv2`.

    Examples
    --------
    >>> names = torchvision_names(MobileNetV2(width_mult=0.35))
    >>> names["blocks.3.conv1.0.weight"], names["blocks.3.conv2.0.weight"], names["head.1.bias"]
    ('features.4.conv.0.0.weight', 'features.4.conv.2.weight', 'features.18.1.bias')
    """
    check_network(network)
    if not isinstance(network, MobileNetV2):
        raise TypeError(f"network must be a MobileNetV2, got {type(network).__name__}; torchvision has no other")
    last = len(network.blocks) + 1
    modules = {"classifier": "classifier.1"}
    for ours, theirs in (("stem", "features.0"), ("head", f"features.{last}")):
        modules |= {f"{ours}.{i}": f"{theirs}.{i}" for i in (0, 1)}
    for i, block in enumerate(network.blocks):
        parts = _parts(block)
        for place, part in enumerate(parts[:-1]):
            modules |= {f"blocks.{i}.{part}.{j}": f"features.{i + 1}.conv.{place}.{j}" for j in (0, 1)}
        for part in parts[-1:]:  # the projection is not wrapped with its BatchNorm
            modules |= {f"blocks.{i}.{part}.{j}": f"features.{i + 1}.conv.{len(parts) - 1 + j}" for j in (0, 1)}
    return _renamed(network, modules, "torchvision")


def load_timm(network: Network, source: Source, *, part: str | None = None) -> Network:
    """Load timm's weights into a network of ours. Either all tensors fit and are copied, or none is.

    Parameters
    ----------
    network : MobileNetV1 or MobileNetV2
        Of the same width, depth and number of classes; its output stride and its mode do not matter.
    source : torch.nn.Module, mapping, str or path
        A model of timm's, its state dict, a checkpoint of a training with a state dict inside, or a file with one of
        these: what ``torch.save`` or safetensors write. A model may be wrapped, for several devices, by
        ``torch.compile``, as an average of weights; the names of its weights may tell of that.
    part : str, optional
        Which network to take where a checkpoint holds several: ``"model_ema"``, for example. Left out, the one that
        is no average of weights.

    Returns
    -------
    MobileNetV1 or MobileNetV2
        The network itself, with timm's weights; with the same input it has timm's output, to the last bit.

    Raises
    ------
    TypeError
        If network is not one of ours, or source is of another kind.
    ValueError
        If a tensor is missing, left over or of another shape, or a BatchNorm of the model has another eps: the
        message says which, and which loader or network would fit. If network has a part that timm has no name for.
        If the file cannot be read, or its code would have to be run for that, which is never done.
    FileNotFoundError
        If there is no such file.
    ImportError
        If the file is in the safetensors format and that package is not installed.

    Notes
    -----
    Weights from before PyTorch 0.4.1 do not count batches (``num_batches_tracked``); the network keeps its own count.

    References
    ----------
    `timm.models.efficientnet`.

    Examples
    --------
    >>> source = to_timm(MobileNetV2(10, width_mult=0.35))  # or timm.create_model(...), or "weights.safetensors"
    >>> network = load_timm(MobileNetV2(10, width_mult=0.35), source)
    >>> torch.equal(network.stem[0].weight, source["conv_stem.weight"])
    True
    >>> load_timm(MobileNetV2(10, width_mult=0.5), source)
    Traceback (most recent call last):
        ...
    ValueError: blocks.1.0.conv_pwl.weight in source must have shape (16, 48, 1, 1) for blocks.1.conv2.0.weight, \
got (8, 48, 1, 1); these weights fit MobileNetV2(10, width_mult=0.35)
    """
    return _load(network, source, timm_names, part)


def load_torchvision(network: MobileNetV2, source: Source, *, part: str | None = None) -> MobileNetV2:
    """Load torchvision's weights into a MobileNetV2 of ours. Either all tensors fit and are copied, or none is.

    Parameters
    ----------
    network : MobileNetV2
        Of the same width and number of classes; its output stride and its mode do not matter.
    source : torch.nn.Module, mapping, str or path
        torchvision's ``mobilenet_v2``, its state dict, or whatever else :func:`load_timm` takes.
    part : str, optional
        As :func:`load_timm`.

    Returns
    -------
    MobileNetV2
        The network itself, with torchvision's weights; with the same input it has the same output, to the last bit.

    Raises
    ------
    TypeError, ValueError, FileNotFoundError, ImportError
        As :func:`load_timm`.

    References
    ----------
    `torchvision.models.mobilenetv2`.

    Examples
    --------
    >>> source = to_torchvision(MobileNetV2(10, width_mult=0.35))
    >>> network = load_torchvision(MobileNetV2(10, width_mult=0.35), source)
    >>> torch.equal(network.classifier.bias, source["classifier.1.bias"])
    True
    """
    return _load(network, source, torchvision_names, part)


def load_own(network: Network, source: Source, *, part: str | None = None) -> Network:
    """Load weights of this library's own names: what is left of a training, wrapped or not, in a file or not.

    Parameters
    ----------
    network : MobileNetV1 or MobileNetV2
        As the one that was trained, a classifier of your own included.
    source : torch.nn.Module, mapping, str or path
        The trained network, its state dict, or whatever else :func:`load_timm` takes.
    part : str, optional
        As :func:`load_timm`.

    Returns
    -------
    MobileNetV1 or MobileNetV2
        The network itself, with these weights.

    Raises
    ------
    TypeError, ValueError, FileNotFoundError, ImportError
        As :func:`load_timm`.

    Examples
    --------
    >>> trained = nn.DataParallel(MobileNetV2(10, width_mult=0.35))
    >>> network = load_own(MobileNetV2(10, width_mult=0.35), {"epoch": 3, "model": trained.state_dict()})
    >>> torch.equal(network.classifier.weight, trained.module.classifier.weight)
    True
    """
    check_network(network)
    return _load(network, source, _own_names, part)


def to_timm(network: MobileNetV1 | MobileNetV2) -> dict[str, Tensor]:
    """Return a network's state dict under timm's names, for ``load_state_dict`` of timm's model.

    Parameters
    ----------
    network : MobileNetV1 or MobileNetV2
        Whose weights to name.

    Returns
    -------
    dict of str to Tensor
        In the order of timm's own; like a state dict, it shares the tensors with the network.

    Raises
    ------
    TypeError, ValueError
        As :func:`timm_names`.

    References
    ----------
    `timm.models.efficientnet`.

    Examples
    --------
    >>> list(to_timm(MobileNetV1(10, width_mult=0.25)))[:2]
    ['conv_stem.weight', 'bn1.weight']
    """
    state = network.state_dict() if isinstance(network, nn.Module) else {}
    return {theirs: state[ours] for ours, theirs in timm_names(network).items()}


def to_torchvision(network: MobileNetV2) -> dict[str, Tensor]:
    """Return a MobileNetV2's state dict under torchvision's names, for ``load_state_dict`` of its ``mobilenet_v2``.

    Parameters
    ----------
    network : MobileNetV2
        Whose weights to name.

    Returns
    -------
    dict of str to Tensor
        In the order of torchvision's own; like a state dict, it shares the tensors with the network.

    Raises
    ------
    TypeError, ValueError
        As :func:`torchvision_names`.

    References
    ----------
    `torchvision.models.mobilenetv2`.

    Examples
    --------
    >>> list(to_torchvision(MobileNetV2(10, width_mult=0.35)))[-2:]
    ['classifier.1.weight', 'classifier.1.bias']
    """
    state = network.state_dict() if isinstance(network, nn.Module) else {}
    return {theirs: state[ours] for ours, theirs in torchvision_names(network).items()}


def from_timm(name: str, pretrained: bool = True, *, output_stride: int = 32) -> MobileNetV1 | MobileNetV2:
    """Build the network of that name in timm, in eval mode, with timm's weights.

    Parameters
    ----------
    name : str
        A key of ``pretrained.TIMM``; timm's tag for a set of weights may follow: ``"mobilenetv2_100.ra_in1k"``.
    pretrained : bool, default=True
        Whether timm shall fetch its trained weights, from the internet or from what it fetched before. Otherwise the
        weights are those with which timm begins a training: random.
    output_stride : {32, 16, 8}, default=32
        Of the network that is built; the weights are the same.

    Returns
    -------
    MobileNetV1 or MobileNetV2
        With 1000 classes.

    Raises
    ------
    ImportError
        If timm is not installed.
    TypeError, ValueError
        If name is none of these networks, or its tag is none of timm's, or timm has no trained weights for it, or
        pretrained is no truth value, or output_stride is not 32, 16 or 8.
    ConnectionError
        If the weights are not at hand and cannot be fetched.

    Notes
    -----
    Weights expect images prepared as in their training: ``timm.data.resolve_model_data_config(timm_model)`` says how.
    timm's MobileNetV1 was trained on pixels from -1 to 1, its MobileNetV2 on ImageNet's mean and deviation.

    References
    ----------
    `timm.create_model`.

    Examples
    --------
    >>> network = from_timm("mobilenetv2_035", pretrained=False)
    >>> type(network).__name__, network.head[0].in_channels, network.training
    ('MobileNetV2', 112, False)
    """
    architecture, dot, tag = name.partition(".") if isinstance(name, str) else ("", "", "")
    if architecture not in TIMM:
        raise ValueError(f"name must be one of {', '.join(TIMM)}, got {name!r}")
    _check_flag(pretrained)
    build, options = TIMM[architecture]
    network = build(output_stride=output_stride, **options)
    try:
        import timm
    except ImportError as error:
        raise ImportError("timm's weights need timm: pip install timm") from error
    tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{architecture}.*")]
    if dot and tag not in tags:
        theirs = f"timm has {', '.join(f'{architecture}.{known}' for known in tags) or 'none'} of {architecture}"
        raise ValueError(f"name must end in a set of weights that timm has, got {name!r}; {theirs}")
    if not pretrained:
        return load_timm(network, timm.create_model(name)).eval()
    if not timm.is_model_pretrained(name):
        have = [known for known in TIMM if timm.is_model_pretrained(known)]
        raise ValueError(
            f"name must be a network with released weights, got {name!r}; timm has some for {', '.join(have)}, "
            "and pretrained=False gives random ones"
        )
    with _fetching(f"timm's weights for {name}", "load_timm"), _quick_hub():
        source = timm.create_model(name, pretrained=True)
    return load_timm(network, source).eval()


def from_torchvision(
    width_mult: float = 1.0,
    pretrained: bool = True,
    *,
    weights: str | Enum = "IMAGENET1K_V1",
    output_stride: int = 32,
) -> MobileNetV2:
    """Build torchvision's MobileNetV2, in eval mode, with torchvision's weights.

    Parameters
    ----------
    width_mult : float, default=1.0
        α; trained weights are there for 1.0 alone.
    pretrained : bool, default=True
        Whether to take the trained weights, from torchvision's cache or fetched into it. Otherwise the weights are
        those with which torchvision begins a training: random.
    weights : str or torchvision.models.MobileNet_V2_Weights, default="IMAGENET1K_V1"
        Which trained weights: of the recipe like the paper's ("IMAGENET1K_V1", 71.88 % of ImageNet's first classes
        right, says torchvision), or of a newer one ("IMAGENET1K_V2", 72.15 %, and torchvision's "DEFAULT").
    output_stride : {32, 16, 8}, default=32
        Of the network that is built; the weights are the same.

    Returns
    -------
    MobileNetV2
        With 1000 classes.

    Raises
    ------
    ImportError
        If torchvision is not installed and shall draw random weights.
    TypeError, ValueError
        If width_mult is not a finite number above 0, or not 1.0 and pretrained, there are no such weights,
        pretrained is no truth value, or output_stride is not 32, 16 or 8.
    ConnectionError
        If the weights are not at hand and cannot be fetched.

    Notes
    -----
    The file's SHA-256 is looked at each time; ``downloads.fetch`` says where it may come from. Of IMAGENET1K_V2
    torchvision states the first eight digits alone, and no package carries it.

    ``torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1`` says what belongs to the weights: its ``transforms()``
    prepare an image as in the training, its ``meta["categories"]`` are the names of the classes.

    References
    ----------
    `torchvision.models.mobilenet_v2`.

    Examples
    --------
    >>> from_torchvision(0.25, pretrained=False).stem[0].out_channels
    8
    """
    (width_mult,) = positive_number(width_mult=width_mult)
    _check_flag(pretrained)
    if pretrained and width_mult != 1.0:
        raise ValueError(
            f"width_mult must be 1.0 for torchvision's trained weights, got {width_mult}; "
            "timm has trained others, and pretrained=False gives random ones"
        )
    name = weights.name if isinstance(weights, Enum) else weights
    one_of("weights", name, TORCHVISION)
    network = MobileNetV2(width_mult=width_mult, output_stride=output_stride)
    if pretrained:
        with _fetching("torchvision's weights for mobilenet_v2", "load_torchvision"):
            file = downloads.fetch(TORCHVISION[name])
        return load_torchvision(network, file).eval()
    try:
        from torchvision.models import mobilenet_v2
    except ImportError as error:
        raise ImportError("torchvision's random weights need torchvision: pip install torchvision") from error
    return load_torchvision(network, mobilenet_v2(width_mult=width_mult)).eval()


def _check_flag(pretrained: object) -> None:
    if not isinstance(pretrained, bool):
        raise TypeError(f"pretrained must be True or False, got {pretrained!r}; False gives random weights")


def _places(network: MobileNetV1 | MobileNetV2) -> Iterator[tuple[int, int]]:
    """Yield timm's stage and place in the stage for each block of a network."""
    if isinstance(network, MobileNetV2):
        counts = [specs.V2Row(*row).n for row in network.spec]  # a table from a file has lists for rows
    else:
        ends = [-1, *(level.end for level in network.levels)]
        counts = [after - before for before, after in zip(ends, ends[1:], strict=False)]
    for stage, count in enumerate(counts):
        for place in range(count):
            yield stage, place


def _parts(block: nn.Module) -> tuple[str, ...]:
    """Return the names of a block's convolutions with their BatchNorms, in order."""
    return tuple(name for name, part in block.named_children() if isinstance(part, ConvBN))


def _renamed(network: nn.Module, modules: dict[str, str], library: str) -> dict[str, str]:
    """Return the names of all tensors from the names of the modules that hold them; the last component stays."""
    names = {}
    for key in network.state_dict():
        module, _, last = key.rpartition(".")
        if module not in modules:
            kind = type(network.get_submodule(module)).__name__
            raise ValueError(
                f"network must be as it was built, got a {kind} with {key}, for which {library} has no name; load "
                "weights before you put in a part of your own, and save the whole with network.state_dict()"
            )
        names[key] = f"{modules[module]}.{last}"
    return names


def _own_names(network: nn.Module) -> dict[str, str]:
    return {key: key for key in network.state_dict()}


# Whose names a state dict may have, and what takes it then.
_TAKERS: dict[NamesOf, tuple[str, str]] = {
    timm_names: ("timm's", "load_timm(network, source)"),
    torchvision_names: ("torchvision's", "load_torchvision(network, source)"),
    _own_names: ("this library's", "load_own(network, source)"),
}


def _load(network: Network, source: Source, names_of: NamesOf, part: str | None) -> Network:
    names = names_of(network)
    if next(network.parameters()).is_meta:
        raise ValueError("network must hold numbers, got one on the meta device; build it on the CPU")
    others = (_names(each, network) or {} for each in _TAKERS if each is not names_of)
    known = {*names.values(), *(name for each in others for name in each.values())}
    found = weight_files.find(source, known, part)
    state = found.state_dict() if isinstance(found, nn.Module) else found
    weights = weight_files.plain(state, names.values())
    names = _counted(names, weights.tensors)
    misfit = _misfit(network, names, weights)
    if misfit:
        raise ValueError(misfit + (_other_loader(network, names_of, state) or _other_network(names_of, state)))
    if isinstance(found, nn.Module):
        _check_alone(found, weights.given)
        _check_eps(network, names, found, weights.given)
    targets = network.state_dict()
    with torch.no_grad():
        for ours, theirs in names.items():
            targets[ours].copy_(weights.tensors[theirs])
    return network


def _names(names_of: NamesOf, network: nn.Module) -> dict[str, str] | None:
    """Return a network's names in a library, if it has any there."""
    try:
        return names_of(network)
    except (TypeError, ValueError):  # a MobileNetV1 has no names in torchvision, a classifier of one's own in neither
        return None


def _counted(names: dict[str, str], tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Leave out the numbers of batches where none is there: old files and other programs write none."""
    counts = {ours for ours, theirs in names.items() if theirs.endswith("num_batches_tracked")}
    if any(names[ours] in tensors for ours in counts):
        return names
    return {ours: theirs for ours, theirs in names.items() if ours not in counts}


def _misfit(network: nn.Module, names: dict[str, str], weights: weight_files.Weights) -> str:
    """Walk along both and say in words which tensor does not fit; nothing if all do."""
    kind, mine = type(network).__name__, network.state_dict()
    for ours, theirs in names.items():
        if theirs not in weights.tensors:
            needed = f"source must have {theirs} for {ours} of this {kind}"
            maker = _maker(theirs, weights.tensors)
            if maker:
                return f"{needed}, got {weights.given[maker]}, from which a layer makes it; {PERMANENT}"
            return f"{needed}, and it is missing"
        given, tensor = weights.given[theirs], weights.tensors[theirs]
        if tensor.shape != mine[ours].shape:
            shapes = f"must have shape {tuple(mine[ours].shape)} for {ours}, got {tuple(tensor.shape)}"
            return f"{given} in source {shapes}"
        if mine[ours].is_floating_point() and not tensor.is_floating_point():
            return f"{given} in source must hold floats for {ours}, got {tensor.dtype}"
        if tensor.is_meta:
            return f"source must hold numbers, got {given} on the meta device; build the model on the CPU"
    placed = set(names.values())
    extra = [weights.given[key] for key in weights.tensors if key not in placed]
    more = f" (and {len(extra) - 1} more)" if len(extra) > 1 else ""
    return f"source has {extra[0]}{more}, for which this {kind} has no place" if extra else ""


def _maker(name: str, tensors: Iterable[str]) -> str:
    """Return a tensor from which a layer makes a weight, as norms of weights and pruning have it, or ""."""
    module, _, last = name.rpartition(".")
    fronts = (f"{module}.parametrizations.{last}.", f"{module}.{last}_")
    return next((each for each in tensors if each.startswith(fronts)), "")


def _fits(network: nn.Module, names_of: NamesOf, state: Mapping[str, Any]) -> bool:
    """Say whether a state dict is this network's under these names."""
    names = _names(names_of, network)
    if names is None:
        return False
    try:
        weights = weight_files.plain(state, names.values())
    except ValueError:  # something stands beside what these names call a network
        return False
    return not _misfit(network, _counted(names, weights.tensors), weights)


def _other_loader(network: nn.Module, names_of: NamesOf, state: Mapping[str, Any]) -> str:
    """Say what takes these weights if this network fits them under the names of another library."""
    for each, (whose, taker) in _TAKERS.items():
        if each is not names_of and _fits(network, each, state):
            known = isinstance(network, MobileNetV1 | MobileNetV2)  # the loaders here take no other network
            return f"; its names are {whose}: use {taker if known else 'network.load_state_dict(source)'}"
    return ""


def _other_network(names_of: NamesOf, state: Mapping[str, Any]) -> str:
    """Write the call that builds the network with these weights, if it is one of those that are well known."""
    biases = [state[key] for key in state if key.endswith(("classifier.bias", "classifier.1.bias"))]
    classes = [len(bias) for bias in biases if bias.ndim == 1 and len(bias)]
    shapes = {tuple(tensor.shape) for tensor in state.values()}
    for build, arguments, options in _WELL_KNOWN if len(classes) == 1 else ():
        first, last = _ends(build, options)
        if (classes[0], last) not in shapes:  # building a network takes a while
            continue
        for colours in (3, 1):
            if (first, colours, 3, 3) not in shapes:
                continue
            with torch.device("meta"):
                candidate = build(classes[0], in_channels=colours, **options)
            written = arguments if colours == 3 else f"{arguments}, in_channels={colours}"
            for each in sorted(_TAKERS, key=lambda each: each is not names_of):
                if _fits(candidate, each, state):
                    by = "" if each is names_of else f", whose names are {_TAKERS[each][0]}: use {_TAKERS[each][1]}"
                    return f"; these weights fit {build.__name__}({classes[0]}, {written}){by}"
    return ""


def _ends(build: type[MobileNetV1] | type[MobileNetV2], options: Mapping[str, Any]) -> tuple[int, int]:
    """Return a network's channels behind its first convolution and before its classifier."""
    width = options.get("width_mult", 1.0)
    if build is MobileNetV2:
        return specs.stem_channels(width), specs.v2_head_channels(width)
    return specs.stem_channels(width), list(specs.v1_blocks(width))[-1].out_channels


def _check_alone(source: nn.Module, given: dict[str, str]) -> None:
    """Refuse a model in which something stands beside the network: it may change what comes out."""
    plain, name = next(iter(given.items()))
    front = name.removesuffix(plain).strip(".") if name.endswith(plain) else ""
    path, parts = front.split(".") if front else [], dict(source.named_modules())
    for depth in range(len(path)):
        module = parts[".".join(path[:depth])]
        others = [other for other, _ in module.named_children() if other != path[depth]]
        if others:
            raise ValueError(
                f"source must be the network alone, got a {type(source).__name__} that has {others[0]!r} beside it; "
                f"give source.get_submodule({front!r})"
            )


def _check_eps(network: nn.Module, names: dict[str, str], source: nn.Module, given: dict[str, str]) -> None:
    """Refuse a model whose BatchNorm divides by another eps than ours: no weight, but it changes the output."""
    parts = dict(source.named_modules())  # a scripted model has no get_submodule
    for ours, theirs in names.items():
        if ours.endswith("running_var"):
            norms = network.get_submodule(ours.rpartition(".")[0]), parts[given[theirs].rpartition(".")[0]]
            mine, other = (getattr(norm, "eps", None) for norm in norms)
            if other is not None and mine != other:
                raise ValueError(
                    f"{theirs}: BatchNorm must have eps={mine} as in {ours}, got eps={other}; "
                    "give the BatchNorms of network that eps first, and the outputs agree"
                )


@contextmanager
def _fetching(what: str, loader: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # each version of each hub has exceptions of its own; the cause is kept
        raise ConnectionError(
            f"{what} could not be fetched; is there a connection to the internet? Without one, bring the file and use "
            f"{loader}(network, path), or use pretrained=False for random weights"
        ) from error


@contextmanager
def _quick_hub() -> Iterator[None]:
    """Send the hub's own code straight to its cache where the hub does not answer: by itself it tries for a minute."""
    try:
        from huggingface_hub import constants
    except ImportError:  # then timm downloads without it
        yield
        return
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not downloads.answers(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
