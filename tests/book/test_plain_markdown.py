"""MyST becomes Markdown that Colab, VS Code and JupyterLab show alike."""

from __future__ import annotations

from types import SimpleNamespace

import plain_markdown
import pytest
from docutils import nodes
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
PIXEL = b"\x89PNG fake"


def citation(key: str, year: str, *names: str, url: str = "") -> SimpleNamespace:
    fields = {"year": year, **({"url": url} if url else {})}
    entry = Entry("article", fields=fields, persons={"author": [Person(name) for name in names]})
    return SimpleNamespace(key=key, entry=entry)


@pytest.fixture
def convert(tmp_path, monkeypatch):
    """Return a function that converts MyST on a page of a book with a little of everything."""
    monkeypatch.setattr(plain_markdown, "definitions", lambda env: {"term-MAC": "A multiply-accumulate."})
    (tmp_path / "a.png").write_bytes(PIXEL)
    (tmp_path / "code.py").write_text("import a\n\n\nclass A:\n    def b(self):\n        return 1\n")
    std = SimpleNamespace(
        objects={("term", "MAC"): ("reference/glossary", "term-MAC")},
        _terms={"mac": ("reference/glossary", "term-MAC")},
        labels={"there": ("chapters/01_first", "there", "The first block")},
        anonlabels={"there": ("chapters/01_first", "there"), "fig-a": (HERE, "fig-a")},
    )
    domains = {
        "std": std,
        "math": SimpleNamespace(equations={"eq-a": (HERE, 1), "eq-b": ("chapters/01_first", 1)}),
        "py": SimpleNamespace(objects={"lib.cost.Cost": SimpleNamespace(docname="reference/api", node_id="lib.Cost")}),
        "cite": SimpleNamespace(
            citations=[
                citation("one2017", "2017", "Howard, Andrew", "Zhu, M.", "Chen, B.", url="https://arxiv.org/abs/1"),
                citation("two2018", "2018", "Sandler, Mark", "van Dam, A."),
            ]
        ),
    }
    env = SimpleNamespace(
        config=SimpleNamespace(
            myst_enable_extensions=EXTENSIONS, math_numfig=True, numfig=True, numfig_format={"figure": "Fig. %s"}
        ),
        get_domain=domains.__getitem__,
        titles={"chapters/01_first": nodes.title("", "First")},
        toc_fignumbers={
            HERE: {"displaymath": {"equation-eq-a": (7,)}, "exercise": {"ex-a": (12,)}, "figure": {"fig-a": (2,)}},
            "chapters/01_first": {"displaymath": {"equation-eq-b": (3,)}},
        },
        sphinx_exercise_registry={"ex-a": {"docname": HERE}},
        relfn2path=lambda name, docname: (name, str(tmp_path / name)),
    )
    env.config.source_encoding = "utf8"
    glued = {"macs": {"data": {"text/plain": "1234567"}}, "word": {"data": {"text/plain": "'ten'"}}}

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
        (":::{admonition} Predict $n$\n:class: important\nA\n\nB\n:::", "> **Predict $n$**\n>\n> A\n>\n> B"),
        ("a\n\n```{tip}\nb\n```\n\nc", "a\n\n> **Tip**\n>\n> b\n\nc"),
        ("::::{note}\n:::{tip}\na\n:::\n::::", "> **Note**\n>\n> > **Tip**\n> >\n> > a"),
        ("- one\n\n  :::{note}\n  a\n  :::\n- two", "- one\n\n  > **Note**\n  >\n  > a\n- two"),
        ("```{exercise}\n:label: ex-a\n\nCount.\n```", "> **Exercise 12**\n>\n> Count."),
        (
            "```{exercise} Fewer\n:label: ex-a\n\nCount.\n```",
            "> **Exercise 12: Fewer**\n>\n> Count.",
        ),
        (
            "```{solution} ex-a\n:class: dropdown\n\nTen.\n```",
            "<details>\n<summary>Solution to exercise 12</summary>\n\nTen.\n\n</details>",
        ),
        ("```{solution-start} ex-a\n:class: dropdown\n```\n\nTen.\n\n```{solution-end}\n```", "Ten."),
        ("```{epigraph}\nLess.\n```", "> Less."),
        ("```{code-block} bash\nls\n```", "```bash\nls\n```"),
        ("```{literalinclude} code.py\n:pyobject: A.b\n```", "```python\ndef b(self):\n    return 1\n```"),
        (":::{card} Head\nbody\n+++\nfoot\n:::", "**Head**\n\nbody\n\nfoot"),
        ("::::{tab-set}\n:::{tab-item} One\na\n:::\n:::{tab-item} Two\nb\n:::\n::::", "**One**\n\na\n**Two**\n\nb"),
        ("```{list-table}\n* - a\n  - b\n* - 1\n  - {term}`MAC`\n```", "| a | b |\n| --- | --- |\n| 1 | MAC |"),
        ("```{csv-table} T\n:header: a, b\n\n1, 2\n```", "**T**\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"),
        ("```{prf:theorem} Mixing\nAll.\n```", "> **Theorem (Mixing)**\n>\n> All."),
        ("```{figure} a.png\n:alt: A dot\n\nThe dot.\n```", "![A dot](data:image/png;base64,iVBORyBmYWtl)\n\nThe dot."),
        ("![A dot](a.png)", "![A dot](data:image/png;base64,iVBORyBmYWtl)"),
        ("(label)=\n## Head", "## Head"),
        ("% a remark\ntext", "text"),
        # formulas
        ("$$\na = b\n$$ (eq-a)", "$$\na = b \\tag{7}\n$$"),
        (":::{note}\n$$\na\nb\n$$ (eq-a)\n:::", "> **Note**\n>\n> $$ a b \\tag{7} $$"),
        ("```{math}\n:label: eq-a\na\n```", "$$\na \\tag{7}\n$$"),
        ("\\begin{align}\na\n\\end{align}", "$$\n\\begin{align}\na\n\\end{align}\n$$"),
        # text
        ("by {eq}`eq-a` and {eq}`eq-b`", "by (7) and (3)"),
        ("{glue:text}`macs:,.0f` and {glue:text}`word`", "1,234,567 and ten"),
        ("a {term}`MAC` and {term}`maps <MAC>`", "a MAC and maps"),
        ("{doc}`01_first`, {doc}`here <01_first>`", "First, here"),
        ("{ref}`there`, {ref}`here <there>`", "The first block, here"),
        ("{numref}`fig-a`, {ref}`ex-a`", "Fig. 2, Exercise 12"),
        ("{cite}`one2017`", "([Howard et al., 2017](https://arxiv.org/abs/1))"),
        ("{cite:p}`one2017,two2018`", "([Howard et al., 2017](https://arxiv.org/abs/1); Sandler and van Dam, 2018)"),
        ("{cite:t}`two2018`", "Sandler and van Dam (2018)"),
        ("{py:class}`~lib.cost.Cost`, {func}`lib.f`", "`Cost`, `lib.f`"),
        ("H{sub}`2`O, 2{sup}`3`, {math}`a`, {code}`x`", "H<sub>2</sub>O, 2<sup>3</sup>, $a$, `x`"),
        ("| a |\n|---|\n| {term}`MAC` |", "| a |\n|---|\n| MAC |"),
        ("## On {term}`MAC`s", "## On MACs"),
        ("[first](01_first.ipynb) and [](01_first.ipynb)", "first and First"),
    ],
)
def test_myst_becomes_what_a_reader_of_the_page_sees(convert, myst, plain):
    assert convert(myst) == plain


@pytest.mark.parametrize(
    ("myst", "plain"),
    [
        ("{term}`MAC`", "[MAC](https://b.org/reference/glossary.html#term-MAC)"),
        ("{doc}`01_first`", "[First](https://b.org/chapters/01_first.html)"),
        ("{ref}`there`", "[The first block](https://b.org/chapters/01_first.html#there)"),
        ("{eq}`eq-b`", "[(3)](https://b.org/chapters/01_first.html#equation-eq-b)"),
        ("{eq}`eq-a`", "(7)"),
        ("{class}`lib.cost.Cost`", "[`lib.cost.Cost`](https://b.org/reference/api.html#lib.Cost)"),
        ("[first](01_first.ipynb#part)", "[first](https://b.org/chapters/01_first.html#part)"),
    ],
)
def test_where_the_site_is_known_a_reference_leads_there(convert, myst, plain):
    assert convert(myst, "https://b.org/") == plain


@pytest.mark.parametrize(
    ("myst", "words"),
    [
        ("```{mystery}\nx\n```", r"the directive \{mystery\} has no plain form .*plain_markdown.py"),
        ("{mystery}`x`", r"the role \{mystery\} has no plain form"),
        ("{glue:text}`no`", "the glued value 'no'.*no cell that ran has glued it"),
        ("{term}`no`", "the term 'no'.*glossary"),
        ("{eq}`no`", "the equation 'no'"),
        ("{cite}`no`", "the citation 'no'"),
        ("{ref}`no`", "the reference 'no'"),
        ("{doc}`no`", "the link to 'chapters/no'"),
        ("![x](no.png)", "the picture 'no.png'"),
        ("{{ x }}", "write the text itself"),
    ],
)
def test_what_has_no_plain_form_stops_the_build_and_says_where(convert, myst, words):
    with pytest.raises(NoPlainForm, match=f"^{HERE}.*{words}"):
        convert(myst)
