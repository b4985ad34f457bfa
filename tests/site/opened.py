"""A page opened in a browser, and all that is to be seen on it without touching anything."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import axe_playwright_python
from playwright.sync_api import Browser, ConsoleMessage, Page, Request
from weight import Part, parts_of

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf8")
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 375, "height": 800}
# Once the page is drawn for its new width, with the fonts and pictures that it asks for there.
DRAWN = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
  .then(() => document.fonts.ready)
  .then(() => Promise.all([...document.images].filter(image => image.checkVisibility() && !image.complete)
    .map(image => new Promise((done) => { image.onload = image.onerror = done; }))))"""

# One element with text for each colour, what its ancestors paint behind it, and what else lies where it stands, over or
# under it. Where all of these are equal the contrast is: axe-core needs four seconds for each element of a chapter.
EACH_COLOUR = """article => {
  const CLEAR = "rgba(0, 0, 0, 0),none,1,none";
  const painted = (style) => [style.backgroundColor, style.backgroundImage, style.opacity, style.filter].join();
  const box = (element) => element.getBoundingClientRect();
  const paints = [];
  for (const element of document.body.querySelectorAll("*")) {
    const own = painted(getComputedStyle(element)), { width, height } = box(element);
    const picture = /^(img|canvas|video|svg)$/.test(element.localName);
    if ((own !== CLEAR || picture) && width && height && element.checkVisibility())
      paints.push({ element, own: picture ? `${element.localName};${own}` : own, area: box(element) });
  }
  const elsewhere = (element) => {
    const area = box(element);
    return paints.filter((paint) => paint.area.left < area.right && paint.area.right > area.left &&
        paint.area.top < area.bottom && paint.area.bottom > area.top)
      .filter((paint) => !paint.element.contains(element) && !element.contains(paint.element))
      .map((paint) => paint.own).join(";");
  };
  const behind = new Map([[article.parentElement, ""]]), found = new Map();
  for (const element of [article, ...article.querySelectorAll("*")]) {
    const style = getComputedStyle(element), own = painted(style);
    const below = behind.get(element.parentElement);
    behind.set(element, own === CLEAR ? below : `${below};${own}`);
    if (![...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim())) continue;
    if (!element.checkVisibility()) continue;
    const { color, fill, fontSize, fontWeight, textShadow } = style;
    const key = [color, fill, fontSize, fontWeight, textShadow, behind.get(element), elsewhere(element)].join();
    const size = element.getElementsByTagName("*").length;
    if (!(found.get(key)?.size <= size)) found.set(key, { element, size });
  }
  return [...found.values()].map(({ element }) => element);
}"""
CONTRAST = "color-contrast"
# All heights are there, and the theme's scripts have come: book/static/late.js.
RESTED = "document.documentElement.classList.contains('rested')"


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
    """What was seen on a page that was opened once, on a desk, in light and dark, and made as narrow as a phone."""

    name: str
    light: list[str]  # what axe-core objects to
    dark: list[str]
    too_wide: list[str]
    cut_off: list[str]
    foreign: list[str]
    errors: list[str]
    parts: set[Part]  # what was loaded: on a phone other icons show


def look_at(browser: Browser, site: str, name: str) -> Opened:
    """Open the page called `name` of `site`, an address, in a fresh context: its cache is cold."""
    context = browser.new_context(viewport=DESK, color_scheme="light")
    try:
        visited = Visit(context.new_page())
        page, responses = visited.page, []
        page.on("response", lambda response: responses.append(response))  # Playwright takes no builtin
        visited.begin(site + name)
        page.wait_for_function(RESTED)
        page.evaluate(AXE)
        light = violations(page, {"rules": {CONTRAST: {"enabled": False}}}) + contrasts(page)
        page.evaluate("() => { document.documentElement.dataset.theme = 'dark'; }")
        dark = contrasts(page)  # nothing else is different in the dark
        page.set_viewport_size(PHONE)
        page.evaluate(DRAWN)
        narrow, cut = too_wide(page), cut_off(page)
        page.wait_for_load_state("networkidle")
        parts = set(parts_of(responses))
        return Opened(name, light, dark, narrow, cut, visited.foreign, visited.errors, parts)
    finally:
        context.close()


def violations(page: Page, options: dict, part: str = "article => article") -> list[str]:
    """Return what axe-core objects to in a part of the article; the theme's own frame is not the book's."""
    page.evaluate("() => Promise.all(document.getAnimations().map(animation => animation.finished))")
    found = page.evaluate(
        f"""options => axe.run(({part})(document.querySelector("article.bd-article") ?? document.querySelector("main")),
                              {{resultTypes: ["violations"], ...options}})""",
        options,
    )
    return [describe(violation) for violation in found["violations"]]


def contrasts(page: Page) -> list[str]:
    """Return the text in the article that axe-core finds too faint: of all that looks alike, one element."""
    return violations(page, {"runOnly": [CONTRAST]}, EACH_COLOUR)


def describe(violation: dict) -> str:
    nodes = [f"{node['html'][:200]} ({node['failureSummary'].splitlines()[-1].strip()})" for node in violation["nodes"]]
    return f"{violation['id']}: {violation['help']}: " + "; ".join(nodes[:5])


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
