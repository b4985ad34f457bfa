# @title Set up: run this cell first
# Puts the book's library into the folder mobilenet_book beside this notebook, as files you can read and change, unless
# a library of that name is installed here. Then it installs what this chapter needs and is missing.
import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path

VERSION = ""
SHA256 = ""
NEEDS = {}  # module: the package that brings it
KEEP = "torch", "torchvision", "numpy", "ipywidgets", "ipython", "ipykernel"  # never replaced under a running notebook
# <address>
WHEEL = ""
# </address>
# <alone>
LIBRARY = """
"""
# </alone>


def pip(*what):
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
    if subprocess.run(command).returncode:
        raise ModuleNotFoundError(f"{what[-1]} could not be installed; see above. Is there a connection?")
    importlib.invalidate_caches()


folder = Path("mobilenet_book").resolve() / VERSION
if str(folder) in sys.path or importlib.util.find_spec("mobilenet_lib") is None:
    # <address>
    if not (folder / "mobilenet_lib").exists():  # else it is there, perhaps with changes of yours
        beside = Path("..", "wheels", WHEEL.rpartition("/")[2]).resolve()  # in a copy of the whole site
        source = beside.as_uri() if beside.exists() else WHEEL
        pip("--no-deps", "--target", str(folder), f"mobilenet-lib @ {source}#sha256={SHA256}")
    # </address>
    # <alone>
    import base64
    import hashlib
    import io
    import tarfile

    archive = base64.b64decode(LIBRARY)
    if hashlib.sha256(archive).hexdigest() != SHA256:
        raise ValueError("The library in this cell is damaged. Download the notebook again.")
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:xz") as files:
        new = [file for file in files if not (folder / file.name).exists()]  # what you have changed stays
        files.extractall(folder, new, filter="data")
    # </alone>
    if others := [path.name for path in folder.parent.iterdir() if path.is_dir() and path.name != VERSION]:
        print(f"This notebook uses {folder}. Changes of yours in {', '.join(others)}, if any, do not count here.")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
else:
    print("The library is installed here:", importlib.util.find_spec("mobilenet_lib").origin)

if importlib.util.find_spec("torch") is None:
    raise ModuleNotFoundError("PyTorch is not installed here; https://pytorch.org/get-started says how to install it.")
missing = [package for module, package in NEEDS.items() if importlib.util.find_spec(module) is None]
if missing:
    there = {dist.metadata["Name"].lower(): dist.version for dist in importlib.metadata.distributions()}
    folder.mkdir(parents=True, exist_ok=True)
    constraints = folder / "constraints.txt"
    constraints.write_text("".join(f"{name}=={there[name]}\n" for name in KEEP if name in there))
    pip("--constraint", str(constraints), *missing)

from IPython import get_ipython

from mobilenet_lib import reveal

if shell := get_ipython():  # a blank shows nothing
    shell.display_formatter.ipython_display_formatter.for_type(type(...), lambda blank: None)
