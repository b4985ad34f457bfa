"""What keeps the threads of a page busy, task by task, as Chromium's own trace has it: for tests and benchmarks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page

PAGE, WORKER = "CrRendererMain", "DedicatedWorker thread"


@contextmanager
def traced(browser: Browser, page: Page) -> Iterator[dict[str, list[float]]]:
    """Give the page's thread and its worker's a list, filled in the end: each task's processor time in ms.

    A file that Playwright gives the page as bytes arrives in such a task, too: give it one by its path.
    """
    tasks: dict[str, list[float]] = {PAGE: [], WORKER: []}
    browser.start_tracing(page=page, categories=["toplevel", "devtools.timeline"])
    yield tasks
    events = json.loads(browser.stop_tracing())["traceEvents"]
    names = {(each["pid"], each["tid"]): each["args"]["name"] for each in events if each["name"] == "thread_name"}
    for event in events:
        thread = names.get((event["pid"], event["tid"]))
        if thread in tasks and event["name"].endswith("RunTask"):
            tasks[thread].append(event.get("tdur", 0) / 1000)
    assert len(tasks[PAGE]) > 50
