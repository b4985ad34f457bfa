"""Each chapter says what its reader will be able to do, and each of these has a section where it is done.

A section does something if it has code or an exercise. The table below sets each objective against its sections by
name. For a chapter that it does not know yet, an objective's own words must come up in one or two sections.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
HIDDEN = {"setup", "remove-cell", "book-only"}

# For each objective, in the order of the chapter's first box, the headings below which it is met.
MET = {
    "01_standard_convolution": [
        ["What does one output value cost?", "Look at it"],
        ["What does the whole layer cost?", "Is the formula right?", "How many parameters?", "Stride and padding"],
        ["Reading torchinfo, line by line"],
    ],
    "02_counting": [
        ["Five things one can count", "Memory: what must exist at once"],
        ["fvcore", "torchinfo", "PyTorch's own counter"],
        ["All of them at once", "Exercises"],
    ],
    "03_depthwise_separable_convolution": [
        ["What does `groups` do?"],
        ["Derive the saving", "Measure it"],
        ["Why is the 1×1 convolution fast?"],
        ["What is lost?"],
        ["What does a real network learn?"],
    ],
    "04_mobilenet_v1": [
        ["Build it"],
        ["Table 2: where the work is"],
        ["Two multipliers", "Set both multipliers"],
        ["A misprint, found by its shapes", "Table 4: with and without depthwise layers"],
    ],
    "05_linear_bottleneck": [
        ["Numbers on a phone come in steps", "Loud channels"],
        ["What does ReLU6 cut off?", "Then what is the 6 for?"],
        ["A curve through a thin layer", "Why one half?"],
        ["When is a point lost?", "What it says about the block", "The same on the trained network"],
    ],
    "06_inverted_residual": [
        ["Two shapes", "Build the block"],
        ["When does the residual exist?", "Three faults of the minimal version"],
        ["What does it cost?", "Take it in your hands", "Exercises"],
        ["Take the trained network apart", "Break it yourself"],
    ],
    "07_mobilenet_v2": [
        ["Table 2: seven rows", "Exercises"],
        ["The network at work", "What a wrong preparation does"],
        ["Which places speak for the answer?", "Four times as many places, from the same weights"],
        ["Table 4: what it costs, what it reaches", "Table 3: memory"],
        ["How much memory at once?"],
        ["Where does the saving come from?"],
    ],
    "08_reading_timm": [
        ["The block", "Many arguments"],
        ["The network as strings", "From the strings to the network", "Exercises"],
        ["Width and depth", "Strides become dilations"],
        ["Weights", "A photograph, named"],
        ["The same block, another table"],
    ],
    "09_fewer_macs_faster": [
        ["Measure once, measure six times", "Nine times fewer"],
        ["First reason: what has to move"],
        ["The roof of this machine", "Second and third reason: the order, and the program"],
        ["Measure once, measure six times", "A trap: fresh memory", "A trap: more threads"],
        ["V1, V2, and a standard twin", "Do MACs predict time?"],
    ],
    "10_training_and_ablations": [
        ["The loop", "One run"],
        ["Twins: what must be equal", "The paper's ablations"],
        ["Pairs, and an interval"],
        [
            "Trap one: two changes at once",
            "Trap two: a benchmark that is too easy",
            "Trap three: MACs mistaken for seconds",
        ],
    ],
    "11_beyond": [
        ["Dilation: look further with the same weights", "Exercises"],
        ["Output stride: keep the map large"],
        ["How far does one output value see?", "What it sees, and what it uses"],
        ["Squeeze-and-excitation: weigh the channels", "h-swish: a curve without an exponential"],
        ["Heads that give each pixel a class", "Watch a mask improve"],
    ],
    "12_shipping": [
        ["BatchNorm disappears", "A trap in timm"],
        ["Out of Python", "One file for many machines"],
        ["Eight bits", "Does the network still agree with itself?"],
        ["Equal ranges, for free", "Biases that take an error back", "Channel by channel"],
        ["The table"],
    ],
    "13_transfer_learning": [
        ["Frozen features", "A linear head", "How few are enough?", "Train the rest as well"],
        ["How few are enough?", "Which block's features?"],
        ["Train the rest as well"],
        ["Where it goes wrong", "Exercises"],
        ["Your own pictures"],
    ],
    "14_after_v2": [
        ["Faster, but where?", "Searching for milliseconds", "Cheap channels"],
        ["A gate and a curve"],
        ["Scaling everything at once"],
        ["Many branches to train, one to ship", "Exercises"],
        ["One frame for four blocks", "Exercises"],
        ["What predicts time?"],
        ["A builder of your own"],
    ],
}
COMMON = {"about", "after", "before", "between", "chapter", "every", "explain", "first", "least", "numbers", "other"}
COMMON |= {"predict", "their", "there", "these", "where", "which", "without", "would", "yourself"}


def objectives(path: Path) -> list[str]:
    """Return the bullets of the box in the cell with the title."""
    first = next(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.source.startswith("# "))
    box = re.search(r"What you will be able to do\n:class: tip\n(.*?)\n\n", first, re.DOTALL)
    assert box, "the cell with the title says what the reader will be able to do"
    return re.findall(r"^- (.*)$", box[1], re.MULTILINE)


def sections(path: Path) -> dict[str, tuple[str, bool]]:
    """Return what stands below each heading: its words and code, and whether it does something."""
    found: dict[str, tuple[str, bool]] = {}
    heading = ""
    for cell in nbformat.read(path, as_version=4).cells:
        if HIDDEN & set(cell.metadata.get("tags", [])) - {"remove-cell"} or "speaker" in cell.metadata.get("tags", []):
            continue
        parts = re.split(r"^#{2,3} (.+)$", cell.source, flags=re.MULTILINE) if cell.cell_type == "markdown" else []
        does = cell.cell_type == "code" or "{exercise}" in cell.source
        for title in parts[1::2]:
            heading = title
        words, done = found.get(heading, ("", False))
        found[heading] = words + " " + cell.source, done or does
    return found


@pytest.mark.parametrize("path", CHAPTERS, ids=[path.stem for path in CHAPTERS])
def test_every_objective_is_met_in_a_section_that_does_something(path):
    said, found = objectives(path), sections(path)
    assert said
    if path.stem in MET:
        assert len(said) == len(MET[path.stem])
        for objective, headings in zip(said, MET[path.stem], strict=True):
            assert headings, objective
            for heading in headings:
                assert heading in found, (objective, heading, list(found))
            assert any(found[heading][1] for heading in headings), objective
        return
    texts = [words for words, does in found.values() if does]
    for objective in said:
        best = max(met(objective, one + " " + other) for one, other in itertools.combinations(texts, 2))
        assert best >= 0.4, (objective, best)


def met(objective: str, words: str) -> float:
    """Return the share of an objective's own words that come up in a section, by their first five letters."""
    own = {word[:5] for word in re.findall(r"[a-z]{5,}", objective.lower()) if word not in COMMON}
    there = {word[:5] for word in re.findall(r"[a-z]{5,}", words.lower())}
    return len(own & there) / len(own)


def test_an_objective_without_a_section_is_found():
    assert met("export a network with torch.export", "We fold a BatchNorm into the layer.") < 0.5
    assert met("fold a BatchNorm by hand", "We fold a BatchNorm into the layer.") == 1
