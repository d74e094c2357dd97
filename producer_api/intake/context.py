"""What the events of one request have in common: times, keyed hashes, device."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from avro_schemas import event_ids
from avro_schemas.record_key import record_key
from avro_schemas.wire.event_writer import RequestParts, write_request_parts

_IDS_PER_DRAW = 400


class RandomPool:
    """The random part of event ids, drawn for many ids together.

    One call of os.urandom per id would cost as much as all checks of an event. `draw` makes that many bytes.
    """

    def __init__(self, draw: Callable[[int], bytes] = os.urandom) -> None:
        self._draw = draw
        self._pool: list[bytes] = []

    def take(self) -> bytes:
        """The bytes for one id; never the same bytes twice."""
        if not self._pool:
            size = event_ids.RANDOM_BYTES
            drawn = self._draw(_IDS_PER_DRAW * size)
            self._pool.extend(drawn[at : at + size] for at in range(0, len(drawn), size))
        return self._pool.pop()


@dataclass(slots=True)
class RequestContext:
    """Times are in milliseconds since 1970. Keys are None if the visitor opted out."""

    received_at: int
    sent_at: int | None
    user_key: bytes | None
    session_key: bytes | None
    # The device of the request's user agent, as Avro bytes.
    device: bytes
    # What the user's rate limit counts by. Held in memory only, so it is there even after an opt-out.
    limit_key: bytes | None
    random: RandomPool
    # The IP address or the backend that the request came from. Held in memory only.
    sender: str = ""
    # How often each pattern was redacted, by pattern and field. Grows while the events are processed.
    redactions: dict[tuple[str, str], int] = field(default_factory=dict)
    # The fields that all events of the request share, as Avro bytes.
    request_parts: RequestParts = field(init=False)
    _id_prefix: str = field(init=False)

    def __post_init__(self) -> None:
        self.request_parts = write_request_parts(
            sent_at=self.sent_at,
            received_at=self.received_at,
            site="default",
            user_key=_text(self.user_key),
            session_key=_text(self.session_key),
        )
        self._id_prefix = event_ids.prefix(self.received_at)

    @property
    def owner_key(self) -> bytes | None:
        """Whom the events belong to: the user's key, else the session's, else none."""
        return self.user_key or self.session_key

    @property
    def record_key(self) -> bytes | None:
        """The same as the key of records."""
        return record_key(self.owner_key)

    def count_redaction(self, pattern: str, field_name: str, count: int = 1) -> None:
        """Count what was redacted."""
        self.redactions[pattern, field_name] = self.redactions.get((pattern, field_name), 0) + count

    def new_id(self) -> str:
        """An id for an event that came without one."""
        return event_ids.from_prefix(self._id_prefix, self.random.take())


def _text(key: bytes | None) -> str | None:
    return None if key is None else key.hex()
