"""The common case of a step: events after all that is known of their browser and person are put at its end.

They go on with the last visit, or begin one. That costs a quarter of making the visit again, with the same result:
as nothing is known after these events, and no link changes, only the end of what is there can change. What is not
certainly of this kind is left to `remake`.
"""

from collections.abc import Mapping

import psycopg

from sinks.sql import read_statements

_SQL = read_statements(__name__)


def create_table(connection: psycopg.Connection) -> None:
    """Create the table of the browsers that are done here; it is empty between steps."""
    connection.execute(_SQL["create_table"])


def put(connection: psycopg.Connection, parameters: Mapping[str, object]) -> int:
    """Put events of `visit_input` at the end. Return how many browsers' these were; they are in `visit_newest`."""
    found = connection.execute(_SQL["find"], parameters).rowcount
    if found:
        for statement in ("add_to_parts", "add_to_visits", "begin_parts", "begin_visits"):
            connection.execute(_SQL[statement])
    return found
