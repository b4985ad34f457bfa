"""Run notebooks in an environment like Colab's, in an empty folder."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import environment
import execution
import nbformat
import pytest

Run = Callable[[nbformat.NotebookNode], object]

KERNEL = "colab"
# Where torch may use two threads on a busy machine with two cores, they wait for each other.
QUIET = {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default", "MPLBACKEND": "agg"}
# Of what the first cells bring, few modules are imported, and those are compiled then.
QUIET["PIP_NO_COMPILE"] = "1"


@pytest.fixture(scope="session")
def pristine() -> Path:
    """Return the Python of an environment like Colab's, in which nothing is ever installed."""
    return environment.colab_python()


@pytest.fixture(scope="session")
def colab(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python over that one, known to Jupyter as a kernel: what a notebook brings stays with these tests."""
    python = environment.layer(tmp_path_factory.mktemp("colab"), pristine)
    home = tmp_path_factory.mktemp("jupyter")
    spec = home / "kernels" / KERNEL / "kernel.json"
    spec.parent.mkdir(parents=True)
    command = [str(python), "-m", "ipykernel_launcher", "--log-level=40", "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": command, "display_name": KERNEL, "language": "python"}))
    os.environ["JUPYTER_PATH"] = str(home)
    return python


@pytest.fixture
def run(colab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AbstractContextManager[Run]]:
    """Return what starts a notebook's kernel in an empty folder; inside of the `with`, it runs single cells."""
    for name in [name for name in os.environ if name.startswith(("PYTHON", "VIRTUAL_ENV"))]:
        monkeypatch.delenv(name)
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / ".ipython"))
    folder = tmp_path / "content"
    folder.mkdir()

    @contextmanager
    def started(notebook: nbformat.NotebookNode) -> Iterator[Run]:
        client = execution.client(notebook, folder, kernel_name=KERNEL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the kernel's sockets, when they are closed late
            with client.setup_kernel():
                yield lambda cell: client.execute_cell(cell, 0)  # the place is for hooks, and there are none

    return started
