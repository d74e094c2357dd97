"""Two of everything with one Kafka and one Postgres, by settings alone: nothing is lost, doubled or over a limit."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import psycopg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from avro_schemas import topic as topics
from avro_schemas.wire.codec import decode
from footfall.kafka.topics import check_topics
from service_kit.kafka.settings import KafkaSettings
from sinks.audit import audit
from tests.support.events import now_ms
from tests.support.repeating_clients import RepeatingClients
from tests.support.topics import Windows, live
from tests.support.workers import Worker, sinks_worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

COLLECT = "/api/analytics/collect"
KEYS = {"hash_key": "a hash key for tests", "session_key": "a session key of thirty-two characters"}
USERS = 60
SESSION_SECONDS, MINUTE_MS = 10, 60_000


class Cluster:
    """Two collectors, two stream workers and two sinks that share a Kafka and a Postgres."""

    def __init__(self, settings: KafkaSettings, dsn: str, logs: Path) -> None:
        self.settings, self.dsn = settings, dsn
        kafka = {"kafka_bootstrap": settings.kafka_bootstrap, "topic_prefix": settings.topic_prefix}
        self.collectors = [
            Worker("producer_api", logs / f"c{n}.log", port="PORT", anonymous_visitors="true", **kafka, **KEYS)
            for n in range(2)
        ]
        self.workers = [
            Worker(
                "stream_app",
                logs / f"w{n}.log",
                **kafka,
                group_instance_id=f"worker-{n}",
                group_session_timeout_seconds=SESSION_SECONDS,
            )
            for n in range(2)
        ]
        self.sinks = [
            sinks_worker(settings, dsn, logs, n, group_session_timeout_seconds=SESSION_SECONDS) for n in range(2)
        ]
        self.accepted = 0
        self.clients = RepeatingClients(KEYS["session_key"], seed=17)

    @property
    def processes(self) -> list[Worker]:
        return [*self.workers, *self.sinks, *self.collectors]

    def post(self, user: str, count: int, collector: int) -> list[str]:
        """Post `count` clicks of a user to one of the collectors; their statuses."""
        session = jwt.encode({"sub": user, "exp": int(time.time()) + 600}, KEYS["session_key"])
        answer = httpx.post(
            f"http://127.0.0.1:{self.collectors[collector].port}{COLLECT}",
            json=[{"event_type": "click", "event_data": {"element": "buy"}}] * count,
            headers={"cookie": f"session={session}"},
            timeout=20,
        )
        statuses = [result["status"] for result in answer.json()["results"]]
        self.accepted += statuses.count("accepted")
        return statuses

    @property
    def acknowledged(self) -> int:
        """Distinct events that were."""
        return self.accepted + len(self.clients.acknowledged)

    def send_again_and_again(self, requests: int, *collectors: int) -> None:
        """Requests of browsers that repeat what they sent, to these collectors."""
        urls = [f"http://127.0.0.1:{self.collectors[number].port}{COLLECT}" for number in collectors]
        self.clients.run(urls, requests)

    async def live(self) -> Windows:
        """All live counts."""
        return await live(self.settings.kafka_bootstrap, self.settings.name(topics.LIVE_AGGREGATES))

    def query(self, text: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(text.encode()).fetchall()

    def rows(self) -> int:
        return int(self.query("select count(*) from events")[0][0])

    def rows_by_minute(self, since: int) -> dict[int, int]:
        """Rows by the minute in which they occurred, in milliseconds since 1970."""
        minute = "floor(extract(epoch from occurred_at) / 60)::bigint * 60000"
        counted = self.query(
            f"select {minute}, count(*) from events where occurred_at >= to_timestamp({since / 1000}) group by 1"
        )
        return dict(counted)


@pytest.fixture
def cluster(settings: KafkaSettings, postgres: str, tmp_path: Path) -> Iterator[Cluster]:
    created = Cluster(settings, postgres, tmp_path)
    for worker in created.processes:
        worker.start(wait=0)
    for worker in created.processes:
        worker.wait_until_ready(120)
    yield created
    for worker in created.processes:
        worker.end()


async def test_two_of_everything_share_the_work_and_one_of_each_may_die(cluster: Cluster) -> None:
    """Meanwhile browsers send again, late, before and after a login, without their cookies, with ids of others."""
    since = (now_ms() // MINUTE_MS - 5) * MINUTE_MS
    for user in range(USERS):
        cluster.post(f"user-{user}", 10, collector=user % 2)
    await _wait_until_counted_and_landed(cluster)
    owned = [worker.metrics()["footfall_stream_partitions"] for worker in cluster.workers]
    landed = [sink.metrics()["footfall_sink_rows_total"] for sink in cluster.sinks]
    assert sum(owned) == 12, owned
    assert min(*owned, *landed) > 0, (owned, landed)
    await _assert_limit_holds_over_both_collectors(cluster)
    await asyncio.to_thread(cluster.send_again_and_again, 400, 0, 1)
    for pair in (cluster.collectors, cluster.workers, cluster.sinks):
        pair[1].kill()
    for user in range(USERS):
        cluster.post(f"user-{user}", 10, collector=0)
    await asyncio.to_thread(cluster.send_again_and_again, 200, 0)
    await _wait_until_counted_and_landed(cluster)
    await _assert_live_minutes_are_those_of_the_rows(cluster, since)
    _assert_no_event_is_gone_because_of_its_id(cluster)
    with psycopg.connect(cluster.dsn, autocommit=True) as connection:
        assert audit(connection).mismatches() == []


async def test_partitions_are_added_as_docs_operating_says(cluster: Cluster) -> None:
    for user in range(USERS):
        cluster.post(f"user-{user}", 10, collector=0)
    await _wait_until_counted_and_landed(cluster)
    for worker in cluster.processes:
        worker.end()
    await asyncio.sleep(SESSION_SECONDS + 2)
    await _add_partitions(cluster.settings, 18)
    for worker in cluster.processes:
        await asyncio.to_thread(worker.start, wait=120)
    for user in range(USERS):
        cluster.post(f"user-{user}", 10, collector=1)
    await _wait_until_counted_and_landed(cluster)
    assert sum(worker.metrics()["footfall_stream_partitions"] for worker in cluster.workers) == 18
    with psycopg.connect(cluster.dsn, autocommit=True) as connection:
        accounts = audit(connection)
    assert accounts.mismatches() == []
    assert max(account.partition for account in accounts.partitions) > 11
    assert {report.state for report in await check_topics(cluster.settings)} == {"as described"}


async def _add_partitions(settings: KafkaSettings, count: int) -> None:
    same_count = (
        topics.EVENTS,
        topics.STREAM_STATE,
        topics.LIVE_AGGREGATES,
        topics.USER_RATES,
        topics.CORRECTIONS,
    )
    admin = AIOKafkaAdminClient(**settings.client_options())
    await admin.start()
    try:
        await admin.create_partitions({settings.name(topic): NewPartitions(count) for topic in same_count})
    finally:
        await admin.close()


async def _assert_limit_holds_over_both_collectors(cluster: Cluster) -> None:
    """A hundred events at one collector; the other limits the user before it has accepted another hundred."""
    before = cluster.accepted
    assert cluster.post("eager", 100, collector=0) == ["accepted"] * 100
    deadline = time.monotonic() + 60
    while "limited" not in cluster.post("eager", 1, collector=1):
        assert time.monotonic() < deadline, "the other collector never limited the user"
        await asyncio.sleep(0.2)
    assert cluster.accepted - before < 200


async def _wait_until_counted_and_landed(cluster: Cluster) -> None:
    """Wait until every accepted event is counted once and landed once, and none is uncertain any more."""
    deadline = time.monotonic() + 100
    seen, wanted = (0, 0, -1), (cluster.acknowledged, cluster.acknowledged, 0)
    while seen != wanted:
        assert time.monotonic() < deadline, (seen, wanted)
        await asyncio.sleep(0.3)
        counts = await cluster.live()
        total, outcomes = counts.get(("total", 0, 0), {}), counts.get(("outcome", 0, 0), {})
        seen = (cluster.rows(), sum(total.values()), outcomes.get("uncertain", 0))


async def _assert_live_minutes_are_those_of_the_rows(cluster: Cluster, since: int) -> None:
    rows = cluster.rows_by_minute(since)
    counted: dict[int, int] = {}
    deadline = time.monotonic() + 20
    while counted != rows:
        assert time.monotonic() < deadline, (counted, rows)
        await asyncio.sleep(0.3)
        windows = await cluster.live()
        # Clients without a user agent are programs.
        counted = {
            start: count
            for (dimension, seconds, start), counts in windows.items()
            if (dimension, seconds) == ("events_of_programs", 60)
            and start >= since
            and (count := sum(counts.values()))
        }


def _assert_no_event_is_gone_because_of_its_id(cluster: Cluster) -> None:
    """Of two browsers that used one id, one has the row and the other a dead letter."""
    values = cluster.query("select reason, record_value from dead_letters")
    assert {reason for reason, _value in values} == {"event_id_conflict"}
    conflicts = {decode(bytes(value))[1]["event_id"] for _reason, value in values}
    shared = {event_id for event_id, names in cluster.clients.acknowledged.items() if len(names) > 1}
    assert shared
    assert shared <= conflicts <= cluster.clients.acknowledged.keys()
