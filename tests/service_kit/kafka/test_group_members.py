"""Members of our groups that are not ours are named, with what they take."""

from service_kit.kafka.group_members import Member, explain, foreign, strangers

GROUP = "footfall-sinks"
OURS = Member(GROUP, "10.0.0.1", (0, 1))
GUEST = Member("rdkafka", "10.0.0.9", (2, 3))


def test_a_stranger_is_named_with_its_partitions() -> None:
    reason = foreign(GROUP, [OURS, GUEST], {0, 1})
    assert reason is not None
    assert "rdkafka at 10.0.0.9 has partitions 2, 3. End them" in reason
    assert reason == explain(GROUP, [GUEST])


def test_our_own_members_and_a_guest_without_partitions_are_nobody_to_report() -> None:
    assert strangers(GROUP, [OURS, Member("rdkafka", "10.0.0.9", ())]) == []
    assert foreign(GROUP, [OURS], {0, 1}) is None


def test_a_group_that_cannot_be_seen_although_we_are_in_it_has_a_client_of_the_newer_protocol() -> None:
    assert "KIP-848" in (foreign(GROUP, [], {0, 1}) or "")
    # We have no partitions yet: it is a rebalance, or the group is new.
    assert foreign(GROUP, [], set()) is None
