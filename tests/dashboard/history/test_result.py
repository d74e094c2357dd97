"""Results out of rows of the SQL queries, and the SQL that panels add to them."""

from datetime import UTC, datetime

from dashboard.history.query import parse_query
from dashboard.history.result import RANKINGS, panels_of, rankings
from dashboard.history.service import _COUNTS_BY_STEP, _SELECTED_EVENTS
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


def test_a_comparison_adds_the_change_to_every_panel() -> None:
    rows = rankings(COMPARED, [(TYPES, "page_view", 3, 2, 4), (TYPES, "click", 1, 0, 4)])
    assert rows["event_types"] == {"page_view": [3, 75.0, 50], "click": [1, 25.0, None]}
    assert {panel.columns[-1].title for panel in panels_of(COMPARED).values()} == {"Change"}
    assert panels_of(QUERY) == HISTORY


def test_each_expression_of_the_panels_is_in_the_query_once_and_nothing_else_is() -> None:
    query = _SELECTED_EVENTS["rankings"].decode()
    assert "{" not in query + _COUNTS_BY_STEP.decode()
    for number, expression in enumerate(RANKINGS):
        assert query.count(f"({number}, {expression})") == 1
    assert set(RANKINGS) == {panel.expression for panel in HISTORY.values() if panel.expression}
