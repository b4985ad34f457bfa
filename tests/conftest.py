"""What all tests share: where the project and its built site are, and one browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import ARGUMENTS, REMEDY, find_chromium
from playwright.sync_api import Browser, sync_playwright

# Two threads on a busy machine with two cores wait for each other: the tests' tensors are small, and one is faster.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def site() -> Path:
    """Return the built site."""
    if not (SITE / "index.html").exists():
        pytest.fail("There is no built site to test: run `make book` first, or `make test`, which does both.")
    return SITE


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return a Chromium. Playwright can be started only once at a time, so every test shares this one."""
    with sync_playwright() as playwright:
        path = find_chromium(playwright)
        if path is None:
            must = os.environ.get("CI", "").lower() == "true"
            (pytest.fail if must else pytest.skip)(REMEDY)
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for `any_page` each page of the site, and for `page_name` each that is not a twin.

    The source listings are all made by one template, so one of them stands for the rest.
    """
    pages = sorted(
        path.relative_to(SITE).as_posix()
        for path in SITE.rglob("*.html")
        if not {"_static", "slides"} & set(path.parts)  # a deck is no page: tests/site/test_slides.py
    )
    listings = [page for page in pages if page.startswith("_modules/")]
    if "any_page" in metafunc.fixturenames:
        metafunc.parametrize("any_page", pages or ["index.html"])
    if "page_name" in metafunc.fixturenames:
        metafunc.parametrize("page_name", [page for page in pages if page not in listings[1:]] or ["index.html"])
