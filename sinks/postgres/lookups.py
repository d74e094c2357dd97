"""Numbers for names that many rows share: event types and devices."""

from collections.abc import Sequence

import orjson
import psycopg

from avro_schemas.event_types import event_type_names, is_event_name
from avro_schemas.live_aggregates import OTHER
from sinks import metrics
from sinks.landing.event_row import Device, EventRow
from sinks.landing.rows import LocatedRow
from sinks.settings import DEFAULT_MAX_PROPOSED
from sinks.sql import read_statements

_SQL = read_statements(__name__)

# A site sees some hundreds. Crafted user agents can make any number.
_MAX_DEVICES_IN_MEMORY = 100_000


class LookupTables:
    """The numbers that are known so far, in memory.

    New names get their numbers in transactions of their own, before that of the batch. If the batch is rolled
    back, a name that no row uses is left, which does no harm; within the batch, processes would wait for each
    other.

    Names of the catalogue always get a number, others only up to `max_proposed`: beyond that, and if they are not
    of the form of a name, their rows are of the type `*`.
    """

    def __init__(self, max_proposed: int = DEFAULT_MAX_PROPOSED) -> None:
        self._max_proposed = max_proposed
        self.types: dict[str, int] = {}
        self.devices: dict[Device, int] = {}

    def clear(self) -> None:
        """Read everything again: names that were lost in a crash of Postgres may get other numbers now."""
        self.types, self.devices = {}, {}

    def add(self, connection: psycopg.Connection, rows: Sequence[EventRow]) -> None:
        """Make sure that every name that `fold` leaves in these rows has a number.

        The connection must be in autocommit.
        """
        event_types = {row.event_type for row in rows}
        if not event_types <= self.types.keys():
            self._read_types(connection)
            if missing := self._missing(event_types):
                for name in missing:
                    connection.execute(_SQL["add_type"], [name])
                self._read_types(connection)
        if new_devices := sorted({row.device for row in rows} - self.devices.keys()):
            if len(self.devices) > _MAX_DEVICES_IN_MEMORY:
                self.devices = {}
                new_devices = sorted({row.device for row in rows})
            names = dict(zip(Device._fields, map(list, zip(*new_devices, strict=True)), strict=True))
            connection.execute(_SQL["add_devices"], names)
            found = connection.execute(_SQL["devices"], names).fetchall()
            self.devices |= {Device(*names): number for number, *names in found}

    def fold(self, rows: list[LocatedRow]) -> list[LocatedRow]:
        """The rows, those whose type has no number as rows of the type `*`, with type and data in `event_data`."""
        if all(row.event_type in self.types for _partition, _record, row in rows):
            return rows
        return [
            (partition, record, row if row.event_type in self.types else _as_other(row))
            for partition, record, row in rows
        ]

    def _read_types(self, connection: psycopg.Connection) -> None:
        self.types = dict(connection.execute(_SQL["types"]).fetchall())

    def _missing(self, event_types: set[str]) -> list[str]:
        """The names to add. Several processes may add at once, and then a few more than `max_proposed`."""
        new, catalogue = event_types - self.types.keys(), event_type_names()
        room = max(0, self._max_proposed - len(self.types.keys() - catalogue - {OTHER}))
        proposed = sorted(filter(is_event_name, new - catalogue))[:room]
        others = {OTHER} if len(new) > len(new & catalogue) + len(proposed) else set()
        return [*sorted(new & catalogue), *proposed, *(others - self.types.keys())]


def _as_other(row: EventRow) -> EventRow:
    metrics.OTHER_ROWS.inc()
    event_data = {"event_type": row.event_type, "event_data": orjson.Fragment(row.event_data)}
    return row._replace(event_type=OTHER, event_data=orjson.dumps(event_data))
