"""What became of the events."""

import threading
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Counters:
    """Since this process began. `tracked` + `adopted` = all others together, but for `retries`."""

    # Given to `track`.
    tracked: int = 0
    # Left on disk by a process that ended, and taken over.
    adopted: int = 0
    # The collector has stored them.
    accepted: int = 0
    # The collector had stored them before: an answer was lost.
    duplicates: int = 0
    # The collector said what is wrong with them; so does the log.
    rejected: int = 0
    # Given up: not JSON, too large, over the bound of what may wait, or still waiting at the end.
    dropped: int = 0
    # Waiting to be sent, or to be answered.
    waiting: int = 0
    # Requests that failed, so that their events were sent again.
    retries: int = 0


class Tally:
    """Counters that several threads add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = asdict(Counters())

    def add(self, **counts: int) -> None:
        """Add to some of the counters."""
        with self._lock:
            for name, count in counts.items():
                self._counts[name] += count

    def snapshot(self, waiting: int) -> Counters:
        """The counters now."""
        with self._lock:
            return Counters(**(self._counts | {"waiting": waiting}))
