"""Events on the command line: as JSON, from standard input, or from a file."""

import sys
from pathlib import Path

import typer

INVALID_ARGUMENT = 2
HELP = "An event or a list of events as JSON; @FILE reads a file, - reads standard input."


def read_events(argument: str) -> bytes:
    """What the argument stands for. If that is a file that cannot be read, the command exits with a message."""
    if argument == "-":
        return sys.stdin.buffer.read()
    if not argument.startswith("@"):
        if Path(argument).suffix == ".json":
            raise _failed(f"To read the file {argument}, write @{argument}.")
        return argument.encode()
    try:
        return Path(argument[1:]).read_bytes()
    except OSError as error:
        raise _failed(f"{argument[1:]} cannot be read: {error.strerror}.") from error


def _failed(sentence: str) -> typer.Exit:
    typer.echo(sentence, err=True)
    return typer.Exit(INVALID_ARGUMENT)
