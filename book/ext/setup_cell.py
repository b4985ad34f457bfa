# @title Set up: run this cell first
# Writes the book's library, as files you can read and change, into the folder mobilenet_book beside this notebook,
# and installs what is missing here. Where everything is there already, nothing is fetched.
import base64
import hashlib
import importlib.metadata
import importlib.util
import io
import subprocess
import sys
import tarfile
from pathlib import Path

SHA256 = ""
NEEDS = {}  # module: the package that brings it
KEEP = "torch", "torchvision", "numpy", "ipywidgets", "ipython", "ipykernel"  # never replaced under a running notebook
LIBRARY = """
"""

archive = base64.b64decode(LIBRARY)
if hashlib.sha256(archive).hexdigest() != SHA256:
    raise ValueError("The library in this cell is damaged. Download the notebook again.")
folder = Path("mobilenet_book").resolve()
stamp = folder / f"{SHA256[:16]}.unpacked"
if not stamp.exists():  # else it is there, perhaps with changes of yours
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:xz") as files:
        files.extractall(folder, filter="data")
    stamp.touch()
if str(folder) not in sys.path:
    sys.path.insert(0, str(folder))

if importlib.util.find_spec("torch") is None:
    raise ModuleNotFoundError("PyTorch is not installed here; https://pytorch.org/get-started says how to install it.")
missing = [package for module, package in NEEDS.items() if importlib.util.find_spec(module) is None]
if missing:
    there = {dist.metadata["Name"].lower(): dist.version for dist in importlib.metadata.distributions()}
    constraints = folder / "constraints.txt"
    constraints.write_text("".join(f"{name}=={there[name]}\n" for name in KEEP if name in there))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", str(constraints), *missing]
    if subprocess.run(pip).returncode:
        raise ModuleNotFoundError(f"{', '.join(missing)} could not be installed; see above. Is there a connection?")
    importlib.invalidate_caches()

from mobilenet_lib import reveal
