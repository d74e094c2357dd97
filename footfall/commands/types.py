"""`footfall types`: the event types, their types in other languages, and commands that maintain a contract."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from avro_schemas.event_types import describe_event_types, describe_field_type, did_you_mean
from footfall.commands import proposed_types, types_contract
from footfall.commands.json_lines import JsonOption, print_json
from footfall.contract import python_models, typescript
from footfall.contract.setting import exit_if_unusable

UNKNOWN = FAULTY = 1

_HELP = """The event types, and the schemas behind them.

Example: footfall types show page_view
"""

Into = Annotated[Path | None, typer.Option("--into", help="The file to write; without it, standard output.")]

types = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=_HELP)


@types.command("list")
def list_types(
    as_json: JsonOption = False,
) -> None:
    """List the event types.

    Example: footfall types list
    """
    exit_if_unusable()
    if as_json:
        print_json(*describe_event_types())
        return
    table = Table("Type", "Kind", "Meaning", box=None, pad_edge=False)
    for each in describe_event_types():
        table.add_row(each["event_type"], each["kind"], each["description"])
    Console(highlight=False).print(table)


@types.command("show")
def show(
    event_type: Annotated[str, typer.Argument(help="The event type.")],
    as_json: JsonOption = False,
) -> None:
    """Show the fields of an event type, with an example.

    Exit codes: 0 found, 1 there is no such type, 2 wrong settings.

    Example: footfall types show page_view
    """
    exit_if_unusable()
    found = next((each for each in describe_event_types() if each["event_type"] == event_type), None)
    if found is None:
        suggestion = did_you_mean(event_type)
        hint = f' Did you mean "{suggestion}"?' if suggestion else " `footfall types list` lists them all."
        typer.echo(f'There is no event type "{event_type}".{hint}', err=True)
        raise typer.Exit(UNKNOWN)
    if as_json:
        print_json(found)
    else:
        _show(found)


types.command("proposed")(proposed_types.proposed)
types.command("accept")(proposed_types.accept)
types.command("check")(types_contract.check_types)
types.command("lock")(types_contract.lock)
types.command("new")(types_contract.new)
types.command("field")(types_contract.field)
types.command("head")(types_contract.head)


@types.command("typescript")
def typescript_types(
    into: Into = None,
    sdk: Annotated[
        bool,
        typer.Option("--sdk", help="Only event types of your own, added to those of an SDK's package."),
    ] = False,
    package: Annotated[
        str,
        typer.Option("--package", help="With --sdk: the package, footfall-browser or footfall-node."),
    ] = "footfall-browser",
) -> None:
    """TypeScript types of all events, of FOOTFALL_CONTRACT too: to send, and to read from Kafka.

    Exit codes: 0 written, 1 the file cannot be written, 2 wrong settings.

    Example: footfall types typescript --sdk --into src/footfall-events.d.ts
    """
    exit_if_unusable()
    _generate(typescript.augmentation(package) if sdk else typescript.declarations(), into)


@types.command("python")
def python_types(into: Into = None) -> None:
    """Python types of all records, as fastavro and confluent-kafka decode them, of FOOTFALL_CONTRACT too.

    Exit codes: 0 written, 1 the file cannot be written, 2 wrong settings.

    Example: footfall types python --into shop/footfall_models.py
    """
    exit_if_unusable()
    _generate(python_models.module(), into)


def _generate(text: str, into: Path | None) -> None:
    if into is None:
        typer.echo(text, nl=False)
        return
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        into.write_text(text)
    except OSError as error:
        typer.echo(f"{into} cannot be written: {error}.", err=True)
        raise typer.Exit(FAULTY) from error
    typer.echo(str(into))


def _show(event_type: dict[str, Any]) -> None:
    console, schema = Console(highlight=False), event_type["schema"]
    console.print(f"{event_type['event_type']}: {event_type['description']}\n", markup=False)
    table = Table("Field of event_data", "Value", "Required", "Meaning", box=None, pad_edge=False)
    for name, value in schema.get("properties", {}).items():
        required = "yes" if name in schema.get("required", []) else ""
        table.add_row(name, describe_field_type(value), required, value.get("description", ""))
    if schema.get("additionalProperties"):
        values = describe_field_type(schema["additionalProperties"])
        table.add_row("any other name", values, "", f"At most {schema['maxProperties']} of them.")
    console.print(table)
    typer.echo("\nExample:\n" + json.dumps(event_type["example"], indent=2))
