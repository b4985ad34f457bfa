"""Every explorable of the built site works with no kernel: from the keyboard, from the address, without JavaScript."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from opened import ALONE, DESK, FRAME, GROWN, KEPT, LIVE, MOVED, NO_QUIZ, PHONE, RESTED
from playwright.sync_api import ElementHandle, Locator, Page

COPY, HURRIED = 1, 2  # tabs
FIGURE = re.compile(
    r'<div class="mn-explorable" data-explorable="(?!quiz)([\w-]+)">.*?</noscript></div>\s*</div>', re.DOTALL
)
# What a page loads for its figures alone.
NEEDED = re.compile(r'<link rel="stylesheet"[^>]*>|<script [^>]*/explorables/[^>]*></script>')
# A long way down from the top of a page, and what may come after a figure. The policy forbids a style of one's own.
FAR, AFTER = '<svg width="1" height="5000"></svg>', '<svg width="1" height="1000"></svg>'
SLIDER = "input[type=range]:visible"  # some belong to a view that is not shown
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
HIGH = f"""root => {FRAME}.then(() => {{
  const frame = root.querySelector(".mn-frame");
  const [inner, outer] = [frame, frame.parentElement].map((element) => element.getBoundingClientRect());
  return [Math.round(outer.height), Math.max(0, Math.round(inner.bottom - outer.bottom))];
}})"""
# What a slider says that was taken, whether its figure has changed, and what of it is cut off.
TAKEN = f"""async input => {{
  const root = input.closest(".mn-explorable"), says = ({SAYS})(input), same = root.innerHTML === picture;
  return [says, same, (await ({HIGH})(root))[1]];
}}"""
# The names of dots in a chart that stand on the line "you are here", its words, the ring or each other, with the width
# multiplier at each of its values; and how many names there are in sight.
NAMED = """async root => {
  const chart = root.querySelector(".mn-dot-chart > svg"), slider = root.querySelector("[data-setting=width_mult]");
  const seen = (selector) =>
    [...chart.querySelectorAll(selector)].filter((each) => each.getAttribute("visibility") !== "hidden");
  const boxes = (selector) => seen(selector).map((each) => [each.textContent, each.getBBox()]);
  const along = (a, b, from, size, air) => a[from] + air < b[from] + b[size] && b[from] + air < a[from] + a[size];
  // A line of text is higher than its letters, which may stand as close as in a paragraph.
  const meet = ([, a], [, b]) => along(a, b, "x", "width", 0) && along(a, b, "y", "height", 5);
  const covered = [];
  let fewest = Infinity;
  for (let value = Number(slider.min); value <= Number(slider.max) + 1e-9; value += 0.05) {
    slider.value = value;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    const names = boxes("g text"), others = [...boxes(".mn-here"), ...boxes(".mn-bold"), ...boxes(".mn-ring")];
    fewest = Math.min(fewest, names.length);
    names.forEach((name, i) => [...others, ...names.slice(0, i)].forEach((other) => {
      if (meet(name, other)) covered.push([slider.value, name[0], other[0]]);
    }));
  }
  return [covered, fewest];
}"""
IN_SIGHT = "root => root.getBoundingClientRect().top < innerHeight"
# Take the first slider of a figure in hand, if it has any, and return the key that moves it.
FIRST = """root => {
  const [input] = [...root.querySelectorAll("input[type=range]")].filter((each) => each.checkVisibility());
  input?.focus();
  return input && (Number(input.value) < Number(input.max) ? "ArrowRight" : "ArrowLeft");
}"""
# The page's clock runs ten times as fast: what waits for a reader's hand to rest comes as soon.
FAST = """globalThis.setTimeout = ((later) => (run, ms = 0, ...rest) => later(run, ms / 10, ...rest))(setTimeout);"""
# Wait so many milliseconds by the page's own clock: what it has planned before is done then, on a busy machine, too.
REST = "ms => new Promise((done) => setTimeout(done, ms))"


# How far below its figure's upper edge each verdict ends, and what shows of a page below its bar in a window of 900 px.
VERDICTS = """figures => [...document.querySelectorAll(figures)].map((figure) =>
  figure.querySelector(".mn-result").getBoundingClientRect().bottom - figure.getBoundingClientRect().top)"""
WINDOW = 840


def roots(page: Page) -> list[Locator]:
    """Return the explorables of a page, once they live."""
    page.wait_for_function(LIVE)
    return page.locator(NO_QUIZ).all()


def says(root: Locator) -> list[dict | str]:
    """Return what the sliders say and which choices are made."""
    return root.evaluate(ALL_SAY)


@pytest.fixture(scope="module")
def bare(site, homes, serving, tmp_path_factory) -> Iterator[str]:
    """Return the address of pages with one figure each and nothing else, under the same policy."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "_static").symlink_to(site / "_static")
    for home in homes:
        html = (site / home).read_text("utf8")
        head = "".join(['<!DOCTYPE html><meta charset="utf-8">', *NEEDED.findall(html)])
        for figure in FIGURE.finditer(html):
            place = folder / f"{home}.{figure[1]}.html"
            place.parent.mkdir(exist_ok=True)
            place.write_text(head + FAR + figure[0] + AFTER, "utf8")
    with serving(folder, {"Content-Security-Policy": "default-src 'self'"}) as address:
        yield address


def test_every_control_works_under_a_strict_policy_and_the_address_carries_it(tabs, served_strictly, bare, site, homes):
    """Each page is opened once for all that a reader can do there: at its last figure, where the address leads.

    What an address says of settings is the figure's own, and a page with it alone opens in a quarter of the time.
    The theme's inline scripts are blocked by the policy, and the browser says so; the explorables are not.
    """
    for place in (COPY, HURRIED):
        tabs("about:blank", place).page.add_init_script(FAST)
    for home in homes:
        *_, last = FIGURE.findall((site / home).read_text("utf8"))
        visited = tabs(f"{served_strictly}{home}#{last}", HURRIED)
        found = roots(visited.page)
        assert found[-1].evaluate(IN_SIGHT), home
        visited.page.wait_for_function(KEPT, arg=NO_QUIZ)  # a step of a slider lays out no page
        assert max(visited.page.evaluate(VERDICTS, NO_QUIZ)) <= WINDOW, home
        begun = len(visited.errors)
        check_apart(visited.page)
        visited.page.evaluate(ALONE, True)  # what stands around a figure would be painted for each key
        for root in found:
            check_address(tabs, bare + home, visited.page, root)
            for slider in root.locator(SLIDER).element_handles():
                check_slider(visited.page, slider)
            take_back(root)
            check_choices(visited.page, root)
        assert visited.errors[begun:] == [], home


def step(page: Page, slider: Locator) -> None:
    """Move a slider by one step, from the keyboard."""
    press_arrow(page, slider.evaluate(TAKE))


def press_arrow(page: Page, now: dict) -> None:
    page.keyboard.press("ArrowRight" if now["value"] < now["max"] else "ArrowLeft")


def check_slider(page: Page, slider: ElementHandle) -> None:
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


def check_address(tabs, bare: str, page: Page, root: Locator) -> None:
    """Check that a tab with the figures alone shows the same at the same address, and that "reset" takes it back."""
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

    copy = tabs(f"{bare}.{name}.html#{page.url.partition('#')[2]}", COPY).page
    [copied] = roots(copy)
    copy.evaluate(REST, 100)  # settings that rule each other out are settled in a moment of their own
    assert says(copied) == moved
    assert copied.evaluate(IN_SIGHT)

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
    page.wait_for_function(RESTED)  # what is below the screen has its height
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


@pytest.mark.parametrize("size", [PHONE, {"width": 1366, "height": 768}], ids=["phone", "laptop"])
@pytest.mark.parametrize(
    ("chapter", "name", "names"), [("04_mobilenet_v1", "width-resolution", 4), ("07_mobilenet_v2", "network", 9)]
)
def test_the_names_of_released_models_keep_clear_of_where_you_are(tabs, served, chapter, name, names, size):
    page = tabs(f"{served}chapters/{chapter}.html", viewport=size).page
    roots(page)
    page.wait_for_function(RESTED)
    covered, fewest = page.locator(f'[data-explorable="{name}"]').evaluate(NAMED)
    assert covered == []
    assert fewest >= names - 3  # a phone has no room for one between line and ring, nor for all in a crowd


def test_nonsense_in_the_address_is_ignored(tabs, served, homes):
    page = tabs(served + homes[0]).page
    root = roots(page)[0]
    start = says(root)
    state = json.loads(root.locator("script").text_content())
    query = "&".join(f"{name}=nonsense" for name in state["settings"])
    visited = tabs(f"{served}{homes[0]}#{root.get_attribute('data-explorable')}?{query}&more=1")
    assert says(roots(visited.page)[0]) == start
    assert visited.errors == []


def test_a_slider_stays_under_the_finger_that_drags_it(tabs, served):
    """Four chapters side by side, each first on a desk: most of the time goes by until the next frame is drawn."""
    names = "01_standard_convolution", "02_counting", "03_depthwise_separable_convolution", "07_mobilenet_v2"
    urls = [f"{served}chapters/{name}.html" for name in names]
    pages = [tabs(url, place, viewport=DESK).page for place, url in enumerate(urls)]
    for page in pages:
        roots(page)
        page.wait_for_function(RESTED)  # what a finger reaches is laid out
        assert page.evaluate(GROWN) == {}
    for size in (DESK, PHONE):
        for page in pages:
            page.set_viewport_size(size)
            page.wait_for_function("width => innerWidth === width", arg=size["width"])
            page.evaluate(f"figures => {{ globalThis.moved = ({MOVED})(figures); }}", NO_QUIZ)
        for name, page in zip(names, pages, strict=True):
            moved = page.evaluate("moved")
            assert len(moved) >= 2, name
            assert {slider: far for slider, far in moved.items() if far > 2} == {}, (name, size)
