"""What can go wrong while landing, one class a decision."""


class StoreUnavailable(Exception):
    """Postgres cannot take the batch now. Wait, read the offsets again, go on.

    `state_class` is the class of its SQLSTATE, `08` where the connection broke.
    """

    def __init__(self, said: str, state_class: str = "08") -> None:
        self.state_class = state_class
        super().__init__(said)


class TookTooLong(StoreUnavailable):
    """Postgres gave up on the batch as it took too long. Try a smaller one."""


class Fenced(Exception):
    """Somebody else has moved these partitions' offsets; nothing was written."""

    def __init__(self, partitions: list[int]) -> None:
        self.partitions = partitions
        super().__init__(f"another owner has moved partitions {partitions}")


class Halted(Exception):
    """A person must look; nothing is lost meanwhile. Tried again now and then. The message says what to do."""


class StoreRefuses(Halted):
    """Postgres refuses in a way that neither waiting nor another batch mends: a password, a missing column."""


class TooManyDeadLetters(Halted):
    """So many records cannot land that the fault is more likely ours than theirs."""


class CannotGoOn(Exception):
    """Going on would lose events or hide a mistake; a person must decide. The message says what to do."""
