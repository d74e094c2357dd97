"""Which files answer a question, whatever files there are."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.columns.plan import DAY, HOUR, Behind, ColumnFile, DayState, Missing, Plan, Source, plan

START = 20_000 * DAY
NINE, TEN, ELEVEN, TWELVE = (START + hour * HOUR for hour in (9, 10, 11, 12))


def day(hours: dict[int, int], erased: int = 0, dropped: int = 0, **changes: bool) -> DayState:
    return DayState(start=START, hours=hours, erased=erased, dropped=dropped, as_of="20:20:", **changes)


def file(hours: dict[int, int], path: str = "a", erased: int = 0, dropped: int = 0, as_of: str = "") -> ColumnFile:
    return ColumnFile(
        path=path,
        first=min(hours),
        end=max(hours) + HOUR,
        hours=hours,
        erased=erased,
        dropped=dropped,
        as_of=as_of,
    )


def test_a_file_with_the_counts_of_the_snapshot_is_read_whole() -> None:
    hours = {NINE: 5, ELEVEN: 2}
    assert plan([day(hours)], [file(hours)], START, START + DAY) == Plan((Source("a", NINE, TWELVE),), (), ())


def test_only_hours_that_overlap_the_period_are_read() -> None:
    hours = {NINE: 5, TEN: 1, ELEVEN: 2}
    assert plan([day(hours)], [file(hours)], TEN + 1, ELEVEN).sources == (
        Source("a", TEN, ELEVEN, ((TEN, ELEVEN),)),
    )


def test_an_hour_in_which_more_landed_is_missing_and_the_others_are_read() -> None:
    then, now = {NINE: 5, TEN: 1, ELEVEN: 2}, day({NINE: 5, TEN: 2, ELEVEN: 2})
    planned = plan([now], [file(then)], START, START + DAY)
    assert planned == Plan(
        (Source("a", NINE, TWELVE, ((NINE, TEN), (ELEVEN, TWELVE))),), (), (Missing(now, TEN, ELEVEN),)
    )
    assert planned.missing_rows == 2
    again = plan([now], [file(then), file({TEN: 2}, "b")], START, START + DAY)
    assert not again.missing
    assert {source.path for source in again.sources} == {"a", "b"}


def test_an_hour_in_which_more_landed_since_a_known_snapshot_is_behind() -> None:
    then, now = {NINE: 5, ELEVEN: 2}, day({NINE: 5, TEN: 1, ELEVEN: 3})
    older, newer = file({NINE: 5, ELEVEN: 1}, "older", as_of="8:9:"), file(then, "newer", as_of="10:11:")
    planned = plan([now], [older, newer], START, START + DAY)
    assert planned == Plan((Source("newer", NINE, TWELVE),), (Behind(newer, now, (TEN, ELEVEN)),), ())
    planned = plan([now], [newer], START, START + DAY, unknown={("newer", ELEVEN)})
    assert planned.behind == (Behind(newer, now, (TEN,)),)
    assert planned.missing == (Missing(now, ELEVEN, TWELVE),)
    packed = plan([day({NINE: 6}, is_packed=True)], [newer], START, START + DAY)
    assert (packed.sources, packed.behind) == ((), ())


@pytest.mark.parametrize("changes", [{"erased": 1}, {"dropped": 1}, {"is_uncertain": True}])
def test_a_day_that_was_changed_otherwise_is_missing_as_a_whole(changes: dict[str, int]) -> None:
    hours = {NINE: 5, TEN: 1}
    assert plan([day(hours, **changes)], [file(hours)], START, START + DAY).sources == ()  # type: ignore[arg-type]


def test_a_day_without_rows_needs_nothing() -> None:
    assert plan([day({NINE: 5}, erased=2, dropped=3)], [], START, START + DAY) == Plan((), (), ())


def test_to_find_an_hour_of_a_packed_day_all_of_it_is_read() -> None:
    (missing,) = plan([day({NINE: 5, TEN: 7}, is_packed=True)], [], NINE, TEN).missing
    assert (missing.first, missing.end, missing.rows) == (NINE, TEN, 12)


HOURS = st.dictionaries(st.integers(0, 23).map(lambda hour: START + hour * HOUR), st.integers(1, 3), min_size=1)
STATES = st.integers(0, 1)


MADE = st.lists(st.tuples(HOURS, STATES, st.sampled_from(["", "10:11:", "21:22:"])), max_size=6)


@given(HOURS, STATES, MADE, st.integers(0, 24), st.integers(0, 24))
def test_every_hour_is_read_once_from_a_file_that_is_exact_or_behind_or_is_missing(
    hours: dict[int, int], erased: int, made: list[tuple[dict[int, int], int, str]], first: int, end: int
) -> None:
    state = day(hours, erased=erased)
    files = {str(n): file(each, str(n), erased=then, as_of=as_of) for n, (each, then, as_of) in enumerate(made)}
    planned = plan([state], files.values(), START + first * HOUR, START + end * HOUR)
    if state.is_gone:
        assert planned == Plan((), (), ())
        return
    read = Counter[int]()
    for source in planned.sources:
        of_file = files[source.path]
        spans = source.spans or ((of_file.first, of_file.end),)
        read.update(hour for hour in of_file.hours for low, high in spans if low <= hour < high)
    usable = [each for each in files.values() if each.erased == erased]
    exact = {hour for hour in hours if any(each.hours.get(hour) == hours[hour] for each in usable)}
    inside = {hour for hour in hours if first * HOUR <= hour - START < end * HOUR}
    behind = Counter(hour for each in planned.behind for hour in each.hours)
    followed = {
        hour
        for hour in inside - exact
        for each in usable
        if each.transactions in range(1, 21) and each.first <= hour < each.end
    }
    absent = {hour for hour in hours for each in planned.missing if each.first <= hour < each.end}
    assert behind == Counter(followed)
    for each in planned.behind:
        assert all(each.file.hours.get(hour, 0) != hours[hour] for hour in each.hours)
        assert each.file.erased == erased
    had = {hour for each in planned.behind for hour in each.hours if hour in each.file.hours}
    assert read == Counter((exact & inside) | had)
    assert absent == inside - exact - followed
