"""Limits that other collectors found, by the records of `user-rates`."""

from avro_schemas.schema import latest
from avro_schemas.wire.codec import encode
from producer_api.limits.cluster import ClusterLimits
from tests.support.events import Record

KEY = bytes(range(16))


def rate(user_key: str, until: int | None) -> Record:
    fields = {
        "measured_at": 0,
        "window_seconds": 60,
        "events": 101,
        "limit": 100,
        "partition": 0,
        "source_offset": 1,
    }
    value = {**fields, "user_key": user_key, "blocked_until": until, "final": False}
    return Record(0, 0, None, encode(latest()["user_rate"], value))


def test_records_of_others_are_passed_over_and_those_behind_them_count() -> None:
    limits = ClusterLimits()
    others = [rate("not hex", 9_000), rate("ab", 9_000), rate("ü" * 32, 9_000), Record(0, 0, None, b"rubbish")]
    limits.apply(0, [*others, rate(KEY.hex(), 9_000)])
    assert limits.blocked_ms(KEY, now=1_000) == 8_000
    limits.apply(0, [*others, rate(KEY.hex(), None)])
    assert limits.blocked_ms(KEY, now=1_000) == 0
