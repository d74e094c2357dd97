"""What the page shows, as JSON and for the template: pure."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from dashboard.board import Board
from dashboard.rejections import Rejections

Json = dict[str, Any]

# The page's palette has this many colours; what is less frequent shares the last one.
COLOURS = 6
OTHER = "other"


def snapshot(board: Board, rejections: Rejections, now: int, *, connected: bool) -> Json:
    """All numbers of the page at `now` (milliseconds since 1970)."""
    total = dict(sorted(board.total().items(), key=lambda pair: (-pair[1], pair[0])))
    outcomes = board.outcomes()
    minutes = board.minutes(now)
    watermark = board.watermark()
    return {
        "as_of": now,
        "connected": connected,
        "total": total,
        "outcomes": {name: outcomes.get(name, 0) for name in ("counted", "late", "duplicate", "rejected")},
        "minutes": [{"start": start, "counts": counts} for start, counts in minutes],
        "last_minute": sum(minutes[-1][1].values()) if minutes else 0,
        "newest_event": watermark,
        "rejections": {
            "last_hour": rejections.last_hour(now),
            "last": [asdict(rejection) for rejection in rejections.last()],
        },
    }


def clock(moment: int) -> str:
    """A moment as hh:mm:ss in UTC."""
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%H:%M:%S}"


def colour_of(total: Json) -> dict[str, int]:
    """The palette's number of each type: the most frequent ones have one of their own."""
    return {name: min(position, COLOURS - 1) for position, name in enumerate(total)}


def bars(shown: Json, height: int) -> list[Json]:
    """The stacked bars of the chart, from below: heights in units of a chart `height` high."""
    colours = colour_of(shown["total"])
    highest = max((sum(minute["counts"].values()) for minute in shown["minutes"]), default=0) or 1
    drawn = []
    for position, minute in enumerate(shown["minutes"]):
        base = float(height)
        for name in sorted(minute["counts"], key=lambda name: colours.get(name, COLOURS - 1)):
            size = minute["counts"][name] / highest * height
            base -= size
            drawn.append(
                {
                    "x": position,
                    "y": round(base, 2),
                    "height": round(size, 2),
                    "colour": colours.get(name, COLOURS - 1),
                }
            )
    return drawn
