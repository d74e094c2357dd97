"""The ids of a Kafka cluster and of a topic: a topic that was recreated has the same name and another id.

aiokafka 0.14 requests metadata in version 5, which has no topic ids yet. This is version 12 (Kafka 3.1 and later).
"""

import asyncio
import logging
from dataclasses import dataclass
from io import BytesIO
from uuid import UUID

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from service_kit.kafka import KafkaSettings

log = logging.getLogger(__name__)

_METADATA = 3
_NO_ID = UUID(int=0)
_ATTEMPTS, _ATTEMPT_SECONDS = 20, 0.1
_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class TopicIdentity:
    """The ids of the cluster and of the topic in it; `topic_id` is None if there is no such topic."""

    cluster_id: str
    topic_id: UUID | None


class _Uuid(AbstractType[UUID]):  # type: ignore[misc] # aiokafka has no types here
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
                ("topic_id", _Uuid),
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
            CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)),
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
            log.warning("Kafka cannot be reached", extra={"error": repr(error)})
            await asyncio.sleep(_RETRY_SECONDS)
    return ""


async def _ask(admin: AIOKafkaAdminClient, topic: str) -> TopicIdentity:
    for _attempt in range(_ATTEMPTS):
        response = await admin._client.send(admin._client.get_random_node(), _MetadataRequest(topic))
        ((code, _name, topic_id, *_rest),) = response.topics
        error = for_code(code)
        # A topic that was just created has no leaders for a moment: that error is retriable.
        if not code or not error.retriable:
            break
        await asyncio.sleep(_ATTEMPT_SECONDS)
    if code and error.__name__ != "UnknownTopicOrPartitionError":
        raise error(topic)
    return TopicIdentity(str(response.cluster_id), None if topic_id == _NO_ID else topic_id)
