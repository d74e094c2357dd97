"""The live state: the last hour of all live aggregates, merged from the partials of all partitions.

No I/O. Partials are absolute and carry their source offset, so they may come in any order, and more than once.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from avro_schemas.live_aggregates import (
    ACTIVE_USERS,
    ACTIVE_VISITORS,
    EVENTS,
    MAX_WEB_VITAL_BINS,
    MINUTE_MS,
    SIGNED_IN_VISITORS,
    SKETCHED,
    SLOT_MS,
    WEB_VITALS,
    of_programs,
)
from avro_schemas.people_now import PEOPLE_NOW
from dashboard.live.last_hour import LastHour
from dashboard.live.people_now import PERIODS, SHOWN_MINUTES, Here, PeopleNow
from dashboard.live.unique_counts import UniqueCounts, estimate
from dashboard.live.windows import Counts, WindowedCounts
from dashboard.render import web_vitals

_SLOT_SECONDS, _MINUTE_SECONDS = SLOT_MS // 1000, MINUTE_MS // 1000
_RATE_SLOTS = 3
_WEB_VITALS = (WEB_VITALS, of_programs(WEB_VITALS))


class LiveState:
    """The last hour of every dimension by minute, and the counts since the beginning."""

    def __init__(self) -> None:
        # By dimension. Every dimension on the topic gets an entry, so a panel needs no code here.
        self._minutes: defaultdict[str, WindowedCounts] = defaultdict(WindowedCounts)
        for name in _WEB_VITALS:
            self._minutes[name] = WindowedCounts(MAX_WEB_VITAL_BINS)
        # Ten-second windows, which only `events` has: by dimension, as those of programs are apart.
        self._slots: defaultdict[str, WindowedCounts] = defaultdict(WindowedCounts)
        # Counts since the beginning, by dimension: windows of no length that all start at 0.
        self._all_time: defaultdict[str, WindowedCounts] = defaultdict(WindowedCounts)
        self._people_now = PeopleNow()
        self._unique = {name: UniqueCounts() for name in SKETCHED}
        # Start of the first shown minute, as of the last `advance`; never decreases while the clock does not.
        self._oldest = 0
        # Append time of the newest counted event, in milliseconds since 1970.
        self.watermark: int | None = None
        # By partition, the first offset of `events` that is not counted.
        self.counted_offsets: dict[int, int] = {}

    def merge(self, partial: Mapping[str, Any]) -> None:
        """Merge a `LiveAggregate` record. Windows that are no longer shown are ignored."""
        dimension, seconds, start = partial["dimension"], partial["window_seconds"], partial["window_start"]
        version = (start, partial["partition"], partial["source_offset"])
        if seconds == 0:
            self.watermark = max(self.watermark or 0, partial["watermark"])
            counted = self.counted_offsets.get(partial["partition"], 0)
            self.counted_offsets[partial["partition"]] = max(counted, partial["source_offset"] + 1)
            self._all_time[dimension].merge(*version, partial["counts"])
        elif start < self._oldest:
            return
        elif dimension == PEOPLE_NOW:
            self._people_now.merge(*version, partial["sketch"])
        elif dimension in self._unique:
            self._unique[dimension].merge(start, partial["sketch"])
        elif seconds == _MINUTE_SECONDS:
            counts = partial["counts"]
            self._minutes[dimension].merge(
                *version, web_vitals.known_bins(counts) if dimension in _WEB_VITALS else counts
            )
        elif seconds == _SLOT_SECONDS:
            self._slots[dimension].merge(*version, partial["counts"])

    def advance(self, now: int) -> None:
        """Drop the minutes that are no longer shown; `now` in milliseconds since 1970."""
        self._oldest = first_shown_minute(now)
        windowed: list[WindowedCounts | UniqueCounts | PeopleNow] = [
            self._people_now,
            *self._minutes.values(),
            *self._unique.values(),
            *self._slots.values(),
        ]
        for each in windowed:
            each.drop_before(self._oldest)

    def all_time(self, dimension: str) -> Counts:
        """Counts since the beginning: `total` by event type, `outcome` of all records."""
        return self._all_time[dimension].total

    def last_hour(self, *, with_programs: bool = False) -> LastHour:
        """The minutes of each dimension: of people's events, or of those of programs too."""
        return LastHour(self._minutes, with_programs)

    def events_per_second(self, now: int, *, with_programs: bool = False) -> float:
        """The rate over the last three ten-second windows that have ended."""
        current, events = now // SLOT_MS * SLOT_MS, LastHour(self._slots, with_programs)[EVENTS]
        slots = [events.window(current - back * SLOT_MS) for back in range(1, _RATE_SLOTS + 1)]
        return sum(sum(slot.values()) for slot in slots) / (_RATE_SLOTS * _SLOT_SECONDS)

    def here(self, now: int) -> Here:
        """Who is here, and how many on which page; people as sketches have them where lists are only a sample."""
        found = self._people_now.here(now)
        return replace(found, people=[self.people(each, now) for each in PERIODS]) if found.is_sampled else found

    def people(self, minutes: int, now: int) -> int:
        """About how many people there were in the last minutes, the current one included: users, and visitors.

        A visitor that was signed in at any time of these minutes is a user. In such a period all its other events
        are of the same visit as those, so they are the user's too.
        """
        start = now // MINUTE_MS * MINUTE_MS - (minutes - 1) * MINUTE_MS
        users, visitors, signed_in = (
            self._unique[name].since(start) for name in (ACTIVE_USERS, ACTIVE_VISITORS, SIGNED_IN_VISITORS)
        )
        never_signed_in = estimate([*visitors, *signed_in]) - estimate(signed_in)
        return round(estimate(users) + max(0.0, never_signed_in))


def first_shown_minute(now: int) -> int:
    """Start of the first of the shown minutes; the current minute is the last."""
    return now // MINUTE_MS * MINUTE_MS - (SHOWN_MINUTES - 1) * MINUTE_MS
