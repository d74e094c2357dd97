"""What the live page shows of the state."""

from typing import Any

from avro_schemas.live_aggregates import MINUTE_MS
from dashboard.health.pipeline import ConsumerLag, PipelineHealth, StorageHealth
from dashboard.live.rejected_events import SHOWN_LATEST, RejectedEvents
from dashboard.live.snapshot import minute_chart, named, snapshot
from dashboard.live.state import LiveState
from dashboard.render.times import iso
from tests.dashboard.partials import MINUTE, partial, state_of
from tests.support.events import NOON


def snapshot_of(
    state: LiveState, rejected: RejectedEvents | None = None, health: PipelineHealth | None = None
) -> dict[str, Any]:
    health = health or PipelineHealth(has_postgres=False)
    return snapshot(state, rejected or RejectedEvents(), health, NOON, connected=True)


def test_a_snapshot_has_every_outcome_and_no_null_in_an_object() -> None:
    health = PipelineHealth(has_postgres=True)
    health.set_lags([ConsumerLag("sinks", 0, 0)])
    health.set_storage(StorageHealth(dead_letters=2))
    found = snapshot_of(state_of(partial("outcome", 0, counts={"counted": 6, "late": 1})), health=health)
    assert found["outcomes"] == {"counted": 6, "late": 1, "duplicate": 0, "rejected": 0, "uncertain": 0}
    assert found["figures"]["newest_event_at"] == NOON + 1
    assert found["panels"]["consumers"] == {"sinks": [0, 0, "keeps up"]}
    assert found["pipeline"]["dead_letters"] == 2

    def nulls(value: Any) -> list[Any]:
        inside = [each for found in value.values() for each in nulls(found)] if isinstance(value, dict) else []
        return [value] if value is None else inside

    assert nulls(found) == []


def test_what_programs_sent_is_counted_apart_or_with_the_rest() -> None:
    state = state_of(
        partial("events", counts={"click": 3}),
        partial("events_of_programs", counts={"click": 5}),
    )
    people, everybody = (
        snapshot(
            state, RejectedEvents(), PipelineHealth(has_postgres=False), NOON, connected=True, with_programs=p
        )
        for p in (False, True)
    )
    assert (people["figures"]["last_hour"], people["figures"]["programs_left_out"]) == (3, 5)
    assert (everybody["figures"]["last_hour"], everybody["figures"]["programs_left_out"]) == (8, 0)
    assert people["minutes"] == {str(MINUTE): {"click": 3}} != everybody["minutes"]


def test_for_programs_every_cell_has_a_name() -> None:
    state = state_of(
        partial("pages", counts={"/": 2}),
        partial("properties", counts={"feature_used\tfeature\texport": 3}),
        partial("page_errors", counts={"/\tx": 1}),
    )
    panels = named(snapshot_of(state))["panels"]
    assert panels["pages"] == [{"page": "/", "views": 2, "people_5": 0, "people_30": 0}]
    assert panels["features"] == [
        {
            "name": "feature_used.feature:export",
            "value": "export",
            "event_type": "feature_used",
            "property": "feature",
            "events": 3,
            "new_people": 0,
        }
    ]
    assert panels["errors"][0]["first"] == iso(MINUTE)


def rejected(at: int, reason: str, **more: Any) -> dict[str, Any]:
    fault = {"code": reason, "pointer": "/event_type", "expected": "another name", "got": ""}
    return {"rejected_at": at, "rejected_by": "producer_api", "reason": reason, "errors": [fault]} | more


def test_rejected_events_of_the_last_hour_are_counted_and_the_latest_are_shown() -> None:
    events = RejectedEvents()
    for minute in reversed(range(70)):
        events.add(rejected(NOON - minute * MINUTE_MS, "field_missing", event_type=f"type {minute}"))
    events.add(rejected(NOON, "no such reason", event_type=None, errors=[]))
    found = snapshot_of(state_of(), events)["panels"]
    assert found["rejected_reasons"] == {"field_missing": [60], "unexpected": [1]}
    assert len(found["rejected_events"]) == SHOWN_LATEST
    assert next(iter(found["rejected_events"].values())) == [NOON, "", "/", "", "unexpected"]


def test_the_bars_of_a_minute_stack_to_the_scale() -> None:
    state = state_of(
        partial("events", counts={"click": 3, "scroll": 1}),
        partial("events", MINUTE - MINUTE_MS, counts={"click": 2}),
    )
    drawn = minute_chart(snapshot_of(state))
    assert [(bar.x, bar.height, bar.y, bar.colour) for bar in drawn.bars] == [
        (58, 50.0, 50.0, 0),
        (59, 75.0, 25.0, 0),
        (59, 25.0, 0.0, 1),
    ]
    assert [bar.colour for bar in minute_chart(snapshot_of(state), "scroll").bars] == [0]
