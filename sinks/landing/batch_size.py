"""How many rows a transaction takes: more while the lag grows, fewer where Postgres is too slow for them. Pure."""


class BatchSize:
    """Rows of the next batch: between one and `most`, `usual` when there is no reason for another number."""

    def __init__(self, usual: int, most: int) -> None:
        self._usual, self._most = usual, max(usual, most)
        self._ceiling = self._most
        self._lag = 0
        self.rows = usual

    def landed(self, records: int, lag: int) -> None:
        """Note a batch that landed, and how many records wait behind it."""
        if lag == 0:
            self._ceiling, self.rows = self._most, self._usual
        elif records >= self.rows and lag > self._lag:
            self.rows = min(self.rows * 2, self._ceiling)
        self._lag = lag

    def took_too_long(self) -> bool:
        """Halve, until the lag is gone; whether there was anything to halve."""
        if self.rows == 1:
            return False
        self.rows //= 2
        self._ceiling = self.rows
        return True
