"""What followers of a topic read: the values of one schema; what cannot be read is logged and passed over."""

import logging
from collections.abc import Iterable, Iterator
from typing import Protocol

from avro_schemas.wire.codec import Record, Undecodable, decode

log = logging.getLogger(__name__)


class HasValue(Protocol):
    """A record as a consumer delivers it."""

    @property
    def value(self) -> bytes | None: ...


def values(records: Iterable[HasValue], schema_name: str) -> Iterator[Record]:
    """The decoded values of a schema, without tombstones."""
    for record in records:
        if record.value is None:
            continue
        try:
            schema, value = decode(record.value)
        except Undecodable as refusal:
            log.warning("a record cannot be read", extra={"schema": schema_name, "error": str(refusal)})
            continue
        if schema.name == schema_name:
            yield value
