"""An erased user is gone and does not return with a replay, and the audit adds up."""

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from avro_schemas.record_key import record_key
from service_kit.retention import RetentionSettings
from sinks import erasure
from sinks.audit import audit
from sinks.erasure import Removed
from sinks.landing.rows import Batch, decode_batch
from sinks.postgres import rewind
from sinks.postgres.store import PostgresStore
from sinks.retention.maintenance import maintain
from tests.support.days import Landed, noon
from tests.support.events import NOON, Record, encoded, event, fresh_id, user_key

pytestmark = pytest.mark.integration

TODAY = datetime.now(UTC).date()
ANN, BOB = user_key("ann"), user_key("bob")
AT = datetime.fromtimestamp((NOON + 1_000) / 1000, UTC)


def value(key: bytes, received_at: int = NOON) -> bytes:
    return encoded(event("click", NOON, user_key=key, received_at=received_at))


def batch(start: int, *values: tuple[bytes, bytes]) -> Batch:
    records = [Record(start + number, NOON, record_key(key), value) for number, (key, value) in enumerate(values)]
    return decode_batch({0: records}, {0: start})


def users(connection: psycopg.Connection) -> list[bytes]:
    return [
        key for (key,) in connection.execute("select user_key from raw_events order by received_at, 1").fetchall()
    ]


def test_sent_events_are_removed_replayed_ones_stay_out_and_later_ones_land(
    store: PostgresStore, connection: psycopg.Connection
) -> None:
    old, rubbish = value(ANN), b"rubbish of Ann"
    store.write(batch(0, (ANN, old), (BOB, value(BOB)), (ANN, rubbish)))
    assert erasure.count(connection, ANN, AT) == Removed(1, 1)
    erasure.request(connection, ANN, AT, "receipt")
    assert erasure.remove(connection, "receipt", AT) == Removed(1, 1)
    assert users(connection) == [BOB]

    # The topic is read again, and the user keeps using the site.
    again = store.write(batch(3, (ANN, old), (ANN, rubbish), (ANN, value(ANN, NOON + 2_000))))
    assert (again.rows, again.erased, again.dead_letters) == (1, 2, [])
    assert users(connection) == [BOB, ANN]
    assert erasure.count(connection, ANN, AT) == Removed(0, 0)

    found = audit(connection)
    assert found.mismatches() == []
    (account,) = found.partitions
    assert (account.next, account.rows, account.dead_letters, account.erased) == (6, 3, 1, 2)
    assert [(day.stored, day.erased) for day in found.days] == [(2, 1)]


def test_an_interrupted_erasure_is_finished_by_doing_it_again(
    store: PostgresStore, connection: psycopg.Connection
) -> None:
    store.write(batch(0, (ANN, value(ANN))))
    erasure.request(connection, ANN, AT, "receipt")  # and then the process died
    erasure.request(connection, ANN, AT, "receipt")
    assert erasure.remove(connection, "receipt", AT) == Removed(1, 0)
    assert erasure.remove(connection, "receipt", AT) == Removed(1, 0)
    assert audit(connection).mismatches() == []


def test_a_request_waits_for_batches_that_have_read_the_list(
    store: PostgresStore, connection: psycopg.Connection, postgres: str
) -> None:
    """Otherwise they would commit rows of the user after the removal."""
    with psycopg.connect(postgres) as open_batch:
        erasure.ErasedKeys().refresh(open_batch)
        requesting = threading.Thread(target=erasure.request, args=(connection, ANN, AT, "receipt"))
        requesting.start()
        requesting.join(0.3)
        assert requesting.is_alive()
        # Other batches land meanwhile: none waits behind the request.
        assert store.write(batch(0, (BOB, value(BOB)))).rows == 1
    requesting.join(5)
    assert not requesting.is_alive()


def test_dead_letters_land_after_a_fix_once_and_not_for_erased_users(
    store: PostgresStore, connection: psycopg.Connection
) -> None:
    landed = value(BOB)
    store.write(batch(0, (BOB, landed), (BOB, b"rubbish"), (BOB, b"more"), (BOB, b"again"), (ANN, b"of Ann")))
    # As if the code that could not read them had been fixed.
    for offset, fixed in ((1, value(BOB)), (2, landed), (4, value(ANN))):
        connection.execute("update dead_letters set record_value = %s where record_offset = %s", [fixed, offset])
    erasure.request(connection, ANN, AT, "receipt")
    ids = [number for (number,) in connection.execute("select id from dead_letters").fetchall()]
    retried = store.replay(ids)
    assert (retried.rows, retried.duplicates, retried.erased, len(retried.dead_letters)) == (1, 1, 1, 1)
    assert connection.execute("select record_value from dead_letters").fetchall() == [(b"again",)]
    assert store.replay(ids).rows == 0
    found = audit(connection)
    assert found.mismatches() == []
    (account,) = found.partitions
    assert (account.rows, account.duplicates, account.dead_letters, account.erased) == (2, 1, 1, 1)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("delete from raw_events where user_key = %s", "1 rows landed, were neither erased nor dropped"),
        ("update sink_offsets set next_offset = next_offset + 3 where %s is not null", "3 of the offsets 0 to 4"),
        (
            "update landed set duplicates = 1 where %s is not null",
            "1 more records are counted than there are offsets from 0 to 1",
        ),
    ],
)
def test_the_audit_names_what_does_not_add_up(
    store: PostgresStore, connection: psycopg.Connection, damage: str, message: str
) -> None:
    store.write(batch(0, (ANN, value(ANN)), (BOB, value(BOB))))
    assert audit(connection).mismatches() == []
    connection.execute(damage.encode(), [ANN])
    assert message in audit(connection).mismatches()[0]


@pytest.mark.parametrize("packed", [False, True])
def test_a_user_is_erased_with_what_the_browser_sent_before_and_others_stay(
    store: PostgresStore, connection: psycopg.Connection, packed: bool
) -> None:
    """Also by visitor and session alone; and none of it returns in a replay."""
    browser, phone, tab = user_key("browser"), user_key("phone"), user_key("tab")
    at = noon(TODAY - timedelta(days=10))
    who = {
        "ann": {"user_key": ANN, "visitor_key": browser, "session_key": tab},
        "ann before": {"visitor_key": browser},
        "ann's tab before": {"session_key": tab, "visitor_key": user_key("third")},
        "bob in the same browser": {"user_key": BOB, "visitor_key": browser},
        "guest on a phone": {"visitor_key": phone},
        "nobody": {},
    }
    landed = Landed(store)
    values = [
        (
            record_key(keys.get("user_key") or keys.get("session_key") or keys.get("visitor_key")),
            encoded(event("click", at, event_id=fresh_id(at), event_data={"who": name}, **keys)),
        )
        for name, keys in who.items()
    ]
    landed.land([*values, (record_key(browser), b"rubbish of a guest"), (record_key(phone), b"rubbish")], at)
    if packed:
        list(maintain(connection, today=TODAY, retention=RetentionSettings()))

    def left() -> list[str]:
        return [
            who for (who,) in connection.execute("select event_data ->> 'who' from events order by 1").fetchall()
        ]

    until = datetime.now(UTC) + timedelta(hours=1)
    assert erasure.count(connection, ANN, until) == Removed(3, 1)
    assert set(erasure.request(connection, ANN, until, "of ann")) == {browser, tab}
    assert erasure.remove(connection, "of ann", until) == Removed(3, 1)
    assert left() == ["bob in the same browser", "guest on a phone", "nobody"]
    assert landed.again(at).erased == 4
    assert audit(connection).mismatches() == []

    for scope, key, remaining in (
        ("visitor", phone, ["bob in the same browser", "nobody"]),
        ("visitor", browser, ["nobody"]),
    ):
        receipt = key.hex()
        assert erasure.count(connection, key, until, scope).rows == 1
        assert erasure.request(connection, key, until, receipt, scope) == []
        assert erasure.remove(connection, receipt, until).rows == 1
        assert left() == remaining
    assert landed.again(at).rows == 0
    assert left() == ["nobody"]
    assert audit(connection).mismatches() == []
    if packed:
        assert [
            step for step in maintain(connection, today=TODAY, retention=RetentionSettings()) if step.failed
        ] == []


def test_a_letter_that_was_read_twice_is_accounted_for_twice(
    store: PostgresStore, connection: psycopg.Connection
) -> None:
    store.write(batch(0, (BOB, b"rubbish")))
    rewind.go(connection, "events", rewind.plan(connection, "events", {0: 0}))
    store.write(batch(0, (BOB, b"rubbish")))
    assert connection.execute("select reads from dead_letters").fetchall() == [(2,)]
    assert audit(connection).mismatches() == []
    connection.execute("update dead_letters set record_value = %s", [value(BOB)])
    assert store.replay([number for (number,) in connection.execute("select id from dead_letters")]).rows == 1
    assert audit(connection).mismatches() == []
