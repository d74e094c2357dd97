"""Conditions and properties as URLs write them, and as SQL compares them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.filters import FILTERS, PROPERTY, Condition, PropertyValue, as_sql, condition_of, property_value

names = st.text(st.sampled_from("ab.:!\\ ") | st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)


@given(names, st.booleans())
def test_a_condition_is_read_from_the_parameter_that_it_writes(value: str, is_excluded: bool) -> None:
    condition = Condition("page", value, is_excluded)
    assert condition_of("page", condition.parameter) == condition


@given(names, names, st.text(max_size=9))
def test_a_property_is_read_from_the_text_that_it_writes(event_type: str, name: str, value: str) -> None:
    made = PropertyValue(event_type, name, value)
    assert property_value(made.text) == made


@pytest.mark.parametrize(
    "text", ["", "feature_used", "feature_used.feature", ".feature:x", "feature_used.:x", "a\\"]
)
def test_a_text_without_type_property_and_value_names_no_property(text: str) -> None:
    assert property_value(text) is None


def test_values_of_a_filter_are_alternatives_and_filters_add_up() -> None:
    sql, params = as_sql(
        [
            Condition("page", "/a"),
            Condition("page", "/b"),
            Condition("page", "/c", is_excluded=True),
            Condition(PROPERTY, "feature_used.feature:export_data"),
            Condition(PROPERTY, "feature_used.plan:team"),
        ]
    )
    assert sql.split(" and ")[:2] == [
        "((page) = any (%(values_0)s::text[]))",
        "((page) = any (%(values_1)s::text[])) is not true",
    ]
    assert (params["values_0"], params["values_1"]) == (["/a", "/b"], ["/c"])
    assert (params["type_2"], params["property_2"], params["values_2"]) == (
        "feature_used",
        "feature",
        ["export_data"],
    )
    assert (params["property_3"], params["values_3"]) == ("plan", ["team"])
    assert as_sql([]) == ("true", {})


@given(st.lists(st.builds(Condition, st.sampled_from(sorted(FILTERS.keys() - {PROPERTY})), names, st.booleans())))
def test_no_text_of_a_request_becomes_sql(conditions: list[Condition]) -> None:
    sql, params = as_sql(conditions)
    placeholders = set(re.findall(r"%\((\w+)\)s", sql))
    assert placeholders == params.keys()
    without = sql
    for expression in sorted((each.expression for each in FILTERS.values()), key=len, reverse=True):
        without = without.replace(f"({expression})", "()")
    assert re.fullmatch(r"(?:true|[()%s]|any|is not true|and|values_\d+|text\[\]|[ =:])*", without), without
