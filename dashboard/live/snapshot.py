"""What the live page shows, as JSON and for the template: pure."""

from dataclasses import dataclass
from typing import Any

from avro_schemas.live_aggregates import MINUTE_MS
from dashboard.health.pipeline import Pipeline
from dashboard.live.panel_rows import panels, percent, rest
from dashboard.live.rejections import Rejections
from dashboard.live.state import SHOWN_MINUTES, Board, first_shown

Json = dict[str, Any]

OUTCOMES = ("counted", "late", "duplicate", "rejected")


@dataclass(frozen=True, slots=True)
class Sources:
    """What the page is made of."""

    board: Board
    rejections: Rejections
    pipeline: Pipeline


def snapshot(sources: Sources, now: int, *, connected: bool) -> Json:
    """All numbers of the page at `now` (milliseconds since 1970). No object in it holds a null."""
    board = sources.board
    board.move_to(now)
    reasons = sources.rejections.reasons(now)
    outcomes = board.ever("outcome")
    return {
        "as_of": now,
        "connected": connected,
        "total": board.ever("total"),
        "outcomes": {name: outcomes.get(name, 0) for name in OUTCOMES},
        "figures": _figures(board, sum(reasons.values()), now),
        "minutes": {str(start): counts for start, counts in minutes(board, now) if counts},
        "panels": {
            **panels(board),
            "reasons": {reason: [count] for reason, count in reasons.items()},
            "rejected": sources.rejections.last(),
            "readers": sources.pipeline.readers(),
        },
        "rest": rest(board),
        "pipeline": sources.pipeline.facts(),
    }


def minutes(board: Board, now: int) -> list[tuple[int, dict[str, int]]]:
    """Start and counts by type of each of the last 60 minutes, the current one last."""
    first = first_shown(now)
    events = board.last_hour("events")
    return [(start, events.window(start)) for start in range(first, first + SHOWN_MINUTES * MINUTE_MS, MINUTE_MS)]


def _figures(board: Board, rejected: int, now: int) -> Json:
    current = now // MINUTE_MS * MINUTE_MS
    events = board.last_hour("events")
    last_hour = sum(events.total.values())
    late, repeats = (sum(board.last_hour(name).total.values()) for name in ("late", "duplicates"))
    return {
        "users_5": board.active("active_users", 5, now),
        "users_30": board.active("active_users", 30, now),
        "sessions_5": board.active("active_sessions", 5, now),
        "sessions_30": board.active("active_sessions", 30, now),
        "a_second": round(board.a_second(now), 1),
        "this_minute": sum(events.window(current).values()),
        "last_hour": last_hour,
        "late": late,
        "duplicates": repeats,
        "rejected": rejected,
        "rejected_share": percent(rejected, last_hour + late + rejected),
        "newest": board.watermark or 0,
    }
