"""`footfall`: one module per command, imported only when the command is called."""

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer

from footfall import failures

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
    "export": "Write the rows of days into Parquet, CSV or JSON Lines.",
    "erase": "Erase a user's events.",
    "dead-letters": "List rejected events with their reasons.",
    "replay": "Land dead letters again, after a fix.",
    "skip": "Find damaged batches, and say how to step over them.",
    "doctor": "Check every part, and say what to do about faults.",
    "topics": "Create missing topics and check the others.",
    "acls": "Print Kafka access rules (ACLs).",
    "key": "Create keys for the Stats API.",
    "registry": "Push the schemas to another schema registry.",
    "bench": "Run a benchmark.",
}

# Commands that need no contract, report one that cannot be used with all other faults, or are there to mend it.
_WITHOUT_A_CONTRACT = ("up", "env", "types", "key", "bench")


# The shell's completion calls us with the line that is being typed in one of these.
_COMPLETED_LINE = ("COMP_WORDS", "_TYPER_COMPLETE_ARGS")
_CONTEXT = {"help_option_names": ["-h", "--help"]}


def build(called: str | None) -> typer.Typer:
    """The command line: the called command with its module, the others only with their summaries."""
    app = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, context_settings=_CONTEXT
    )
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
    failures.silence_libraries(os.environ)
    try:
        called = _called(sys.argv[1:], os.environ)
        if called is not None and called not in _WITHOUT_A_CONTRACT:
            _use_the_contract()
        build(called)(prog_name="footfall")
    except Exception as error:
        sys.exit(failures.report(error, os.environ))


def _called(arguments: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """The command that is called, or whose options are being completed."""
    completed = next((environ[name].split() for name in _COMPLETED_LINE if environ.get(name)), None)
    words = completed[1:] if completed is not None else arguments
    return next((word for word in words[:1] if word in COMMANDS), None)


def _use_the_contract() -> None:
    # Before the command is imported: modules read the contract while they are imported.
    from footfall.contract import setting

    setting.use_that_of_the_stack()
    setting.exit_if_unusable()


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"footfall {version('footfall')}")
        raise typer.Exit


def _footfall(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """First-party event analytics on Kafka: run the pipeline, send events, see where they go."""


def _implementation(name: str) -> Callable[..., Any] | typer.Typer:
    module = name.replace("-", "_")
    implementation: Callable[..., Any] | typer.Typer = getattr(
        importlib.import_module(f"footfall.commands.{module}"), module
    )
    return implementation


def _not_called() -> None:
    """A placeholder for the list of commands."""
