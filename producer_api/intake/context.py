"""What the collector knows of the sender of one request, and what its events have in common."""

import os
from dataclasses import dataclass, field

from avro_schemas import event_ids
from avro_schemas.wire.event_writer import RequestParts, write_request_parts

# Asked of the system for many ids at once; one at a time costs as much as an event's checks.
_randomness: list[bytes] = []


@dataclass(slots=True)
class Visit:
    """Times in milliseconds since 1970. The keys are None where a visitor asked not to be followed."""

    received_at: int
    sent_at: int | None
    user_key: bytes | None
    session_key: bytes | None
    ip_hash: bytes | None
    # As Avro bytes: of the request's user agent.
    device: bytes
    # What the limit counts by, in memory only; it stays also where the keys were taken away.
    limit_key: bytes | None
    # What was redacted, by pattern and field.
    removed: dict[tuple[str, str], int] = field(default_factory=dict)
    request_parts: RequestParts = field(init=False)
    _id_head: str = field(init=False)

    def __post_init__(self) -> None:
        self.request_parts = write_request_parts(
            sent_at=self.sent_at,
            received_at=self.received_at,
            user_key=self.user_key,
            session_key=self.session_key,
            ip_hash=self.ip_hash,
        )
        self._id_head = event_ids.prefix(self.received_at)

    @property
    def key(self) -> bytes | None:
        """The record key: of the user, else of the session, else none."""
        return self.user_key or self.session_key

    def count_removed(self, pattern: str, field_name: str, count: int = 1) -> None:
        """Count what was redacted."""
        self.removed[pattern, field_name] = self.removed.get((pattern, field_name), 0) + count

    def fresh_id(self) -> str:
        """An id for an event that came without one."""
        return event_ids.from_prefix(self._id_head, _random_bytes())


def _random_bytes() -> bytes:
    if not _randomness:
        size = event_ids.RANDOM_BYTES
        drawn = os.urandom(400 * size)
        _randomness.extend(drawn[at : at + size] for at in range(0, len(drawn), size))
    return _randomness.pop()
