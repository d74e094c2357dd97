"""Records of `events` as a subscriber reads them who uses the CloudEvents SDK."""

from datetime import UTC, datetime
from typing import Any, Protocol

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat

from avro_schemas.schema import by_id
from avro_schemas.wire.codec import decode, schema_id_of


class AvroData(JSONFormat):
    """Data in Avro behind a schema id; the SDK itself knows JSON only."""

    def read_data(self, body: bytes, datacontenttype: str | None) -> dict[str, Any]:
        assert datacontenttype == "application/vnd.confluent.avro"
        return decode(body)[1]


class AnyRecord(Protocol):
    @property
    def headers(self) -> Any: ...
    @property
    def value(self) -> Any: ...


def cloud_event(record: AnyRecord, key: bytes | None) -> BaseCloudEvent:
    """The record by the SDK; everything that it takes from the headers agrees with the value."""
    event = from_binary(KafkaMessage(dict(record.headers), key, record.value), AvroData())
    data: Any = event.get_data()
    assert (event.get_id(), event.get_type()) == (data["event_id"], data["event_type"])
    assert event.get_time() == datetime.fromtimestamp(data["occurred_at"] / 1000, UTC)
    assert event.get_subject() == data["page"]
    assert event.get_dataschema() == by_id()[schema_id_of(record.value)].uri
    assert event.get_extension("partitionkey") == (data["user_key"] or data["session_key"] or data["visitor_key"])
    return event
