"""The pages on the library: a page for each room, and each public name on one of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from sphinx.util.inventory import InventoryFile

import mobilenet_lib
from mobilenet_lib import checks, cost, explorables, measure

ROOT = Path(__file__).resolve().parents[2]
PAGES = {path.stem: path for path in sorted((ROOT / "reference" / "api").glob("*.md"))}
# A room has a page; what is long has one of its own.
PAGE_OF = {"measure": "measure", "topics": "topics", "checks": "checks", "explorables": "explorables"}
PAGE_OF |= {"course": "course", "cost": "cost", "topics.families": "families"}
PAGE_OF |= {"topics.families.blocks": "family_blocks"}
PAGE_OF |= dict.fromkeys(("topics.datasets", "topics.training", "topics.experiments"), "training")
TRAINED = ("downloads", "photographs", "preparing", "naming", "compare", "anatomy", "lite0")
PAGE_OF |= dict.fromkeys((f"topics.{name}" for name in TRAINED), "trained")
CHANGED = ("surgery", "trained", "few_bits", "page_model", "transfer")
PAGE_OF |= dict.fromkeys((f"topics.{name}" for name in CHANGED), "changed")
# What the names of a table of contents lead to, by how they are called in full.
NAMES = {f"mobilenet_lib.{home}.{name}" for name, home in mobilenet_lib.HOMES.items()}
for room in (measure, checks, explorables):
    NAMES |= {f"{room.__name__}.{name}" for name in room.__all__}
NAMES |= {
    f"mobilenet_lib.cost.{name}"
    for name, found in vars(cost).items()
    if name[0] != "_" and getattr(found, "__module__", "") == "mobilenet_lib.cost" and callable(found)
}
# An explorable's own module would be one page more for each name.
MODULES = {f"mobilenet_lib.{home}" for home in mobilenet_lib.MODULES.values()} - {"mobilenet_lib.explorables"}


@pytest.fixture(scope="module")
def explained(site) -> dict[str, str]:
    """Return where the site explains each name: what Sphinx would tell another book."""
    with (site / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", lambda base, path: path)
    return {
        name: entry[2]
        for kind, entries in inventory.items()
        if kind.startswith("py:")
        for name, entry in entries.items()
    }


def test_each_room_has_a_page_and_a_place_in_the_table_of_contents():
    assert set(PAGES) == {"subject", *PAGE_OF.values()}
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf8"))["parts"]
    entry = next(page for part in parts for page in part["chapters"] if page["file"] == "reference/api")
    assert {section["file"] for section in entry["sections"]} == {f"reference/api/{name}" for name in PAGES}
    overview = (ROOT / "reference" / "api.md").read_text(encoding="utf8")
    assert set(re.findall(r"\(api/(\w+)\.md\)", overview)) == set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_begins_with_a_guide(name):
    """What is there for what, before the first signature."""
    guide = PAGES[name].read_text(encoding="utf8").partition("```{eval-rst}")[0]
    assert 40 <= len(guide.split()) <= 250
    assert re.search(r"^\| ?.+\|\n\|:--", guide, re.MULTILINE) or "```python" in guide


@pytest.mark.parametrize("name", sorted(NAMES | MODULES))
def test_each_public_name_is_explained_on_the_page_of_its_room(explained, name):
    _, room, *rest = name.split(".")
    page = PAGE_OF.get(".".join([room, *rest[:1]]), PAGE_OF.get(room, "subject"))
    assert explained[name].startswith(f"reference/api/{page}.html#"), explained[name]


def test_no_page_is_as_long_as_they_all_were(site):
    words = {}
    for name in PAGES:
        html = (site / "reference" / "api" / f"{name}.html").read_text(encoding="utf8")
        article = re.search(r"<article.*?</article>", html, re.DOTALL)[0]
        words[name] = len(re.sub(r"<[^>]+>", " ", article).split())
    assert max(words.values()) < 10_000, words


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_the_docstrings_say_and_no_more(site, name):
    page = (site / "reference" / "api" / f"{name}.html").read_text(encoding="utf8")
    assert "-----" not in page, "a section's heading was taken for text"
    assert ",</em>) –" not in page, "of several names all but the last were taken for a type"
    assert "Alias for field number" not in page
    assert "Define the computation performed" not in page, "PyTorch's words on every forward"


def test_the_site_has_no_listings_of_source(site):
    """They were 28 pages; where the repository is known, names lead there."""
    assert not (site / "_modules").exists() or not list((site / "_modules").rglob("*.html"))


def test_what_to_read_is_a_link_to_it(site):
    text = (site / "reference" / "how_to_read.html").read_text(encoding="utf8")
    table = text[text.index("you want to") :].split("</table>")[0]
    rows = re.findall(r"<tr class=\"row-.*?</tr>", table, re.DOTALL)
    assert len(rows) == 12
    for row in rows:
        named = re.findall(r"<td.*?</td>", row, re.DOTALL)[1]
        links = re.findall(r'<a [^>]*href="([^"#]+)[^>]*>.*?</a>', named, re.DOTALL)
        assert links and all((site / "reference" / link).resolve().is_file() for link in links), row
        assert re.sub(r"<a .*?</a>|<[^>]+>|[,\s]", "", named) == ""  # no name without one


def test_the_link_in_a_solutions_title_begins_with_its_first_letter(site):
    titles = []
    for chapter in sorted((site / "chapters").glob("*.html")):
        titles += re.findall(r"Solution to(.*?)</a>", chapter.read_text(encoding="utf8"), re.DOTALL)
    assert len(titles) > 60
    assert all(re.fullmatch(r" <a [^>]*>(<[^>]+>)*Exercise.*", title, re.DOTALL) for title in titles), titles[:3]
