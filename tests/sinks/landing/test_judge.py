"""The judge corrects the stream app until it has counted every row once, and nothing else.

The model of the stream app is a dozen lines: what it counts by itself, and what a correction changes.
"""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from sinks.landing.judge import Copy, Outcome, counted_in, dead_letter_outcome, judge, row_outcome
from sinks.landing.rows import dead_letter, decode_batch
from tests.support.events import NOON, Record, encoded, event, user_key
from tests.support.judged_copies import COPIES, MINUTE, PARTITIONS, SIZES, TURNS, Sent, Sinks, logs, read


@dataclass
class Counts:
    """What the stream app counts."""

    total: Counter[bytes] = field(default_factory=Counter)
    uncertain: int = 0
    window: set[Copy] = field(default_factory=set)

    def fold(self, outcome: Outcome) -> None:
        """Count a record by the log of its partition alone."""
        if not outcome.fresh:
            self.uncertain += 1
        elif outcome.copy not in self.window:
            self.window.add(outcome.copy)
            self.total[outcome.event_id] += 1

    def correct(self, outcome: Outcome, *, again: bool) -> None:
        """Follow a correction."""
        if again or outcome.fresh:
            self.total[outcome.event_id] += 1 if not outcome.reason else -1
        else:
            self.uncertain -= 1
            self.total[outcome.event_id] += not outcome.reason


@given(st.lists(COPIES, max_size=30), TURNS, SIZES)
def test_after_all_corrections_each_row_is_counted_once_and_nothing_waits(
    copies: list[Sent], turns: list[int], sizes: list[int]
) -> None:
    all_logs, stream, sinks = logs(copies), Counts(), Sinks()
    for log in all_logs:
        for each in log:
            stream.fold(each)
    read(all_logs, turns, sizes, sinks, stream)
    assert +stream.total == dict.fromkeys(sinks.rows, 1)
    assert stream.uncertain == 0


@given(st.lists(COPIES, max_size=30), TURNS, SIZES)
def test_a_topic_that_is_read_again_corrects_only_what_lands_now(
    copies: list[Sent], turns: list[int], sizes: list[int]
) -> None:
    all_logs, stream, sinks = logs(copies), Counts(), Sinks()
    for log in all_logs:
        for each in log:
            stream.fold(each)
    read(all_logs, turns, sizes, sinks, stream)
    # Meanwhile what was rejected can land.
    fixed = [[Outcome(e.partition, e.record, e.event_id, e.received_at) for e in log] for log in all_logs]
    read(fixed, turns[::-1], sizes, sinks, stream)
    assert stream.total == dict.fromkeys({each.event_id for log in all_logs for each in log}, 1)
    assert stream.uncertain == 0


def test_a_usual_record_needs_no_correction() -> None:
    copies = [Sent(number, number % PARTITIONS, 0, True) for number in range(9)]
    outcomes = [each for log in logs(copies) for each in log]
    assert judge(outcomes, set(), {}).verdicts == []


def test_the_partition_of_fresh_rows_is_noted_also_among_others() -> None:
    def of(now: int, appended: int) -> Record:
        return Record(0, appended, None, encoded(event("click", now)))

    fresh = decode_batch({3: [of(NOON, NOON)], 5: [of(NOON, NOON + 4 * MINUTE)]}, {3: 0, 5: 0})
    assert counted_in(fresh.rows) == [3, 5]
    mixed = decode_batch(
        {3: [of(NOON, NOON)], 5: [of(NOON, NOON + 4 * MINUTE + 1)], 6: [of(NOON + 2 * MINUTE, NOON)]},
        {3: 0, 5: 0, 6: 0},
    )
    assert counted_in(mixed.rows) == [3, None, None]
    assert [row_outcome(each).fresh for each in mixed.rows] == [True, False, False]
    assert counted_in([]) == []


def test_of_dead_letters_only_events_that_the_stream_app_reads_are_judged() -> None:
    good = encoded(event("click", NOON, user_key=user_key("ann")))
    for value, reason in ((good, "row_rejected"), (good, "event_id_conflict")):
        found = dead_letter_outcome(dead_letter(1, Record(7, NOON, None, value), reason, ""))
        assert found
        assert (found.partition, found.record.offset, found.reason, found.fresh) == (1, 7, reason, True)
    unread = ((b"rubbish", "prefix_missing"), (None, "value_empty"), (good, "record_unreadable"))
    for value, reason in unread:
        assert dead_letter_outcome(dead_letter(1, Record(7, NOON, None, value), reason, "")) is None
