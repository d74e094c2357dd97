"""`footfall types proposed` and `footfall types accept`: names that arrived, and their way into the catalogue."""

import asyncio
import difflib
import json
import os
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.console import Console
from rich.table import Table

from avro_schemas import custom_events_file
from avro_schemas.custom_events_file import NotWritten
from avro_schemas.installed import SETTING
from dashboard.event_types import catalogue
from dashboard.event_types.proposed import Listing, Proposed, find_proposed, has_landed
from dashboard.sql import Database
from footfall import target
from footfall.commands.json_lines import print_json
from service_kit.postgres import PostgresSettings
from service_kit.retention import RetentionSettings
from service_kit.settings import load

UNKNOWN = NOT_WRITTEN = UNAVAILABLE = 1

_Into = Annotated[
    Path | None,
    typer.Option("--into", help=f"Folder of your own contract. By default, that of {SETTING}.", file_okay=False),
]


def proposed(
    event_type: Annotated[str, typer.Argument(help="Show this one, with its properties and first event.")] = "",
    into: _Into = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print a JSON object in a line for each, with properties and first event."),
    ] = False,
) -> None:
    """List the event types that arrived and are not in the catalogue.

    Exit codes: 0 listed, 1 there is no such type, or Postgres is unavailable.

    Example: footfall types proposed checkout_done
    """
    where = target.find()
    days = load(RetentionSettings, where.environ).retention_days
    known = catalogue.meanings(into or _folder()).keys()
    listing = asyncio.run(_find(where.postgres(), known, days))
    found = [each for each in listing.proposed if event_type in ("", each.event_type)]
    if event_type and not found:
        names = [each.event_type for each in listing.proposed]
        typer.echo(f'"{event_type}" is not proposed.{_meant(event_type, names)}', err=True)
        raise typer.Exit(UNKNOWN)
    if as_json:
        print_json(*(each.as_json() for each in found))
    elif event_type:
        _show(found[0])
    else:
        _list(listing)


def accept(
    event_type: Annotated[str, typer.Argument(help="The name, as events have it.")],
    about: Annotated[str, typer.Option(help="A sentence: what such an event means.")] = catalogue.DEFAULT_ABOUT,
    into: _Into = None,
    is_new: Annotated[bool, typer.Option("--new", help="Also a name that no event in Postgres has yet.")] = False,
) -> None:
    """Add a custom event to the catalogue: write its line into custom_events.yaml of your own contract.

    Services know it after their next start; `footfall types proposed` stops listing it at once.

    Exit codes: 0 it is in the catalogue, 1 it is not, and nothing was written.

    Example: footfall types accept checkout_done --about "Somebody paid."
    """
    folder = into or _folder()
    known = catalogue.meanings(folder)
    if event_type not in known and not is_new:
        _require_landed(event_type, known)
    try:
        written = catalogue.accept(folder, event_type, about)
    except NotWritten as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(NOT_WRITTEN) from error
    if written and folder:
        typer.echo(f"{folder / custom_events_file.NAME}: {custom_events_file.line(event_type, about)}")
        typer.echo("Services know it after their next start.")
    else:
        typer.echo(f"{event_type} is in the catalogue already.")


def _folder() -> Path | None:
    folder = os.environ.get(SETTING)
    return Path(folder) if folder else None


def _require_landed(event_type: str, known: Collection[str]) -> None:
    where = target.find()
    names = asyncio.run(_landed(where.postgres(), event_type, known))
    if event_type not in names:
        typer.echo(
            f'No event in Postgres is of the type "{event_type}".{_meant(event_type, [*names, *known])}'
            " To add it anyway, say --new.",
            err=True,
        )
        raise typer.Exit(NOT_WRITTEN)


def _meant(event_type: str, names: Collection[str]) -> str:
    close = difflib.get_close_matches(event_type.lower(), sorted(names), n=1, cutoff=0.6)
    return f' Did you mean "{close[0]}"?' if close else ""


async def _find(where: PostgresSettings, known: Collection[str], days: int) -> Listing:
    try:
        async with Database(where).reading() as connection:
            return await find_proposed(connection, known, datetime.now(UTC) - timedelta(days=days))
    except psycopg.errors.UndefinedTable:
        return Listing([])
    except (psycopg.Error, OSError) as error:
        raise _unavailable(error) from error


async def _landed(where: PostgresSettings, event_type: str, known: Collection[str]) -> list[str]:
    """The name, if events have it; else those that are proposed, for a suggestion."""
    try:
        async with Database(where).reading() as connection:
            if await has_landed(connection, event_type):
                return [event_type]
            since = datetime.now(UTC) - timedelta(days=1)
            return [each.event_type for each in (await find_proposed(connection, known, since, 0)).proposed]
    except psycopg.errors.UndefinedTable:
        return []
    except (psycopg.Error, OSError) as error:
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> typer.Exit:
    typer.echo(f"Postgres is unavailable: {' '.join(str(error).split())}", err=True)
    return typer.Exit(UNAVAILABLE)


def _list(listing: Listing) -> None:
    if not listing.proposed:
        typer.echo("Nothing is proposed: every event type that arrived is in the catalogue.")
    else:
        table = Table("Type", "Events", "First", "Last", "Properties", "Did you mean", box=None, pad_edge=False)
        for each in listing.proposed:
            properties = ", ".join(found.name for found in each.properties)
            times = f"{each.first_hour:%Y-%m-%d %H:%M}", f"{each.last_hour:%Y-%m-%d %H:%M}"
            table.add_row(each.event_type, f"{each.events:,}", *times, properties, each.suggestion or "")
        Console(highlight=False, markup=False).print(table)
    if listing.is_cut:
        typer.echo("There are more than are listed.")
    if listing.other_events:
        typer.echo(f"{listing.other_events:,} events are of the type *: there were too many different names.")


def _show(each: Proposed) -> None:
    typer.echo(f"{each.event_type}: {each.events:,} events\n")
    table = Table("Property", "Value", "Share", box=None, pad_edge=False)
    for found in each.properties:
        table.add_row(found.name, " or ".join(found.types), f"{found.share:.0%}")
    Console(highlight=False, markup=False).print(table)
    if each.example:
        typer.echo(f"\nFirst event, {each.example.event_id}:\n{json.dumps(each.example.event_data, indent=2)}")
    if each.can_be_accepted:
        typer.echo(f'\nTo accept it: footfall types accept {each.event_type} --about "…"')
    else:
        typer.echo(f"\nThe catalogue cannot have this name. Send it as {each.spelling}.")
