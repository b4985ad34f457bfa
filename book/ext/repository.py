"""Where this copy of the book comes from, and what links there: the repository, its branches, the site's address.

It is read from git, or the environment says it. Where it is not known there are no links: nothing is invented.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
from operator import attrgetter
from pathlib import Path

from sphinx.util.nodes import make_refnode

LIBRARY = "mobilenet_lib"
PUBLISHED = "gh-pages"  # the branch where `make publish` puts the site, and with it the notebooks
BUTTONS = ("use_repository_button", "use_issues_button", "use_edit_page_button")
KNOWN = ("github", "gitlab", "bitbucket")  # the only ones the theme can link to


def repository_url(source: Path) -> str:
    """Return the web address of the book's repository, or "" where none is known."""
    url = os.environ.get("BOOK_REPO_URL", "")
    if not url and "GITHUB_REPOSITORY" in os.environ:
        url = os.environ.get("GITHUB_SERVER_URL", "https://github.com") + "/" + os.environ["GITHUB_REPOSITORY"]
    url = web_address(url or git(source, "remote", "get-url", "origin"))
    return url if any(name in url for name in KNOWN) else ""


def branch(source: Path) -> str:
    return os.environ.get("GITHUB_REF_NAME") or git(source, "branch", "--show-current") or "main"


def site_address(source: Path) -> str:
    """Return where the built site is published, with a slash at its end, or "" where that is not known.

    Said by BOOK_SITE_URL, or by the rule that GitHub Pages follows.
    """
    if address := os.environ.get("BOOK_SITE_URL", ""):
        return address.rstrip("/") + "/"
    match = re.fullmatch(r"https://github\.com/([^/]+)/([^/]+)", repository_url(source))
    if not match:
        return ""
    owner, name = match[1].lower(), match[2]
    return f"https://{owner}.github.io/" + ("" if name.lower() == f"{owner}.github.io" else f"{name}/")


def web_address(remote: str) -> str:
    """Turn a git remote into a web address; a remote that is a folder has none.

    >>> web_address("git@github.com:someone/book.git"), web_address("/srv/book.git")
    ('https://github.com/someone/book', '')
    """
    match = re.fullmatch(
        r"(?:https?://|ssh://)?(?:[^@/]+@)?([\w-]+(?:\.[\w-]+)+)(?::\d+)?[:/]([\w./~-]+?)(?:\.git)?/?", remote
    )
    return f"https://{match[1]}/{match[2]}" if match else ""


def git(source: Path, *arguments: str) -> str:
    """Return what git says, or "" outside a repository or without git."""
    try:
        done = subprocess.run(["git", "-C", source, *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


# Links


def link_repository(app, config) -> None:
    """Let the theme's buttons lead to the repository, and each name on the pages about the library to its source."""
    source, options = Path(app.srcdir), config.html_theme_options
    url = repository_url(source)
    options.update({"repository_url": url, "repository_branch": branch(source), **dict.fromkeys(BUTTONS, bool(url))})
    files = f"{url}/blob/{branch(source)}" if url else ""
    config.linkcode_resolve = lambda domain, info: source_link(files, **info)  # for sphinx.ext.linkcode


def source_link(files: str, module: str, fullname: str) -> str | None:
    """Return the address of the line where a name of the library begins, or None where that is not known.

    >>> source_link("https://github.com/someone/book/blob/main", "mobilenet_lib.cost", "Cost").partition("#")[0]
    'https://github.com/someone/book/blob/main/mobilenet_lib/cost.py'
    """
    if not files or module.partition(".")[0] != LIBRARY:
        return None
    try:
        found = inspect.unwrap(attrgetter(fullname)(importlib.import_module(module)))
        lines, first = inspect.getsourcelines(found)
    except (AttributeError, OSError, TypeError):  # a constant has no lines, nor what only a call sets
        return None
    path = inspect.getmodule(found).__name__.replace(".", "/")
    return f"{files}/{path}.py#L{first}"


def resolve_short_name(app, env, node, contnode):
    """Let `mobilenet_lib.Cost` lead to `mobilenet_lib.cost.Cost`, and `measure.macs` to its module in that room.

    Readers know the short name; the pages about the library have the full one.
    """
    package, _, name = node.get("reftarget", "").rpartition(".")
    if node.get("refdomain") != "py" or package.partition(".")[0] != LIBRARY:
        return None
    domain = env.get_domain("py")
    full = re.compile(rf"{re.escape(package)}(\.\w+)+\.{re.escape(name)}")
    found = [known for known in domain.objects if full.fullmatch(known)]
    if len(found) != 1:
        return None
    target = domain.objects[found[0]]
    return make_refnode(app.builder, node["refdoc"], target.docname, target.node_id, contnode, found[0])


def setup(app) -> dict:
    """Register what is linked."""
    app.connect("config-inited", link_repository)
    app.connect("missing-reference", resolve_short_name)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
