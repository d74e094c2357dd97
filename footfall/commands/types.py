"""`footfall types`: the event types; and, in a checkout, commands that check and extend the contract."""

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from avro_schemas.event_types import describe_event_types, describe_field_type, did_you_mean, event_type_names
from avro_schemas.schema import FOLDER
from footfall.commands import proposed_types
from footfall.contract import add, check, files

UNKNOWN = FAULTY = 1

_HELP = """The event types, and the schemas behind them.

Example: footfall types show page_view
"""

types = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=_HELP)


@types.command("list")
def list_types(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with JSON Schemas.")] = False,
) -> None:
    """List the event types.

    Example: footfall types list
    """
    if as_json:
        typer.echo(json.dumps(describe_event_types(), indent=2))
        return
    table = Table("Type", "Kind", "Meaning", box=None, pad_edge=False)
    for each in describe_event_types():
        table.add_row(each["event_type"], each["kind"], each["description"])
    Console(highlight=False).print(table)


@types.command("show")
def show(
    event_type: Annotated[str, typer.Argument(help="The event type.")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with a JSON Schema.")] = False,
) -> None:
    """Show the fields of an event type, with an example.

    Exit codes: 0 found, 1 there is no such type.

    Example: footfall types show page_view
    """
    found = next((each for each in describe_event_types() if each["event_type"] == event_type), None)
    if found is None:
        suggestion = did_you_mean(event_type)
        hint = f' Did you mean "{suggestion}"?' if suggestion else " `footfall types list` lists them all."
        typer.echo(f'There is no event type "{event_type}".{hint}', err=True)
        raise typer.Exit(UNKNOWN)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        _show(found)


types.command("proposed")(proposed_types.proposed)
types.command("accept")(proposed_types.accept)


@types.command("check")
def check_types(
    against: Annotated[str, typer.Option(help="The branch or commit that subscribers rely on.")] = "main",
) -> None:
    """Check that no subscriber breaks: each schema against all its versions, both ways, and what is published.

    Exit codes: 0 there are no faults, 1 there are.

    Example: footfall types check --against origin/main
    """
    try:
        contract = files.read(FOLDER)
    except ValueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FAULTY) from error
    published = files.read_at(FOLDER, against)
    faults = check.faults(contract, published)
    for fault in faults:
        typer.echo(fault)
    for subject, version, _definition in check.unlocked(contract):
        typer.echo(f"{subject}, version {version}, has no id yet: run `footfall types lock`.")
    compared = f"and {against} " if published else f"(there is no {against} to compare with) "
    count = sum(map(len, contract.schemas.values()))
    typer.echo(f"{count} schemas {compared}checked, {len(faults)} faults")
    if faults:
        raise typer.Exit(FAULTY)


@types.command("lock")
def lock() -> None:
    """Give every new version of a schema its id, in the lock file. Nothing is written if `check` finds faults.

    Exit codes: 0 done or nothing to do, 1 there are faults.

    Example: footfall types lock
    """
    for subject, version, schema_id in _lock():
        typer.echo(f"{subject}, version {version}: id {schema_id}")


@types.command("new")
def new(
    name: Annotated[str, typer.Argument(help="The event type: lower case, with underscores.")],
    about: Annotated[str, typer.Option(help="A sentence: what such an event means.")],
    field: Annotated[
        list[str] | None,
        typer.Option(
            help="name:type[?][:meaning], such as seats:int?. Types: string, int, long, double, boolean."
        ),
    ] = None,
) -> None:
    """Make a new event type: its schema, example and id, its entry in the topic, models, types and pages.

    Exit codes: 0 made, 1 not made, and nothing was written.

    Example: footfall types new signup --about "A user signed up." --field plan:string
    """
    try:
        fields = [add.parse_field(text) for text in field or []]
        written = add.add_event_type(FOLDER, name, about, fields, event_type_names())
    except add.Unusable as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FAULTY) from error
    _lock_and_generate(written)


@types.command("field")
def field(
    field: Annotated[str, typer.Argument(help="name:type?, such as country:string?.")],
    about: Annotated[str, typer.Option(help="A sentence: what the field means.")],
    all_events: Annotated[
        bool,
        typer.Option("--all", help="Every event gets the field, in a new version of its schema."),
    ] = False,
) -> None:
    """Add a field to all events: new versions of all event schemas, examples, ids, models, types and pages.

    The collector writes the field's default until it is given a value (`RequestContext`).

    Exit codes: 0 added, 1 not added, and nothing was written, 2 --all is missing.

    Example: footfall types field --all country:string? --about "Country of the sender, two letters."
    """
    if not all_events:
        raise typer.BadParameter("say --all: a field is added to all events or to none", param_hint="--all")
    try:
        written = add.add_head_field(FOLDER, replace(add.parse_field(field), doc=about))
    except add.Unusable as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FAULTY) from error
    _lock_and_generate(written)


def _lock_and_generate(written: Iterable[Path]) -> None:
    for path in written:
        typer.echo(str(path.relative_to(FOLDER.parent)))
    for subject, version, schema_id in _lock():
        typer.echo(f"avro_schemas/lock.json: {subject}, version {version}, has the id {schema_id}")
    # In another process: this one has read the contract as it was before.
    subprocess.run([sys.executable, "-m", "footfall.generate"], check=True, cwd=FOLDER.parent)


def _lock() -> list[tuple[str, int, int]]:
    """Add the missing lines; subject, version and id of each."""
    contract = files.read(FOLDER)
    if faults := check.faults(contract, files.read_at(FOLDER, "HEAD")):
        typer.echo("\n".join(faults), err=True)
        raise typer.Exit(FAULTY)
    added = []
    for schema_id, (subject, version, definition) in enumerate(check.unlocked(contract), check.next_id(contract)):
        contract.lock.setdefault(subject, {})[str(version)] = files.line(definition, schema_id)
        added.append((subject, version, schema_id))
    files.write_lock(FOLDER, contract.lock)
    return added


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
