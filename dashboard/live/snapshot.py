"""The snapshot: everything the live page shows, as JSON that the template and the script read. No I/O."""

from typing import Any

from avro_schemas.live_aggregates import EVENTS, MINUTE_MS, OUTCOME, OUTCOMES, TOTAL, of_programs
from dashboard.health.pipeline import PipelineHealth
from dashboard.live.last_hour import Counted
from dashboard.live.panel_rows import not_shown, panel_rows
from dashboard.live.people_now import SHOWN_MINUTES, Here
from dashboard.live.rejected_events import RejectedEvents
from dashboard.live.state import LiveState, first_shown_minute
from dashboard.render.charts import Chart, Step, chart
from dashboard.render.panel import percent
from dashboard.render.panels import LIVE

Json = dict[str, Any]

_PROGRAMS = of_programs(EVENTS)


def snapshot(
    state: LiveState,
    rejected: RejectedEvents,
    health: PipelineHealth,
    now: int,
    *,
    connected: bool,
    with_programs: bool = False,
) -> Json:
    """All numbers of the page at `now` (milliseconds since 1970), of people's events or of those of programs too.

    No object holds a null: see merge_patch.py.
    """
    state.advance(now)
    hour, here = state.last_hour(with_programs=with_programs), state.here(now)
    reasons = rejected.reasons(now)
    outcomes = state.all_time(OUTCOME)
    return {
        "as_of": now,
        "connected": connected,
        "total": state.all_time(TOTAL),
        "outcomes": {name: outcomes.get(name, 0) for name in OUTCOMES},
        "sampled": here.is_sampled,
        "figures": _of_people(here) | _figures(state, sum(reasons.values()), now, with_programs=with_programs),
        "minutes": {str(start): counts for start, counts in _minutes(hour[EVENTS], now) if counts},
        "panels": {
            **panel_rows(hour, here.by),
            "rejected_reasons": {reason: [count] for reason, count in reasons.items()},
            "rejected_events": rejected.latest(),
            "consumers": health.consumer_rows(),
        },
        "not_shown": not_shown(hour),
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


def named(shown: Json) -> Json:
    """A snapshot for programs: the cells of each row by the names of their columns."""
    panels = {name: LIVE[name].as_json(rows) for name, rows in shown["panels"].items()}
    return shown | {"panels": panels}


def _minutes(events: Counted, now: int) -> list[tuple[int, dict[str, int]]]:
    """Start and counts by type of each of the last 60 minutes, the current one last."""
    first = first_shown_minute(now)
    return [(start, events.window(start)) for start in range(first, first + SHOWN_MINUTES * MINUTE_MS, MINUTE_MS)]


def _of_people(here: Here) -> Json:
    (people_5, people_30), (visits_5, visits_30) = here.people, here.visits
    return {"people_5": people_5, "people_30": people_30, "visits_5": visits_5, "visits_30": visits_30}


def _figures(state: LiveState, rejected: int, now: int, *, with_programs: bool) -> Json:
    hour = state.last_hour(with_programs=with_programs)
    events = hour[EVENTS]
    counted, of_people, late, duplicates, programs = (
        sum(each.total.values())
        for each in (events, state.last_hour()[EVENTS], hour["late"], hour["duplicates"], hour[_PROGRAMS])
    )
    return {
        "events_per_second": round(state.events_per_second(now, with_programs=with_programs), 1),
        "this_minute": sum(events.window(now // MINUTE_MS * MINUTE_MS).values()),
        "last_hour": counted,
        "programs_left_out": of_people + programs - counted,
        "late": late,
        "duplicates": duplicates,
        "uncertain": state.all_time(OUTCOME).get("uncertain", 0),
        "rejected": rejected,
        "rejected_share": percent(rejected, of_people + programs + late + rejected),
        "newest_event_at": state.watermark or 0,
    }
