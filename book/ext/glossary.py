"""Give each {term} link its definition, which the style sheet shows while the link is pointed at or focused.

No script is involved: the text travels in the link's ``data-definition`` attribute.
"""

from __future__ import annotations

import html
from functools import cache
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform

# A tooltip is plain text: the few symbols of the glossary's formulas, written in Unicode.
SYMBOLS = {
    **{"_K": "\N{LATIN LETTER SMALL CAPITAL K}", "_F": "\N{LATIN LETTER SMALL CAPITAL F}"},  # Unicode has no lower ones
    **{"\\sqrt{n}": "√n", "\\, ": " ", "^2": "²", "\\alpha": "α", "\\rho": "ρ", "\\cdot": "·"},
    **{"\\min": "min", "\\max": "max", "\\text{ReLU6}": "ReLU6", "\\": ""},
}


class GlossaryTips(SphinxPostTransform):
    """Replace links to glossary terms by links that carry the definition."""

    default_priority = 200  # after the references are resolved
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Look at every link of the page."""
        for link in list(self.document.findall(nodes.reference)):
            if not any("std-term" in inner["classes"] for inner in link.findall(nodes.inline)):
                continue
            term = link["refuri"].partition("#")[2] if "refuri" in link else link.get("refid", "")
            definition = definitions(self.env).get(term)
            if not definition:
                continue
            link.replace_self(
                nodes.raw(
                    "",
                    f'<a class="mn-term-link" href="{html.escape(link.get("refuri", "#" + term))}" '
                    f'data-definition="{html.escape(definition)}">{html.escape(link.astext())}</a>',
                    format="html",
                )
            )


@cache
def definitions(env: BuildEnvironment) -> dict[str, str]:
    """Return every glossary entry's text by the id of its term."""
    found = {}
    entries = env.get_domain("std").objects.items()
    for page in sorted({page for (kind, _), (page, _) in entries if kind == "term"}):
        for item in env.get_doctree(page).findall(nodes.definition_list_item):
            text = plain(next(iter(item.findall(nodes.definition))))
            for term in item.findall(nodes.term):
                found.update(dict.fromkeys(term["ids"], text))
    return found


def plain(definition: nodes.Node) -> str:
    """Return a definition as plain text, without its citations."""
    copy = definition.deepcopy()
    for reference in list(copy.findall(addnodes.pending_xref)):
        if reference.get("refdomain") == "cite":
            reference.parent.remove(reference)
    text = " ".join(copy.astext().split()).replace(" .", ".")
    for latex, symbol in SYMBOLS.items():
        text = text.replace(latex, symbol)
    return text


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.add_post_transform(GlossaryTips)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
