"""Who is in a consumer group: a member that is not ours takes partitions from us, and does not do our work.

Our members have the unprefixed name of the group as their client id.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError

from service_kit.kafka.consumer_protocol import describe_group
from service_kit.kafka.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a group, and its partitions of our topic."""

    client_id: str
    host: str
    partitions: tuple[int, ...]


async def members(kafka: KafkaSettings, group: str, topic: str) -> list[Member]:
    """The members of a group, by the unprefixed names of group and topic.

    Raise KafkaError if no broker answers.
    """
    admin = AIOKafkaAdminClient(**kafka.client_options())
    await admin.start()
    try:
        described = await admin.describe_consumer_groups([kafka.name(group)])
        found = [
            Member(client_id, host.removeprefix("/"), _partitions(assignment, kafka.name(topic)))
            for response in described
            for _error, _group, _state, _type, _protocol, found, *_rest in response.groups
            for _id, client_id, host, _metadata, assignment in found
        ]
        return found or await _by_consumer_protocol(admin, kafka.name(group), kafka.name(topic))
    finally:
        await admin.close()


async def _by_consumer_protocol(admin: AIOKafkaAdminClient, group: str, topic: str) -> list[Member]:
    """Those of a group with a client of KIP-848. None if there is no such group, or if brokers cannot say."""
    try:
        described = await describe_group(admin, group)
    except KafkaError:
        return []
    return [
        Member(client_id, host.removeprefix("/"), tuple(sorted(assigned.get(topic, ()))))
        for client_id, host, assigned in described
    ]


def strangers(group: str, found: Iterable[Member]) -> list[Member]:
    """Those members that are not ours and have partitions."""
    return [member for member in found if member.client_id != group and member.partitions]


def foreign(group: str, found: Sequence[Member], ours: Collection[int]) -> str | None:
    """What to do about strangers in our group; None if there are none. `ours`: the partitions of this process."""
    if ours and not found:
        return (
            f"a client of the consumer protocol (KIP-848) is in the group {group}. End it; every reader needs a "
            "group of its own"
        )
    return explain(group, strangers(group, found))


def explain(group: str, foreign_members: Sequence[Member]) -> str | None:
    """Who they are, what they have, and what to do; None without any."""
    if not foreign_members:
        return None
    who = "; ".join(
        f"{member.client_id} at {member.host} has partitions {', '.join(map(str, member.partitions))}"
        for member in foreign_members
    )
    return f"strangers are in the group {group}: {who}. End them; every reader needs a group of its own"


def _partitions(assignment: bytes, topic: str) -> tuple[int, ...]:
    if not assignment:
        return ()  # it is joining
    decoded = ConsumerProtocolMemberAssignment.decode(assignment)
    return tuple(sorted(number for name, numbers in decoded.assignment if name == topic for number in numbers))
