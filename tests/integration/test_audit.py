"""The audit names whatever happens to rows, packed or not, and to the accounts of what never became a row."""

import os
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from avro_schemas import event_ids
from avro_schemas.record_key import record_key
from service_kit.retention import RetentionSettings
from sinks.audit import audit, audit_snapshot
from sinks.postgres.store import PostgresStore
from sinks.retention.maintenance import maintain
from tests.support.days import Landed, noon
from tests.support.events import encoded, event, fresh_id, user_key

pytestmark = pytest.mark.integration

TODAY = datetime.now(UTC).date()
OLD = TODAY - timedelta(days=10)
ANN = user_key("ann")
# What is done to the tables, to the hot rows of today and the packed ones of an old day; and what the audit says of it.
TAMPERED = {
    "events taken out of packed arrays": (
        "update packed_events set event_ids = event_ids[2:], event_types = event_types[2:]",
        [f"{OLD}: 1 rows landed, were neither erased nor dropped", "1 blocks of packed events do not hold what"],
    ),
    "the content of packed events": (
        "update packed_events set event_data = array_fill('{}'::text, array[rows])",
        [f"{OLD}: 1 blocks of packed events do not hold what was packed"],
    ),
    "packed types": (
        "update packed_events set event_types = array_fill((select min(id) from event_types), array[rows])",
        [f"{OLD}: 50 rows of the type scroll landed and were not erased, 0 are stored", "1 blocks"],
    ),
    "a row replaced by another": (
        "update raw_events set event_id = (left(event_id::text, 24) || 'abcdefabcdef')::uuid"
        " where event_id = (select event_id from raw_events limit 1)",
        [f"{TODAY}: the stored rows are not those that landed"],
    ),
    "the data of all rows emptied": (
        "update raw_events set event_data = '{}'",
        [f"{TODAY}: what the stored rows hold does not add up"],
    ),
    "the user of all rows": (
        "update raw_events set user_key = null",
        [f"{TODAY}: what the stored rows hold does not add up"],
    ),
    "all types": (
        "update raw_events set event_type = (select id from event_types where name = 'scroll')",
        [f"{TODAY}: 100 rows of the type click landed and were not erased, 0 are stored", "100 are stored"],
    ),
    "dead letters deleted": (
        "delete from dead_letters",
        ["2 dead letters by the ledger, but 0 are stored, were erased or have expired"],
    ),
    "rows called duplicates": (
        """
        with gone as (delete from raw_events where event_id in (select event_id from duplicate_samples) returning *),
        moved as (
            update landed set rows = rows - (select count(*) from gone), duplicates = duplicates + (select count(*) from gone)
            where ctid = (select ctid from landed limit 1)
        )
        insert into hourly_deltas (hour, event_type, events)
        select date_trunc('hour', received_at), event_type, -1 from gone
        """,
        [
            "the stored rows are not those that landed",
            "Of 5 sampled events that were counted as duplicates, 3 are not",
        ],
    ),
    "a day called detached and emptied": (
        "with gone as (delete from raw_events)"
        " insert into days (day, state, rows) values (current_date, 'detached', 100)",
        [f"{TODAY}: 100 rows landed, were neither erased nor dropped, and are not stored"],
    ),
    "visits that do not follow the rows": (
        "insert into visit_recounts values ('2026-11-20T10:00Z', now(), 30, 2, 0, 0, 0, 0)",
        ["Visits differ from the rows of 2026-11-20 10:00: of 30 rows 2 are in no part"],
    ),
    "the count of packed rows": ("update packed_events set rows = rows - 1", ["1 blocks"]),
}


def event_id(at: int, number: int) -> str:
    """The first of each kind is among those whose content is in the sums: its last byte is zero."""
    return event_ids.generate(at, os.urandom(9) + b"\0") if number == 0 else fresh_id(at)


def land(store: PostgresStore, connection: psycopg.Connection) -> None:
    landed = Landed(store)
    for day, types, count in ((OLD, ("click", "scroll"), 50), (TODAY, ("click",), 100)):
        at = noon(day)
        landed.land(
            [
                (
                    record_key(ANN),
                    encoded(event(name, at, event_id=event_id(at, n), user_key=ANN, event_data={"n": n})),
                )
                for n in range(count)
                for name in types
            ],
            at,
        )
    list(maintain(connection, today=TODAY, retention=RetentionSettings()))
    landed.land([*landed.values[:2], *landed.values[-3:], (b"k", b"rubbish"), (b"k", b"more")], noon(TODAY))


def test_whatever_happens_to_rows_or_accounts_is_named(
    store: PostgresStore, connection: psycopg.Connection
) -> None:
    land(store, connection)
    assert audit(connection).mismatches() == []
    assert connection.execute("select count(*) from packed_events").fetchone() == (1,)
    for name, (statement, messages) in TAMPERED.items():
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
            found = "\n".join(audit_snapshot(connection).mismatches())
        assert [message for message in messages if message not in found] == [], f"{name}: {found}"
    assert audit(connection).mismatches() == []
