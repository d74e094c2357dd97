"""`footfall lag`: the consumer lag of the readers of `events`."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from footfall import target
from footfall.commands.json_lines import JsonOption, print_json
from footfall.kafka.lag import Lag, current_lags

BEHIND = 1


def lag(
    watch: Annotated[bool, typer.Option("--watch", help="Update it every second until Ctrl-C.")] = False,
    by_partition: Annotated[bool, typer.Option("--by-partition", help="One line per partition.")] = False,
    max_lag: Annotated[
        int | None,
        typer.Option("--max", help="Exit with 1 if a reader is more than this many records behind.", min=0),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show how many records the stream app and the sinks are behind the end of `events`.

    By what the stream app's state and Postgres hold, not by what their groups committed: others can move that.
    The copies in `events-TYPE` are as far behind as the stream app.

    Exit codes: 0 shown, 1 a reader is more than --max records behind, or nothing is running.

    Example: footfall lag --watch
    """
    where = target.find()
    kafka, postgres = where.kafka(), where.postgres()
    lags = asyncio.run(current_lags(kafka, postgres))
    if as_json:
        print_json(*(asdict(each) | {"records": each.records} for each in lags))
    else:
        console = Console(highlight=False)
        console.print(_table(lags, by_partition))
        if watch:
            with Live(console=console, auto_refresh=False) as live:
                while True:
                    live.update(_table(asyncio.run(current_lags(kafka, postgres)), by_partition), refresh=True)
                    time.sleep(1)
    if max_lag is not None and any(_total(lags, name) > max_lag for name in _readers(lags)):
        raise typer.Exit(BEHIND)


def _table(lags: Sequence[Lag], by_partition: bool) -> Table:
    if by_partition:
        table = Table("Reader", "Partition", "Position", "End", "Lag", box=None, pad_edge=False)
        for lag in lags:
            position = "none yet" if lag.position is None else f"{lag.position:,}"
            table.add_row(lag.reader, str(lag.partition), position, f"{lag.end:,}", f"{lag.records:,}")
        return table
    table = Table("Reader", "Lag", "Partitions with lag", "Largest", box=None, pad_edge=False)
    for name in _readers(lags):
        lagging = [lag for lag in lags if lag.reader == name and lag.records]
        largest = max(lagging, key=lambda lag: lag.records, default=None)
        where = f"partition {largest.partition}: {largest.records:,}" if largest else ""
        table.add_row(name, f"{_total(lags, name):,}", str(len(lagging)), where)
    return table


def _readers(lags: Sequence[Lag]) -> list[str]:
    return list(dict.fromkeys(lag.reader for lag in lags))


def _total(lags: Sequence[Lag], name: str) -> int:
    return sum(lag.records for lag in lags if lag.reader == name)
