"""The rows of the live page's panels."""

import pytest

from avro_schemas.live_aggregates import MINUTE_MS
from dashboard.live import panel_rows as module
from dashboard.live.panel_rows import TOP, not_shown, panel_rows
from tests.dashboard.partials import MINUTE, partial, state_of


def test_panels_rank_names_and_count_the_rest() -> None:
    state = state_of(partial("pages", counts={f"/{number:02}": number for number in range(1, 12)} | {"*": 5}))
    assert list(panel_rows(state.last_hour())["pages"])[:2] == ["/11", "/10"]
    assert len(panel_rows(state.last_hour())["pages"]) == TOP
    assert not_shown(state.last_hour())["pages"] == 1 + 2 + 3 + 5


def test_forms_have_a_conversion_and_errors_a_page_and_times() -> None:
    error = "/reports\tTypeError: x is null (app.js)"
    state = state_of(
        partial("forms", counts={"signup": 8}),
        partial("form_successes", counts={"signup": 6}),
        partial("page_errors", MINUTE - 3 * MINUTE_MS, counts={error: 1}),
        partial("page_errors", MINUTE, counts={error: 2}),
        partial("events", counts={"page_view": 3, "sign_up": 1}),
    )
    rows = panel_rows(state.last_hour())
    assert rows["forms"] == {"signup": [8, 6, 75.0]}
    assert rows["errors"][error] == [
        "TypeError: x is null (app.js)", "/reports", 3, MINUTE - 3 * MINUTE_MS, MINUTE,
    ]  # fmt: skip
    assert rows["event_types"] == {"page_view": [3, 75.0], "sign_up": [1, 25.0]}
    assert rows["custom_events"] == {"sign_up": [1]}


def test_features_are_the_values_of_properties_of_custom_events() -> None:
    counts = {"feature_used\tfeature\texport_data": 3, "checkout\tplan\ta\tb": 2, "*": 9}
    first = {"feature_used\tfeature\texport_data": 2}
    state = state_of(partial("properties", counts=counts), partial("first_uses", counts=first))
    assert panel_rows(state.last_hour())["features"] == {
        "feature_used.feature:export_data": ["export_data", "feature_used", "feature", 3, 2],
        "checkout.plan:a\tb": ["a\tb", "checkout", "plan", 2, 0],
    }


def test_a_panel_that_fails_costs_its_own_rows_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_counts: object) -> None:
        raise ValueError

    monkeypatch.setattr(module.web_vitals, "summarize", fails)
    rows = panel_rows(state_of(partial("forms", counts={"signup": 8})).last_hour())
    assert rows["web_vitals"] == {}
    assert rows["forms"] == {"signup": [8, 0, 0.0]}


def test_programs_are_left_out_unless_they_are_asked_for() -> None:
    state = state_of(
        partial("events", counts={"page_view": 2}),
        partial("events_of_programs", counts={"page_view": 5, "order_paid": 1}),
        partial("pages", counts={"/": 2}),
        partial("pages_of_programs", counts={"/": 3, "/feed": 2}),
        partial("browsers", counts={"Firefox": 2}),
        partial("browsers_of_programs", counts={"Googlebot": 6}),
        partial("page_errors_of_programs", MINUTE - MINUTE_MS, counts={"/\tx": 1}),
        partial("page_errors", MINUTE, counts={"/\tx": 1}),
    )
    people, everybody = (panel_rows(state.last_hour(with_programs=asked)) for asked in (False, True))
    assert (people["pages"], people["programs"]) == ({"/": [2, 0, 0]}, {"Googlebot": [6]})
    assert everybody["pages"] == {"/": [5, 0, 0], "/feed": [2, 0, 0]}
    assert everybody["event_types"] == {"page_view": [7, 87.5], "order_paid": [1, 12.5]}
    assert people["custom_events"] == {} != everybody["custom_events"]
    assert (everybody["programs"], everybody["browsers"]) == (people["programs"], people["browsers"])
    assert everybody["errors"]["/\tx"] == ["x", "/", 2, MINUTE - MINUTE_MS, MINUTE]
