"""`footfall dead-letters`: what was refused after its sender was known, and why."""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import psycopg
import typer
from aiokafka.structs import ConsumerRecord
from rich.console import Console
from rich.table import Table

from avro_schemas import topic
from avro_schemas.wire.codec import Undecodable, decode
from footfall import target
from footfall.kafka import reader
from service_kit.kafka import KafkaSettings
from sinks.dead_letters.query import Selection, whole

NOT_FOUND = 1
_DAY_SECONDS = 86_400.0
_MAX_LINE_LENGTH = 200

Letter = dict[str, Any]

_HELP = """Show what was rejected after its sender was known, and why.

Example: footfall dead-letters list
"""

dead_letters = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=_HELP)


@dead_letters.command("list")
def list_letters(
    since: Annotated[float, typer.Option(help="From this many seconds ago.", min=0)] = _DAY_SECONDS,
    last: Annotated[int, typer.Option(help="Show the last N one by one.", min=0)] = 10,
    reason: Annotated[str | None, typer.Option(help="Only with this code.")] = None,
    event_type: Annotated[str | None, typer.Option("--type", help="Only events of this type.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Every one as a JSON object a line.")] = False,
) -> None:
    """Count what was rejected by reason and type, and show the last of them.

    Example: footfall dead-letters list --reason event_type_unknown
    """
    found = asyncio.run(_read(target.find().kafka(), since))
    letters = [
        letter
        for letter in found
        if reason in (None, letter["reason"]) and event_type in (None, letter["event_type"])
    ]
    if as_json:
        for letter in letters:
            sys.stdout.write(json.dumps(letter, ensure_ascii=False) + "\n")
    else:
        _show_groups(letters)
        _show_last(letters[-last:] if last else [])


@dead_letters.command("show")
def show(
    place: Annotated[str, typer.Argument(help="As `list` prints them (3:17), or the id of one in Postgres (17).")],
) -> None:
    """Print one of them whole, as JSON.

    Exit codes: 0 found, 1 not there (any more).

    Example: footfall dead-letters show 0:0
    """
    if place.isdecimal():
        letter = next(iter(_in_postgres(Selection(ids=[int(place)]))), None)
        where = "dead_letters"
    else:
        letter = asyncio.run(_one(target.find().kafka(), *_position(place)))
        where = topic.EVENTS_REJECTED
    if letter is None:
        typer.echo(f"There is nothing at {place} of {where} (any more).", err=True)
        raise typer.Exit(NOT_FOUND)
    typer.echo(json.dumps(letter, indent=2, ensure_ascii=False))


@dead_letters.command("export")
def export(
    reason: Annotated[str | None, typer.Option(help="Only with this code.")] = None,
    since: Annotated[float | None, typer.Option(help="Put aside this many seconds ago or later.", min=0)] = None,
    limit: Annotated[int | None, typer.Option(help="The oldest N.", min=1)] = None,
) -> None:
    """Print what the sinks could not land, whole, as a JSON object a line; key, value and headers in base64.

    Example: footfall dead-letters export --reason row_rejected
    """
    for letter in _in_postgres(Selection.of(datetime.now(UTC), reason=reason, seconds=since, limit=limit)):
        sys.stdout.write(json.dumps(letter, ensure_ascii=False) + "\n")


def _in_postgres(selection: Selection) -> Iterator[Mapping[str, Any]]:
    with psycopg.connect(target.find().require("FOOTFALL_POSTGRES_DSN")) as connection:
        yield from whole(connection, selection)


def _position(place: str) -> tuple[int, int]:
    partition, _, offset = place.partition(":")
    if not (partition.isdecimal() and offset.isdecimal()):
        typer.echo(f"{place} is no place: it must be partition:offset, such as 3:17, or an id.", err=True)
        raise typer.Exit(NOT_FOUND)
    return int(partition), int(offset)


async def _read(kafka: KafkaSettings, since: float) -> list[Letter]:
    """Every letter since so many seconds, oldest first."""
    async with reader.open_consumer(kafka, kafka.name(topic.EVENTS_REJECTED)) as consumer:
        end = await reader.end_offsets(consumer)
        await reader.seek_to_time(consumer, int((time.time() - since) * 1000))
        letters = [_letter(record) async for record in reader.read_until(consumer, end)]
    return sorted(letters, key=lambda letter: str(letter["rejected_at"]))


async def _one(kafka: KafkaSettings, partition: int, offset: int) -> Letter | None:
    async with reader.open_consumer(kafka, kafka.name(topic.EVENTS_REJECTED)) as consumer:
        end = await reader.end_offsets(consumer)
        begins = await consumer.beginning_offsets(list(end))
        for tp in end:
            if tp.partition == partition and begins[tp] <= offset < end[tp]:
                consumer.assign([tp])
                consumer.seek(tp, offset)
                return _letter(await consumer.getone())
    return None


def _letter(record: ConsumerRecord) -> Letter:
    place = f"{record.partition}:{record.offset}"
    try:
        _schema, rejected = decode(record.value)
    except Undecodable as refusal:
        unread = {"rejected_at": _clock(record.timestamp), "rejected_by": "", "reason": "body_undecodable"}
        return {"place": place, **unread, "event_type": None, "errors": [], "body": str(refusal)}
    key = rejected["user_key"]
    return {
        "place": place,
        **rejected,
        "rejected_at": _clock(rejected["rejected_at"]),
        "user_key": None if key is None else key.hex(),
        "body": rejected["body"].decode(errors="replace"),
    }


def _show_groups(letters: list[Letter]) -> None:
    groups = Counter((letter["reason"], letter["event_type"] or "", letter["rejected_by"]) for letter in letters)
    newest = {(le["reason"], le["event_type"] or "", le["rejected_by"]): le["rejected_at"] for le in letters}
    if not groups:
        typer.echo("Nothing was rejected.")
        return
    table = Table("Events", "Reason", "Type", "By", "Last", box=None, pad_edge=False)
    for group, count in groups.most_common():
        table.add_row(str(count), *group, newest[group])
    Console(highlight=False).print(table)


def _show_last(letters: list[Letter]) -> None:
    for letter in letters:
        typer.echo(f"\n{letter['place']}  {letter['rejected_at']}  {letter['reason']}")
        for error in letter["errors"]:
            got = f", got {error['got']}" if error["got"] else ""
            typer.echo(f"  {error['pointer'] or '/'}  {error['code']}: expected {error['expected']}{got}")
        body = letter["body"]
        typer.echo(f"  {body[:_MAX_LINE_LENGTH]}{'…' if len(body) > _MAX_LINE_LENGTH else ''}")


def _clock(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds")
