"""Install packages beside the Python that runs this: with uv, in a third of pip's time, and with pip where uv cannot.

    python book/tools/install.py -r requirements.txt -e .
    python book/tools/install.py --torch-backend=cpu -r requirements.txt -e .

uv takes packages from where this machine's pip is told to, which it would not ask by itself.
"""

import os
import re
import subprocess
import sys

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
# What uv calls what pip is told about where packages come from, and what stands between two in its list.
NAMES = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "constraint": ("UV_CONSTRAINT", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "timeout": ("UV_HTTP_TIMEOUT", " "),
    "default-timeout": ("UV_HTTP_TIMEOUT", " "),
}


def settings(listed: str) -> dict[str, str]:
    """Return what `pip config list` says as the environment that has uv do the same."""
    told = dict(re.findall(r"^((?:global|install|:env:)\.[\w-]+)='(.*)'$", listed, re.MULTILINE))
    found = {"UV_INDEX_STRATEGY": "unsafe-best-match"}  # to pip no index is before another
    for part in ("global", "install", ":env:"):  # each is above those before it
        for name, (variable, between) in NAMES.items():
            if value := told.get(f"{part}.{name}"):
                found[variable] = between.join(value.replace("\\n", " ").split())
    return found


def with_uv(packages: list[str]) -> bool:
    """Install, and return whether it was done; what the reader's own environment says to uv holds."""
    listed = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True).stdout
    if subprocess.run([*PIP, "install", "--quiet", "uv"]).returncode:
        return False
    command = [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable, *packages]
    return subprocess.run(command, env=settings(listed) | os.environ).returncode == 0


def main(packages: list[str]) -> int:
    if with_uv(packages):
        return 0
    if any(word.startswith("--torch-backend") for word in packages):
        return 1  # pip does not know where that build is
    print("uv could not install; pip tries, which takes longer.", flush=True)
    return subprocess.run([*PIP, "install", "--no-compile", *packages]).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
