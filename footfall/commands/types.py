"""`footfall types`: the event types, and what their events hold."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from avro_schemas.catalogue import did_you_mean
from avro_schemas.event_types import described

UNKNOWN = 1


def types(
    event_type: Annotated[str | None, typer.Argument(help="Show the fields of this type.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON, with JSON Schemas.")] = False,
) -> None:
    """List the event types, or the fields of one with an example.

    Exit codes: 0 found, 1 no such type.

    Example: footfall types page_view
    """
    shown = [each for each in described() if event_type in (None, each["event_type"])]
    if not shown:
        meant = did_you_mean(event_type or "")
        hint = f' Did you mean "{meant}"?' if meant else " `footfall types` lists them."
        typer.echo(f'There is no event type "{event_type}".{hint}', err=True)
        raise typer.Exit(UNKNOWN)
    if as_json:
        typer.echo(json.dumps(shown if event_type is None else shown[0], indent=2))
    elif event_type is None:
        _list(shown)
    else:
        _show(shown[0])


def _list(shown: list[dict[str, Any]]) -> None:
    table = Table("Type", "Kind", "What it says", box=None, pad_edge=False)
    for each in shown:
        table.add_row(each["event_type"], each["kind"], each["description"])
    Console(highlight=False).print(table)


def _show(shown: dict[str, Any]) -> None:
    console, schema = Console(highlight=False), shown["schema"]
    console.print(f"{shown['event_type']}: {shown['description']}\n", markup=False)
    table = Table("Field of event_data", "Value", "Needed", "Meaning", box=None, pad_edge=False)
    for name, value in schema.get("properties", {}).items():
        needed = "yes" if name in schema.get("required", []) else ""
        table.add_row(name, _in_words(value), needed, value.get("description", ""))
    if schema.get("additionalProperties"):
        values = _in_words(schema["additionalProperties"])
        table.add_row("any other name", values, "", f"At most {schema['maxProperties']} of them.")
    console.print(table)
    typer.echo("\nExample:\n" + json.dumps(shown["example"], indent=2))


def _in_words(schema: dict[str, Any]) -> str:
    """A JSON Schema in a few words."""
    if branches := schema.get("anyOf"):
        return " or ".join(_in_words(branch) for branch in branches)
    kind = str(schema["type"])
    if kind == "string":
        return f"text, {schema['maxLength']} at most" if "maxLength" in schema else "text"
    if kind == "object" and schema.get("additionalProperties"):
        return f"object of {_in_words(schema['additionalProperties'])}"
    return kind
