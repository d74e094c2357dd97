"""The schemas of every record, with the ids that the lock file gives them."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fastavro import parse_schema

FOLDER = Path(__file__).parent
LOCK = FOLDER / "lock.json"
EVENT_TYPES = ("page_view", "button_click", "form_submit", "error_encountered")
CUSTOM = "custom"

Definition = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Schema:
    """One version of one record.

    `text` is what a registry serves, byte for byte and for ever: clients derive the guid from it.
    `wire` is the same schema for our own code: times are plain longs, in milliseconds since 1970.
    """

    name: str
    version: int
    id: int
    text: str
    definition: Definition = field(repr=False)
    wire: Definition = field(repr=False)

    @property
    def subject(self) -> str:
        """The full record name, under which the schema evolves by itself."""
        return f"{self.definition['namespace']}.{self.definition['name']}"

    @property
    def guid(self) -> str:
        """The schema's id by content: the MD5 of its text, printed as a UUID."""
        return str(uuid.UUID(bytes=hashlib.md5(self.text.encode(), usedforsecurity=False).digest()))

    @property
    def prefix(self) -> bytes:
        """The five bytes in front of every value: a zero and the big-endian id (Confluent wire format)."""
        return b"\0" + self.id.to_bytes(4, "big")


@cache
def by_id() -> Mapping[int, Schema]:
    """Every version of every schema, by schema id."""
    lock = json.loads(LOCK.read_text())
    loaded = (_load(path, lock) for path in sorted((FOLDER / "schemas").glob("*.avsc")))
    return MappingProxyType({schema.id: schema for schema in loaded})


@cache
def newest() -> Mapping[str, Schema]:
    """The newest version of each schema, by its name (`page_view`, `user_rate`, …)."""
    ordered = sorted(by_id().values(), key=lambda schema: schema.version)
    return MappingProxyType({schema.name: schema for schema in ordered})


def for_event(event_type: str) -> Schema:
    """The schema that events of this type are written with; untyped ones share `custom`."""
    return newest()[event_type if event_type in EVENT_TYPES else CUSTOM]


def text_of(definition: Definition) -> str:
    """The one text of a schema, whatever white space its file has."""
    return json.dumps(definition, separators=(",", ":"), ensure_ascii=False)


def _load(path: Path, lock: dict[str, dict[str, dict[str, Any]]]) -> Schema:
    name, version = path.stem.rsplit(".v", 1)
    definition: Definition = json.loads(path.read_text())
    subject = f"{definition['namespace']}.{definition['name']}"
    locked = lock[subject][version]
    return Schema(
        name=name,
        version=int(version),
        id=locked["id"],
        text=text_of(definition),
        definition=definition,
        wire=parse_schema(_without_logical_types(definition)),
    )


def _without_logical_types(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_logical_types(value) for key, value in node.items() if key != "logicalType"}
    if isinstance(node, list):
        return [_without_logical_types(item) for item in node]
    return node
