"""Writes events for the sinks, and waits until they have landed."""

import asyncio
import random
from typing import Any

import psycopg

from service_kit.kafka.settings import KafkaSettings
from sinks.audit import audit
from tests.support import expected_rows
from tests.support.events import encoded, event, now_ms, user_key
from tests.support.topics import KeyAndValue


def query(dsn: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(sql.encode()).fetchall()


def load(count: int, seed: int) -> list[KeyAndValue]:
    """Events of a hundred users; about every twentieth of them twice."""
    chance, now = random.Random(seed), now_ms()
    records: list[KeyAndValue] = []
    for _ in range(count):
        key = user_key(f"user-{chance.randrange(100)}")
        value = encoded(event(chance.choice(["click", "scroll", "page_view"]), now, user_key=key))
        records += [(key, value)] * (2 if chance.random() < 0.05 else 1)
    return records


async def until_landed(settings: KafkaSettings, dsn: str, seconds: float = 40) -> None:
    """Wait until the stored offsets have reached the end of the topic."""
    topic = settings.name("events")
    end = (await asyncio.to_thread(expected_rows.read_log, settings.kafka_bootstrap, topic)).offsets
    landed = None
    for _ in range(int(seconds / 0.2)):
        ((landed,),) = query(dsn, "select coalesce(sum(next_offset), 0) from sink_offsets")
        if landed == end:
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"{landed} of {end} records landed")


async def assert_nothing_lost_or_double(settings: KafkaSettings, dsn: str, seconds: float = 40) -> None:
    """According to the audit, and to a recount that shares no code with it or with the sinks."""
    await until_landed(settings, dsn, seconds)
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert audit(connection).mismatches() == []
    topic = settings.name("events")
    assert await asyncio.to_thread(expected_rows.faults, settings.kafka_bootstrap, topic, dsn) == []
