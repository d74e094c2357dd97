"""Whatever happens in whatever order, the rows are those of a model in memory. Hypothesis searches for an order that
breaks this; `EXAMPLES=200` searches longer."""

import os
import uuid
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from random import Random

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from psycopg import conninfo, sql

from service_kit.retention import RetentionSettings
from sinks.connect import connect
from sinks.postgres.migrations import migrate
from sinks.postgres.store import PostgresStore
from tests.support.database import at
from tests.support.site_model import Site

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

EXAMPLES = int(os.environ.get("EXAMPLES", "8"))
RETENTION = RetentionSettings(retention_days=16, pack_after_days=2)
SEEDS = st.integers(0, 1000)


@pytest.fixture
def fresh_database(postgres_server: str) -> Iterator[Callable[[], str]]:
    """Creates databases with all tables, from a template."""
    template, made = f"template_{uuid.uuid4().hex[:8]}", list[str]()
    with psycopg.connect(postgres_server, autocommit=True) as server:

        def make() -> str:
            name = f"test_{uuid.uuid4().hex[:12]}"
            server.execute(
                sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template))
            )
            made.append(name)
            return conninfo.make_conninfo(postgres_server, dbname=name)

        server.execute(sql.SQL("create database {}").format(sql.Identifier(template)))
        with connect(at(conninfo.make_conninfo(postgres_server, dbname=template)), "test") as connection:
            migrate(connection)
        yield make
        for name in (*made, template):
            server.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def test_rows_are_those_of_the_model_whatever_happens(fresh_database: Callable[[], str]) -> None:
    class AnyOrder(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            dsn = fresh_database()
            self.store = PostgresStore(at(dsn), cluster_id="cluster", topic="events", owner="test")
            self.connection = connect(at(dsn), "test")
            self.site = Site(self.store, self.connection, date(2026, 3, 1), RETENTION)

        @rule(late=st.sampled_from([0, 0, 1, 3, 7, 12]), count=st.integers(1, 30), seed=SEEDS)
        def send(self, late: int, count: int, seed: int) -> None:
            self.site.send(self.site.today - timedelta(days=late), count, 5, Random(seed))

        @rule(seed=SEEDS)
        def replay(self, seed: int) -> None:
            self.site.send_again(14, 20, Random(seed))

        @rule(user=st.integers(0, 4))
        def erase(self, user: int) -> None:
            self.site.erase(f"user-{user}")

        @rule()
        def crash(self) -> None:
            self.store.close()

        @rule(days=st.sampled_from([3, 1, 0, 8]))
        def time_passes(self, days: int) -> None:
            self.site.today += timedelta(days=days)
            self.maintain()

        @rule(seed=SEEDS)
        def interrupt(self, seed: int) -> None:
            self.site.maintain_interrupted(Random(seed))

        def maintain(self) -> None:
            assert self.site.maintain() == []
            assert self.site.mismatches() == []

        def teardown(self) -> None:
            if hasattr(self, "site"):
                self.maintain()
                self.store.close()
                self.connection.close()

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        AnyOrder,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=20,
            deadline=None,
            derandomize=EXAMPLES <= 8,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
