"""The theme's templates are edited as they are read, and an edit that no longer fits stops the build."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import theme
from docutils import nodes
from sphinx.errors import ExtensionError


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a template of a small theme, as a build would."""
    (tmp_path / "page.html").write_text('<script src="theirs.js"></script><i class="{{ icon }}"></i>')
    config = SimpleNamespace(templates_path=[])
    builder = SimpleNamespace(config=config, confdir=tmp_path, app=SimpleNamespace(translator=None))

    def run(edits: dict) -> str:
        templates = theme.Templates()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(theme, "EDITS", edits)
            templates.init(builder, SimpleNamespace(get_theme_dirs=lambda: [str(tmp_path)]))
        return templates.render("page.html", {"icon": "fas fa-bars"})

    return run


def test_a_page_is_the_template_with_its_edits_and_its_icons(read):
    page = read({"page.html": [("theirs", "ours")]})
    assert page.startswith('<script src="ours.js"></script><i class="fas fa-bars"><svg')


def test_an_edit_that_fits_nothing_stops_the_build(read):
    with pytest.raises(ExtensionError, match="the theme's page.html no longer contains 'gone'; see EDITS in "):
        read({"page.html": [("gone", "")]})


def test_time_to_read_counts_words_and_code():
    document = nodes.section("", nodes.paragraph("", "word " * 400), nodes.literal_block("", "a\n" * 59 + "a"))
    assert theme.reading_minutes(document) == 4  # two minutes of each
