"""The schemas of all records, in all versions, with their ids from the lock file."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any

from fastavro import parse_schema

from avro_schemas.contract import FOLDER as FOLDER
from avro_schemas.contract import Definition as Definition
from avro_schemas.contract import Lock, subject_of, text_of
from avro_schemas.installed import installed

CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class Schema:
    """One version of one record.

    `text` is what a registry serves. It never changes, not by a byte: clients derive the guid from it.
    `wire` is the same schema for our own code, in which times are plain milliseconds since 1970.
    """

    name: str
    version: int
    id: int
    text: str
    definition: Definition = field(repr=False)
    wire: Definition = field(repr=False)

    @property
    def subject(self) -> str:
        """The full name of the record. Each subject evolves by itself."""
        return subject_of(self.definition)

    @property
    def uri(self) -> str:
        """Names the schema in `ce_dataschema`, and never changes: behind `footfall:` is its path in a registry."""
        return f"footfall:/schemas/ids/{self.id}"

    @property
    def guid(self) -> str:
        """The id of the schema by content: the MD5 of its text, printed as a UUID."""
        return str(uuid.UUID(bytes=hashlib.md5(self.text.encode(), usedforsecurity=False).digest()))

    @property
    def prefix(self) -> bytes:
        """The first five bytes of every value: a zero and the big-endian id (Confluent wire format)."""
        return b"\0" + self.id.to_bytes(4, "big")

    def example(self) -> Any:
        """An example: of an event what a client posts, of any other record the record as JSON."""
        return json.loads(installed().examples[f"{self.name}.v{self.version}"])


class UnlockedSchema(Exception):
    """A schema file has no line in the lock file."""


@cache
def by_id() -> Mapping[int, Schema]:
    """Every version of every schema, by its id."""
    contract = installed()
    loaded = (
        _load(name, version, definition, contract.lock)
        for name, versions in contract.schemas.items()
        for version, definition in versions.items()
    )
    return MappingProxyType({schema.id: schema for schema in sorted(loaded, key=lambda schema: schema.id)})


@cache
def latest() -> Mapping[str, Schema]:
    """The newest version of each schema, by its name (`page_view`, `user_rate`, …)."""
    ordered = sorted(by_id().values(), key=lambda schema: schema.version)
    return MappingProxyType({schema.name: schema for schema in ordered})


@cache
def typed_events() -> tuple[str, ...]:
    """The event types that have a schema of their own, oldest first: those with `event_data`."""
    events = [schema for schema in by_id().values() if schema.definition["fields"][-1]["name"] == "event_data"]
    return tuple(dict.fromkeys(schema.name for schema in events if schema.name != CUSTOM))


@lru_cache(maxsize=1_000)
def event_schema(event_type: str) -> Schema:
    """The schema that events of this type are written with; custom events share one."""
    return latest()[event_type if event_type in typed_events() else CUSTOM]


def _load(name: str, version: int, definition: Definition, lock: Lock) -> Schema:
    locked = lock.get(subject_of(definition), {}).get(str(version))
    if locked is None:
        raise UnlockedSchema(f"{name}.v{version}.avsc has no id yet: run `footfall types lock`.")
    return Schema(
        name=name,
        version=version,
        id=locked["id"],
        text=text_of(definition),
        definition=definition,
        wire=parse_schema(_with_plain_times(definition)),
    )


def is_json(kind: Any) -> bool:
    """Whether the values of an Avro type are texts with a JSON object."""
    return isinstance(kind, dict) and kind.get("logicalType") == "json"


def _with_plain_times(node: Any) -> Any:
    if isinstance(node, dict):
        left_out = "logicalType" if node.get("logicalType") == "timestamp-millis" else None
        return {key: _with_plain_times(value) for key, value in node.items() if key != left_out}
    if isinstance(node, list):
        return [_with_plain_times(item) for item in node]
    return node
