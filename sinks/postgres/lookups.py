"""Numbers for names that many rows share: event types and devices."""

from collections.abc import Sequence

import psycopg

from sinks.landing.rows import Device, EventRow
from sinks.sql import read_statements

_SQL = read_statements(__name__)


class LookupTables:
    """The numbers that are known so far, in memory.

    New names get their numbers in transactions of their own, before that of the batch. If the batch is rolled
    back, a name that no row uses is left, which does no harm; within the batch, processes would wait for each
    other.
    """

    def __init__(self) -> None:
        self.types: dict[str, int] = {}
        self.devices: dict[Device, int] = {}

    def clear(self) -> None:
        """Read everything again: names that were lost in a crash of Postgres may get other numbers now."""
        self.types, self.devices = {}, {}

    def add(self, connection: psycopg.Connection, rows: Sequence[EventRow]) -> None:
        """Make sure that every name of these rows has a number. The connection must be in autocommit."""
        if new_types := sorted({row.event_type for row in rows} - self.types.keys()):
            for name in new_types:
                connection.execute(_SQL["add_type"], [name])
            self.types = dict(connection.execute(_SQL["types"]).fetchall())
        if new_devices := sorted({row.device for row in rows} - self.devices.keys()):
            for device in new_devices:
                connection.execute(_SQL["add_device"], device)
            found = connection.execute(_SQL["devices"]).fetchall()
            self.devices = {Device(*names): number for number, *names in found}
