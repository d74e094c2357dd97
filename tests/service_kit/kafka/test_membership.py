"""A member that the brokers refuse for good says why and ends; one that has a successor ends too."""

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, NodeNotReadyError
from aiokafka.protocol.group import HeartbeatRequest

from service_kit.background import EXIT_FAILED
from service_kit.kafka.membership import EXIT_REFUSED, EXIT_REPLACED, GroupMember, is_replaced, refusal

REBALANCE_IN_PROGRESS, UNKNOWN_MEMBER, FENCED_INSTANCE = 27, 25, 82


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (26, "FOOTFALL_GROUP_SESSION_TIMEOUT_SECONDS between their group.min.session.timeout.ms"),
        (81, "group footfall-sinks has as many members as the brokers allow"),
        (23, "the other members of group footfall-sinks"),
        (30, "may not read the group footfall-sinks"),
    ],
)
def test_the_reason_names_what_to_change(code: int, says: str) -> None:
    assert says in (refusal(code, group="footfall-sinks", session_seconds=10) or "")


@pytest.mark.parametrize("code", [14, 15, 16, UNKNOWN_MEMBER, REBALANCE_IN_PROGRESS])
def test_what_passes_by_itself_is_waited_for(code: int) -> None:
    assert refusal(code, group="footfall-sinks", session_seconds=10) is None


@pytest.mark.parametrize(
    ("code", "is_heartbeat", "has_instance_id", "in_session", "replaced"),
    [
        pytest.param(UNKNOWN_MEMBER, True, True, True, True, id="somebody else joined with its instance id"),
        pytest.param(UNKNOWN_MEMBER, True, True, False, False, id="silent for a session"),
        pytest.param(UNKNOWN_MEMBER, True, False, True, False, id="without an instance id it joins again"),
        pytest.param(UNKNOWN_MEMBER, False, True, True, False, id="a join with an old member id"),
        pytest.param(FENCED_INSTANCE, False, True, False, True, id="the broker says so"),
        pytest.param(REBALANCE_IN_PROGRESS, True, True, True, False, id="a rebalance"),
    ],
)
def test_a_member_is_replaced_if_the_brokers_forget_it_although_it_was_heard(
    code: int, is_heartbeat: bool, has_instance_id: bool, in_session: bool, replaced: bool
) -> None:
    found = is_replaced(code, is_heartbeat=is_heartbeat, has_instance_id=has_instance_id, in_session=in_session)
    assert found is replaced


async def test_an_error_that_only_a_poll_would_raise_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust waits for an assignment before it polls."""
    ends = list[int]()
    monkeypatch.setattr(GroupMember, "end", staticmethod(ends.append), raising=False)
    client, subscription = AIOKafkaClient(), SubscriptionState()
    subscription.register_fetch_waiters(set())
    member = GroupMember(client, subscription, group_id="footfall-stream-app")
    errors = (
        NodeNotReadyError(),
        KafkaError("something unforeseen"),
        GroupAuthorizationFailedError("footfall-stream-app"),
    )
    polls = [member._push_error_to_user(error) for error in errors]
    assert ends == [EXIT_FAILED, EXIT_REFUSED]
    await member.close()
    await asyncio.gather(*polls)


async def test_a_membership_that_ends_by_a_fault_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = list[int]()
    monkeypatch.setattr(GroupMember, "end", staticmethod(ends.append), raising=False)

    def fail(_subscription: SubscriptionState) -> None:
        raise RuntimeError

    monkeypatch.setattr(SubscriptionState, "wait_for_subscription", fail)
    member = GroupMember(AIOKafkaClient(), SubscriptionState(), group_id="footfall-stream-app")
    await asyncio.wait([member._coordination_task])
    assert ends == [EXIT_FAILED]
    assert member._coordination_task.exception()


@pytest.mark.parametrize(("frozen_seconds", "replaced"), [(0.0, True), (20.0, False)])
async def test_a_process_that_was_frozen_for_a_session_joins_again(
    frozen_seconds: float, replaced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to a request of before the freeze is read after it, and says nothing about the session."""
    ends, clock = list[int](), [1000.0]
    # An answer to a heartbeat, to a commit, and to the next heartbeat.
    answers = iter([(0, frozen_seconds), (None, 0.0), (UNKNOWN_MEMBER, 0.0)])

    async def answer(_member: GroupCoordinator, _request: object) -> SimpleNamespace:
        code, seconds = next(answers)
        clock[0] += seconds
        return SimpleNamespace() if code is None else SimpleNamespace(error_code=code)

    monkeypatch.setattr(GroupMember, "end", staticmethod(ends.append), raising=False)
    monkeypatch.setattr(GroupCoordinator, "_send_req", answer)
    monkeypatch.setattr("service_kit.kafka.membership.time", SimpleNamespace(monotonic=lambda: clock[0]))
    client, subscription = AIOKafkaClient(), SubscriptionState()
    member = GroupMember(client, subscription, group_id="g", group_instance_id="i", session_timeout_ms=10_000)
    heartbeat = HeartbeatRequest("g", 1, "member")
    for request in (heartbeat, object(), heartbeat):
        await member._send_req(request)
    assert ends == ([EXIT_REPLACED] if replaced else [])
