"""Which copies of events are there already, by the end of their topic."""

from dataclasses import dataclass, field

import pytest

from service_kit.kafka.record import Headers
from stream_app.copies import MAX_COPY_BYTES, NOTHING, Copied, copied, copy, fits


@dataclass(frozen=True, slots=True)
class Record:
    offset: int
    timestamp: int
    headers: Headers = field(default=())
    key: bytes | None = b"key"
    value: bytes | None = b"value"


def copy_of(source_offset: int, timestamp: int) -> Record:
    return Record(0, timestamp, (("ce_type", b"page_view"), ("source_offset", str(source_offset).encode())))


def test_a_copy_is_the_original_with_its_offset_in_one_more_header() -> None:
    original = Record(41, 1_000, (("ce_type", b"page_view"), ("traceparent", None)))
    made = copy(original)
    assert (made.key, made.value, made.timestamp) == (b"key", b"value", 1_000)
    assert made.headers == (*original.headers, ("source_offset", b"41"))


def test_what_is_at_the_end_of_the_topic_is_there_and_what_is_newer_is_not() -> None:
    reached = copied([copy_of(7, 990), copy_of(9, 1_000)])
    assert reached == Copied(timestamp=1_000, offset=9)
    assert [offset for offset in range(5, 12) if reached.covers(Record(offset, 1_000))] == [5, 6, 7, 8, 9]


def test_without_copies_nothing_is_there() -> None:
    assert copied([]) == NOTHING
    assert not NOTHING.covers(Record(0, 0))


@pytest.mark.parametrize("header", [b"", b"-1", b"x", b"\xff", b"9" * 5_000, None])
def test_records_of_others_say_nothing(header: bytes | None) -> None:
    assert copied([Record(5, 9_999, (("source_offset", header),)), Record(6, 9_999), copy_of(3, 10)]) == Copied(
        10, 3
    )


def test_what_a_former_owner_published_late_does_not_hide_newer_copies() -> None:
    assert copied([copy_of(20, 2_000), copy_of(15, 1_500)]) == Copied(2_000, 20)


def test_a_topic_that_was_created_again_begins_with_old_offsets_at_new_times() -> None:
    """Its first events are not taken for those of the deleted topic, nor for others of the same millisecond."""
    deleted = copied([copy_of(5_000, 1_000)])
    assert not deleted.covers(Record(0, 2_000))
    begun = copied([copy_of(5_000, 1_000), copy_of(0, 2_000)])
    assert [begun.covers(Record(offset, 2_000)) for offset in (0, 1)] == [True, False]


def test_a_copy_that_no_batch_has_room_for_does_not_fit() -> None:
    assert fits(copy(Record(1, 1)))
    assert not fits(copy(Record(1, 1, value=b"v" * MAX_COPY_BYTES)))
    assert not fits(copy(Record(1, 1, key=b"k" * MAX_COPY_BYTES)))
    assert not fits(copy(Record(1, 1, headers=(("h" * MAX_COPY_BYTES, None),))))
