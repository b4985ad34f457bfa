"""Where a chapter is started: the menu on its page, and the links of the page for instructors.

The menu has the notebooks of editions.py, which carry the library, and a link that opens one in Colab. The theme's own
link, to the source that only works inside a checkout, is left out: two notebooks to choose from would be one too many.
The page for instructors has links for a JupyterHub, for Binder, and to the slides.
"""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from docutils import nodes
from editions import edition_path, editions_of
from lecture import lecture_path
from repository import PUBLISHED, repository_url
from sphinx.util.docutils import SphinxDirective

ENTRIES = {
    "colab": ("Download notebook", "The chapter as one file that runs anywhere"),
    "student": ("Student edition", "With blanks and checks, without solutions"),
    "live": ("Live edition", "With blanks and speaker notes, for a class"),
    "solutions": ("Solutions edition", "With every blank filled in"),
}
IN_COLAB = {
    "colab": ("Open in Colab", "Run the chapter on Google's machines"),
    "student": ("Student edition in Colab", "Blanks and checks, on Google's machines"),
}
OF_THE_SOURCE = {"download-notebook-button", "download-source-button"}
BINDER = "https://mybinder.org/v2"
BINDER_KNOWS = {"github.com": "gh", "gitlab.com": "gl"}
HUB = "https://your-hub.example"  # the reader's own; .example is reserved for such names (RFC 2606)


# The menu


def add_menu(app, pagename, templatename, context, doctree) -> None:
    kinds = editions_of(app, pagename) if doctree is not None else []
    if not kinds:
        return
    entries = []
    for kind in kinds:
        text, tooltip = ENTRIES[kind]
        url = context["pathto"](edition_path(kind, pagename), 1)
        entries.append(link(text, tooltip, url, "fas fa-download", f"edition-{kind}"))
    for kind in reversed([kind for kind in IN_COLAB if kind in kinds]):
        if url := colab_url(repository_url(Path(app.srcdir)), pagename, kind):
            text, tooltip = IN_COLAB[kind]
            at = [entry["label"] for entry in entries].index(f"edition-{kind}") + 1
            entries.insert(at, link(text, tooltip, url, "fas fa-play", f"colab-{kind}"))
    for group in context["header_buttons"]:
        if group.get("label") == "download-buttons":
            group["buttons"] = [button for button in group["buttons"] if button["label"] not in OF_THE_SOURCE]
    menu = {"type": "group", "buttons": entries, "icon": "fas fa-play", "label": "run-buttons"}
    context["header_buttons"].insert(0, {**menu, "tooltip": "Run this chapter"})


def link(text: str, tooltip: str, url: str, icon: str, label: str) -> dict[str, str]:
    return {"type": "link", "text": text, "tooltip": tooltip, "url": url, "icon": icon, "label": label}


def colab_url(repository: str, pagename: str, kind: str = "colab") -> str:
    """Return where Colab finds an edition of a chapter, or "" where the repository is not known or not on GitHub.

    >>> colab_url("https://github.com/someone/book", "chapters/03_blocks")
    'https://colab.research.google.com/github/someone/book/blob/gh-pages/colab/03_blocks.ipynb'
    >>> colab_url("", "chapters/03_blocks")
    ''
    """
    return colab_file(repository, edition_path(kind, pagename))


def colab_file(repository: str, path: str) -> str:
    """Return where Colab finds a file of the published branch, or "" where it cannot."""
    host = "https://github.com/"
    if not repository.startswith(host):
        return ""
    return (
        f"https://colab.research.google.com/github/{quote(f'{repository.removeprefix(host)}/blob/{PUBLISHED}/{path}')}"
    )


# The page for instructors


def binder_link(repository: str, branch: str, path: str) -> str:
    """Return the address at which Binder opens a file of a repository.

    >>> binder_link("https://github.com/someone/book", "gh-pages", "colab/01.ipynb")
    'https://mybinder.org/v2/gh/someone/book/gh-pages?urlpath=lab%2Ftree%2Fcolab%2F01.ipynb'
    """
    address = urlsplit(repository)
    if kind := BINDER_KNOWS.get(address.netloc):
        name = address.path.strip("/")
        where = f"{kind}/{name if kind == 'gh' else quote(name, safe='')}"
    else:
        where = f"git/{quote(repository, safe='')}"
    return f"{BINDER}/{where}/{quote(branch, safe='')}?{urlencode({'urlpath': f'lab/tree/{path}'})}"


def hub_link(repository: str, branch: str, path: str) -> str:
    """Return the address at which a JupyterHub pulls a repository with nbgitpuller, and opens a file of it."""
    folder = repository.rstrip("/").rpartition("/")[2].removesuffix(".git")
    query = {"repo": repository, "branch": branch, "urlpath": f"lab/tree/{folder}/{path}"}
    return f"{HUB}/hub/user-redirect/git-pull?{urlencode(query)}"


def chapters(source: Path) -> dict[str, str]:
    """Return the title of each chapter by the name of its notebook."""
    found = {}
    for path in sorted((source / "chapters").glob("*.ipynb")):
        texts = ["".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf8"))["cells"]]
        found[path.name] = re.search(r"^# (.*)", "\n".join(texts), re.MULTILINE)[1]
    return found


def hub_text(repository: str, names: dict[str, str]) -> str:
    """Say where the chapters can be started: links where the repository is known, and else how to get them."""
    if not repository:
        return (
            "Links for your JupyterHub and for Binder stand here when the book was built in a checkout with a remote "
            "on the web. This copy was not, so there are none. Set `BOOK_REPO_URL` to the repository's address and "
            "build again.\n"
        )
    first = f"student/{next(iter(names))}"
    binder = ", ".join(
        f"[{title}]({binder_link(repository, PUBLISHED, f'colab/{name}')})" for name, title in names.items()
    )
    return (
        f"For your JupyterHub, put its own address in place of `{HUB}` (nbgitpuller must be installed there). This "
        f"link opens the student edition of the first chapter, which `make publish` puts on the branch `{PUBLISHED}`; "
        f"for another chapter or edition, change its end:\n\n"
        f"```text\n{hub_link(repository, PUBLISHED, first)}\n```\n\nOn Binder: {binder}.\n"
    )


class HubLinks(SphinxDirective):
    """Links that start a chapter on a JupyterHub or on Binder."""

    def run(self) -> list[nodes.Node]:
        options = self.config.html_theme_options
        names = chapters(Path(self.env.srcdir))
        text = hub_text(options.get("repository_url", ""), names)
        return self.parse_text_to_nodes(text)


class LectureNotebook(SphinxDirective):
    """Where the lecture is, as one notebook."""

    def run(self) -> list[nodes.Node]:
        path = lecture_path(Path(self.env.srcdir))
        where = nodes.reference("", "as one notebook", refuri=f"../{path}", internal=True)
        said = nodes.paragraph("", "", nodes.Text("The lecture is there "), where)
        if url := colab_file(self.config.html_theme_options.get("repository_url", ""), path):
            said += [nodes.Text(", also "), nodes.reference("", "in Colab", refuri=url)]
        said += nodes.Text(
            ", with its clock: the sections of the plan in its order, the figures set up, the blanks to type, and what "
            "to show and to ask folded away until you open it."
        )
        return [said]


class SlideDecks(SphinxDirective):
    """A line of links to the decks."""

    def run(self) -> list[nodes.Node]:
        links = [f"[{title}](page:slides/{Path(name).stem})" for name, title in chapters(Path(self.env.srcdir)).items()]
        return self.parse_text_to_nodes(f"The decks: {', '.join(links)}.\n")


def unescape_addresses(app, doctree: nodes.document) -> None:
    """Take back MyST's escaping of the & in an address: docutils escapes it, too, and the second one would stay."""
    for link in doctree.findall(nodes.reference):
        if "&amp;" in link.get("refuri", ""):
            link["refuri"] = unescape(link["refuri"])


def setup(app) -> dict:
    """Register the menu and the directives."""
    app.connect("html-page-context", add_menu, priority=910)  # after the theme's own buttons
    app.connect("doctree-read", unescape_addresses)
    app.add_directive("hub-links", HubLinks)
    app.add_directive("slide-decks", SlideDecks)
    app.add_directive("lecture-notebook", LectureNotebook)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
