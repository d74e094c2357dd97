"""A projection reads what the codec reads, and takes nothing else for a value."""

from binascii import unhexlify
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.schema import Schema, by_id, typed_events
from avro_schemas.wire import codec
from avro_schemas.wire.event_reader import KEYS
from avro_schemas.wire.projection import UNREADABLE, projection
from tests.support.avro_strategies import fitting

HEAD = ("event_id", "event_type", "occurred_at", "sent_at", "received_at", "release", "utm_content", "source")
DEVICE = ("device.browser", "device.kind", "time_flag", "page")
EVENTS = [schema for schema in by_id().values() if schema.name in (*typed_events(), "custom")]
key_texts = st.none() | st.binary(min_size=16, max_size=16).map(bytes.hex)
READERS = {
    schema.id: projection(
        schema,
        [
            HEAD,
            DEVICE,
            KEYS,
            [f"event_data.{field['name']}" for field in schema.wire["fields"][-1]["type"]["fields"]],
        ],
        keys=KEYS,
    )
    for schema in EVENTS
}


@st.composite
def values(draw: st.DrawFn) -> tuple[Schema, bytes]:
    schema = draw(st.sampled_from(EVENTS))
    event = draw(fitting(schema.wire)) | draw(st.fixed_dictionaries(dict.fromkeys(KEYS, key_texts)))
    return schema, codec.encode(schema, event)


def expected(value: bytes) -> tuple[Any, ...]:
    """The same fields by way of the codec."""
    _schema, event = codec.decode(value)
    device = event["device"]
    *own, properties = event["event_data"].values()
    return (
        tuple(event[name] for name in HEAD),
        (device["browser"], device["kind"], event["time_flag"], event["page"]),
        tuple(unhexlify(event[name]) if event[name] is not None else None for name in KEYS),
        (*own, properties.encode()),
    )


@given(values())
def test_a_projection_reads_what_the_codec_reads(drawn: tuple[Schema, bytes]) -> None:
    schema, value = drawn
    assert READERS[schema.id](value) == expected(value)


@given(values(), st.data())
def test_a_projection_reads_nothing_that_the_codec_rejects(
    drawn: tuple[Schema, bytes], data: st.DataObject
) -> None:
    schema, value = drawn
    broken = bytearray(value)
    for _ in range(data.draw(st.integers(1, 3))):
        broken[data.draw(st.integers(codec.PREFIX_SIZE, len(value) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(broken[: data.draw(st.integers(codec.PREFIX_SIZE, len(value) + 1))])
    try:
        read = READERS[schema.id](cut)
    except UNREADABLE:
        return  # the codec decides
    assert read == expected(cut)
