"""A person's first use of a feature counts once, in the minute in which it occurred, in whatever order events come."""

from collections import Counter
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.live_aggregates import FIRST_USES
from stream_app.state.dimensions import LIVE_AGGREGATES
from stream_app.state.first_uses import BEFORE, FirstUses
from stream_app.state.partition import PartitionState
from tests.support.events import NOON, Record, encoded, event, fresh_id, user_key
from tests.support.partition_states import MINUTE, everything, fold

PROGRAM = {"browser": "curl", "system": "unknown", "kind": "bot", "bot": "script"}
uses = st.fixed_dictionaries(
    {
        # An hour ago is too late for any window.
        "minutes_ago": st.sampled_from([0, 0, 1, 2, 5, 60]),
        "person": st.sampled_from(["ann", "bob", "visitor", None]),
        "data": st.sampled_from(
            [{"feature": "a"}, {"feature": "b"}, {"feature": "a", "on": True}, {"ratio": 0.5}]
        ),
        "is_program": st.sampled_from([False, False, False, True]),
    }
)
Uses = list[dict[str, Any]]


def new_state() -> PartitionState:
    return PartitionState(LIVE_AGGREGATES, limit=100, min_total_events=20, grace_ms=10 * MINUTE)


def records(used: Uses) -> list[Record]:
    log = []
    for offset, use in enumerate(used):
        whose = "visitor_key" if use["person"] == "visitor" else "user_key"
        fields = event(
            "feature_used",
            NOON,
            occurred_at=NOON - use["minutes_ago"] * MINUTE,
            event_data=use["data"],
            **{whose: use["person"] and user_key(use["person"])},
            **({"device": PROGRAM} if use["is_program"] else {}),
        )
        log.append(Record(offset, NOON, b"key", encoded(fields | {"event_id": fresh_id(NOON)})))
    return log


def shown(state: PartitionState) -> Counter[tuple[int, str]]:
    """First uses by minute, and by type, property and value."""
    return Counter(
        {
            (partial.start, name): count
            for partial in everything(state).partials
            if partial.dimension == FIRST_USES and partial.window_ms == MINUTE
            for name, count in (partial.counts or {}).items()
        }
    )


def expected(used: Uses) -> Counter[tuple[int, str]]:
    """The earliest use of each person and feature, if it was not too late."""
    earliest: dict[tuple[str, str], int] = {}
    for use in used:
        for name, value in use["data"].items():
            if use["person"] and not use["is_program"] and name != "ratio":
                pair = use["person"], f"feature_used\t{name}\t{str(value).lower()}"
                earliest[pair] = max(earliest.get(pair, 0), use["minutes_ago"])
    return Counter((NOON - ago * MINUTE, name) for (_, name), ago in earliest.items() if ago < 60)


@given(st.lists(uses, min_size=1, max_size=12), st.integers(0, 12), st.randoms(use_true_random=False))
def test_the_earliest_use_counts_whatever_the_order_the_batches_and_a_restart(
    used: Uses, cut: int, chance: Random
) -> None:
    log = records(used)
    whole, before, after = new_state(), new_state(), new_state()
    fold(whole, log)
    assert shown(whole) == expected(used)
    fold(before, log[:cut])
    if log[:cut]:
        after.restore(dict(everything(before).values))
    for record in log[cut:]:
        fold(after, [record])
        if chance.randrange(2):
            after.snapshot()
    assert shown(after) == expected(used)
    assert everything(after) == everything(whole)
    chance.shuffle(used)
    in_another_order = new_state()
    fold(in_another_order, records(used))
    assert shown(in_another_order) == expected(used)


def test_what_was_used_lately_is_remembered_and_what_was_not_is_forgotten() -> None:
    few = FirstUses(max_pairs=100)
    assert few.use(b"ann", "faithful", 1)
    assert few.use(b"ann", "once", 1)
    for number in range(400):
        assert few.use(b"ann", f"{number}", 2)
        assert not few.use(b"ann", "faithful", 2)
    assert few.use(b"ann", "once", 3)


def test_the_first_use_of_the_newest_pairs_moves_and_of_others_it_stays() -> None:
    few = FirstUses(max_recent=10)
    for number in range(11):
        few.use(b"ann", f"{number}", 100 + number)
    assert few.use(b"ann", "0", 50) is None
    assert [few.use(b"ann", "10", minute) is not None for minute in (109, 109, BEFORE, 100)] == [
        True,
        False,
        True,
        False,
    ]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=60), st.data())
def test_a_restart_at_any_point_gives_the_same_filters(used: list[tuple[int, int]], data: st.DataObject) -> None:
    """Values of filters that were forgotten are still in the changelog, under the places of newer ones."""
    changelog = dict[str, bytes]()
    one = FirstUses(max_pairs=12, max_recent=6)
    whole = FirstUses(max_pairs=12, max_recent=6)
    for number, minute in used:
        assert one.use(b"ann", f"{number}", minute) == whole.use(b"ann", f"{number}", minute)
        if data.draw(st.integers(0, 3)) == 0:
            changelog |= dict(one.changes())
            one = FirstUses(max_pairs=12, max_recent=6)
            one.restore(list(changelog.values()))
    for each in (one, whole):
        dict(each.changes())  # also pages that became empty since
        each.mark_all_dirty()
    assert dict(one.changes()) == dict(whole.changes())


def test_of_as_many_pairs_as_are_remembered_hardly_any_is_taken_for_another() -> None:
    few = FirstUses()
    pairs = [(b"%d" % person, f"{number}") for person in range(1_000) for number in range(4)]
    # 4,000 of 80,000: a filter of so much smaller pages would show in this.
    assert sum(few.use(*pair, 1) is None for pair in pairs) <= 1


def test_a_person_with_made_up_values_makes_nobody_elses_uses_forgotten() -> None:
    few = FirstUses()
    others = [(b"%d" % person, "faithful") for person in range(500)]
    assert all(few.use(*other, 1) for other in others)
    for number in range(170_000):  # as many as two filters have
        few.use(b"ann", f"{number}", 2)
    assert not any(few.use(*other, 3) for other in others)
