"""Formulas: drawn by KaTeX during the build, and checked. They stay with what touches them, and a % with its number.

A number that a cell has glued gets the minus sign that formulas and figures have.
"""

from __future__ import annotations

import re
from typing import Any

import nodejs
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinxcontrib import katex

from mobilenet_lib.course.numbers import signed

LOGGER = logging.getLogger(__name__)
LONG = 40  # characters of TeX; a longer formula must be free to break on a phone
BEHIND = re.compile(r"^[.,:;!?)\]’”%-]+")
BEFORE = re.compile(r"[(\[“‘]+$")
PERCENT = re.compile(r"(?:(?<=[\d)])|^) (?=%)")  # behind a number, or behind an element that holds one
AS_IT_IS = (nodes.literal, nodes.FixedTextElement, nodes.math)


# KaTeX's server


def prepare_katex(app: Sphinx, config: Any) -> None:
    """Say which node draws, and how long it may take; sphinxcontrib-katex has no settings for either."""
    # pip's `node` is a Python wrapper that leaves the real process behind when it is stopped, and with it an
    # open pipe: `make book | cat` would hang.
    katex.NODEJS_BINARY = nodejs.binary()
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = 60  # seconds; five are not enough on a busy machine


# In the pages


def check_formulas(app, pagename, templatename, context, doctree) -> None:
    """Warn, and so fail the strict build, where KaTeX could not read a formula."""
    for title in re.findall(r'class="katex-error" title="([^"]*)"', context.get("body", "")):
        LOGGER.warning("KaTeX cannot read a formula: %s", title, location=pagename)


class ClosedFormulas(SphinxPostTransform):
    """Put a short formula and the punctuation that touches it into one element, which the style sheet keeps whole.

    A browser may break a line on either side of a formula, and a line that begins with a full stop looks like a
    mistake.
    """

    default_priority = 900  # nothing looks at the texts any more
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Look at every formula in a line of text."""
        for formula in list(self.document.findall(nodes.math)):
            place = formula.parent.index(formula)
            siblings = formula.parent.children
            before, behind = (siblings[i] if 0 <= i < len(siblings) else None for i in (place - 1, place + 1))
            opening = BEFORE.search(before) if isinstance(before, nodes.Text) else None
            closing = BEHIND.match(behind) if isinstance(behind, nodes.Text) else None
            if len(formula.astext()) > LONG or not (opening or closing):
                continue
            parent, whole = formula.parent, nodes.inline(classes=["mn-whole"])
            if closing:
                parent.replace(behind, nodes.Text(behind[closing.end() :]))
            if opening:
                parent.replace(before, nodes.Text(before[: opening.start()]))
            parent.replace(formula, whole)
            whole += [nodes.Text(opening[0])] if opening else []
            whole += formula
            whole += [nodes.Text(closing[0])] if closing else []


class WholePercents(SphinxPostTransform):
    """Keep a percent sign on the line of its number, in text; code stays as it can be copied."""

    default_priority = 900  # the glued numbers stand in the text
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Look at every piece of text."""
        for text in list(self.document.findall(nodes.Text)):
            if not isinstance(text.parent, AS_IT_IS) and PERCENT.search(text):
                text.parent.replace(text, nodes.Text(PERCENT.sub("\u00a0", text)))


class GluedSigns(SphinxPostTransform):
    """Write the minus sign of a number that a cell has glued into the text: Python writes a hyphen."""

    default_priority = 900  # the glued numbers stand in the text
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Look at every piece of text that was glued."""
        for glued in self.document.findall(nodes.inline):
            if "pasted-text" in glued["classes"]:
                glued.children = [nodes.Text(signed(glued.astext()))]
                glued.children[0].parent = glued


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the server, the check and the transforms."""
    app.connect("config-inited", prepare_katex)
    app.connect("html-page-context", check_formulas)
    app.add_post_transform(ClosedFormulas)
    app.add_post_transform(WholePercents)
    app.add_post_transform(GluedSigns)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
