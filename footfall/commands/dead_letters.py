"""`footfall dead-letters`: shows which events were rejected, and why."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from aiokafka.structs import ConsumerRecord
from rich.console import Console
from rich.table import Table

from avro_schemas import topic
from avro_schemas.wire.codec import Undecodable, decode
from footfall import target
from footfall.commands import event_type_option
from footfall.commands.json_lines import JsonOption, print_json, print_json_lines
from footfall.commands.printable import printable, printable_lines
from footfall.kafka import reader
from service_kit.kafka.settings import KafkaSettings
from service_kit.moments import utc
from sinks.connect import reading
from sinks.dead_letters import query
from sinks.dead_letters.query import DeadLetterFilter

NOT_FOUND = 1
_DAY_SECONDS = 86_400.0
_MAX_BODY_LENGTH = 200

RejectedEvent = dict[str, Any]

_HELP = """Show which events were rejected, and why.

`list` reads the topic events-rejected, which has those of every service: invalid events of known senders, and
records that the stream app or the sinks could not process. `export` reads the sinks' dead letters in Postgres.

Example: footfall dead-letters list
"""

dead_letters = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=_HELP)


@dead_letters.command("list")
def list_rejected(
    since: Annotated[
        float, typer.Option(metavar="SECONDS", help="Only those of the last SECONDS.", min=0)
    ] = _DAY_SECONDS,
    last: Annotated[int, typer.Option(metavar="N", help="Show the last N one by one.", min=0)] = 10,
    reason: Annotated[str | None, typer.Option(help="Only those with this reason.")] = None,
    event_type: Annotated[str | None, typer.Option("--type", help="Only events of this type.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Count rejected events by reason and type, and show the last of them.

    Example: footfall dead-letters list --reason event_type_unknown
    """
    found = asyncio.run(_read(target.find().kafka(), since))
    rejected = [
        each for each in found if reason in (None, each["reason"]) and event_type in (None, each["event_type"])
    ]
    if not rejected:
        event_type_option.hint(event_type)
    if as_json:
        print_json(*rejected)
    else:
        _show_groups(rejected)
        _show_last(rejected[-last:] if last else [])


@dead_letters.command("show")
def show(
    position: Annotated[
        str,
        typer.Argument(help="partition:offset as in `list` (3:17), or the id of a dead letter in Postgres (17)."),
    ],
) -> None:
    """Print one completely, as JSON.

    Exit codes: 0 found, 1 not found.

    Example: footfall dead-letters show 0:0
    """
    found: Mapping[str, Any] | None
    if position.isdecimal():
        found = next(iter(_in_postgres(DeadLetterFilter(ids=[int(position)]))), None)
        where = "the table dead_letters"
    else:
        found = asyncio.run(_read_one(target.find().kafka(), *_parse(position)))
        where = f"the topic {topic.EVENTS_REJECTED}"
    if found is None:
        typer.echo(f"There is nothing at {position} in {where}, or not any more.", err=True)
        raise typer.Exit(NOT_FOUND)
    typer.echo(printable_lines(json.dumps(found, indent=2, ensure_ascii=False)))


@dead_letters.command("export")
def export(
    reason: Annotated[str | None, typer.Option(help="Only those with this reason.")] = None,
    since: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Only those of the last SECONDS.", min=0)
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="Only the oldest N.", min=1)] = None,
) -> None:
    """Print the sinks' dead letters completely, a JSON object per line; key, value and headers are in base64.

    Example: footfall dead-letters export --reason row_rejected
    """
    selected = DeadLetterFilter.from_options(datetime.now(UTC), reason=reason, since_seconds=since, limit=limit)
    print_json_lines(_in_postgres(selected))


def _in_postgres(selected: DeadLetterFilter) -> Iterator[Mapping[str, Any]]:
    with reading(target.find().postgres(), "footfall-dead-letters") as connection:
        yield from query.export(connection, selected)


def _parse(position: str) -> tuple[int, int]:
    partition, _, offset = position.partition(":")
    if not (partition.isdecimal() and offset.isdecimal()):
        typer.echo(f"{position} is not a position: that is partition:offset, such as 3:17, or an id.", err=True)
        raise typer.Exit(target.INVALID_SETTINGS)
    return int(partition), int(offset)


async def _read(kafka: KafkaSettings, since: float) -> list[RejectedEvent]:
    """Every rejected event of the last so many seconds, oldest first."""
    async with reader.open_consumer(kafka, kafka.name(topic.EVENTS_REJECTED)) as consumer:
        end = await reader.end_offsets(consumer)
        await reader.seek_to_time(consumer, int((time.time() - since) * 1000))
        found = [_decode(record) async for record in reader.read_until(consumer, end)]
    return sorted(found, key=lambda each: str(each["rejected_at"]))


async def _read_one(kafka: KafkaSettings, partition: int, offset: int) -> RejectedEvent | None:
    async with reader.open_consumer(kafka, kafka.name(topic.EVENTS_REJECTED)) as consumer:
        end = await reader.end_offsets(consumer)
        begins = await consumer.beginning_offsets(list(end))
        for tp in end:
            if tp.partition == partition and begins[tp] <= offset < end[tp]:
                consumer.assign([tp])
                consumer.seek(tp, offset)
                only = {tp: offset + 1}
                return next(iter([_decode(record) async for record in reader.read_until(consumer, only)]), None)
    return None


def _decoded(value: bytes | None) -> RejectedEvent:
    schema, rejected = decode(value)
    if schema.name != "rejected_event":
        raise Undecodable("schema_unexpected", f"{schema.subject} is not a rejected event")
    return rejected


def _decode(record: ConsumerRecord) -> RejectedEvent:
    position = f"{record.partition}:{record.offset}"
    try:
        rejected = _decoded(record.value)
    except Undecodable as error:
        # Shown in the same shape as the others.
        return {
            "position": position,
            "rejected_at": _time(record.timestamp),
            "rejected_by": "",
            "reason": "body_undecodable",
            "event_type": None,
            "errors": [],
            "body": str(error),
        }
    return {
        "position": position,
        **rejected,
        "rejected_at": _time(rejected["rejected_at"]),
        "body": rejected["body"].decode(errors="replace"),
    }


def _show_groups(rejected: list[RejectedEvent]) -> None:
    if not rejected:
        typer.echo("Nothing was rejected.")
        return
    groups, newest = Counter[tuple[str, str, str]](), dict[tuple[str, str, str], str]()
    for each in rejected:
        group = (each["reason"], each["event_type"] or "", each["rejected_by"])
        groups[group] += 1
        newest[group] = each["rejected_at"]
    table = Table("Events", "Reason", "Type", "Rejected by", "Last", box=None, pad_edge=False)
    for group, count in groups.most_common():
        table.add_row(str(count), *map(printable, group), newest[group])
    Console(highlight=False, markup=False).print(table)


def _show_last(rejected: list[RejectedEvent]) -> None:
    for each in rejected:
        typer.echo(f"\n{each['position']}  {each['rejected_at']}  {each['reason']}")
        for error in each["errors"]:
            got = f", got {error['got']}" if error["got"] else ""
            expected = f": expected {error['expected']}" if error["expected"] else ""
            typer.echo(printable(f"  {error['pointer'] or '/'}  {error['code']}{expected}{got}"))
        body = printable(each["body"])
        typer.echo(f"  {body[:_MAX_BODY_LENGTH]}{'…' if len(body) > _MAX_BODY_LENGTH else ''}")


def _time(milliseconds: int) -> str:
    return utc(milliseconds).isoformat(timespec="milliseconds")
