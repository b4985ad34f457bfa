"""Runs the explorables' JavaScript in a node that stays open: to start one takes longer than most questions."""

from __future__ import annotations

import atexit
import json
import subprocess
import tempfile
import threading
from functools import cache
from pathlib import Path

import nodejs

EXPORT = "export default { render };"
ROOT = Path(__file__).parent.parent
SECONDS = 120  # after which a question has no answer


def node() -> str:
    """Return a node binary."""
    return nodejs.binary()


def run(*command: str, input: str | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, input=input, capture_output=True, text=True, encoding="utf8", timeout=SECONDS, cwd=ROOT
    )


class Open:
    """A node that answers one question after the other, each with modules of its own (node.mjs)."""

    def __init__(self, *arguments: str):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [node(), str(Path(__file__).with_suffix(".mjs")), *arguments],
            **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.errors, "cwd": ROOT},
        )
        atexit.register(self.close)

    def ask(self, question: str) -> dict:
        """Ask one question, in JSON, and return the answer: a "value" or an "error"."""
        assert self.process.stdin and self.process.stdout
        clock = threading.Timer(SECONDS, self.process.kill)
        clock.start()
        try:
            self.process.stdin.write(question.encode() + b"\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = b""
        finally:
            clock.cancel()
        return json.loads(line) if line else {"error": f"node has ended: {self.close()}"}

    def close(self) -> str:
        """End the process, and return what it has complained about."""
        if self.errors.closed:
            return ""
        self.process.kill()
        self.process.communicate()
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace").strip()
        self.errors.close()
        return said

    @property
    def is_open(self) -> bool:
        return not self.errors.closed


@cache
def _opened(*arguments: str) -> list[Open]:
    return [Open(*arguments)]


def ask(question: str, *arguments: str):
    """Ask a node that stays open, with what it is started with, and return its answer; an error is a RuntimeError."""
    kept = _opened(*arguments)
    if not kept[0].is_open:
        kept[0] = Open(*arguments)
    answer = kept[0].ask(question)
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer["value"]


def javascript(source: str, function: str, cases: list) -> list:
    """Run a plain function of an explorable's source in node, once per case, and return its results."""
    question = {"do": "call", "source": source.removesuffix(EXPORT), "expression": function, "cases": cases}
    return ask(json.dumps(question))


def draw(given: str) -> list[dict]:
    """Draw figures, given in JSON, where there is a page for them that is not there."""
    return ask(f'{{"do": "draw", "figures": {given}}}', "page")


def press(case: dict) -> dict:
    """Press every key on every slider of a figure, in every state that can be reached."""
    return ask(json.dumps({"do": "press", **case}), "page")


def esm(explorable: type) -> str:
    return str(explorable._esm).rstrip()


def answers(function: str, cases: list) -> list:
    """Run a function in node, once per case: one that the pages' script about answers names, or one that asks it."""
    source = (ROOT / "book" / "static" / "answers_more.js").read_text(encoding="utf8")
    page = f"""
        globalThis.document = {{ querySelectorAll: () => [], querySelector: () => null }};
        globalThis.bookAnswers = {{ page: "p", store: {{}} }};
        new Function({json.dumps(source)})();
    """
    return javascript(page, function if "=>" in function else f"bookAnswers.{function}", cases)
