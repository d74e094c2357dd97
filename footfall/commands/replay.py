"""`footfall replay`: lands dead letters again, after a fix; or makes the sinks read the topic again."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from avro_schemas import topic as topics
from footfall import target
from footfall.commands.json_lines import JsonOption, print_json
from footfall.kafka import reader
from service_kit.kafka.settings import KafkaSettings
from service_kit.postgres import PostgresSettings
from sinks.connect import connect, reading
from sinks.dead_letters.query import DeadLetterFilter, retryable
from sinks.postgres import rewind
from sinks.postgres.store import PostgresStore

INCOMPLETE = 1
WRONG_OPTIONS = 2
_BATCH = 500


def replay(
    reason: Annotated[str | None, typer.Option(help="Only dead letters with this reason.")] = None,
    since: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Only those of the last SECONDS.", min=0)
    ] = None,
    ids: Annotated[
        list[int] | None, typer.Option("--id", metavar="ID", help="Only this one; can be repeated.")
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="Only the oldest N.", min=1)] = None,
    from_time: Annotated[
        datetime | None, typer.Option(help="Instead read the topic again, from this time (UTC).")
    ] = None,
    from_offset: Annotated[
        int | None, typer.Option(metavar="OFFSET", help="Instead read the topic again, from this offset.", min=0)
    ] = None,
    partition: Annotated[
        int | None, typer.Option(metavar="N", help="Read only this partition again; default: all.", min=0)
    ] = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="Do it. Without this option it only shows what it would do.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Land the dead letters in Postgres again. Those that land are no longer dead letters.

    With `--from-time` or `--from-offset` the sinks read the topic again instead; what had landed becomes a
    duplicate. Events have the same ids as before, so none becomes a second row. It can be interrupted and run
    again.

    Exit codes: 0 everything landed or was only counted; 1 some could not land or be moved; 2 wrong options.

    Example: footfall replay --reason row_rejected
    """
    selected = DeadLetterFilter.from_options(
        datetime.now(UTC), reason=reason, since_seconds=since, ids=ids, limit=limit
    )
    start = _utc(from_time) if from_time else from_offset
    if start is not None and selected != DeadLetterFilter():
        typer.echo("Options for dead letters do not go with --from-time or --from-offset.", err=True)
        raise typer.Exit(WRONG_OPTIONS)
    where = target.find()
    kafka, postgres = where.kafka(), where.postgres()
    if start is not None:
        _rewind(kafka, postgres, start, partition, execute, as_json)
    else:
        _retry(kafka, postgres, selected, execute, as_json)


def _retry(
    kafka: KafkaSettings, where: PostgresSettings, selected: DeadLetterFilter, execute: bool, as_json: bool
) -> None:
    with reading(where, "footfall-replay") as connection:
        found = retryable(connection, selected)
    if not execute:
        _show_counts(Counter(reason for _id, reason in found), as_json)
        return
    totals = {"rows": 0, "duplicates": 0, "erased": 0, "still_dead": 0}
    store = PostgresStore(where, cluster_id="", topic=kafka.name(topics.EVENTS), owner="replay")
    for first in range(0, len(found), _BATCH):
        written = store.replay([dead_letter_id for dead_letter_id, _reason in found[first : first + _BATCH]])
        totals["rows"] += written.rows
        totals["duplicates"] += written.duplicates
        totals["erased"] += written.erased
        totals["still_dead"] += len(written.dead_letters)
    store.close()
    if as_json:
        print_json(totals)
    else:
        typer.echo(
            f"Of {len(found)} dead letters, {totals['rows']} landed as rows, {totals['duplicates']} were "
            f"duplicates, {totals['erased']} belong to erased users, and {totals['still_dead']} cannot land."
        )
    if totals["still_dead"]:
        raise typer.Exit(INCOMPLETE)


def _show_counts(counts: Counter[str], as_json: bool) -> None:
    if as_json:
        print_json(dict(sorted(counts.items())))
    elif not counts:
        typer.echo("There are no dead letters to replay.")
    else:
        table = Table("Dead letters", "Reason", box=None, pad_edge=False)
        for reason, count in sorted(counts.items()):
            table.add_row(str(count), reason)
        Console(highlight=False).print(table)
        typer.echo("Add --execute to land them again.")


def _rewind(
    kafka: KafkaSettings,
    where: PostgresSettings,
    start: datetime | int,
    partition: int | None,
    execute: bool,
    as_json: bool,
) -> None:
    topic = kafka.name(topics.EVENTS)
    targets = asyncio.run(_targets(kafka, topic, start))
    chosen = {part: offset for part, offset in targets.items() if partition in (None, part)}
    with connect(where, "footfall-replay") as connection:
        planned = rewind.plan(connection, topic, chosen)
        missed = rewind.go(connection, topic, planned) if execute else []
    records = sum(each.next - each.to for each in planned if each not in missed)
    if as_json:
        offsets = {str(each.partition): {"from": each.next, "to": each.to} for each in planned}
        result = {"partitions": offsets, "records": records, "executed": execute, "missed": len(missed)}
        print_json(result)
    else:
        for each in planned:
            typer.echo(f"Partition {each.partition}: from offset {each.next} back to {each.to}")
        if execute:
            typer.echo(f"The sinks will read {records} records again.")
        else:
            typer.echo(f"The sinks would read {records} records again. Add --execute to do it.")
    if missed:
        typer.echo(f"{len(missed)} partitions were not moved, as they were landing: run it again.", err=True)
        raise typer.Exit(INCOMPLETE)


async def _targets(kafka: KafkaSettings, topic: str, start: datetime | int) -> dict[int, int]:
    """The offset to go back to, by partition; never before the oldest that Kafka still has."""
    async with reader.open_consumer(kafka, topic) as consumer:
        tps = list(consumer.assignment())
        begins = await consumer.beginning_offsets(tps)
        if isinstance(start, int):
            return {tp.partition: max(start, begins[tp]) for tp in tps}
        await reader.seek_to_time(consumer, int(start.timestamp() * 1000))
        return {tp.partition: await consumer.position(tp) for tp in tps}


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=moment.tzinfo or UTC)
