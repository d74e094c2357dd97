"""A correction survives its record, also for records of events that others made as large as they could."""

import pytest

from avro_schemas.correction import DUPLICATE, MAX_EVENT_BYTES, Correction, decode_correction, encode_correction
from avro_schemas.schema import latest
from avro_schemas.wire import codec
from avro_schemas.wire.codec import Undecodable

CORRECTION = Correction(
    number=7,
    topic_id="",
    event_offset=4711,
    event_id="evt_019b76da940070008000000000000001",
    is_row=False,
    reason=DUPLICATE,
    again=False,
    appended_at=1_767_225_660_000,
    key=b"00112233445566778899aabbccddeeff",
    event=b"\0\0\0\x07\xd1event",
)


def with_event(event: bytes, key: bytes | None) -> Correction:
    return Correction(
        **{name: getattr(CORRECTION, name) for name in CORRECTION.__slots__} | {"event": event, "key": key}
    )


@pytest.mark.parametrize("key", [None, CORRECTION.key])
def test_a_correction_is_read_as_it_was_written(key: bytes | None) -> None:
    correction = with_event(CORRECTION.event, key)
    assert decode_correction(*encode_correction(correction)) == correction


def test_an_event_that_is_too_large_for_a_record_is_left_out() -> None:
    key, value = encode_correction(with_event(b"x" * (MAX_EVENT_BYTES + 1), b"k" * 1_000_000))
    assert len(key or b"") + len(value) < 10_000
    assert decode_correction(key, value).event == b""
    key, value = encode_correction(with_event(b"x" * MAX_EVENT_BYTES, None))
    assert len(value) < 1_000_000
    assert len(decode_correction(key, value).event) == MAX_EVENT_BYTES


def test_other_values_are_not_corrections() -> None:
    erasure = codec.encode(
        latest()["erasure"], {"user_key": "", "requested_at": 0, "receipt": None, "scope": "user"}
    )
    for value in (None, b"", b"garbage", erasure):
        with pytest.raises(Undecodable):
            decode_correction(None, value)
