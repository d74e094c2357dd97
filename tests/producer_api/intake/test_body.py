"""A body becomes an envelope of raw events, or is rejected with a reason."""

import gzip
import json
from typing import Any

import pytest

from producer_api.errors import RequestRejected, status_of
from producer_api.intake import body
from producer_api.intake.body import Envelope
from tests.support.events import NOON


def parse(value: Any, max_events: int = 10) -> Envelope:
    return body.parse(json.dumps(value).encode(), max_events)


def rejection(call: object, *arguments: object) -> tuple[int, str]:
    with pytest.raises(RequestRejected) as rejected:
        call(*arguments)  # type: ignore[operator] # a function, which the test passes
    return status_of(rejected.value.fault.code), rejected.value.fault.code


def test_gzip_is_decompressed_up_to_the_limit() -> None:
    assert body.decompress(gzip.compress(b"[1]"), "gzip", 100) == b"[1]"
    assert body.decompress(b"[1]", "", 100) == b"[1]"
    assert rejection(body.decompress, gzip.compress(b"0" * 10_000_000), "gzip", 1000) == (413, "body_too_large")
    assert rejection(body.decompress, b"not gzip", "gzip", 100) == (400, "gzip_invalid")
    assert rejection(body.decompress, gzip.compress(b"[1]")[:-4], "gzip", 100) == (400, "gzip_invalid")
    assert rejection(body.decompress, b"", "gzip", 100) == (400, "gzip_invalid")
    assert rejection(body.decompress, b"x", "br", 100) == (415, "media_type_unsupported")


def test_the_first_id_of_an_event_is_found_before_the_body_is_read() -> None:
    first, other = "evt_019b76da940070008000000000000001", "evt_019b76da940070008000000000000002"
    text = b'{"events": [{"event_id" : "%b"}, {"event_id": "%b"}]}' % (first.encode(), other.encode())
    assert body.first_event_id(text, "") == body.first_event_id(gzip.compress(text), "gzip") == first
    # Not behind 64 KiB, however well it is packed; and whatever cannot be read has none.
    far = b" " * 10_000_000 + text
    nothing = [
        (far, ""),
        (gzip.compress(far), "gzip"),
        (b"not gzip", "gzip"),
        (b"", "gzip"),
        (b'{"event_id": 7}', ""),
    ]
    assert [body.first_event_id(*each) for each in nothing] == [None] * len(nothing)


def test_all_members_of_a_gzip_stream_are_read_and_nothing_else_may_follow() -> None:
    members = gzip.compress(b"[1,") + gzip.compress(b"2]")
    assert body.decompress(members, "gzip", 100) == b"[1,2]"
    assert body.decompress(members + b"\0" * 512, "gzip", 100) == b"[1,2]"
    for behind in (b"x", b"\x1f\x8b", gzip.compress(b"3")[:-1]):
        assert rejection(body.decompress, members + behind, "gzip", 100) == (400, "gzip_invalid")
    assert rejection(body.decompress, members, "gzip", 4) == (413, "body_too_large")
    assert rejection(body.decompress, gzip.compress(b"") * 5_000, "gzip", 100) == (400, "gzip_invalid")


@pytest.mark.parametrize("text", ["{", "", "NaN", '"\\ud800"', "{'a': 1}", "[1", '["a', "[{]}"])
def test_what_is_not_json_is_rejected(text: str) -> None:
    assert rejection(body.parse, text.encode(), 10) == (400, "json_invalid")


def test_endless_brackets_are_too_deep() -> None:
    assert rejection(body.parse, b"[" * 100_000, 10) == (400, "too_deep")
    assert rejection(body.parse, b"[" * 100_000 + b"]" * 100_000, 10) == (400, "too_deep")


def test_a_single_event_a_list_and_an_envelope_are_distinguished() -> None:
    assert parse({"event_type": "x"}) == Envelope([{"event_type": "x"}], single=True)
    assert parse([1, 2]) == Envelope([1, 2], single=False)
    assert parse({"events": [1]}) == Envelope([1], single=False)
    assert rejection(parse, {"events": [1], "batch": 7}) == (400, "field_unknown")
    assert rejection(parse, []) == (400, "events_missing")
    assert rejection(parse, "text") == (400, "events_missing")
    assert rejection(parse, {"events": {}}) == (400, "events_missing")
    assert rejection(parse, [1] * 11) == (413, "too_many_events")


def test_the_time_of_sending_is_read_and_checked() -> None:
    sent_at = "2026-01-01T12:00:00.001Z"
    assert parse({"events": [1], "sent_at": sent_at}).sent_at == NOON + 1
    assert parse({"event_type": "click", "sent_at": sent_at}) == Envelope(
        [{"event_type": "click"}], True, NOON + 1
    )
    assert parse({"event_type": "click", "sent_at": None}) == Envelope([{"event_type": "click"}], single=True)
    assert parse({"event_type": "click"}).sent_at is None
    assert parse([1]).sent_at is None
    assert rejection(parse, {"sent_at": 5}) == (400, "timestamp_invalid")
    assert parse({"events": [1], "sent_at": "1970-01-01T00:00:00Z"}).sent_at == 0
    for year in ("1969", "2100"):
        assert rejection(parse, {"sent_at": f"{year}-12-31T23:59:59Z"}) == (400, "timestamp_out_of_range")


def test_the_number_of_events_that_a_browser_dropped_is_read_and_checked() -> None:
    envelope = parse({"events": [1], "sent_at": None, "sdk": "0.1.0", "dropped": 3})
    assert envelope == Envelope([1], single=False, dropped=3)
    assert parse({"events": [1]}).dropped == parse([1]).dropped == parse({"dropped": 3}).dropped == 0
    assert rejection(parse, {"events": [1], "dropped": True}) == (400, "type_mismatch")
    assert rejection(parse, {"events": [1], "dropped": -1}) == (400, "out_of_range")
    assert rejection(parse, {"events": [1], "dropped": 10**9}) == (400, "out_of_range")
