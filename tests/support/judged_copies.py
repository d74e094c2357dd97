"""Copies of events in several partitions, and sinks in memory that land them in any order and judge them."""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from hypothesis import strategies as st

from avro_schemas import event_ids
from sinks.landing.judge import Copy, Outcome, judge
from tests.support.events import NOON, Record, encoded, event

PARTITIONS = 3
MINUTE = 60_000


class Sent(NamedTuple):
    """A copy of event `number` that reaches a partition `age` minutes after the time in its id."""

    number: int
    partition: int
    age: int
    lands: bool


class Stream(Protocol):
    """What counts the records of all partitions."""

    def fold(self, outcome: Outcome) -> None:
        """Count a record by the log of its partition alone."""

    def correct(self, outcome: Outcome, *, again: bool) -> None:
        """Follow a correction."""


@dataclass
class Sinks:
    """What the sinks know: rows with the partition that counted them, copies without a row."""

    rows: dict[bytes, int | None] = field(default_factory=dict)
    counted: set[Copy] = field(default_factory=set)
    judged_to: dict[int, int] = field(default_factory=dict)

    def land(self, batch: list[Outcome], stream: Stream) -> None:
        """Land a batch, judge it, and correct the stream app."""
        there = {(each, part) for each, part in self.rows.items() if part is not None}
        outcomes = []
        for each in batch:
            if not each.reason and each.event_id in self.rows:
                each = Outcome(each.partition, each.record, each.event_id, each.received_at, "duplicate")
            elif not each.reason:
                self.rows[each.event_id] = each.partition if each.fresh else None
            outcomes.append(each)
        judgement = judge(outcomes[::-1], there | self.counted, self.judged_to)
        self.counted.update(judgement.counted)
        for verdict in judgement.verdicts:
            stream.correct(verdict.outcome, again=verdict.again)
        for each in outcomes:
            seen = self.judged_to.get(each.partition, 0)
            self.judged_to[each.partition] = max(seen, each.record.offset + 1)


def outcome(sent: Sent, offset: int) -> Outcome:
    event_id, appended = event_ids.generate(NOON, bytes([sent.number]) * 10), NOON + sent.age * MINUTE
    record = Record(offset, appended, None, encoded(event("click", appended, event_id=event_id)))
    reason = "" if sent.lands else "row_rejected"
    return Outcome(sent.partition, record, event_ids.to_uuid(event_id).bytes, appended, reason)


COPIES = st.builds(
    Sent,
    number=st.integers(0, 4),
    partition=st.integers(0, PARTITIONS - 1),
    age=st.integers(-2, 8),
    # What Postgres rejects, it rejects again; only another event with the same id may land.
    lands=st.sampled_from((True, True, True, False)),
)
TURNS = st.lists(st.integers(0, PARTITIONS - 1), min_size=40, max_size=40)
SIZES = st.lists(st.integers(1, 5), min_size=40, max_size=40)


def logs(copies: list[Sent]) -> list[list[Outcome]]:
    """The copies as logs of partitions: in each, append times grow."""
    ordered = sorted(copies, key=lambda each: each.age)
    return [
        [
            outcome(each, offset)
            for offset, each in enumerate(each for each in ordered if each.partition == partition)
        ]
        for partition in range(PARTITIONS)
    ]


def read(all_logs: list[list[Outcome]], turns: list[int], sizes: list[int], sinks: Sinks, stream: Stream) -> None:
    """Land the logs to their ends: of the partitions in any order, some records at a time."""
    left = [list(each) for each in all_logs]
    for turn, size in zip([*turns, *range(PARTITIONS)], [*sizes, *([1_000] * PARTITIONS)], strict=False):
        # The batch of one process may have records of two partitions.
        first, second = left[turn % PARTITIONS], left[(turn + 1) % PARTITIONS]
        batch = first[:size] + second[: size // 2]
        del first[:size], second[: size // 2]
        sinks.land(batch, stream)
    sinks.land([each for log in left for each in log], stream)
