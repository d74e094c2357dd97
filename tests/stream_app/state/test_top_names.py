"""The most frequent names: whatever comes first, however it is cut, and wherever a crash comes."""

from collections import Counter
from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.live_aggregates import OTHER
from stream_app.state.top_names import Counts, TopNames, summed

MAX = 4
# Skewed, and with more names than there is room for.
NAMES = st.lists(st.sampled_from("aaaaaabbbcdefghij*"), max_size=120)


def counted(
    names: Sequence[str], *, sizes: Sequence[int] = (), restart: bool = False, room: int = MAX
) -> TopNames:
    """Names, added in batches of these sizes, and one by one behind them; at restarts from what was stored."""
    top, at = TopNames(room), 0
    for size in (*sizes, *[1] * len(names)):
        batch = names[at : at + size]
        at += size
        if batch:
            top.add(Counter(batch), lambda batch=batch: batch)  # type: ignore[misc] # bound now
        if restart:
            top = restored(top, room)
    return top


def restored(top: TopNames, room: int = MAX) -> TopNames:
    again = TopNames(room)
    again.restore(*orjson.loads(orjson.dumps(top.payload())))
    return again


@given(NAMES, st.lists(st.integers(1, 40), max_size=10), st.booleans())
def test_any_cuts_and_restarts_give_the_same_names_and_counts(
    names: list[str], sizes: list[int], restart: bool
) -> None:
    expected = counted(names)
    found = counted(names, sizes=sizes, restart=restart)
    assert orjson.dumps(found.payload()) == orjson.dumps(expected.payload())
    # What comes later is counted in the same way too.
    for top in (expected, found):
        top.add(Counter("xyz"))
    assert found.payload() == restored(expected).payload()


@given(NAMES)
def test_no_count_is_too_high_all_are_counted_and_what_had_room_is_exact(names: list[str]) -> None:
    top, true = counted(names).counts(), Counter(names)
    assert sum(top.values()) == len(names)
    assert len(top.keys() - {OTHER}) <= MAX
    assert all(count <= true[name] for name, count in top.items() if name != OTHER)
    if len(true.keys() - {OTHER}) <= MAX:
        assert top == true


@given(NAMES)
def test_who_has_more_than_one_in_max_names_of_the_events_is_there(names: list[str]) -> None:
    without_other = [name for name in names if name != OTHER]
    heavy = {name for name, count in Counter(without_other).items() if count > len(without_other) / MAX}
    assert heavy <= counted(names).counts().keys()


@pytest.mark.parametrize("junk_first", [True, False])
def test_five_hundred_junk_names_do_not_hide_the_home_page(junk_first: bool) -> None:
    top = TopNames(500)
    junk = [f"/junk/{number}" for number in range(500)]
    views = ["/home"] * 900 + [f"/{number % 40}" for number in range(100)]
    for batch in ([junk, views] if junk_first else [views, junk]) * 3:
        top.add(Counter(batch), batch.copy)
    counts = top.counts()
    assert counts["/home"] >= 2_699
    assert max(counts, key=lambda name: counts[name]) == "/home"
    assert sum(counts.values()) == 4_500


def test_of_the_lightest_names_the_one_goes_that_came_in_first() -> None:
    top = TopNames(3)
    top.add({"a": 1, "b": 2, "c": 1})
    top.add({"d": 1})
    assert top.payload() == [{"b": 2, "c": 1, "d": 1, OTHER: 1}, [0, 0, 1]]
    top.add({"e": 1})
    assert top.counts() == {"b": 2, "d": 1, "e": 1, OTHER: 2}
    top.add({"e": 1, "f": 1})
    # `b` and `d` weigh two, and `b` came in first.
    assert top.counts() == {"d": 1, "e": 2, "f": 1, OTHER: 4}


def test_names_are_bounded_in_bytes_and_end_between_two_characters() -> None:
    top = TopNames(9, max_name_bytes=8)
    top.add({"😀" * 3: 1, "😀" * 2: 1, "éx": 1, "xé": 1})
    assert top.counts() == {"😀😀": 2, "éx": 1, "xé": 1}
    top.add({"x" + "😀" * 2: 1})
    assert top.counts()["x😀"] == 1


def test_a_sum_has_the_summed_names_and_of_equals_the_first_ones() -> None:
    windows: list[Counts] = [{"a": 1, "b": 1, OTHER: 2}, {"c": 3, "a": 1, "d": 1}]
    assert summed(windows, 2) == {"c": 3, "a": 2, OTHER: 4}
    assert summed(windows, 3) == {"c": 3, "a": 2, "b": 1, OTHER: 3}
    assert summed(windows, 4) == {"a": 2, "b": 1, "c": 3, "d": 1, OTHER: 2}
    assert summed([], 4) == {}


@given(NAMES, st.data())
def test_what_is_taken_back_is_missing_from_the_sum_and_nothing_is_below_zero(
    names: list[str], data: st.DataObject
) -> None:
    top, again = counted(names), counted(names)
    for name in data.draw(st.lists(st.sampled_from(names), max_size=60)) if names else []:
        before = sum(top.counts().values())
        assert again.take_back(name) == top.take_back(name)
        again = restored(again)
        assert before - 1 <= sum(top.counts().values()) <= before
        for each in (top, again):
            each.add({"z": 1})
            assert min(each.counts().values()) > 0
        assert top.payload() == again.payload()


def test_a_name_that_was_counted_is_taken_back_from_itself_and_one_without_room_from_the_others() -> None:
    top = counted("aabbccddx")
    assert (top.counts(), top.take_back("a"), top.take_back("x")) == (
        {"b": 2, "c": 2, "d": 2, "x": 1, "*": 2},
        True,
        True,
    )
    assert top.counts() == {"b": 2, "c": 2, "d": 2, "*": 1}
    assert [top.take_back("a"), top.take_back("a")] == [True, False]
    assert top.counts() == {"b": 2, "c": 2, "d": 2}
