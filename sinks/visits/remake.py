"""Makes again what events touch, however they came: late, of several people, after a sign-in or a removal.

First the runs of the browsers that are touched, which tells whose each event is; then the visits of the persons
whose parts these were, or are. What is touched is found by index.
"""

from collections.abc import Mapping

import psycopg
from psycopg import sql

from sinks.sql import read_statements

_SQL = read_statements(__name__)
_COLUMNS = (
    "person",
    "is_user",
    "started_at",
    "ended_at",
    "chain_started_at",
    "chain_ended_at",
    "views",
    "events",
    "interactions",
    "pages",
    "routes",
    "types",
    "context",
    "arrival",
)
_REPLACE_VISITS = _SQL["replace_visits"].format(
    columns=sql.SQL(", ").join(map(sql.Identifier, _COLUMNS)),
    excluded=sql.SQL(", ").join(sql.Identifier("excluded", name) for name in _COLUMNS),
)


def create_tables(connection: psycopg.Connection) -> None:
    """Create what it works with; empty between steps."""
    connection.execute(_SQL["create_tables"].as_bytes())


class Remake:
    """Its statements, in their order. `too_old` and `flooded` count what is left out of visits."""

    def __init__(self, connection: psycopg.Connection, parameters: Mapping[str, object]) -> None:
        self._connection, self._parameters = connection, parameters
        self.too_old = self.flooded = 0

    def leave_out(self) -> None:
        """Leave out what occurred too long ago, and what is of a flood."""
        self.too_old += self._run("leave_out_old")
        self.flooded += self._run("leave_out_flooded")

    def touch(self, *, removed: bool) -> int:
        """Find the browsers whose parts have to be made again. Return how many there are."""
        touched = self._run("touch")
        return touched + self._run("touch_removed") if removed else touched

    def make_parts(self, *, removed: bool) -> None:
        """Make the parts on each browser again, and note whose they were and are."""
        self._run("link")
        self._run("take_parts")
        if removed:
            self._run("leave_out_removed")
            self.too_old += self._run("leave_out_old")
            self._run("forget_links")
        self._run("find_runs")
        if self._run("find_floods"):
            self.flooded += self._run("leave_out_flooded")
            self._run("forget_runs")
            self._run("find_runs")
        self._run("find_owners")
        self._run("make_parts")
        if self._connection.execute(_SQL["are_shared"]).fetchone() == (True,):
            self._run("make_shared_parts")

    def make_visits(self) -> None:
        """Make the visits of these persons again."""
        self._run("find_visits")
        self._run("make_visits")
        self._connection.execute(_REPLACE_VISITS)

    def _run(self, name: str) -> int:
        return self._connection.execute(_SQL[name], self._parameters).rowcount
