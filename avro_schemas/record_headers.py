"""The Kafka headers of every event: CloudEvents in binary mode. Never a schema id: the value's prefix has it."""

from collections.abc import Mapping
from types import MappingProxyType

EVENT_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "ce_specversion": "1.0: the version of CloudEvents.",
        "ce_id": "The event id, as in the value.",
        "ce_type": "The event type, as in the value: filter on it before decoding.",
        "ce_source": "/api/analytics/collect.",
        "content-type": "application/vnd.confluent.avro: five bytes of prefix, then Avro.",
        "traceparent": "W3C trace context, where the request had one.",
    }
)
