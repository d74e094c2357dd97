"""`footfall key`: makes keys for programs that ask the Stats API."""

from typing import Annotated

import typer

from dashboard import api_keys
from footfall import target
from footfall.commands.json_lines import JsonOption, print_json

_HELP = """Keys for programs that read statistics.

Example: footfall key create --name weekly-report
"""

key = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=_HELP)


@key.callback()
def _key() -> None:
    """`create` is a command of its own, though it is the only one."""


@key.command("create")
def create(
    name: Annotated[str, typer.Option(help="Who has it: letters, digits and _ . -")],
    scope: Annotated[
        list[str], typer.Option(help=f"What it opens: {', '.join(api_keys.SCOPES)}. Repeat it for several.")
    ] = ["stats:read"],  # noqa: B006 # typer copies it
    per_minute: Annotated[int, typer.Option(help="How many requests per minute.")] = api_keys.PER_MINUTE,
    as_json: JsonOption = False,
) -> None:
    """Print a new key, and the line of FOOTFALL_DASHBOARD_KEYS that lets it in. Only its hash is in the line.

    Remove the line to revoke the key.

    Example: footfall key create --name weekly-report --scope stats:read
    """
    try:
        text, created = api_keys.create(name, frozenset(scope), per_minute)
    except ValueError as error:
        typer.echo(f"The line of this key would be wrong; there can be {error}.", err=True)
        raise typer.Exit(target.INVALID_SETTINGS) from error
    if as_json:
        print_json({"key": text, "line": created.line})
        return
    typer.echo(f"The key, which is shown only now:\n\n  {text}\n")
    typer.echo(f"Its line for FOOTFALL_DASHBOARD_KEYS:\n\n  {created.line}")
