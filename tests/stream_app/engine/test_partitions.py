"""The cycle of a worker's partitions: clear, recover, work, emit again."""

import struct

import pytest

from stream_app.engine.changelog import changelog_key, fenced
from stream_app.engine.partitions import OwnedPartitions
from stream_app.state.dimensions import LIVE_AGGREGATES
from stream_app.state.partition import PartitionState
from tests.support.events import NOON, Record, encoded, event


def owned_partitions() -> OwnedPartitions:
    return OwnedPartitions(
        lambda: PartitionState(LIVE_AGGREGATES, limit=100, min_total_events=20, grace_ms=600_000)
    )


def test_what_was_emitted_is_emitted_again_when_all_is_dirty() -> None:
    owned = owned_partitions()
    owned.finish_recovery({0})
    state = owned.partitions[0].state
    state.apply([Record(0, NOON, None, encoded(event("click")))])
    first = state.snapshot()
    assert first is not None
    assert state.snapshot() is None
    owned.mark_all_dirty()
    assert state.snapshot() == first


def test_a_new_owner_continues_where_the_changelog_ends() -> None:
    before = owned_partitions()
    before.finish_recovery({3})
    before.partitions[3].state.apply([Record(offset, NOON, None, encoded(event("click"))) for offset in range(5)])
    snapshot = before.partitions[3].state.snapshot()
    assert snapshot is not None

    after = owned_partitions()
    for offset, (key, payload) in enumerate(snapshot.values):
        after.read_changelog(3, offset, changelog_key(3, key), fenced(snapshot.fence, payload))
    after.finish_recovery({3, 4})
    assert (after.partitions[3].durable, after.partitions[3].state.totals) == (5, {"click": 5})
    assert after.partitions[3].changelog_next == len(snapshot.values)
    assert after.partitions[4].durable == 0
    assert after.lag({3: 7, 4: 0}) == 2

    after.clear()
    assert (after.partitions, after.recovered, after.accepting) == ({}, False, False)


FOREIGN = {
    "no key": (None, b"12345678"),
    "a key of others": (b"test", b"hello, I am a test message"),
    "a key that is not UTF-8": (b"\xff|c", b"12345678"),
    "a name that is not UTF-8": (b"3|\xff", b"12345678"),
    "a short value": (b"3|c", b"x"),
    "a short value of a part": (b"3|events|1", b"x"),
    "a tombstone": (b"3|c", None),
    "a control that is not JSON": (b"3|c", struct.pack(">qq", 1, 2**40) + b"oops"),
    "a control that is not an object": (b"3|c", struct.pack(">qq", 1, 2**40) + b"[]"),
    "a control of other types": (b"3|c", struct.pack(">qq", 1, 2**40) + b'{"position": "1", "watermark": 0}'),
    "an unknown part": (b"3|nothing|1", struct.pack(">qq", 0, 2) + b"{}"),
}
UNREADABLE = {
    "events|1": b"\xff\xff",
    "events|2": b"[]",
    "events|3": b'["a", {}]',
    "ids|0": b"\xff\xff",
    "rates|1|1": b"",
    "active_users|7": b"rubbish beyond words",
}


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_foreign_record_of_the_changelog_is_passed_over_wherever_it_is(
    foreign: tuple[bytes | None, bytes | None], caplog: pytest.LogCaptureFixture
) -> None:
    written = _changelog()
    for place in range(len(written) + 1):
        records, owned = [*written[:place], foreign, *written[place:]], owned_partitions()
        for offset, (key, value) in enumerate(records):
            owned.read_changelog(3, offset, key, value)
        owned.finish_recovery({3})
        assert owned.partitions[3].state.totals == {"click": 5}
        assert owned.partitions[3].changelog_next == len(records)
    if foreign != FOREIGN["an unknown part"]:
        assert f"/3 are not of the state and are passed over, first at offsets [{len(written)}]" in caplog.text


@pytest.mark.parametrize("key", UNREADABLE)
def test_a_value_of_others_under_a_key_of_ours_costs_what_it_replaced_and_nothing_else(
    key: str, caplog: pytest.LogCaptureFixture
) -> None:
    *values, control = _changelog()
    fence = struct.unpack_from(">qq", control[1] or b"")
    foreign = changelog_key(3, key), fenced(fence, UNREADABLE[key])
    owned = owned_partitions()
    for offset, record in enumerate([*values, foreign, control]):
        owned.read_changelog(3, offset, *record)
    owned.finish_recovery({3})
    assert owned.partitions[3].state.totals == {"click": 5}
    assert f"keys: ['{key}']" in caplog.text


def _changelog() -> list[tuple[bytes | None, bytes | None]]:
    before = owned_partitions()
    before.finish_recovery({3})
    before.partitions[3].state.apply([Record(offset, NOON, None, encoded(event("click"))) for offset in range(5)])
    snapshot = before.partitions[3].state.snapshot()
    assert snapshot is not None
    return [(changelog_key(3, key), fenced(snapshot.fence, payload)) for key, payload in snapshot.values]
