"""What the library depends on, and its extras, read from requirements.txt: they are written down once, there."""

import re
from pathlib import Path

from setuptools import setup

TEXT = Path(__file__).with_name("requirements.txt").read_text(encoding="utf8")
PARTS = dict(re.findall(r"^# \[(\w+)\].*\n((?:[^#\n].*\n)*)", TEXT, re.MULTILINE))


def part(name: str) -> list[str]:
    """Return the requirements below `# [name]`, without their remarks."""
    return [line.partition("#")[0].strip() for line in PARTS[name].splitlines()]


setup(
    install_requires=part("library"),
    extras_require={name: part(name) for name in ("notebooks", "shipping", "training")},
)
