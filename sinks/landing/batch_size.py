"""Decides how many rows a transaction takes: more while the lag grows, fewer if the store is too slow. No I/O."""


class BatchSize:
    """Rows of the next batch: `usual`, unless the lag or a timeout is a reason for another number."""

    def __init__(self, usual: int, max_rows: int) -> None:
        self._usual, self._max_rows = usual, max(usual, max_rows)
        # How far batches may grow: below `max_rows` after a timeout, so that the size that timed out is not tried
        # again until the lag is gone.
        self._ceiling = self._max_rows
        # The lag after the previous batch: a batch grows only if it was full and the lag rose all the same.
        self._lag = 0
        self.rows = usual

    def landed(self, records: int, lag: int) -> None:
        """Take note of a batch that landed, and of how many records are left behind it."""
        if lag == 0:
            self._ceiling, self.rows = self._max_rows, self._usual
        elif records >= self.rows and lag > self._lag:
            self.rows = min(self.rows * 2, self._ceiling)
        self._lag = lag

    def timed_out(self) -> bool:
        """Halve the size, until the lag is gone. Return False if it is one row already."""
        if self.rows == 1:
            return False
        self.rows //= 2
        self._ceiling = self.rows
        return True
