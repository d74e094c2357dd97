"""Frames come back as they were written, and damage is detected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer_api.storage.frames import DamagedFrame, decode_frames, encode_frame
from producer_api.storage.records import PublishRequest, Record
from tests.support.events import NOON

records = st.builds(
    Record,
    st.just("evt_") | st.text(max_size=40),
    st.binary(max_size=300),
    st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=50)), max_size=6),
)
requests = st.builds(PublishRequest, st.none() | st.binary(max_size=16), st.lists(records, min_size=1, max_size=5))


@given(st.lists(requests, min_size=1, max_size=5))
def test_frames_decode_to_what_was_encoded(written: list[PublishRequest]) -> None:
    content = b"".join(encode_frame(request, NOON) for request in written)
    read = list(decode_frames(content, 100, is_end=True))
    assert [(f.request.key, list(f.request.records)) for f in read] == [
        (each.key, list(each.records)) for each in written
    ]
    assert read[-1].end == 100 + len(content)
    assert {frame.written_at for frame in read} == {NOON}


@given(requests, requests, st.data())
def test_a_frame_that_was_cut_or_not_finished_is_ignored(
    first: PublishRequest, second: PublishRequest, data: st.DataObject
) -> None:
    complete, incomplete = encode_frame(first, NOON), encode_frame(second, NOON)
    cut = data.draw(st.integers(0, len(incomplete) - 1))
    for content in (
        complete + incomplete[:cut],
        complete + incomplete[:cut].ljust(len(incomplete), b"\0"),
        complete + bytes(cut) + incomplete[cut:],
    ):
        assert [f.end for f in decode_frames(content, 0, is_end=True)] in (
            [len(complete)],
            [len(complete), len(content)],
        )


@given(requests, st.data())
def test_a_flipped_bit_before_the_last_frame_is_detected(request: PublishRequest, data: st.DataObject) -> None:
    frame = encode_frame(request, NOON)
    at = data.draw(st.integers(0, len(frame) - 1))
    damaged = frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]
    with pytest.raises(DamagedFrame):
        list(decode_frames(damaged + frame, 0, is_end=True))
