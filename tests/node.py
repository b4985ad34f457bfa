"""Runs the explorables' JavaScript in node."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import nodejs

EXPORT = "export default { render };"


def node() -> str:
    """Return a node binary."""
    return nodejs.binary()


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


def answers(name: str, cases: list) -> list:
    """Run a function of the pages' own script about predictions and answers in node, once per case."""
    source = (Path(__file__).parents[1] / "book" / "static" / "answers_more.js").read_text(encoding="utf8")
    script = f"""
        globalThis.document = {{ querySelectorAll: () => [], querySelector: () => null }};
        globalThis.bookAnswers = {{ page: "p", store: {{}} }};
        new Function({json.dumps(source)})();
        let input = "";
        process.stdin.on("data", (chunk) => (input += chunk));
        process.stdin.on("end", () =>
          console.log(JSON.stringify(JSON.parse(input).map((args) => bookAnswers[{json.dumps(name)}](...args)))));
    """
    done = run(node(), "--input-type=commonjs", "--eval", script, input=json.dumps(cases))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
