"""Turn the MyST of a notebook's cell into plain Markdown, which Colab, VS Code and JupyterLab show alike.

Ordinary Markdown stays as it was written. What only Sphinx understands becomes what a reader would have seen in the
page: an admonition a block quote, a glued value its number, a citation author and year, a formula's label its number.
markdown-it finds the directives, with the parser that builds the pages; a role that is not known here stops the build.
"""

from __future__ import annotations

import base64
import csv
import mimetypes
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docutils import nodes
from glossary_tips import definitions
from markdown_it.renderer import RendererHTML
from myst_nb.core.variables import format_plain_text
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from pybtex.backends.markdown import Backend
from sphinx.directives.code import LiteralIncludeReader
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import docname_join

# Blocks that are looked at as a whole; what is between them is text.
BLOCKS = {"fence", "colon_fence", "code_block", "html_block", "math_block", "math_block_label", "amsmath"}
UNSEEN = {"myst_target", "myst_line_comment", "myst_block_break"}
DIRECTIVE = re.compile(r"\{([\w:.+-]+)\}\s*(.*)", re.DOTALL)
OPTION = re.compile(r":([\w-]+):\s*(.*)")
UNNEEDED_ESCAPE = re.compile(r"\\([.()-])")
INLINE = re.compile(
    r"\{(?P<role>[A-Za-z][\w:.+-]*)\}(?P<mark>`+)(?P<body>.+?)(?<!`)(?P=mark)(?!`)"
    r"|(?P<ticks>`+)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)"
    r"|(?P<math>\$\$?[^$]+\$\$?)"
    r"|(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^()\s]+)(?:\s+\"[^\"]*\")?\)"
    r"|(?P<substitution>\{\{.*?\}\})",
    re.DOTALL,
)
ADMONITIONS = {
    *("note", "tip", "hint", "important", "warning", "caution", "attention", "danger", "error", "seealso", "margin"),
    *("admonition", "sidebar", "topic", "epigraph", "pull-quote", "highlights"),
}
UNTITLED = {"epigraph", "pull-quote", "highlights"}
GROUPS = {"grid", "tab-set", "container", "div", "grid-item", "card-carousel"}  # their content alone is shown
TITLED = {"card", "grid-item-card", "tab-item", "dropdown", "table"}
NOT_SHOWN = {
    *("toctree", "tableofcontents", "contents", "bibliography", "index"),
    *("solution-start", "solution-end", "exercise-end"),
}
CODE = {"code", "code-block", "sourcecode"}
CODE_ROLES = {"code", "literal", "file", "kbd", "samp", "command", "program", "option", "envvar", "guilabel"}
PYTHON_ROLES = {"func", "meth", "class", "mod", "attr", "data", "exc", "obj"}


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
        self.parser = create_md_parser(
            MdParserConfig(enable_extensions=set(env.config.myst_enable_extensions)), RendererHTML
        )
        self.cited: set[str] = set()
        self.terms: dict[str, str] = {}  # a glossary term, and what it means
        self.where = docname
        self.quoted = 0
        self.with_solutions = True

    def convert(self, text: str) -> str:
        """Return MyST as plain Markdown."""
        lines, done, parts = text.split("\n"), 0, []
        for token in self.parser.parse(text):
            if token.type not in BLOCKS | UNSEEN or token.map is None or token.map[0] < done:
                continue
            start, end = token.map
            if token.type == "amsmath":  # its last line is missing from the map
                end = start + token.content.count("\n") + 1
            while end > start + 1 and not lines[end - 1].strip():  # a block's blank lines belong to the text
                end -= 1
            parts.append(self.inline("\n".join(lines[done:start])))
            if token.type in BLOCKS:
                parts.append(self.block(token, lines[start:end]))
            done = end
        parts.append(self.inline("\n".join(lines[done:])))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(part for part in parts if part)).strip("\n")

    # Blocks

    def block(self, token: Any, lines: list[str]) -> str:
        mark = "$$" if token.type.startswith("math") else token.markup
        before = lines[0][: max(lines[0].find(mark), 0)] if mark else ""  # a list's bullet, a quote's arrow
        if token.type.startswith("math") or token.type == "amsmath":
            label = token.info if token.type == "math_block_label" else ""
            new = self.display(token.content, label)
        elif match := DIRECTIVE.fullmatch(token.info.strip()):
            new = self.directive(match[1], match[2].strip(), token.content)
        elif token.type == "colon_fence":
            new = self.convert(token.content)
        else:
            return "\n".join(lines)
        after = re.sub(r"[^>\s]", " ", before)
        return "\n".join((before if i == 0 else after) + line for i, line in enumerate(new.split("\n"))) if new else ""

    def display(self, formula: str, label: str = "") -> str:
        """Return a formula of its own, with the number that the page gives it."""
        formula = formula.strip()
        if label:
            formula += f" \\tag{{{self.equation_number(label)}}}"
        # A notebook takes a quote's arrows for a part of the formula where it has several lines.
        return f"$$ {' '.join(formula.split())} $$" if self.quoted else f"$$\n{formula}\n$$"

    def directive(self, name: str, argument: str, content: str) -> str:
        options, body = split_options(content)
        method = getattr(self, "block_" + re.sub(r"\W", "_", name), None)
        if name in ADMONITIONS:
            title = argument if name in ("admonition", "sidebar", "topic") else name.capitalize()
            title = {"Seealso": "See also"}.get(title, title)
            return self.quote("" if name in UNTITLED else self.inline(title), body)
        if name in GROUPS:
            return self.convert(body)
        if name in TITLED:
            body = re.sub(r"^(\^\^\^+|\+\+\++)\s*$", "", body, flags=re.MULTILINE)  # a card's head and foot
            title = f"**{self.inline(argument)}**\n\n" if argument else ""
            return title + self.convert(body)
        if name.startswith("prf:"):
            title = name[4:].capitalize()
            return self.quote(f"{title} ({self.inline(argument)})" if argument else title, body)
        if name in NOT_SHOWN:
            return ""
        if name in CODE:
            return fenced(body, argument or "python")
        if method is None:
            raise NoPlainForm(self.where, f"the directive {{{name}}}", f"give it one in {Path(__file__).name}")
        return method(argument, options, body)

    def quote(self, title: str, body: str) -> str:
        self.quoted += 1
        text = self.convert(body)
        self.quoted -= 1
        text = "\n\n".join(part for part in (title and f"**{title}**", text) if part)
        return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))

    def block_exercise(self, argument: str, options: dict, body: str) -> str:
        title = self.exercise_title(options.get("label", ""))
        return self.quote(f"{title}: {self.inline(argument)}" if argument else title, body)

    def block_exercise_start(self, argument: str, options: dict, body: str) -> str:
        return f"**{self.exercise_title(options.get('label', ''))}**"

    def block_solution(self, argument: str, options: dict, body: str) -> str:
        return details(self.solution_title(argument), self.convert(body)) if self.with_solutions else ""

    def block_literalinclude(self, argument: str, options: dict, body: str) -> str:
        path = self.env.relfn2path(argument, self.docname)[1]
        given = {**options, "language": options.get("language", "python")}
        if "dedent" in given:
            given["dedent"] = int(given["dedent"] or 0) or None
        text, _ = LiteralIncludeReader(path, given, self.env.config).read()
        return fenced(textwrap.dedent(text), given["language"])

    def block_math(self, argument: str, options: dict, body: str) -> str:
        return self.display(f"{argument}\n{body}", options.get("label", ""))

    def block_image(self, argument: str, options: dict, body: str) -> str:
        return self.picture(argument, options.get("alt", ""))

    def block_figure(self, argument: str, options: dict, body: str) -> str:
        return "\n\n".join(part for part in (self.block_image(argument, options, ""), self.convert(body)) if part)

    def block_list_table(self, argument: str, options: dict, body: str) -> str:
        rows = [
            re.split(r"^\s+-(?:\s|$)", "  " + row, flags=re.MULTILINE)[1:]
            for row in re.split(r"^[*-]\s+(?=-)", body, flags=re.MULTILINE)[1:]
        ]
        return self.captioned(argument, [[self.inline(" ".join(cell.split())) for cell in row] for row in rows])

    def block_csv_table(self, argument: str, options: dict, body: str) -> str:
        head = [options["header"]] if "header" in options else []
        rows = csv.reader([*head, *body.strip().split("\n")], skipinitialspace=True)
        return self.captioned(argument, [[self.inline(cell) for cell in row] for row in rows])

    def captioned(self, caption: str, rows: list[list[str]]) -> str:
        head, *others = rows
        lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *others)]
        return (f"**{self.inline(caption)}**\n\n" if caption else "") + "\n".join(lines)

    def block_raw(self, argument: str, options: dict, body: str) -> str:
        return body.strip() if argument == "html" else ""

    def block_glue(self, argument: str, options: dict, body: str) -> str:
        return self.shown(argument)

    block_glue_any = block_glue

    def block_glue_figure(self, argument: str, options: dict, body: str) -> str:
        return f"{self.shown(argument)}\n\n{self.convert(body)}".strip()

    def block_glue_math(self, argument: str, options: dict, body: str) -> str:
        return self.display(self.value(argument)["text/latex"].strip("$ \n"), options.get("label", ""))

    def block_glue_md(self, argument: str, options: dict, body: str) -> str:
        return self.convert(self.value(argument)["text/markdown"])

    # Text

    def inline(self, text: str) -> str:
        """Return a piece of text with its roles and its links replaced; code and formulas stay."""
        return INLINE.sub(self.replace, text)

    def replace(self, match: re.Match) -> str:
        if match["role"]:
            return self.role(match["role"], match["body"].strip())
        if match["target"]:
            if match["image"]:
                return self.picture(match["target"], match["text"])
            return self.link_to(match["target"], self.inline(match["text"]))
        if match["substitution"]:
            raise NoPlainForm(self.where, f"the substitution {match[0]}", "write the text itself")
        return match[0]

    def role(self, name: str, body: str) -> str:
        titled = re.fullmatch(r"(.+?)\s*<(.+)>", body, re.DOTALL)
        text, target = (titled[1], titled[2]) if titled else ("", body)
        kind = name.split(":")[-1] if name.startswith(("py:", "std:", "math:")) else name
        if kind in CODE_ROLES:
            return f"`{body}`"
        if kind in PYTHON_ROLES:
            return self.python(text, target)
        if kind.startswith("cite"):
            return self.cite(kind, body)
        if kind.startswith("bdg"):
            return f"**{body}**"
        method: Callable[[str, str], str] | None = getattr(self, "role_" + re.sub(r"\W", "_", kind), None)
        if method is None:
            raise NoPlainForm(self.where, f"the role {{{name}}}", f"give it one in {Path(__file__).name}")
        return method(text, target)

    def role_glue_text(self, text: str, target: str) -> str:
        key, _, form = target.partition(":")
        return format_plain_text(self.value(key)["text/plain"], form)

    role_glue = role_glue_any = role_glue_text

    def role_glue_md(self, text: str, target: str) -> str:
        return self.inline(self.value(target)["text/markdown"])

    def role_term(self, text: str, target: str) -> str:
        place = self.std.objects.get(("term", target)) or self.std._terms.get(target.lower())
        if place is None:
            raise NoPlainForm(self.where, f"the term {target!r}", "add it to reference/glossary.md")
        if meaning := definitions(self.env).get(place[1]):
            self.terms[target] = meaning
        return self.link(text or target, *place)

    def role_doc(self, text: str, target: str) -> str:
        docname = docname_join(self.docname, target)
        return self.link(text or self.title_of(docname), docname)

    def role_ref(self, text: str, target: str) -> str:
        label = target.lower()
        if target in getattr(self.env, "sphinx_exercise_registry", {}):
            return self.numbered(text, target)
        if label not in self.std.labels and label not in self.std.anonlabels:
            raise NoPlainForm(self.where, f"the reference {target!r}", "it is no label of the book")
        docname, place, title = self.std.labels.get(label) or (*self.std.anonlabels[label], "here")
        return self.link(text or title, docname, place)

    def role_numref(self, text: str, target: str) -> str:
        return self.numbered(text, target)

    def role_eq(self, text: str, target: str) -> str:
        number = self.equation_number(target)
        docname = self.env.get_domain("math").equations[target][0]
        return self.link(f"({number})", docname, nodes.make_id(f"equation-{target}"))

    def role_math(self, text: str, target: str) -> str:
        return f"${target}$"

    def role_sub(self, text: str, target: str) -> str:
        return f"<sub>{target}</sub>"

    def role_sup(self, text: str, target: str) -> str:
        return f"<sup>{target}</sup>"

    def role_abbr(self, text: str, target: str) -> str:
        return target

    def role_download(self, text: str, target: str) -> str:
        return text or f"`{target}`"

    # What text refers to

    def link(self, text: str, docname: str, place: str = "") -> str:
        if not self.site or (docname == self.docname and text.startswith("(")):
            return text
        return f"[{text}]({self.site}{docname}.html{'#' if place else ''}{place})"

    def link_to(self, target: str, text: str) -> str:
        """Return a Markdown link that means the same outside the book."""
        if re.match(r"\w[\w+.-]*:", target):
            return f"[{text}]({target})"
        path, _, place = target.partition("#")
        if not path:
            return self.role_ref(text, place)
        docname = docname_join(self.docname, re.sub(r"\.(md|ipynb|rst)$", "", path))
        return self.link(text or self.title_of(docname), docname, place)

    def title_of(self, docname: str) -> str:
        if docname not in self.env.titles:
            raise NoPlainForm(self.where, f"the link to {docname!r}", "it is no page of the book")
        return self.env.titles[docname].astext()

    def numbered(self, text: str, target: str) -> str:
        """Return what a figure, a table or an exercise is called, with its number."""
        exercises = getattr(self.env, "sphinx_exercise_registry", {})
        if target in exercises:
            docname, place = exercises[target]["docname"], target
        elif target.lower() in self.std.anonlabels:
            docname, place = self.std.anonlabels[target.lower()]
        else:
            raise NoPlainForm(self.where, f"the reference {target!r}", "it is no label of the book")
        for kind, numbers in self.env.toc_fignumbers.get(docname, {}).items():
            if place in numbers:
                number = ".".join(map(str, numbers[place]))
                form = text or self.env.config.numfig_format.get(kind, kind.capitalize() + " %s")
                shown = form.replace("{number}", number).replace("{name}", kind).replace("%s", number)
                return self.link(shown, docname, place)
        return self.link(text or target, docname, place)

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

    def python(self, text: str, target: str) -> str:
        name = target.lstrip("~!.")
        shown = f"`{text or (name.rpartition('.')[2] if target.startswith('~') else name)}`"
        found = self.env.get_domain("py").objects.get(name)
        return self.link(shown, found.docname, found.node_id) if found else shown

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

    def shown(self, key: str) -> str:
        """Return what a cell has glued, as text that shows it."""
        data = self.value(key)
        if "image/svg+xml" in data:
            return f"![{key}]({data_address(data['image/svg+xml'].encode(), 'image/svg+xml')})"
        if "image/png" in data:
            return f"![{key}](data:image/png;base64,{''.join(data['image/png'].split())})"
        return data.get("text/html") or data["text/plain"]

    def picture(self, target: str, alt: str) -> str:
        """Return an image that travels in the text."""
        if re.match(r"\w[\w+.-]*:", target):
            return f"![{alt}]({target})"
        path = Path(self.env.relfn2path(target, self.docname)[1])
        if not path.is_file():
            raise NoPlainForm(self.where, f"the picture {target!r}", "there is no such file")
        return f"![{alt}]({data_address(path.read_bytes(), mimetypes.guess_type(path.name)[0] or 'image/png')})"


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


def fenced(code: str, language: str) -> str:
    fence = "```" if "```" not in code else "````"
    return f"{fence}{language}\n{code.strip(chr(10))}\n{fence}"


def details(summary: str, text: str) -> str:
    """Return text that is folded away; the blank lines let it be Markdown inside."""
    return f"<details>\n<summary>{summary}</summary>\n\n{text}\n\n</details>"


def data_address(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
