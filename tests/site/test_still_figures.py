"""What stands on a page before its figures live, without JavaScript and on paper; and nothing moves when they do."""

from __future__ import annotations

import json
import re
from collections import Counter
from html import unescape

import pytest
from opened import ALONE, NO_QUIZ
from playwright.sync_api import Page

SCRIPTS = "*/_static/explorables/*.js*"
# How far things have moved by themselves since the page was opened, as the browser counts it.
SHIFTS = """globalThis.moved = 0;
new PerformanceObserver((list) => { for (const entry of list.getEntries()) globalThis.moved += entry.value; })
  .observe({ type: "layout-shift", buffered: true });"""
# What a starting figure asks of its page, which is then laid out once more before the figure is drawn.
ASKED = """() => {
  globalThis.asked = [];
  const watch = (object, name) => {
    const answer = object[name];
    object[name] = function ask(...words) {
      const element = object === globalThis ? words[0] : this;
      const { stack } = new Error();
      if (element.closest(".mn-live") && /\\bmount\\b/.test(stack)) asked.push(stack);
      return answer.apply(object === globalThis ? object : this, words);
    };
  };
  watch(globalThis, "getComputedStyle");
  for (const name of ["checkVisibility", "getBoundingClientRect"]) watch(Element.prototype, name);
}"""
# What a figure looks like: how high it and its parts are, what its drawings are laid out for, what it says.
LOOK = """root => {
  const high = (element) => Math.round(10 * element.getBoundingClientRect().height) / 10;
  const frame = root.querySelector(".mn-frame");
  const seen = (selector) => [...frame.querySelectorAll(selector)].filter((element) => element.checkVisibility());
  return {
    high: high(frame),
    parts: seen(".mn-head, .mn-picture, .mn-controls, .mn-result, .mn-details, .mn-live-line").map(high),
    drawings: seen("svg[role=img]").map((svg) => {
      const { width, height } = svg.viewBox.baseVal;
      return [width.toFixed(2), height.toFixed(2), svg.getAttribute("aria-label")];
    }),
    says: seen(".mn-title, .mn-value, .mn-result, .mn-number, .mn-live-line").map(({ textContent }) => textContent),
    chosen: seen("input[type=radio]").map(({ checked }) => checked),
  };
}"""
TWO_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
# What each figure looks like in each colour scheme, when it has been in sight.
LOOKS = f"""async ([schemes, figures]) => {{
  const found = {{}};
  for (const scheme of schemes) {{
    document.documentElement.dataset.theme = scheme;
    found[scheme] = [];
    for (const root of document.querySelectorAll(figures)) {{
      root.scrollIntoView({{ block: "center" }});
      await {TWO_FRAMES};
      found[scheme].push(({LOOK})(root));
    }}
  }}
  return found;
}}"""
# Show a figure, with what is below it, and count from there what moves.
SHOW = f"""async root => {{
  root.scrollIntoView({{ block: "end" }});
  scrollBy(0, 400);
  await {TWO_FRAMES};
  globalThis.moved = 0;
  return root.classList.contains("mn-live");
}}"""
# A figure waits until nothing else is to do.
SHOWN = f"""async root => {{
  while (!root.matches(".mn-live")) await new Promise(requestAnimationFrame);
  await {TWO_FRAMES};
  return [moved, root.querySelectorAll(".mn-static").length];
}}"""
# What is on paper of each figure.
PRINTED = """roots => roots.map((root) => {
  const size = (element) => element.getBoundingClientRect();
  const [picture, frame] = [".mn-picture", ".mn-frame"].map((part) => size(root.querySelector(part)));
  return {
    picture: [picture.width, picture.height],
    cut: Math.max(0, frame.height - size(root).height),
    buttons: [...root.querySelectorAll(".mn-button")].filter((button) => button.checkVisibility()).length,
  };
})"""
# What the figures of a page are called, and how many of them have their first state in them, which is kept.
STILL = """figures => {
  const roots = [...document.querySelectorAll(figures)];
  const still = roots.filter((root) => root.querySelector(".mn-static"));
  globalThis.kept = roots.map(({ outerHTML }) => outerHTML);
  return [roots.map(({ dataset }) => dataset.explorable), still.length];
}"""
BACK = "figures => document.querySelectorAll(figures).forEach((root, i) => { root.outerHTML = kept[i]; })"
RESIZED = "async width => { while (innerWidth !== width) await new Promise(requestAnimationFrame); }"
AT_ONCE = f"figures => {TWO_FRAMES}.then(() => [...document.querySelectorAll(figures)].map({LOOK}))"
WIDTHS = (320, 414, 600, 768, 1000, 1268, 1440)  # with a scroll bar a window of 1280 has 1268 for the page


def test_the_live_figure_takes_the_static_ones_place_and_nothing_moves(tabs, served, homes):
    """What it shows is compared in light and dark; and once at every width, where each figure is as high as it was.

    A page is opened once. For a phone, the still figures are put back into it.
    """
    page = tabs("about:blank").page
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    for home in homes:
        network.send("Network.setBlockedURLs", {"urls": [SCRIPTS]})
        page.goto("about:blank")  # where another size costs nothing
        page.emulate_media(media="screen")
        resize(page, 1280)
        tabs(served + home)
        network.send("Network.setBlockedURLs", {"urls": []})
        page.evaluate(SHIFTS)
        check_living(page, served, home, 1280, ["dark", "light"], WIDTHS)  # the last scheme stays
        check_printed(page, home)
        page.emulate_media(media="screen")
        page.evaluate(BACK, NO_QUIZ)
        check_living(page, served, home, 375, ["light", "dark"])


def check_living(
    page: Page, served: str, home: str, width: int, schemes: list[str], widths: tuple[int, ...] = ()
) -> None:
    """Bring the still figures of a page to life, one after the other, and compare them with what they were."""
    names, still = page.evaluate(STILL, NO_QUIZ)
    assert still == len(names)
    resize(page, width)
    page.evaluate(ALONE, True)
    before, before_at = page.evaluate(LOOKS, [schemes, NO_QUIZ]), at_each_width(page, widths)
    resize(page, width)
    page.evaluate(ALONE, False)
    page.evaluate(ASKED)
    for shared in ("host", "kit"):
        page.add_script_tag(url=f"{served}_static/explorables/{shared}.js")
    for name, root in zip(names, page.query_selector_all(NO_QUIZ), strict=True):
        kind = re.sub(r"-\d+$", "", name)
        if not root.evaluate(SHOW):
            page.add_script_tag(url=f"{served}_static/explorables/{kind}.js")
        moved, static = root.evaluate(SHOWN)
        assert round(moved, 2) == 0, (home, name)
        assert static == 0
    assert page.evaluate("asked") == [], home
    page.evaluate(ALONE, True)
    after, after_at = page.evaluate(LOOKS, [schemes, NO_QUIZ]), at_each_width(page, widths)
    for each in schemes:
        for name, still, live in zip(names, before[each], after[each], strict=True):
            assert live["high"] == pytest.approx(still["high"], abs=0.1), (home, name, each)
            assert live["parts"] == pytest.approx(still["parts"], abs=0.1), (home, name, each)
            for what in ("drawings", "says", "chosen"):
                assert live[what] == still[what], (home, name, each, what)
    for at, still, live in zip(widths, before_at, after_at, strict=True):
        for one, two in zip(still, live, strict=True):
            assert one["high"] == pytest.approx(two["high"], abs=1), (home, at)
            if at >= 1440:
                assert one["drawings"] == two["drawings"], (home, at)


def resize(page: Page, width: int, height: int = 800) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate(RESIZED, width)


def at_each_width(page: Page, widths: tuple[int, ...]) -> list[list[dict]]:
    """Return what each figure looks like in windows of these widths, and leave the last one."""
    found = []
    for width in widths:
        resize(page, width)
        found.append(page.evaluate(AT_ONCE, NO_QUIZ))
    return found


def check_printed(page: Page, home: str) -> None:
    """Check that each figure is whole on paper, and leave the page there."""
    page.set_viewport_size({"width": 720, "height": 1000})
    page.emulate_media(media="print")
    assert page.evaluate("[innerWidth, matchMedia('print').matches]") == [720, True]
    printed = page.locator(NO_QUIZ).evaluate_all(PRINTED)
    assert printed
    for each in printed:
        assert each["picture"][0] >= 200 and each["picture"][1] >= 100, home
        assert each["cut"] == 0, home
        assert each["buttons"] == 0, home


# What is there without any script: of each figure its picture, what it says, and how much shows that should not.
BARE = """root => {
  const seen = (selector) => [...root.querySelectorAll(selector)].filter((element) => element.checkVisibility());
  const { width, height } = root.querySelector(".mn-picture").getBoundingClientRect();
  const pictures = seen("svg[role=img], img");
  return {
    picture: [width, height],
    controls: seen("button, input, textarea, .mn-controls, .mn-buttons").length,
    nameless: pictures.filter((each) => !each.getAttribute("aria-label") && !each.alt).length,
    flat: pictures.filter((each) => each.getBoundingClientRect().height < 40).length,
    missing: seen("img").filter(({ complete, naturalWidth }) => !complete || naturalWidth === 0).length,
    twice: seen(".mn-fit").filter(({ children }) => [...children].filter((own) => own.checkVisibility()).length > 1)
      .length,
    regions: root.querySelectorAll("[role=status], [aria-live]").length,
    result: seen(".mn-result").map(({ textContent }) => textContent).join(),
    note: seen("noscript p").map(({ textContent }) => textContent).join(),
  };
}"""


def test_without_javascript_the_figure_shows_in_its_first_state_and_on_paper(tabs, served_strictly, homes):
    """Under a strict policy, too."""
    page = tabs("about:blank", java_script_enabled=False).page
    for home in homes:
        page.goto("about:blank")  # where another size costs nothing
        page.emulate_media(media="screen")
        for width in (1280, 375):
            page.set_viewport_size({"width": width, "height": 800})
            if width == 1280:
                tabs(served_strictly + home, java_script_enabled=False)
            assert page.evaluate("innerWidth") == width
            bares = page.locator(NO_QUIZ).evaluate_all(f"roots => roots.map({BARE})")
            assert bares
            page.evaluate(ALONE, True)
            for number, bare in enumerate(bares):
                name = (home, width, number)
                assert bare.pop("picture") >= [200, 100], name
                assert len(bare.pop("result")) > 20 and "They need JavaScript" in bare.pop("note"), name
                assert set(bare.values()) == {0}, (name, bare)
        check_printed(page, home)


def test_no_id_of_a_static_figure_is_there_twice(site, homes):
    for home in homes:
        html = re.sub(r"<script.*?</script>", "", (site / home).read_text("utf8"), flags=re.DOTALL)
        figures = "".join(re.findall(r'<div class="mn-static">.*?</noscript>', html, re.DOTALL))
        counted = Counter(re.findall(r'\sid="([^"]+)"', html))
        assert [name for name in re.findall(r'\sid="([^"]+)"', figures) if counted[name] > 1] == [], home


def test_figures_tables_and_questions_write_apostrophes_as_the_text_around_them_does(site, homes):
    unread = r"<(script|style|pre|code|math|template)\b.*?</\1>|<!--.*?-->|<[^>]*>"
    for home in homes:
        words = unescape(re.sub(unread, "", (site / home).read_text("utf8"), flags=re.DOTALL))
        assert re.findall(r".*\w'\w.*", words) == [], home


def test_only_pages_with_an_explorable_load_its_script(site):
    for path in site.rglob("*.html"):
        html = path.read_text("utf8")
        assert ("_static/explorables/" in html) == ('class="mn-explorable"' in html), path


def test_no_page_carries_ipywidgets_own_machinery(site):
    for path in site.rglob("*.html"):
        html = path.read_text("utf8")
        for trace in ("require.js", "html-manager", "widget-state+json", "widget-view+json"):
            if "_modules" not in path.parts:
                assert trace not in html, (path, trace)


def test_page_state_has_nothing_private_and_no_code(site, homes):
    for home in homes:
        for block in (site / home).read_text("utf8").split('<script type="application/json">')[1:]:
            state = json.loads(block.partition("</script>")[0])
            assert not [key for key in state if key.startswith("_") or key in ("layout", "tabbable", "tooltip")]
