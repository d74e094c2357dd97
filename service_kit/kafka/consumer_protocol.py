"""Members of a group in which somebody uses the newer consumer protocol (KIP-848): the classic request shows none.

aiokafka 0.14 has no ConsumerGroupDescribe. Here is version 0, which brokers of Kafka 4 answer.
"""

from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from service_kit.kafka.topic_log import Uuid

_CONSUMER_GROUP_DESCRIBE = 69
_TEXT = CompactString("utf-8")
_ASSIGNMENT = Schema(
    (
        "topic_partitions",
        CompactArray(
            ("topic_id", Uuid),
            ("topic_name", _TEXT),
            ("partitions", CompactArray(Int32)),
            ("tags", TaggedFields),
        ),
    ),
    ("tags", TaggedFields),
)


class _DescribeResponse(Response):  # type: ignore[misc] # aiokafka has no types here
    API_KEY = _CONSUMER_GROUP_DESCRIBE
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "groups",
            CompactArray(
                ("error_code", Int16),
                ("error_message", _TEXT),
                ("group", _TEXT),
                ("state", _TEXT),
                ("group_epoch", Int32),
                ("assignment_epoch", Int32),
                ("assignor", _TEXT),
                (
                    "members",
                    CompactArray(
                        ("member_id", _TEXT),
                        ("instance_id", _TEXT),
                        ("rack_id", _TEXT),
                        ("member_epoch", Int32),
                        ("client_id", _TEXT),
                        ("client_host", _TEXT),
                        ("topics", CompactArray(_TEXT)),
                        ("topic_regex", _TEXT),
                        ("assignment", _ASSIGNMENT),
                        ("target_assignment", _ASSIGNMENT),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _DescribeRequestStruct(RequestStruct):  # type: ignore[misc] # as above
    FLEXIBLE_VERSION = True
    API_KEY = _CONSUMER_GROUP_DESCRIBE
    API_VERSION = 0
    RESPONSE_TYPE = _DescribeResponse
    SCHEMA = Schema(
        ("groups", CompactArray(_TEXT)), ("include_authorized_operations", Boolean), ("tags", TaggedFields)
    )


class _DescribeRequest(Request[_DescribeRequestStruct]):  # type: ignore[misc] # as above
    API_KEY = _CONSUMER_GROUP_DESCRIBE

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, request_struct_class: type[_DescribeRequestStruct]) -> _DescribeRequestStruct:
        return request_struct_class([self._group], False, {})


async def describe_group(admin: AIOKafkaAdminClient, group: str) -> list[tuple[str, str, dict[str, list[int]]]]:
    """Client id, host and partitions by topic of each member. Raise KafkaError if there is no such group."""
    coordinator = await admin.find_coordinator(group)
    response: Any = await admin._client.send(coordinator, _DescribeRequest(group))
    ((code, message, *_names, members, _operations, _tags),) = response.groups
    if code:
        raise for_code(code)(message)
    return [
        (client_id, host, {name: numbers for _id, name, numbers, _tags in assignment[0]})
        for _id, _instance, _rack, _epoch, client_id, host, _topics, _regex, assignment, *_rest in members
    ]
