"""The collector writes what fastavro writes, and its writer rejects exactly what has faults."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas import varints
from avro_schemas.schema import CUSTOM, event_schema, typed_events
from avro_schemas.validation import event_data_writer, faults
from avro_schemas.wire import codec
from avro_schemas.wire.event_reader import KEYS
from avro_schemas.wire.event_writer import (
    TIME_FLAGS,
    write_arrival,
    write_device,
    write_event,
    write_request_parts,
)
from tests.support.avro_strategies import sendable
from tests.support.events import NOON, event, fresh_id, in_avro

ARRIVAL = ("source", "channel", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
moments = st.integers(0, 2**42)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20)
free = st.recursive(
    scalars | st.just("x" * 2_001),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)
optional = st.none() | texts
event_types = st.sampled_from([*typed_events(), "click"])
surrogates = st.text(st.characters(), max_size=5)


def some_data(event_type: str) -> st.SearchStrategy[Any]:
    """Objects near the schema: its own fields and others, right and wrong values."""
    if event_schema(event_type).name == CUSTOM:
        return st.dictionaries(texts, free | surrogates, max_size=5) | free
    event_data = event_schema(event_type).definition["fields"][-1]["type"]
    names = st.sampled_from([field["name"] for field in event_data["fields"]] * 5 + ["other"])
    values = scalars | st.text(max_size=20) | free
    return st.dictionaries(names, values, max_size=6) | scalars


@given(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 9_000))
def test_whole_numbers_are_written_as_avro_demands(number: int) -> None:
    value = encoded("click", {"n": 1}, occurred_at=number)
    assert varints.long(number) in value
    assert number < 0 or varints.length(number) == varints.long(number)


@given(st.data(), event_types)
def test_the_writer_of_event_data_rejects_exactly_what_has_faults(data: st.DataObject, event_type: str) -> None:
    event_data = data.draw(some_data(event_type))
    write = event_data_writer.writer_for(event_schema(event_type))
    if faults.find_faults(event_schema(event_type), event_data):
        with pytest.raises(event_data_writer.InvalidEventData):
            write(event_data)
    else:
        assert encoded(event_type, event_data).endswith(write(event_data))


@given(
    data=st.data(),
    event_type=event_types,
    times=st.tuples(moments, st.none() | moments, moments),
    keys=st.fixed_dictionaries(dict.fromkeys(KEYS, st.none() | st.binary(min_size=16, max_size=16))),
    time_flag=st.sampled_from(TIME_FLAGS),
    device=st.tuples(texts, texts, texts, optional),
    request=st.fixed_dictionaries(
        {"site": texts}, optional=dict.fromkeys(("country", "region", "language", "screen", "release"), optional)
    ),
    place=st.tuples(optional, optional, optional),
    arrival=st.tuples(*[optional] * len(ARRIVAL)),
)
def test_an_event_is_written_as_fastavro_writes_it(
    data: st.DataObject,
    event_type: str,
    times: tuple[int, int | None, int],
    keys: dict[str, bytes | None],
    time_flag: str,
    device: tuple[str, str, str, str | None],
    request: dict[str, Any],
    place: tuple[str | None, str | None, str | None],
    arrival: tuple[str | None, ...],
) -> None:
    event_data = data.draw(sendable(event_schema(event_type)))
    occurred_at, sent_at, received_at = times
    texts_of_keys = {name: key and key.hex() for name, key in keys.items()}
    hostname, page, route = place
    event_id = fresh_id()
    ours = write_event(
        event_type,
        event_id,
        occurred_at,
        time_flag,
        write_request_parts(sent_at=sent_at, received_at=received_at, **texts_of_keys, **request),
        write_device(*device),
        hostname,
        page,
        route,
        write_arrival(*arrival),
        event_data,
    )
    theirs = encoded(
        event_type,
        event_data,
        event_id=event_id,
        occurred_at=occurred_at,
        sent_at=sent_at,
        received_at=received_at,
        time_flag=time_flag,
        hostname=hostname,
        page=page,
        route=route,
        device=dict(zip(("browser", "system", "kind", "bot"), device, strict=True)),
        **keys,
        **request,
        **dict(zip(ARRIVAL, arrival, strict=True)),
    )
    assert ours == theirs


def encoded(event_type: str, event_data: Any, **changes: Any) -> bytes:
    """An event as fastavro writes it."""
    schema = event_schema(event_type)
    fields = event(event_type, NOON, **{"event_data": event_data, **changes})
    return codec.encode(schema, in_avro(schema, fields))
