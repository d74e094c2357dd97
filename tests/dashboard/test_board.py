"""The live counts: sums of the newest partials, in whatever order they come."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dashboard.board import MINUTE_MS, Board
from dashboard.rejections import SHOWN_LAST, Rejections
from dashboard.snapshot import bars, clock, colour_of, snapshot
from tests.events import NOON


def partial(dimension: str, start: int, partition: int, offset: int, **counts: int) -> dict[str, Any]:
    seconds = 60 if start else 0
    return {
        "dimension": dimension,
        "window_start": start,
        "window_seconds": seconds,
        "partition": partition,
        "source_offset": offset,
        "watermark": NOON + offset,
        "counts": counts,
    }


# Of a partition and window a higher offset never has a lower count.
partials = st.lists(
    st.builds(lambda p, o: partial("total", 0, p, o, click=o + 1), st.integers(0, 3), st.integers(0, 50)),
    min_size=1,
)


@given(partials, st.randoms())
def test_neither_order_nor_repetition_of_partials_matters(partials: list[dict[str, Any]], chance: Any) -> None:
    board = Board()
    shuffled = partials * 2
    chance.shuffle(shuffled)
    for each in shuffled:
        board.merge(each)
    newest = {
        p["partition"]: max(q["source_offset"] for q in partials if q["partition"] == p["partition"])
        for p in partials
    }
    assert board.total() == {"click": sum(offset + 1 for offset in newest.values())}


def test_minutes_are_summed_over_partitions_and_old_ones_let_go() -> None:
    board = Board()
    minute = NOON // MINUTE_MS * MINUTE_MS
    board.merge(partial("events", minute, 0, 5, click=2))
    board.merge(partial("events", minute, 1, 9, click=1, scroll=4))
    board.merge(partial("events", minute - 2 * 3_600_000, 1, 9, click=100))
    assert board.minutes(NOON)[-1] == (minute, {"click": 3, "scroll": 4})
    assert len(board.minutes(NOON)) == 60
    board.forget_before(NOON)
    assert len(board._windows) == 1


def test_a_snapshot_sorts_types_by_count_and_names_every_outcome() -> None:
    board = Board()
    board.merge(partial("total", 0, 0, 1, click=1, scroll=5))
    board.merge(partial("outcome", 0, 0, 1, counted=6, late=1))
    shown = snapshot(board, Rejections(), NOON, connected=True)
    assert list(shown["total"]) == ["scroll", "click"]
    assert shown["outcomes"] == {"counted": 6, "late": 1, "duplicate": 0, "rejected": 0}
    assert shown["newest_event"] == NOON + 1


def test_bars_stack_to_the_height_of_the_highest_minute() -> None:
    board = Board()
    minute = NOON // MINUTE_MS * MINUTE_MS
    board.merge(partial("total", 0, 0, 1, click=3, scroll=1))
    board.merge(partial("events", minute, 0, 1, click=3, scroll=1))
    board.merge(partial("events", minute - MINUTE_MS, 0, 1, click=2))
    drawn = bars(snapshot(board, Rejections(), NOON, connected=True), 100)
    assert [(bar["x"], bar["height"], bar["colour"]) for bar in drawn] == [
        (58, 50.0, 0),
        (59, 75.0, 0),
        (59, 25.0, 1),
    ]
    assert drawn[-1]["y"] == 0.0


def rejected(at: int, reason: str, **more: Any) -> dict[str, Any]:
    fault = {"code": reason, "pointer": "/event_type", "expected": "another name", "got": ""}
    return {"rejected_at": at, "rejected_by": "producer_api", "reason": reason, "errors": [fault]} | more


def test_rejections_of_the_last_hour_are_counted_and_the_last_of_them_kept() -> None:
    rejections = Rejections()
    for minute in range(70):
        rejections.take(rejected(NOON - minute * MINUTE_MS, "field_missing", event_type=f"type {minute}"))
    rejections.take(rejected(NOON, "no such reason", event_type=None, errors=[]))
    shown = snapshot(Board(), rejections, NOON, connected=True)["rejections"]
    assert shown["last_hour"] == {"field_missing": 60, "unexpected": 1}
    assert len(shown["last"]) == SHOWN_LAST
    assert shown["last"][0]["at"] == NOON


def test_rare_types_share_a_colour_and_times_are_utc() -> None:
    assert list(colour_of({str(n): n for n in range(9)}).values()) == [0, 1, 2, 3, 4, 5, 5, 5, 5]
    assert clock(NOON) == "12:00:00"
