"""New parts of the contract: an event type, or a field of all events. Nothing is written if one is unusable."""

import copy
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avro_schemas.evolution import is_event
from avro_schemas.schema import Definition
from footfall.contract.files import HEAD, Contract, Field, read

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_TYPES = ("string", "int", "long", "double", "boolean")
_EXAMPLES = {"string": "text", "int": 1, "long": 1, "double": 1.5, "boolean": True}
# Every event type has these in its `event_data`.
_RESERVED = ("user_agent", "properties")
# The namespace of new schemas, and what `properties` is, are taken from this one.
_TEMPLATE = "page_view"


class Unusable(ValueError):
    """A name or a field that is not allowed; the message says why."""


@dataclass(frozen=True, slots=True)
class NewField:
    """A field to add, of `event_data` or of the head."""

    name: str
    type: str
    optional: bool
    doc: str

    def in_avro(self) -> Field:
        """The field of an Avro record."""
        if self.optional:
            return {"name": self.name, "type": ["null", self.type], "default": None, "doc": self.doc}
        return {"name": self.name, "type": self.type, "doc": self.doc}


def parse_field(text: str) -> NewField:
    """A field from `name:type` or `name:type?`, with its doc after a second colon."""
    name, _, rest = text.partition(":")
    type_, _, doc = rest.partition(":")
    optional = type_.endswith("?")
    type_ = type_.removesuffix("?")
    if not NAME.fullmatch(name) or name in _RESERVED:
        raise Unusable(
            f'"{name}" cannot name a field: use lower case letters, digits and underscores, and neither '
            f"{' nor '.join(_RESERVED)}."
        )
    if type_ not in _TYPES:
        raise Unusable(
            f'{name}: "{type_}" is not a type of fields. There are {", ".join(_TYPES)}, each with ? if optional.'
        )
    return NewField(name, type_, optional, doc.strip() or f"{name.replace('_', ' ').capitalize()}.")


def add_event_type(
    folder: Path, name: str, about: str, fields: Sequence[NewField], existing: Iterable[str]
) -> list[Path]:
    """Write the files of a new event type: schema, example, and its name in the topic. Return their paths."""
    if not NAME.fullmatch(name):
        raise Unusable(f'"{name}" cannot name an event type: use lower case letters, digits and underscores.')
    if name in existing:
        raise Unusable(f'There is an event type "{name}" already.')
    if len({field.name for field in fields}) < len(fields):
        raise Unusable("Two fields have the same name.")
    topic = folder / "topics" / "events.yaml"
    example = {"event_type": name, "event_data": {field.name: _EXAMPLES[field.type] for field in fields}}
    return _write(
        {
            folder / "schemas" / f"{name}.v1.avsc": _json(_definition(name, about, fields, read(folder))),
            folder / "examples" / f"{name}.v1.json": _json(example),
            # Only the list changes; comments and layout stay.
            topic: re.sub(
                r"^(schemas: \[.*), custom\]$", rf"\1, {name}, custom]", topic.read_text(), flags=re.MULTILINE
            ),
        }
    )


def add_head_field(folder: Path, field: NewField) -> list[Path]:
    """Add a field to the head: write the next version of every event schema, its example, and the head.

    Return the paths that were written. An example moves to the new version, as clients send what they sent before.
    """
    contract = read(folder)
    if field.name in {each["name"] for each in contract.head} | {"event_data"}:
        raise Unusable(f'Every event has a field "{field.name}" already.')
    if not field.optional:
        raise Unusable(
            f"{field.name} must be optional, as events that are published already do not have it: "
            f"write {field.name}:{field.type}?"
        )
    head = [*contract.head, field.in_avro()]
    texts, replaced = {folder / HEAD: _json(head)}, []
    for name, versions in contract.schemas.items():
        version = max(versions)
        if is_event(versions[version]):
            event_data = versions[version]["fields"][-1]
            made = {**versions[version], "fields": [*head, event_data]}
            example = folder / "examples" / f"{name}.v{version}.json"
            texts[folder / "schemas" / f"{name}.v{version + 1}.avsc"] = _json(made)
            texts[folder / "examples" / f"{name}.v{version + 1}.json"] = example.read_text()
            replaced.append(example)
    written = _write(texts)
    for example in replaced:
        example.unlink()
    return written


def _definition(name: str, about: str, fields: Sequence[NewField], contract: Contract) -> Definition:
    """The schema of a new event type."""
    versions = contract.schemas[_TEMPLATE]
    template = versions[max(versions)]
    event_data = copy.deepcopy(template["fields"][-1])
    properties = next(each for each in event_data["type"]["fields"] if each["name"] == "properties")
    record = "".join(part.capitalize() for part in name.split("_"))
    event_data["type"] |= {
        "name": f"{record}Data",
        "fields": [*(field.in_avro() for field in fields), properties],
    }
    return {**template, "name": record, "doc": about, "fields": [*contract.head, event_data]}


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _write(texts: Mapping[Path, str]) -> list[Path]:
    for path, text in texts.items():
        path.write_text(text)
    return list(texts)
