"""Of a style sheet stays what a page can use."""

from __future__ import annotations

import pytest
import used_rules


@pytest.mark.parametrize(
    ("css", "kept"),
    [
        ("p{top:0}", "p{top:0}"),
        (".a{top:0}.b{top:0}", ".a{top:0}"),
        (".a .b{top:0}", ""),
        (".b>p,.a,#here{top:0}", ".a,#here{top:0}"),
        ("#there{top:0}", ""),
        (".a:not(.b){top:0}", ".a:not(.b){top:0}"),
        (".a:is(.b,p):has(> .b){top:0}", ".a:is(.b,p):has(> .b){top:0}"),
        ('.a[class="b"]::after{content:".b"}', '.a[class="b"]::after{content:".b"}'),
        (".a\\:b{top:0}", ""),
        ("@media print{.b{top:0}.a{top:0}}", "@media print{.a{top:0}}"),
        ("@supports (top:0){@media print{.b{top:0}}}", ""),
        ("@keyframes b{from{top:0}}", "@keyframes b{from{top:0}}"),
        ('@charset "UTF-8";@font-face{font-family:b}', '@charset "UTF-8";@font-face{font-family:b}'),
        ("/*! licence */.b{top:0}", "/*! licence */"),
    ],
)
def test_a_rule_stays_where_one_of_its_selectors_can_meet_something(css, kept):
    assert used_rules.used(css, {"a", "here"}) == kept


def test_words_are_what_stands_in_attributes_of_pages_and_all_that_scripts_say(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.html").write_text("<p class='x y-z' data-b=\"no\" id=w>prose</p>")
    (tmp_path / "a.js").write_text('e.classList.add("open-now")')
    words = used_rules.words_of_site(tmp_path)
    assert words >= {"x", "y-z", "w", "open-now"}
    assert not words & {"prose", "no"}


def test_a_broken_sheet_is_reported():
    with pytest.raises(ValueError, match="css must be a style sheet"):
        used_rules.used("p{top:0} }", {"a"})
