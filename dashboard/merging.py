"""From records of a topic to what takes them in."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from avro_schemas.codec import Undecodable, decode
from service_kit.follow import FollowedRecord

log = logging.getLogger(__name__)


def merging(
    schema_name: str, into: Callable[[Mapping[str, Any]], None], changed: Callable[[], None]
) -> Callable[[Sequence[FollowedRecord]], None]:
    """What a follower does with records: those of the schema go `into` something, then `changed` is called."""

    def take(records: Sequence[FollowedRecord]) -> None:
        for record in records:
            if record.value is None:
                continue
            try:
                schema, value = decode(record.value)
            except Undecodable as refusal:
                log.warning("a record cannot be read", extra={"schema": schema_name, "error": str(refusal)})
                continue
            if schema.name == schema_name:
                into(value)
        changed()

    return take
