"""`footfall`: one module per command, imported only when the command is called."""

import importlib
import sys
from collections.abc import Callable
from typing import Any

import typer

# Names and summaries, in the order in which a newcomer needs them.
COMMANDS = {
    "up": "Run the whole pipeline on this machine.",
    "env": "Print the endpoints of the running stack as export lines.",
    "send": "Post an event and print the response.",
    "demo": "Simulate visitors.",
    "validate": "Validate events without sending them.",
    "types": "List, check and create event types.",
    "tail": "Show events as they arrive.",
    "explain": "Show where an event is.",
    "lag": "Show the lag of the stream app and the sinks.",
    "maintain": "Update roll-ups; audit, pack and drop days.",
    "audit": "Prove that every event is accounted for.",
    "erase": "Erase a user's events.",
    "dead-letters": "List rejected events with their reasons.",
    "replay": "Land dead letters again, after a fix.",
    "skip": "Find damaged batches, and say how to step over them.",
    "doctor": "Check every part, and say what to do about faults.",
    "topics": "Create missing topics and check the others.",
    "acls": "Print Kafka access rules (ACLs).",
    "registry": "Push the schemas to another schema registry.",
    "bench": "Run a benchmark.",
}

FAILED = 1
# Commands that need no contract, report one that cannot be used with all other faults, or are there to mend it.
_WITHOUT_A_CONTRACT = ("up", "env", "types", "bench")


def build(called: str | None) -> typer.Typer:
    """The command line: the called command with its module, the others only with their summaries."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
    app.callback()(_footfall)
    for name, summary in COMMANDS.items():
        if name != called:
            app.command(name, help=summary)(_not_called)
        elif isinstance(implementation := _implementation(name), typer.Typer):
            app.add_typer(implementation, name=name)
        else:
            app.command(name)(implementation)
    return app


def main() -> None:
    """The console script `footfall`."""
    called = sys.argv[1] if len(sys.argv) > 1 else None
    if called in COMMANDS and called not in _WITHOUT_A_CONTRACT:
        # Before the command is imported: modules read the contract while they are imported.
        from footfall.contract import setting

        setting.use_that_of_the_stack()
        setting.exit_if_unusable()
    try:
        build(called)()
    except Exception as error:
        if (sentence := _of_postgres(error)) is None:
            raise
        sys.stderr.write(f"{sentence}\n")
        sys.exit(FAILED)


def _of_postgres(error: Exception) -> str | None:
    """What a person can do about an error of Postgres; None if it is another one, or a mistake of ours."""
    psycopg = sys.modules.get("psycopg")
    if psycopg is None or not isinstance(error, psycopg.Error):
        return None
    message = error.diag.message_primary or " ".join(str(error).split())
    if isinstance(error, psycopg.errors.UndefinedTable):
        return f"Postgres: {message}. Start the sinks, or check FOOTFALL_POSTGRES_SCHEMA."
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return f"Postgres: {message}. Grant footfall_writer to this user."
    return f"Postgres: {message}" if isinstance(error, psycopg.OperationalError) else None


def _footfall() -> None:
    """First-party event analytics on Kafka: run the pipeline, send events, see where they go."""


def _implementation(name: str) -> Callable[..., Any] | typer.Typer:
    module = name.replace("-", "_")
    implementation: Callable[..., Any] | typer.Typer = getattr(
        importlib.import_module(f"footfall.commands.{module}"), module
    )
    return implementation


def _not_called() -> None:
    """A placeholder for the list of commands."""
