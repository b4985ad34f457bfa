"""What all tests share: where the project and its built site are, and one browser."""

from __future__ import annotations

import atexit
import gc
import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, wraps
from pathlib import Path
from typing import Any

import fresh
import pytest
from chromium import ARGUMENTS, REMEDY, find_headless
from playwright.sync_api import Browser, sync_playwright

from mobilenet_lib.measure.allocator import KEPT

# Two threads on a busy machine with two cores wait for each other: the tests' tensors are small, and one is faster.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The processes that xdist starts keep their memory: else each layer's output is given back, and touched anew.
os.environ.update(KEPT)
# Nor do they take apart, when they end, what was imported and made in them: that would be two seconds for each.
if "PYTEST_XDIST_WORKER" in os.environ:
    atexit.register(os._exit, 0)
# jsonschema, which nbformat imports, would set up a grammar of internationalised addresses for three seconds.
sys.modules.setdefault("rfc3987_syntax", None)

# Nothing that is made while tests are collected becomes rubbish, and to look for some takes seconds.
gc.disable()

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"
LONG = ("tests/site/", "tests/topics/")
# The files that take longest, the longest first.
LONGEST = [
    *(f"tests/site/test_{name}.py" for name in ("jupyterlab", "still_figures", "explorables", "slides")),
    *("tests/site/test_what_it_sees.py", "tests/site/test_networks_in_the_page.py"),
    *("tests/topics/test_shipping.py", "tests/test_tracing.py"),  # the first one with all that export
    *(f"tests/topics/test_{name}.py" for name in ("experiments", "trained", "pretrained", "training")),
    *("tests/checks/test_bestiary.py", "tests/explorables/test_explorables.py", "tests/topics/test_families.py"),
    *("tests/test_cost.py", "tests/explorables/test_slider_keys.py", "tests/checks/test_every_check.py"),
]
# They export to ONNX, and what torch loads for it takes three seconds in each process.
EXPORTING = (
    *("mobilenet_lib/explorables/export.py", "mobilenet_lib/topics/shipping.py", "tests/topics/test_shipping.py"),
    *("tests/explorables/test_latency_lab.py", "tests/measure/test_probe.py", "tests/test_wrong_inputs.py"),
)
NEEDS = {"site", "browser", "page_name"}  # fixtures without which `make check` has to do


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
        path = find_headless(playwright)
        if path is None:
            must = os.environ.get("CI", "").lower() == "true"
            (pytest.fail if must else pytest.skip)(REMEDY)
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def undrawn() -> Iterator[None]:
    """Build networks without drawing their weights: no count depends on them."""
    import peers

    with peers.undrawn():
        yield


@pytest.fixture(scope="session")
def released() -> Callable[[str], Path]:
    """Return what gives a file of released weights; without a connection a test is skipped, and in CI it fails."""

    def file(name: str) -> Path:
        from mobilenet_lib import downloads

        try:
            return downloads.fetch(name, progress=False)
        except ConnectionError as error:
            must = os.environ.get("CI", "").lower() == "true"
            (pytest.fail if must else pytest.skip)(f"trained weights are neither kept nor to be had here: {error}")

    return file


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for `page_name` each page of the site.

    Tests of one page run one after the other, so that the page is opened once for all of them.
    """
    if "page_name" in metafunc.fixturenames:
        pages = sorted(
            path.relative_to(SITE).as_posix()
            for path in SITE.rglob("*.html")
            if not {"_static", "slides"} & set(path.parts)  # a deck is no page: tests/site/test_slides.py
        )
        metafunc.parametrize("page_name", pages or ["index.html"], scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the built site or a browser.

    Files that take long come first and single pages last, so that parallel processes end together.
    """
    for item in items:
        if NEEDS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.site)
    longest = {name: place for place, name in enumerate(LONGEST)}

    def place(item: pytest.Item) -> tuple:
        is_page = "page_name" in getattr(item, "fixturenames", ())
        return is_page, longest.get(item.nodeid.partition("::")[0], len(LONGEST)), not item.nodeid.startswith(LONG)

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Leave out of every search for rubbish from now on what the collected tests are made of."""
    gc.freeze()
    gc.set_threshold(10_000)  # after as many new objects: what torch's tracers make is in use for long
    gc.enable()
    if torch := sys.modules.get("torch"):
        torch._C._create_graph_by_tracing = on_a_short_stack(torch._C._create_graph_by_tracing)
        # It knows operators by their address, those too that were replaced: a list may lie there today.
        find = torch.jit._recursive._find_builtin
        torch.jit._recursive._find_builtin = lambda value: find(value) if callable(value) else None


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure() -> None:
    """Look for rubbish a last time, and leave out of pytest's own ten searches what is there to stay."""
    gc.collect()
    gc.freeze()


def on_a_short_stack(trace: Callable) -> Callable:
    """Let fvcore trace in a thread: torch writes the whole stack down for each constant, and that of a test is long."""

    @wraps(trace)
    def traced(*args):
        import torch

        with ThreadPoolExecutor(1, initializer=torch.set_grad_enabled, initargs=[torch.is_grad_enabled()]) as thread:
            return thread.submit(trace, *args).result()

    return traced


def pytest_runtest_setup() -> None:
    """Let the exporter to ONNX read the source of its 500 translations once: each time it takes half a second.

    And let torch list its operators once, which it does for each library that brings some, and for each export.
    """
    exporter: Any = sys.modules.get("torch.onnx._internal.exporter._registration")
    registry = getattr(exporter, "ONNXRegistry", None)
    if registry is not None and not hasattr(registry.from_torchlib, "cache_info"):
        registry.from_torchlib = staticmethod(cache(registry.from_torchlib))
    export: Any = sys.modules.get("torch._export.utils")
    listed = getattr(export, "_materialize_cpp_cia_ops", None)
    if listed is not None and not hasattr(listed, "cache_info"):
        export._materialize_cpp_cia_ops = cache(listed)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Give all processes the same one to fork: each would import torch for one of its own."""
    if hasattr(os, "fork"):
        os.environ[fresh.LINE] = fresh.parent()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """Keep in one process what shares what takes long to make: tests of a file, of a page of the site, of an engine.

    xdist's own `--dist loadgroup` writes to what pytest 9.2 does not read.
    """
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith("tests/colab/test_as_colab.py"):
                return nodeid  # a notebook shares nothing
            if nodeid.startswith(EXPORTING):
                return "exporting"
            is_engine = nodeid.startswith("tests/engines/")
            shared = re.search(r"\[(\w+)-" if is_engine else r"\[([\w/-]+\.html)\]$", nodeid)
            return shared[1] if shared else super()._split_scope(nodeid)

    return Together(config, log) if config.getvalue("dist") == "loadfile" else None
