"""Keep of the theme's style sheet what a page of this site can use: the theme brings rules for much that no page has.

A rule stays if one of its selectors can meet something: if all classes and ids in it stand in a page, or are words of
a script, which may set them later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import tinycss2
from tinycss2 import ast

ATTRIBUTES = re.compile(r"""\b(?:class|id)=(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""")
WORD = re.compile(r"[A-Za-z_][\w-]*")
ANY_WITH_RULES = ("media", "supports", "layer", "container")


def words_of_page(html: str) -> set[str]:
    """Return the classes and ids in a page.

    >>> sorted(words_of_page('<p class="a b" id=c>d</p>'))
    ['a', 'b', 'c']
    """
    return {word for found in ATTRIBUTES.findall(html) for word in "".join(found).split()}


def words_of_site(site: Path) -> set[str]:
    """Return the classes and ids in all pages of a folder, and all words in its scripts."""
    words = set()
    for path in site.rglob("*.html"):
        words |= words_of_page(path.read_text(encoding="utf8"))
    for path in site.rglob("*.js"):
        words |= set(WORD.findall(path.read_text(encoding="utf8")))
    return words


def used(css: str, words: Iterable[str]) -> str:
    """Return a style sheet without the rules that need a class or an id which is none of the words.

    Examples
    --------
    >>> used("a{color:red} .a .b{top:0} .a,.b{left:0} .x:not(.b){top:1px} @media print{.b{top:0}}", ["a", "x"])
    'a{color:red}.a{left:0}.x:not(.b){top:1px}'
    """
    return _used(tinycss2.parse_stylesheet(css, skip_whitespace=True), set(words))


def _used(rules: Iterable[ast.Node], words: set[str]) -> str:
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [one for one in _split(rule.prelude) if _named(one) <= words]
            if selectors:
                kept.append(f"{','.join(selectors)}{{{tinycss2.serialize(rule.content).strip()}}}")
        elif rule.type == "at-rule" and rule.content is not None and rule.lower_at_keyword in ANY_WITH_RULES:
            inside = _used(tinycss2.parse_rule_list(rule.content, skip_whitespace=True), words)
            if inside:
                kept.append(f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude).rstrip()}{{{inside}}}")
        elif rule.type == "error":
            raise ValueError(f"css must be a style sheet, got {rule.message}; see line {rule.source_line}")
        else:
            kept.append(rule.serialize())
    return "".join(kept)


def _split(prelude: list[ast.Node]) -> list[str]:
    """Return the selectors that commas part."""
    parts: list[list[ast.Node]] = [[]]
    for token in prelude:
        if token == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return [tinycss2.serialize(part).strip() for part in parts]


def _named(selector: str) -> set[str]:
    """Return the classes and ids that a selector needs: those in brackets, as in :not(.a), it may do without."""
    before = ""
    while selector != before:
        before, selector = selector, re.sub(r"\([^()]*\)|\[[^\[\]]*\]", "", selector)
    return {word.replace("\\", "") for word in re.findall(r"[.#]((?:[\w-]|\\.)+)", selector)}
