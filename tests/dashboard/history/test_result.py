"""Results out of rows of the SQL queries."""

from dataclasses import replace
from datetime import UTC, datetime

from dashboard.history.query import parse_query
from dashboard.history.result import RANKINGS, Result, features, panels_of, rankings, totals
from dashboard.history.rows import expressions_of
from dashboard.render.panels import HISTORY

NOW = datetime(2026, 3, 30, 12, 34, 56, tzinfo=UTC)
QUERY = parse_query({}, NOW, 90)
COMPARED = parse_query({"compare": "1"}, NOW, 90)
TYPES = RANKINGS.index("event_type")


def test_event_types_have_a_share_and_custom_ones_are_a_panel_of_their_own() -> None:
    rows = rankings(QUERY, [(TYPES, "page_view", 3, 0, 4), (TYPES, "sign_up", 1, 0, 4)])
    assert rows["event_types"] == {"page_view": [3, 75.0], "sign_up": [1, 25.0]}
    assert rows["custom_events"] == {"sign_up": [1]}
    assert rows["pages"] == {}


def test_a_comparison_adds_the_number_before_to_every_panel_and_total() -> None:
    rows = rankings(COMPARED, [(TYPES, "page_view", 3, 2, 4), (TYPES, "click", 1, 0, 4)])
    assert rows["event_types"] == {"page_view": [3, 75.0, 2], "click": [1, 25.0, 0]}
    assert {panel.columns[-1].key for panel in panels_of(COMPARED).values()} == {"previous"}
    row = [5, 0, 9, 8, 30, 20, 2]
    assert [(total.key, total.current, total.previous) for total in totals(COMPARED, row)] == [
        ("people", 5, 0),
        ("views", 9, 8),
        ("events", 30, 20),
    ]
    assert {total.previous for total in totals(QUERY, row)} == {None}
    assert panels_of(QUERY).keys() == HISTORY.keys()


def test_each_expression_of_the_panels_is_asked_for_once_and_alone_if_one_panel_is() -> None:
    of_events = parse_query({"button": "buy"}, NOW, 90)
    assert list(expressions_of(of_events).values()) == list(RANKINGS)
    assert set(RANKINGS) == {panel.expression for panel in HISTORY.values() if panel.expression}
    # Visits answer the others.
    of_visits = {panel.expression for panel in HISTORY.values() if panel.visit_expression} - {""}
    assert set(expressions_of(QUERY).values()) == set(RANKINGS) - of_visits
    alone = parse_query({"panel": "campaigns", "button": "buy"}, NOW, 90)
    assert list(expressions_of(alone).values()) == [HISTORY["campaigns"].expression]
    assert list(panels_of(alone)) == ["campaigns"]
    assert expressions_of(parse_query({"panel": "forms"}, NOW, 90)) == {}


def test_a_feature_is_a_value_of_a_property_and_its_name_is_a_filter() -> None:
    rows = features(
        COMPARED, [("feature_used", "feature", "export_data", 7, 3, 1), ("a.b", "c:d", "e.f:g", 1, 1, 0)]
    )
    assert rows["feature_used.feature:export_data"] == ["export_data", "feature_used", "feature", 7, 3, 1]
    assert list(rows)[1] == r"a\.b.c\:d:e.f:g"
    (first, _second) = panels_of(COMPARED)["features"].as_json(rows)
    assert first == {
        "name": "feature_used.feature:export_data",
        "value": "export_data",
        "event_type": "feature_used",
        "property": "feature",
        "events": 7,
        "people": 3,
        "previous": 1,
    }


def test_a_page_of_programs_alone_has_events_that_are_left_out() -> None:
    nothing = Result(QUERY, totals(QUERY, [0] * 7), [], [], {})
    assert not nothing.has_events
    assert replace(nothing, left_out=3).has_events
