"""Events that are folded but not yet counted by name: columns are counted many at once, which is cheap."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from avro_schemas.events import Row
from avro_schemas.projection import Group
from stream_app.dimensions import COMMON_COLUMNS, MINUTE_MS, SESSION, SLOT_MS, own_columns

_OWN_COLUMNS = own_columns()


@dataclass(slots=True)
class Minute:
    """The rows of one minute, in the order of the log."""

    keys: list[bytes | None] = field(default_factory=list)
    common: list[Group] = field(default_factory=list)
    own: dict[str, list[Group]] = field(default_factory=dict)

    def common_columns(self) -> Mapping[str, Sequence[Any]]:
        """The columns that all events have, by name."""
        return _columns(COMMON_COLUMNS, self.common)

    def own_columns(self) -> Iterator[tuple[str, Mapping[str, Sequence[Any]]]]:
        """Each schema's own columns, by name."""
        for schema, rows in self.own.items():
            yield schema, _columns(_OWN_COLUMNS[schema], rows)

    def users(self) -> list[bytes]:
        """The different record keys."""
        return _different(self.keys)

    def sessions(self) -> list[bytes]:
        """The different sessions."""
        return _different(self.common_columns()[SESSION])


class Pending:
    """What waits to be counted."""

    def __init__(self) -> None:
        self.slots: dict[int, list[str]] = {}
        self.minutes: dict[int, Minute] = {}
        self._slot = self._minute = -1
        self._types: list[str] = []
        self._rows = Minute()

    def add(self, moment: int, key: bytes | None, row: Row) -> None:
        """Put an event down for the windows of `moment` (milliseconds since 1970)."""
        if moment // SLOT_MS != self._slot:
            self._turn_to(moment)
        schema, _id, _occurred_at, common, own = row
        self._types.append(common[0])
        rows = self._rows
        rows.keys.append(key)
        rows.common.append(common)
        if own:
            rows.own.setdefault(schema, []).append(own)

    def clear(self) -> None:
        """All of it is counted."""
        self.__init__()  # type: ignore[misc] # as new

    def _turn_to(self, moment: int) -> None:
        self._slot, self._minute = moment // SLOT_MS, moment // MINUTE_MS
        self._types = self.slots.setdefault(self._slot, [])
        self._rows = self.minutes.setdefault(self._minute, Minute())


def _columns(names: Sequence[str], rows: Sequence[Group]) -> Mapping[str, Sequence[Any]]:
    return dict(zip(names, zip(*rows, strict=True), strict=True))


def _different(keys: Sequence[bytes | None]) -> list[bytes]:
    return [key for key in dict.fromkeys(keys) if key is not None]
