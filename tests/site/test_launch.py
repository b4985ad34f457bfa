"""Where a chapter is started: the menu on its page, by pointer and by keyboard, and links to other hubs."""

from __future__ import annotations

import json
import subprocess
from types import SimpleNamespace

import editions
import launch
import pytest
from repository import PUBLISHED, repository_url

CHAPTER = "chapters/03_depthwise_separable_convolution"


@pytest.fixture
def menu(tabs, served):
    page = tabs(served + CHAPTER + ".html").page
    page.get_by_role("button", name="Run this chapter").click()
    return page.locator(".dropdown-run-buttons .dropdown-menu")


def test_the_notebook_and_every_edition_can_be_downloaded(menu, site):
    assert menu.get_by_role("link").first.inner_text().strip() == "Download notebook"
    for kind in editions.EDITIONS:
        with menu.page.expect_download() as download:
            menu.locator(f".btn-edition-{kind}").click()
        assert download.value.suggested_filename == CHAPTER.rpartition("/")[2] + ".ipynb"
        assert json.loads(download.value.path().read_text(encoding="utf8"))["nbformat"] == 4
        menu.page.get_by_role("button", name="Run this chapter").click()


def test_the_menu_opens_and_is_left_with_the_keyboard(tabs, served):
    page = tabs(served + CHAPTER + ".html").page
    button = page.get_by_role("button", name="Run this chapter")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".dropdown-run-buttons [aria-expanded='true']")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Student edition"
    page.keyboard.press("Escape")
    assert button.get_attribute("aria-expanded") == "false"
    assert page.evaluate("document.activeElement.ariaLabel") == "Run this chapter"


def test_the_menu_fits_a_phone(tabs, served):
    page = tabs(served + CHAPTER + ".html", viewport={"width": 375, "height": 700}).page
    page.get_by_role("button", name="Run this chapter").click()
    # The theme's script comes late, and then puts the menu into its place.
    box = page.locator(".dropdown-run-buttons .dropdown-menu[data-popper-placement]").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 375
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_the_theme_offers_no_second_notebook(tabs, served):
    page = tabs(served + CHAPTER + ".html").page
    links = page.locator(".bd-header-article a[href$='.ipynb']").evaluate_all("links => links.map(a => a.pathname)")
    assert len(links) == len(editions.EDITIONS)
    assert not [link for link in links if "_sources" in link]


@pytest.mark.parametrize("other", ["index.html", "reference/glossary.html", "genindex.html"])
def test_pages_without_a_lesson_have_no_such_menu(tabs, served, other):
    assert tabs(served + other).page.locator(".dropdown-run-buttons").count() == 0


@pytest.mark.parametrize(
    ("remote", "texts"),
    [
        (
            "git@github.com:a/b.git",
            ["Download notebook", "Open in Colab", "Student edition", "Student edition in Colab"],
        ),
        ("/srv/git/b.git", ["Download notebook", "Student edition", "Live edition", "Solutions edition"]),
    ],
)
def test_the_menu_follows_the_git_remote(monkeypatch, tmp_path, remote, texts):
    for name in ("BOOK_REPO_URL", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", remote], check=True)
    env = SimpleNamespace(found_docs={CHAPTER}, doc2path="{}.ipynb".format)
    theirs = {"label": "download-buttons", "buttons": [{"label": "download-source-button"}, {"label": "pdf"}]}
    context = {"header_buttons": [theirs], "pathto": lambda path, resource: f"../{path}"}
    launch.add_menu(SimpleNamespace(env=env, srcdir=tmp_path), CHAPTER, "page.html", context, object())
    menu, theirs = context["header_buttons"]
    assert [entry["text"] for entry in menu["buttons"]][:4] == texts
    assert menu["buttons"][0]["url"] == f"../colab/{CHAPTER.rpartition('/')[2]}.ipynb"
    assert theirs["buttons"] == [{"label": "pdf"}]


def test_colab_is_offered_only_where_the_repository_is_known(site):
    known = launch.colab_url(repository_url(site.parents[1]), CHAPTER)
    html = (site / f"{CHAPTER}.html").read_text(encoding="utf8")
    assert ("colab.research.google.com" in html) == bool(known)


def test_colab_is_sent_to_the_branch_that_is_published():
    url = launch.colab_url("https://github.com/someone/book", "chapters/03_blocks")
    assert f"/someone/book/blob/{PUBLISHED}/colab/03_blocks.ipynb" in url


@pytest.mark.parametrize("url", ["", "https://gitlab.com/someone/book", "https://git.example.org/github/book"])
def test_no_link_to_colab_where_it_could_not_follow(url):
    assert launch.colab_url(url, "chapters/03_blocks") == ""


# The page for instructors


def test_links_to_hubs_are_built_from_the_repository_and_nothing_is_invented():
    names = {"01_a.ipynb": "A", "02_b.ipynb": "B"}
    text = launch.hub_text("https://gitlab.com/group/part/book", names)
    assert "https://mybinder.org/v2/gl/group%2Fpart%2Fbook/gh-pages?urlpath=lab%2Ftree%2Fcolab%2F02_b.ipynb" in text
    assert "repo=https%3A%2F%2Fgitlab.com%2Fgroup%2Fpart%2Fbook&branch=gh-pages" in text
    assert "urlpath=lab%2Ftree%2Fbook%2Fstudent%2F01_a.ipynb" in text
    without = launch.hub_text("", names)
    assert "http" not in without and "BOOK_REPO_URL" in without


@pytest.mark.parametrize(
    ("url", "start"),
    [
        ("https://github.com/a/b", "https://mybinder.org/v2/gh/a/b/x%2Fy?"),
        ("https://git.example.org/a/b", "https://mybinder.org/v2/git/https%3A%2F%2Fgit.example.org%2Fa%2Fb/x%2Fy?"),
    ],
)
def test_binder_is_told_where_the_repository_lives(url, start):
    assert launch.binder_link(url, "x/y", "index.ipynb").startswith(start)


def test_title_of_each_chapter_is_known(root):
    found = launch.chapters(root)
    assert list(found) == [path.name for path in sorted((root / "chapters").glob("*.ipynb"))]
    assert found["06_inverted_residual.ipynb"] == "The inverted residual"
