"""Small stand-ins for unit tests; each passes the suite of the real thing in tests/contracts."""

from collections.abc import Mapping
from uuid import UUID

from sinks.errors import Fenced
from sinks.landing import Fetched, Range, Written
from sinks.rows import Batch, Row, SourceRecord


class LocalStore:
    """An event store in memory."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Row] = {}
        self.next: dict[int, int] = {}

    def prepare(self) -> None:
        """Nothing to prepare."""

    def offsets(self, begins: Mapping[int, int]) -> dict[int, int]:
        return {partition: self.next.setdefault(partition, begin) for partition, begin in begins.items()}

    def write(self, batch: Batch) -> Written:
        if fenced := [p for p, span in batch.spans.items() if self.next.get(p) != span.start]:
            raise Fenced(fenced)
        new = {row.event_id: row for _partition, _record, row in batch.rows if row.event_id not in self.rows}
        self.rows |= new
        self.next |= {partition: span.next for partition, span in batch.spans.items()}
        repeats = len(batch.rows) - len(new) + sum(span.duplicates for span in batch.spans.values())
        return Written(len(new), repeats, batch.dead_letters)


class LocalSource:
    """A log in memory; `gather` gives what is left of it, a few records at a time."""

    def __init__(self, log: dict[int, list[SourceRecord]], begins: Mapping[int, int] | None = None) -> None:
        self._log, self._begins = log, begins or {}
        self._at: dict[int, int] = {}
        self.reassigned = True
        self.paused = 0.0

    async def ranges(self) -> dict[int, Range]:
        self.reassigned = False
        return {p: Range(self._begins.get(p, 0), len(records)) for p, records in self._log.items()}

    async def seek(self, positions: Mapping[int, int]) -> None:
        self._at = dict(positions)

    async def gather(self, most: int, seconds: float) -> Fetched:
        fetched = {p: self._log[p][at : at + most] for p, at in self._at.items() if at < len(self._log[p])}
        self._at |= {p: self._at[p] + len(records) for p, records in fetched.items()}
        return fetched

    async def wait_paused(self, seconds: float) -> None:
        self.paused += seconds

    async def report_progress(self, positions: Mapping[int, int]) -> None:
        """Nobody asks."""
