"""`footfall registry`: the schemas in another registry."""

from typing import Annotated

import httpx
import typer

from footfall.contract.push import OtherRegistry, Refused, Standing

DISAGREES = 1

_HELP = """The schemas in another registry than footfall's own.

Example: footfall registry push https://user:password@registry.example --dry-run
"""

registry = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=_HELP)


@registry.callback()
def _group() -> None:
    """A group, though of one command: more may follow."""


@registry.command("push")
def push(
    url: Annotated[
        str, typer.Argument(help="The registry's address, with user and password where it wants them.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what differs.")] = False,
) -> None:
    """Register every schema there, under every subject, and check that the ids agree with those in the events.

    Exit codes: 0 they agree, 1 some do not, are missing, or the registry did not answer.

    Example: footfall registry push https://user:password@registry.example --dry-run
    """
    try:
        with httpx.Client(base_url=url, timeout=30) as http:
            standings = _pushed(OtherRegistry(http), dry_run)
    except (httpx.HTTPError, httpx.InvalidURL, Refused) as error:
        typer.echo(f"{httpx.URL(url).copy_with(userinfo=b'')}: {error}", err=True)
        raise typer.Exit(DISAGREES) from error
    if not all(standing.agrees for standing in standings):
        raise typer.Exit(DISAGREES)


def _pushed(other: OtherRegistry, dry_run: bool) -> list[Standing]:
    standings = []
    for standing in other.standings():
        if standing.found is None and not dry_run:
            standing = other.push(standing)
        if not standing.agrees:
            typer.echo(standing.in_words())
        standings.append(standing)
    agreeing = sum(standing.agrees for standing in standings)
    typer.echo(f"{len(standings)} versions, {agreeing} with the ids that events carry")
    if any(standing.found not in (None, standing.schema.id) for standing in standings):
        typer.echo(
            "This registry gave ids of its own. Subscribers cannot decode events with it: "
            "let them use footfall's registry, or one with the mode IMPORT (Confluent, Redpanda)."
        )
    return standings
