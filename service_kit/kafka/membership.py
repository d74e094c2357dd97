"""Membership in a consumer group that ends the process, with the reason, where waiting cannot mend it.

aiokafka raises such errors at the next poll, and Faust waits for an assignment instead of polling: the service
would look well and do nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import aiokafka.consumer.consumer
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaError
from aiokafka.protocol.group import HeartbeatRequest

from service_kit.background import EXIT_FAILED

log = logging.getLogger(__name__)

# EX_CONFIG of sysexits.h: a person must change something.
EXIT_REFUSED = 78
# EX_TEMPFAIL: the next start may go on.
EXIT_REPLACED = 75

_UNKNOWN, _UNKNOWN_MEMBER, _FENCED_INSTANCE = -1, 25, 82
_REFUSALS = {
    23: "the other members of group {group} assign partitions in another way, so they are not ours: stop them",
    24: "{group} is not a valid name for a group: change FOOTFALL_TOPIC_PREFIX",
    26: (
        "the brokers do not allow a session of {session:g} s: set FOOTFALL_GROUP_SESSION_TIMEOUT_SECONDS between "
        "their group.min.session.timeout.ms and group.max.session.timeout.ms, or change those"
    ),
    30: "this user may not read the group {group}: grant it (docs/access.md)",
    81: "group {group} has as many members as the brokers allow: run fewer processes, or raise group.max.size",
}


def refusal(code: int, *, group: str, session_seconds: float) -> str | None:
    """Why a broker will not have us in the group, whatever we wait; None for other answers."""
    reason = _REFUSALS.get(code)
    return reason and reason.format(group=group, session=session_seconds)


def _hint(error: KafkaError) -> str:
    """Brokers fail at members with an assignor of their own, as the stream app's, beside clients of KIP-848."""
    if getattr(error, "errno", 0) != _UNKNOWN:
        return ""
    return ". If a client of the consumer protocol (KIP-848) is in the group, end it: `footfall doctor` names it"


def is_replaced(code: int, *, is_heartbeat: bool, has_instance_id: bool, in_session: bool) -> bool:
    """Whether another process has joined with our group instance id. It owns our partitions then.

    The brokers forget a member that is silent for a whole session, too. To one that was not, only that happens.
    """
    if code == _FENCED_INSTANCE:
        return True
    return code == _UNKNOWN_MEMBER and is_heartbeat and has_instance_id and in_session


class GroupMember(GroupCoordinator):  # type: ignore[misc] # aiokafka has no types
    """A member of a group. Calls `end` with an exit code if it cannot be one any longer."""

    end: Callable[[int], None]
    # Monotonic time of the last request of the membership that a broker answered without an error. Not that of the
    # answer: a process that is frozen reads it much later.
    _recognized_at = 0.0

    async def _send_req(self, request: Any) -> Any:
        sent_at = time.monotonic()
        response = await super()._send_req(request)
        # Requests for offsets have none.
        code = getattr(response, "error_code", None)
        if code == 0:
            self._recognized_at = sent_at
        elif code and not self._closing.done():
            self._end_if_over(code, isinstance(request, HeartbeatRequest))
        return response

    async def _coordination_routine(self) -> None:
        try:
            await super()._coordination_routine()
        except asyncio.CancelledError:
            raise
        except Exception:
            log.critical("the membership in group %s ended unexpectedly; exiting", self.group_id)
            self.end(EXIT_FAILED)
            raise

    def _push_error_to_user(self, exc: KafkaError) -> Any:
        """aiokafka waits until the next poll raises this, and does nothing in the group before that."""
        is_passing = exc.retriable or self._closing.done()
        if not is_passing and not self._end_if_refused(getattr(exc, "errno", 0)):
            log.critical("group %s cannot be joined: %r%s; exiting", self.group_id, exc, _hint(exc))
            self.end(EXIT_FAILED)
        return super()._push_error_to_user(exc)

    def _end_if_refused(self, code: int) -> bool:
        reason = refusal(code, group=self.group_id, session_seconds=self._session_timeout_ms / 1000)
        if reason:
            log.critical("%s", reason)
            self.end(EXIT_REFUSED)
        return reason is not None

    def _end_if_over(self, code: int, is_heartbeat: bool) -> None:
        in_session = time.monotonic() - self._recognized_at < self._session_timeout_ms / 1000
        has_instance_id = self._group_instance_id is not None
        if not self._end_if_refused(code) and is_replaced(
            code, is_heartbeat=is_heartbeat, has_instance_id=has_instance_id, in_session=in_session
        ):
            log.critical(
                "another process has joined group %s with the instance id %s, or it was removed; exiting, so that "
                "there is one. Each process needs a FOOTFALL_GROUP_INSTANCE_ID of its own.",
                self.group_id,
                self._group_instance_id,
            )
            self.end(EXIT_REPLACED)


def install(end: Callable[[int], None]) -> None:
    """From now on every consumer with a group is such a member."""
    GroupMember.end = staticmethod(end)
    aiokafka.consumer.consumer.GroupCoordinator = GroupMember
