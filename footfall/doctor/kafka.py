"""What `footfall doctor` finds in Kafka beyond what topics say: version, replicas, lag, clocks."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from avro_schemas import topic as topics
from avro_schemas.wire.codec import Undecodable, decode
from footfall.doctor.services import Finding
from footfall.kafka import reader as log
from footfall.kafka.lag import Lag, lags
from footfall.kafka.topics import Found, find
from service_kit.kafka import KafkaSettings

_SECONDS = 20.0
_FETCH = 1
# Kafka 4 dropped the versions of this request before it.
_FETCH_SINCE_4 = 4
_REPLICAS = 3
_MANY_RECORDS = 100_000
_CLOCKS_MAY_DIFFER_MS = 5_000
_LOOKED_AT = 5

# Of a request: the least and the greatest version that a broker speaks.
Versions = Mapping[int, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Cluster:
    """What is known of the brokers."""

    brokers: int
    versions: Versions


async def look_at_cluster(settings: KafkaSettings) -> list[Finding]:
    """Whether the cluster is one to rely on, and whether its readers keep up; nothing, if it does not answer."""
    try:
        async with asyncio.timeout(_SECONDS):
            cluster, found = await _describe(settings), await find(settings)
            behind = await lags(settings) if topics.EVENTS in found else []
            skews = await _skews(settings) if topics.EVENTS in found else []
    except (KafkaError, OSError, TimeoutError):
        return []  # the look at Kafka says so already
    return [
        *of_version(cluster.versions),
        *of_replicas(cluster.brokers, found),
        *of_state(found),
        *of_lag(behind),
        *of_skews(skews),
    ]


def of_version(versions: Versions) -> Iterator[Finding]:
    """Whether the brokers are of Kafka 4."""
    if versions.get(_FETCH, (0, 0))[0] < _FETCH_SINCE_4:
        said = "the brokers are older than Kafka 4, with which footfall is tested"
        yield Finding("version", "warn", said, "upgrade the brokers to Kafka 4")
    else:
        yield Finding("version", "ok", "the brokers are of Kafka 4 or newer")


def of_replicas(brokers: int, found: Mapping[str, Found]) -> Iterator[Finding]:
    """Whether a broker may be lost. One broker alone is for one person's machine."""
    if brokers < _REPLICAS:
        said = f"{brokers} {'broker' if brokers == 1 else 'brokers'}: nothing survives the loss of a disk"
        yield Finding(
            "replicas", "ok" if brokers == 1 else "warn", said, "" if brokers == 1 else "run three brokers"
        )
        return
    for name, topic in sorted(found.items()):
        in_sync = int(topic.config.get("min.insync.replicas", 1))
        if topic.replication < _REPLICAS:
            said = f"{name} has {topic.replication} replicas on {brokers} brokers"
            yield Finding("replicas", "fail", said, "raise it to 3 with kafka-reassign-partitions")
        if not 1 < in_sync < topic.replication:
            said = f"{name}: min.insync.replicas is {in_sync} of {topic.replication} replicas"
            fix = f"set it to 2: kafka-configs --alter --topic {name} --add-config min.insync.replicas=2"
            yield Finding("replicas", "warn" if in_sync > 1 else "fail", said, fix)
        if topic.config.get("unclean.leader.election.enable") == "true":
            said = f"{name} lets replicas lead that lack records: acknowledged events may be lost"
            yield Finding("replicas", "fail", said, "set unclean.leader.election.enable=false")


def of_state(found: Mapping[str, Found]) -> Iterator[Finding]:
    """Whether the topics that go partition by partition with `events` have as many."""
    events = found.get(topics.EVENTS)
    for name in (topics.STREAM_STATE, topics.LIVE_AGGREGATES, topics.USER_RATES):
        beside = found.get(name)
        if events and beside and beside.partitions != events.partitions:
            said = f"{name} has {beside.partitions} partitions, events has {events.partitions}"
            yield Finding("partitions", "fail", said, "see docs/operating.md about adding partitions")


def of_lag(behind: Sequence[Lag]) -> Iterator[Finding]:
    """Whether the readers of `events` are there and keep up."""
    for reader in dict.fromkeys(each.reader for each in behind):
        own = [each for each in behind if each.reader == reader]
        records = sum(each.records for each in own)
        unread = [each for each in own if each.position is None and each.records]
        if records and all(each.position is None for each in own):
            yield Finding("lag", "fail", f"{reader}: has never read anything", "start it, and see its log")
        elif len(unread) > len(own) // 4:
            said = f"{reader}: nobody reads {len(unread)} of {len(own)} partitions"
            fix = "stop all its processes for a minute, then start them; docs/operating.md about adding partitions"
            yield Finding("lag", "fail", said, fix)
        elif records > _MANY_RECORDS:
            said = f"{reader}: {records:,} records behind"
            yield Finding("lag", "warn", said, "watch it with `footfall lag --watch`; add processes")
        else:
            yield Finding("lag", "ok", f"{reader}: {records:,} records behind")


def of_skews(skews: Sequence[int]) -> Iterator[Finding]:
    """Whether brokers and collectors agree on the time: what lies between receiving and appending is small."""
    if not skews:
        return
    typical = median(skews)
    if -_CLOCKS_MAY_DIFFER_MS <= typical <= _CLOCKS_MAY_DIFFER_MS:
        yield Finding("clock", "ok", "the brokers' clocks and the collectors' agree")
        return
    where = "ahead of" if typical > 0 else "behind"
    said = f"the brokers' clocks are {abs(typical) / 1000:.0f} s {where} the collectors', or a spool was replayed"
    yield Finding("clock", "warn", said, "let NTP set the clocks; rate windows follow the brokers'")


async def _describe(settings: KafkaSettings) -> Cluster:
    admin = AIOKafkaAdminClient(**settings.client_options(), client_id="footfall-doctor")
    await admin.start()
    try:
        brokers = len((await admin.describe_cluster())["brokers"])
        # Each connection has asked its broker; the client keeps that to itself.
        spoken = [connection._versions for connection in admin._client._conns.values()]
    finally:
        await admin.close()
    return Cluster(brokers, spoken[0] if spoken else {})


async def _skews(settings: KafkaSettings) -> list[int]:
    """Of the last events: milliseconds from the collector's clock to the broker's."""
    found = []
    async with log.reader(settings, settings.name(topics.EVENTS)) as consumer:
        end = await log.ends(consumer)
        await log.from_last(consumer, _LOOKED_AT)
        async for record in log.until(consumer, end):
            try:
                received = decode(record.value or b"")[1].get("received_at")
            except Undecodable:
                continue
            if isinstance(received, datetime):
                received = int(received.timestamp() * 1000)
            if isinstance(received, int):
                found.append(record.timestamp - received)
    return found
