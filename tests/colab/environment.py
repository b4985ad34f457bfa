"""An environment like Colab's, made once and kept: no library of ours, no checkout, an older ipywidgets.

It stands in the user's cache folder (COLAB_ENVIRONMENTS names another), because PyTorch is most of it: 4.8 GB on Linux,
where the default build brings CUDA along, as Colab's does.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

# What Colab has, and in which version. torchinfo and fvcore are not among it: the first cell of a notebook brings them.
PINS = [
    "anywidget==0.9.21",
    "ipykernel==6.17.1",
    "ipython==7.34.0",
    "ipywidgets==7.7.1",
    "matplotlib==3.10.*",
    "numpy==2.1.*",
    "setuptools",  # IPython 7 imports it
    "timm==1.0.28",
    "torch==2.11.0",
    "torchvision==0.26.0",
]
VERSIONS = ("3.13", "3.12", "3.11")


def interpreter() -> str:
    """Return the newest Python there is of those that Colab has had."""
    for version in VERSIONS:
        found = shutil.which(f"python{version}")
        if found and runs(found):  # pyenv puts names on the PATH that run only where a version is chosen
            return found
        home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
        for path in sorted(home.glob(f"{version}.*/bin/python"), reverse=True):
            if runs(str(path)):
                return str(path)
    return sys.executable


def runs(python: str) -> bool:
    return subprocess.run([python, "-c", "import lzma, ssl, venv"], capture_output=True).returncode == 0


def version_of(python: str) -> str:
    return subprocess.run(
        [python, "-c", "import platform; print(platform.python_version())"], capture_output=True, text=True, check=True
    ).stdout.strip()


def colab_python() -> Path:
    """Return the Python of the environment; the first call makes it, which takes some minutes."""
    base = interpreter()
    name = hashlib.sha256("\n".join([version_of(base), *PINS]).encode()).hexdigest()[:10]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "mobilenet-book")
    folder = Path(os.environ.get("COLAB_ENVIRONMENTS") or cache, f"colab-{version_of(base)}-{name}")
    python = folder / "bin" / "python"
    if (folder / "ready").exists():
        return python
    print(f"making {folder}, like Colab's; PyTorch is large ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([base, "-m", "venv", folder], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINS], check=True)
    (folder / "ready").touch()
    return python


def forget(python: Path, packages: tuple[str, ...]) -> None:
    """Take out what an earlier run has installed."""
    subprocess.run([python, "-m", "pip", "uninstall", "--quiet", "--yes", *packages], capture_output=True, check=True)
