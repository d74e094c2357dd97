"""`footfall replay`: try dead letters of the sinks again, after a fix."""

import json
from typing import Annotated

import psycopg
import typer
from rich.console import Console
from rich.table import Table

from avro_schemas import topics
from footfall import target
from sinks.postgres import PostgresStore

STAY_DEAD = 1
_AT_ONCE = 500
# Rows of days that are dropped would be there again, and their day does not add up.
_LETTERS = """
select id, reason from dead_letters
where reason = coalesce(%s, reason)
    and not exists (select from days where day = appended_at::date and state in ('detaching', 'dropped'))
order by id
"""


def replay(
    reason: Annotated[str | None, typer.Option(help="Only those with this reason.")] = None,
    go: Annotated[bool, typer.Option("--go", help="Do it; without this they are only counted.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Try the dead letters in Postgres again: those that land now are rows, and no letters any more.

    Events keep their ids, so that none becomes a second row. It may be cut off and done again. Exit codes: 0 all
    landed or were only counted, 1 some stay dead.

    Example: footfall replay --reason row_refused
    """
    where = target.find()
    kafka, dsn = where.kafka(), where.require("FOOTFALL_POSTGRES_DSN")
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute(_LETTERS, [reason]).fetchall()
    if not go:
        _show_counts([why for _number, why in found], as_json)
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


def _show_counts(reasons: list[str], as_json: bool) -> None:
    counts = {reason: reasons.count(reason) for reason in sorted(set(reasons))}
    if as_json:
        typer.echo(json.dumps(counts))
    elif not counts:
        typer.echo("There are no dead letters.")
    else:
        table = Table("Dead letters", "Reason", box=None, pad_edge=False)
        for reason, count in counts.items():
            table.add_row(str(count), reason)
        Console(highlight=False).print(table)
        typer.echo("`--go` tries them again.")
