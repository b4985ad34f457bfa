"""What the book adds to Jupyter Book, in small pieces."""

from __future__ import annotations

import re
import subprocess
from types import SimpleNamespace

import book_site
import pytest
from sphinxcontrib import katex


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://github.com/someone/book.git", "https://github.com/someone/book"),
        ("https://github.com/someone/book", "https://github.com/someone/book"),
        ("https://token@github.com/someone/book.git", "https://github.com/someone/book"),
        ("git@gitlab.com:group/part/book.git", "https://gitlab.com/group/part/book"),
        ("ssh://git@github.com:22/someone/book.git", "https://github.com/someone/book"),
        ("/srv/git/book.git", ""),
        ("../book", ""),
        ("file:///srv/book.git", ""),
        ("", ""),
    ],
)
def test_a_remote_becomes_a_web_address_or_nothing(remote, address):
    assert book_site.web_address(remote) == address


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """Return a git repository without a remote, in an environment that names none."""
    for name in ("BOOK_REPO_URL", "GITHUB_REPOSITORY", "GITHUB_SERVER_URL", "GITHUB_REF_NAME"):
        monkeypatch.delenv(name, raising=False)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


def test_no_repository_no_buttons(bare):
    options = {"repository_url": "https://github.com/executablebooks/jupyter-book"}  # what Jupyter Book would link to
    book_site.link_repository(options, book_site.repository_url(bare), bare)
    assert options["repository_url"] == ""
    assert not any(options[button] for button in book_site.REPOSITORY_BUTTONS)


def test_repository_comes_from_the_remote_or_the_environment(bare, monkeypatch):
    subprocess.run(["git", "-C", bare, "remote", "add", "origin", "git@github.com:a/b.git"], check=True)
    assert book_site.repository_url(bare) == "https://github.com/a/b"
    monkeypatch.setenv("GITHUB_REPOSITORY", "c/d")
    assert book_site.repository_url(bare) == "https://github.com/c/d"
    monkeypatch.setenv("BOOK_REPO_URL", "https://gitlab.com/e/f")
    assert book_site.repository_url(bare) == "https://gitlab.com/e/f"


@pytest.mark.parametrize(
    ("repository", "address"),
    [
        ("https://github.com/Someone/book", "https://someone.github.io/book/"),
        ("https://github.com/someone/someone.github.io", "https://someone.github.io/"),
        ("https://gitlab.com/group/part/book", ""),
        ("", ""),
    ],
)
def test_the_sites_address_is_said_or_follows_from_github_and_is_never_invented(bare, monkeypatch, repository, address):
    monkeypatch.delenv("BOOK_SITE_URL", raising=False)
    monkeypatch.setenv("BOOK_REPO_URL", repository)
    assert book_site.site_address(bare) == address
    monkeypatch.setenv("BOOK_SITE_URL", "https://book.example.org/x")
    assert book_site.site_address(bare) == "https://book.example.org/x/"


@pytest.mark.parametrize("name", ["cost.py", "explorables/kit.js", "explorables/kit.css"])
def test_another_library_is_another_cache(tmp_path, name):
    library = tmp_path / "mobilenet_lib"
    (library / "explorables").mkdir(parents=True)
    (library / name).write_text("one")
    (library / "notes.txt").write_text("one")
    before = book_site.cache_path(tmp_path, tmp_path)
    (library / "notes.txt").write_text("two")
    assert book_site.cache_path(tmp_path, tmp_path) == before
    (library / name).write_text("two")
    assert book_site.cache_path(tmp_path, tmp_path) != before


def test_vendored_katex_is_the_one_that_draws_the_formulas(root):
    assert f"| {katex.katex_version} |" in (root / "book" / "vendor" / "README.md").read_text(encoding="utf8")


def test_vendored_katex_has_each_font_it_names_and_no_other(root):
    folder = root / "book" / "vendor" / "katex"
    named = set(re.findall(r"url\((fonts/[^)]+)\)", (folder / "katex.min.css").read_text(encoding="utf8")))
    assert named == {font.relative_to(folder).as_posix() for font in folder.rglob("fonts/*")}


def test_formulas_are_in_the_pages_and_free_of_errors(site):
    chapters = list((site / "chapters").glob("*.html"))
    assert chapters
    for page in chapters:
        html = page.read_text(encoding="utf8")
        assert 'class="katex"' in html
        assert "katex-error" not in html


def test_an_unreadable_formula_is_reported(monkeypatch):
    said = []
    monkeypatch.setattr(book_site.LOGGER, "warning", lambda text, *values, location: said.append((location, *values)))
    body = '<span class="katex-error" title="ParseError: Undefined control sequence: \\x">…</span>'
    book_site.check_formulas(None, "chapters/x", "", {"body": body}, None)
    assert said == [("chapters/x", "ParseError: Undefined control sequence: \\x")]


def test_only_pages_that_run_count_as_notebooks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A page\n\nkernelspec: is only mentioned\n")
    assert not book_site.is_notebook(page)
    page.write_text("---\nkernelspec:\n  name: python3\n---\n# A page\n")
    assert book_site.is_notebook(page)
    assert book_site.is_notebook(tmp_path / "chapter.ipynb")


def test_a_changed_style_sheet_makes_every_page_anew(tmp_path):
    book, built = tmp_path / "book", tmp_path / "built"
    sheets = book / "book" / "static" / "book.css", built / "_static" / "book.css"
    for sheet in sheets:
        sheet.parent.mkdir(parents=True)
        sheet.write_text("p {}")
    app = SimpleNamespace(confdir=book, outdir=built)
    env = SimpleNamespace(all_docs={"index": 1.0, "chapters/one": 1.0})
    assert book_site.pages_with_old_assets(app, env, set(), set(), set()) == set()
    sheets[0].write_text("p { margin: 0 }")
    assert book_site.pages_with_old_assets(app, env, set(), set(), set()) == {"index", "chapters/one"}
