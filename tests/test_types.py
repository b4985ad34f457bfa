"""What an editor sees: pyright completes the public names, and finds a wrong type and an unknown name."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

GOOD = """
from mobilenet_lib import Cost, InvertedResidual, MobileNetV2, cost, measure, specs

block = InvertedResidual(24, 144, 24, stride=1)
reveal_type(block)
reveal_type(cost.inverted_residual(24, 144, 24, size=(56, 56)))
reveal_type(cost.inverted_residual)
reveal_type(cost.mobilenet_v2_layers()[0].inputs)
reveal_type(specs.dilate(specs.v2_blocks())[0][0])
both: Cost = cost.mobilenet_v1(resolution=160) + measure.cost(MobileNetV2(in_channels=1), (1, 1, 224, 224))
"""
SEEN = [
    'Type of "block" is "ConvDepthwiseConv"',
    'Type of "cost.inverted_residual(24, 144, 24, size=(56, 56))" is "Cost"',
    'Type of "cost.inverted_residual" is "(in_channels: int, mid_channels: int, out_channels: int, '
    'size: int | tuple[int, int], kernel_size: int = 3, stride: int = 1, dilation: int = 1) -> Cost"',
    'Type of "cost.mobilenet_v2_layers()[0].inputs" is "int"',
    'Type of "specs.dilate(specs.v2_blocks())[0][0]" is "V2Block"',
]

# What is wrong in a line, and pyright's name for it.
WRONG = {
    "InvertedResidual(24, '144', 24)": "reportArgumentType",
    "InvertedResidual(24, 144, 24, strides=1)": "reportCallIssue",
    "InvertedResidual(24)": "reportCallIssue",
    "cost.inverted_residual(24, 144, 24, size='56')": "reportArgumentType",
    "cost.mobilenet_v2(spec=6)": "reportArgumentType",
    "cost.inverted_residuals(24, 144, 24, size=56)": "reportAttributeAccessIssue",
    "cost.mobilenet_v2().mac": "reportAttributeAccessIssue",
    "MobileNetV2(width_mult='1')": "reportArgumentType",
    "specs.v2_spec(expansion=None)": "reportArgumentType",
}


HEAD = "from mobilenet_lib import InvertedResidual, MobileNetV2, cost, specs\n"
PROGRAMS = {
    "good": GOOD,
    "wrong": HEAD + "\n".join(WRONG) + "\nfrom mobilenet_lib import InvertedResiduals\n",
}


@pytest.fixture(scope="module")
def findings(tmp_path_factory, root):
    """Return pyright's findings in each of the programs, as they would be written beside the library."""
    folder = tmp_path_factory.mktemp("types")
    for name, program in PROGRAMS.items():
        (folder / f"{name}.py").write_text(program)
    settings = {"extraPaths": [str(root)], "typeCheckingMode": "basic", "include": ["*.py"]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "--project", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["generalDiagnostics"]
    return {name: [one for one in found if Path(one["file"]).stem == name] for name in PROGRAMS}


def test_an_editor_knows_what_comes_out(findings):
    assert [one for one in findings["good"] if one["severity"] == "error"] == []
    assert [one["message"] for one in findings["good"]] == SEEN


def test_an_editor_reports_what_is_wrong(findings):
    rules = {one["range"]["start"]["line"]: one["rule"] for one in findings["wrong"] if one["severity"] == "error"}
    expected = [*WRONG.values(), "reportAttributeAccessIssue"]
    assert rules == dict(enumerate(expected, start=1))
