"""Event ids have their time, and nothing else can be read from them."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas import event_ids

moments = st.integers(0, 2**48 - 1)
noise = st.binary(min_size=event_ids.RANDOM_BYTES, max_size=event_ids.RANDOM_BYTES)


@given(moments, noise)
def test_a_generated_id_is_a_uuid7_that_has_its_time(now: int, random: bytes) -> None:
    event_id = event_ids.generate(now, random)
    assert event_ids.is_valid(event_id)
    assert event_ids.timestamp_ms(event_id) == now
    assert event_ids.to_uuid(event_id).version == 7
    assert event_ids.to_uuid(event_id).variant == UUID(int=0x8 << 60).variant
    assert event_ids.from_bytes(event_ids.to_uuid(event_id).bytes) == event_id


@given(moments, noise, noise)
def test_other_random_bytes_make_another_id(now: int, one: bytes, other: bytes) -> None:
    # 74 of the 80 random bits are used: six give way to version and variant.
    same = int.from_bytes(one, "big") % 2**74 == int.from_bytes(other, "big") % 2**74
    assert (event_ids.generate(now, one) == event_ids.generate(now, other)) is same


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("018f3a5e7c0070008000000000000001", id="without evt_"),
        pytest.param("evt_018f3a5e7c0040008000000000000001", id="version 4"),
        pytest.param("evt_018f3a5e7c007000c000000000000001", id="other variant"),
        pytest.param("evt_018F3A5E7C0070008000000000000001", id="upper case"),
        pytest.param("evt_018f3a5e7c0070008000000000000001\n", id="line break behind"),
        pytest.param("evt_018f3a5e-7c00-7000-8000-000000000001", id="hyphens"),
    ],
)
def test_anything_else_is_not_an_id(text: str) -> None:
    assert not event_ids.is_valid(text)
