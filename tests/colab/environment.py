"""An environment like Colab's, made once and kept: no library of ours, no checkout, an older ipywidgets.

It stands in the user's cache folder (COLAB_ENVIRONMENTS names another), because PyTorch is most of it: 4.8 GB on Linux,
where the default build brings CUDA along, as Colab's does. This file run by itself makes it and no more, with any
Python, so that it can come while the book is built.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

INSTALL = Path(__file__).resolve().parents[2] / "book" / "tools" / "install.py"
# What Colab has (googlecolab/backend-info is its list), as far as a notebook imports it. fvcore, torchinfo and what
# speaks ONNX are not among it: the first cell of a notebook brings them.
PINS = [
    "anywidget==0.9.21",
    "ipykernel==6.17.1",
    "ipython==7.34.0",
    "ipywidgets==7.7.1",
    "matplotlib==3.10.*",
    "mlxtend==0.23.4",
    "numpy==2.1.*",
    "scikit-image==0.25.2",
    "scikit-learn==1.6.1",
    "scipy==1.16.3",
    "setuptools",  # IPython 7 imports it
    "timm==1.0.28",
    "torch==2.11.0",
    "torchvision==0.26.0",
]
VERSIONS = ("3.13", "3.12", "3.11")
# The classic Notebook, with the front end of Colab's ipywidgets: a small environment of its own, whose kernels are the
# other's. Its pyzmq has no wheels for newer Pythons.
CLASSIC_PINS = ["anywidget==0.9.21", "ipywidgets==7.7.1", "notebook==6.5.7", "setuptools<81"]
CLASSIC_VERSIONS = ("3.11", "3.10")


def interpreter(versions: tuple[str, ...] = VERSIONS) -> str:
    """Return the newest Python there is of some versions, those that Colab has had."""
    for version in versions:
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
    return kept("colab", interpreter(), PINS)


def classic_python() -> Path:
    """Return the Python of the classic Notebook's environment; the first call makes it."""
    return kept("classic", interpreter(CLASSIC_VERSIONS), CLASSIC_PINS)


def kept(kind: str, base: str, pins: list[str]) -> Path:
    name = hashlib.sha256("\n".join([version_of(base), *pins]).encode()).hexdigest()[:10]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "mobilenet-book")
    folder = Path(os.environ.get("COLAB_ENVIRONMENTS") or cache, f"{kind}-{version_of(base)}-{name}")
    python = folder / "bin" / "python"
    with alone(folder):
        if not (folder / "ready").exists():
            print(f"making {folder}; PyTorch is large, where it is among it ...", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([base, "-m", "venv", folder], check=True)
            subprocess.run([python, INSTALL, "--quiet", *pins], check=True)
            (folder / "ready").touch()
    return python


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process makes the same folder or changes it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ModuleNotFoundError:  # on Windows, where nobody has asked for two
        yield
        return
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def layer(folder: Path, below: Path) -> Path:
    """Return the Python of a new, empty environment over another: what is installed there stays out of that one."""
    subprocess.run([below, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    (packages(python) / "below.pth").write_text(f"{packages(below)}\n")
    return python


def packages(python: Path) -> Path:
    command = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())


if __name__ == "__main__":
    colab_python()
    classic_python()
