"""The menu of each chapter: its notebooks to download, by pointer and by keyboard."""

from __future__ import annotations

import json

import editions
import pytest

CHAPTER = "chapters/03_depthwise_separable_convolution"


@pytest.fixture
def menu(visit, served):
    page = visit(served + CHAPTER + ".html").page
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


def test_the_menu_opens_and_is_left_with_the_keyboard(visit, served):
    page = visit(served + CHAPTER + ".html").page
    button = page.get_by_role("button", name="Run this chapter")
    button.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Student edition"
    page.keyboard.press("Escape")
    assert button.get_attribute("aria-expanded") == "false"
    assert page.evaluate("document.activeElement.ariaLabel") == "Run this chapter"


def test_the_menu_fits_a_phone(visit, served):
    page = visit(served + CHAPTER + ".html").page
    page.set_viewport_size({"width": 375, "height": 700})
    page.get_by_role("button", name="Run this chapter").click()
    box = page.locator(".dropdown-run-buttons .dropdown-menu").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 375
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_the_theme_offers_no_second_notebook(visit, served):
    page = visit(served + CHAPTER + ".html").page
    links = page.locator(".bd-header-article a[href$='.ipynb']").evaluate_all("links => links.map(a => a.pathname)")
    assert len(links) == len(editions.EDITIONS)
    assert not [link for link in links if "_sources" in link]


@pytest.mark.parametrize("other", ["index.html", "reference/glossary.html", "genindex.html"])
def test_pages_without_a_lesson_have_no_such_menu(visit, served, other):
    assert visit(served + other).page.locator(".dropdown-run-buttons").count() == 0


def test_colab_is_offered_only_where_the_repository_is_known(site):
    from book_site import repository_url
    from launch_menu import colab_url

    known = colab_url(repository_url(site.parents[1]), CHAPTER)
    html = (site / f"{CHAPTER}.html").read_text(encoding="utf8")
    assert ("colab.research.google.com" in html) == bool(known)
