"""What the commands that write the book's results share: where to, and on one thread."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

DATA = Path(__file__).parents[1] / "data"


def told(
    module: str, description: str, arguments: Sequence[str] | None, options: Mapping[str, dict[str, Any]] | None = None
) -> argparse.Namespace:
    """Read a command line that has `--out` and some options of its own, and compute on one thread from here on.

    Examples
    --------
    >>> told("train", "Trains.", ["--seeds", "2"], {"--seeds": {"type": int}}).seeds
    2
    """
    parser = argparse.ArgumentParser(f"mobilenet_lib.topics.{module}", description=description)
    for name, settings in (options or {}).items():
        parser.add_argument(name, **settings)
    parser.add_argument("--out", type=_folder, default=DATA, help="folder to write to")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)  # several threads add up in another order each time
    return chosen


def _folder(name: str) -> Path:
    if not Path(name).is_dir():  # after an hour it would be too late to say so
        raise argparse.ArgumentTypeError(f"there is no folder {name}; make it first")
    return Path(name)
