"""Whether a topic's log is still the one that a position belongs to: an offset alone does not say.

A topic that was recreated has the same name and another id. A log that lost its end and grew again has other
records at the same offsets; their leader epoch shows it. aiokafka 0.14 requests metadata in version 5, which has
no topic ids, and never asks where leader epochs end. Here are version 12 (Kafka 3.1 and later) and
OffsetForLeaderEpoch.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from uuid import UUID

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Array,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    String,
    TaggedFields,
)

from service_kit.kafka.refusals import described
from service_kit.kafka.settings import KafkaSettings

log = logging.getLogger(__name__)

_METADATA, _OFFSET_FOR_LEADER_EPOCH = 3, 23
# As consumers call themselves where a broker would say its number.
_CONSUMER = -1
_NO_ID = UUID(int=0)
_ATTEMPTS, _ATTEMPT_SECONDS = 20, 0.1
_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class TopicIdentity:
    """The ids of the cluster and of the topic in it; `topic_id` is None if there is no such topic.

    `leaders` are the brokers that lead its partitions.
    """

    cluster_id: str
    topic_id: UUID | None
    leaders: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a reader is in a partition: the offset to read next, and the leader epoch of the record before it.

    The epoch is -1 if it is not known.
    """

    offset: int
    epoch: int


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """Where a leader epoch ends in the log; of one that is not in the log, the newest before it; -1 if none is."""

    epoch: int
    end: int


def diverged_at(position: Position, found: EpochEnd | None) -> int | None:
    """The first offset at which the log differs from what was read of it; None if it does not differ.

    `found` is where the log says that the position's epoch ends, None if it was not asked.
    """
    if found is None or position.epoch < 0:
        return None
    if found.epoch < 0 or found.end < 0:
        # The log has no epoch as new as this one: it is another log, or lost everything since.
        return 0
    if found.epoch < position.epoch or found.end < position.offset:
        return min(found.end, position.offset)
    return None


class Uuid(AbstractType[UUID]):  # type: ignore[misc] # aiokafka has no types here
    """As Kafka writes them."""

    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))


class _MetadataResponse(Response):  # type: ignore[misc] # as above
    API_KEY = _METADATA
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _MetadataRequestStruct(RequestStruct):  # type: ignore[misc] # as above
    FLEXIBLE_VERSION = True
    API_KEY = _METADATA
    API_VERSION = 12
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[_MetadataRequestStruct]):  # type: ignore[misc] # as above
    API_KEY = _METADATA

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[_MetadataRequestStruct]) -> _MetadataRequestStruct:
        return request_struct_class([(_NO_ID, self._topic, {})], False, False, {})


class _EpochResponse(Response):  # type: ignore[misc] # as above
    API_KEY = _OFFSET_FOR_LEADER_EPOCH
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            Array(
                ("topic", String("utf-8")),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader_epoch", Int32),
                        ("end_offset", Int64),
                    ),
                ),
            ),
        ),
    )


class _EpochRequestStruct(RequestStruct):  # type: ignore[misc] # as above
    API_KEY = _OFFSET_FOR_LEADER_EPOCH
    API_VERSION = 3
    RESPONSE_TYPE = _EpochResponse
    SCHEMA = Schema(
        ("replica_id", Int32),
        (
            "topics",
            Array(
                ("topic", String("utf-8")),
                (
                    "partitions",
                    Array(("partition", Int32), ("current_leader_epoch", Int32), ("leader_epoch", Int32)),
                ),
            ),
        ),
    )


class _EpochRequest(Request[_EpochRequestStruct]):  # type: ignore[misc] # as above
    API_KEY = _OFFSET_FOR_LEADER_EPOCH

    def __init__(self, topic: str, epochs: Mapping[int, int]) -> None:
        self._topic, self._epochs = topic, epochs

    def build(self, request_struct_class: type[_EpochRequestStruct]) -> _EpochRequestStruct:
        partitions = [(partition, -1, epoch) for partition, epoch in self._epochs.items()]
        return request_struct_class(_CONSUMER, [(self._topic, partitions)])


async def topic_identity(kafka: KafkaSettings, topic: str) -> TopicIdentity:
    """Ask a broker. Raise KafkaError if none answers, or if the topic exists and cannot be described."""
    admin = AIOKafkaAdminClient(**kafka.client_options())
    await admin.start()
    try:
        return await _ask(admin, topic)
    finally:
        await admin.close()


async def wait_for_cluster_id(kafka: KafkaSettings, topic: str, stopping: asyncio.Event) -> str:
    """Ask until Kafka answers: it may start after us. Empty if we are stopped before that."""
    while not stopping.is_set():
        try:
            return (await topic_identity(kafka, topic)).cluster_id
        except (KafkaError, OSError) as error:
            log.warning("Kafka cannot be reached", extra={"error": described(error)})
            await asyncio.sleep(_RETRY_SECONDS)
    return ""


async def _ask(admin: AIOKafkaAdminClient, topic: str) -> TopicIdentity:
    for _attempt in range(_ATTEMPTS):
        response = await admin._client.send(admin._client.get_random_node(), _MetadataRequest(topic))
        ((code, _name, topic_id, _internal, partitions, *_rest),) = response.topics
        error = for_code(code)
        # A topic that was just created has no leaders for a moment: that error is retriable.
        if not code or not error.retriable:
            break
        await asyncio.sleep(_ATTEMPT_SECONDS)
    if code and error.__name__ != "UnknownTopicOrPartitionError":
        raise error(topic)
    leaders = {number: leader for _code, number, leader, *_more in partitions}
    return TopicIdentity(str(response.cluster_id), None if topic_id == _NO_ID else topic_id, leaders)


async def epoch_ends(kafka: KafkaSettings, topic: str, epochs: Mapping[int, int]) -> dict[int, EpochEnd]:
    """Ask the leaders where these leader epochs end, by partition. Raise KafkaError if one does not say."""
    admin = AIOKafkaAdminClient(**kafka.client_options())
    await admin.start()
    try:
        for _attempt in range(_ATTEMPTS - 1):
            try:
                return await _ask_leaders(admin, topic, epochs)
            except KafkaError:  # it has just lost the lead
                await asyncio.sleep(_ATTEMPT_SECONDS)
        return await _ask_leaders(admin, topic, epochs)
    finally:
        await admin.close()


async def _ask_leaders(admin: AIOKafkaAdminClient, topic: str, epochs: Mapping[int, int]) -> dict[int, EpochEnd]:
    leaders = (await _ask(admin, topic)).leaders
    found: dict[int, EpochEnd] = {}
    for leader in {leaders.get(partition, -1) for partition in epochs}:
        asked = {number: epoch for number, epoch in epochs.items() if leaders.get(number, -1) == leader}
        response = await admin._client.send(leader, _EpochRequest(topic, asked))
        for _topic, partitions in response.topics:
            for code, partition, epoch, end in partitions:
                if code:
                    raise for_code(code)(f"{topic}/{partition}")
                found[partition] = EpochEnd(epoch, end)
    return found
