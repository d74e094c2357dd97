"""Any value in Confluent wire format: a zero byte, the schema id, the Avro body."""

import logging
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any

from fastavro import schemaless_reader, schemaless_writer

from avro_schemas.schema import Definition, Schema, by_id, latest

log = logging.getLogger(__name__)

PREFIX_SIZE = 5

Record = dict[str, Any]


class Undecodable(ValueError):
    """The bytes are not a value of ours; `reason` is one of the reasons."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


def encode(schema: Schema, record: Record) -> bytes:
    """Write `record` (times in milliseconds) with its prefix.

    fastavro truncates, widens and drops silently, so what clients sent must have passed `find_faults` first.
    Unknown fields and wrong types that fastavro does notice raise ValueError or TypeError.
    """
    buffer = BytesIO()
    buffer.write(schema.prefix)
    schemaless_writer(buffer, schema.wire, record, strict_allow_default=True)
    return buffer.getvalue()


def decode(value: bytes | None) -> tuple[Schema, Record]:
    """Read a value as the newest version of its schema, times in milliseconds.

    Raise `Undecodable` for anything that is not exactly one value.
    """
    schema = schema_of(value)
    assert value is not None  # schema_of raises for it
    buffer = BytesIO(value)
    buffer.seek(PREFIX_SIZE)
    try:
        record = schemaless_reader(buffer, schema.wire, _reader_schema(schema))
    except Exception as error:  # also MemoryError for an absurd length: no bytes may end their reader
        raise Undecodable("body_undecodable", f"not a {schema.subject}: {error}") from error
    if rest := buffer.read():
        raise Undecodable("body_undecodable", f"{len(rest)} bytes after the record")
    return schema, record


def decode_values(values: Iterable[bytes | None], schema_name: str) -> Iterator[Record]:
    """The decoded values of one schema without tombstones; one that cannot be decoded is logged and skipped."""
    for value in values:
        if value is None:
            continue
        try:
            schema, record = decode(value)
        except Undecodable as error:
            log.warning("a record cannot be decoded", extra={"schema": schema_name, "error": str(error)})
            continue
        if schema.name == schema_name:
            yield record


def _reader_schema(schema: Schema) -> Definition | None:
    """The newest version; None if `schema` is the newest itself, which needs no resolution."""
    newest = latest()[schema.name]
    return None if newest is schema else newest.wire


def schema_of(value: bytes | None) -> Schema:
    """The schema of `value`, by its prefix."""
    if not value:
        raise Undecodable("value_empty", "no bytes")
    if len(value) < PREFIX_SIZE or value[0] != 0:
        raise Undecodable("prefix_missing", "does not begin with a zero byte and a schema id")
    schema_id = schema_id_of(value)
    schema = by_id().get(schema_id)
    if schema is None:
        raise Undecodable("schema_unknown", f"no schema has the id {schema_id}")
    return schema


def schema_id_of(value: bytes | None) -> int:
    """The schema id in the prefix of `value`, which must have one."""
    return int.from_bytes((value or b"")[1:PREFIX_SIZE], "big")
