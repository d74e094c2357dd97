"""`footfall skip`: finds damaged batches, and says how the services go on behind them."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition

from avro_schemas.topic import STREAM_STATE
from footfall import target
from footfall.commands.json_lines import JsonOption, print_json
from footfall.commands.printable import printable
from footfall.kafka import reader
from service_kit.kafka.settings import KafkaSettings
from service_kit.kafka.unreadable import DamagedBatch

FOUND = 1
WRONG_PLACE = 2


@dataclass(frozen=True, slots=True)
class Range:
    """Where to look: a topic, one of its partitions, or the batch at one of its offsets."""

    topic: str
    partition: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Damage:
    """A damaged batch and its partition."""

    tp: TopicPartition
    batch: DamagedBatch

    @property
    def place(self) -> str:
        """As in FOOTFALL_SKIP_BATCHES."""
        return f"{self.tp.topic}:{self.tp.partition}:{self.batch.offset}"


def skip(
    place: Annotated[
        str,
        typer.Argument(
            help="TOPIC:PARTITION:OFFSET, as the log and `/readyz` name it; or TOPIC:PARTITION, or TOPIC."
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Find batches that are damaged on a broker's disk, and say what to set so that the services step over them.

    It reads only, and changes nothing. Services go on by themselves once a healthy replica leads the partition.

    Exit codes: 0 all can be read; 1 there are damaged batches; 2 that is not a place.

    Example: footfall skip events:0
    """
    where = _parse(place)
    found = asyncio.run(_find(target.find().kafka(), where))
    if as_json:
        print_json(*map(_as_json, found))
    else:
        for line in _explain(found):
            typer.echo(printable(line))
    raise typer.Exit(FOUND if found else 0)


def _parse(text: str) -> Range:
    topic, *numbers = text.split(":")
    if not topic or len(numbers) > 2 or not all(number.isdecimal() for number in numbers):
        typer.echo(f"{text} is not a place: that is TOPIC:PARTITION:OFFSET, such as events:0:17.", err=True)
        raise typer.Exit(WRONG_PLACE)
    return Range(topic, *map(int, numbers))


async def _find(kafka: KafkaSettings, where: Range) -> list[Damage]:
    """The damaged batches, in the order of partitions and offsets."""
    async with reader.open_consumer(kafka, where.topic) as consumer:
        tps = [tp for tp in consumer.assignment() if where.partition in (None, tp.partition)]
        if not tps:
            typer.echo(f"{where.topic} has no partition {where.partition}.", err=True)
            raise typer.Exit(WRONG_PLACE)
        consumer.assign(tps)
        starts, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        if where.offset is not None:
            starts = {tp: max(start, where.offset) for tp, start in starts.items()}
            ends = {tp: min(end, where.offset + 1) for tp, end in ends.items()}
        for tp, start in starts.items():
            consumer.seek(tp, start)
        found = [damage async for damage in _damages(consumer, ends)]
    return sorted(found, key=lambda damage: (damage.tp.partition, damage.batch.offset))


async def _damages(consumer: AIOKafkaConsumer, ends: reader.Offsets) -> AsyncIterator[Damage]:
    left = set(ends)
    while left := {tp for tp in left if await consumer.position(tp) < ends[tp]}:
        for tp, records in (await consumer.getmany(timeout_ms=500)).items():
            if type(batch := records[-1]) is DamagedBatch:
                consumer.seek(tp, batch.next_offset)
                if batch.offset < ends[tp]:
                    yield Damage(tp, batch)


def _as_json(damage: Damage) -> dict[str, Any]:
    batch = damage.batch
    return {
        "place": damage.place,
        "records": _records(batch),
        "next_offset": batch.next_offset,
        "fault": batch.fault,
    }


def _explain(found: Sequence[Damage]) -> Iterator[str]:
    if not found:
        yield "All of it can be read: there is nothing to step over."
        return
    for damage in found:
        batch = damage.batch
        yield (
            f"{damage.place} is damaged: {batch.fault}. It held up to {_records(batch)} records; the next batch "
            f"begins at offset {batch.next_offset}."
        )
    yield (
        "\nLook at the other replicas first: once a healthy one leads the partition, all go on by themselves and "
        "nothing is lost."
    )
    if all(damage.tp.topic.endswith(STREAM_STATE) for damage in found):
        yield (
            "If none is healthy, set this for the stream app, and restart it. It counts the partitions again, "
            "from the first record of events that Kafka still has:"
        )
    else:
        yield (
            "If none is healthy, set this for the stream app and the sinks, and restart them. Each of the records "
            "becomes a dead letter (record_unreadable), which `footfall audit` counts:"
        )
    yield f"\n  FOOTFALL_SKIP_BATCHES={','.join(damage.place for damage in found)}"
    yield "\nWith the chart it is `skipBatches` in their `settings`. Remove it later."


def _records(batch: DamagedBatch) -> int:
    return batch.next_offset - batch.offset
