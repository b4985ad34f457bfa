"""A page opened in a browser, and all that is to be seen on it without touching anything."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import axe_playwright_python
from playwright.sync_api import ConsoleMessage, Page, Request
from weight import Part, parts_of

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf8")
CONTRAST, LOOK = "color-contrast", "data-look"
# All heights are there, and the theme's scripts have come: book/static/late.js.
RESTED = "document.documentElement.classList.contains('rested')"
# All figures are, of which those further down wait a moment. A function: where eval is forbidden no expression is read.
LIVE = "() => !document.querySelector('.mn-explorable:not(.mn-live)')"
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 375, "height": 800}
# Once the page is drawn for its new width, with the fonts and pictures that it asks for there.
DRAWN = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
  .then(() => document.fonts.ready)
  .then(() => Promise.all([...document.images]
    .filter(image => !image.complete && image.loading !== "lazy" && image.checkVisibility())
    .map(image => new Promise((done) => { image.onload = image.onerror = done; }))))"""

NO_QUIZ = ".mn-explorable:not([data-explorable^=quiz])"  # the figures of a page
PART = """(document.querySelector("article.bd-article") ?? document.querySelector("main"))"""
# Mark one element with text for each colour, what its ancestors paint behind it, and what else lies where it stands,
# over or under it, in light and in dark. Where all of these are equal the contrast is, and axe-core need not look at
# each word of a chapter. Then `changed` says which of the marked ones look otherwise than they did.
MARK = f"""async () => {{
  const article = {PART}, CLEAR = "rgba(0, 0, 0, 0),none,1,none";
  const everything = [...document.body.querySelectorAll("*")], inside = [article, ...article.querySelectorAll("*")];
  const written = inside.filter((element) => element.checkVisibility() &&
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()));
  const painted = new Map(), looks = new Map(), unseen = new Map([[article.parentElement, 0]]);
  const add = (map, element, found) => map.set(element, `${{map.get(element) ?? ""}};${{found}}`);
  const paint = (element) => {{
    const {{ backgroundColor, backgroundImage, opacity, filter }} = getComputedStyle(element);
    return [backgroundColor, backgroundImage, opacity, filter].join();
  }};
  // Of a size matters whether it is large, for which less contrast is enough.
  const ink = (element) => {{
    const {{ color, fill, fontSize, fontWeight, textShadow }} = getComputedStyle(element);
    const large = Math.ceil(72 * parseFloat(fontSize)) / 96 >= (fontWeight >= 700 ? 14 : 18); // as axe-core has it
    return [color, fill, large, textShadow].join();
  }};
  const {{ dataset }} = document.documentElement;
  for (const theme of ["dark", "light"]) {{
    dataset.theme = theme;
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    for (const animation of document.getAnimations()) animation.finish();
    for (const element of everything) {{
      const own = paint(element);
      if (own !== CLEAR) add(painted, element, `${{theme}} ${{own}}`);
      if (getComputedStyle(element).opacity === "0") unseen.set(element, (unseen.get(element) ?? 0) + 1);
    }}
    for (const element of written) add(looks, element, `${{theme}} ${{ink(element)}}`);
  }}
  // What is painted is kept by the bands of the page that it reaches into: few of them lie where a word stands.
  const bands = new Map(), box = (element) => element.getBoundingClientRect();
  const reached = ({{ top, bottom }}) => {{
    const first = Math.floor(top / 100);
    return Array.from({{ length: Math.floor(bottom / 100) - first + 1 }}, (_, i) => first + i);
  }};
  for (const element of everything) {{
    const picture = /^(img|canvas|video|svg)$/.test(element.localName) && element.localName;
    if (!picture && !painted.has(element)) continue;
    const area = box(element), there = {{ element, area, own: `${{picture}} ${{painted.get(element)}}` }};
    if (!area.width || !area.height || !element.checkVisibility()) continue;
    for (const band of reached(area)) {{
      if (!bands.has(band)) bands.set(band, []);
      bands.get(band).push(there);
    }}
  }}
  const elsewhere = (element) => {{
    const area = box(element), near = new Set(reached(area).flatMap((band) => bands.get(band) ?? []));
    return [...near].filter((other) => other.area.left < area.right && other.area.right > area.left &&
        other.area.top < area.bottom && other.area.bottom > area.top)
      .filter((other) => !other.element.contains(element) && !element.contains(other.element))
      .map((other) => other.own).join(";");
  }};
  const behind = new Map([[article.parentElement, ""]]), found = new Map();
  for (const element of inside) {{
    behind.set(element, `${{behind.get(element.parentElement)}}${{painted.get(element) ?? ""}}`);
    unseen.set(element, Math.max(unseen.get(element) ?? 0, unseen.get(element.parentElement)));
    // Of what is transparent, in light and in dark, axe-core says nothing, and of a single letter that it is not sure.
    if (!looks.has(element) || unseen.get(element) === 2) continue;
    const key = [looks.get(element), behind.get(element), elsewhere(element)].join();
    const size = element.getElementsByTagName("*").length + (element.textContent.trim().length < 2 ? Infinity : 0);
    if (!(found.get(key)?.size <= size)) found.set(key, {{ element, size }});
  }}
  const marked = [...found.values()].map(({{ element }}) => element);
  for (const element of marked) element.toggleAttribute("{LOOK}", true);
  globalThis.changed = () => marked.filter((element) => {{
    const ground = [];
    for (let below = element; below !== article.parentElement; below = below?.parentElement) {{
      if (!below) return true; // it was taken out of the page
      const own = paint(below);
      if (own !== CLEAR) ground.unshift(`;${{dataset.theme}} ${{own}}`);
    }}
    const now = (text) => text.split(";").filter((each) => each.startsWith(`${{dataset.theme}} `)).join(";");
    return now(looks.get(element)) !== `${{dataset.theme}} ${{ink(element)}}` ||
      now(behind.get(element)) !== ground.join("").slice(1);
  }}).map((element) => element.outerHTML.slice(0, 200));
}}"""
# Most elements of a chapter are there for their colour or their shape: the words of highlighted code, the marks of a
# plot. They have no role, name, address, language or place in the order of keys, which is what axe-core's rules are
# about. One of each kind is left, and each marked one; of the others the words alone stay, where they stood: what has
# moved is returned.
FOLD = f"""() => {{
  const article = {PART}, kinds = new Set(), gone = new Set();
  const shape = new Set(("class d x y dx dy x1 y1 x2 y2 cx cy r rx ry points width height fill stroke stroke-width " +
    "transform clip-path style xlink:href").split(" "));
  const marks = ["path", "use", "rect", "circle", "ellipse", "line", "polyline", "polygon", "g"];
  const kind = ({{ localName, attributes }}) => [localName, ...[...attributes].map(({{ name, value }}) =>
    (name === "class" ? value : name))].join(" ");
  const leaves = article.querySelectorAll(`pre span, svg :is(${{marks.join()}})`);
  for (const element of [...leaves].reverse()) {{
    const {{ attributes, children, parentElement }} = element, drawn = element.closest("svg");
    if ([...children].some((child) => !gone.has(child)) || element.matches("[{LOOK}]")) continue;
    if (![...attributes].every(({{ name }}) => (drawn ? shape.has(name) : name === "class"))) continue;
    const own = `${{kind(parentElement)}} > ${{kind(element)}}`;
    if (kinds.has(own)) gone.add(element);
    kinds.add(own);
  }}
  const rest = [...article.querySelectorAll(":not(svg *)")].filter((element) => !gone.has(element));
  const places = () => rest.map((element) => element.getBoundingClientRect());
  const before = places();
  for (const element of gone) element.replaceWith(...element.childNodes);
  article.normalize();
  const after = places();
  const far = (one, two) => ["left", "top", "width", "height"].some((side) => Math.abs(one[side] - two[side]) > 0.5);
  return rest.filter((_, i) => far(before[i], after[i])).map((element) => element.outerHTML.slice(0, 200));
}}"""
# What axe-core is to look at. It finds the elements of a whole document in a tenth of the time of those of a part, so
# that the part is what is left of the whole.
ALL_BUT = f"""(() => {{
  const exclude = [];
  for (let part = {PART}; part !== document.body; part = part.parentElement)
    exclude.push(...[...part.parentElement.children].filter((other) => other !== part));
  return {{ include: [document.documentElement], exclude }};
}})()"""

# Of what passes axe-core need not keep the source: that would be most of the page, many times over.
RUN = f"""async (part, options) => {{
  for (const animation of document.getAnimations()) animation.finish(); // colours change slowly
  axe.configure({{ noHtml: true }});
  const {{ violations }} = await axe.run(part, {{ resultTypes: ["violations"], elementRef: true, ...options }});
  return violations.map(({{ id, help, nodes }}) => ({{ id, help, nodes: nodes.slice(0, 5).map((node) => (
    {{ html: node.element.outerHTML.replace(' {LOOK}=""', "").slice(0, 200), why: node.failureSummary }})) }}));
}}"""


class Visit:
    """A page, and what went wrong on it."""

    def __init__(self, page: Page):
        self.page = page
        self.foreign: list[str] = []  # requests that left the site; the browser finds no other host
        self.errors: list[str] = []  # uncaught errors, and errors in the console
        self.allowed: tuple[str, ...] = ()
        page.on("request", self._request)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._console)

    def begin(self, url: str, **options) -> None:
        """Go to a page; keyword arguments are those of Playwright's goto."""
        scheme, _, rest = url.partition("://")
        self.allowed = (f"{scheme}://{rest.partition('/')[0]}/", "data:", "blob:")
        self.foreign.clear()
        self.errors.clear()
        self.page.goto(url, **options)

    def _request(self, request: Request) -> None:
        if not request.url.startswith(self.allowed):
            self.foreign.append(request.url)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)


class Opened(NamedTuple):
    """What was seen on a page that was opened once, on a phone, made as wide as a desk, and seen in light and dark."""

    name: str
    light: list[str]  # what axe-core objects to
    dark: list[str]
    too_wide: list[str]
    cut_off: list[str]
    foreign: list[str]
    errors: list[str]
    parts: set[Part]  # what was loaded: on a desk other icons show


def look_at(visited: Visit, site: str, name: str) -> Opened:
    """Open the page called `name` of `site`, an address, in a tab that keeps nothing of the pages before: `cold`."""
    page, requests = visited.page, []

    def keep(request: Request) -> None:
        requests.append(request)

    page.set_viewport_size(PHONE)
    page.on("request", keep)
    try:
        visited.begin(site + name)
        page.wait_for_function(RESTED)
        page.wait_for_function(LIVE)
        page.evaluate(DRAWN)
        narrow, cut = too_wide(page), cut_off(page)
        page.set_viewport_size(DESK)
        page.wait_for_function("width => innerWidth === width", arg=DESK["width"])  # on a busy machine not at once
        page.evaluate(DRAWN)
        page.evaluate(AXE)
        light, dark = objections(page)
        page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
        parts = set(parts_of(filter(None, [request.response() for request in requests])))
        page.goto("about:blank")
    finally:
        page.remove_listener("request", keep)
    page.context.clear_cookies()
    return Opened(name, light, dark, narrow, cut, visited.foreign[:], visited.errors[:], parts)


def cold(page: Page) -> None:
    """Let a tab ask for everything again on each page that it opens."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})


def objections(page: Page) -> tuple[list[str], list[str]]:
    """Return what axe-core objects to in the article, in light and in dark. The page is not to be used afterwards."""
    page.evaluate(MARK)
    assert page.evaluate(FOLD) == []
    page.evaluate(f"""axe.configure({{ rules: [{{ id: "{CONTRAST}", selector: "[{LOOK}]" }}] }})""")
    found = []
    for theme, options in (("light", {}), ("dark", {"runOnly": [CONTRAST]})):  # nothing else is different in the dark
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        found.append(run_axe(page, ALL_BUT, options))
        assert page.evaluate("changed()") == []
    light, dark = found
    return light, dark


def violations(page: Page, options: dict, part: str = "article => article") -> list[str]:
    """Return what axe-core objects to in a part of the article; the theme's own frame is not the book's."""
    return run_axe(page, f"({part})({PART})", options)


def run_axe(page: Page, part: str, options: dict) -> list[str]:
    return [describe(violation) for violation in page.evaluate(f"options => ({RUN})({part}, options)", options)]


def describe(violation: dict) -> str:
    nodes = [f"{node['html']} ({node['why'].splitlines()[-1].strip()})" for node in violation["nodes"]]
    return f"{violation['id']}: {violation['help']}: " + "; ".join(nodes)


def too_wide(page: Page) -> list[str]:
    """Return what makes the page scroll sideways: elements that stick out of the window, or at least its width."""
    return page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
             [`${document.documentElement.scrollWidth} px`, ...[...document.querySelectorAll("main *")]
               .filter(element => element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0)
               .filter(element => getComputedStyle(element).overflowX === "visible")
               .map(element => element.outerHTML.slice(0, 120))]"""
    )


def cut_off(page: Page) -> list[str]:
    """Return the words that a drawn figure loses at its edge."""
    return page.evaluate(
        """() => [...document.querySelectorAll(".mn-figure svg")].flatMap(figure => {
             const room = figure.getBoundingClientRect();
             return [...figure.querySelectorAll("text")].filter(words => {
               const box = words.getBoundingClientRect();
               return box.width && (box.left < room.left - 1 || box.right > room.right + 1 ||
                                    box.top < room.top - 1 || box.bottom > room.bottom + 1);
             }).map(words => words.textContent);
           })"""
    )
