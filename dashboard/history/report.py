"""What a query says of itself while it runs. No I/O."""

from dataclasses import dataclass
from typing import Protocol

from dashboard.history.result import Result


class Report(Protocol):
    """Whoever waits for a result: hears what is read, and of each part as soon as it is there."""

    @property
    def is_patient(self) -> bool:
        """Whether it waits for minutes, as a reader does who sees what is read; programs rather hear why not."""

    def reading(self, text: str) -> None:
        """What is read now, as a sentence without its end."""

    def found(self, result: Result) -> None:
        """The result as far as it is known: totals and steps, and some of the panels."""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Forwards what is read. Each kind makes something else of what is found."""

    to: Report

    @property
    def is_patient(self) -> bool:
        return self.to.is_patient

    def reading(self, text: str) -> None:
        self.to.reading(text)


class _Nobody:
    """Waits for the whole result only."""

    is_patient = False

    def reading(self, text: str) -> None:
        pass

    def found(self, result: Result) -> None:
        pass


NOBODY = _Nobody()
