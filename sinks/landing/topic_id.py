"""The ids of a cluster and of a topic in it: a topic that was recreated has the old name and another id.

aiokafka 0.14 asks for metadata in version 5, which has no topic ids yet; this is version 12 (Kafka 3.1 and later).
"""

import asyncio
from dataclasses import dataclass
from io import BytesIO
from uuid import UUID

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from service_kit.kafka import KafkaSettings

_METADATA = 3
_NO_ID = UUID(int=0)
_ATTEMPTS, _PAUSE = 20, 0.1


@dataclass(frozen=True, slots=True)
class Identity:
    """Which cluster answers, and which topic is behind the name; None where there is none."""

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


async def identity(kafka: KafkaSettings, topic: str) -> Identity:
    """Ask a broker. Raise KafkaError where none answers, or where the topic is there and cannot be told of."""
    admin = AIOKafkaAdminClient(**kafka.client_options())
    await admin.start()
    try:
        return await _settled(admin, topic)
    finally:
        await admin.close()


async def _settled(admin: AIOKafkaAdminClient, topic: str) -> Identity:
    """A topic that was just made has no leaders for a moment."""
    for _attempt in range(_ATTEMPTS):
        answer = await admin._client.send(admin._client.get_random_node(), _MetadataRequest(topic))
        ((code, _name, topic_id, *_rest),) = answer.topics
        error = for_code(code)
        if not code or not error.retriable:
            break
        await asyncio.sleep(_PAUSE)
    if code and error.__name__ != "UnknownTopicOrPartitionError":
        raise error(topic)
    return Identity(str(answer.cluster_id), None if topic_id == _NO_ID else topic_id)
