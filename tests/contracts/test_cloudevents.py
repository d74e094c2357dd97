"""Every event that the collector publishes is a CloudEvent, by the SDK that subscribers use."""

import re
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import orjson
import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.v1.kafka import KafkaMessage as OldKafkaMessage
from cloudevents.v1.kafka import from_binary as old_from_binary

from avro_schemas.schema import by_id, latest, typed_events
from avro_schemas.wire.codec import decode
from producer_api.intake.pipeline import Pipeline
from producer_api.intake.rejected import RejectedEvents
from producer_api.limits.admission import RateLimiter
from producer_api.limits.cluster import ClusterLimits
from producer_api.privacy.hashes import Hasher
from producer_api.request import Request, Sender
from producer_api.settings import Settings
from producer_api.storage.records import PublishRequest
from registry.app import build_app
from service_kit.kafka.settings import KafkaSettings
from service_kit.sessions.settings import SessionSettings
from service_kit.settings import Secret
from tests.support.cloudevents import cloud_event

NOW = 1_774_872_000_999
TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
PLAIN, TRACED, OPTED_OUT = (
    Request(headers, "203.0.113.7", is_secure=True) for headers in ({}, {b"traceparent": TRACE}, {b"dnt": b"1"})
)
SENDERS = [Sender(user_id="ann"), Sender(user_id="bob", session_id="s"), Sender(user_id="", session_id="s")]


class Publisher:
    is_available = True

    def __init__(self) -> None:
        self.requests = list[PublishRequest]()

    async def publish(self, request: PublishRequest) -> list[bool]:
        self.requests.append(request)
        return [True] * len(request.records)


async def published(events: list[Any], request: Request = PLAIN, sender: Sender = SENDERS[0]) -> PublishRequest:
    """What the collector publishes for a request of which it accepts every event."""
    publisher = Publisher()
    pipeline = Pipeline(
        Settings(
            kafka=KafkaSettings(kafka_bootstrap="nowhere:9092"),
            hash_key=Secret("a hash key for tests"),
            sessions=SessionSettings(session_key=Secret("a session key of thirty-two characters")),
        ),
        Hasher("a hash key for tests"),
        RateLimiter(ClusterLimits(), per_user=1_000, per_ip=1_000, per_backend=1_000, bytes_per_event=4_096),
        publisher,
        RejectedEvents(lambda _key, _record: "queued", 50),
        wall_clock=lambda: NOW * 1_000_000,
        monotonic=lambda: 1_000.0,
    )
    answer, _admission = await pipeline.collect(request, sender, orjson.dumps(events))
    assert [result["status"] for result in answer.body["results"]] == ["accepted"] * len(events)
    (publish_request,) = publisher.requests
    return publish_request


def page_view(page: str, **fields: Any) -> dict[str, Any]:
    return {"event_type": "page_view", "event_data": {"page": page}} | fields


def mixed_batch() -> list[Any]:
    examples = [latest()[name].example() for name in (*typed_events(), "custom")]
    times = ["2026-03-30T11:59:59.999Z", "2000-01-01T00:00:00Z", "2026-03-30T14:00:00.001+02:00"]
    return [
        *(
            {name: value for name, value in each.items() if name in ("event_type", "event_data")}
            for each in examples
        ),
        *(page_view("/timed", timestamp=time) for time in times),
        page_view("/größe/尺寸/🦶"),
        page_view("/" + "a" * 1_999),
        {"event_type": "click", "event_data": {"element": "without a page"}},
    ]


@pytest.mark.parametrize("sender", SENDERS, ids=["user", "user and session", "session"])
@pytest.mark.parametrize("request_", [PLAIN, TRACED, OPTED_OUT], ids=["plain", "traced", "opted out"])
async def test_the_sdk_takes_every_record_of_a_mixed_batch(request_: Request, sender: Sender) -> None:
    sent = mixed_batch()
    request = await published(sent, request_, sender)
    events = [cloud_event(record, request.key) for record in request.records]
    assert [event.get_type() for event in events] == [each["event_type"] for each in sent]
    assert {event.get_specversion() for event in events} == {"1.0"}
    assert {event.get_source() for event in events} == {"/api/analytics/collect"}
    assert (request.key is None) == (request_ is OPTED_OUT)


async def test_the_time_of_a_cloud_event_has_milliseconds_and_is_in_utc() -> None:
    times = ["2026-03-30T14:00:00.001+02:00", "2026-03-30T12:00:00Z", "2009-12-31T23:59:59.050Z"]
    request = await published([page_view("/", timestamp=time) for time in times] + [page_view("/")])
    assert [dict(record.headers)["ce_time"] for record in request.records] == [
        b"2026-03-30T12:00:00.001Z",
        b"2026-03-30T12:00:00.000Z",
        b"2009-12-31T23:59:59.050Z",
        b"2026-03-30T12:00:00.999Z",
    ]


async def test_the_example_of_the_docs_reads_a_record() -> None:
    page = (Path(__file__).parents[2] / "docs" / "contracts.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.S)
    request = await published([page_view("/shop")])
    headers, value = request.records[0].headers, request.records[0].value
    record = SimpleNamespace(headers=headers, value=value, key=request.key)
    names: dict[str, Any] = {"record": record, "decode": lambda value: decode(value)[1]}
    exec(example, names)
    assert names["event"].get_data()["page"] == names["event"].get_subject() == "/shop"


async def test_without_an_own_format_and_with_the_older_interface_the_sdk_takes_them_too() -> None:
    """The older interface would fill in the time of reading if the header were missing."""
    request = await published(mixed_batch())
    for record in request.records:
        headers = dict(record.headers)
        event = from_binary(KafkaMessage(headers, request.key, record.value), JSONFormat())
        data = event.get_data()
        # Values that happen to be UTF-8 come as text.
        assert (data.encode() if isinstance(data, str) else data) == record.value
        old = old_from_binary(
            OldKafkaMessage(headers, request.key, record.value), data_unmarshaller=lambda value: value
        )
        assert datetime.fromisoformat(old["time"]) == event.get_time()


@pytest.mark.parametrize("page", ["", "/a\tb", "/a\x7fb", "/a\u2028b"])
async def test_a_page_that_cloudevents_forbids_as_a_subject_is_only_in_the_value(page: str) -> None:
    (record,) = (await published([page_view(page)])).records
    assert "ce_subject" not in dict(record.headers)


async def test_a_subject_has_nothing_personal_in_it() -> None:
    page = "https://ann:secret@shop.example/cart/ann@example.org?token=abc#top"
    (record,) = (await published([page_view(page)])).records
    assert dict(record.headers)["ce_subject"] == b"/cart/[email]"


async def test_every_schema_is_found_in_the_registry_by_its_uri() -> None:
    transport = httpx.ASGITransport(build_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://registry") as client:
        for schema in by_id().values():
            scheme, _, path = schema.uri.partition(":")
            found = await client.get(path)
            assert (scheme, found.json()["schema"]) == ("footfall", schema.text)
            assert "immutable" in found.headers["cache-control"]
    assert by_id()[2001].uri == "footfall:/schemas/ids/2001"


async def test_the_size_of_a_record_is_about_what_it_takes_of_a_batch() -> None:
    request = await published(mixed_batch(), TRACED)
    for record in request.records:
        batch = BatchBuilder(1_000_000, 0)
        empty = batch.size()
        batch.append(key=request.key, value=record.value, timestamp=None, headers=list(record.headers))
        size, subject = batch.size() - empty, dict(record.headers).get("ce_subject", b"")
        assert size - len(subject) - len("ce_subject") <= record.size <= size + 100
        # Batches are limited to about half of what the client library allows.
        assert size <= 1.5 * record.size
