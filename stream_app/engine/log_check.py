"""Whether `events` is still the log that a state belongs to. If not, the worker stops until a person decides.

A state that went on in another log would skip its first records, as their offsets are known, and count those
behind them on top of records that are gone. Nothing that comes later would show it. So the state notes the id of
its topic and the leader epoch of its last record; and a worker that finds another log notes that in the state, so
that no restart, and no growth of the log, lifts the stop.
"""

import asyncio
import logging
import os
from dataclasses import dataclass
from uuid import UUID

from aiokafka.errors import KafkaError

from service_kit.kafka.refusals import described
from service_kit.kafka.topic_log import EpochEnd, Position, diverged_at, epoch_ends, topic_identity
from stream_app import metrics
from stream_app.engine.app import FootfallApp
from stream_app.engine.partitions import OwnedPartition
from stream_app.state.partition import PartitionState

log = logging.getLogger(__name__)

EXIT_OTHER_LOG = 71
CHECK_SECONDS = 5.0
_RETRY_SECONDS = 0.5
_LIFT = (
    "Live counts stop here until a person decides: see `Exit code 71` in docs/operating.md. "
    "FOOTFALL_ACCEPT_NEW_TOPIC=true goes on {at}."
)


@dataclass(frozen=True, slots=True)
class Log:
    """A partition of `events` as it is now: its records have offsets from `first` up to, not including, `end`.

    `epoch_end` is where the leader epoch of the state's last record ends in it; None if the state knows no epoch.
    """

    topic_id: UUID | None
    first: int
    end: int
    epoch_end: EpochEnd | None = None


@dataclass(frozen=True, slots=True)
class OtherLog:
    """Why the log is not the one that the state belongs to, and where a person may have it go on."""

    reason: str
    resume_at: int


def compare(state: PartitionState, now: Log) -> OtherLog | None:
    """What separates the log from the state; None if the state can go on in it."""
    if state.position < 0:
        return None
    if state.topic_id and now.topic_id and state.topic_id != str(now.topic_id):
        return OtherLog("the topic was recreated: it has another id than the one that was counted", now.first)
    if state.stopped:
        return OtherLog(state.stopped.reason, max(now.first, min(state.stopped.resume_at, now.end)))
    following = state.position + 1
    if state.leader_epoch >= 0 and now.epoch_end:
        # Not the end: a new leader may not know for a moment how far the log is replicated.
        at = diverged_at(Position(following, state.leader_epoch), now.epoch_end)
    else:
        at = now.end if now.end < following else None
    if at is None:
        return None
    others = ", and wrote others there" if now.end > at else ""
    reason = f"Kafka lost the records from {at} to {state.position}, which are counted{others}"
    return OtherLog(reason, max(now.first, at))


async def check_start(app: FootfallApp, logs: dict[int, tuple[int, int]]) -> dict[int, int]:
    """The offsets to start at, from the first offset and the end of each owned partition."""
    owned = {number: app.owned.partitions[number] for number in logs}
    topic_id, ends = await _ask(app, {n: each.state.leader_epoch for n, each in owned.items()})
    for number, each in owned.items():
        first, end = logs[number]
        found = compare(each.state, Log(topic_id, first, end, ends.get(number)))
        if found and not app.accept_new_topic:
            await stop(app, number, each, found)
        elif found:
            log.error("%s/%d: %s; going on from %d", app.events_topic, number, found.reason, found.resume_at)
            each.state.go_on_from(found.resume_at, str(topic_id) if topic_id else each.state.topic_id)
            each.durable = found.resume_at
        elif first > each.state.position + 1:
            lost = first - each.state.position - 1
            log.error("retention removed %d records of %s/%d", lost, app.events_topic, number)
            metrics.RECORDS_LOST.inc(lost)
            each.state.pass_over(first, -1)
        each.state.topic_id = str(topic_id) if topic_id else each.state.topic_id
    return {number: each.state.position + 1 for number, each in owned.items()}


async def check_epoch(app: FootfallApp, partition: int, owned: OwnedPartition) -> None:
    """After a change of the leader: stop if the log has lost what the state has counted."""
    _topic_id, ends = await _ask(app, {partition: owned.state.leader_epoch})
    following = owned.state.position + 1
    if found := compare(owned.state, Log(None, 0, following, ends.get(partition))):
        await stop(app, partition, owned, found)


async def watch_topic(app: FootfallApp) -> None:
    """Stop soon after the topic was recreated while we run."""
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        try:
            topic_id = (await topic_identity(app.kafka, app.events_topic)).topic_id
        except (KafkaError, OSError):
            continue  # others see to it that a worker without a broker ends
        states = [each.state for each in app.owned.partitions.values()] if app.owned.accepting else []
        if topic_id and any(state.topic_id not in (None, str(topic_id)) for state in states):
            # Without a checkpoint: it may hold records of the new topic. The id tells the next start.
            log.critical("%s was recreated. %s", app.events_topic, _LIFT.format(at="from its first record"))
            os._exit(EXIT_OTHER_LOG)


async def stop(app: FootfallApp, partition: int, owned: OwnedPartition, found: OtherLog) -> None:
    """Note the reason in the state, and end the process."""
    lift = _LIFT.format(at=f"from offset {found.resume_at}")
    log.critical("%s/%d: %s. %s", app.events_topic, partition, found.reason, lift)
    owned.state.stop(found.reason, found.resume_at)
    await app.start_producer()
    await app.checkpoints.write_one(partition)
    os._exit(EXIT_OTHER_LOG)


async def _ask(app: FootfallApp, epochs: dict[int, int]) -> tuple[UUID | None, dict[int, EpochEnd]]:
    """The id of the topic, and where these epochs end; until Kafka answers."""
    known = {partition: epoch for partition, epoch in epochs.items() if epoch >= 0}
    while True:
        try:
            identity = await topic_identity(app.kafka, app.events_topic)
            return identity.topic_id, await epoch_ends(app.kafka, app.events_topic, known) if known else {}
        except (KafkaError, OSError) as error:
            log.warning("Kafka does not say what became of the log", extra={"error": described(error)})
            await asyncio.sleep(_RETRY_SECONDS)
