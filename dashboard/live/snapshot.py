"""The snapshot: everything the live page shows, as JSON that the template and the script read. No I/O."""

from typing import Any

from avro_schemas.live_aggregates import MINUTE_MS, OUTCOME, OUTCOMES, TOTAL
from dashboard.health.pipeline import PipelineHealth
from dashboard.live.panel_rows import not_shown, panel_rows
from dashboard.live.rejected_events import RejectedEvents
from dashboard.live.state import SHOWN_MINUTES, LiveState, first_shown_minute
from dashboard.render.charts import Chart, Step, chart
from dashboard.render.panel import percent

Json = dict[str, Any]


def snapshot(
    state: LiveState, rejected: RejectedEvents, health: PipelineHealth, now: int, *, connected: bool
) -> Json:
    """All numbers of the page at `now` (milliseconds since 1970). No object holds a null: see merge_patch.py."""
    state.advance(now)
    reasons = rejected.reasons(now)
    outcomes = state.all_time(OUTCOME)
    return {
        "as_of": now,
        "connected": connected,
        "total": state.all_time(TOTAL),
        "outcomes": {name: outcomes.get(name, 0) for name in OUTCOMES},
        "figures": _figures(state, sum(reasons.values()), now),
        "minutes": {str(start): counts for start, counts in _minutes(state, now) if counts},
        "panels": {
            **panel_rows(state),
            "rejected_reasons": {reason: [count] for reason, count in reasons.items()},
            "rejected_events": rejected.latest(),
            "consumers": health.consumer_rows(),
        },
        "not_shown": not_shown(state),
        "pipeline": health.facts(),
    }


def minute_chart(shown: Json, only_type: str = "") -> Chart:
    """The chart of a snapshot: events per minute by type, or those of one type."""
    first = first_shown_minute(shown["as_of"])
    steps = []
    for start in range(first, first + SHOWN_MINUTES * MINUTE_MS, MINUTE_MS):
        counts = shown["minutes"].get(str(start), {})
        if only_type:
            counts = {only_type: counts[only_type]} if only_type in counts else {}
        steps.append(Step(start, counts))
    return chart(steps)


def _minutes(state: LiveState, now: int) -> list[tuple[int, dict[str, int]]]:
    """Start and counts by type of each of the last 60 minutes, the current one last."""
    first = first_shown_minute(now)
    events = state.last_hour("events")
    return [(start, events.window(start)) for start in range(first, first + SHOWN_MINUTES * MINUTE_MS, MINUTE_MS)]


def _figures(state: LiveState, rejected: int, now: int) -> Json:
    events = state.last_hour("events")
    last_hour = sum(events.total.values())
    late, duplicates = (sum(state.last_hour(name).total.values()) for name in ("late", "duplicates"))
    return {
        "people_5": state.people(5, now),
        "people_30": state.people(30, now),
        "events_per_second": round(state.events_per_second(now), 1),
        "this_minute": sum(events.window(now // MINUTE_MS * MINUTE_MS).values()),
        "last_hour": last_hour,
        "late": late,
        "duplicates": duplicates,
        "uncertain": state.all_time(OUTCOME).get("uncertain", 0),
        "rejected": rejected,
        "rejected_share": percent(rejected, last_hour + late + rejected),
        "newest_event_at": state.watermark or 0,
    }
