"""The collector writes what fastavro writes, and its writer rejects exactly what has faults."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas import varints
from avro_schemas.schema import CUSTOM, event_schema, typed_events
from avro_schemas.validation import event_data_writer, faults
from avro_schemas.wire import codec
from avro_schemas.wire.event_writer import write_device, write_event, write_request_parts
from tests.support.avro_strategies import fitting
from tests.support.events import fresh_id

keys = st.none() | st.binary(min_size=16, max_size=16)
moments = st.integers(0, 2**42)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20)
event_types = st.sampled_from([*typed_events(), "click"])
surrogates = st.text(st.characters(), max_size=5)


def some_data(event_type: str) -> st.SearchStrategy[Any]:
    """Objects near the schema: its own fields and others, right and wrong values."""
    if event_schema(event_type).name == CUSTOM:
        return st.dictionaries(texts, scalars | surrogates, max_size=5)
    event_data = event_schema(event_type).definition["fields"][-1]["type"]
    names = st.sampled_from([field["name"] for field in event_data["fields"]] * 5 + ["other"])
    values = scalars | st.text(max_size=20) | st.dictionaries(texts, scalars, max_size=3) | st.lists(scalars)
    return st.dictionaries(names, values, max_size=6) | scalars


def fitting_data(event_type: str) -> st.SearchStrategy[Any]:
    return fitting(event_schema(event_type).definition["fields"][-1]["type"])


@given(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 9_000))
def test_whole_numbers_are_written_as_avro_demands(number: int) -> None:
    value = codec.encode(event_schema("click"), fields("click", {"n": number}))
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
        assert codec.encode(event_schema(event_type), fields(event_type, event_data)).endswith(write(event_data))


@given(
    data=st.data(),
    event_type=event_types,
    times=st.tuples(moments, st.none() | moments, moments),
    hashes=st.tuples(keys, keys, keys),
    time_flag=st.sampled_from(["unknown", "ok", "past", "clamped"]),
    device=st.tuples(
        texts, texts, st.sampled_from(["unknown", "desktop", "mobile", "tablet", "bot"]), st.none() | texts
    ),
    page=st.none() | texts,
)
def test_an_event_is_written_as_fastavro_writes_it(
    data: st.DataObject,
    event_type: str,
    times: tuple[int, int | None, int],
    hashes: tuple[bytes | None, bytes | None, bytes | None],
    time_flag: str,
    device: tuple[str, str, str, str | None],
    page: str | None,
) -> None:
    event_data = data.draw(fitting_data(event_type))
    occurred_at, sent_at, received_at = times
    keys_and_hashes = dict(zip(("user_key", "session_key", "ip_hash"), hashes, strict=True))
    event_id = fresh_id()
    ours = write_event(
        event_type,
        event_id,
        occurred_at,
        time_flag,
        write_request_parts(sent_at=sent_at, received_at=received_at, **keys_and_hashes),
        write_device(*device),
        page,
        event_data,
    )
    record = fields(event_type, event_data) | {
        "event_id": event_id,
        "occurred_at": occurred_at,
        "sent_at": sent_at,
        "received_at": received_at,
        "time_flag": time_flag,
        "page": page,
        "device": dict(zip(("browser", "system", "kind", "bot"), device, strict=True)),
        **keys_and_hashes,
    }
    assert ours == codec.encode(event_schema(event_type), record)


def fields(event_type: str, event_data: Any) -> dict[str, Any]:
    """An event with nothing but its data."""
    return {
        "event_id": fresh_id(),
        "event_type": event_type,
        "occurred_at": 1,
        "time_flag": "ok",
        "sent_at": None,
        "received_at": 2,
        "user_key": None,
        "session_key": None,
        "ip_hash": None,
        "device": {"browser": "", "system": "", "kind": "bot", "bot": None},
        "page": None,
        "event_data": event_data,
    }
