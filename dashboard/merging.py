"""From records of `live-aggregates` to the board."""

import logging
from collections.abc import Callable, Sequence

from avro_schemas.codec import Undecodable, decode
from dashboard.board import Board
from service_kit.follow import FollowedRecord

log = logging.getLogger(__name__)


def merging(board: Board, changed: Callable[[], None]) -> Callable[[Sequence[FollowedRecord]], None]:
    """What a follower does with records: the board takes them in, then `changed` is called."""

    def take(records: Sequence[FollowedRecord]) -> None:
        for record in records:
            if record.value is None:
                continue
            try:
                schema, partial = decode(record.value)
            except Undecodable as refusal:
                log.warning("a record of live-aggregates cannot be read", extra={"error": str(refusal)})
                continue
            if schema.name == "live_aggregate":
                board.merge(partial)
        changed()

    return take
