"""MyST becomes Markdown that Colab, VS Code and JupyterLab show alike."""

from __future__ import annotations

from types import SimpleNamespace

import plain_markdown
import pytest
from plain_markdown import NoPlainForm, PlainMarkdown
from pybtex.database import Entry, Person

HERE = "chapters/03_blocks"
EXTENSIONS = [
    "amsmath",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "dollarmath",
    "html_image",
    "substitution",
    "tasklist",
]


def citation(key: str, year: str, *names: str, url: str = "") -> SimpleNamespace:
    fields = {"year": year, **({"url": url} if url else {})}
    entry = Entry("article", fields=fields, persons={"author": [Person(name) for name in names]})
    return SimpleNamespace(key=key, entry=entry)


@pytest.fixture
def convert(tmp_path, monkeypatch):
    """Return a function that converts MyST on a page of a book with a little of everything."""
    monkeypatch.setattr(plain_markdown, "definitions", lambda env: {"term-MAC": "A multiply-accumulate."})
    (tmp_path / "code.py").write_text("import a\n\n\nclass A:\n    def b(self):\n        return 1\n")
    std = SimpleNamespace(
        objects={("term", "MAC"): ("reference/glossary", "term-MAC")},
        _terms={"mac": ("reference/glossary", "term-MAC")},
    )
    domains = {
        "std": std,
        "math": SimpleNamespace(equations={"eq-a": (HERE, 1), "eq-b": ("chapters/01_first", 1)}),
        "cite": SimpleNamespace(
            citations=[
                citation("one2017", "2017", "Howard, Andrew", "Zhu, M.", "Chen, B.", url="https://arxiv.org/abs/1"),
                citation("two2018", "2018", "Sandler, Mark", "van Dam, A."),
            ]
        ),
    }
    env = SimpleNamespace(
        config=SimpleNamespace(myst_enable_extensions=EXTENSIONS, math_numfig=True, numfig=True),
        get_domain=domains.__getitem__,
        toc_fignumbers={
            HERE: {"displaymath": {"equation-eq-a": (7,)}, "exercise": {"ex-a": (12,)}},
            "chapters/01_first": {"displaymath": {"equation-eq-b": (3,)}},
        },
        relfn2path=lambda name, docname: (name, str(tmp_path / name)),
    )
    env.config.source_encoding = "utf8"
    glued = {
        "gain": {"data": {"text/plain": "-5.92"}},
        "macs": {"data": {"text/plain": "1234567"}},
        "word": {"data": {"text/plain": "'ten'"}},
    }

    def run(text: str, site: str = "") -> str:
        return PlainMarkdown(env, HERE, glued, site).convert(text)

    return run


SAME = [
    "# A title\n\nA paragraph with *emphasis*, **weight**, `code` and $a_b = c$.",
    "- one\n- two\n  - three\n\n1. four",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "```python\nx = '{term}`MAC`'\n```",
    "Write `` {term}`MAC` `` for it.",
    "$$\na\n$$",
    "> a quote",
    "<details>\n<summary>More</summary>\n\ntext\n\n</details>",
    "[a page](https://example.org/a) and <https://example.org>",
    "![a dot](data:image/png;base64,iVBORw0KGgo=)",
    "It costs 5 $ or 6 % more.",
    "line one  \nline two",
]


@pytest.mark.parametrize("text", SAME)
def test_ordinary_markdown_stays_as_it_is(convert, text):
    assert convert(text) == text


@pytest.mark.parametrize(
    ("myst", "plain"),
    [
        # blocks
        (":::{note}\nMind.\n:::", "> **Note**\n>\n> Mind."),
        (
            ":::{predict} Half\n:choices: 2 / 9\n:answer: saving\nHow much?\n:::",
            "> **Predict first**\n>\n> How much?\n>\n> a) 2, b) 9\n>\n> *Run the next cell, and answer there.*",
        ),
        (":::{admonition} Predict $n$\n:class: important\nA\n\nB\n:::", "> **Predict $n$**\n>\n> A\n>\n> B"),
        (":::{note}\na\n:::\n:::{note}\nb\n:::\nc", "> **Note**\n>\n> a\n\n> **Note**\n>\n> b\n\nc"),
        (":::{note}\na\n:::\n\n:::{note}\nb\n:::", "> **Note**\n>\n> a\n\n> **Note**\n>\n> b"),
        ("a\n\n```{note}\nb\n```\n\nc", "a\n\n> **Note**\n>\n> b\n\nc"),
        ("::::{note}\n:::{admonition} T\na\n:::\n::::", "> **Note**\n>\n> > **T**\n> >\n> > a"),
        ("- one\n\n  :::{note}\n  a\n  :::\n- two", "- one\n\n  > **Note**\n  >\n  > a\n- two"),
        ("```{exercise}\n:label: ex-a\n\nCount.\n```", "> **Exercise 12**\n>\n> Count."),
        ("```{solution-start} ex-a\n:class: dropdown\n```\n\nTen.\n\n```{solution-end}\n```", "Ten."),
        ("```{literalinclude} code.py\n:pyobject: A.b\n```", "```python\ndef b(self):\n    return 1\n```"),
        ("```{literalinclude} code.py\n:lines: 5-\n:dedent:\n```", "```python\ndef b(self):\n    return 1\n```"),
        # formulas
        ("$$\na = b\n$$ (eq-a)", "$$\na = b \\tag{7}\n$$"),
        (":::{note}\n$$\na\nb\n$$ (eq-a)\n:::", "> **Note**\n>\n> $$ a b \\tag{7} $$"),
        # text
        ("by {eq}`eq-a` and {eq}`eq-b`", "by (7) and (3)"),
        ("{glue:text}`macs:,.0f` and {glue:text}`word`", "1,234,567 and ten"),
        ("{glue:text}`gain:+.1f` points", "−5.9 points"),
        ("a {term}`MAC` and {term}`maps <MAC>`", "a MAC and maps"),
        ("{cite}`one2017`", "([Howard et al., 2017](https://arxiv.org/abs/1))"),
        ("{cite}`one2017,two2018`", "([Howard et al., 2017](https://arxiv.org/abs/1); Sandler and van Dam, 2018)"),
        ("{cite:t}`two2018`", "Sandler and van Dam (2018)"),
        ("| a |\n|---|\n| {term}`MAC` |", "| a |\n|---|\n| MAC |"),
        ("## On {term}`MAC`s", "## On MACs"),
    ],
)
def test_myst_becomes_what_a_reader_of_the_page_sees(convert, myst, plain):
    assert convert(myst) == plain


@pytest.mark.parametrize(
    ("myst", "plain"),
    [
        ("{term}`MAC`", "[MAC](https://b.org/reference/glossary.html#term-MAC)"),
        ("{eq}`eq-b`", "[(3)](https://b.org/chapters/01_first.html#equation-eq-b)"),
        ("{eq}`eq-a`", "(7)"),
    ],
)
def test_where_the_site_is_known_a_reference_leads_there(convert, myst, plain):
    assert convert(myst, "https://b.org/") == plain


@pytest.mark.parametrize(
    ("myst", "words"),
    [
        # a name that nothing has
        ("{glue:text}`no`", "the glued value 'no'.*no cell that ran has glued it"),
        ("{term}`no`", "the term 'no'.*glossary"),
        ("{eq}`no`", "the equation 'no'"),
        ("{cite}`no`", "the citation 'no'"),
        # a directive, an option or a role that no notebook uses
        ("```{mystery}\nx\n```", r"the directive \{mystery\} has no plain form .*plain_markdown.py.*\{note\}"),
        ("- a\n\n  :::{tip}\n  x\n  :::", r"the directive \{tip\}"),
        ("> :::{note}\n> ```{figure} a.png\n> ```\n> :::", r"the directive \{figure\}"),
        ("```{exercise}\n:label: ex-a\n:nonumber:\n\nx\n```", r"the option :nonumber: of \{exercise\}"),
        ("```{exercise} Hard\n:label: ex-a\n\nx\n```", r"the title 'Hard' of \{exercise\}"),
        (":::{note} Mind\nx\n:::", r"the title 'Mind' of \{note\}"),
        (":::\nx\n:::", "a ::: without a name"),
        ("{mystery}`x`", r"the role \{mystery\} has no plain form.*glue:text"),
        ("{ref}`there`", r"the role \{ref\}"),
        ("{py:func}`f`", r"the role \{py:func\}"),
        # what only MyST understands
        ("(label)=\n## Head", r"myst_target \(label\)"),
        ("% a remark\ntext", r"myst_line_comment \( ?a remark\)"),
        ("a\n+++\nb", "myst_block_break"),
        ("\\begin{align}\na\n\\end{align}", r"amsmath \(\\begin"),
        ("{{ x }}", "substitution"),
        ("word\n: what it means", "dl"),
        ("[text]{.class}", "span"),
        ("text[^1]\n\n[^1]: below", "footnote"),
        # what leads nowhere outside of the book
        ("![x](no.png)", "the image to 'no.png'"),
        ("[first](01_first.ipynb#part)", "the link to '01_first.ipynb#part'.*whole address"),
        ("[here](#part)", "the link to '#part'"),
        ("- [t = 3](page:chapters/06#block?t=3)", "the link to 'page:chapters"),
    ],
)
def test_what_has_no_plain_form_stops_the_build_and_says_where(convert, myst, words):
    with pytest.raises(NoPlainForm, match=f"^{HERE}.*{words}"):
        convert(myst)
