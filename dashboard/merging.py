"""From records of a topic to what takes them in."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from avro_schemas.reading import values
from service_kit.follow import FollowedRecord


def merging(
    schema_name: str, into: Callable[[Mapping[str, Any]], None], changed: Callable[[], None]
) -> Callable[[Sequence[FollowedRecord]], None]:
    """What a follower does with records: those of the schema go `into` something, then `changed` is called."""

    def take(records: Sequence[FollowedRecord]) -> None:
        for value in values(records, schema_name):
            into(value)
        changed()

    return take
