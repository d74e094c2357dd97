"""What can go wrong while landing, one class a decision."""


class StoreUnavailable(Exception):
    """Postgres cannot take the batch now. Wait, read the offsets again, go on."""


class Fenced(Exception):
    """Somebody else has moved these partitions' offsets; nothing was written."""

    def __init__(self, partitions: list[int]) -> None:
        self.partitions = partitions
        super().__init__(f"another owner has moved partitions {partitions}")


class CannotGoOn(Exception):
    """Going on would lose events or hide a mistake; a person must decide. The message says what to do."""
