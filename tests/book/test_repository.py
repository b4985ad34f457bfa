"""The repository, its branches and the site's address: read, never invented."""

from __future__ import annotations

import inspect
import subprocess
from types import SimpleNamespace

import pytest
import repository
from docutils import nodes
from sphinx.addnodes import pending_xref

from mobilenet_lib import cost


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
    assert repository.web_address(remote) == address


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """Return a git repository without a remote, in an environment that names none."""
    for name in ("BOOK_REPO_URL", "GITHUB_REPOSITORY", "GITHUB_SERVER_URL", "GITHUB_REF_NAME"):
        monkeypatch.delenv(name, raising=False)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


def test_no_repository_no_buttons(bare):
    options = {"repository_url": "https://github.com/executablebooks/jupyter-book"}  # what Jupyter Book would link to
    config = SimpleNamespace(html_theme_options=options)
    repository.link_repository(SimpleNamespace(srcdir=bare), config)
    assert options["repository_url"] == ""
    assert not any(options[button] for button in repository.BUTTONS)
    assert config.linkcode_resolve("py", {"module": "mobilenet_lib.cost", "fullname": "Cost"}) is None


def test_repository_comes_from_the_remote_or_the_environment(bare, monkeypatch):
    subprocess.run(["git", "-C", bare, "remote", "add", "origin", "git@github.com:a/b.git"], check=True)
    assert repository.repository_url(bare) == "https://github.com/a/b"
    monkeypatch.setenv("GITHUB_REPOSITORY", "c/d")
    assert repository.repository_url(bare) == "https://github.com/c/d"
    monkeypatch.setenv("BOOK_REPO_URL", "https://gitlab.com/e/f")
    assert repository.repository_url(bare) == "https://gitlab.com/e/f"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://github.com/Someone/book", "https://someone.github.io/book/"),
        ("https://github.com/someone/someone.github.io", "https://someone.github.io/"),
        ("https://gitlab.com/group/part/book", ""),
        ("", ""),
    ],
)
def test_the_sites_address_is_said_or_follows_from_github_and_is_never_invented(bare, monkeypatch, url, address):
    monkeypatch.delenv("BOOK_SITE_URL", raising=False)
    monkeypatch.setenv("BOOK_REPO_URL", url)
    assert repository.site_address(bare) == address
    monkeypatch.setenv("BOOK_SITE_URL", "https://book.example.org/x")
    assert repository.site_address(bare) == "https://book.example.org/x/"


# Links


def test_a_name_of_the_library_leads_to_the_line_where_it_begins(bare, monkeypatch):
    monkeypatch.setenv("BOOK_REPO_URL", "https://github.com/a/b")
    monkeypatch.setenv("GITHUB_REF_NAME", "trunk")
    config = SimpleNamespace(html_theme_options={})
    repository.link_repository(SimpleNamespace(srcdir=bare), config)

    def link(module, name):
        return config.linkcode_resolve("py", {"module": module, "fullname": name})

    _, line = inspect.getsourcelines(cost.Cost.__add__)
    files = "https://github.com/a/b/blob/trunk/mobilenet_lib"
    assert link("mobilenet_lib.cost", "Cost.__add__") == f"{files}/cost.py#L{line}"
    assert link("mobilenet_lib", "ConvBN").startswith(f"{files}/layers.py#L")  # where it stands, not where it is shown
    assert link("mobilenet_lib.blocks", "InvertedResidual").startswith(f"{files}/blocks.py#L")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("mobilenet_lib.specs", "V1_SPEC"),  # a constant
        ("mobilenet_lib.blocks", "DepthwiseSeparableConv.depthwise"),  # what __init__ sets
        ("mobilenet_lib.blocks", "Gone"),
        ("torch.nn", "Conv2d"),  # not ours
        ("", "InvertedResidual"),
    ],
)
def test_what_has_no_line_of_ours_has_no_link(module, name):
    assert repository.source_link("https://github.com/a/b/blob/main", module, name) is None


@pytest.mark.parametrize(
    ("target", "full"),
    [
        ("mobilenet_lib.Cost", "mobilenet_lib.cost.Cost"),
        ("mobilenet_lib.measure.macs", "mobilenet_lib.measure.counts.macs"),
        ("mobilenet_lib.conv", None),  # two have that name
        ("mobilenet_lib.Gone", None),
        ("torch.Cost", None),
    ],
)
def test_a_short_name_leads_to_the_one_that_has_it(target, full):
    known = (
        "mobilenet_lib.cost.Cost",
        "mobilenet_lib.measure.counts.macs",
        "mobilenet_lib.a.conv",
        "mobilenet_lib.b.conv",
    )
    domain = SimpleNamespace(objects={name: SimpleNamespace(docname="reference/x", node_id=name) for name in known})
    builder = SimpleNamespace(get_relative_uri=lambda start, end: f"{end}.html")
    node = pending_xref(refdomain="py", reftarget=target, refdoc="chapters/x")
    env = SimpleNamespace(get_domain=lambda name: domain)
    found = repository.resolve_short_name(SimpleNamespace(builder=builder), env, node, nodes.Text(target))
    assert (found["refuri"] if found else None) == (f"reference/x.html#{full}" if full else None)
