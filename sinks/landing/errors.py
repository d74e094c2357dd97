"""What can go wrong while landing: one class per decision."""


class StoreUnavailable(Exception):
    """The store cannot take the batch now. Wait, read the offsets again, go on.

    `sqlstate_class` is the class of Postgres's SQLSTATE: `08` if the connection broke.
    """

    def __init__(self, message: str, sqlstate_class: str = "08") -> None:
        self.sqlstate_class = sqlstate_class
        super().__init__(message)


class WriteTimeout(StoreUnavailable):
    """The store gave up on the batch because it took too long. Try a smaller one."""


class Fenced(Exception):
    """Another owner, or a replay, has moved the offsets of these partitions. Nothing was written."""

    def __init__(self, partitions: list[int]) -> None:
        self.partitions = partitions
        super().__init__(f"another owner or a replay has moved the offsets of partitions {partitions}")


class Halted(Exception):
    """An operator must act; nothing is lost meanwhile, and landing tries again now and then.

    The message says what to do.
    """


class StoreMisconfigured(Halted):
    """The store rejects statements, whatever the batch and however long we wait: a password, a missing column."""


class TooManyDeadLetters(Halted):
    """So many records cannot land that the fault is more likely ours than theirs."""


class CannotContinue(Exception):
    """Continuing would lose events or hide a mistake. An operator must decide; the message says what to do."""
