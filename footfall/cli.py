"""`footfall`: one module a command, imported only when it is called."""

import importlib
import sys
from collections.abc import Callable
from typing import Any

import typer

# Name and what it does, in the order a newcomer meets them.
COMMANDS = {
    "up": "Run the whole pipeline on this machine.",
    "env": "Print the addresses of the running stack as export lines.",
    "send": "Post an event and show the answer.",
    "demo": "Post a believable stream of visitors.",
    "validate": "Check events without sending them.",
    "types": "List, check and make event types.",
    "tail": "Show events as they arrive.",
    "explain": "Tell where an event is.",
    "lag": "Tell how far the readers of events are behind.",
    "maintain": "Fold roll-ups, audit days, drop old ones.",
    "audit": "Prove that every event is accounted for.",
    "erase": "Forget a user.",
    "dead-letters": "Show what was rejected, and why.",
    "replay": "Try dead letters again, after a fix.",
    "doctor": "Look at every part and say what is not well.",
    "topics": "Create and check the topics.",
    "acls": "Print who may do what on the cluster.",
    "registry": "Put the schemas into another registry.",
    "bench": "Measure a part of the pipeline.",
}


def build(called: str | None) -> typer.Typer:
    """The command line, with the module of the called command imported and only a line for the others."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
    app.callback()(_footfall)
    for name, summary in COMMANDS.items():
        if name != called:
            app.command(name, help=summary)(_listed_only)
        elif isinstance(implementation := _implementation(name), typer.Typer):
            app.add_typer(implementation, name=name)
        else:
            app.command(name)(implementation)
    return app


def main() -> None:
    """The console script."""
    build(sys.argv[1] if len(sys.argv) > 1 else None)()


def _footfall() -> None:
    """First-party event analytics on Kafka: run it, send events, see where they go."""


def _implementation(name: str) -> Callable[..., Any] | typer.Typer:
    module = name.replace("-", "_")
    implementation: Callable[..., Any] | typer.Typer = getattr(
        importlib.import_module(f"footfall.commands.{module}"), module
    )
    return implementation


def _listed_only() -> None:
    """Stands in the list of commands; never called."""
