"""Numbers for names that many rows share: event types and devices."""

from collections.abc import Sequence

import psycopg

from sinks.landing.rows import Device, EventRow


class Dictionaries:
    """The numbers known so far. New names get one in a transaction of their own: an orphan does no harm."""

    def __init__(self) -> None:
        self.types: dict[str, int] = {}
        self.devices: dict[Device, int] = {}

    def forget(self) -> None:
        """Ask Postgres again: entries that a crash took back may get other numbers."""
        self.types, self.devices = {}, {}

    def add(self, connection: psycopg.Connection, rows: Sequence[EventRow]) -> None:
        """Know every name of these rows. The connection must be in autocommit."""
        if new_types := sorted({row.event_type for row in rows} - self.types.keys()):
            self._add_types(connection, new_types)
        if new_devices := sorted({row.device for row in rows} - self.devices.keys()):
            self._add_devices(connection, new_devices)

    def _add_types(self, connection: psycopg.Connection, names: Sequence[str]) -> None:
        for name in names:
            connection.execute("insert into event_types (name) values (%s) on conflict do nothing", [name])
        self.types = dict(connection.execute("select name, id from event_types").fetchall())

    def _add_devices(self, connection: psycopg.Connection, devices: Sequence[Device]) -> None:
        insert = "insert into devices (browser, system, kind, bot) values (%s, %s, %s, %s) on conflict do nothing"
        for device in devices:
            connection.execute(insert, device)
        found = connection.execute("select id, browser, system, kind, bot from devices").fetchall()
        self.devices = {Device(*names): number for number, *names in found}
