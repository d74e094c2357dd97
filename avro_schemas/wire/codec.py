"""Values in Confluent wire format: a zero byte, the schema id, the Avro body."""

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
    """The bytes are not a value of ours; `reason` is a code from the closed set of reasons."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


def encode(schema: Schema, record: Record) -> bytes:
    """Write `record` (times in milliseconds) with its prefix.

    fastavro truncates, widens and drops without a word, so `checks.faults` must have passed the
    client's part first. Unknown fields and wrong types that it does notice raise ValueError or TypeError.
    """
    buffer = BytesIO()
    buffer.write(schema.prefix)
    schemaless_writer(buffer, schema.wire, record, strict_allow_default=True)
    return buffer.getvalue()


def decode(value: bytes | None) -> tuple[Schema, Record]:
    """Read a value back, times in milliseconds, in the shape of the newest version of its schema.

    Raise `Undecodable` for anything that is not exactly one value.
    """
    schema = schema_of(value)
    assert value is not None  # schema_of refused it
    buffer = BytesIO(value)
    buffer.seek(PREFIX_SIZE)
    try:
        record = schemaless_reader(buffer, schema.wire, _reading(schema))
    except (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        raise Undecodable("body_undecodable", f"not a {schema.subject}: {error}") from error
    if buffer.tell() != len(value):
        raise Undecodable("body_undecodable", f"{len(value) - buffer.tell()} bytes behind the record")
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


def _reading(schema: Schema) -> Definition | None:
    """What an older version is read as; None where the schema is the newest, which needs no resolving."""
    newest = latest()[schema.name]
    return None if newest is schema else newest.wire


def schema_of(value: bytes | None) -> Schema:
    """The schema that the prefix of `value` names."""
    if not value:
        raise Undecodable("value_empty", "no bytes")
    if len(value) < PREFIX_SIZE or value[0] != 0:
        raise Undecodable("prefix_missing", "no zero byte and schema id in front")
    schema_id = schema_id_of(value)
    schema = by_id().get(schema_id)
    if schema is None:
        raise Undecodable("schema_unknown", f"no schema has the id {schema_id}")
    return schema


def schema_id_of(value: bytes | None) -> int:
    """The schema id in the prefix of `value`, which has one."""
    return int.from_bytes((value or b"")[1:PREFIX_SIZE], "big")
