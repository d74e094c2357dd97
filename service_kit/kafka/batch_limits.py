"""How large a record batch each topic takes: `max.message.bytes`, which may be far below Kafka's default.

Brokers report it where we may ask; else it is learned from what they refuse. A batch that is refused is sent again
in parts, by the same producer.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder

from service_kit.kafka.settings import KafkaSettings
from service_kit.kafka.topic_description import ExistingTopic
from service_kit.kafka.topic_faults import MAX_MESSAGE_BYTES

# Of a batch that is larger than the topic, or than a segment of its log.
TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
# How long a refusal is believed: a person may have raised the limit since.
_BELIEVED_SECONDS = 60.0
_UNLIMITED = 2**31 - 1


class BatchLimits:
    """The limit of each topic, in bytes of a whole batch; at most what we put into one usually."""

    def __init__(self, usual: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.usual = usual
        self._clock = clock
        self._reported: dict[str, int] = {}
        # With the time until which it is believed.
        self._refused: dict[str, tuple[int, float]] = {}

    def of(self, topic: str) -> int:
        """How large a batch for this topic may be."""
        if not self._reported and not self._refused:
            return self.usual
        return min(self.usual, self.max_record(topic))

    def max_record(self, topic: str) -> int:
        """How large a batch with a single record may be: more than we put together is possible there."""
        refused, until = self._refused.get(topic, (_UNLIMITED, 0.0))
        if until < self._clock():
            refused = _UNLIMITED
        return min(self._reported.get(topic, _UNLIMITED), refused)

    def report_all(self, kafka: KafkaSettings, existing: Mapping[str, ExistingTopic]) -> None:
        """Take over what brokers report of these topics."""
        for name, found in existing.items():
            self.report(kafka.name(name), (found.config or {}).get(MAX_MESSAGE_BYTES))

    def report(self, topic: str, max_message_bytes: str | None) -> None:
        """Take over what brokers report; None if they do not."""
        if max_message_bytes and max_message_bytes.isdigit():
            self._reported[topic] = int(max_message_bytes)

    def refuse(self, topic: str, size: int, records: int) -> None:
        """Brokers refused a batch of this size: try half of it; one with a single record cannot be halved."""
        limit = size // 2 if records > 1 else size - 1
        self._refused[topic] = limit, self._clock() + _BELIEVED_SECONDS


def batch_size(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> int:
    """The size of a batch with this record alone."""
    batch = BatchBuilder(_UNLIMITED, 0)
    batch.append(timestamp=None, key=key, value=value, headers=list(headers))
    return int(batch.size())


def take_back(producer: Any, topic: str, partition: int, records: int) -> None:
    """After a refused batch: an idempotent producer has counted its records, and the broker has not.

    Without this, whatever follows would be out of order for the broker. Only for the last batch of a partition.
    """
    if producer._txn_manager is not None:
        producer._txn_manager.increment_sequence_number(TopicPartition(topic, partition), -records)
