"""Every page of the built site, in a real browser with the network cut."""

from __future__ import annotations

import pytest
from opened import AXE, CONTRAST, LIVE, objections, violations


def test_axe_core_finds_nothing_in_light_or_dark(opened):
    assert opened.light == []
    assert opened.dark == []


def test_page_fits_a_phone_and_nothing_of_its_figures_is_cut_off(opened):
    assert opened.too_wide == []
    assert opened.cut_off == []


def test_no_request_leaves_the_site_and_the_console_stays_silent(opened):
    assert opened.foreign == []
    assert opened.errors == []


CODE = "<pre>" + '<span class="k">def</span> <span class="n">f</span>\n' * 9
DRAWN = '<svg role="img" aria-label="x" width="90" height="90">' + '<g><path d="M0 0h9"></path></g>' * 9
FORMULA = "<math><mrow>" + "<mi>x</mi><mo>+</mo>" * 9
FAINT = {
    "none": "",
    "a colour of its own": '<p style="color: #999">faint</p>',
    "a ground of its own": '<div style="background: #555"><p>faint</p></div>',
    "half seen": '<p style="opacity: 0.3">faint</p>',
    "before something": '<div style="position: relative; z-index: -1; background: #333; height: 3em"></div>'
    '<p style="margin: -2em 0 0">faint</p>',
    "on a neighbour's ground": '<p style="position: relative">faint</p>'
    '<b style="display: block; background: #222; height: 4em; margin-top: -3em"></b>',
    "a word of code": f'<style>.no {{ color: #999 }}</style>{CODE}<span class="no">faint</span>',
    "a letter before a word": '<p style="color: #999">x</p><p style="color: #999">faint</p>',
    "code on a ground": f'{CODE}<b style="background: #555"><span class="n">faint</span></b>',
}
WRONG = {
    "nothing": CODE,
    "a role that there is not": CODE + '<span class="n" role="bogus">f</span>',
    "a key's turn": CODE + '<span class="n" tabindex="5">f</span>',
    "a name that says nothing": CODE + '<span class="n" aria-labelledby="nobody" aria-bogus="1">f</span>',
    "a mark with a role": DRAWN + '<path d="M0 0h9" role="img"></path>',
    "a key's turn out of sight": DRAWN + '<g aria-hidden="true"><path d="M0 0h9" tabindex="0"></path></g>',
    "a picture without a name": DRAWN.replace('aria-label="x"', ""),
    "a picture without a text": '<img src="data:,">',
    "a word of a signature with a role": f"<dl><dt>{CODE}</pre><em class=n role=bogus>x</em></dt><dd>y</dd></dl>",
    "a letter of no language": FORMULA + '<mi lang="nowhere">y</mi>',
    "an empty button": "<button></button>",
    "a link that its colour tells": '<p>words <a href="#" style="color: #00f; text-decoration: none">a link</a> on',
    "a heading that skips one": "<h2>x</h2><h5>y</h5>",
    "a field without a name": "<input>",
    "a list of words": "<ul>words</ul>",
}


@pytest.fixture(scope="module")
def blank(browser):
    """Return a page that has read axe-core's program: what is shown in it may change."""
    with browser.new_context() as context:
        page = context.new_page()
        page.evaluate(AXE)
        yield page


def fill(page, html: str) -> None:
    """Show an article with what is given between paragraphs, beside a frame that is none of its own."""
    same = "<p>plain</p>" * 3
    page.set_content(
        f"""<html lang=en><title>x</title><header><button></button><p style="color: #eee">faint</p></header>
            <main><article class=bd-article><h1>x</h1>{same}<div>{html}</div>{same}</article>"""
    )
    page.evaluate("axe.reset()")


@pytest.mark.parametrize("case", FAINT)
def test_one_element_of_all_that_look_alike_shows_what_axe_core_finds_in_all_of_them(blank, case):
    fill(blank, FAINT[case])
    in_all = violations(blank, {"runOnly": [CONTRAST]})
    assert len(in_all) == (case != "none")
    assert objections(blank) == (in_all, in_all)


@pytest.mark.parametrize("case", WRONG)
def test_code_and_plots_without_their_colours_show_what_axe_core_finds_in_the_whole(blank, case):
    fill(blank, WRONG[case])
    in_all = violations(blank, {"rules": {CONTRAST: {"enabled": False}}})
    assert bool(in_all) == (case != "nothing")
    names = [[each.partition(">")[0] for each in found] for found in (objections(blank)[0], in_all)]
    assert names[0] == names[1]


@pytest.mark.parametrize("hidden", ["", "b { opacity: 0 }"])
def test_what_is_faint_in_the_dark_alone_is_found_there(blank, hidden):
    dark = ":root[data-theme=dark]"
    style = f"{hidden} {dark} {{ background: #000; color: #fff }} {dark} b {{ color: #333; opacity: 1 }}"
    fill(blank, f"<style>{style}</style><p>x <b>faint</b></p>")
    light, found = objections(blank)
    assert light == [] and len(found) == 1 and "<b>faint</b>" in found[0]


CHANGES = {
    "a word that looks as its neighbours have it": "<style>pre :nth-child(9) { color: #999 }</style>" + CODE,
    "a ground that looks as its words have it": "<style>pre:has(:nth-child(9)) { background: #555 }</style>" + CODE,
    "a paragraph that looks as those before it have it": "<style>div > :nth-child(4) { color: #999 }</style>"
    + "<p>plain</p>" * 3,
    "something that lies where a word stood": '<div style="position: relative">'
    + "<p>plain</p>" * 3
    + '<p style="color: #000001">x</p><b style="position: absolute; top: 6em; height: 3em; width: 9em; opacity: 0.1">',
    "a page that draws itself anew": "<p><i style='color: #000001'>x</i></p>",
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_page_that_looks_otherwise_when_most_of_it_is_gone_is_not_passed(blank, what):
    fill(blank, CHANGES[what])
    blank.evaluate(
        """() => new MutationObserver(() => document.querySelector("i")?.replaceWith(document.createElement("i")))
             .observe(document.documentElement, { attributeFilter: ["data-theme"] })"""
    )
    with pytest.raises(AssertionError):
        objections(blank)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_follows_the_readers_colour_scheme(visit, served, scheme):
    page = visit(served + "index.html", color_scheme=scheme).page
    assert page.evaluate("document.documentElement.dataset.theme") == scheme


def test_page_works_from_a_folder(tabs, site, page_name):
    """Over file://, as after unpacking a download: no request leaves the folder, and the console stays silent."""
    visited = tabs((site / page_name).as_uri())
    visited.page.wait_for_function(LIVE)
    assert visited.foreign == []
    assert visited.errors == []


def test_theme_has_names_for_its_buttons(tabs, served):
    page = tabs(served + "index.html").page
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, a[href], input")]
             .filter(element => element.checkVisibility())
             .filter(element => !(element.textContent.trim() || element.ariaLabel || element.title ||
                                  element.labels?.length || element.querySelector("img[alt]")))
             .map(element => element.outerHTML)"""
    )
    assert unnamed == []


# Of all that look alike and take the focus from the keyboard, one each: does it, or what is around it, get a ring?
WITHOUT_RING = """() => {
  const still = new CSSStyleSheet();
  still.replaceSync("* { transition: none !important }");
  document.adoptedStyleSheets = [still];
  const kinds = new Map(), without = [];
  for (const each of document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")) {
    const kind = `${each.localName}.${[...each.classList].sort().join(".")}`;
    if (each.checkVisibility({ visibilityProperty: true }) && each.getClientRects().length && !each.disabled) {
      if (!kinds.has(kind)) kinds.set(kind, each);
    }
  }
  for (const [kind, each] of kinds) {
    const [one, two] = [each.parentElement, each.parentElement.parentElement];
    const near = [...each.children, ...(each.labels ?? [])];
    const around = [each, one, two, two.parentElement, each.nextElementSibling, ...near];
    const rings = () => around.filter(Boolean).flatMap((box) => ["", "::before", "::after"].map((part) => {
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(box, part);
      return [outlineStyle === "none" || outlineWidth === "0px" ? "" : outlineWidth, boxShadow].join();
    })).join("; ");
    document.activeElement.blur();
    const before = rings();
    each.focus();
    if (document.activeElement === each && rings() === before) without.push(kind);
  }
  return [kinds.size, without];
}"""


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("name", ["index", "chapters/06_inverted_residual", "reference/instructors", "search"])
def test_a_reader_with_a_keyboard_sees_where_the_focus_is(tabs, served, name, width):
    page = tabs(f"{served}{name}.html", viewport={"width": width, "height": 800}).page
    page.wait_for_load_state("load")
    if page.locator(".mn-explorable").count():
        page.wait_for_function(LIVE)
    page.keyboard.press("Tab")  # from now on the focus is one of the keyboard's
    count, without = page.evaluate(WITHOUT_RING)
    assert count > 5
    assert without == []
