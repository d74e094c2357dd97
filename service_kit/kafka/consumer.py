"""Every consumer of ours: a record that cannot be read costs itself alone, and a stop ends.

aiokafka raises for a whole fetch if a header's name is not UTF-8, or if a batch does not match its checksum: also
for other partitions, and again after each restart, without a word of where. Here such a record is delivered as
an `UnreadableRecord`, and in place of a damaged batch a `DamagedBatch` comes.
"""

import asyncio
import logging
import struct
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer import consumer as consumer_module
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy
from aiokafka.record.util import decode_varint

from service_kit.kafka.record import KafkaRecord
from service_kit.kafka.unreadable import DamagedBatch, Place, UnreadableRecord

log = logging.getLogger(__name__)

_MAGIC_AT = struct.calcsize(">qii")
# More records than producers put into a batch: what claims to have more is not believed.
_MAX_BATCH_RECORDS = 100_000
_CANCEL_AGAIN_SECONDS = 0.5
_ERROR_PREFIX = "[Error 2] CorruptRecordException: "

# Damaged batches that this process steps over.
_skipped: set[Place] = set()


def new_consumer(*topics: str, **options: Any) -> AIOKafkaConsumer:
    """A consumer that survives what it cannot read."""
    install()
    return AIOKafkaConsumer(*topics, **options)


def install(records: type[fetcher.PartitionRecords] | None = None) -> None:
    """For all consumers of this process, those of Faust too: aiokafka takes these classes from its modules."""
    fetcher.MemoryRecords = Batches
    consumer_module.Fetcher = ClosingFetcher
    if records or not issubclass(fetcher.PartitionRecords, ReadableRecords):
        fetcher.PartitionRecords = records or ReadableRecords


def step_over(places: frozenset[Place]) -> None:
    """Step over these damaged batches, in all consumers of this process."""
    _skipped.clear()
    _skipped.update(places)


async def fetch_readable(
    consumer: AIOKafkaConsumer, *partitions: TopicPartition, timeout_ms: int, max_records: int | None = None
) -> Mapping[TopicPartition, Sequence[KafkaRecord]]:
    """Fetch, for a reader that passes over what cannot be read: it shows or applies single records."""
    fetched = await consumer.getmany(*partitions, timeout_ms=timeout_ms, max_records=max_records)
    found = {}
    for tp, records in fetched.items():
        if type(records[-1]) is DamagedBatch:
            damaged = records.pop()
            log.error(
                "%s/%d has a damaged batch at offset %d (%s); going on behind it, at %d",
                *(tp.topic, tp.partition, damaged.offset, damaged.fault, damaged.next_offset),
            )
            consumer.seek(tp, damaged.next_offset)
        if unreadable := [record for record in records if type(record) is UnreadableRecord]:
            log.warning(
                "%d records of %s/%d are passed over, the first at offset %d: %s",
                *(len(unreadable), tp.topic, tp.partition, unreadable[0].offset, unreadable[0].fault),
            )
        if readable := [record for record in records if type(record) is not UnreadableRecord]:
            found[tp] = readable
    return found


class ClosingFetcher(fetcher.Fetcher):  # type: ignore[misc] # aiokafka has no types
    """Loses no cancellation, and passes none on.

    While the routine of aiokafka ends the fetches of an earlier assignment, it takes its own cancellation for
    one of theirs and goes on with the new one; whoever stops the consumer would wait for ever. And it raises the
    cancellation of fetches that wait for a broker in whoever stops the consumer, who was not cancelled.
    """

    async def close(self) -> None:
        """As in aiokafka."""
        while not self._fetch_task.done():
            self._fetch_task.cancel()
            await asyncio.wait({self._fetch_task}, timeout=_CANCEL_AGAIN_SECONDS)
        fetches = set(self._pending_tasks)
        self._pending_tasks.clear()
        for fetch in fetches:
            fetch.cancel()
        if fetches:
            await asyncio.wait(fetches)
        await super().close()


class Batches(_MemoryRecordsPy):  # type: ignore[misc] # final only for type checkers
    """The batches of a fetch; holds the bytes of the current one, which the compiled class does not show."""

    current: memoryview = memoryview(b"")

    def next_batch(self, *arguments: Any) -> Any:
        self.current = self._next_slice or memoryview(b"")
        return super().next_batch(*arguments)

    def next_offset(self) -> int | None:
        """Where the batch behind the current one begins; None if the fetch ends with the current one."""
        following = self._next_slice
        return None if following is None else int(struct.unpack_from(">q", following)[0])


class ReadableRecords(fetcher.PartitionRecords):  # type: ignore[misc] # aiokafka has no types
    """The records of a fetch, as aiokafka reads them as far as it can."""

    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[Any]:
        while True:
            try:
                yield from super()._unpack_records()
            except Exception as error:  # rubbish can raise anything
                damaged = yield from self._rest_of_batch(error)
                if damaged:
                    return
            else:
                return

    def _rest_of_batch(self, error: Exception) -> Generator[Any, None, bool]:
        """The records of the current batch that were not delivered. Return whether reading ends in front of it."""
        try:
            rest = list(_lenient(self._records.current, check_crc=self._check_crcs))
        except Exception as worse:
            rest, error = None, worse
        if rest is None:
            damaged = self._damaged_batch(error)
            if not self._is_skipped(damaged):
                # The next fetch begins at the same offset again.
                yield damaged
                return True
            rest, end = damaged.stepped_over(), damaged.next_offset
        else:
            end = _next_offset(self._records.current)
        for record in rest:
            if record.offset >= self.next_fetch_offset:
                self.next_fetch_offset = record.offset + 1
                unreadable = type(record) is UnreadableRecord
                yield record if unreadable else self._consumer_record(self._tp, record)
        self.next_fetch_offset = max(self.next_fetch_offset, end)
        return False

    def _damaged_batch(self, error: Exception) -> DamagedBatch:
        """Where the current batch is, as far as its bytes can be trusted."""
        raw, start = bytes(self._records.current), self.next_fetch_offset
        following = self._records.next_offset() or start + 1
        end = _next_offset(raw) if _knows_its_end(raw) else min(following, start + _MAX_BATCH_RECORDS)
        fault = str(error).removeprefix(_ERROR_PREFIX)[:200] or type(error).__name__
        return DamagedBatch(start, max(end, start + 1), _append_time(raw), raw, fault)

    def _is_skipped(self, batch: DamagedBatch) -> bool:
        # Readers may stand at different records of the batch: any of its offsets names it.
        first = min(batch.offset, *struct.unpack_from(">q", batch.value))
        return any(
            (topic, partition) == self._tp and first <= offset < batch.next_offset
            for topic, partition, offset in _skipped
        )


def _is_current_format(raw: bytes | memoryview) -> bool:
    return len(raw) >= _DefaultRecordBatchPy.HEADER_STRUCT.size and raw[_MAGIC_AT] == 2


def _next_offset(raw: bytes | memoryview) -> int:
    """The offset behind a batch of the current format."""
    header = _DefaultRecordBatchPy.HEADER_STRUCT.unpack_from(raw)
    return int(header[0] + header[6]) + 1


def _knows_its_end(raw: bytes) -> bool:
    """Whether two fields of a damaged batch agree on how many records it has."""
    if not _is_current_format(raw):
        return False
    header = _DefaultRecordBatchPy.HEADER_STRUCT.unpack_from(raw)
    return bool(0 < header[12] == header[6] + 1 <= _MAX_BATCH_RECORDS)


def _append_time(raw: bytes) -> int:
    return int(_DefaultRecordBatchPy.HEADER_STRUCT.unpack_from(raw)[8]) if _is_current_format(raw) else 0


def _lenient(raw: memoryview, *, check_crc: bool) -> Iterator[Any]:
    """The records of a batch. Raise if it is damaged."""
    if not _is_current_format(raw):
        raise CorruptRecordException("no batch of the current format")
    batch = _LenientBatch(raw)
    if check_crc and not batch.validate_crc():
        raise CorruptRecordException("its bytes do not match its checksum")
    return iter(batch)


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc] # final only for type checkers
    """A batch whose records may have headers with names that are not UTF-8."""

    _pos: int

    def _read_msg(self, *arguments: Any) -> Any:
        try:
            return super()._read_msg(*arguments)
        except UnicodeDecodeError as error:
            return self._read_escaped(f"the name of a header is not UTF-8: {error.reason}")

    def _read_escaped(self, fault: str) -> UnreadableRecord:
        """The record at `_pos`, as the Kafka protocol describes one."""
        length, pos = decode_varint(self._buffer, self._pos)
        end = pos + length
        time_delta, pos = decode_varint(self._buffer, pos + 1)
        offset_delta, pos = decode_varint(self._buffer, pos)
        key, pos = self._bytes_at(pos)
        value, pos = self._bytes_at(pos)
        count, pos = decode_varint(self._buffer, pos)
        headers = []
        for _ in range(count):
            name, pos = self._bytes_at(pos)
            content, pos = self._bytes_at(pos)
            headers.append(((name or b"").decode(errors="backslashreplace"), content))
        if pos != end:
            raise ValueError("a record does not end where it should")
        self._pos = pos
        appended = self.timestamp_type == self.LOG_APPEND_TIME
        timestamp = self.max_timestamp if appended else self.first_timestamp + time_delta
        offset = self.base_offset + offset_delta
        return UnreadableRecord(offset, timestamp, key, value, fault, tuple(headers), self.timestamp_type)

    def _bytes_at(self, pos: int) -> tuple[bytes | None, int]:
        size, pos = decode_varint(self._buffer, pos)
        if size < 0:
            return None, pos
        return bytes(self._buffer[pos : pos + size]), pos + size
