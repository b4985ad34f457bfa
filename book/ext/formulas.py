"""Keep what belongs to a short formula on its line: the bracket before it, and the comma or full stop behind it.

A browser may break a line on either side of a formula, and a line that begins with a full stop looks like a mistake.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

LONG = 40  # characters of TeX; a longer formula must be free to break on a phone
BEHIND = re.compile(r"^[.,:;!?)\]’”%-]+")
BEFORE = re.compile(r"[(\[“‘]+$")


class ClosedFormulas(SphinxPostTransform):
    """Put a short formula and the punctuation that touches it into one element, which the style sheet keeps whole."""

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


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the transform."""
    app.add_post_transform(ClosedFormulas)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
