"""Aggregates and rates counted in a plain way from the whole topic: what the stream app must emit, whatever happened.

It shares no code with the stream app, not even constants or the reading of events.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import Any, Protocol

from avro_schemas.wire.codec import Undecodable
from avro_schemas.wire.event_reader import decode_event

GRACE_MS = 600_000
SLOT_MS, SLOTS, LIMIT = 10_000, 6, 100
# An id that is older than that when it is appended, or that far ahead of its receipt, may be a repeat of anything.
FRESH_MS, AHEAD_MS = 240_000, 60_000
MINUTE_MS, MIN_TOTAL_EVENTS = 60_000, 20
# How long before the newest append the hour of an event may have begun that was held on its way.
HELD_MS = 110 * MINUTE_MS

# (dimension, window seconds, window start) -> name -> count
Expected = dict[tuple[str, int, int], dict[str, int]]


class Record(Protocol):
    """A record of the topic as a consumer delivers it."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def expected_windows(records: Iterable[Record], rows: Collection[tuple[int, int]] | None = None) -> Expected:
    """Every window of every aggregate, from records in the order of their partitions, all within ten minutes.

    `rows` are the partitions and offsets of those that became rows; without it all ids are fresh, and the first
    record of each is a row.
    """
    counts: dict[tuple[str, int, int], Counter[str]] = defaultdict(Counter)
    watermarks: Counter[int] = Counter()
    seen: set[str] = set()
    # By partition, person and feature: the earliest use, 0 if it was late.
    earliest: dict[tuple[int, str, str], int] = {}

    def add(dimension: str, moment: int, name: str | None, *seconds: int) -> None:
        if name is not None:
            for length in seconds or (60, 3600):
                counts[dimension, length, moment // (length * 1000) * length * 1000][name] += 1

    outcome = counts["outcome", 0, 0]
    outcome.update(dict.fromkeys(("counted", "late", "duplicate", "rejected", "uncertain"), 0))
    for record in records:
        now = watermarks[record.partition] = max(watermarks[record.partition], record.timestamp)
        try:
            _schema, event = decode_event(record.value, record.timestamp)
        except Undecodable as error:
            outcome["rejected"] += 1
            add("rejected", record.timestamp, error.reason)
            continue
        event_type, data = event["event_type"], event["event_data"]
        is_row = event["event_id"] not in seen if rows is None else (record.partition, record.offset) in rows
        if not is_row:
            outcome["duplicate"] += 1
            add("duplicates", record.timestamp, event_type)
            continue
        seen.add(event["event_id"])
        counts["total", 0, 0][event_type] += 1
        moment = min(event["occurred_at"], record.timestamp)
        is_late = _is_late(moment, min(event["received_at"], record.timestamp), now)
        person = event["user_key"] or event["visitor_key"] or event["session_key"]
        if person and event["device"]["kind"] != "bot":
            for _, feature in _properties(event_type, data):
                use = record.partition, person, feature
                at = 0 if is_late else moment
                earliest[use] = min(at, earliest.get(use, at))
        if is_late:
            outcome["late"] += 1
            add("late", record.timestamp, event_type)
            continue
        outcome["counted"] += 1
        whose = "_of_programs" if event["device"]["kind"] == "bot" else ""
        add(f"events{whose}", moment, event_type, 10, 60, 3600)
        for dimension, column in (("systems", "system"), ("devices", "kind"), ("browsers", "browser")):
            add(dimension + whose, moment, event["device"][column])
        for dimension, column in (("sites", "site"), ("releases", "release")):
            add(dimension + whose, moment, event[column])
        for dimension, name in [*_names(event_type, event, data), *_properties(event_type, data)]:
            add(dimension + whose, moment, name)
    for (_partition, _person, feature), at in earliest.items():
        if at and feature != "*":
            add("first_uses", at, feature)
    return {window: dict(counted) for window, counted in counts.items() if counted}


def _is_late(moment: int, received: int, now: int) -> bool:
    closes = moment // MINUTE_MS * MINUTE_MS + MINUTE_MS + GRACE_MS
    is_held = moment // 3_600_000 * 3_600_000 >= now // SLOT_MS * SLOT_MS - HELD_MS
    return closes <= now and not (closes > received and is_held)


def _names(event_type: str, event: dict[str, Any], data: dict[str, Any]) -> list[tuple[str, str | None]]:
    match event_type:
        case "page_view":
            return [
                ("pages", data["page"]),
                ("sources", "(direct)" if event["channel"] == "direct" else event["source"]),
                ("channels", event["channel"]),
                ("campaigns", event["utm_campaign"]),
                ("countries", event["country"]),
            ]
        case "button_click":
            return [("buttons", data["button"])]
        case "form_submit":
            return [("forms", data["form"]), ("form_successes", data["form"] if data["success"] else None)]
        case "error_encountered":
            error = f"TypeError: {data['message']}"
            return [("errors", error), ("page_errors", f"{data['page']}\t{error}")]
    return []


def _properties(event_type: str, data: dict[str, Any]) -> list[tuple[str, str]]:
    """Of custom events, which have nothing but `properties`; none of those in the tests has more than twenty."""
    if data.keys() != {"properties"}:
        return []
    found = []
    for name, value in json.loads(data["properties"]).items():
        if isinstance(value, bool):
            text = str(value).lower()
        elif isinstance(value, int) and 0 <= value <= 999:
            text = str(value)
        elif isinstance(value, str) and len(value.encode()) <= 80:
            text = value
        else:
            text = ""
        if name != "page":
            is_named = text != "" or value == ""
            found.append(("properties", f"{event_type}\t{name}\t{text}" if is_named else "*"))
    return found


class UserSlots:
    """Events of each user by slots of append time, in one partition; repeats of fresh ones do not count."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._slots: dict[str, Counter[int]] = defaultdict(Counter)
        self._totals: Counter[tuple[str, int]] = Counter()
        self._seen: set[str] = set()
        self.now = 0

    def add(self, record: Record) -> None:
        self.now = max(self.now, record.timestamp)
        try:
            _schema, event = decode_event(record.value, record.timestamp)
        except Undecodable:
            return
        received = min(event["received_at"], record.timestamp)
        if self._is_repeat(event["event_id"], received, record.timestamp) or record.key is None:
            return
        slot = self.now // SLOT_MS
        if received < (slot - 1) * SLOT_MS:
            slot = received // SLOT_MS  # it was held on its way
        if slot > self.now // SLOT_MS - SLOTS:
            key = record.key.decode()
            self._slots[key][slot] += 1
            if slot // SLOTS == self.now // MINUTE_MS:
                self._totals[key, (slot // SLOTS + 1) * MINUTE_MS] += 1

    def _is_repeat(self, event_id: str, received: int, appended: int) -> bool:
        """Whether it is fresh, and was here before. What is not fresh counts, as nobody can know."""
        made = int(event_id.removeprefix("evt_").replace("-", "")[:12], 16)
        if appended - made > FRESH_MS or made - AHEAD_MS > received:
            return False
        was_here = event_id in self._seen
        self._seen.add(event_id)
        return was_here

    def minute_totals(self) -> set[tuple[str, int, int]]:
        """User, end of the minute, events: minutes that are over, of the users who sent enough in them."""
        return {
            (key, end, n) for (key, end), n in self._totals.items() if n >= MIN_TOTAL_EVENTS and end <= self.now
        }

    def events(self, key: str, first_after: int = 0) -> int:
        """Events in the window that ends now, in its slots after `first_after`."""
        begin = max(self.now // SLOT_MS - SLOTS, first_after)
        return sum(count for slot, count in self._slots[key].items() if slot > begin)

    def blocked_until(self, key: str) -> int | None:
        """When enough slots have left the window for the user to be below the limit."""
        if self.events(key) < self._limit:
            return None
        gone = (slot for slot in sorted(self._slots[key]) if self.events(key, slot) < self._limit)
        return (next(gone) + SLOTS) * SLOT_MS

    def blocked(self) -> dict[str, int]:
        """All users over the limit, and until when."""
        found = ((key, self.blocked_until(key)) for key in self._slots)
        return {key: until for key, until in found if until is not None}


def wrong_rates(records: Iterable[Record], emitted: Iterable[dict[str, Any]], limit: int = LIMIT) -> list[Any]:
    """Values of `user-rates` that were wrong at their own source offset, and current ones that were never emitted.

    `records` in the order of their partitions.
    """
    final: set[tuple[str, int, int]] = set()
    sliding: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    for rate in emitted:
        if rate["final"]:
            final.add((rate["user_key"], rate["measured_at"], rate["events"]))
        else:
            sliding[rate["partition"], rate["source_offset"]].append(rate)
    partitions: dict[int, UserSlots] = defaultdict(lambda: UserSlots(limit))
    newest: dict[str, int | None] = {}
    wrong: list[Any] = []
    for record in records:
        expected = partitions[record.partition]
        expected.add(record)
        for rate in sliding.pop((record.partition, record.offset), ()):
            key, value = rate["user_key"], (rate["events"], rate["blocked_until"])
            newest[key] = rate["blocked_until"]
            if value != (expected.events(key), expected.blocked_until(key)):
                wrong.append((rate, expected.events(key), expected.blocked_until(key)))
    blocked = {key: until for expected in partitions.values() for key, until in expected.blocked().items()}
    wrong += [(key, until) for key, until in blocked.items() if newest.get(key) != until]
    return [
        *wrong,
        *sliding.values(),
        *(final ^ set().union(*(expected.minute_totals() for expected in partitions.values()))),
    ]
