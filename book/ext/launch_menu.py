"""A menu on each chapter's page: its notebook to download, its editions, and a link that opens it in Colab.

The notebooks are those of editions.py, which carry the library. The theme's own link, to the source that only works
inside a checkout, is left out: two notebooks to choose from would be one too many.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from book_site import repository_url
from editions import edition_path, editions_of

BRANCH = "gh-pages"  # where `make publish` puts the site, and with it the notebooks
ENTRIES = {
    "colab": ("Download notebook", "The chapter as one file that runs anywhere"),
    "student": ("Student edition", "With blanks and checks, without solutions"),
    "live": ("Live edition", "With blanks and speaker notes, for a class"),
    "solutions": ("Solutions edition", "With every blank filled in"),
}
OF_THE_SOURCE = {"download-notebook-button", "download-source-button"}


def add_menu(app, pagename, templatename, context, doctree) -> None:
    kinds = editions_of(app, pagename) if doctree is not None else []
    if not kinds:
        return
    entries = []
    for kind in kinds:
        text, tooltip = ENTRIES[kind]
        url = context["pathto"](edition_path(kind, pagename), 1)
        entries.append(link(text, tooltip, url, "fas fa-download", f"edition-{kind}"))
    if url := colab_url(repository_url(Path(app.srcdir)), pagename):
        entries.insert(1, link("Open in Colab", "Run the chapter on Google's machines", url, "fas fa-play", "colab"))
    for group in context["header_buttons"]:
        if group.get("label") == "download-buttons":
            group["buttons"] = [button for button in group["buttons"] if button["label"] not in OF_THE_SOURCE]
    menu = {"type": "group", "buttons": entries, "icon": "fas fa-play", "label": "run-buttons"}
    context["header_buttons"].insert(0, {**menu, "tooltip": "Run this chapter"})


def link(text: str, tooltip: str, url: str, icon: str, label: str) -> dict[str, str]:
    return {"type": "link", "text": text, "tooltip": tooltip, "url": url, "icon": icon, "label": label}


def colab_url(repository: str, pagename: str) -> str:
    """Return where Colab finds a chapter's notebook, or "" where the repository is not known or not on GitHub.

    >>> colab_url("https://github.com/someone/book", "chapters/03_blocks")
    'https://colab.research.google.com/github/someone/book/blob/gh-pages/colab/03_blocks.ipynb'
    >>> colab_url("", "chapters/03_blocks")
    ''
    """
    host = "https://github.com/"
    if not repository.startswith(host):
        return ""
    path = f"{repository.removeprefix(host)}/blob/{BRANCH}/{edition_path('colab', pagename)}"
    return f"https://colab.research.google.com/github/{quote(path)}"


def setup(app) -> dict:
    app.connect("html-page-context", add_menu, priority=910)  # after the theme's own buttons
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
