"""Days pass: roll-ups stay right, old days are dropped, readers never wait, and interruptions lose nothing."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from service_kit.retention import RetentionSettings
from sinks import erasure
from sinks.audit import audit
from sinks.landing.rows import decode_batch
from sinks.postgres.gauges import update_gauges
from sinks.postgres.preflight import look
from sinks.postgres.store import PostgresStore
from sinks.retention.maintenance import AlreadyRunning, StepResult, maintain, planned
from sinks.retention.partitions import raw_table_name
from tests.support import kill_points
from tests.support.database import at
from tests.support.days import Landed, noon
from tests.support.events import Record, encoded, event, fresh_id, user_key

pytestmark = pytest.mark.integration

TODAY = datetime.now(UTC).date()
RETENTION = RetentionSettings(retention_days=30, pack_after_days=7)


def run_round(connection: psycopg.Connection, today: date = TODAY) -> list[StepResult]:
    return list(maintain(connection, today=today, retention=RETENTION))


def rolled_up(connection: psycopg.Connection) -> dict[str, int]:
    return dict(connection.execute("select event_type, sum(events)::int from events_hourly group by 1").fetchall())


@pytest.mark.parametrize(
    "point",
    [
        "sinks.retention.rollups:fold",
        "sinks.retention.maintenance:_close",
        "sinks.retention.maintenance:_audit",
        "sinks.retention.maintenance:_pack",
        "sinks.retention.packing:_unpack_small_blocks",
        "sinks.retention.packing:_pack_block_range",
        "sinks.retention.maintenance:_detach",
        "sinks.retention.maintenance:detach",
        "sinks.retention.maintenance:_drop",
        "sinks.retention.maintenance:set_state",
    ],
)
def test_an_interrupted_round_is_finished_by_the_next(
    store: PostgresStore, connection: psycopg.Connection, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed, old, packed = (
        Landed(store),
        TODAY - timedelta(days=RETENTION.retention_days + 1),
        TODAY - timedelta(days=10),
    )
    landed.on(old, "click", "scroll")
    landed.on(packed, "click", "scroll", "click")
    landed.on(TODAY, "click")
    for when in ("before", "after"):
        with monkeypatch.context() as patched:
            owner, name = kill_points.find(point)
            patched.setattr(owner, name, interrupted(getattr(owner, name), when))
            with pytest.raises(RuntimeError, match="interrupted"):
                run_round(connection)
        assert rolled_up(connection) == landed.by_type
        assert audit(connection).mismatches() == []
        landed.on(TODAY, "click")
        landed.on(packed, "click")
    run_round(connection)
    run_round(connection, TODAY + timedelta(days=1))  # late rows of a packed day are packed the next day
    states = dict(connection.execute("select day, (state, rows, packed) from days").fetchall())
    assert states[old] == ("dropped", "2", "0")
    assert states[packed] == ("packed", "5", "5")
    assert rolled_up(connection) == landed.by_type
    assert audit(connection).mismatches() == []


def interrupted(function: object, when: str) -> object:
    def wrapped(*arguments: object, **named: object) -> object:
        if when == "before":
            raise RuntimeError("interrupted")
        found = function(*arguments, **named)  # type: ignore[operator] # a function
        list(found) if isinstance(found, Iterator) else None
        raise RuntimeError("interrupted")

    return wrapped


def test_an_interrupted_detach_is_finalized(
    store: PostgresStore, connection: psycopg.Connection, postgres: str
) -> None:
    landed, later = Landed(store), TODAY + timedelta(days=3)
    for age in (1, 2, 3):
        landed.on(TODAY - timedelta(days=RETENTION.retention_days + age), "click")
    with psycopg.connect(postgres) as reader:
        reader.execute("select count(*) from raw_events")
        for today in (TODAY, later):
            done = run_round(connection, today)
            assert sum(each.message.count("being read") for each in done) >= 3
        # New days are created meanwhile.
        created = connection.execute(
            "select to_regclass(%s)", [raw_table_name(later + timedelta(days=14))]
        ).fetchone()
        assert created != (None,)
        # The reader that came first can still read, and nobody waits behind maintenance.
        assert reader.execute("select count(*) from raw_events").fetchone() is not None
    assert sum("rows dropped" in each.message for each in run_round(connection, later)) >= 3
    assert audit(connection).mismatches() == []


def test_a_day_that_does_not_add_up_is_reported_and_not_dropped(
    store: PostgresStore, connection: psycopg.Connection
) -> None:
    old = TODAY - timedelta(days=RETENTION.retention_days + 1)
    Landed(store).on(old, "click", "click")
    connection.execute(sql.SQL("delete from {} where ctid = '(0,1)'").format(sql.Identifier(raw_table_name(old))))
    failed = [done.message for done in run_round(connection) if done.failed]
    assert failed == [
        f"{old}: does not add up, so it will not be dropped: 1 rows, but 2 by its roll-up and erasures"
    ]


def test_no_reader_or_writer_waits_for_maintenance(
    store: PostgresStore, connection: psycopg.Connection, postgres: str
) -> None:
    landed, stop, waits, sums = Landed(store), threading.Event(), list[float](), set[int]()
    for age in range(RETENTION.retention_days + 1, RETENTION.retention_days + 6):
        landed.on(TODAY - timedelta(days=age), "click")
    landed.on(TODAY, "click")

    def read() -> None:
        with psycopg.connect(postgres, autocommit=True) as reader:
            while not stop.is_set():
                started = time.monotonic()
                (rows,) = reader.execute("select sum(events)::int from events_hourly").fetchone() or (0,)
                reader.execute(
                    "select count(*) from events where event_uuid >= id_from(now() - interval '2 days')"
                )
                waits.append(time.monotonic() - started)
                sums.add(rows)

    reading = threading.Thread(target=read)
    reading.start()
    for _ in range(5):
        run_round(connection)
        time.sleep(0.05)
    stop.set()
    reading.join()
    assert sums == {6}
    assert max(waits) < 5  # the figure is in the docs; a test on a busy machine only sees what hangs


def test_only_one_process_maintains(connection: psycopg.Connection, store: PostgresStore, postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as other:
        running = maintain(other, today=TODAY, retention=RETENTION)
        Landed(store).on(TODAY, "click")
        next(running)
        with pytest.raises(AlreadyRunning):
            run_round(connection)
        running.close()
    run_round(connection)


def test_a_dry_run_changes_nothing(store: PostgresStore, connection: psycopg.Connection) -> None:
    old = TODAY - timedelta(days=RETENTION.retention_days + 1)
    Landed(store).on(old, "click")
    messages = [done.message for done in planned(connection, today=TODAY, retention=RETENTION)]
    steps = ("close", "audit", "detach", "drop")
    assert [what for what in messages if str(old) in what] == [f"{old}: would {step}" for step in steps]
    assert connection.execute("select count(*) from raw_events").fetchone() == (1,)
    assert connection.execute("select count(*) from days").fetchone() == (0,)


@pytest.mark.parametrize(
    ("hours", "lands"),
    [
        pytest.param(-1 / 60, True, id="a minute late"),
        pytest.param(-24 * 89, True, id="89 days late"),
        pytest.param(-24 * 91, False, id="91 days late"),
        pytest.param(23, True, id="23 hours ahead"),
        pytest.param(25, False, id="25 hours ahead"),
    ],
)
def test_an_event_lands_in_the_day_of_its_id_or_becomes_a_dead_letter_if_that_day_is_not_retained(
    store: PostgresStore, connection: psycopg.Connection, hours: float, lands: bool
) -> None:
    at = noon(TODAY)
    id_time = int(at + hours * 3_600_000)
    written = Landed(store).land([(None, encoded(event("click", at, event_id=fresh_id(id_time))))], at)
    assert (written.rows, [each.reason for each in written.dead_letters]) == (
        (1, []) if lands else (0, ["event_id_time"])
    )
    days = connection.execute("select day from events").fetchall()
    assert days == ([(datetime.fromtimestamp(id_time / 1000, UTC).date(),)] if lands else [])
    assert audit(connection).mismatches() == []


def test_midnight_separates_days_and_copies_on_either_side_are_duplicates(
    store: PostgresStore, connection: psycopg.Connection
) -> None:
    landed, midnight = Landed(store), noon(TODAY) - 12 * 3_600_000
    last, first = (encoded(event("click", midnight, event_id=fresh_id(midnight + step))) for step in (-1, 0))
    assert landed.land([(None, last), (None, first)], midnight).rows == 2
    assert connection.execute("select day from events order by 1").fetchall() == [
        (TODAY - timedelta(days=1),),
        (TODAY,),
    ]
    assert landed.land([(None, first), (None, last)], midnight + 60_000).duplicates == 2


def test_events_of_a_day_that_an_interrupted_round_left_detached_land_at_once(
    store: PostgresStore, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed, old = Landed(store), TODAY - timedelta(days=RETENTION.retention_days + 1)
    landed.on(old, "click", "click")
    with monkeypatch.context() as patched:
        patched.setattr("sinks.retention.maintenance._drop", interrupted(lambda: None, "before"))
        with pytest.raises(RuntimeError, match="interrupted"):
            run_round(connection)
    assert connection.execute("select count(*) from raw_events").fetchone() == (0,)
    assert audit(connection).mismatches() == []
    assert landed.on(old, "scroll").rows == 1
    assert connection.execute("select count(*) from events").fetchone() == (3,)
    assert audit(connection).mismatches() == []
    assert [done.message for done in run_round(connection) if done.failed] == []
    assert connection.execute("select state, dropped from days where day = %s", [old]).fetchone() == ("dropped", 3)
    assert audit(connection).mismatches() == []


def test_partitions_that_others_attached_are_passed_over_and_erased_from(
    store: PostgresStore, connection: psycopg.Connection
) -> None:
    landed, ann = Landed(store), user_key("ann")
    landed.on(TODAY, "click", user=ann)
    restored = TODAY - timedelta(days=25)
    connection.execute(
        sql.SQL(
            "create table restored (like raw_events including all);"
            "alter table raw_events attach partition restored for values from ({}) to ({});"
            "create table raw_events_default partition of raw_events default"
        ).format(sql.Literal(restored), sql.Literal(restored + timedelta(days=1)))
    )
    assert look(connection).keyless == ["raw_events_default", "restored"]
    assert [done.message for done in run_round(connection) if done.failed] == []
    assert look(connection).keyless == []
    landed.on(restored, "click", user=ann)
    landed.on(TODAY - timedelta(days=27), "click", user=ann)
    connection.execute("set quote_all_identifiers = on")
    assert [done.message for done in run_round(connection) if done.failed] == []
    update_gauges(connection)
    at = datetime.now(UTC) + timedelta(days=1)
    erasure.request(connection, ann, at, "receipt")
    assert erasure.remove(connection, "receipt", at).rows == 3
    assert connection.execute("select count(*) from events").fetchone() == (0,)
    assert audit(connection).mismatches() == []


def test_dead_letters_are_deleted_with_the_days_of_their_time_and_a_recreated_topic_has_its_own(
    store: PostgresStore, connection: psycopg.Connection, postgres: str
) -> None:
    old = noon(TODAY - timedelta(days=RETENTION.retention_days + 1))
    Landed(store).land([(b"k", b"rubbish"), (b"k", b"more")], old)
    again = PostgresStore(at(postgres), cluster_id="cluster", topic="events", owner="test", accept_new_topic=True)
    connection.execute("update sink_offsets set topic_id = gen_random_uuid()")
    again.claim({0: 0}, uuid4())
    again.write(decode_batch({0: [Record(0, noon(TODAY), b"k", b"rubbish of the new topic")]}, {0: 0}))
    again.close()
    assert connection.execute("select count(*) from dead_letters").fetchone() == (3,)
    assert audit(connection).mismatches() == []
    assert "2 dead letters deleted" in "".join(done.message for done in run_round(connection))
    assert connection.execute("select record_value from dead_letters").fetchall() == [
        (b"rubbish of the new topic",)
    ]
    assert audit(connection).mismatches() == []
