"""What is kept of rejected events: nothing that accepted ones would lose, and nothing of those who opted out."""

import gzip
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.rejected_event import MAX_BODY_BYTES
from avro_schemas.validation.fault import Fault
from avro_schemas.wire.codec import decode
from dashboard.live.rejected_events import RejectedEvents as ShownRejectedEvents
from producer_api.intake.context import RandomPool, RequestContext
from producer_api.intake.rejected import RejectedEvents
from producer_api.intake.rejected_body import reduced_body, reduced_event
from producer_api.metrics import REGISTRY
from producer_api.privacy.devices import encoded_device
from producer_api.request import Sender
from producer_api.storage.records import Queued
from producer_api.storage.records import Record as WrittenRecord
from sinks.dead_letters.record import record_value
from sinks.dead_letters.table import StoredDeadLetter
from stream_app.outputs import rejected_event
from tests.support.events import NOON, Record
from tests.support.offline_services import collected, new_state

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; a-unique-build) Gecko/20100101 Firefox/143.0"
# Everything that must not be anywhere in what is kept.
SECRETS = [
    *("SECRETTOKEN1234", "OAUTHCODE5678", "a-unique-build", "ann@example.org", "hunter2", "4111 1111 1111 1111"),
    *("1C22591EA3096B15", "9f86d081884c7d659a2f", "distinct-ann", "203.0.113.7", "sess-abc", "555-123-4567"),
]
EVENT = {
    "event_type": "page_view",
    "event_data": {
        "page": "https://shop.example/reset?token=SECRETTOKEN1234&session=abc#frag",
        "referrer": "https://idp.example/cb;jsessionid=1C22591EA3096B15?code=OAUTHCODE5678",
        "user_agent": FIREFOX,
        "title": "Mail to ann@example.org",
        "properties": {
            "nested": [{"link": "/password/reset/9f86d081884c7d659a2f"}, "4111 1111 1111 1111 12/27"],
            "userAgent": FIREFOX,
            "dsn": "postgres://ann:hunter2@db.example/app",
        },
    },
    "$user_agent": FIREFOX,
    "distinct_id": "distinct-ann",
    "ip": "203.0.113.7",
    "email": "ann@example.org",
    "context": {"sessionId": "sess-abc", "userAgent": FIREFOX},
    "555-123-4567": "a name",
}
ANN = Sender(user_id="ann")
PARSED, UNPARSEABLE = json.dumps(EVENT).encode(), json.dumps(EVENT).replace("@", "\\u0040")[:-1].encode()
BODIES = {
    "an event": PARSED,
    "a list": json.dumps([EVENT]).encode(),
    "a broken body": UNPARSEABLE,
    "a broken body, slashes escaped": UNPARSEABLE.replace(b"/", b"\\/"),
    "a broken body, every sign escaped": UNPARSEABLE.replace(b"=", b"\\u003d").replace(b"?", b"\\u003F"),
    "JSON in JSON, broken": json.dumps(json.dumps(EVENT).replace("@", "\\u0040"))[:-1].encode(),
    "a broken body in gzip": gzip.compress(UNPARSEABLE),
    "a broken body in gzip, not announced": gzip.compress(UNPARSEABLE, 0),
}


def rejected(body: bytes, headers: dict[bytes, bytes] | None = None) -> dict[str, Any]:
    """What the collector publishes of a body of one rejected event."""
    packed = {b"content-encoding": b"gzip"} if body.startswith(b"\x1f\x8b") else {}
    kafka = collected(body, ANN, packed | (headers or {}))
    assert not kafka.events
    (value,) = kafka.rejected
    return decode(value)[1]


@pytest.mark.parametrize("name", BODIES)
def test_a_rejected_body_is_reduced_as_accepted_events_are(name: str) -> None:
    stored_record = rejected(BODIES[name])
    assert [secret for secret in SECRETS if secret in str(stored_record)] == []
    assert stored_record["user_key"] is not None
    assert b"page_view" in stored_record["body"]
    # Neither do the pages of the dashboard have any of it.
    shown = ShownRejectedEvents()
    shown.add(stored_record)
    assert [secret for secret in SECRETS if secret in str(shown.latest())] == []


def test_what_is_left_says_what_was_wrong() -> None:
    stored_record = rejected(PARSED)
    body = orjson.loads(stored_record["body"])
    device = {"browser": "Firefox", "system": "Linux", "kind": "desktop", "bot": None}
    assert body["event_data"] == {
        "page": "https://shop.example/reset",
        "referrer": "https://idp.example/cb",
        "user_agent": device,
        "title": "Mail to [email]",
        "properties": {
            "nested": [{"link": "/password/reset/[token]"}, "[card] 12/27"],
            "userAgent": device,
            "dsn": "postgres://db.example/app",
        },
    }
    assert (body["distinct_id"], body["ip"], body["email"]) == ("[removed]", "[ip]", "[email]")
    assert body["[phone]"] == "a name"
    assert "/[phone]" in {fault["pointer"] for fault in stored_record["errors"]}


@pytest.mark.parametrize("signal", [b"sec-gpc", b"dnt"])
@pytest.mark.parametrize("name", BODIES)
def test_of_senders_who_opted_out_only_reasons_and_pointers_are_stored(signal: bytes, name: str) -> None:
    stored_record = rejected(BODIES[name], {signal: b"1"})
    faults = {(fault["expected"], fault["got"]) for fault in stored_record["errors"]}
    assert faults == {("", "")}
    assert stored_record["reason"] == stored_record["errors"][0]["code"]
    (body, size, event_id, event_type, key) = (
        stored_record[name] for name in ("body", "body_size", "event_id", "event_type", "user_key")
    )
    assert (body, size, event_id, event_type, key) == (b"", 0, None, None, None)


def test_the_event_type_of_a_rejected_event_is_redacted() -> None:
    assert rejected(b'{"event_type": "ann@example.org", "event_data": {}}')["event_type"] == "[email]"


def test_parameters_that_an_operator_allows_stay_in_rejected_events_too() -> None:
    allowed, counts = ["page", "code"], Counter[str]()
    event = {"event_data": {"page": "/list?page=2&code=SUMMER2026&token=abc"}}
    assert b"/list?page=2&code=SUMMER2026" in reduced_event(event, allowed, counts)[0]
    assert reduced_body(b'{"page":"/list?page=2&code=SUMMER2026&token=abc"', allowed, counts) == (
        b'{"page":"/list?page=2&code=SUMMER2026"'
    )


def test_what_other_services_store_of_a_record_is_reduced_as_the_record_is() -> None:
    event = {"event_type": "page_view", "event_data": EVENT["event_data"]}
    (record,) = collected(json.dumps(event).encode(), ANN).events
    assert record.value is not None
    # Nobody can decode it, as no schema has this id.
    broken = replace(record, value=b"\0\xff\xff\xff\xff" + record.value[5:])
    state = new_state()
    state.apply([broken])
    snapshot = state.snapshot()
    assert snapshot is not None
    (of_stream_app,) = (rejected_event("events", 0, each, NOON).value for each in snapshot.rejected)
    of_sinks = record_value(stored(broken), NOON)
    for value in (of_stream_app, of_sinks):
        assert value is not None
        stored_record = decode(value)[1]
        assert stored_record["body"] == broken.value
        assert [secret for secret in SECRETS if secret.encode() in stored_record["body"]] == []


def stored(record: Record) -> StoredDeadLetter:
    return StoredDeadLetter(
        id=1,
        topic="events",
        partition=0,
        offset=record.offset,
        timestamp=record.timestamp,
        key=record.key,
        value=record.value,
        headers=record.headers,
        reason="schema_unknown",
        detail="no schema has this id",
    )


def test_a_large_event_is_cut_before_it_is_reduced() -> None:
    counts = Counter[str]()
    body, size = reduced_event({"texts": ["ann@example.org "] * 60_000}, (), counts)
    assert len(body) < 2 * MAX_BODY_BYTES
    assert size > 900_000
    assert sum(counts.values()) < MAX_BODY_BYTES
    assert b"ann" not in body
    long = reduced_body(b'{"to": "' + b"ann@example.org " * 60_000, (), counts)
    assert len(long) < MAX_BODY_BYTES
    assert b"ann" not in long


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
        max_leaves=20,
    ),
    st.binary(max_size=200),
)
def test_anything_can_be_reduced(raw: Any, body: bytes) -> None:
    orjson.loads(reduced_event(raw, (), Counter())[0])
    reduced_body(body, (), Counter()).decode()


def test_requests_without_a_sender_are_published_without_a_body_and_do_not_use_up_what_events_have() -> None:
    published = list[dict[str, Any]]()

    def publish(_key: bytes | None, record: WrittenRecord) -> Queued:
        published.append(decode(record.value)[1])
        return "queued"

    rejected_events = RejectedEvents(publish, 50, clock=lambda: 0.0)
    fault = Fault("origin_not_allowed", "", "https://shop.example in FOOTFALL_ALLOWED_ORIGINS")
    for number in range(1_000):
        rejected_events.publish_request([fault], NOON, number.to_bytes(10))
    assert len(published) == 50
    assert (published[0]["reason"], published[0]["body"], published[0]["user_key"]) == (fault.code, b"", None)
    assert published[0]["errors"][0]["expected"] == fault.expected
    assert len({record["rejected_at"] for record in published}) == 1
    context = RequestContext(received_at=NOON, device=encoded_device(""), random=RandomPool())
    rejected_events.publish_body(b"{", [fault], context)
    assert published.pop()["body"] == b"{"
    shown = ShownRejectedEvents()
    for record in published:
        shown.add(record)
    assert shown.reasons(NOON) == {"origin_not_allowed": 50}
    assert len(shown.latest()) == 3
    for number in range(9):
        shown.add(published[0] | {"reason": "field_missing", "rejected_at": NOON + number})
    reasons = [row[-1] for row in shown.latest().values()]
    assert reasons == ["field_missing"] * 5 + ["origin_not_allowed"] * 3


def test_what_the_topic_has_no_room_for_is_counted_as_that_and_published_without_its_body() -> None:
    published = list[dict[str, Any]]()

    def publish(_key: bytes | None, record: WrittenRecord) -> Queued:
        found = decode(record.value)[1]
        if found["body"]:
            return "too_large"
        published.append(found)
        return "queued"

    def counted(result: str) -> float:
        return REGISTRY.get_sample_value("footfall_collector_rejected_records_total", {"result": result}) or 0

    before = counted("too_large"), counted("kafka_unavailable")
    context = RequestContext(received_at=NOON, device=encoded_device(""), random=RandomPool())
    raw = {"event_type": "click", "event_data": {"element": "x" * 100}}
    fault = Fault("field_missing", "/event_id", "an id")
    RejectedEvents(publish, 50).publish_event(raw, [fault], None, context)
    assert (counted("too_large"), counted("kafka_unavailable")) == (before[0] + 1, before[1])
    (record,) = published
    assert (record["reason"], record["event_type"], record["body"]) == ("field_missing", "click", b"")
    assert record["body_size"] > 100
