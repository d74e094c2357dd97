"""An aiokafka producer that is replaced after a fatal error, and the partitions that it can write to."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import KafkaError, ProducerClosed
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from producer_api import metrics
from service_kit.background import is_cancelled
from service_kit.kafka.refusals import described
from service_kit.kafka.settings import KafkaSettings

log = logging.getLogger(__name__)

# aiokafka's batch builder accepts no more than this; the publisher closes its batches long before.
_MAX_BUILDER_BYTES = 1_000_000
_PAUSE_SECONDS = 0.5
# How often to look at what the producer knows of its topics. It asks once per minute.
_LOOK_SECONDS = 5.0
_CONNECT_SECONDS = 10.0
_OPTIONAL_TOPIC_SECONDS = 3.0
_STOP_SECONDS = 5.0

Partitions = Mapping[str, Sequence[int]]


class ReconnectingProducer:
    """Connects, and connects again, forever. The first of `topics` must exist; any other may be missing.

    `on_connect` gets the partitions of each topic before `current` is set. `on_disconnect` is awaited when the old
    producer has stopped, that is, after it tried to flush what it had been given.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topics: Sequence[str],
        *,
        on_connect: Callable[[Partitions], None],
        on_disconnect: Callable[[], Awaitable[None]],
    ) -> None:
        self._settings, self._topics = settings, topics
        self._on_connect, self._on_disconnect = on_connect, on_disconnect
        # None while there is no connection, and as soon as a broken producer is being stopped.
        self.current: AIOKafkaProducer | None = None
        self._failed = asyncio.Event()

    async def run(self) -> None:
        """Hold a connection until cancelled. The last producer is left to `close`."""
        while not is_cancelled():
            try:
                partitions = await self._connect()
                await self._until_replaced(partitions)
                metrics.PRODUCER_RESTARTS.inc()
            except Exception as error:  # whatever it is: nothing is published until there is a producer
                log.warning("cannot connect to Kafka", extra={"error": described(error)})
            await self.close()
            await asyncio.sleep(_PAUSE_SECONDS)

    def report_failure(self, error: Exception) -> None:
        """Have the producer replaced: after a fatal error an idempotent producer cannot send any more."""
        log.warning("the producer failed and will be replaced", extra={"error": described(error)})
        self._failed.set()

    async def close(self) -> None:
        """Stop the current producer, if any."""
        producer, self.current = self.current, None
        if producer is not None:
            await _stop(producer)
        await self._on_disconnect()

    async def _until_replaced(self, partitions: Partitions) -> None:
        """Wait until the producer has failed, or a topic has more partitions: their number decides about keys."""
        while not (self._failed.is_set() or is_cancelled()):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._failed.wait()
            if self.current and (grown := grown_topics(partitions, self.current.client.cluster)):
                log.warning("%s have more partitions than before; connecting again to use them", ", ".join(grown))
                return

    async def _connect(self) -> Partitions:
        self._failed.clear()
        producer = AIOKafkaProducer(
            **self._settings.client_options(),
            client_id="footfall-collector",
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=_MAX_BUILDER_BYTES,
            metadata_max_age_ms=60_000,
        )
        required, *optional = self._topics
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await producer.start()
                partitions = {required: await _partitions(producer, required)}
            for topic in optional:
                partitions[topic] = await _partitions_if_available(producer, topic)
        except BaseException:
            await _stop(producer)
            raise
        self._on_connect(partitions)
        self.current = producer
        return partitions


def hand_over(
    producer: AIOKafkaProducer, batch: BatchBuilder, topic: str, partition: int
) -> "asyncio.Future[RecordMetadata]":
    """`send_batch` for a known partition without another batch, so there is nothing to wait for.

    Batches are of one or two events where events come singly: a task for each would cost as much as the event.
    """
    accumulator = producer._message_accumulator
    if accumulator._closed:
        raise ProducerClosed
    if accumulator._exception is not None:
        raise copy(accumulator._exception)
    acked: asyncio.Future[RecordMetadata] = accumulator._append_batch(
        batch, TopicPartition(topic, partition)
    ).future
    return acked


def grown_topics(known: Partitions, cluster: ClusterMetadata) -> list[str]:
    """The topics that have more partitions by now, as far as the producer knows."""
    return [
        topic for topic, numbers in known.items() if len(cluster.partitions_for_topic(topic) or ()) > len(numbers)
    ]


async def _partitions(producer: AIOKafkaProducer, topic: str) -> list[int]:
    return sorted(await producer.partitions_for(topic))


async def _partitions_if_available(producer: AIOKafkaProducer, topic: str) -> list[int]:
    try:
        async with asyncio.timeout(_OPTIONAL_TOPIC_SECONDS):
            return await _partitions(producer, topic)
    except (KafkaError, TimeoutError) as error:
        log.warning("cannot write to a topic", extra={"topic": topic, "error": described(error)})
        return []


async def _stop(producer: AIOKafkaProducer) -> None:
    """Stop with a timeout: aiokafka flushes first, which takes forever while the broker is unavailable."""
    try:
        await asyncio.wait_for(producer.stop(), _STOP_SECONDS)
    except (TimeoutError, KafkaError, OSError) as error:
        log.warning("the producer did not stop in time", extra={"error": described(error)})
        await _abandon(producer)
    except asyncio.CancelledError:
        await _abandon(producer)
        raise


async def _abandon(producer: AIOKafkaProducer) -> None:
    """End what a `stop` that was given up leaves: the sender, which tries forever, and who waits for the flush."""
    sender = producer._sender.sender_task if producer._sender else None
    if sender:
        sender.cancel()
    await producer.client.close()  # ends the requests that the sender still waits for
    producer._message_accumulator.fail_all(KafkaError("the producer was stopped"))
    if sender and not (await asyncio.wait([sender], timeout=_STOP_SECONDS))[0]:
        sender.cancel()  # now also the request that it waits for, which waits for metadata
        await asyncio.wait([sender], timeout=_STOP_SECONDS)
