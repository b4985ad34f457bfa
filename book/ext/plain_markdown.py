"""Turn the MyST of a notebook's cell into plain Markdown, which Colab, VS Code and JupyterLab show alike.

Ordinary Markdown stays as it was written. What only Sphinx understands becomes what a reader would have seen in the
page: an admonition a block quote, a glued value its number, a citation author and year, a formula's label its number.
The parser that builds the pages finds it. This module knows what the book's notebooks use: anything else stops the
build, by name, and here is where it gets a plain form.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import predict
from docutils import nodes
from glossary import definitions
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_nb.core.variables import format_plain_text
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from pybtex.backends.markdown import Backend
from sphinx.directives.code import LiteralIncludeReader
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

from mobilenet_lib.course.numbers import signed

# What the parser may find: ordinary Markdown, formulas, and the directives and roles below.
MARKDOWN = {
    *("paragraph", "heading", "blockquote", "bullet_list", "ordered_list", "list_item", "hr", "inline"),
    *("table", "thead", "tbody", "tr", "th", "td", "code_block", "fence", "html_block"),
    *("text", "softbreak", "hardbreak", "em", "strong", "code_inline", "link", "image", "html_inline"),
}
FORMULAS = {"math_block", "math_block_label", "math_inline"}
MYST = {"colon_fence", "myst_role"}
# Blocks that are looked at as a whole; what is between them is text.
BLOCKS = {"fence", "colon_fence", "code_block", "html_block", "math_block", "math_block_label"}
DIRECTIVES = {  # and their options
    "admonition": {"class"},
    "note": set(),
    "exercise": {"label"},
    "predict": predict.Predict.option_spec.keys(),
    "literalinclude": {"dedent", "end-at", "language", "lines", "pyobject", "start-at"},
    "solution-start": {"class"},
    "solution-end": set(),
}
UNTITLED = {"note", "exercise"}  # directives that take no argument
ROLES = ("cite", "cite:t", "eq", "glue:text", "term")
DIRECTIVE = re.compile(r"\{([\w:.+-]+)\}\s*(.*)", re.DOTALL)
OPTION = re.compile(r":([\w-]+):\s*(.*)")
ROLE = re.compile(  # code and formulas are found, too, so that what looks like a role in them stays
    r"\{(?P<role>[A-Za-z][\w:.+-]*)\}(?P<mark>`+)(?P<body>.+?)(?<!`)(?P=mark)(?!`)"
    r"|(?P<ticks>`+)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)"
    r"|(?P<math>\$\$?[^$]+\$\$?)",
    re.DOTALL,
)
UNNEEDED_ESCAPE = re.compile(r"\\([.()-])")
GIVE_IT_ONE = f"give it one in {Path(__file__).name}, or write it as {{}}"


class NoPlainForm(ExtensionError):
    """A piece of MyST that this module cannot put into plain Markdown."""

    def __init__(self, where: str, what: str, remedy: str):
        super().__init__(f"{where}: {what} has no plain form for the notebooks; {remedy}")


class PlainMarkdown:
    """What one page's cells become, and what they cite and mention on the way.

    ``site`` is the address of the built pages, with a slash at its end, or "" where it is not known: what would be a
    link is then its text.
    """

    def __init__(self, env: BuildEnvironment, docname: str, glued: dict[str, Any], site: str = ""):
        self.env, self.docname, self.glued, self.site = env, docname, glued, site
        self.std = env.get_domain("std")
        self.extensions = frozenset(env.config.myst_enable_extensions)
        self.cited: set[str] = set()
        self.terms: dict[str, str] = {}  # a glossary term, and what it means
        self.where = docname
        self.quoted = 0

    def convert(self, text: str) -> str:
        """Return MyST as plain Markdown."""
        lines, done, parts = text.split("\n"), 0, []
        tokens = parsed(text, self.extensions)
        self.refuse_unknown(tokens)
        for token in tokens:
            if token.type not in BLOCKS or token.map is None or token.map[0] < done:
                continue
            start, end = token.map
            while end > start + 1 and not lines[end - 1].strip():  # a block's blank lines belong to the text
                end -= 1
            parts.append(self.inline("\n".join(lines[done:start])))
            parts.append(self.block(token, lines[start:end]))
            if lines[start].startswith(":::"):  # it becomes a quote, into which the next line would run
                parts.append("\n")
            done = end
        parts.append(self.inline("\n".join(lines[done:])))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(part for part in parts if part)).strip("\n")

    def refuse_unknown(self, tokens: Iterable[Token]) -> None:
        """Stop at what a notebook would show as raw MyST, and at what leads nowhere outside of the book."""
        for token in tokens:
            name = re.sub("_(open|close)$", "", token.type)
            if name not in MARKDOWN | FORMULAS | MYST:
                raise NoPlainForm(self.where, f"{name} ({token.content or token.markup})", GIVE_IT_ONE.format("text"))
            target = str(token.attrs.get("href") or token.attrs.get("src") or "https:")
            if not re.match("https?:|mailto:|data:image/", target):
                remedy = "give a whole address, or say it in words"
                raise NoPlainForm(self.where, f"the {name} to {target!r}", remedy)
            self.refuse_unknown(token.children or ())

    # Blocks

    def block(self, token: Token, lines: list[str]) -> str:
        mark = "$$" if token.type in FORMULAS else token.markup
        before = lines[0][: max(lines[0].find(mark), 0)] if mark else ""  # a list's bullet, a quote's arrow
        if token.type in FORMULAS:
            label = token.info if token.type == "math_block_label" else ""
            new = self.display(token.content, label)
        elif match := DIRECTIVE.fullmatch(token.info.strip()):
            new = self.directive(match[1], match[2].strip(), token.content)
        elif token.type == "colon_fence":
            raise NoPlainForm(self.where, "a ::: without a name", GIVE_IT_ONE.format("text"))
        else:
            return "\n".join(lines)
        after = re.sub(r"[^>\s]", " ", before)
        return "\n".join((before if i == 0 else after) + line for i, line in enumerate(new.split("\n"))) if new else ""

    def display(self, formula: str, label: str) -> str:
        """Return a formula of its own, with the number that the page gives it."""
        formula = formula.strip()
        if label:
            formula += f" \\tag{{{self.equation_number(label)}}}"
        # A notebook takes a quote's arrows for a part of the formula where it has several lines.
        return f"$$ {' '.join(formula.split())} $$" if self.quoted else f"$$\n{formula}\n$$"

    def directive(self, name: str, argument: str, content: str) -> str:
        if name not in DIRECTIVES:
            remedy = GIVE_IT_ONE.format("{note} or {admonition}")
            raise NoPlainForm(self.where, f"the directive {{{name}}}", remedy)
        options, body = split_options(content)
        unknown = [f"the option :{option}: of {{{name}}}" for option in options if option not in DIRECTIVES[name]]
        unknown += [f"the title {argument!r} of {{{name}}}"] * (name in UNTITLED and argument != "")
        for what in unknown:
            raise NoPlainForm(self.where, what, f"leave it out, or give it one in {Path(__file__).name}")
        if name == "literalinclude":
            return self.included(argument, options)
        if name == "exercise":
            return self.quote(self.exercise_title(options.get("label", "")), body)
        if name == "predict":
            return self.quote(predict.TITLE, f"{body}\n\n{predict.to_write(options)}")
        if name in ("admonition", "note"):
            return self.quote(self.inline(argument) if name == "admonition" else "Note", body)
        return ""  # a solution's ends

    def quote(self, title: str, body: str) -> str:
        self.quoted += 1
        text = self.convert(body)
        self.quoted -= 1
        return "\n".join(f"> {line}".rstrip() for line in f"**{title}**\n\n{text}".split("\n"))

    def included(self, argument: str, options: dict) -> str:
        path = self.env.relfn2path(argument, self.docname)[1]
        given = {"language": "python", **options}
        if "dedent" in given:
            given["dedent"] = int(given["dedent"] or 0) or None
        text, _ = LiteralIncludeReader(path, given, self.env.config).read()
        return f"```{given['language']}\n{textwrap.dedent(text).strip(chr(10))}\n```"

    # Text

    def inline(self, text: str) -> str:
        """Return a piece of text with its roles replaced; code and formulas stay."""
        return ROLE.sub(lambda it: self.role(it["role"], it["body"].strip()) if it["role"] else it[0], text)

    def role(self, name: str, body: str) -> str:
        if name == "glue:text":
            key, _, form = body.partition(":")
            return signed(format_plain_text(self.value(key)["text/plain"], form))
        if name == "term":
            return self.term(body)
        if name == "eq":
            docname = self.env.get_domain("math").equations.get(body, [""])[0]
            return self.link(f"({self.equation_number(body)})", docname, nodes.make_id(f"equation-{body}"))
        if name in ROLES:
            return self.cite(name, body)
        raise NoPlainForm(self.where, f"the role {{{name}}}", GIVE_IT_ONE.format(f"one of {', '.join(ROLES)}"))

    def term(self, body: str) -> str:
        titled = re.fullmatch(r"(.+?)\s*<(.+)>", body, re.DOTALL)
        text, term = titled.groups() if titled else (body, body)
        place = self.std.objects.get(("term", term)) or self.std._terms.get(term.lower())
        if place is None:
            raise NoPlainForm(self.where, f"the term {term!r}", "add it to reference/glossary.md")
        if meaning := definitions(self.env).get(place[1]):
            self.terms[term] = meaning
        return self.link(text, *place)

    # What text refers to

    def link(self, text: str, docname: str, place: str) -> str:
        if not self.site or (docname == self.docname and text.startswith("(")):
            return text
        return f"[{text}]({self.site}{docname}.html#{place})"

    def exercise_title(self, label: str) -> str:
        number = self.env.toc_fignumbers.get(self.docname, {}).get("exercise", {}).get(label)
        return f"Exercise {'.'.join(map(str, number))}" if number else "Exercise"

    def solution_title(self, label: str) -> str:
        return f"Solution to {self.exercise_title(label).lower()}"

    def equation_number(self, label: str) -> str:
        equations = self.env.get_domain("math").equations
        if label not in equations:
            raise NoPlainForm(self.where, f"the equation {label!r}", "no formula has this label")
        docname, number = equations[label]
        if self.env.config.math_numfig and self.env.config.numfig:  # as Sphinx numbers them in the pages
            numbers = self.env.toc_fignumbers.get(docname, {}).get("displaymath", {})
            return ".".join(map(str, numbers.get(nodes.make_id(f"equation-{label}"), (number,))))
        return str(number)

    def cite(self, role: str, keys: str) -> str:
        shown = [self.cite_one(role, key.strip()) for key in keys.split(",")]
        return " and ".join(shown) if role == "cite:t" else f"({'; '.join(shown)})"

    def cite_one(self, role: str, key: str) -> str:
        entry = self.citation(key).entry
        self.cited.add(key)
        names = [" ".join([*person.prelast_names, *person.last_names]) for person in entry.persons["author"]]
        names = [re.sub(r"[{}]", "", name) for name in names]
        who = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
        text = f"{who} ({entry.fields['year']})" if role == "cite:t" else f"{who}, {entry.fields['year']}"
        return f"[{text}]({entry.fields['url']})" if "url" in entry.fields else text

    def citation(self, key: str) -> Any:
        for citation in self.env.get_domain("cite").citations:
            if citation.key == key:
                return citation
        raise NoPlainForm(self.where, f"the citation {key!r}", "it is not in the bibliography")

    def references(self) -> str:
        """Return what the page cites, as a list."""
        backend = Backend()
        entries = [self.citation(key) for key in self.cited]
        entries.sort(key=lambda cited: (str(cited.entry.persons["author"][0]), cited.entry.fields["year"], cited.key))
        texts = "\n".join("- " + " ".join(entry.formatted_entry.text.render(backend).split()) for entry in entries)
        return UNNEEDED_ESCAPE.sub(r"\1", texts)

    def vocabulary(self) -> str:
        """Return the glossary's words that the page uses, and what they mean."""
        return "\n".join(f"- **{term}**: {self.terms[term]}" for term in sorted(self.terms, key=str.lower))

    def value(self, key: str) -> dict[str, str]:
        if key not in self.glued:
            raise NoPlainForm(self.where, f"the glued value {key!r}", "no cell that ran has glued it")
        return self.glued[key]["data"]


@cache
def parsed(text: str, extensions: frozenset[str]) -> list[Token]:
    """Return what the parser that builds the pages finds: once for the four editions that have the text."""
    return parser(extensions).parse(text)


@cache
def parser(extensions: frozenset[str]) -> MarkdownIt:
    return create_md_parser(MdParserConfig(enable_extensions=set(extensions)), RendererHTML)


def split_options(content: str) -> tuple[dict[str, str], str]:
    """Take a directive's content apart into options and body.

    >>> split_options(":label: ex-one" + chr(10) + chr(10) + "Count.")
    ({'label': 'ex-one'}, 'Count.')
    """
    lines, options = content.split("\n"), {}
    while lines and (match := OPTION.fullmatch(lines[0].strip())):
        options[match[1]] = match[2]
        lines.pop(0)
    return options, textwrap.dedent("\n".join(lines)).strip("\n")


def details(summary: str, text: str) -> str:
    """Return text that is folded away; the blank lines let it be Markdown inside."""
    return f"<details>\n<summary>{summary}</summary>\n\n{text}\n\n</details>"
