"""Weights as people have them: whole checkpoints, wrapped models, files of either format, read without running them.

A file of PyTorch's is a pickle, and a pickle can name any function and have it called. So every file is read by
PyTorch's own reader for tensors alone. What else a file names, a run's settings for example, is left unread.
"""

from __future__ import annotations

import _compat_pickle  # Python 2's names for modules, which files of the old format have
import os
import pickletools
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

# What wrappers put into the names: DataParallel and averages, torch.compile, Lightning, FSDP, activation checkpoints.
WRAPPERS = {"module", "_orig_mod", "model", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
AVERAGES = ("ema", "swa", "average", "averaged", "shadow")  # words in the name of averaged weights
COUNTERS = {"n_averaged"}  # what a wrapper keeps for itself
DEPTH = 3  # how deep in a checkpoint its networks may lie

_HARMLESS = {"collections.OrderedDict", "_codecs.encode"}  # torch's reader knows them
_SETTINGS = {"argparse", "builtins", "collections", "datetime", "numpy", "omegaconf", "pathlib", "types"}  # no models
# What a file begins with that was never one of weights.
_NO_WEIGHTS = {
    b"version https://git-lfs": "a pointer of Git LFS, for which `git lfs pull` fetches the file",
    b"<!doctype": "a web page, from an address that was not the file's own",
    b"<html": "a web page, from an address that was not the file's own",
    b"<?xml": "what a server answers that does not give the file",
}


class Unread:
    """Stands for an object in a file whose class was not loaded, and whose code did not run.

    Examples
    --------
    >>> isinstance(Unread("any", "arguments"), Unread)
    True
    """

    def __new__(cls, *args: object, **kwargs: object) -> Unread:  # noqa: D102
        return super().__new__(cls)

    def __init__(self, *args: object, **kwargs: object):
        pass

    def __setstate__(self, state: object) -> None:
        pass


class Weights(NamedTuple):
    """A state dict under plain names.

    Attributes
    ----------
    tensors : dict of str to Tensor
        Without what wrappers put into the names.
    given : dict of str to str
        Each plain name, and what it is called in the source.

    Examples
    --------
    >>> plain({"module.stem.weight": torch.ones(1)}, {"stem.weight"}).given
    {'stem.weight': 'module.stem.weight'}
    """

    tensors: dict[str, Tensor]
    given: dict[str, str]


def read(
    path: str | os.PathLike[str],
    argument: str = "source",
    device: str | torch.device = "cpu",
    remedy: str = "write one with torch.save(model.state_dict(), path)",
) -> Any:
    """Return what is in a file that torch.save or safetensors wrote; nothing in it is run.

    Parameters
    ----------
    path : str or path
        The file; ``~`` is the home folder.
    argument : str, default="source"
        What the path is called in an error.
    device : str or torch.device, default="cpu"
        Where the tensors shall be.
    remedy : str, optional
        What an error shall say that one can do about a file that is no file of tensors.

    Returns
    -------
    object
        With an :class:`Unread` in place of each object whose class PyTorch's reader for tensors does not know.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is a folder, empty, damaged, of another format, or more than its tensors would have to be run.
    ImportError
        If the file is in the safetensors format and that package is not installed.

    Examples
    --------
    >>> read("such.pth")
    Traceback (most recent call last):
        ...
    FileNotFoundError: source: there is no file such.pth; from_timm(name) and from_torchvision() fetch weights by name
    """
    file = Path(os.path.expanduser(path))
    if file.is_dir():
        raise ValueError(f"{argument} must be a file, got the folder {str(path)!r}; name a file in it")
    if not file.is_file():
        raise FileNotFoundError(
            f"{argument}: there is no file {path}; from_timm(name) and from_torchvision() fetch weights by name"
        )
    head = _head(argument, file)
    if not head:
        raise ValueError(f"{argument}: {path} is empty; {remedy}")
    for start, what in _NO_WEIGHTS.items():
        if head.lower().lstrip().startswith(start):
            raise ValueError(f"{argument}: {path} is no file of tensors but {what}; {remedy}")
    no_tensors = f"{argument}: {path} is no file of tensors, or it is damaged; {remedy}"
    if _is_safetensors(file, head):
        try:
            from safetensors.torch import load_file
        except ImportError as error:
            raise ImportError(f"{path} needs safetensors: pip install safetensors") from error
        try:
            return load_file(file, device=str(device))
        except Exception as error:  # whatever a damaged file makes of a reader
            raise ValueError(no_tensors) from error
    return _read_pickle(argument, path, file, device, no_tensors)


def find(source: object, known: Iterable[str], part: str | None = None) -> nn.Module | Mapping[Any, Any]:
    """Return the network in what people have: a model, a wrapped one, a state dict, a checkpoint, or a file of one.

    Parameters
    ----------
    source : torch.nn.Module, mapping or path
        Where to look.
    known : iterable of str
        Names of weights by which a network is recognised.
    part : str, optional
        Which one to take where a checkpoint holds several: its key, or the keys that lead to it with dots between.
        Left out, the one that is no average of others.

    Returns
    -------
    torch.nn.Module or Mapping of str to Tensor
        A model where there is one, or else a state dict, with the names that it has there.

    Raises
    ------
    TypeError
        If source is of another kind.
    ValueError
        If there is no such part, or one must be named; as :func:`read` for a file.
    FileNotFoundError, ImportError
        As :func:`read`.

    Examples
    --------
    >>> saved = {"epoch": 3, "model": {"stem.weight": torch.ones(1)}, "model_ema": {"stem.weight": torch.zeros(1)}}
    >>> find(saved, ["stem.weight"]), find(saved, ["stem.weight"], part="model_ema")
    ({'stem.weight': tensor([1.])}, {'stem.weight': tensor([0.])})
    """
    if part is not None and not isinstance(part, str):
        raise TypeError(f"part must be the name of a network in source, got {part!r}; leave it out for the only one")
    path = source if isinstance(source, str | os.PathLike) else None
    source = _model(source) if path is None else _held(path, read(path))
    if not isinstance(source, nn.Module | Mapping):
        raise TypeError(
            f"source must be a model, its state dict or a path, got {type(source).__name__}; "
            "of another object give the model that is inside it"
        )
    known = set(known)
    if isinstance(source, nn.Module) or _recognised(source, known):
        inside = {}
    else:
        inside = dict(_inside(source, known))
    names = ", ".join(map(repr, inside))
    if part is not None:
        if part not in inside:
            raise ValueError(f"part must be one of those in source, {names or 'one network alone'}, got {part!r}")
        return inside[part]
    candidates = [name for name in inside if not _is_average(name)] or list(inside)
    if len(candidates) > 1:
        raise ValueError(f"source holds several networks, {names}; say which, as in part={candidates[0]!r}")
    if candidates:
        return inside[candidates[0]]
    if isinstance(source, Mapping) and path is not None:
        _check_whole(path, source)
    return source


def plain(state: Mapping[Any, Any], known: Iterable[str]) -> Weights:
    """Take out of the names in a state dict what wrappers put into them.

    Parameters
    ----------
    state : Mapping of str to Tensor
        The state dict. Arrays are taken for tensors.
    known : iterable of str
        Names of weights by which the network in it is recognised.

    Returns
    -------
    Weights
        With plain names.

    Raises
    ------
    ValueError
        If there is something else than tensors, if there are several networks, or something beside one.

    Examples
    --------
    >>> state = {"n_averaged": torch.tensor(8), "module._orig_mod.stem.weight": torch.ones(1)}
    >>> plain(state, {"stem.weight"}).tensors
    {'stem.weight': tensor([1.])}
    """
    given: dict[str, str] = {}
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, Tensor | np.ndarray):
            raise ValueError(
                f"source must hold tensors by their names, got {key!r}: {type(value).__name__}; "
                "from a checkpoint take the state dict that is inside it"
            )
        short = ".".join(word for word in key.split(".") if word not in WRAPPERS)
        if short in given:
            raise ValueError(
                f"source holds {given[short]!r} and {key!r}, one weight of two networks; keep the names of one of them"
            )
        if short not in COUNTERS:
            given[short] = key
    front = _front(given, set(known))
    beside = [key for short, key in given.items() if not short.startswith(front)]
    if beside:
        raise ValueError(
            f"source holds {beside[0]!r} beside the network, whose names have {front!r}; where that changes nothing, "
            f"leave it out: {{key: value for key, value in source.items() if {front!r} in key}}"
        )
    inside = {short.removeprefix(front): key for short, key in given.items()}
    return Weights({name: _dense(torch.as_tensor(state[key])) for name, key in inside.items()}, inside)


def _dense(tensor: Tensor) -> Tensor:
    return tensor if tensor.layout == torch.strided else tensor.to_dense()


def _head(argument: str, file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(64)
    except OSError as error:
        raise ValueError(f"{argument}: {file} cannot be read ({error.strerror}); ask for leave to read it") from error


def _held(path: object, held: object) -> object:
    """Return what a file holds, if it may be a checkpoint."""
    if isinstance(held, Unread):
        raise ValueError(_more("source", path, [_full_name(held)]))
    if not isinstance(held, Mapping):
        raise ValueError(f"source: {path} holds a {type(held).__name__}; torch.save(model.state_dict(), path) is right")
    return held


def _check_whole(path: object, held: Mapping[Any, Any]) -> None:
    """Refuse a checkpoint without a state dict that holds a model whole."""
    for key, value in held.items():
        if isinstance(value, Unread) and type(value).__module__.split(".")[0] not in _SETTINGS:
            raise ValueError(_more("source", path, [_full_name(value)], f"[{key!r}]"))


def _full_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__name__}"


def _is_safetensors(file: Path, head: bytes) -> bool:
    """Say whether a file has safetensors' beginning, the length of a table and the table; or, unknown, its suffix."""
    if head.startswith((b"PK", b"\x80")):  # an archive, a pickle
        return False
    length = int.from_bytes(head[:8], "little")
    return file.suffix == ".safetensors" or (head[8:9] == b"{" and length < file.stat().st_size)


def _read_pickle(argument: str, path: object, file: Path, device: str | torch.device, no_tensors: str) -> Any:
    if zipfile.is_zipfile(file) and any(name.endswith("/constants.pkl") for name in zipfile.ZipFile(file).namelist()):
        raise ValueError(
            f"{argument}: {path} holds a program, written by torch.jit; where you trust it, save its tensors alone: "
            f"torch.save(torch.jit.load({str(path)!r}).state_dict(), 'weights.pth')"
        )
    unknown = _unknown(file)
    try:
        # An open file, for torch.load would go by the name's suffix.
        with file.open("rb") as opened, torch.serialization.safe_globals([(_stand_in(name), name) for name in unknown]):
            return torch.load(opened, map_location=device, weights_only=True)
    except Exception as error:  # whatever a damaged file makes of a reader
        if unknown:
            raise ValueError(_more(argument, path, unknown)) from error
        raise ValueError(no_tensors) from error


def _more(argument: str, path: object, names: list[str], place: str = "") -> str:
    """Say what is in a file that would have to be run, and how to get at its tensors."""
    and_more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return (
        f"{argument}: {path} holds more than tensors: {', '.join(names[:3])}{and_more}, whose code would have to be "
        "run, and that is not done; where you trust it, save its tensors alone: "
        f"torch.save(torch.load({str(path)!r}, weights_only=False){place}.state_dict(), 'weights.pth')"
    )


def _unknown(file: Path) -> list[str]:
    """Return the names in a pickle that PyTorch's reader for tensors would not look up, by reading it as a text."""
    with file.open("rb") as opened:
        try:
            return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(opened))
        except Exception:  # a file of the format before PyTorch 1.6, or a damaged one
            opened.seek(0)
            names = {f"{module}.{name}" for module, name in _named(opened)}
    return sorted(name for name in names if not name.startswith("torch.") and name not in _HARMLESS)


def _named(opened: IO[bytes]) -> Iterator[tuple[str, str]]:
    """Yield the modules and names in a file of the old format: several pickles, one after the other."""
    try:
        for _ in range(4):  # a number, a version, the machine, what was saved
            for code, argument, _ in pickletools.genops(opened):
                if code.name == "GLOBAL":
                    module, _, name = str(argument).partition(" ")
                    module, name = _compat_pickle.NAME_MAPPING.get((module, name), (module, name))
                    yield _compat_pickle.IMPORT_MAPPING.get(module, module), name
    except ValueError:  # no pickle
        return


def _stand_in(name: str) -> Callable[..., object]:
    """Return what stands for a name in a file: it does nothing, but for a dict with a default, which is a dict."""
    if name == "collections.defaultdict":
        return lambda *arguments: {}
    module, _, last = name.rpartition(".")
    return type(last, (Unread,), {"__module__": module})


def _model(source: Any) -> Any:
    """Return the model that an object holds which is none itself, such as timm's first average of weights."""
    if isinstance(source, nn.Module | Mapping):
        return source
    held = [getattr(source, name, None) for name in ("ema", "module", "model")]
    models = [each for each in held if isinstance(each, nn.Module)]
    return models[0] if len(models) == 1 else source


def _suffixes(name: str) -> Iterator[str]:
    """Yield a dotted name, and what is left of it without its first word, its first two, and so on."""
    while name:
        yield name
        name = name.partition(".")[2]


def _recognised(state: Mapping[Any, Any], known: set[str]) -> bool:
    return any(isinstance(key, str) and not known.isdisjoint(_suffixes(key)) for key in state)


def _inside(source: Mapping[Any, Any], known: set[str], front: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the networks in a checkpoint by the keys that lead to them."""
    for key, value in source.items():
        name, value = f"{front}{key}", _model(value)
        if isinstance(value, nn.Module) or (isinstance(value, Mapping) and _recognised(value, known)):
            yield name, value
        elif isinstance(value, Mapping) and name.count(".") + 1 < DEPTH:
            yield from _inside(value, known, f"{name}.")


def _is_average(name: str) -> bool:
    return not set(AVERAGES).isdisjoint(name.lower().replace(".", "_").split("_"))


def _front(names: Iterable[str], known: set[str]) -> str:
    """Return what stands before the names of the network, if most of it is there under one such beginning."""
    fronts = Counter(
        name.removesuffix(suffix)
        for name in names
        if (suffix := next((suffix for suffix in _suffixes(name) if suffix in known), None))
    )
    return next((front for front, count in fronts.most_common(1) if count > len(known) / 2), "")
