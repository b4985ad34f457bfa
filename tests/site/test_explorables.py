"""Every explorable of the built site works with no kernel: from the keyboard, from the address, without JavaScript."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from playwright.sync_api import Locator, Page

SLIDER = "input[type=range]:visible"  # some belong to a view that is not shown
EXPLORABLE = re.compile(r'class="mn-explorable" data-explorable="(?!quiz)')
NO_QUIZ = ".mn-explorable:not([data-explorable^=quiz])"
# What a slider says: to the eye, in the element beside its label, and to a screen reader.
SAYS = """input => ({
  label: input.labels[0]?.textContent,
  shown: input.closest(".mn-control")?.querySelector(".mn-value")?.textContent,
  spoken: input.ariaValueText,
  value: Number(input.value), min: Number(input.min), max: Number(input.max),
})"""
# What all sliders of a figure say that are shown, and which choices are made.
ALL_SAY = f"""root => [
  ...[...root.querySelectorAll("input[type=range]")].filter((input) => input.checkVisibility()).map({SAYS}),
  ...[...root.querySelectorAll("input[type=radio]:checked")].map((input) => input.value),
]"""
# Take a slider in hand and keep in mind what its figure looks like; return what it says.
TAKE = f"""input => {{
  input.focus();
  globalThis.picture = input.closest(".mn-explorable").innerHTML;
  globalThis.values = [];
  input.onkeyup = () => values.push(Number(input.value));
  return ({SAYS})(input);
}}"""
# How many pixels a figure is high, once the browser has drawn it, and how many of it are cut off below.
HIGH = """root => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
  const frame = root.querySelector(".mn-frame");
  const [inner, outer] = [frame, frame.parentElement].map((element) => element.getBoundingClientRect());
  done([Math.round(outer.height), Math.max(0, Math.round(inner.bottom - outer.bottom))]);
})))"""
# What a slider says that was taken, whether its figure has changed, and what of it is cut off.
TAKEN = f"""async input => {{
  const root = input.closest(".mn-explorable"), says = ({SAYS})(input), same = root.innerHTML === picture;
  return [says, same, (await ({HIGH})(root))[1]];
}}"""
# Take the first slider of a figure in hand, if it has any, and return the key that moves it.
FIRST = """root => {
  const [input] = [...root.querySelectorAll("input[type=range]")].filter((each) => each.checkVisibility());
  input?.focus();
  return input && (Number(input.value) < Number(input.max) ? "ArrowRight" : "ArrowLeft");
}"""
# Wait so many milliseconds by the page's own clock: what it has planned before is done then, on a busy machine, too.
REST = "ms => new Promise((done) => setTimeout(done, ms))"


@pytest.fixture(scope="session")
def homes(site) -> list[str]:
    """Return the pages that show an explorable. A quiz is hosted alike, but has no sliders, and tests of its own."""
    pages = [path for path in sorted(site.rglob("*.html")) if EXPLORABLE.search(path.read_text("utf8"))]
    pages = [path for path in pages if path.parent.name != "slides"]  # where most figures wait for their slide
    assert pages, "no page of the site shows an explorable"
    return [page.relative_to(site).as_posix() for page in pages]


def roots(page: Page) -> list[Locator]:
    """Return the explorables of a page, once they live."""
    page.wait_for_function("() => !document.querySelector('.mn-explorable:not(.mn-live)')")
    return page.locator(NO_QUIZ).all()


def says(root: Locator) -> list[dict | str]:
    """Return what the sliders say and which choices are made."""
    return root.evaluate(ALL_SAY)


def test_every_control_works_under_a_strict_policy_and_the_address_carries_it(tabs, served_strictly, homes):
    """Each page is opened once for all that a reader can do there.

    The theme's inline scripts are blocked by the policy, and the browser says so; the explorables are not.
    """
    for home in homes:
        visited = tabs(served_strictly + home)
        found = roots(visited.page)
        begun = len(visited.errors)
        check_apart(visited.page)
        for number, root in enumerate(found):
            check_address(tabs, visited.page, number, root)
            for slider in root.locator(SLIDER).all():
                check_slider(visited.page, slider)
            take_back(root)
            check_choices(visited.page, root)
        assert visited.errors[begun:] == [], home


def step(page: Page, slider: Locator) -> None:
    """Move a slider by one step, from the keyboard."""
    press_arrow(page, slider.evaluate(TAKE))


def press_arrow(page: Page, now: dict) -> None:
    page.keyboard.press("ArrowRight" if now["value"] < now["max"] else "ArrowLeft")


def check_slider(page: Page, slider: Locator) -> None:
    before = slider.evaluate(TAKE)
    assert before["label"] and before["shown"] and before["spoken"], before
    press_arrow(page, before)
    after, same, cut_off = slider.evaluate(TAKEN)
    for what in ("value", "shown", "spoken"):
        assert after[what] != before[what], (before["label"], what, before, after)
    assert not same
    assert cut_off == 0, before["label"]
    page.keyboard.press("End")
    page.keyboard.press("Home")
    assert page.evaluate("values") == [after["value"], before["max"], before["min"]], before


def check_choices(page: Page, root: Locator) -> None:
    """Make every choice, and move a slider after each."""
    groups = root.locator("fieldset.mn-control:visible, [role=radiogroup]:visible")
    for group in range(groups.count()):
        choices = groups.nth(group).locator("input")
        for choice in reversed(choices.all()):  # the first one last: it shows what the others may hide
            choice.check(force=True)  # which fails where it does not get checked
            if key := root.evaluate(FIRST):
                page.keyboard.press(key)


def check_apart(page: Page) -> None:
    """Check that no two elements share an id, and that no group of radio buttons reaches into another figure."""
    ids = page.locator(".mn-explorable [id]").evaluate_all("elements => elements.map(element => element.id)")
    assert len(ids) == len(set(ids)), page.url
    groups = page.locator(".mn-explorable").evaluate_all(
        """roots => roots.flatMap(
             root => [...new Set([...root.querySelectorAll("input[type=radio]")].map(input => input.name))])"""
    )
    assert len(groups) == len(set(groups)), page.url


def check_address(tabs, page: Page, number: int, root: Locator) -> None:
    """Check that another tab shows the same at the same address, and that "reset" takes the settings back."""
    start = says(root)
    sliders = root.locator(SLIDER).all()[:3]
    for slider in sliders:
        step(page, slider)
    if not sliders:  # a figure may have choices alone
        root.locator("input[type=radio]:not(:checked)").last.check(force=True)
    name = root.get_attribute("data-explorable")
    page.wait_for_function("name => location.hash.startsWith(`#${name}?`)", arg=name)
    page.evaluate(REST, 350)  # the last write is debounced
    moved = says(root)
    assert moved != start

    copy = tabs(page.url, place=1).page
    copied = roots(copy)[number]
    copy.evaluate(REST, 100)  # settings that rule each other out are settled in a moment of their own
    assert says(copied) == moved
    assert copied.evaluate("root => root.getBoundingClientRect().top < innerHeight")

    if take_back(root):
        assert says(root) == start
        page.wait_for_function("() => location.hash === ''")


def take_back(root: Locator) -> bool:
    """Press "reset", where there is one: the small figure of the landing page may do without."""
    reset = root.get_by_role("button", name="reset")
    if there := reset.count() > 0:
        reset.click()
    return there


def test_changing_the_address_by_hand_changes_the_figure(tabs, served, homes):
    page = tabs(served + homes[0]).page
    root = roots(page)[0]
    start = says(root)
    step(page, root.locator(SLIDER).first)
    name = root.get_attribute("data-explorable")
    page.wait_for_function("name => location.hash.startsWith(`#${name}?`)", arg=name)
    page.evaluate("name => { location.hash = name; }", name)
    page.wait_for_function(
        "value => Number(document.querySelector('.mn-explorable input[type=range]').value) === value",
        arg=start[0]["value"],
    )
    assert says(root) == start


def test_text_below_a_figure_stays_in_place_while_a_slider_moves(tabs, served):
    page = tabs(served + "chapters/07_mobilenet_v2.html").page
    root = page.locator("[data-explorable=network].mn-live")
    first = root.evaluate(HIGH)[0]
    root.locator(SLIDER).first.focus()
    heights = [first]
    for key in ["ArrowRight", "ArrowLeft"] * 3:
        page.keyboard.press(key)
        heights.append(root.evaluate(HIGH)[0])
    assert heights == sorted(heights)
    assert heights[-1] > first  # where one sentence was longer, the room for it stays
    root.get_by_role("button", name="Reset").click()
    assert root.evaluate(HIGH)[0] == first
    table = root.get_by_role("button", name="Show as table")
    table.click()
    assert root.evaluate(HIGH) > [heights[-1], 0]
    table.click()
    assert root.evaluate(HIGH) == [first, 0]


def test_a_key_goes_on_where_the_next_value_is_impossible(tabs, served):
    home = "chapters/03_depthwise_separable_convolution.html"
    page = tabs(f"{served}{home}#kernel-scope?mode=grouped&in_channels=4&groups=4").page
    root = next(root for root in roots(page) if root.get_attribute("data-explorable") == "kernel-scope")
    # The chapter begins with another state: the address is taken as it is.
    page.evaluate("new Promise((done) => setTimeout(done))")
    channels, groups = root.get_by_label("Output channels N"), root.get_by_label("Groups g")
    if channels.input_value() != "8":
        channels.press("End")
    assert (channels.input_value(), groups.input_value()) == ("8", "4")
    channels.press("ArrowLeft")
    assert channels.input_value() == "4"
    groups.press("ArrowRight")
    assert groups.input_value() == "5"


def test_nonsense_in_the_address_is_ignored(tabs, served, homes):
    page = tabs(served + homes[0]).page
    root = roots(page)[0]
    start = says(root)
    state = json.loads(root.locator("script").text_content())
    query = "&".join(f"{name}=nonsense" for name in state["settings"])
    visited = tabs(f"{served}{homes[0]}#{root.get_attribute('data-explorable')}?{query}&more=1")
    assert says(roots(visited.page)[0]) == start
    assert visited.errors == []


# What stands there before the script runs


SCRIPTS = "*/_static/explorables/*.js*"
# How far things have moved by themselves since the page was opened, as the browser counts it.
SHIFTS = """globalThis.moved = 0;
new PerformanceObserver((list) => { for (const entry of list.getEntries()) globalThis.moved += entry.value; })
  .observe({ type: "layout-shift", buffered: true });"""
# What a figure looks like: how high it and its parts are, what its drawings are laid out for, what it says.
LOOK = """root => {
  const high = (element) => Math.round(10 * element.getBoundingClientRect().height) / 10;
  const frame = root.querySelector(".mn-frame");
  const seen = (selector) => [...frame.querySelectorAll(selector)].filter((element) => element.checkVisibility());
  return {
    high: high(frame),
    parts: seen(".mn-head, .mn-picture, .mn-controls, .mn-result, .mn-details, .mn-live-line").map(high),
    drawings: seen("svg[role=img]").map((svg) => [svg.getAttribute("viewBox"), svg.getAttribute("aria-label")]),
    says: seen(".mn-title, .mn-value, .mn-result, .mn-number, .mn-live-line").map(({ textContent }) => textContent),
    chosen: seen("input[type=radio]").map(({ checked }) => checked),
  };
}"""
TWO_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"


# Take everything but the figures out of sight, or put it back: a page of figures alone is laid out in no time.
ALONE = """alone => {
  const room = document.querySelector("article");
  const aside = alone && [...room.querySelectorAll(":not(.mn-explorable, .mn-explorable *, :has(.mn-explorable))")];
  for (const element of aside || room.querySelectorAll("[data-aside]")) element.toggleAttribute("data-aside", alone);
}"""
NO_ASIDE = "[data-aside] { display: none !important; } * { transition: none !important; }"  # nor a slow side bar
# What each figure looks like in a colour scheme, when it has been in sight.
LOOKS = f"""async ([scheme, figures]) => {{
  document.documentElement.dataset.theme = scheme;
  const found = [];
  for (const root of document.querySelectorAll(figures)) {{
    root.scrollIntoView({{ block: "center" }});
    await {TWO_FRAMES};
    found.push(({LOOK})(root));
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
SHOWN = f"async root => {{ await {TWO_FRAMES}; return [moved, root.querySelectorAll('.mn-static').length]; }}"
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
WIDTHS = (320, 414, 768, 1440)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (375, "dark")])
def test_the_live_figure_takes_the_static_ones_place_and_nothing_moves(tabs, served, homes, width, scheme):
    """What it shows is compared in light and dark; and once at every width, where each figure is as high as it was."""
    other = "light" if scheme == "dark" else "dark"
    look = {"place": 2, "viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    page = tabs("about:blank", **look).page
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    for home in homes:
        network.send("Network.setBlockedURLs", {"urls": [SCRIPTS]})
        page.goto("about:blank")  # where another size costs nothing
        page.emulate_media(media="screen")
        resize(page, width)
        tabs(served + home, **look)
        page.evaluate(SHIFTS)
        page.add_style_tag(content=NO_ASIDE)
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        figures = {root.get_attribute("data-explorable"): root for root in page.locator(NO_QUIZ).all()}
        assert page.locator(f"{NO_QUIZ} .mn-static").count() == len(figures)
        before, after = {other: looks(page, other)}, {}
        before[scheme] = looks(page, scheme)
        before_at = at_each_width(page) if width == 1280 else []
        if before_at:
            resize(page, width)
            page.evaluate(ALONE, False)
            page.evaluate(TWO_FRAMES)
        network.send("Network.setBlockedURLs", {"urls": []})
        for shared in ("host", "kit"):
            page.add_script_tag(url=f"{served}_static/explorables/{shared}.js")
        for name, root in figures.items():
            kind = re.sub(r"-\d+$", "", name)
            if not root.evaluate(SHOW):
                page.add_script_tag(url=f"{served}_static/explorables/{kind}.js")
            moved, static = root.evaluate(SHOWN)
            assert round(moved, 2) == 0, (home, name)
            assert static == 0
        after[scheme], after[other] = looks(page, scheme), looks(page, other)
        for each in before:
            for name, still, live in zip(figures, before[each], after[each], strict=True):
                assert live["high"] == pytest.approx(still["high"], abs=0.1), (home, name, each)
                assert live["parts"] == pytest.approx(still["parts"], abs=0.1), (home, name, each)
                for what in ("drawings", "says", "chosen"):
                    assert live[what] == still[what], (home, name, each, what)
        if width == 1280:
            for at, still, live in zip(WIDTHS, before_at, at_each_width(page), strict=True):
                for one, two in zip(still, live, strict=True):
                    # The kernel scope's squares grow in whole pixels, many at once.
                    assert one["high"] == pytest.approx(two["high"], abs=8), (home, at)
                    if at >= 1440:
                        assert one["drawings"] == two["drawings"], (home, at)
            check_printed(page, home)


def resize(page: Page, width: int, height: int = 800) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_function("width => innerWidth === width", arg=width)


def looks(page: Page, scheme: str) -> list[dict]:
    """Return what each figure looks like in a colour scheme, when it has been in sight."""
    return page.evaluate(LOOKS, [scheme, NO_QUIZ])


def at_each_width(page: Page) -> list[list[dict]]:
    """Return what each figure looks like, alone, in windows of other widths, and leave the last one."""
    found = []
    page.evaluate(ALONE, True)
    for width in WIDTHS:
        resize(page, width)
        page.evaluate(TWO_FRAMES)
        found.append(page.locator(NO_QUIZ).evaluate_all(f"roots => roots.map({LOOK})"))
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


MOVED = """async () => {
  const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const moved = {};
  for (const slider of document.querySelectorAll(".mn-live input[type=range]")) {
    if (!slider.offsetWidth) continue;
    const root = slider.closest(".mn-explorable"), { value: start, min, max, step } = slider;
    const top = () => slider.getBoundingClientRect().top - root.getBoundingClientRect().top;
    const tops = [];
    slider.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }));
    for (let i = 0; i <= 8; i += 1) {
      slider.value = Number(min) + Math.round((i / 8) * ((max - min) / step)) * step;
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      await drawn();
      tops.push(top());
    }
    dispatchEvent(new PointerEvent("pointerup"));
    slider.value = start;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    moved[`${root.dataset.explorable} ${slider.dataset.setting}`] = Math.round(Math.max(...tops) - Math.min(...tops));
  }
  return moved;
}"""


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("name", ["01_standard_convolution", "02_counting", "03_depthwise_separable_convolution"])
def test_a_slider_stays_under_the_finger_that_drags_it(tabs, served, name, width):
    page = tabs(f"{served}chapters/{name}.html", viewport={"width": width, "height": 800}).page
    roots(page)
    moved = page.evaluate(MOVED)
    assert len(moved) >= 2
    assert {slider: far for slider, far in moved.items() if far > 2} == {}
