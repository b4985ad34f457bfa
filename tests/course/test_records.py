"""A table of records is named by them, and refuses what has no names."""

import pytest

from mobilenet_lib import Cost, Table, cost, published


def test_printed_and_computed_stand_side_by_side():
    rows = published.table("mobilenet_v1_paper", "table6_width_multiplier_224").rows
    here = [cost.mobilenet_v1(row["alpha"]) for row in rows]
    table = Table.of(rows, here)
    assert table.columns == tuple(name.replace("_", " ") for name in rows[0]) + ("params", "macs")
    assert [row[-1] for row in table.rows] == [each.macs for each in here]


def test_records_may_be_named_tuples_and_dataclasses():
    layers = cost.mobilenet_v1_layers()[:2]
    assert Table.of(layers).columns[:3] == ("name", "role", "in channels")
    assert Table.of([Cost(1, 2)]).rows == ((1, 2),)


def test_a_value_stands_under_its_name_whatever_the_order():
    assert Table.of([{"a": 1, "b": 2}, {"b": 4, "a": 3}]).rows == ((1, 2), (3, 4))
    for other in ({"a": 3}, {"a": 3, "c": 4}, {"a": 3, "b": 4, "c": 5}):
        with pytest.raises(ValueError, match=r"records\[1\] must have the columns of the first, a, b, got a"):
            Table.of([{"a": 1, "b": 2}, other])


def test_apostrophes_are_those_of_the_text_around_and_quotes_of_code_stay():
    page = Table(["this book's", "call"], [["V1's", "f(x, 'a')"]])._repr_html_()
    assert '<th scope="col">this book’s</th>' in page and '<th scope="row">V1’s</th>' in page
    assert "<td>f(x, &#x27;a&#x27;)</td>" in page


def test_lists_of_unequal_length_or_without_names_are_refused():
    with pytest.raises(ValueError, match=r"records must be lists of equal length, got \[1, 2\]"):
        Table.of([{"a": 1}], [{"b": 1}, {"b": 2}])
    with pytest.raises(TypeError, match="records must be dicts, named tuples or dataclasses, got 3"):
        Table.of([3])
