"""Partitions that are assigned without their state, which a worker would pass over for ever.

A partition of `events` comes with that of the changelog: Faust's assignor hands them out together, if both topics
are subscribed to. A member that joined without the changelog gets `events` alone, and the brokers give the same
assignment to the next start with its instance id, whatever that subscribes to. So nobody joins that way
(`BatchConsumer.subscribe`); and a worker that is given such an assignment all the same leaves the group by its
instance id before it exits, as its next start would otherwise get it back.
"""

import asyncio
import logging
import os
import time

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int16, Int32, Schema, String

from stream_app.engine.app import FootfallApp
from stream_app.engine.checkpoint import EXIT_FROZEN

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
# A rebalance changes the assignment a moment before the states.
MAX_MISSING_SECONDS = 10.0
_LEAVE_SECONDS = 10.0
_LEAVE_GROUP = 13


def without_state(app: FootfallApp) -> set[int]:
    """Assigned partitions of `events` that this worker has no state of, once it has recovered."""
    if not app.owned.accepting:
        return set()
    assigned = {tp.partition for tp in app.consumer.assignment() if tp.topic == app.events_topic}
    return assigned - set(app.owned.partitions)


class Persistence:
    """Whether something has been so for a while, without a break."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None

    def lasts(self, is_so: bool, now: float) -> bool:
        """Whether it is so, and was at every call within the last `seconds`."""
        if not is_so:
            self._since = None
            return False
        self._since = now if self._since is None else self._since
        return now - self._since >= self._seconds


async def watch_assignment(app: FootfallApp) -> None:
    """Check each second, until cancelled. Leave the group and exit if partitions stay without their state."""
    missing_state = Persistence(MAX_MISSING_SECONDS)
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        missing = without_state(app)
        if missing_state.lasts(bool(missing), time.monotonic()):
            log.critical(
                "partitions %s are assigned without their state; leaving the group and exiting", sorted(missing)
            )
            await _leave(app)
            os._exit(EXIT_FROZEN)


async def _leave(app: FootfallApp) -> None:
    try:
        async with asyncio.timeout(_LEAVE_SECONDS):
            await app.consumer.leave_group()
    except (KafkaError, OSError, TimeoutError) as error:
        log.warning("the group was not left; its session ends later", extra={"error": repr(error)})


async def leave_group(client: AIOKafkaClient, group: str, instance_id: str) -> None:
    """End the membership of whoever has this instance id. aiokafka itself leaves by member id only."""
    coordinator = await client.coordinator_lookup(CoordinationType.GROUP, group)
    request = _LeaveGroupRequest(group, instance_id)
    response = await client.send(coordinator, request, group=ConnectionGroup.COORDINATION)
    for code in (response.error_code, *(member[2] for member in response.members)):
        if code:
            raise for_code(code)(instance_id)


class _LeaveGroupResponse(Response):  # type: ignore[misc] # aiokafka has no types
    API_KEY = _LEAVE_GROUP
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        (
            "members",
            Array(
                ("member_id", String("utf-8")),
                ("group_instance_id", String("utf-8")),
                ("error_code", Int16),
            ),
        ),
    )


class _LeaveGroupRequestStruct(RequestStruct):  # type: ignore[misc] # as above
    API_KEY = _LEAVE_GROUP
    API_VERSION = 3
    RESPONSE_TYPE = _LeaveGroupResponse
    SCHEMA = Schema(
        ("group", String("utf-8")),
        ("members", Array(("member_id", String("utf-8")), ("group_instance_id", String("utf-8")))),
    )


class _LeaveGroupRequest(Request[_LeaveGroupRequestStruct]):  # type: ignore[misc] # as above
    API_KEY = _LEAVE_GROUP

    def __init__(self, group: str, instance_id: str) -> None:
        self._group, self._instance_id = group, instance_id

    def build(self, request_struct_class: type[_LeaveGroupRequestStruct]) -> _LeaveGroupRequestStruct:
        return request_struct_class(self._group, [("", self._instance_id)])
