"""Recently acknowledged events are recognised when they are sent again."""

from producer_api.intake.recent_ids import RecentIds, content_hash


def test_a_duplicate_is_recognised_by_sender_id_and_content() -> None:
    recent, content = RecentIds(max_ids=2), content_hash({"a": 1, "b": 2})
    assert recent.check(b"ann", "evt_1", content) == "new"
    recent.add(b"ann", "evt_1", content)
    assert recent.check(b"ann", "evt_1", content_hash({"b": 2, "a": 1})) == "duplicate"
    assert recent.check(b"ann", "evt_1", content_hash({"a": 2})) == "conflict"
    assert recent.check(b"bob", "evt_1", content) == "new"
    recent.add(b"ann", "evt_2", content)
    recent.add(b"ann", "evt_3", content)
    assert recent.check(b"ann", "evt_1", content) == "new"  # bounded
