"""The file from which an interrupted training goes on: written whole, and looked at before any of it is loaded."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from . import weight_files


def path_of(checkpoint: object) -> Path | None:
    """Return the file of a checkpoint; ``~`` is the home folder."""
    if checkpoint is None:
        return None
    if not isinstance(checkpoint, str | os.PathLike):
        raise TypeError(f"checkpoint must be a path, got {checkpoint!r}; give the name of a file")
    return Path(os.path.expanduser(os.fspath(checkpoint)))


def _draft(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def writable(checkpoint: object) -> Path | None:
    """Return the file of a checkpoint after writing beside it: an hour's training must not end in an error here."""
    path = path_of(checkpoint)
    if path is None:
        return None
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"checkpoint must be in a folder that exists, got {str(checkpoint)!r}; make it first: "
            f"Path({str(path.parent)!r}).mkdir(parents=True)"
        )
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        _draft(path).touch()
        _draft(path).unlink()
    except OSError as error:
        raise ValueError(
            f"checkpoint must be a file that can be written, got {str(checkpoint)!r} ({error.strerror}); take another"
        ) from error
    return path


def save(path: Path, settings: dict, parts: dict, losses: list[float], seconds: float) -> None:
    """Write a checkpoint so that there is a whole one at any moment: beside the old one first, then in its place."""
    state = {name: part.state_dict() for name, part in parts.items()}
    with _draft(path).open("wb") as file:
        torch.save({"settings": settings, "losses": losses, "seconds": seconds, **state}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(_draft(path), path)


def saved(
    path: Path | None, settings: dict[str, Any], parts: dict[str, Any], steps: int, device: torch.device
) -> Mapping[str, Any] | None:
    """Read a checkpoint if there is one, and require that all of it fits, before any of it is loaded."""
    if path is None or not path.exists():
        return None
    remedy = "take another file, or remove this one to begin again"
    state = weight_files.read(path, "checkpoint", device, remedy)
    fault = _not_of_train(state, parts) or _other_run(state, settings, steps) or _other_network(state, parts)
    if fault:
        raise ValueError(f"checkpoint {str(path)!r} {fault}; {remedy}")
    return state


def _not_of_train(state: object, parts: dict[str, Any]) -> str:
    """Say why something is no checkpoint of this loop; nothing if it is one."""
    kinds = {"settings": Mapping, "losses": list, "seconds": float, **dict.fromkeys(parts, Mapping)}
    if not isinstance(state, Mapping):
        return f"holds a {type(state).__name__}, not what a training saves"
    for name, kind in kinds.items():
        if not isinstance(state.get(name), kind):
            return f"is not of this loop: it has no {name}"
    return ""


def _other_run(state: Mapping[str, Any], settings: dict[str, Any], steps: int) -> str:
    for name, value in settings.items():
        if (found := state["settings"].get(name)) != value:
            return f"is of a run with {name}={found}, got {name}={value}"
    losses = state["losses"]
    if len(losses) not in range(0, steps * settings["epochs"] + 1, steps):
        return f"is damaged: it has {len(losses)} losses, and each of {settings['epochs']} epochs has {steps}"
    if not all(isinstance(loss, float) for loss in losses):
        return "is damaged: its losses are not numbers"
    return ""


def _other_network(state: Mapping[str, Any], parts: dict[str, Any]) -> str:
    """Say in what a checkpoint's network is another than the one that shall go on; nothing if it is the same."""
    mine, theirs = parts["model"].state_dict(), state["model"]
    for key in dict.fromkeys([*mine, *theirs]):
        here, there = (_shape(each.get(key)) for each in (mine, theirs))
        if here != there:
            return f"is of another network: for {key} it has {there}, and the model {here}"
    schedule = state["schedule"]
    if not _goes_on(state["optimiser"], parts["model"]) or set(schedule) != set(parts["schedule"].state_dict()):
        return "is damaged, or of another version of this loop"
    if schedule["last_epoch"] != (steps := len(state["losses"])):  # torch calls each step of a schedule an epoch
        return f"is damaged: it has {steps} losses, and the learning rate of step {schedule['last_epoch']}"
    return ""


def _shape(value: object) -> str:
    return str(tuple(value.shape)) if isinstance(value, torch.Tensor) else "nothing"


def _goes_on(state: dict[str, Any], model: torch.nn.Module) -> bool:
    """Say whether an optimiser of the model could go on from a state, by trying it on one that nobody uses."""
    trial = torch.optim.AdamW(model.parameters())
    try:
        trial.load_state_dict(state)
        moments = [(moment[name], each) for each, moment in trial.state.items() for name in ("exp_avg", "exp_avg_sq")]
        return all(moment.shape == parameter.shape for moment, parameter in moments)
    except (AttributeError, KeyError, TypeError, ValueError):
        return False


def resume(state: Mapping[str, Any] | None, parts: dict[str, Any]) -> tuple[list[float], float]:
    """Load what was saved, and return the losses and the seconds up to it."""
    if state is None:
        return [], 0.0
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return state["losses"], state["seconds"]
