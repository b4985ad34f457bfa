"""How the notebooks run: a cache that knows the library, a kernel without remarks, and a line for each notebook."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, Semaphore

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.cache.main import JupyterCacheBase
from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook
from myst_nb.sphinx_ import NbMetadataCollector
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from repository import LIBRARY

PLACES = 2  # notebooks that run at the same time
# A cell that measures times, beside which nothing else may run.
TIMES = re.compile(r"\bmeasure\.(latency|latencies|roofline|time_layers)\(|\bperf_counter\(")
COMPUTES = {".py", ".js", ".css", ".json", ".md", ".npz", ".onnx"}  # files of the library that outputs depend on

# ipykernel remarks that nothing is encrypted, and PyTorch that it found a CUDA compiler and no GPU. And `glue` imports
# what checks a notebook's form, which for the sake of foreign letters in addresses makes a grammar: that takes 1.4 of
# its 1.5 seconds, in each kernel, and no notebook has such an address.
KERNEL_PROFILE = """
c.IPKernelApp.log_level = 40
c.InteractiveShellApp.exec_lines = [
    "__import__('sys').modules['rfc3987_syntax'] = None",
    "__import__('logging').getLogger('torch.utils.cpp_extension').setLevel('ERROR')",
]
"""


def use_cache(app, config) -> None:
    config.nb_execution_cache_path = str(cache_path(Path(app.srcdir), Path(app.outdir).parent))


def cache_path(source: Path, build: Path) -> Path:
    """Return where executed notebooks are kept.

    jupyter-cache looks at the notebook alone, so a hash of the library is part of the path: another library,
    another cache.
    """
    digest = hashlib.sha256()
    for path in sorted((source / LIBRARY).rglob("*")):
        if path.suffix in COMPUTES:
            digest.update(path.relative_to(source).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return build.resolve() / ".jupyter_cache" / digest.hexdigest()[:12]


def quiet_kernel(app) -> None:
    """Start kernels with a profile of our own: no user's start-up files, no remarks about this machine."""
    folder = Path(app.outdir).parent.resolve() / ".ipython"
    profile = folder / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text(KERNEL_PROFILE, encoding="utf8")
    os.environ["IPYTHONDIR"] = str(folder)


# Two at a time


class Turns:
    """Whose cell runs: one of each notebook at the same time, but one that measures times by itself."""

    def __init__(self):
        self.free = Semaphore(PLACES)
        self.next = Lock()

    @contextmanager
    def of(self, source: str) -> Iterator[None]:
        """Wait until a cell may run, and keep its places while it does."""
        places = PLACES if TIMES.search(source) else 1
        with self.next:  # while one waits for all places, nobody else takes any
            for _ in range(places):
                self.free.acquire()
        try:
            yield
        finally:
            self.free.release(places)


class Client(NotebookClient):
    """Runs a notebook whose cells take turns with those of others."""

    turns = Turns()  # one for all notebooks of a program

    async def async_execute_cell(self, cell, *place, **options):
        """Run a cell when it is its turn. Each notebook has a thread of its own, which may wait."""
        if cell.cell_type != "code":
            return await super().async_execute_cell(cell, *place, **options)
        with self.turns.of(cell.source):
            return await super().async_execute_cell(cell, *place, **options)


def client(notebook: nbformat.NotebookNode, folder: Path, timeout: int = 600, **options: str) -> NotebookClient:
    """Return what runs a notebook in a folder, for the build and for the tests."""
    place = {"metadata": {"path": str(folder)}}
    # Times in the cells' metadata would make another notebook of it, to the cache. A kernel that has torch would tidy
    # up for a second or two before it ends, and nothing of it is read any more. A printed line may come in two parts,
    # and myst-nb would break it between them.
    quick = {"record_timing": False, "shutdown_kernel": "immediate", "coalesce_streams": True}
    return Client(notebook, timeout=timeout, resources=place, **quick, **options)


def execute(path: Path, timeout: int) -> tuple[nbformat.NotebookNode, float]:
    """Run a notebook on one thread, and return it with its outputs and the seconds that it took.

    A page shows no warning. Most are of one time only, as that of weights which had been damaged and are whole again:
    the build says it, and runs the notebook once more.
    """
    begun = time.perf_counter()
    for again in (False, True):
        notebook = read(path.read_text(encoding="utf8"))
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # more, and two notebooks wait for each other
        asyncio.run(client(notebook, path.parent, timeout).async_execute(env=environment))
        said = warnings(notebook)
        if again or not said:
            break
        Progress.say(f"{path.stem} runs once more, since it said: {said}")
    return notebook, time.perf_counter() - begun


def warnings(notebook: nbformat.NotebookNode) -> str:
    """Return what a notebook's cells wrote on the standard error."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "".join(output.text for output in outputs if output.get("name") == "stderr").strip()


def run_ahead(app, env, docnames) -> list[str]:
    """Run the notebooks that no cache has, into the cache; return which ones.

    They run two at a time, and their cells take turns. Those that measure most begin, then the last chapters, which
    take longest, so that both places are busy to the end. One that fails is left to myst-nb, which says where.
    """
    folder, timeout = app.config.nb_execution_cache_path, app.config.nb_execution_timeout
    paths = {name: Path(env.doc2path(name)) for name in sorted(docnames, reverse=True)}
    texts = {name: path.read_text(encoding="utf8") for name, path in paths.items() if is_notebook(path)}
    waiting = [name for name, text in texts.items() if not is_cached(text, folder)]
    waiting.sort(key=lambda name: len(TIMES.findall(texts[name])), reverse=True)
    if waiting:
        Progress.say(f"running {len(waiting)} {'notebook' if len(waiting) == 1 else 'notebooks'}, two at a time ...")
    ran = []
    with ThreadPoolExecutor(PLACES) as pool:
        runs = {pool.submit(execute, paths[name], timeout): name for name in waiting}
        for run in as_completed(runs):
            name = runs[run]
            try:
                notebook, seconds = run.result()
            except (CellExecutionError, CellTimeoutError, DeadKernelError):
                continue
            bundle = CacheBundleIn(notebook, str(paths[name]), data={"execution_seconds": seconds})
            with opened(folder) as cache:
                cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
            ran.append(name)
            Progress.say(f"ran {name} in {seconds:.0f} s")
    return sorted(ran)


# Progress


class Progress:
    """Say which notebook runs, how many there are, and which came from the cache."""

    def __init__(self):
        self.notebooks: list[str] = []
        self.runs = False

    def plan(self, app, env, docnames) -> None:
        self.notebooks = sorted(name for name in docnames if is_notebook(Path(env.doc2path(name))))

    def begin(self, app, docname: str, source: list[str]) -> None:
        if docname in self.notebooks:
            self.runs = not is_cached(source[0], app.config.nb_execution_cache_path)
            if self.runs:
                self.say(f"running {self.place(docname)} ...")

    def end(self, app, doctree) -> None:
        docname = app.env.docname
        if docname not in self.notebooks:
            return
        if not self.runs:
            self.say(f"{self.place(docname)} from the cache")
        elif done := NbMetadataCollector.get_exec_data(app.env, docname):
            how = "ran" if done["succeeded"] else "failed"
            self.say(f"{how} {self.place(docname)}" + (f" in {done['runtime']:.0f} s" if done["runtime"] else ""))

    def place(self, docname: str) -> str:
        return f"notebook {self.notebooks.index(docname) + 1} of {len(self.notebooks)}: {docname}"

    @staticmethod
    def say(text: str) -> None:
        print(text, flush=True)  # not through the logger: the build is quiet but for this


def is_notebook(path: Path) -> bool:
    return path.suffix == ".ipynb" or is_myst_markdown_notebook(path.read_text(encoding="utf8"))


def read(text: str) -> nbformat.NotebookNode:
    """Return the notebook that a file has: in Jupyter's own form, or in Markdown as MyST writes it."""
    if is_myst_markdown_notebook(text):
        return read_myst_markdown_notebook(text)
    return nbformat.reads(text, as_version=4)


def is_cached(text: str, folder: str) -> bool:
    """Say whether a notebook's outputs are in the cache; myst-nb will look there too, and run it where they are not."""
    with opened(folder) as cache:
        try:
            cache.match_cache_notebook(read(text))
        except KeyError:
            return False
    return True


@contextmanager
def opened(folder: str | Path) -> Iterator[JupyterCacheBase]:
    """Open a cache of notebooks, and close its database again: Python 3.13 warns of one that is left open."""
    cache = get_cache(folder)
    try:
        yield cache
    finally:
        cache.db.dispose()


def setup(app) -> dict:
    """Register what happens before a notebook runs, and after."""
    progress = Progress()
    app.connect("config-inited", use_cache)
    app.connect("builder-inited", quiet_kernel)
    app.connect("env-before-read-docs", run_ahead)
    app.connect("env-before-read-docs", progress.plan)
    app.connect("source-read", progress.begin)
    app.connect("doctree-read", progress.end)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
