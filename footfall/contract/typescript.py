"""TypeScript types of the events that frontends send and of the records that subscribers read.

`browser/events.d.ts` has those of the shipped contract.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from avro_schemas.contract import is_event
from avro_schemas.event_types import custom_events
from avro_schemas.installed import shipped
from avro_schemas.schema import CUSTOM, latest, typed_events
from footfall.contract.python_models import HEAD_DOC
from producer_api.routes.openapi import components

_TYPES = """// Every event type. Generated from the schemas by `make generate`.

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** Anything else worth recording, by name. */
export type Properties = Record<string, Json>;
"""
_COMMON = """interface Common {
  /** When it happened: ISO 8601 with an offset or Z. Absent: now. */
  timestamp?: string;
  /** evt_ and the 32 hex digits of a UUIDv7: the idempotency key. Absent: the collector generates one. */
  event_id?: string;
  /** Where it happened; over what the request says about all of its events. */
  context?: Context;
}
"""
_SDK = """// Your own event types, for the package {package}. Made by `footfall types typescript --sdk`.

import type {{ Context, Properties }} from "{package}";

interface Common {{
  timestamp?: string;
  event_id?: string;
  context?: Context;
}}
"""
_PLAIN = {
    "string": "string",
    "bytes": "Uint8Array",
    "int": "number",
    "long": "number",
    "double": "number",
    "float": "number",
    "boolean": "boolean",
    "null": "null",
}
_JSON_SCHEMA = {"string": "string", "integer": "number", "null": "null"}


def declarations() -> str:
    events = [_event(name) for name in typed_events()]
    names = [latest()[name].definition["name"] for name in typed_events()]
    union = " | ".join([*names, "CustomEvent"])
    records: dict[str, str] = {}
    for name in (*typed_events(), CUSTOM):
        _record(latest()[name].definition, records)
    read = " | ".join([f"{name}Record" for name in [*names, "Custom"]])
    return "\n".join(
        [
            _TYPES,
            _context(),
            _COMMON,
            *events,
            _custom(),
            f"/** What `POST /api/analytics/collect` accepts. */\nexport type Event = {union};\n",
            _by_type(),
            "// What subscribers read. Times are milliseconds since 1970.\n",
            "/** JSON as text: `JSON.parse` makes an object of it. */\nexport type JsonText = string;\n",
            *records.values(),
            f"export type EventRecord = {read};",
            "",
        ]
    )


def augmentation(package: str) -> str:
    """The event types that the shipped contract does not have, added to the interface `Events` of the package."""
    typed = [name for name in typed_events() if name not in shipped().schemas]
    custom = [name for name in custom_events() if name not in shipped().custom_events]
    added = [f"    {name}: {data};" for name, data in _data_types(typed, custom)]
    return "\n".join(
        [
            _SDK.format(package=package),
            *(_event(name) for name in typed),
            f'declare module "{package}" {{',
            "  interface Events {",
            *added,
            "  }",
            "}",
            "",
        ]
    )


def _context() -> str:
    schema = components()["Context"]
    lines = [f"/** {schema['description']} */", "export interface Context {"]
    for name, field in schema["properties"].items():
        kinds = " | ".join(_JSON_SCHEMA[kind] for kind in field["type"])
        lines += [f"  /** {field['description']} */", f"  {name}?: {kinds};"]
    return "\n".join([*lines, "}", ""])


def _event(event_type: str) -> str:
    definition = latest()[event_type].definition
    lines = [f"/** {definition['doc']} */", f"export interface {definition['name']} extends Common {{"]
    lines += [f'  event_type: "{event_type}";', "  event_data: {"]
    for field in definition["fields"][-1]["type"]["fields"]:
        optional = "?" if "default" in field else ""
        kind = "Properties" if field["name"] == "properties" else _kind(field["type"], {})
        lines += [f"    /** {field['doc']} */", f"    {field['name']}{optional}: {kind};"]
    lines += [
        "    /** Stored only as browser, operating system and class of device. */",
        "    user_agent?: string;",
    ]
    return "\n".join([*lines, "  };", "}", ""])


def _custom() -> str:
    names = " | ".join(f'"{name}"' for name in custom_events())
    return "\n".join(
        [
            "/** An event of the catalogue in custom_events.yaml. */",
            "export interface CustomEvent extends Common {",
            f"  event_type: {names};",
            "  event_data: Properties;",
            "}",
            "",
        ]
    )


def _by_type() -> str:
    lines = [f"  {name}: {data};" for name, data in _data_types(typed_events(), custom_events())]
    return "\n".join(["/** `event_data` by `event_type`. */", "export interface Events {", *lines, "}", ""])


def _data_types(typed: Iterable[str], custom: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name and type of the `event_data` of these event types."""
    for name in typed:
        yield name, f'{latest()[name].definition["name"]}["event_data"]'
    for name in custom:
        yield name, "Properties"


def _record(definition: dict[str, Any], interfaces: dict[str, str]) -> str:
    name = f"{definition['name']}Record"
    base, fields = "", definition["fields"]
    if is_event(definition):
        *head, event_data = fields
        base = f" extends {_record({'name': 'EventHead', 'doc': HEAD_DOC, 'fields': head}, interfaces)}"
        fields = [event_data]
    lines = [f"/** {definition['doc']} */", f"export interface {name}{base} {{"]
    for field in fields:
        lines += [f"  /** {field['doc']} */", f"  {field['name']}: {_kind(field['type'], interfaces)};"]
    interfaces.setdefault(name, "\n".join([*lines, "}", ""]))
    return name


def _kind(kind: Any, interfaces: dict[str, str]) -> str:
    match kind:
        case str():
            return _PLAIN[kind]
        case list():
            return " | ".join(dict.fromkeys(_kind(branch, interfaces) for branch in kind))
        case {"type": "record"}:
            return _record(kind, interfaces)
        case {"logicalType": "json"}:
            return "JsonText"
        case {"type": str() as plain}:
            return _PLAIN[plain]
    raise NotImplementedError(kind)
