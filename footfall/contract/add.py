"""New parts of a contract: an event type, a field of one or of all events, ids. Pure: nothing is written here."""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from avro_schemas.contract import NAME, Contract, Definition, Field, is_event, line
from avro_schemas.contract_check import next_id, unlocked
from avro_schemas.own_types import FIELD_TYPES, RESERVED_FIELDS

_EXAMPLES = {"string": "text", "int": 1, "long": 1, "double": 1.5, "boolean": True}
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
    if not NAME.fullmatch(name) or name in RESERVED_FIELDS:
        raise Unusable(
            f'"{name}" cannot name a field: use lower case letters, digits and underscores, and neither '
            f"{' nor '.join(RESERVED_FIELDS)}."
        )
    if type_ not in FIELD_TYPES:
        raise Unusable(
            f'{name}: "{type_}" is not a type of fields. There are {", ".join(FIELD_TYPES)}, with ? if optional.'
        )
    return NewField(name, type_, optional, doc.strip() or f"{name.replace('_', ' ').capitalize()}.")


def with_event_type(
    contract: Contract, name: str, about: str, fields: Sequence[NewField], shipped: Contract
) -> Contract:
    """The contract with a new event type and its example. Head and layout are those of the shipped contract."""
    if not NAME.fullmatch(name):
        raise Unusable(f'"{name}" cannot name an event type: use lower case letters, digits and underscores.')
    for each in (contract, shipped):
        if name in each.schemas or name in each.custom_events:
            raise Unusable(f'There is an event type "{name}" already.')
    if len({field.name for field in fields}) < len(fields):
        raise Unusable("Two fields have the same name.")
    example = {"event_type": name, "event_data": {field.name: _EXAMPLES[field.type] for field in fields}}
    definition = _definition(name, about, fields, shipped)
    return replace(
        contract,
        schemas={**contract.schemas, name: {1: definition}},
        examples={**contract.examples, f"{name}.v1": _json(example)},
    )


def with_head_field(contract: Contract, field: NewField) -> Contract:
    """The contract with a further field in the head: the next version of every event schema."""
    if field.name in {each["name"] for each in contract.head} | {"event_data"}:
        raise Unusable(f'Every event has a field "{field.name}" already.')
    head = [*contract.head, _optional(field)]
    events = [name for name, versions in contract.schemas.items() if is_event(versions[max(versions)])]
    for name in events:
        contract = _with_version(contract, name, [*head, _newest(contract, name)["fields"][-1]])
    return replace(contract, head=head)


def with_head(contract: Contract, shipped: Contract) -> Contract:
    """A team's contract whose events all have the head of the shipped one."""
    for name in contract.schemas:
        *head, event_data = _newest(contract, name)["fields"]
        if head != shipped.head:
            contract = _with_version(contract, name, [*shipped.head, event_data])
    return contract


def with_field(contract: Contract, name: str, field: NewField) -> Contract:
    """The contract with a further field in one event type: its next version."""
    if name not in contract.schemas or not is_event(_newest(contract, name)):
        raise Unusable(f'There is no event type "{name}" with fields of its own in this contract.')
    *head, event_data = copy.deepcopy(_newest(contract, name)["fields"])
    *fields, properties = event_data["type"]["fields"]
    if field.name in {each["name"] for each in fields}:
        raise Unusable(f'{name} has a field "{field.name}" already.')
    event_data["type"]["fields"] = [*fields, _optional(field), properties]
    return _with_version(contract, name, [*head, event_data])


def locked(contract: Contract, *, is_own: bool) -> Contract:
    """The contract with an id for every schema that has none."""
    lock = copy.deepcopy(contract.lock)
    missing = list(unlocked(contract))
    for schema_id, (subject, version, definition) in enumerate(missing, next_id(contract, is_own=is_own)):
        lock.setdefault(subject, {})[str(version)] = line(definition, schema_id)
    return replace(contract, lock=lock)


def _optional(field: NewField) -> Field:
    if not field.optional:
        raise Unusable(
            f"{field.name} must be optional, as events that are published already do not have it: "
            f"write {field.name}:{field.type}?"
        )
    return field.in_avro()


def _newest(contract: Contract, name: str) -> Definition:
    versions = contract.schemas[name]
    return versions[max(versions)]


def _with_version(contract: Contract, name: str, fields: Sequence[Field]) -> Contract:
    """The contract with the next version of a schema. Its example moves on: clients send what they sent before."""
    versions = contract.schemas[name]
    version = max(versions)
    examples = dict(contract.examples)
    if f"{name}.v{version}" in examples:
        examples[f"{name}.v{version + 1}"] = examples.pop(f"{name}.v{version}")
    made = {**versions[version], "fields": list(fields)}
    schemas: Mapping[str, Mapping[int, Definition]] = {
        **contract.schemas,
        name: {**versions, version + 1: made},
    }
    return replace(contract, schemas=schemas, examples=examples)


def _definition(name: str, about: str, fields: Sequence[NewField], shipped: Contract) -> Definition:
    """The schema of a new event type."""
    template = _newest(shipped, _TEMPLATE)
    event_data = copy.deepcopy(template["fields"][-1])
    properties = next(each for each in event_data["type"]["fields"] if each["name"] == "properties")
    record = "".join(part.capitalize() for part in name.split("_"))
    event_data["type"] |= {
        "name": f"{record}Data",
        "fields": [*(field.in_avro() for field in fields), properties],
    }
    return {**template, "name": record, "doc": about, "fields": [*shipped.head, event_data]}


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
