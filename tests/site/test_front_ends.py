"""Every clean notebook as GitHub and VS Code parse it; real JupyterLabs and classic Notebooks are asked elsewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import front_ends
import pytest
from bs4 import BeautifulSoup
from nbconvert.filters import markdown2html
from node import node, run
from sphinxcontrib import katex

CLEAN = sorted((Path(__file__).resolve().parents[2] / "_build" / "html" / "colab").glob("*.ipynb"))
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)
TYPESET = """
const katex = require(process.argv[1]), read = require("fs").readFileSync(0, "utf8");
for (const [displayMode, text] of JSON.parse(read))
  katex.renderToString(text, { displayMode, throwOnError: true, strict: "error" });
"""

pytestmark = pytest.mark.usefixtures("site")


def test_nbconvert_makes_plain_pages_as_github_does():
    for path in CLEAN:
        front_ends.is_clean(path, lambda _, path=path: list(map(parsed, front_ends.texts(path))))


def parsed(source: str) -> dict[str, object]:
    """Return what `front_ends.SHOWN` says, of nbconvert's HTML; that leaves formulas to the browser."""
    soup = BeautifulSoup(markdown2html(source), "html.parser")
    for part in soup.select("pre, code, .anchor-link"):
        part.decompose()
    words, formulas = FORMULA.subn("", soup.get_text())
    return {
        "headings": [int(heading.name[1]) for heading in soup.find_all(re.compile(r"^h[1-6]$"))],
        "tables": [
            [len(table.find_all("tr")), len(table.select("thead > tr > th"))] for table in soup.find_all("table")
        ],
        "formulas": formulas,
        "words": words,
        "empty": not soup.get_text().strip(),
        "broken": [],
    }


def test_vs_codes_typesetter_takes_every_formula():
    """Its parser is markdown-it, which `front_ends` has, too."""
    tokens = [token for path in CLEAN for source in front_ends.texts(path) for token in front_ends.PARSER.parse(source)]
    found = [part for token in tokens for part in (token, *(token.children or [])) if part.type.startswith("math")]
    assert len(found) > 300
    formulas = [[part.type != "math_inline", part.content] for part in found]
    done = run(node(), "-e", TYPESET, str(Path(katex.__file__).with_name("katex.min.js")), input=json.dumps(formulas))
    assert done.returncode == 0, done.stderr
