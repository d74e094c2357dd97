"""Whatever the collector accepts, everything behind it bears: nothing raises, and no record outgrows its topic.

Odd events go through all services without I/O: collector, stream app with a recovery, dashboard, sinks.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request as HttpRequest

from avro_schemas import event_ids
from avro_schemas.event_types import event_type_names
from avro_schemas.live_aggregates import HOUR_MS
from avro_schemas.schema import latest
from avro_schemas.wire import codec
from avro_schemas.wire.event_reader import decode_event
from dashboard.health.pipeline import PipelineHealth
from dashboard.live.feed import event_entries, rejected_entry
from dashboard.live.hub import Hub
from dashboard.live.rejected_events import RejectedEvents as ShownRejectedEvents
from dashboard.live.snapshot import Json, minute_chart, snapshot
from dashboard.live.state import LiveState
from dashboard.render.pages import Pages
from dashboard.render.panels import LIVE_ONLY, PANELS
from producer_api.errors import RequestRejected
from producer_api.intake.clock_skew import is_in_range, parse_timestamp
from producer_api.intake.pipeline import Pipeline
from producer_api.intake.rejected import RejectedEvents
from producer_api.limits.admission import RateLimiter
from producer_api.limits.cluster import ClusterLimits
from producer_api.privacy.hashes import Hasher
from producer_api.request import Request, Sender
from producer_api.settings import Settings
from producer_api.storage.records import PublishRequest
from producer_api.storage.records import Record as WrittenRecord
from service_kit.kafka import KafkaSettings
from service_kit.sessions.settings import SessionSettings
from service_kit.settings import Secret
from sinks import columns
from sinks.landing.rows import Device, decode_batch
from stream_app.engine.changelog import Recovery, changelog_key, fenced
from stream_app.outputs import copy, live_aggregate, rejected_event, user_rate
from stream_app.state.dimensions import LIVE_AGGREGATES
from stream_app.state.partition import PartitionState, Snapshot
from tests.fuzz.cases import COUNT, cases
from tests.support.events import NOON, Record, encoded, event, user_key

# What brokers take by default, with room for keys, headers and the batch around a record.
MAX_RECORD_BYTES = 1_000_000
MINUTE, DAY = 60_000, 86_400_000
NAMED_TYPES = ("web_vital", "page_view", "error_encountered", "button_click", "form_submit")
# Events per example, and examples: five thousand events in `make test`, a hundred thousand in `make fuzz`.
EVENTS = 50
EXAMPLES = COUNT // 10

NUMBERS = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([1.79e308, 1.7832509485263733e308, -1.79e308, 5e-324, 1e12, 1.1e12, 1e-9, -0.0])
    | st.integers()
    | st.sampled_from([2**31 - 1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), -(2**31)])
)
TEXTS = (
    st.sampled_from(
        [
            *(
                "",
                " ",
                "*",
                "LCP x",
                "LCP 7",
                "LCP nan",
                "LCP inf 1",
                "x LCP",
                "a\tb",
                "\u2028",
                "NaN",
                "//",
                "/a?b#c",
            ),
            *(
                "😀" * 20,
                "😀" * 199,
                "é" * 150,
                "a\u0301" * 99,
                '"\\' * 99,
                "x" * 199 + "😀",
                "\x01" * 200,
                "x" * 2_000,
            ),
        ]
    )
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
    # These are rejected.
    | st.sampled_from(["\0", "x" * 2_001])
)
TIMES = st.sampled_from(
    [
        *("2026-01-01T12:00:00Z", "2026-01-01T11:49:00Z", "2026-01-01T11:51:00+00:00", "2026-01-01T12:11:00Z"),
        *("2026-01-01T13:59:59+02:00", "2025-12-24T12:00:00Z", "2024-01-15T10:30:00Z", "2000-01-01T00:00:00Z"),
        *(
            "2043-01-01T00:00:00Z",
            "2099-12-31T23:59:59.999999Z",
            "2099-01-01T00:00:00Z",
            "2000-01-01T00:00:00+14:00",
        ),
        *(
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59-12:00",
            "0001-01-01T00:00:00Z",
            "2026-01-01T12:00:00",
            "noon",
        ),
    ]
)


def is_taken_as_sent_at(text: str) -> bool:
    """Else the whole request is rejected."""
    moment = parse_timestamp(text)
    return moment is not None and is_in_range(moment)


@dataclass(frozen=True)
class Oddities:
    """Odd values, of which events are made. Hypothesis draws the values only: it takes long for whole events."""

    numbers: Sequence[float]
    texts: Sequence[str]
    times: Sequence[str]
    sent_at: str | None
    seed: int

    def envelope(self) -> dict[str, Any]:
        """Events that are valid but for some of their odd values."""
        random = Random(self.seed)
        events = [self._event(random) for _ in range(EVENTS)]
        return {"events": events} | ({"sent_at": self.sent_at} if self.sent_at else {})

    def _event(self, random: Random) -> dict[str, Any]:
        # Half of them are of the types whose values become names of live aggregates.
        types = random.choice([NAMED_TYPES, sorted(event_type_names())])
        event_type = random.choice([*types, "named_by_a_client"])
        found: dict[str, Any] = {"event_type": event_type, "event_data": self._data(event_type, random)}
        if random.random() < 0.4:
            found["timestamp"] = random.choice(self.times)
        if random.random() < 0.3:
            away = random.choice([0, 0, -6 * DAY, -8 * DAY, 9 * MINUTE, 11 * MINUTE])
            found["event_id"] = event_ids.generate(NOON + away, random.choice([b"\0" * 10, random.randbytes(10)]))
        return found

    def _data(self, event_type: str, random: Random) -> dict[str, Any]:
        schema = latest().get(event_type)
        if schema is None:  # a custom event
            return self._properties(random)
        fields = schema.definition["fields"][-1]["type"]["fields"]
        wanted = [field for field in fields if "default" not in field or random.random() < 0.4]
        data = {field["name"]: self._value(field, random) for field in wanted}
        if event_type == "web_vital" and random.random() < 0.5:
            data["metric"] = random.choice(["LCP", "LCP x", "CLS", "INP 3", "😀" * 20])
        return data

    def _value(self, field: dict[str, Any], random: Random) -> Any:
        kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
        if "string" in kinds:
            # Mostly cut to what the schema allows.
            return random.choice(self.texts)[: random.choice([field["maxLength"]] * 9 + [None])]
        if isinstance(kinds[-1], dict):
            return self._properties(random)
        if "boolean" in kinds:
            return random.random() < 0.5
        return random.choice(self.numbers if "double" in kinds else [0, 7, 2**31 - 1])

    def _properties(self, random: Random) -> dict[str, Any]:
        values = [None, True, *self.numbers, *self.texts]
        return {random.choice(self.texts)[:50]: random.choice(values) for _ in range(random.randint(0, 3))}


ODDITIES = st.builds(
    Oddities,
    st.lists(NUMBERS, min_size=1, max_size=4),
    st.lists(TEXTS, min_size=1, max_size=8),
    st.lists(TIMES, min_size=1, max_size=4),
    st.none() | TIMES.filter(is_taken_as_sent_at),
    st.integers(0, 2**32),
)
SENDERS = [Sender(), Sender(user_id="ann"), Sender(session_id="s")]


class Kafka:
    """The topics that the collector writes to."""

    is_available = True

    def __init__(self) -> None:
        self.events = list[Record]()
        self.rejected = list[bytes]()

    async def publish(self, request: PublishRequest) -> list[bool]:
        for written in request.records:
            # Each comes a little later than the one before, over two windows.
            at = NOON + 7_000 * len(self.events)
            self.events.append(Record(len(self.events), at, request.key, written.value, written.headers))
        return [True] * len(request.records)

    def reject(self, _key: bytes | None, record: WrittenRecord) -> bool:
        self.rejected.append(record.value)
        return True


def collected(body: bytes, sender: Sender) -> Kafka:
    """What the collector publishes of a body."""
    kafka = Kafka()
    settings = Settings(
        kafka=KafkaSettings(kafka_bootstrap="nowhere:9092"),
        hash_key=Secret("a hash key for tests"),
        sessions=SessionSettings(session_key=Secret("a session key of thirty-two characters")),
        custom_events="any",
    )
    pipeline = Pipeline(
        settings,
        Hasher("a hash key for tests"),
        RateLimiter(ClusterLimits(), per_user=1_000, per_ip=1_000, per_backend=1_000),
        kafka,
        RejectedEvents(kafka.reject, 1_000),
        wall_clock=lambda: NOON * 1_000_000,
        monotonic=lambda: 1_000.0,
    )
    try:
        answer, _admission = asyncio.run(
            pipeline.collect(Request({}, "203.0.113.7", is_secure=True), sender, body)
        )
    except RequestRejected:
        return kafka
    orjson.dumps(answer.body)
    codes = [error["code"] for result in answer.body["results"] for error in result.get("errors", ())]
    assert "unexpected" not in codes
    return kafka


def new_state() -> PartitionState:
    types = ("page_view", "web_vital")
    return PartitionState(LIVE_AGGREGATES, limit=3, min_total_events=1, grace_ms=10 * MINUTE, copied_types=types)


def everything(state: PartitionState) -> Snapshot:
    state.mark_all_dirty()
    found = state.snapshot()
    assert found is not None
    return found


def recovered(written: Snapshot) -> PartitionState:
    """A state from the changelog."""
    recovery = Recovery()
    for offset, (key, value) in enumerate(written.values):
        payload = fenced(written.position, value)
        assert len(payload) < MAX_RECORD_BYTES
        recovery.read(offset, changelog_key(0, key), payload)
    state, values = new_state(), recovery.values()
    assert values is not None
    state.restore(values)
    return state


def emitted(found: Snapshot) -> list[bytes]:
    """The values of all outputs; those of `live-aggregates` come first."""
    outputs = [live_aggregate(0, found, partial) for partial in found.partials]
    outputs += [user_rate(0, found, rate, 3) for rate in (*found.verdicts, *found.minute_totals)]
    outputs += [rejected_event("events", 0, rejected, NOON) for rejected in found.rejected]
    outputs += [copy(each.record) for each in found.copies]
    assert all(len(output.value or b"") < MAX_RECORD_BYTES for output in outputs)
    return [output.value for output in outputs if output.value is not None]


def shown(values: Sequence[bytes], rejected: Sequence[bytes], now: int) -> None:
    """Everything the dashboard makes of outputs and rejected events: snapshot, patch, page, chart, feed."""
    state, shown_rejected, health = LiveState(), ShownRejectedEvents(), PipelineHealth(has_postgres=True)
    for value in values:
        schema, partial = codec.decode(value)
        if schema.name == "live_aggregate":
            state.merge(partial)
    for value in rejected:
        if entry := shown_rejected.add(codec.decode(value)[1]):
            orjson.dumps(rejected_entry(entry))

    def current() -> Json:
        return snapshot(state, shown_rejected, health, now, connected=True)

    Hub(current).send_patch()
    page(current())


@cache
def pages() -> Pages:
    return Pages()


def page(numbers: Json) -> None:
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "server": ("x", 80)}
    pages().render(
        HttpRequest(scope),
        "live.html",
        shown=numbers,
        panels=PANELS,
        live_only_panels=LIVE_ONLY,
        only_type="",
        chart=minute_chart(numbers),
    )


class AllNames(dict[Any, int]):
    """A lookup table that knows every name."""

    def __missing__(self, name: object) -> int:
        assert isinstance(name, (str, Device))
        return 1


class AllLookups:
    types: Any = AllNames()
    devices: Any = AllNames()


def landed(events: Sequence[Record]) -> None:
    """Every record becomes a row, or repeats an id, and every row has a binary form."""
    batch = decode_batch({0: events}, {0: 0})
    assert not batch.dead_letters
    assert len(batch.rows) + batch.ranges[0].duplicates == len(events)
    assert len(list(columns.encode([row for _partition, _record, row in batch.rows], AllLookups()))) == len(
        batch.rows
    )


@pytest.mark.timeout(3600 * 5)
@cases(EXAMPLES)
@given(ODDITIES, st.sampled_from(SENDERS))
def test_what_the_collector_accepts_every_reader_bears(oddities: Oddities, sender: Sender) -> None:
    kafka = collected(json.dumps(oddities.envelope()).encode(), sender)
    for record in kafka.events:
        decode_event(record.value, record.timestamp)
        assert len(record.value or b"") < MAX_RECORD_BYTES
    assert all(len(value) < MAX_RECORD_BYTES for value in kafka.rejected)
    values = list[bytes]()
    if kafka.events:
        state = new_state()
        state.apply(kafka.events)
        whole = everything(state)
        assert state.outcomes["rejected"] == 0
        assert not state.counts.naming_errors
        values = emitted(whole)
        again = everything(recovered(whole))
        assert emitted(again)[: len(again.partials)] == values[: len(whole.partials)]
        landed(kafka.events)
    shown(values, kafka.rejected, NOON + MINUTE)
    orjson.dumps(event_entries(kafka.events))
    assert len(event_entries(kafka.events)) == len(kafka.events)


def test_odd_events_are_accepted_often_enough() -> None:
    """Else the test above would hold only because nothing gets through."""
    texts = ["LCP x", "😀" * 199, "\x01" * 200, "\0"]
    times = ["2024-01-15T10:30:00Z", "2043-01-01T00:00:00Z"]
    oddities = Oddities([1.79e308, -1, 2**64], texts, times, "2099-01-01T00:00:00Z", 1)
    assert len(collected(json.dumps(oddities.envelope()).encode(), Sender()).events) > EVENTS / 3


def long_names(make: Callable[[int], dict[str, Any]]) -> Iterator[Record]:
    """Within one hour, in each minute as many new names as a window has room for, and more."""
    for number in range(30 * 510):
        now = NOON + number // 510 * MINUTE
        yield Record(
            number,
            now,
            user_key("ann"),
            encoded(make(number) | {"occurred_at": now, "event_id": new_id(now, number)}),
        )


def new_id(now: int, number: int) -> str:
    return event_ids.generate(now, number.to_bytes(event_ids.RANDOM_BYTES, "big"))


def test_long_names_of_a_whole_hour_fit_a_record_and_survive_a_recovery() -> None:
    def page_view(number: int) -> dict[str, Any]:
        return event(
            "page_view", event_data={"page": f"/{number}/" + "😀" * 200, "referrer": f"{number}" + "\x01" * 300}
        )

    state = new_state()
    state.apply(long_names(page_view))
    whole = everything(state)
    values = emitted(whole)
    (hour,) = [each.counts for each in whole.partials if each.dimension == "pages" and each.window_ms == HOUR_MS]
    assert hour is not None
    assert sum(hour.values()) == 30 * 510
    assert len(hour) == 501
    assert emitted(everything(recovered(whole)))[: len(whole.partials)] == values[: len(whole.partials)]
    shown(values, [], NOON + 30 * MINUTE)
