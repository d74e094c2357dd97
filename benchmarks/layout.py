"""Bytes per event of each table layout, with indexes, for a million events of `footfall demo`; packing and reading times.

footfall bench layout
"""

import io
import os
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, NamedTuple, TypeVar

import fastavro
import orjson
import psycopg

from avro_schemas import event_ids
from avro_schemas.schema import CUSTOM, event_schema
from benchmarks.parts import database
from footfall.demo.visitors import Visitor
from service_kit.retention import RetentionSettings
from sinks.columns import COPY_TYPES, encode
from sinks.landing.event_row import Device, EventRow
from sinks.postgres.insert import COPY
from sinks.postgres.lookups import LookupTables
from sinks.postgres.migrations import migrate
from sinks.retention import maintenance
from sinks.retention.packing import pack
from sinks.retention.partitions import create_partitions, day_of, packed_table_name, raw_table_name
from tests.support.events import user_key

Choice = TypeVar("Choice")
EVENTS = int(os.environ.get("LAYOUT_EVENTS", "1000000"))
EVENTS_PER_VISITOR = 50
RETENTION = RetentionSettings()
# Devices with the screens that they have, and countries with a language; the first ones are the most frequent.
DEVICES = {
    Device("Chrome", "Windows", "desktop"): ("lg", "xl", "xxl"),
    Device("Mobile Safari", "iOS", "mobile"): ("xs",),
    Device("Chrome Mobile", "Android", "mobile"): ("xs", "sm"),
    Device("Safari", "Mac OS X", "desktop"): ("xl", "xxl"),
    Device("Edge", "Windows", "desktop"): ("lg", "xl"),
    Device("Firefox", "Linux", "desktop"): ("xl", "xxl"),
    Device("Mobile Safari", "iOS", "tablet"): ("md",),
}
PLACES = [
    *(("US", "en-US"), ("DE", "de-DE"), ("GB", "en-GB"), ("FR", "fr-FR"), ("BR", "pt-BR"), ("CO", "es-CO")),
    *(
        ("IN", "en-US"),
        ("NL", "nl-NL"),
        ("ES", "es-ES"),
        ("JP", "ja"),
        ("CH", "de-CH"),
        ("PL", "pl-PL"),
        ("DE", "en-US"),
    ),
]
HOSTNAMES, RELEASES = ("www.example.com", "app.example.com"), ("2026.11.3", "2026.11.3", "2026.11.2")
CHANNELS = {"google.com": "search", "duckduckgo.com": "search", "linkedin.com": "social", "chatgpt.com": "ai"}
# All visitors have a visitor key; of those who sign in every event has a user and a session too.
SIGNED_IN_SHARE = 0.6
# What a first draft would look like: everything as text, and an index for each question.
NAIVE = """
create table naive (event_id text primary key, event_type text not null, occurred_at timestamptz not null,
    received_at timestamptz not null, sent_at timestamptz, site text, user_key text, visitor_key text, session_key text,
    country text, language text, screen text, release text, browser text, system text, device text, hostname text,
    page text, route text, source text, channel text, utm_source text, utm_medium text, utm_campaign text, utm_term text,
    utm_content text, event_data jsonb not null);
insert into naive select event_id, event_type, occurred_at, received_at, sent_at, site, user_key, visitor_key,
    session_key, country, language, screen, release, browser, system, device, hostname, page, route, source, channel,
    utm_source, utm_medium, utm_campaign, utm_term, utm_content, event_data from events;
create index on naive (received_at); create index on naive (user_key); create index on naive (event_type, received_at);
create index on naive using gin (event_data jsonb_path_ops);
"""
WORDS = [Random(0).randbytes(n % 5 + 2).hex() for n in range(20_000)]


class Sizes(NamedTuple):
    """Bytes per event, and seconds per event."""

    naive: float
    hot: float
    packed: float
    avro: float
    packing: float
    reading_hot: float
    reading_packed: float


class Browser(NamedTuple):
    """What is the same for all events of a visitor."""

    device: Device
    head: dict[str, str | bytes | None]


def visits(day: date, events: int, noisy: bool) -> list[EventRow]:
    """A day of visitors with fifty events each. Noisy events have texts that occur only once."""
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
    chance, made = Random(1), list[EventRow]()
    for number in range(events // EVENTS_PER_VISITOR):
        visitor, at = Visitor(number, Random(number)), start + chance.randrange(80_000_000)
        browser = _browser(number, chance)
        for _ in range(EVENTS_PER_VISITOR):
            at += chance.randrange(200, 60_000)
            made.append(_row(visitor, at, chance, browser, noisy))
    # Visits that go on after midnight are cut off.
    return sorted((row for row in made if day_of(row.event_id) == day), key=lambda row: row.received_at)


def _browser(number: int, chance: Random) -> Browser:
    device = _frequent(list(DEVICES), chance)
    country, language = _frequent(PLACES, chance)
    signed_in = chance.random() < SIGNED_IN_SHARE
    return Browser(
        device,
        {
            "user_key": user_key(f"user{number}") if signed_in else None,
            "visitor_key": user_key(f"visitor{number}"),
            "session_key": user_key(f"session{number}") if signed_in else None,
            "country": country,
            "language": language,
            "screen": chance.choice(DEVICES[device]),
            "release": chance.choice(RELEASES),
            "hostname": chance.choice(HOSTNAMES),
        },
    )


def _frequent(choices: Sequence[Choice], chance: Random) -> Choice:
    (chosen,) = chance.choices(choices, [1 / place for place in range(1, len(choices) + 1)])
    return chosen


def _row(visitor: Visitor, at: int, chance: Random, browser: Browser, noisy: bool) -> EventRow:
    event, page = visitor.next_event(), visitor.page
    data = event["event_data"]
    if "page" in data:
        data["page"] = page  # without the campaign's parameters, as the collector stores it
    if noisy:
        data = data | {
            "properties": {"title": " ".join(chance.choices(WORDS, k=12)), "ref": chance.randbytes(8).hex()}
        }
    received = at + chance.randrange(20, 300)
    schema = event_schema(event["event_type"])
    fields: dict[str, Any] = {
        **dict.fromkeys(EventRow._fields),
        **browser.head,
        **_arrival(data.get("referrer"), chance),
        "event_id": event_ids.to_uuid(event_ids.generate(at, chance.randbytes(10))).bytes,
        "occurred_at": at,
        "received_at": received,
        "sent_at": received - chance.randrange(5, 15),
        "event_type": event["event_type"],
        "time_flag": 1,
        "schema_id": schema.id,
        "device": browser.device,
        # As `to_row` stores them.
        "page": None if schema.name != CUSTOM and data.get("page") == page else page,
        "route": "/blog/:article" if page.startswith("/blog/") else "",
        "event_data": orjson.dumps(data),
        "site": "default",
    }
    return EventRow(**fields)


def _arrival(referrer: str | None, chance: Random) -> dict[str, str]:
    """Of the first page view of a visit."""
    if not referrer or referrer.startswith("/"):
        return {}
    source = referrer.removeprefix("https://").partition("/")[0].removeprefix("www.")
    found = {"source": source, "channel": CHANNELS.get(source, "referral")}
    if chance.random() < 0.2:
        found |= {"channel": "paid", "utm_source": source, "utm_medium": "cpc", "utm_campaign": "autumn-2026"}
    return found


def land(connection: psycopg.Connection, rows: Sequence[EventRow], table: str = "raw_events") -> None:
    """Land rows like the sink, without Kafka."""
    lookups = LookupTables()
    lookups.add(connection, rows)
    command = COPY.as_string().replace("raw_events", table, 1).encode()
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        copy.set_types(COPY_TYPES)
        for values in encode(rows, lookups, [None] * len(rows)):
            copy.write_row(values)


def avro_bytes(rows: Sequence[EventRow]) -> int:
    """Bytes of the same rows in an Avro container: deflate, a thousand per block, ordered by user."""
    kinds: dict[str, Any] = {
        "event_id": {"type": "fixed", "name": "id", "size": 16},
        **dict.fromkeys(("occurred_at", "received_at", "sent_at"), "long"),
        **dict.fromkeys(("event_type", "browser", "system", "kind"), "string"),
        **dict.fromkeys(("schema_id", "time_flag"), "int"),
        **{name: ["null", "bytes"] for name in ("user_key", "visitor_key", "session_key")},
        "event_data": "bytes",
    }
    texts = [name for name in EventRow._fields if name not in kinds and name != "device"]
    kinds |= {name: ["null", "string"] for name in texts}
    fields = [{"name": name, "type": kind} for name, kind in kinds.items()]
    schema = fastavro.parse_schema({"type": "record", "name": "event", "fields": fields})
    ordered = sorted(rows, key=lambda row: (row.user_key or row.visitor_key or b"", row.event_id))
    out = io.BytesIO()
    records = (row._asdict() | row.device._asdict() for row in ordered)
    # About a thousand events of this size per block.
    fastavro.writer(out, schema, records, codec="deflate", sync_interval=150_000)
    return len(out.getvalue())


def size(connection: psycopg.Connection, table: str) -> int:
    """Bytes of a table and its indexes."""
    (found,) = connection.execute("select pg_total_relation_size(%s)", [table]).fetchone() or (0,)
    return int(found)


def read(connection: psycopg.Connection) -> float:
    """Seconds for a query that reads every event through the view."""
    started = time.monotonic()
    connection.execute("select page, count(*), count(distinct user_key) from events group by 1").fetchall()
    return time.monotonic() - started


def measure(events: int, noisy: bool) -> Sizes:
    """Measure all layouts with the same rows."""
    day = datetime.now(UTC).date() - timedelta(days=10)
    rows = visits(day, events, noisy)
    with database() as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        migrate(connection)
        create_partitions(connection, [day])
        land(connection, rows)
        connection.execute(NAIVE.encode())
        naive, hot = size(connection, "naive"), size(connection, raw_table_name(day))
        connection.execute("drop table naive")
        connection.execute("vacuum (freeze, analyze) raw_events")
        reading_hot = read(connection)
        started = time.monotonic()
        assert pack(connection, day) == len(rows)
        packing = time.monotonic() - started
        connection.execute("vacuum (freeze, analyze)")
        maintenance._reclaim_space(connection, raw_table_name(day))
        packed = size(connection, packed_table_name(day)) + size(connection, raw_table_name(day))
        sizes = [each / len(rows) for each in (naive, hot, packed, avro_bytes(rows))]
        return Sizes(*sizes, packing / len(rows), reading_hot / len(rows), read(connection) / len(rows))


def report(name: str, found: Sizes) -> Iterator[str]:
    """The figures as lines of text."""
    # Hot are the present day and those that are not old enough to be packed.
    days, hot = RETENTION.retention_days, RETENTION.pack_after_days + 1
    mean = (found.hot * hot + found.packed * (days - hot)) / days
    yield f"{name}: naive {found.naive:.0f}, hot {found.hot:.0f}, packed {found.packed:.1f} bytes per event"
    yield f"  over {days} days, {hot} of them hot: {mean:.0f}; packed as Avro and deflate: {found.avro:.1f}"
    yield f"  packing {1e6 * found.packing:.1f} µs per event, comparison included"
    yield (
        f"  pages and users through the view: {1e6 * found.reading_hot:.2f} µs per hot event, "
        f"{1e6 * found.reading_packed:.2f} per packed one"
    )


def main() -> None:
    for name, events, noisy in (("demo events", EVENTS, False), ("with 150 bytes of noise", EVENTS // 5, True)):
        print("\n".join(report(f"{events:,} {name}", measure(events, noisy))), flush=True)


if __name__ == "__main__":
    main()
