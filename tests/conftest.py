"""What all tests share: where the project and its built site are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for `page_name` each page of the built site."""
    if "page_name" in metafunc.fixturenames:
        pages = [path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html") if "_static" not in path.parts]
        metafunc.parametrize("page_name", sorted(pages) or ["index.html"])
