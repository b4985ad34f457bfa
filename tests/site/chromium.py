"""A Chromium for the tests: found on this machine, or installed where that is allowed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SHELLS = ("chromium-headless-shell", "chrome-headless-shell")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = (
    "--no-sandbox",  # as root, in containers
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--use-fake-device-for-media-stream",  # a camera that films a moving figure,
    "--use-fake-ui-for-media-stream",  # and that a page is given without a question
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",  # the network is cut
)
REMEDY = (
    "The browser tests need a Chromium and found none. Do one of these: install your system's chromium package; "
    f"run `{Path(sys.executable).parent / 'playwright'} install chromium`; or set BOOK_CHROMIUM to the path of one."
)


def find_headless(playwright) -> str | None:
    """Return the path of a Chromium that has no windows, which opens a page in half the time, or else of any."""
    if not os.environ.get("BOOK_CHROMIUM"):
        found = headless_shell(playwright)
        if found is None:
            install("chromium-headless-shell")
            found = headless_shell(playwright)
        if found:
            return found
    return find_chromium(playwright)


def headless_shell(playwright) -> str | None:
    """Return the system's, or the one that `playwright install chromium` puts beside the whole browser."""
    for candidate in map(shutil.which, SHELLS):
        if candidate:
            return candidate
    for folder in Path(playwright.chromium.executable_path).parents:
        if folder.name.startswith("chromium-"):
            beside = folder.with_name(folder.name.replace("chromium-", "chromium_headless_shell-"))
            found = (path for path in beside.glob("*/*headless*shell*") if path.suffix in ("", ".exe"))
            return str(next(found, "")) or None
    return None


def find_chromium(playwright) -> str | None:
    """Return the path of a Chromium: BOOK_CHROMIUM, the system's, Playwright's own, or one installed just now."""
    own = playwright.chromium.executable_path
    for candidate in (os.environ.get("BOOK_CHROMIUM"), *map(shutil.which, NAMES), own):
        if candidate and Path(candidate).exists():
            return candidate
    install("chromium")
    return shutil.which("chromium")


def install(package: str) -> None:
    """Install a package of Debian's where we are root on a Debian: a container, not somebody's desktop."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if not (is_root and shutil.which("apt-get") and is_debian()):
        return
    import fcntl

    with Path(tempfile.gettempdir(), f"installing-{package}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes, and all want a browser
        if shutil.which(package):
            return
        print(f"installing {package} with apt-get for the browser tests ...", flush=True)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "-y", "--no-install-recommends", package]):
            subprocess.run(["apt-get", "-q", *command], env=environment, check=False, **quiet)


def is_debian() -> bool:
    # Ubuntu's package of that name only points to a snap, which containers cannot run.
    release = Path("/etc/os-release")
    return release.exists() and "\nID=debian" in "\n" + release.read_text(encoding="utf8")
