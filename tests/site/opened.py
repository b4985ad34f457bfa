"""A page opened in a browser, and all that is to be seen on it without touching anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import axe_playwright_python
from playwright.sync_api import ConsoleMessage, Page, Request
from weight import Part, parts_of

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf8")
CONTRAST, LOOK = "color-contrast", "data-look"
# A link in a text is to be told from it by more than its colour, for which axe-core would map the whole page.
RULES = [
    {"id": CONTRAST, "selector": f"[{LOOK}]"},
    {"id": "link-in-text-block", "any": ["link-in-text-block-style"]},
]
# All heights are there, and the theme's scripts have come: book/static/late.js.
RESTED = "document.documentElement.classList.contains('rested')"
# All figures are, of which those further down wait a moment, and none keeps the height of its static form any more. A
# function: where eval is forbidden no expression is read.
LIVE = """() => [...document.querySelectorAll(".mn-explorable")]
  .every((root) => root.classList.contains("mn-live") && !root.style.minHeight)"""
# And each has written down the height that it takes in the page.
KEPT = "figures => [...document.querySelectorAll(figures)].every((root) => root.querySelector('.mn-contained'))"
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 375, "height": 800}
# Once the browser has drawn: a task follows its frame at once, and a second frame would be a wait for the clock.
FRAME = "new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
# Once the page is drawn for its new width, with the fonts and pictures that it asks for there.
DRAWN = f"""() => {FRAME}
  .then(() => document.fonts.ready)
  .then(() => Promise.all([...document.images]
    .filter(image => !image.complete && image.loading !== "lazy" && image.checkVisibility())
    .map(image => new Promise((done) => {{ image.onload = image.onerror = done; }}))))"""

NO_QUIZ = ".mn-explorable:not([data-explorable^=quiz])"  # the figures of a page
# Take everything but the figures out of sight, or put it back: a page of figures alone is laid out in no time.
ALONE = """alone => {
  if (!document.adoptedStyleSheets.length) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("[data-aside] { display: none !important; } * { transition: none !important; }");
    document.adoptedStyleSheets = [sheet]; // a strict policy allows that; and no side bar moves slowly
  }
  const room = document.querySelector("article");
  const aside = alone && [...room.querySelectorAll(":not(.mn-explorable, .mn-explorable *, :has(.mn-explorable))")];
  for (const element of aside || room.querySelectorAll("[data-aside]")) element.toggleAttribute("data-aside", alone);
}"""
# How far each slider moves within its figure while it is dragged along: in all figures at once, one after the other.
MOVED = """async (figures) => {
  const drawn = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done))); // as FRAME
  const steps = 8, moved = {}, all = (root, selector) => [...root.querySelectorAll(selector)];
  const sliders = all(document, figures).map((root) => all(root, "input[type=range]"));
  for (let turn = 0; sliders.some((own) => turn < own.length); turn += 1) {
    const held = sliders.map((own) => own[turn]).filter((slider) => slider?.offsetWidth).map((slider) => (
      { slider, root: slider.closest(".mn-explorable"), start: slider.value, tops: [] }));
    const drag = (slider, value) => {
      slider.value = value;
      slider.dispatchEvent(new Event("input", { bubbles: true }));
    };
    for (const { slider } of held) slider.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }));
    for (let i = 0; i <= steps; i += 1) {
      for (const { slider } of held) {
        const { min, max, step } = slider;
        drag(slider, Number(min) + Math.round((i / steps) * ((max - min) / step)) * step);
      }
      await drawn();
      for (const { slider, root, tops } of held)
        tops.push(slider.getBoundingClientRect().top - root.getBoundingClientRect().top);
    }
    dispatchEvent(new PointerEvent("pointerup"));
    for (const { slider, root, start, tops } of held) {
      drag(slider, start);
      const far = Math.round(Math.max(...tops) - Math.min(...tops));
      moved[`${root.dataset.explorable} ${slider.dataset.setting}`] = far;
    }
  }
  return moved;
}"""
# By how much each figure grows when it comes to life: the still one of the page's source in its place, for a moment.
GROWN = """async () => {
  const source = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  const grown = {};
  for (const root of document.querySelectorAll(".mn-live")) {
    const name = root.dataset.explorable, live = root.lastElementChild, height = root.getBoundingClientRect().height;
    const still = document.importNode(source.querySelector(`[data-explorable="${name}"] .mn-static`), true);
    live.replaceWith(still);
    const far = height - root.getBoundingClientRect().height;
    still.replaceWith(live);
    if (Math.abs(far) > 1) grown[name] = far;
  }
  return grown;
}"""

PART = """(document.querySelector("article.bd-article") ?? document.querySelector("main"))"""
# Mark one element with text for each look: its colour, what its ancestors paint behind it, and what else lies where it
# stands, over or under it, in light and in dark. Where all of these are equal the contrast is, and axe-core need not
# look at each word of a chapter.
MARK = f"""async () => {{
  const article = {PART}, {{ dataset }} = document.documentElement;
  const CLEAR = "rgba(0, 0, 0, 0),none,1,none", NOTHING = /^rect\\((\\dpx)(, \\1){{3}}\\)$/;
  const hasText = (element) =>
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const box = (element) => {{
    const {{ left, right, top, bottom }} = element.getBoundingClientRect(); // which is slow to ask many times
    return {{ left, right, top, bottom }};
  }};
  const met = (one, other) => other === null ? one : {{
    left: Math.max(one.left, other.left), right: Math.min(one.right, other.right),
    top: Math.max(one.top, other.top), bottom: Math.min(one.bottom, other.bottom),
  }};
  const touch = (one, other) =>
    one.left < other.right && one.right > other.left && one.top < other.bottom && one.bottom > other.top;
  // Of a size matters whether it is large, for which less contrast is enough.
  const ink = (element) => {{
    const {{ color, fill, fontSize, fontWeight, textShadow }} = getComputedStyle(element);
    const large = Math.ceil(72 * parseFloat(fontSize)) / 96 >= (fontWeight >= 700 ? 14 : 18); // as axe-core has it
    return [color, fill, large, textShadow].join();
  }};
  // How these elements look, and what lies where they stand. What nobody sees has no look: axe-core is silent on it.
  const see = (elements) => {{
    const behind = new Map([[null, ""]]), rooms = new Map([[null, null]]), unseen = new Set(), painted = [];
    for (const element of document.querySelectorAll("html, body, body *")) {{
      const above = element.parentElement, style = getComputedStyle(element);
      const {{ backgroundColor, backgroundImage, opacity, filter, clip, overflow, position }} = style;
      const paint = [backgroundColor, backgroundImage, opacity, filter].join();
      const picture = /^(img|canvas|video|svg)$/.test(element.localName) && element.localName;
      behind.set(element, paint === CLEAR ? behind.get(above) : `${{behind.get(above)}};${{paint}}`);
      if (opacity === "0" || NOTHING.test(clip) || unseen.has(above)) unseen.add(element);
      // A box that scrolls, or cuts off, shows nothing outside.
      const holder = position === "fixed" ? null : position === "absolute" ? element.offsetParent ?? null : above;
      const room = rooms.get(holder);
      rooms.set(element, overflow === "visible" ? room : met(box(element), room));
      if (unseen.has(element) || (paint === CLEAR && !picture)) continue;
      const area = met(box(element), room);
      if (area.left < area.right && area.top < area.bottom && element.checkVisibility())
        painted.push({{ element, area, own: `${{picture}} ${{paint}}` }});
    }}
    return elements.map((element) => {{
      if (!element.isConnected) return {{ look: "was taken out", near: [] }};
      if (unseen.has(element) || !element.checkVisibility()) return {{ look: "", near: [] }};
      const own = box(element);
      const near = painted.filter((other) => touch(other.area, own))
        .filter((other) => !other.element.contains(element) && !element.contains(other.element));
      const look = [ink(element), behind.get(element), ...near.map((other) => other.own)].join("; ");
      return {{ look, near: near.map((other) => other.element) }};
    }});
  }};
  const turn = async (theme) => {{
    dataset.theme = theme;
    await {FRAME};
    for (const animation of document.getAnimations()) animation.finish();
  }};
  const written = [article, ...article.querySelectorAll("*")].filter(hasText), seen = {{}}, found = new Map();
  for (const theme of ["dark", "light"]) {{
    await turn(theme);
    seen[theme] = see(written);
  }}
  for (const [i, element] of written.entries()) {{
    const light = seen.light[i], dark = seen.dark[i], key = `${{light.look}} | ${{dark.look}}`;
    if (!light.look && !dark.look) continue;
    // Of a single letter axe-core says that it is not sure.
    const size = element.getElementsByTagName("*").length + (element.textContent.trim().length < 2 ? Infinity : 0);
    if (!(found.get(key)?.size <= size)) found.set(key, {{ element, size, light, dark }});
  }}
  const chosen = [...found.values()], marked = chosen.map(({{ element }}) => element);
  for (const element of marked) element.toggleAttribute("{LOOK}", true);
  // The marked ones, and what lies where they stand.
  const needed = new Set(chosen.flatMap(({{ element, light, dark }}) => [element, ...light.near, ...dark.near]));
  // For one word axe-core maps the whole page. This takes out of it what is neither needed nor around or inside it.
  const alone = () => {{
    const around = new Set();
    for (const element of needed) for (let each = element; each; each = each.parentElement) around.add(each);
    const clear = (parent) => {{
      for (const child of [...parent.children]) {{
        const whole = needed.has(child) || hasText(child) || child.matches("table, svg, .katex, .mn-explorable");
        if (!around.has(child) && !child.matches("style, link")) child.remove();
        else if (!whole) clear(child);
      }}
    }};
    const {{ width }} = getComputedStyle(article); // lines stay as long as they are, without what stands beside them
    Object.assign(article.style, {{ width, minWidth: width, maxWidth: "none" }});
    clear(document.body);
  }};
  const changed = () => {{
    const now = see(marked);
    const otherwise = chosen.filter(({{ element, [dataset.theme]: {{ look }} }}, i) =>
      !element.isConnected || look !== now[i].look);
    return otherwise.map(({{ element }}) => element.outerHTML.slice(0, 200));
  }};
  Object.assign(globalThis, {{ needed, alone, changed }});
}}"""
# Most elements of a chapter are there for their colour or their shape: the words of highlighted code, the letters of a
# formula, the marks of a plot. They have no role, name, address, language or place in the order of keys, which is what
# axe-core's other rules are about. One of each kind is left, and each that is needed for a look; of the others the
# words alone stay. Beside the article, the items of lists go that nothing in it can name.
FOLD = f"""() => {{
  const article = {PART}, kinds = new Set(), gone = new Set();
  const shape = new Set(("class d x y dx dy x1 y1 x2 y2 cx cy r rx ry points width height fill stroke stroke-width " +
    "transform clip-path style xlink:href mathvariant stretchy encoding").split(" "));
  const marks = ["path", "use", "rect", "circle", "ellipse", "line", "polyline", "polygon", "g"];
  const kind = ({{ localName, attributes }}) => [localName, ...[...attributes].map(({{ name, value }}) =>
    ({{ class: value, style: value.replace(/:[^;]*/g, "") }})[name] ?? name)].join(" ");
  const words = article.querySelectorAll(`:is(pre, code, dt) :is(span, em), math *, svg :is(${{marks.join()}})`);
  for (const element of [...words].reverse()) {{
    const {{ attributes, children, parentElement }} = element, drawn = element.closest("svg, math");
    if ([...children].some((child) => !gone.has(child)) || needed.has(element)) continue;
    if (![...attributes].every(({{ name }}) => (drawn ? shape.has(name) : name === "class"))) continue;
    const own = `${{kind(parentElement)}} > ${{kind(element)}}`;
    if (kinds.has(own)) gone.add(element);
    kinds.add(own);
  }}
  for (const element of gone) element.replaceWith(...element.childNodes);
  article.normalize();
  for (const item of document.querySelectorAll("li:not([id], :has([id]))")) if (!article.contains(item)) item.remove();
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
        mark(page)
        foreign, errors = visited.foreign[:], visited.errors[:]  # its scripts may miss what is taken out of it now
        light, dark = judged(page)
        page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
        parts = set(parts_of(filter(None, [request.response() for request in requests])))
        page.goto("about:blank")
    finally:
        page.remove_listener("request", keep)
    page.context.clear_cookies()
    return Opened(name, light, dark, narrow, cut, foreign, errors, parts)


def cold(page: Page) -> None:
    """Let a tab ask for everything again on each page that it opens."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})


def objections(page: Page) -> tuple[list[str], list[str]]:
    """Return what axe-core objects to in the article, in light and in dark. The page is not to be used afterwards."""
    mark(page)
    return judged(page)


def mark(page: Page) -> None:
    """Choose what axe-core is to look at, in light and in dark."""
    page.evaluate(f"axe.configure({{ rules: {json.dumps(RULES)} }})")
    page.evaluate(MARK)


def judged(page: Page) -> tuple[list[str], list[str]]:
    """Take a marked page apart, and return what axe-core objects to."""
    page.evaluate(FOLD)
    found = run_axe(page, ALL_BUT, {"rules": {CONTRAST: {"enabled": False}}})
    page.evaluate("alone()")
    faint = []
    for theme in ("light", "dark"):  # nothing else is different in the dark
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        faint.append(run_axe(page, ALL_BUT, {"runOnly": [CONTRAST]}))
        assert page.evaluate("changed()") == []
    light, dark = faint
    return found + light, dark


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
    """Return the words that a figure loses at its edge: those of a drawn one, and the values beside the sliders."""
    return page.evaluate(
        """() => [...document.querySelectorAll(".mn-figure svg, .mn-frame .mn-control")].flatMap(figure => {
             const room = figure.getBoundingClientRect();
             return [...figure.querySelectorAll("text, .mn-value")].filter(words => {
               const box = words.getBoundingClientRect();
               return box.width && (box.left < room.left - 1 || box.right > room.right + 1 ||
                                    box.top < room.top - 1 || box.bottom > room.bottom + 1);
             }).map(words => words.textContent);
           })"""
    )
