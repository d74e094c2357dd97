"""`footfall replay`: try dead letters of the sinks again, after a fix; or read the topic again."""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime
from typing import Annotated

import psycopg
import typer
from rich.console import Console
from rich.table import Table

from avro_schemas import topic as topics
from footfall import target
from footfall.kafka import reader
from service_kit.kafka import KafkaSettings
from sinks.dead_letters.query import Selection, due
from sinks.postgres import rewind
from sinks.postgres.store import PostgresStore

STAY_DEAD = 1
WRONG_OPTIONS = 2
_AT_ONCE = 500


def replay(
    reason: Annotated[str | None, typer.Option(help="Only those with this reason.")] = None,
    since: Annotated[float | None, typer.Option(help="Put aside this many seconds ago or later.", min=0)] = None,
    ids: Annotated[list[int] | None, typer.Option("--id", help="Only this one; may be given again.")] = None,
    limit: Annotated[int | None, typer.Option(help="The oldest N.", min=1)] = None,
    from_time: Annotated[datetime | None, typer.Option(help="Read the topic again from then (UTC).")] = None,
    from_offset: Annotated[int | None, typer.Option(help="Read it again from this offset.", min=0)] = None,
    partition: Annotated[int | None, typer.Option(help="… of this partition; else of all.", min=0)] = None,
    go: Annotated[bool, typer.Option("--go", help="Do it; without this it is only counted.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Try the dead letters in Postgres again: those that land now are rows, and no letters any more.

    With `--from-time` or `--from-offset` the sinks read the topic again instead; what landed is a duplicate then.
    Events keep their ids, so that none becomes a second row. It may be cut off and done again. Exit codes: 0 all
    landed or were only counted, 1 some stay dead or have moved, 2 the options do not go together.

    Example: footfall replay --reason row_rejected
    """
    selection = Selection.of(datetime.now(UTC), reason=reason, seconds=since, ids=ids, limit=limit)
    again = _utc(from_time) if from_time else from_offset
    if again is not None and selection != Selection():
        typer.echo("Either dead letters are tried again, or the topic is read again.", err=True)
        raise typer.Exit(WRONG_OPTIONS)
    where = target.find()
    kafka, dsn = where.kafka(), where.require("FOOTFALL_POSTGRES_DSN")
    if again is not None:
        _read_again(kafka, dsn, again, partition, go, as_json)
    else:
        _try_again(kafka, dsn, selection, go, as_json)


def _try_again(kafka: KafkaSettings, dsn: str, selection: Selection, go: bool, as_json: bool) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = due(connection, selection)
    if not go:
        _show_counts(Counter(why for _number, why in found), as_json)
        return
    done = {"rows": 0, "duplicates": 0, "erased": 0, "still_dead": 0}
    store = PostgresStore(dsn, cluster_id="", topic=kafka.name(topics.EVENTS), owner="replay")
    for start in range(0, len(found), _AT_ONCE):
        written = store.replay([number for number, _reason in found[start : start + _AT_ONCE]])
        done["rows"] += written.rows
        done["duplicates"] += written.duplicates
        done["erased"] += written.erased
        done["still_dead"] += len(written.dead_letters)
    store.close()
    words = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in done.items())
    typer.echo(json.dumps(done) if as_json else words)
    if done["still_dead"]:
        raise typer.Exit(STAY_DEAD)


def _show_counts(counts: Counter[str], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(dict(sorted(counts.items()))))
    elif not counts:
        typer.echo("There are no dead letters.")
    else:
        table = Table("Dead letters", "Reason", box=None, pad_edge=False)
        for reason, count in sorted(counts.items()):
            table.add_row(str(count), reason)
        Console(highlight=False).print(table)
        typer.echo("`--go` tries them again.")


def _read_again(
    kafka: KafkaSettings, dsn: str, start: datetime | int, only: int | None, go: bool, as_json: bool
) -> None:
    topic = kafka.name(topics.EVENTS)
    targets = asyncio.run(_targets(kafka, topic, start))
    chosen = {part: offset for part, offset in targets.items() if only in (None, part)}
    with psycopg.connect(dsn, autocommit=True) as connection:
        planned = rewind.plan(connection, topic, chosen)
        missed = rewind.go(connection, topic, planned) if go else []
    records = sum(each.next - each.to for each in planned if each not in missed)
    if as_json:
        back = {str(each.partition): {"from": each.next, "to": each.to} for each in planned}
        typer.echo(json.dumps({"partitions": back, "records": records, "done": go, "missed": len(missed)}))
    else:
        for each in planned:
            typer.echo(f"partition {each.partition}: from {each.next} back to {each.to}")
        typer.echo(
            f"{records} records {'are' if go else 'would be'} read again.{'' if go else ' `--go` does it.'}"
        )
    if missed:
        typer.echo(f"{len(missed)} partitions moved on meanwhile and stay where they are: do it again.", err=True)
        raise typer.Exit(STAY_DEAD)


async def _targets(kafka: KafkaSettings, topic: str, start: datetime | int) -> dict[int, int]:
    """Where each partition would go on; not before what Kafka still has."""
    async with reader.open_consumer(kafka, topic) as consumer:
        tps = list(consumer.assignment())
        begins = await consumer.beginning_offsets(tps)
        if isinstance(start, int):
            return {tp.partition: max(start, begins[tp]) for tp in tps}
        await reader.seek_to_time(consumer, int(start.timestamp() * 1000))
        return {tp.partition: await consumer.position(tp) for tp in tps}


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=moment.tzinfo or UTC)
