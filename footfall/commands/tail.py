"""`footfall tail`: shows events as subscribers see them, decoded."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

import typer
from aiokafka.structs import ConsumerRecord
from rich.console import Console

from avro_schemas import topic
from avro_schemas.wire.codec import Undecodable
from avro_schemas.wire.event_reader import decode_event
from footfall import target
from footfall.commands import event_type_option
from footfall.commands.printable import printable
from footfall.kafka import reader
from service_kit.kafka.consumer import fetch_readable
from service_kit.kafka.settings import KafkaSettings
from service_kit.moments import utc

Shown = dict[str, Any]


def tail(
    event_type: Annotated[str | None, typer.Option("--type", help="Only events of this type.")] = None,
    last: Annotated[int, typer.Option(metavar="N", help="Start with the last N events.", min=0)] = 0,
    since: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Start this many seconds ago.", min=0)
    ] = None,
    stop: Annotated[bool, typer.Option("--exit", help="Exit at the end of the topic.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object per line (default in a pipe).")
    ] = False,
) -> None:
    """Show events as they arrive, decoded. Stop with Ctrl-C.

    Example: footfall tail --type page_view --last 10
    """
    event_type_option.hint(event_type)
    kafka = target.find().kafka()
    show = _print_json if as_json or not sys.stdout.isatty() else _printer()
    shown = 0

    async def run() -> None:
        nonlocal shown
        async for record in _records(kafka, last, since, follow=not stop):
            if event_type in (None, reader.header(record, "ce_type")):
                show(_decoded(record))
                shown += 1

    with suppress(KeyboardInterrupt):
        asyncio.run(run())
    typer.echo(f"{shown} event{'s' if shown != 1 else ''} shown", err=True)


async def _records(
    kafka: KafkaSettings, last: int, since: float | None, *, follow: bool
) -> AsyncIterator[ConsumerRecord]:
    """The records that are in the topic now, ordered by append time, then those that arrive."""
    async with reader.open_consumer(kafka, kafka.name(topic.EVENTS)) as consumer:
        end = await reader.end_offsets(consumer)
        await _seek(consumer, last, since)
        present = [record async for record in reader.read_until(consumer, end)]
        present.sort(key=lambda record: (record.timestamp, record.offset))
        # That was the last N of each partition, of which only the last N count.
        for record in present[-last:] if last and since is None else present:
            yield record
        while follow:
            for records in (await fetch_readable(consumer, timeout_ms=500)).values():
                for record in records:
                    yield record


async def _seek(consumer: Any, last: int, since: float | None) -> None:
    if since is not None:
        await reader.seek_to_time(consumer, int((time.time() - since) * 1000))
    else:
        await reader.seek_to_last(consumer, last)


def _decoded(record: ConsumerRecord) -> Shown:
    where = {"partition": record.partition, "offset": record.offset}
    try:
        _schema, event = decode_event(record.value, record.timestamp)
    except Undecodable as error:
        return {**where, "undecodable": str(error)}
    return {**where, **{name: _to_json(name, value) for name, value in event.items()}}


def _to_json(name: str, value: Any) -> Any:
    if name.endswith("_at") and value is not None:
        return utc(value).isoformat(timespec="milliseconds")
    return value


def _as_sent(event_data: Shown) -> Any:
    """What the client sent: of a custom event, which has nothing else, what is in `properties`."""
    own = {name: value for name, value in event_data.items() if value is not None}
    properties = own.pop("properties")
    with suppress(ValueError):  # somebody else's event, whose text is not JSON
        properties = json.loads(properties)
    if not own:
        return properties
    return own | ({"properties": properties} if properties else {})


def _print_json(shown: Shown) -> None:
    sys.stdout.write(printable(json.dumps(shown, ensure_ascii=False)) + "\n")
    sys.stdout.flush()


def _printer() -> Any:
    console = Console(highlight=False, soft_wrap=True)

    def show(shown: Shown) -> None:
        position = f"{shown['partition']}:{shown['offset']}"
        if "undecodable" in shown:
            console.print(f"{position} cannot be decoded: {shown['undecodable']}", style="red", markup=False)
            return
        user = (shown["user_key"] or shown["session_key"] or shown["visitor_key"] or "-")[:8]
        data = json.dumps(_as_sent(shown["event_data"]), ensure_ascii=False)
        line = f"{shown['received_at'][11:23]} {shown['event_type']:<18} {user:<8} {data}"
        console.print(printable(line), markup=False)

    return show
