"""What the book replaces in other packages, all of it: two functions that have no hook, no setting and no other way.

Each says what it stands for, why, and when it can go. Everything else that the book adds uses Sphinx's events, its
transforms, its settings, or an edit of the theme's templates (theme.py).
"""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from docutils import nodes
from myst_nb.core.render import MditRenderMixin
from sphinx.errors import ExtensionError
from sphinxcontrib.katex import KaTeXServer


def start_katex(folder: Path, timeout: float) -> tuple[subprocess.Popen, socket.socket]:
    """Start KaTeX's server and connect to it, in place of `KaTeXServer.start_server_process`.

    The original connects as soon as the socket's file exists, which can be a moment before anybody listens there, and
    then it leaves the server running. This can go when sphinxcontrib-katex tries again, as it does on Windows.
    """
    address = folder / "katex.sock"
    command = KaTeXServer.build_command(socket=address)
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


def render_markdown_cell(renderer, token) -> None:
    """Put an invisible mark where a text cell begins and render it, in place of `render_nb_cell_markdown`.

    A document of myst-nb does not tell where one text cell ends and the next begins, and slides.py must know. This can
    go when myst-nb puts such a mark itself; a remark beside the original considers it.
    """
    data = token.meta["metadata"]
    if "slideshow" in data:
        mark = nodes.comment(slide=data["slideshow"].get("slide_type", ""), cell=token.meta["index"])
        renderer.current_node.append(mark)
    renderer.render_children(token)


def setup(app) -> dict:
    """Replace both."""
    KaTeXServer.start_server_process = start_katex
    MditRenderMixin.render_nb_cell_markdown = render_markdown_cell
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
