"""Run the library's tests and every chapter on old and new Pythons and packages: `make test-matrix`.

For each Python that is found, two environments are made, one after the other, outside of the checkout: with the oldest
versions that requirements.txt allows and that exist for this Python, and with the newest. In each the
tests run that need no built site; they execute every chapter. What passed stands then in CONTRIBUTING.md.

    python tests/matrix.py [--pythons 3.10 3.14] [--ends oldest newest] [--keep] [--write]
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
PINNED = ("torchvision", "matplotlib", "ipywidgets", "anywidget", "torchinfo", "timm", "ptflops")
SHOWN = ("torch", "torchvision", "numpy", "matplotlib", "ipywidgets", "anywidget", "timm")
PLACE = re.compile(r"(<!-- matrix: [^\n]*-->\n).*?(<!-- end of matrix -->)", re.DOTALL)


class Outcome(NamedTuple):
    """One environment: what was in it, and how its tests ended."""

    python: str
    end: str
    versions: dict[str, str]
    result: str
    minutes: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pythons", nargs="+", default=PYTHONS)
    parser.add_argument("--ends", nargs="+", default=("oldest", "newest"), choices=("oldest", "newest"))
    parser.add_argument("--keep", action="store_true", help="keep the environments, several GB each")
    parser.add_argument("--write", action="store_true", help="write the table into CONTRIBUTING.md")
    options = parser.parse_args()
    outcomes = []
    for version in options.pythons:
        python = find_python(version)
        if python is None:
            print(f"Python {version}: not on this machine")
            continue
        for end in options.ends:
            outcomes.append(try_out(python, version, end, options.keep))
            print(table(outcomes[-1:]).splitlines()[-1], flush=True)
            if options.write:  # at once: who breaks off after an hour has what was found
                page = ROOT / "CONTRIBUTING.md"
                text = page.read_text(encoding="utf8")
                page.write_text(PLACE.sub(rf"\g<1>{table(outcomes)}\g<2>", text), encoding="utf8")
    print("\n" + table(outcomes))
    return any("failed" in outcome.result or "error" in outcome.result for outcome in outcomes)


def find_python(version: str) -> str | None:
    """Return an interpreter of that version: on the PATH, or among pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for candidate in (shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True)):
        asked = candidate and subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
        if asked and asked.stdout.startswith(f"Python {version}."):  # pyenv's shims only say that they could
            return str(candidate)
    return None


def try_out(python: str, version: str, end: str, keep: bool) -> Outcome:
    """Make one environment with a copy of the checkout, and run the tests in it."""
    start = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix=f"matrix-{version}-{end}-"))
    print(f"Python {version}, {end}: {folder}", flush=True)
    try:
        copy = copy_checkout(folder / "book")  # without _build, whose cache has what another Python computed
        subprocess.run([python, "-m", "venv", folder / "venv"], check=True)
        own = str(folder / "venv" / "bin" / "python")
        constraints = folder / "constraints.txt"
        constraints.write_text("".join(oldest(own)) if end == "oldest" else "", encoding="utf8")
        log = folder / "install.log"
        install = [own, copy / "book/tools/install.py", "-r", copy / "requirements.txt", "-e", copy, "-c", constraints]
        with log.open("w") as output:
            done = subprocess.run(install, stdout=output, stderr=output, check=False)
        if done.returncode:
            print(log.read_text()[-2000:])
            return Outcome(version, end, {}, "does not install", (time.monotonic() - start) / 60)
        result = run_tests(own, copy, end)
        return Outcome(version, end, versions(own), result, (time.monotonic() - start) / 60)
    finally:
        if not keep:
            shutil.rmtree(folder)


def copy_checkout(target: Path) -> Path:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    subprocess.run(["git", "init", "--quiet", target], check=True)  # git is asked what it ignores
    return target


def oldest(python: str) -> list[str]:
    """Return, for each main package, the oldest version that is allowed and has a wheel for this Python."""
    allowed = (ROOT / "requirements.txt").read_text(encoding="utf8")
    lines = []
    for name in PINNED:
        floor = key(re.search(rf"^{name}>=([\d.]+)", allowed, re.MULTILINE)[1])
        said = subprocess.run([python, "-m", "pip", "index", "versions", name], capture_output=True, text=True)
        known = re.findall(r"\d+(?:\.\d+)+", said.stdout.partition("Available versions:")[2].partition("\n")[0])
        fitting = sorted((number for number in known if key(number) >= floor), key=key)
        found = next((number for number in fitting if has_wheel(python, name, number)), None)
        if found:
            lines.append(f"{name}=={found}\n")
        if found and name == "torchvision":  # 0.23 wants torch 2.8, and so on; pip would download all in between
            lines.append(f"torch==2.{key(found)[1] - 15}.*\n")
    return lines


def has_wheel(python: str, name: str, number: str) -> bool:
    """Say whether a version needs no compiler: who has an old one has had it for long, and did not compile it today."""
    command = [python, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-deps", "--only-binary=:all:"]
    return subprocess.run([*command, f"{name}=={number}"], capture_output=True, check=False).returncode == 0


def key(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.strip(".").split(".")))


def run_tests(python: str, copy: Path, end: str) -> str:
    """Run the tests that need no site, and return pytest's last line."""
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile"]
    command += ["--ignore=tests/site", "--ignore=tests/engines", "mobilenet_lib", "tests"]
    if end == "oldest":  # old packages warn of what newer ones beside them have given up
        command += ["-W", "ignore::DeprecationWarning", "-W", "ignore::FutureWarning"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout + done.stderr)
    last = re.findall(r"\d+ (?:passed|failed|errors?|skipped|xfailed|deselected)", done.stdout.splitlines()[-1])
    return ", ".join(last) or f"error: pytest ended with {done.returncode}"


def versions(python: str) -> dict[str, str]:
    code = f"from importlib.metadata import version\nfor name in {SHOWN!r}: print(version(name))"
    said = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout
    return dict(zip(SHOWN, said.split(), strict=True))


def table(outcomes: list[Outcome]) -> str:
    """Return the outcomes as a Markdown table."""
    lines = ["| Python | packages | " + " | ".join(SHOWN) + " | tests |", "|:--|:--|" + ":--|" * len(SHOWN) + ":--|"]
    for each in outcomes:
        numbers = " | ".join(each.versions.get(name, "").partition("+")[0] for name in SHOWN)
        lines.append(f"| {each.python} | {each.end} | {numbers} | {each.result} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
