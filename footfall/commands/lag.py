"""`footfall lag`: how far the readers of `events` are behind."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from footfall import target
from footfall.kafka.lag import Lag, current_lags

BEHIND = 1


def lag(
    watch: Annotated[bool, typer.Option("--watch", help="Show it every second until Ctrl-C.")] = False,
    by_partition: Annotated[bool, typer.Option("--by-partition", help="A line a partition.")] = False,
    max_lag: Annotated[
        int | None, typer.Option("--max", help="Exit with 1 if a reader is further behind than this.", min=0)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list, a line a partition.")] = False,
) -> None:
    """Tell how many events the stream app and the sinks are behind the end of `events`.

    Exit codes: 0 shown, 1 a reader is more than --max behind.

    Example: footfall lag --watch
    """
    kafka = target.find().kafka()
    found = asyncio.run(current_lags(kafka))
    if as_json:
        typer.echo(json.dumps([asdict(each) | {"records": each.records} for each in found], indent=2))
    else:
        console = Console(highlight=False)
        console.print(_table(found, by_partition))
        if watch:
            with Live(console=console, auto_refresh=False) as live:
                while True:
                    live.update(_table(asyncio.run(current_lags(kafka)), by_partition), refresh=True)
                    time.sleep(1)
    if max_lag is not None and any(_behind(found, name) > max_lag for name in _readers(found)):
        raise typer.Exit(BEHIND)


def _table(found: Sequence[Lag], by_partition: bool) -> Table:
    if by_partition:
        table = Table("Reader", "Partition", "Position", "End", "Behind", box=None, pad_edge=False)
        for each in found:
            position = "none yet" if each.position is None else f"{each.position:,}"
            table.add_row(each.reader, str(each.partition), position, f"{each.end:,}", f"{each.records:,}")
        return table
    table = Table("Reader", "Behind", "Partitions behind", "Farthest", box=None, pad_edge=False)
    for name in _readers(found):
        behind = [each for each in found if each.reader == name and each.records]
        farthest = max(behind, key=lambda each: each.records, default=None)
        where = f"partition {farthest.partition}: {farthest.records:,}" if farthest else ""
        table.add_row(name, f"{_behind(found, name):,}", str(len(behind)), where)
    return table


def _readers(found: Sequence[Lag]) -> list[str]:
    return list(dict.fromkeys(each.reader for each in found))


def _behind(found: Sequence[Lag], name: str) -> int:
    return sum(each.records for each in found if each.reader == name)
