"""Checks of Kafka: whether it answers, its topics, version, replicas, consumer lag and clocks."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, SaslAuthenticationFailed

from avro_schemas import topic
from avro_schemas.wire.codec import Undecodable, decode
from footfall.doctor.finding import Finding
from footfall.failures import with_plain_addresses
from footfall.kafka import reader
from footfall.kafka.lag import Lag, current_lags
from footfall.kafka.topics import MISSING, TopicReport, check_topics, existing_topics
from service_kit.kafka.group_members import Member, explain, members, strangers
from service_kit.kafka.settings import KafkaSettings
from service_kit.kafka.topic_description import ExistingTopic
from service_kit.postgres import PostgresSettings

_TOPICS_TIMEOUT_SECONDS = 15.0
_CLUSTER_TIMEOUT_SECONDS = 25.0
_FETCH_API_KEY = 1
# Kafka 4 removed the older versions of this request.
_MIN_FETCH_VERSION_OF_KAFKA_4 = 4
_REPLICAS = 3
_GROUPS = tuple(topic.named(topic.EVENTS).consumer_groups.values())
_MAX_LAG = 100_000
# Positions are committed at least once per second.
_MOVE_SECONDS = 5.0
_MAX_CLOCK_DIFFERENCE_MS = 5_000
_SAMPLED_RECORDS = 5

# By API key: the lowest and the highest version that a broker supports.
ApiVersions = Mapping[int, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the brokers report about themselves."""

    brokers: int
    api_versions: ApiVersions


async def check_kafka(settings: KafkaSettings, event_topics: Sequence[str] = ()) -> list[Finding]:
    """Whether Kafka answers, and whether the topics are as described."""
    try:
        async with asyncio.timeout(_TOPICS_TIMEOUT_SECONDS):
            reports = await check_topics(settings, event_topics=event_topics)
    except SaslAuthenticationFailed as error:
        check = getattr(error, "check", "user and password")
        return [Finding("kafka", "fail", f"{settings.kafka_bootstrap}: {error}", f"check {check}")]
    except (KafkaError, OSError, TimeoutError) as error:
        message = f"{settings.kafka_bootstrap} does not answer: {with_plain_addresses(str(error)) or 'timed out'}"
        return [Finding("kafka", "fail", message, "start Kafka, or set FOOTFALL_KAFKA_BOOTSTRAP to its brokers")]
    found = [finding for report in reports for finding in topic_findings(report)]
    all_fine = Finding("topics", "ok", f"{len(reports)} are as described")
    return [Finding("kafka", "ok", f"{settings.kafka_bootstrap} answers"), *(found or [all_fine])]


async def check_cluster(
    settings: KafkaSettings, event_topics: Sequence[str] = (), *, postgres: PostgresSettings
) -> list[Finding]:
    """Whether the cluster is safe to rely on and its readers keep up. Nothing if Kafka does not answer."""
    try:
        async with asyncio.timeout(_CLUSTER_TIMEOUT_SECONDS):
            cluster, existing = await _describe_cluster(settings), await existing_topics(settings, event_topics)
            has_events = topic.EVENTS in existing
            lags = await current_lags(settings, postgres) if has_events else []
            later = await _lags_after_a_while(settings, postgres, lags)
            found = {group: await members(settings, group, topic.EVENTS) for group in _GROUPS}
            differences = await _clock_differences(settings) if has_events else []
    except (KafkaError, OSError, TimeoutError):
        return []  # `check_kafka` reports it
    return [
        *check_version(cluster.api_versions),
        *check_replicas(cluster.brokers, existing),
        *check_lag(lags, later),
        *check_members(found),
        *check_clocks(differences),
    ]


def check_version(api_versions: ApiVersions) -> Iterator[Finding]:
    """Whether the brokers run Kafka 4."""
    if api_versions.get(_FETCH_API_KEY, (0, 0))[0] < _MIN_FETCH_VERSION_OF_KAFKA_4:
        message = "the brokers are older than Kafka 4, the version footfall is tested with"
        yield Finding("version", "warn", message, "upgrade the brokers to Kafka 4")
    else:
        yield Finding("version", "ok", "the brokers run Kafka 4 or newer")


def check_replicas(brokers: int, existing: Mapping[str, ExistingTopic]) -> Iterator[Finding]:
    """Whether the cluster survives the loss of a broker. A single broker is fine for development."""
    if brokers < _REPLICAS:
        message = f"{brokers} {'broker' if brokers == 1 else 'brokers'}: losing a disk loses data"
        if brokers == 1:
            yield Finding("replicas", "ok", message)
        else:
            yield Finding("replicas", "warn", message, "run three brokers")
        return
    for name, found in sorted(existing.items()):
        if found.config is None:
            continue  # `check_kafka` says that it cannot be checked
        min_insync = int(found.config.get("min.insync.replicas", 1))
        if found.replication_factor < _REPLICAS:
            message = f"{name} has {found.replication_factor} replicas on {brokers} brokers"
            yield Finding("replicas", "fail", message, "raise it to 3 with kafka-reassign-partitions")
        if not 1 < min_insync < found.replication_factor:
            message = f"{name}: min.insync.replicas is {min_insync} of {found.replication_factor} replicas"
            fix = f"set it to 2: kafka-configs --alter --topic {name} --add-config min.insync.replicas=2"
            yield Finding("replicas", "warn" if min_insync > 1 else "fail", message, fix)
        if found.config.get("unclean.leader.election.enable") == "true":
            message = f"{name} allows unclean leader election, which can lose acknowledged events"
            yield Finding("replicas", "fail", message, "set unclean.leader.election.enable=false")


def check_lag(lags: Sequence[Lag], later: Sequence[Lag] = ()) -> Iterator[Finding]:
    """Whether the readers of `events` are running and keep up; `later`: the lags a few seconds afterwards."""
    moved_to = {(lag.reader, lag.partition): lag.position for lag in later}
    for name in dict.fromkeys(lag.reader for lag in lags):
        own = [lag for lag in lags if lag.reader == name]
        records = sum(lag.records for lag in own)
        unread = [lag for lag in own if lag.position is None and lag.records]
        if records and all(lag.position is None for lag in own):
            yield Finding("lag", "fail", f"{name}: has never read anything", "start it, or read its log")
        elif len(unread) > len(own) // 4:
            message = f"{name}: {len(unread)} of {len(own)} partitions are not read"
            fix = "stop all its processes for a minute and start them again; docs/operating.md, adding partitions"
            yield Finding("lag", "fail", message, fix)
        elif still := [
            lag for lag in own if lag.records and moved_to.get((name, lag.partition), -1) == lag.position
        ]:
            behind = sum(lag.records for lag in still)
            message = f"{name}: stands still, {behind:,} records behind in {len(still)} of {len(own)} partitions"
            fix = "its /readyz and its log say what it waits for; right after a start, run this again"
            yield Finding("lag", "fail", message, fix)
        elif records > _MAX_LAG:
            fix = "watch it with `footfall lag --watch`; add processes if it grows"
            yield Finding("lag", "warn", f"{name}: {records:,} records behind", fix)
        else:
            yield Finding("lag", "ok", f"{name}: {records:,} records behind")


def check_members(found: Mapping[str, Sequence[Member]]) -> Iterator[Finding]:
    """Whether only our services are in their groups: what others are given is neither counted nor landed."""
    for group, in_group in found.items():
        if reason := explain(group, strangers(group, in_group)):
            fix = "docs/runbooks.md, FootfallSinkPartitionUnassigned; Kafka retains for 7 days what they take"
            yield Finding("lag", "fail", reason, fix)


def check_clocks(differences: Sequence[int]) -> Iterator[Finding]:
    """Whether brokers and collectors agree on the time; `differences` are append minus receive times, in ms."""
    if not differences:
        return
    typical = median(differences)
    if abs(typical) <= _MAX_CLOCK_DIFFERENCE_MS:
        yield Finding("clock", "ok", "the clocks of brokers and collectors agree")
        return
    side = "ahead of" if typical > 0 else "behind"
    seconds = f"{abs(typical) / 1000:.0f} s"
    message = f"the brokers' clocks are {seconds} {side} the collectors', or a spool was published late"
    yield Finding("clock", "warn", message, "synchronise the clocks with NTP; live windows follow the brokers'")


async def _lags_after_a_while(
    settings: KafkaSettings, postgres: PostgresSettings, lags: Sequence[Lag]
) -> list[Lag]:
    """The lags after readers that are alive must have moved. Nothing if no record waits."""
    if not any(lag.records for lag in lags):
        return []
    await asyncio.sleep(_MOVE_SECONDS)
    return await current_lags(settings, postgres)


def topic_findings(report: TopicReport) -> Iterator[Finding]:
    """What is wrong with a topic, and what cannot be checked."""
    if report.state == MISSING:
        yield Finding("topics", "fail", f"{report.topic} is missing", "run `footfall topics`")
    for sentence in report.faults:
        changes = f"run `footfall topics`, which sets {'; '.join(report.changes)}" if report.changes else ""
        by_hand = "change it with Kafka's own tools; docs/operating.md, when a topic is not as it must be"
        yield Finding("topics", "fail", sentence, changes or by_hand)
    if report.differences:
        message = f"{report.topic} differs from its description: {'; '.join(report.differences)}"
        yield Finding("topics", "warn", message, "change it with Kafka's own tools, or leave it if it is intended")
    if report.unchecked:
        yield Finding("topics", "warn", report.unchecked, "grant it, or check by hand")


async def _describe_cluster(settings: KafkaSettings) -> Cluster:
    admin = AIOKafkaAdminClient(**settings.client_options(), client_id="footfall-doctor")
    await admin.start()
    try:
        brokers = len((await admin.describe_cluster())["brokers"])
        # Each connection negotiated versions with its broker, but the client has no public way to read them.
        negotiated = [connection._versions for connection in admin._client._conns.values()]
    finally:
        await admin.close()
    return Cluster(brokers, negotiated[0] if negotiated else {})


async def _clock_differences(settings: KafkaSettings) -> list[int]:
    """Append time less received time of the newest events, in milliseconds."""
    differences = []
    async with reader.open_consumer(settings, settings.name(topic.EVENTS)) as consumer:
        end = await reader.end_offsets(consumer)
        await reader.seek_to_last(consumer, _SAMPLED_RECORDS)
        async for record in reader.read_until(consumer, end):
            try:
                received = decode(record.value or b"")[1].get("received_at")
            except Undecodable:
                continue
            if isinstance(received, datetime):
                received = int(received.timestamp() * 1000)
            if isinstance(received, int):
                differences.append(record.timestamp - received)
    return differences
