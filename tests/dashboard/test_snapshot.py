"""What the page shows of the counts, and what viewers are told when it changes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.live_aggregates import MINUTE_MS
from dashboard.health.pipeline import Lag, Pipeline, Stored
from dashboard.live.merge_patch import changes, patched
from dashboard.live.panel_rows import TOP, panels, rest
from dashboard.live.rejections import SHOWN_LAST, Rejections
from dashboard.live.snapshot import Sources, snapshot
from dashboard.live.state import Board
from dashboard.render.charts import OTHER, Step, chart, minute_chart, nice_top
from dashboard.render.web_vitals import quantile, speeds
from tests.dashboard.partials import MINUTE, board_of, partial
from tests.support.events import NOON


def shown(board: Board, rejections: Rejections | None = None, pipeline: Pipeline | None = None) -> dict[str, Any]:
    sources = Sources(board, rejections or Rejections(), pipeline or Pipeline(has_postgres=False))
    return snapshot(sources, NOON, connected=True)


def test_panels_rank_names_and_count_the_rest() -> None:
    board = board_of(partial("pages", counts={f"/{number:02}": number for number in range(1, 12)} | {"*": 5}))
    assert list(panels(board)["pages"])[:2] == ["/11", "/10"]
    assert len(panels(board)["pages"]) == TOP
    assert rest(board)["pages"] == 1 + 2 + 3 + 5


def test_forms_tell_their_conversion_and_errors_where_and_when() -> None:
    error = "/reports\tTypeError: x is null (app.js)"
    board = board_of(
        partial("forms", counts={"signup": 8}),
        partial("form_successes", counts={"signup": 6}),
        partial("page_errors", MINUTE - 3 * MINUTE_MS, counts={error: 1}),
        partial("page_errors", MINUTE, counts={error: 2}),
        partial("events", counts={"page_view": 3, "sign_up": 1}),
    )
    found = panels(board)
    assert found["forms"] == {"signup": [8, 6, 75.0]}
    assert found["errors"][error] == [
        "TypeError: x is null (app.js)", "/reports", 3, MINUTE - 3 * MINUTE_MS, MINUTE,
    ]  # fmt: skip
    assert found["types"] == {"page_view": [3, 75.0], "sign_up": [1, 25.0]}
    assert found["customs"] == {"sign_up": [1]}


def test_page_speed_is_the_value_that_three_quarters_do_not_exceed() -> None:
    counts = {"LCP 1000": 5, "LCP 3000": 3, "LCP 9000": 2, "CLS 0": 1, "made_up 1": 7}
    lcp, cls = speeds(counts)
    assert (lcp.p75, lcp.samples, lcp.good, lcp.fair, lcp.poor) == (3000, 10, 50.0, 30.0, 20.0)
    assert lcp.metric.rating(lcp.p75) == "fair"
    assert (cls.metric.name, cls.p75) == ("CLS", 0)
    assert quantile([(1.0, 3), (2.0, 1)], 0.75) == 1.0


def test_a_snapshot_has_every_outcome_and_no_null_in_an_object() -> None:
    pipeline = Pipeline(has_postgres=True)
    pipeline.took_lags([Lag("sinks", 0, 0)])
    pipeline.took_stored(Stored(dead_letters=2))
    found = shown(board_of(partial("outcome", 0, counts={"counted": 6, "late": 1})), pipeline=pipeline)
    assert found["outcomes"] == {"counted": 6, "late": 1, "duplicate": 0, "rejected": 0}
    assert found["figures"]["newest"] == NOON + 1
    assert found["panels"]["readers"] == {"sinks": [0, 0, "keeps up"]}
    assert found["pipeline"]["dead_letters"] == 2

    def nulls(value: Any) -> list[Any]:
        inside = [each for found in value.values() for each in nulls(found)] if isinstance(value, dict) else []
        return [value] if value is None else inside

    assert nulls(found) == []


def test_a_growing_backlog_is_called_so() -> None:
    pipeline = Pipeline(has_postgres=False)
    for events in (1_000, 2_000, 3_000):
        pipeline.took_lags([Lag("sinks", events, 60_000)])
    assert pipeline.readers()["sinks"] == [3_000, 60_000, "growing"]
    pipeline.lost_kafka()
    assert pipeline.readers() == {}
    assert pipeline.facts()["kafka_trouble"]


def rejected(at: int, reason: str, **more: Any) -> dict[str, Any]:
    fault = {"code": reason, "pointer": "/event_type", "expected": "another name", "got": ""}
    return {"rejected_at": at, "rejected_by": "producer_api", "reason": reason, "errors": [fault]} | more


def test_rejections_of_the_last_hour_are_counted_and_the_last_of_them_kept() -> None:
    rejections = Rejections()
    for minute in reversed(range(70)):
        rejections.take(rejected(NOON - minute * MINUTE_MS, "field_missing", event_type=f"type {minute}"))
    rejections.take(rejected(NOON, "no such reason", event_type=None, errors=[]))
    found = shown(board_of(), rejections)["panels"]
    assert found["reasons"] == {"field_missing": [60], "unexpected": [1]}
    assert len(found["rejected"]) == SHOWN_LAST
    assert next(iter(found["rejected"].values())) == [NOON, "", "/", "", "unexpected"]


trees = st.recursive(
    st.integers(0, 3) | st.lists(st.integers(0, 2), max_size=2) | st.text(max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
)
objects = st.dictionaries(st.sampled_from("abcd"), trees, max_size=4)


@given(objects, objects)
def test_a_patch_makes_the_new_snapshot_of_the_old_one(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert patched(before, changes(before, after)) == after
    assert changes(after, after) == {}


def test_a_patch_holds_changed_rows_only() -> None:
    before = {"panels": {"pages": {"/a": [1], "/b": [1]}}}
    after = {"panels": {"pages": {"/a": [2], "/c": [1]}}}
    assert changes(before, after) == {"panels": {"pages": {"/b": None, "/a": [2], "/c": [1]}}}


def test_bars_stack_to_the_scale_and_rare_types_share_a_colour() -> None:
    board = board_of(
        partial("events", counts={"click": 3, "scroll": 1}),
        partial("events", MINUTE - MINUTE_MS, counts={"click": 2}),
    )
    drawn = minute_chart(shown(board))
    assert [(bar.x, bar.height, bar.y, bar.colour) for bar in drawn.bars] == [
        (58, 50.0, 50.0, 0),
        (59, 75.0, 25.0, 0),
        (59, 25.0, 0.0, 1),
    ]
    assert [bar.colour for bar in minute_chart(shown(board), "scroll").bars] == [0]
    many = chart([Step(0, {str(number): 9 - number for number in range(9)})])
    assert many.series == ["0", "1", "2", "3", "4", OTHER]
    assert many.steps[0].counts[OTHER] == 4 + 3 + 2 + 1


@pytest.mark.parametrize(("highest", "top"), [(0, 1), (1, 1), (7, 8), (10, 10), (11, 20), (4_100, 5_000)])
def test_the_scale_ends_at_a_round_number(highest: int, top: int) -> None:
    assert nice_top(highest) == top
