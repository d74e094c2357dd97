"""Bytes that are not exactly one of our values are undecodable, with a reason."""

import pytest

from avro_schemas.reasons import REASONS
from avro_schemas.schema import latest
from avro_schemas.wire import codec

ERASURE = {"user_key": "75" * 16, "requested_at": 1767225600000, "receipt": None, "scope": "user"}


@pytest.fixture
def value() -> bytes:
    return codec.encode(latest()["erasure"], ERASURE)


def test_a_value_starts_with_a_zero_and_its_schema_id(value: bytes) -> None:
    assert value[:5] == b"\0" + latest()["erasure"].id.to_bytes(4, "big")
    assert codec.decode(value) == (latest()["erasure"], ERASURE)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        pytest.param(lambda value: None, "value_empty", id="no value"),
        pytest.param(lambda value: b"", "value_empty", id="empty value"),
        pytest.param(lambda value: b"\0\0\0", "prefix_missing", id="shorter than the prefix"),
        pytest.param(lambda value: b'{"json": 1}', "prefix_missing", id="JSON"),
        pytest.param(lambda value: b"\0\0\0\0\x07" + value[5:], "schema_unknown", id="foreign schema id"),
        pytest.param(lambda value: value[:-1], "body_undecodable", id="truncated"),
        pytest.param(lambda value: value[:5], "body_undecodable", id="prefix only"),
        pytest.param(lambda value: value + b"!", "body_undecodable", id="bytes behind the record"),
    ],
)
def test_an_invalid_value_is_undecodable_for_a_reason(value: bytes, broken: object, reason: str) -> None:
    with pytest.raises(codec.Undecodable) as refused:
        codec.decode(broken(value))  # type: ignore[operator] # a function, which parametrize cannot say
    assert refused.value.reason == reason
    assert reason in REASONS


def test_a_field_that_the_schema_does_not_have_cannot_be_encoded() -> None:
    with pytest.raises(ValueError, match="colour"):
        codec.encode(latest()["erasure"], ERASURE | {"colour": 1})
