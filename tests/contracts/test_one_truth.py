"""The stream app and the judge of the sinks, each as it is: in the end live counts are the rows, whoever came first."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.correction import Correction
from sinks.landing.judge import Outcome
from stream_app.state.partition import PartitionState
from tests.support.events import Record
from tests.support.judged_copies import COPIES, PARTITIONS, SIZES, TURNS, Sent, Sinks, logs, read
from tests.support.partition_states import fold, new_state


class StreamApp:
    """The states of all partitions, which follow the corrections."""

    def __init__(self) -> None:
        self.states = [new_state() for _ in range(PARTITIONS)]
        self._published = Counter[int]()

    def fold(self, outcome: Outcome) -> None:
        assert isinstance(outcome.record, Record)
        fold(self.states[outcome.partition], [outcome.record])

    def correct(self, outcome: Outcome, *, again: bool) -> None:
        state, offset = self.states[outcome.partition], self._published[outcome.partition]
        self._published[outcome.partition] += 1
        correction = Correction(
            number=7 * offset,
            topic_id="",
            event_offset=outcome.record.offset,
            event_id="",
            is_row=not outcome.reason,
            reason=outcome.reason,
            again=again,
            appended_at=outcome.record.timestamp,
            key=outcome.record.key,
            event=outcome.record.value or b"",
        )
        assert not state.must_wait(correction)
        state.correct(offset, correction)

    def outcome(self, name: str) -> int:
        return sum(state.outcomes[name] for state in self.states)

    def total(self) -> int:
        return sum(sum(state.totals.values()) for state in self.states)


def counted(states: list[PartitionState]) -> int:
    return sum(state.outcomes["counted"] + state.outcomes["late"] for state in states)


@given(st.lists(COPIES, max_size=30), TURNS, SIZES, st.booleans())
def test_live_counts_are_the_rows(
    copies: list[Sent], turns: list[int], sizes: list[int], read_again: bool
) -> None:
    all_logs, stream, sinks = logs(copies), StreamApp(), Sinks()
    for log in all_logs:
        for each in log:
            stream.fold(each)
    read(all_logs, turns, sizes, sinks, stream)
    if read_again:
        # After a fix: what was rejected lands.
        fixed = [[Outcome(e.partition, e.record, e.event_id, e.received_at) for e in log] for log in all_logs]
        read(fixed, turns[::-1], sizes, sinks, stream)
    assert stream.total() == counted(stream.states) == len(sinks.rows)
    assert stream.outcome("uncertain") == 0
