"""With the rules that stay in a bundle of style sheets, pages look as with all rules of all its parts."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import bundles
import pytest
import theme
from opened import DRAWN, KEPT, LIVE, NO_QUIZ, RESTED
from playwright.sync_api import Route

PACKAGES = {
    "pydata-sphinx-theme.css": "pydata_sphinx_theme/theme/pydata_sphinx_theme",
    "sphinx-book-theme.css": "sphinx_book_theme/theme/sphinx_book_theme",
}
# What a browser works out of all rules for the first element of each kind, and for the box before it where there is
# one, as one number.
LOOKS = """() => {
  const names = [...getComputedStyle(document.body)].sort(); // the same of every element
  const sum = (style) => {
    let hash = 0;
    for (const name of names) {
      const value = style.getPropertyValue(name);
      for (let i = 0; i < value.length; i += 1) hash = (Math.imul(hash, 31) + value.charCodeAt(i)) | 0;
    }
    return hash;
  };
  const kinds = new Map();
  for (const element of document.querySelectorAll("body, body *")) {
    const kind = `${element.tagName} ${element.getAttribute("class")} ${element.parentElement.getAttribute("class")}`;
    if (!kinds.has(kind)) kinds.set(kind, element);
  }
  return [...kinds].map(([kind, element]) => {
    const before = getComputedStyle(element, "::before"); // each value that is read costs time, and there are hundreds
    return [kind, sum(getComputedStyle(element)), before.content === "none" ? "" : sum(before)];
  });
}"""
OPEN = {
    "": "",
    "search": "document.querySelector('.search-button__button')?.click()",
    "contents": "document.querySelector('.primary-toggle')?.click()",
}


def whole(name: str) -> str:
    """Return a style sheet as its package has it, but for Font Awesome."""
    package, rest = PACKAGES[name].split("/", 1)
    path = Path(str(files(package))) / rest / "static" / "styles" / name
    return theme.without_font_awesome(path.read_text(encoding="utf8"))


def answering(css: str, given: list[str]):
    """Return what gives a browser this style sheet instead of the site's, and notes that it did."""

    def answer(route: Route) -> None:
        given.append(route.request.url)
        route.fulfill(body=css, content_type="text/css")

    return answer


def unbundled(site: Path, bundle: Path) -> str:
    """Return all rules of a bundle's parts, of the theme's those that its packages bring."""
    texts = []
    for part in bundles.parts_of(bundle):
        text = whole(Path(part).name) if Path(part).name in PACKAGES else (site / part).read_text("utf8")
        texts.append(bundles.moved(text.removeprefix('@charset "UTF-8";'), str(Path(part).parent), "_static"))
    return "\n".join(texts)


@pytest.mark.parametrize(
    ("page", "width", "opened"),
    [
        ("index.html", 1280, "search"),
        ("chapters/07_mobilenet_v2.html", 1280, ""),
        ("chapters/03_depthwise_separable_convolution.html", 375, "contents"),
        ("search.html", 375, ""),
        ("reference/api/subject.html", 1280, ""),
    ],
)
def test_a_page_looks_the_same_with_all_rules(visit, served, site, page, width, opened):
    tab = visit("about:blank", viewport={"width": width, "height": 900}, reduced_motion="reduce").page
    seen, given = [], []
    for all_rules in (False, True):
        for bundle in site.glob("_static/bundle-*.css") if all_rules else ():
            tab.route(f"**/{bundle.name}*", answering(unbundled(site, bundle), given))
        tab.goto(served + page)
        tab.wait_for_function(RESTED)
        assert bool(given) == all_rules
        tab.add_style_tag(content="*, ::before, ::after { transition: none !important; animation: none !important; }")
        if OPEN[opened]:
            tab.evaluate(OPEN[opened])
        # Sizes are part of a look: figures live, and fonts and pictures are there, however busy the machine is.
        tab.wait_for_function(LIVE)
        tab.wait_for_function(KEPT, arg=NO_QUIZ)
        tab.evaluate(DRAWN)
        seen.append(tab.evaluate(LOOKS))
    fewer, every = seen
    assert len(fewer) == len(every) > 80
    assert [one[0] for one, other in zip(fewer, every, strict=True) if one != other] == []


def test_no_rule_of_ours_asks_whether_there_is_a_class(root):
    """Each class that changes would have a browser work out all styles below it: on arrival twice those of the page."""
    for sheet in (*root.glob("book/static/**/*.css"), *root.glob("mobilenet_lib/**/*.css")):
        assert "[class]" not in re.sub(r"/\*.*?\*/", "", sheet.read_text("utf8"), flags=re.DOTALL), sheet
