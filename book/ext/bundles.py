"""Five files instead of thirty: a page's style sheets in two, its scripts in three, the theme's own when all is done.

A slow phone waits for each file: for its answer, and for the browser to ask for it. So a page's head is written anew
when the build ends. No script holds up the text. Those of the figures run as soon as they are there (static_widgets.js
waits for what they need), the others in their old order when the page has been read. What must be known before the
first paint, colours and large type, stands in the page itself; where a server forbids that, a bundle does it.

A bundle holds its parts one after another, and a first line that names them. The parts stay where they are: the slides
ask for them one by one.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import json
import posixpath
import re
from pathlib import Path

import used_rules
from PIL import Image
from sphinx.errors import ExtensionError
from static_widgets import without_remarks

FIGURES = "_static/explorables/"
SHARED = (FIGURES + "host.js", FIGURES + "kit.js")
EARLY = ("_static/withheld.js", "_static/early.js")
LATE = ("_static/scripts/bootstrap.js", "_static/scripts/pydata-sphinx-theme.js")
# What a page with figures needs before one of them lives: its reader's predictions, and light colours on paper. The
# rest of its frame changes much of the page (buttons that copy, solutions that open): late.js fetches it after that,
# in two files: a finger waits for the longer one only.
AT_ONCE = ("_static/answers.js", "_static/paper.js")
SECOND = ("_static/scripts/sphinx-book-theme.js", "_static/togglebutton.js", "_static/large_type.js")
# What only some pages have. Their sheets come last here, which changes nothing: their rules are under their own names.
OWN_SHEET = re.compile(rf"{FIGURES}(?!kit\.css)")

ROOT = re.compile(r'<html\b[^>]*\bdata-content_root="([^"]*)"')
SHEET = re.compile(r'[ \t]*<link\b(?=[^>]*\brel="stylesheet")[^>]*\bhref="([^"]*)"[^>]*>\n?')
PRELOAD = re.compile(r'[ \t]*<link\b(?=[^>]*\brel="preload")(?=[^>]*\bas="script")[^>]*>\n?')
SCRIPT = re.compile(r"[ \t]*<script\b([^>]*)>(.*?)</script>\n?", re.DOTALL)
SOURCE = re.compile(r'\bsrc="([^"]*)"')
# They would run before the script that they add to; nothing of the book asks for the first, the second is the default.
NEEDLESS = re.compile(r"DOCUMENTATION_OPTIONS\.(pagename = .*|search_as_you_type = false);\s*")
URL = re.compile(r"""url\((["']?)(?![a-z]+:|/|#)([^"')]+)\1\)""")
PICTURE = re.compile(r'(\bxlink:href|\bhref|\bsrc)="data:image/(png|jpeg|webp);base64,([^"]{4000,})"')
SIZELESS = re.compile(r'<img\b(?![^>]*\bwidth=)[^>]*\bsrc="([^":]*\b_images/[^"]+\.(?:png|jpe?g|webp))"')

# Chrome compiles what stands below this line as a whole, beside the page's thread, and not each of 200 functions when
# it is called. For other browsers it is a remark.
ALL_AT_ONCE = "//# allFunctionsCalledOnLoad\n"
# The two bundles of a page's figures come in any order.
AT_LAST = '\n;\nexplorables.here = true; dispatchEvent(new Event("explorables"));'
AFTER_SHARED = """(() => {
const go = () => {
%s
};
if (globalThis.explorables?.here) go();
else addEventListener("explorables", go, { once: true });
})();"""


def bundle_site(app, exception) -> None:
    """Let each page that was written anew ask for bundles, and write those that a page asks for."""
    if exception or app.builder.name != "html":
        return
    site = Path(app.outdir)
    asked = set()
    for page in site.rglob("*.html"):
        if {"_static", "slides"} & set(page.relative_to(site).parts):
            continue
        html = page.read_text(encoding="utf8")
        if EARLY[0] in html.partition("</head>")[0]:
            html = bundled(html, site)
            page.write_text(html, encoding="utf8")
        asked |= set(re.findall(r"\bbundle-\w+\.\w+", html.partition("</head>")[0]))
    words = used_rules.words_of_site(site)
    texts: dict[tuple[str, str], str] = {}
    for path in sorted((site / "_static").rglob("bundle-*")):
        if path.name in asked:
            write(path, site, words, texts)
        else:
            path.unlink()


def bundled(html: str, site: Path) -> str:
    """Return a page that asks for bundles, and begin those that are not there yet."""
    head, end, body = html.partition("</head>")
    found = ROOT.search(head)
    if not found:
        raise ExtensionError("a page's <html> no longer says where the site begins; see ROOT in book/ext/bundles.py")
    root = found[1]
    late = [match for match in SCRIPT.finditer(body) if local(address(match), root) in LATE]
    if len(late) != len(LATE):
        raise ExtensionError(f"a page of the theme no longer ends with {LATE}; see LATE in book/ext/bundles.py")
    sheets = [local(href, root) for href in SHEET.findall(head)]
    scripts, kept = scripts_of(head, root)
    figures = [each for each in scripts if each.startswith(FIGURES)]
    shared = [each for each in figures if each in SHARED]
    # What stood in the page is settings: what follows may need them as soon as it runs.
    frame = sorted((each for each in scripts if each not in figures), key=is_file)
    at_once = [each for each in frame if each in AT_ONCE] if shared else frame
    rest = [each for each in frame if each not in at_once]
    soon = [[each for each in rest if (each in SECOND) == second] for second in (False, True)]
    bundles = [
        ("_static", "css", [each for each in sheets if not OWN_SHEET.match(each)]),
        ("_static", "css", [each for each in sheets if OWN_SHEET.match(each)]),
        # The figures' come first: they are what a reader waits for.
        ("_static/explorables", "js", [*EARLY, *shared] if shared else []),
        ("_static/explorables", "js", [each for each in figures if each not in SHARED]),
        ("_static", "js", [*EARLY, *at_once, "_static/late.js"]),
    ]
    told = {
        "soon": " ".join(root + begun(site, "_static", "js", parts) for parts in soon if parts),
        "late": " ".join(address(match) for match in late),
    }
    links = [link(root + begun(site, *each), told) for each in bundles if each[2]]
    early = without_remarks("".join(site.joinpath(each).read_text("utf8") for each in EARLY))
    start = next(match.start() for match in SCRIPT.finditer(head))
    for match in [*SHEET.finditer(head), *PRELOAD.finditer(head), *SCRIPT.finditer(head)]:
        head = head.replace(match.group(), "", 1)
    for match in late:
        body = body.replace(match.group(), "", 1)
    head = "".join((head[:start], f"  <script>\n{early}  </script>\n", *links, *kept, head[start:]))
    body = PICTURE.sub(lambda match: in_a_file(match, site, root), body)
    return head + end + SIZELESS.sub(lambda match: f"{match.group()} {size_of(site / local(match[1], root))}", body)


def scripts_of(head: str, root: str) -> tuple[list[str], list[str]]:
    """Return the scripts to bundle, as paths or as what stands in the page, and those that stay as they are."""
    scripts, kept = [], []
    for match in SCRIPT.finditer(head):
        source, text = address(match), match[2].strip()
        if source.partition("?")[2]:  # a checksum: it does not change while the build goes on
            scripts.append(local(source, root))
        elif source and local(source, root) not in EARLY:
            kept.append(match.group().replace("<script", "<script defer", 1))
        elif text and "data-cfasync" not in match[1] and not NEEDLESS.fullmatch(text):
            scripts.append(text)
    return list(dict.fromkeys(scripts)), kept


def link(source: str, told: dict[str, str]) -> str:
    """Return what asks for a bundle; the one with late.js is told which scripts come later.

    That one is deferred: a page in which nothing is counts as read before it has its style sheets, and what fills in
    forms would make the browser lay it out without them.
    """
    if ".css?" in source:
        return f'<link rel="stylesheet" href="{source}" />\n'
    if FIGURES in source:  # a reader waits for them: before pictures, and while the page is still being read
        return f'<script async fetchpriority="high" src="{source}"></script>\n'
    data = " ".join(f'data-{when}="{addresses}"' for when, addresses in told.items())
    return f'<script defer src="{source}" {data}></script>\n'


def local(href: str, root: str) -> str:
    """Return a file's path from the site's root: ``../_static/a.css?v=1`` is ``_static/a.css``."""
    return href.partition("?")[0].removeprefix(root)


def address(script: re.Match) -> str:
    source = SOURCE.search(script[1])
    return source[1] if source else ""


def begun(site: Path, folder: str, kind: str, parts: list[str]) -> str:
    """Return the address of a bundle, with a checksum of its parts, and write its first line if it is not there yet."""
    first = f"/* {json.dumps(parts)} */\n"
    path = site / folder / f"bundle-{checksum(first.encode())}.{kind}"
    if not path.exists():
        path.write_text(first, encoding="utf8")
    content = b"".join(site.joinpath(each).read_bytes() for each in parts if is_file(each))
    return f"{folder}/{path.name}?v={checksum(content)}"


def parts_of(path: Path) -> list[str]:
    """Return the parts of a bundle, which its first line names."""
    with path.open(encoding="utf8") as file:
        return json.loads(file.readline()[2:-4])


def write(path: Path, site: Path, words: set[str], texts: dict[tuple[str, str], str]) -> None:
    """Write a bundle from its parts; `texts` keeps what was made of each."""
    folder, parts = path.parent.relative_to(site).as_posix(), parts_of(path)
    for part in parts:
        if (part, folder) not in texts:
            texts[part, folder] = made(site, part, folder, words) if is_file(part) else part
    if path.suffix == ".css":
        content = "\n".join(texts[part, folder] for part in parts)
    else:
        # An empty statement first: or the "use strict" of one part would hold for all.
        content = ";\n" + "\n;\n".join(texts[part, folder] for part in parts if part not in EARLY)
        if SHARED[0] in parts:
            content += AT_LAST
        elif folder == posixpath.dirname(FIGURES):
            content = AFTER_SHARED % content
        if EARLY[0] in parts:
            early = "".join(texts[part, folder] for part in EARLY)
            content = f"if (!document.documentElement.dataset.mode) {{\n{early}}}\n{content}"
        if folder == posixpath.dirname(FIGURES):
            content = ALL_AT_ONCE + content
    content = f"/* {json.dumps(parts)} */\n{content}\n"
    if path.read_text(encoding="utf8") != content:
        path.write_text(content, encoding="utf8")


def made(site: Path, part: str, folder: str, words: set[str]) -> str:
    """Return what of a file goes into a bundle in that folder: rules that a page can use; scripts without remarks."""
    text = site.joinpath(part).read_text(encoding="utf8")
    if part.endswith(".css"):
        return moved(used_rules.used(text.removeprefix('@charset "UTF-8";'), words), posixpath.dirname(part), folder)
    return without_remarks(text)


def is_file(part: str) -> bool:
    return part.startswith("_static/")


def checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]


def moved(css: str, old: str, new: str) -> str:
    """Return a style sheet whose relative addresses hold from another folder.

    >>> moved("a{src:url(fonts/b.woff2)}", "_static/katex", "_static")
    'a{src:url(katex/fonts/b.woff2)}'
    """
    return URL.sub(
        lambda match: f"url({match[1]}{posixpath.relpath(posixpath.join(old, match[2]), new)}{match[1]})", css
    )


def in_a_file(match: re.Match, site: Path, root: str) -> str:
    """Put a large picture that stands in the page into a file: the text below does not wait for it."""
    attribute, kind, data = match.groups()
    content = base64.b64decode(data)
    if kind == "png":  # what matplotlib writes; it would take the network from what a reader waits for
        kind, content = "webp", as_webp(content)
    path = Path("_images", f"{hashlib.sha256(content).hexdigest()[:16]}.{kind}")
    site.joinpath("_images").mkdir(exist_ok=True)
    if not (site / path).exists():
        (site / path).write_bytes(content)
    return f'{attribute}="{root}{path.as_posix()}"'


@functools.cache
def as_webp(png: bytes) -> bytes:
    """Return a picture in the smaller of WebP's two forms: a map of few values is exact, a photograph nearly."""
    forms = []
    with Image.open(io.BytesIO(png)) as opened:
        for lossless, quality in ((True, 75), (False, 90)):  # exact at 100 would take seconds, for one byte in ten
            file = io.BytesIO()
            opened.save(file, "WEBP", lossless=lossless, quality=quality, method=6)
            forms.append(file.getvalue())
    return min(forms, key=len)


def size_of(picture: Path) -> str:
    """Return the attributes that keep a picture's place until it has come: the text below does not move."""
    with Image.open(picture) as opened:
        return f'width="{opened.width}" height="{opened.height}"'


def setup(app) -> dict:
    """Bundle when all else is written."""
    app.connect("build-finished", bundle_site, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
