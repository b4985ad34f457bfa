"""What the pages on the library show as code runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import mobilenet_lib

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "reference" / "api.md", *sorted((ROOT / "reference" / "api").glob("*.md"))]
PROGRAMS = {
    path.stem: "\n".join(re.findall(r"```python\n(.*?)```", path.read_text("utf8"), re.DOTALL)) for path in PAGES
}
NAMED = re.compile(
    r"`((?:cost|measure|roofline|datasets|training|experiments|figures|palette|published|quiz|Roofline)\.\w+)`"
)


@pytest.mark.parametrize("name", [name for name, program in PROGRAMS.items() if program])
def test_a_pages_code_runs(name, capsys):
    names = {each: getattr(mobilenet_lib, each) for each in mobilenet_lib.__all__}
    exec(PROGRAMS[name], {**names, "torch": torch})


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_guide_names_what_is_there(path):
    for words in re.findall(NAMED, path.read_text(encoding="utf8")):
        room, _, name = words.partition(".")
        home = mobilenet_lib.roofline.Roofline if room == "Roofline" else getattr(mobilenet_lib, room)
        assert hasattr(home, name), words
