"""Pages are written anew when a file that they load has changed, and removed when their source is gone."""

from __future__ import annotations

from types import SimpleNamespace

import assets
import pytest


@pytest.mark.parametrize("name", ["book.css", "slides/slides.js"])
def test_a_changed_asset_makes_every_page_anew(tmp_path, name):
    book, built = tmp_path / "book", tmp_path / "built"
    ours, copy = book / "book" / "static" / name, built / "_static" / name
    for file in (ours, copy):
        file.parent.mkdir(parents=True)
        file.write_text("p {}")
    app = SimpleNamespace(confdir=book, outdir=built)
    env = SimpleNamespace(all_docs={"index": 1.0, "chapters/one": 1.0})
    assert assets.pages_with_old_assets(app, env, set(), set(), set()) == set()
    ours.write_text("p { margin: 0 }")
    assert assets.pages_with_old_assets(app, env, set(), set(), set()) == {"index", "chapters/one"}
    copy.unlink()
    assert assets.pages_with_old_assets(app, env, set(), set(), set()) == {"index", "chapters/one"}


def test_pages_without_a_source_are_removed_and_the_decks_stay(tmp_path):
    for name in ("index.html", "search.html", "_modules/old.html", "chapters/gone.html", "slides/one.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    builder = SimpleNamespace(format="html", get_outfilename=lambda name: str(tmp_path / f"{name}.html"))
    app = SimpleNamespace(builder=builder, outdir=tmp_path, env=SimpleNamespace(found_docs={"index"}))
    assets.remove_stale_pages(app, None)
    left = {page.relative_to(tmp_path).as_posix() for page in tmp_path.rglob("*.html")}
    assert left == {"index.html", "search.html", "slides/one.html"}


def test_scripts_come_once_and_from_here():
    def script(name):
        return SimpleNamespace(filename=name, attributes={})

    context = {"script_files": [script(name) for name in ("a.js", "https://elsewhere.example/b.js", "a.js", "c.js")]}
    assets.clean_scripts(None, "index", "page.html", context, None)
    assert [each.filename for each in context["script_files"]] == ["a.js", "c.js"]
