"""A new event type: schema, example, and the line of the topic that carries it."""

import copy
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avro_schemas.schema import Definition

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_KINDS = {"string": "string", "int": "int", "long": "long", "double": "double", "boolean": "boolean"}
_EXAMPLES = {"string": "text", "int": 1, "long": 1, "double": 1.5, "boolean": True}
# What every event begins with is taken from this one.
_HEAD_OF = "page_view"
# These every event has, or may have.
_TAKEN = ("user_agent", "properties")


class Unusable(ValueError):
    """A name or a field that cannot be; the message says why."""


@dataclass(frozen=True, slots=True)
class NewField:
    """A field of `event_data`."""

    name: str
    kind: str
    optional: bool
    doc: str


def parse_field(text: str) -> NewField:
    """A field from `name:kind` or `name:kind?`, and its doc after a second colon."""
    name, _, rest = text.partition(":")
    kind, _, doc = rest.partition(":")
    optional = kind.endswith("?")
    kind = kind.removesuffix("?")
    if not NAME.fullmatch(name) or name in _TAKEN:
        raise Unusable(
            f'"{name}" cannot name a field: lower case letters, digits, underscores; not {" or ".join(_TAKEN)}.'
        )
    if kind not in _KINDS:
        raise Unusable(
            f'{name}: "{kind}" is no kind of value; there are {", ".join(_KINDS)}, each with ? if optional.'
        )
    return NewField(name, kind, optional, doc.strip() or f"{name.replace('_', ' ').capitalize()}.")


def definition(name: str, about: str, fields: Sequence[NewField], head_of: Definition) -> Definition:
    """The schema of an event type, with the head of another one."""
    record = "".join(part.capitalize() for part in name.split("_"))
    made = copy.deepcopy(head_of)
    made |= {"name": record, "doc": about}
    made["fields"][-1]["type"] = {
        "type": "record",
        "name": f"{record}Data",
        "doc": "What the frontend sends as event_data.",
        "fields": [*map(_avro_field, fields), _properties(head_of)],
    }
    return made


def example(name: str, fields: Sequence[NewField]) -> dict[str, Any]:
    """An event of the type, as a frontend sends it."""
    return {"event_type": name, "event_data": {field.name: _EXAMPLES[field.kind] for field in fields}}


def add(folder: Path, name: str, about: str, fields: Sequence[NewField], existing: Sequence[str]) -> list[Path]:
    """Write the files of a new event type; the paths that were written."""
    if not NAME.fullmatch(name):
        raise Unusable(f'"{name}" cannot name an event type: lower case letters, digits and underscores.')
    if name in existing:
        raise Unusable(f'There is an event type "{name}" already.')
    if len({field.name for field in fields}) < len(fields):
        raise Unusable("Two fields have the same name.")
    schemas = folder / "schemas"
    newest = max(schemas.glob(f"{_HEAD_OF}.v*.avsc"), key=lambda path: int(path.stem.rsplit(".v", 1)[1]))
    made = definition(name, about, fields, json.loads(newest.read_text()))
    written = {
        schemas / f"{name}.v1.avsc": json.dumps(made, indent=2, ensure_ascii=False) + "\n",
        folder / "examples" / f"{name}.v1.json": json.dumps(example(name, fields), indent=2) + "\n",
        folder / "topics" / "events.yaml": _carrying(folder / "topics" / "events.yaml", name),
    }
    for path, text in written.items():
        path.write_text(text)
    return list(written)


def _avro_field(field: NewField) -> dict[str, Any]:
    if field.optional:
        return {"name": field.name, "type": ["null", field.kind], "default": None, "doc": field.doc}
    return {"name": field.name, "type": field.kind, "doc": field.doc}


def _properties(head_of: Definition) -> dict[str, Any]:
    fields = head_of["fields"][-1]["type"]["fields"]
    found: dict[str, Any] = next(field for field in fields if field["name"] == "properties")
    return copy.deepcopy(found)


def _carrying(path: Path, name: str) -> str:
    """The description of the topic, with the type in its list; all else stays as it was written."""
    return re.sub(r"^(schemas: \[.*), custom\]$", rf"\1, {name}, custom]", path.read_text(), flags=re.MULTILINE)
