"""`footfall registry`: register the schemas in another registry."""

from typing import Annotated

import httpx
import typer

from footfall import target
from footfall.contract.push import RemoteRegistry, RemoteRegistryError, RemoteVersion
from registry.installation import public_topics

DIFFERS = 1

_HELP = """The schemas in a registry other than footfall's own.

Example: footfall registry push https://user:password@registry.example --dry-run
"""

registry = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=_HELP)


@registry.callback()
def _group() -> None:
    """A group, so that `push` is a subcommand although it is the only one."""


@registry.command("push")
def push(
    url: Annotated[
        str, typer.Argument(help="The URL of the registry, with user and password if it requires them.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report what differs.")] = False,
) -> None:
    """Register every schema under all its subjects, and check that the ids are those that the events carry.

    FOOTFALL_TOPIC_PREFIX and FOOTFALL_EVENT_TOPICS say which topics have subjects.

    Exit codes: 0 all ids match, 1 some differ or are missing, or the registry did not answer.

    Example: footfall registry push https://user:password@registry.example --dry-run
    """
    here = target.find()
    topics = public_topics(here.event_topics(), here.environ.get("FOOTFALL_TOPIC_PREFIX", ""))
    try:
        with httpx.Client(base_url=url, timeout=30) as http:
            versions = _pushed(RemoteRegistry(http, topics.values()), dry_run)
    except (httpx.HTTPError, httpx.InvalidURL, RemoteRegistryError) as error:
        typer.echo(f"{httpx.URL(url).copy_with(userinfo=b'')}: {error}", err=True)
        raise typer.Exit(DIFFERS) from error
    if not all(version.matches for version in versions):
        raise typer.Exit(DIFFERS)


def _pushed(remote: RemoteRegistry, dry_run: bool) -> list[RemoteVersion]:
    versions = []
    for version in remote.versions():
        if version.remote_id is None and not dry_run:
            version = remote.push(version)
        if not version.matches:
            typer.echo(version.describe())
        versions.append(version)
    matching = sum(version.matches for version in versions)
    typer.echo(f"{len(versions)} versions, {matching} with the ids that events carry")
    if any(version.remote_id not in (None, version.schema.id) for version in versions):
        typer.echo(
            "This registry assigned ids of its own, so subscribers cannot decode events with it. "
            "Use footfall's registry, or one that has the mode IMPORT (Confluent, Redpanda)."
        )
    return versions
