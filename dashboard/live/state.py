"""The live counts: absolute partials merged into what a viewer sees. Pure: their order does not matter."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from avro_schemas.live_aggregates import (
    ACTIVE_SESSIONS,
    ACTIVE_USERS,
    MAX_WEB_VITAL_BINS,
    MINUTE_MS,
    SLOT_MS,
    WEB_VITALS,
)
from dashboard.live.unique_counts import Actives
from dashboard.live.windows import Counts, Rolling
from dashboard.render import web_vitals

# Minutes shown; older partials are let go.
SHOWN_MINUTES = 60
ACTIVES = (ACTIVE_USERS, ACTIVE_SESSIONS)
_SLOT_SECONDS, _MINUTE_SECONDS = SLOT_MS // 1000, MINUTE_MS // 1000
_RATE_SLOTS = 3


class Board:
    """The last hour of every dimension by minute, and what is counted since the beginning."""

    def __init__(self) -> None:
        self._minutes: defaultdict[str, Rolling] = defaultdict(Rolling)
        self._minutes[WEB_VITALS] = Rolling(MAX_WEB_VITAL_BINS)
        self._slots = Rolling()
        self._ever: defaultdict[str, Rolling] = defaultdict(Rolling)
        self._actives = {name: Actives() for name in ACTIVES}
        self._oldest = 0
        self.watermark: int | None = None

    def merge(self, partial: Mapping[str, Any]) -> None:
        """Take a `LiveAggregate` record in."""
        name, seconds, start = partial["dimension"], partial["window_seconds"], partial["window_start"]
        place = (start, partial["partition"], partial["source_offset"])
        if seconds == 0:
            self.watermark = max(self.watermark or 0, partial["watermark"])
            self._ever[name].put(*place, partial["counts"])
        elif start < self._oldest:
            return
        elif name in self._actives:
            self._actives[name].put(*place, partial["sketch"])
        elif seconds == _MINUTE_SECONDS:
            counts = partial["counts"]
            self._minutes[name].put(*place, web_vitals.known(counts) if name == WEB_VITALS else counts)
        elif seconds == _SLOT_SECONDS:
            self._slots.put(*place, partial["counts"])

    def move_to(self, now: int) -> None:
        """Let go of minutes that are no longer shown; `now` in milliseconds since 1970."""
        self._oldest = first_shown(now)
        folds: list[Rolling | Actives] = [*self._minutes.values(), *self._actives.values(), self._slots]
        for fold in folds:
            fold.forget_before(self._oldest)

    def ever(self, name: str) -> Counts:
        """What is counted since the beginning: `total` by type, `outcome` of all records."""
        return self._ever[name].total

    def last_hour(self, name: str) -> Rolling:
        """The minutes of a dimension."""
        return self._minutes[name]

    def a_second(self, now: int) -> float:
        """Events a second in the last ten-second windows that are over."""
        current = now // SLOT_MS * SLOT_MS
        slots = [self._slots.window(current - back * SLOT_MS) for back in range(1, _RATE_SLOTS + 1)]
        return sum(sum(slot.values()) for slot in slots) / (_RATE_SLOTS * _SLOT_SECONDS)

    def active(self, name: str, minutes: int, now: int) -> int:
        """About how many different users or sessions there were in the last minutes, the current one counted."""
        return self._actives[name].since(now // MINUTE_MS * MINUTE_MS - (minutes - 1) * MINUTE_MS)


def first_shown(now: int) -> int:
    """Start of the first of the minutes shown; the current one is the last."""
    return now // MINUTE_MS * MINUTE_MS - (SHOWN_MINUTES - 1) * MINUTE_MS
