"""docs/live-aggregates.md: what the stream app counts."""

from footfall.generate.regions import Regions
from footfall.generate.tables import table
from stream_app.state.dimensions import LIVE_AGGREGATES, Dimension


def regions() -> Regions:
    """A row per dimension."""
    head = ("dimension", "counts", "windows", "max names")
    return {"dimensions": table(head, map(_row, LIVE_AGGREGATES.all))}


def _row(dimension: Dimension) -> list[str]:
    lengths = ", ".join(_in_words(length // 1000) for length in (dimension.grain_ms, *dimension.windows_ms))
    return [f"`{dimension.name}`", dimension.description, lengths, f"{dimension.max_names:,}"]


def _in_words(seconds: int) -> str:
    return {60: "1 min", 3600: "1 h"}.get(seconds, f"{seconds} s")
