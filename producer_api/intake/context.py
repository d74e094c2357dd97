"""What the events of one request have in common: times, keyed hashes, device, place, and what the client says."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from avro_schemas import event_ids
from avro_schemas.record_key import record_key
from avro_schemas.wire.event_writer import RequestParts, write_request_parts
from producer_api.intake.client_context import NO_CONTEXT, ClientContext
from producer_api.intake.event_senders import Keys
from producer_api.privacy.ip_locations import UNKNOWN, Location
from producer_api.privacy.stored_fields import ALL_FIELDS
from producer_api.sites import DEFAULT_SITE

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


@dataclass(slots=True, kw_only=True)
class RequestContext:
    """Times are in milliseconds since 1970. Keys are None if the visitor opted out."""

    received_at: int
    sent_at: int | None = None
    user_key: bytes | None = None
    session_key: bytes | None = None
    visitor_key: bytes | None = None
    opted_out: bool = False
    # The device of the request's user agent, as Avro bytes.
    device: bytes
    # What the user's rate limit counts by. Held in memory only, so it is there even after an opt-out.
    limit_key: bytes | None = None
    random: RandomPool
    # The IP address or the backend that the request came from. Held in memory only.
    sender: str = ""
    from_backend: bool = False
    # What the envelope says about all events, and the language that the browser prefers.
    client: ClientContext = NO_CONTEXT
    # The host of the page that sent the request.
    origin_host: str | None = None
    location: Location = UNKNOWN
    stored_fields: frozenset[str] = ALL_FIELDS
    # How often each pattern was redacted, by field. Grows while the events are processed.
    redactions: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    # What follows from the contexts that events of the request had of their own: most have that of another one.
    clients: dict[Any, tuple[ClientContext, RequestParts]] = field(default_factory=dict)
    # The fields that all events of the request share, as Avro bytes.
    request_parts: RequestParts = field(init=False)
    _id_prefix: str = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.client.redacted(self.redactions)
        self.request_parts = self.parts_of(self.client)
        self._id_prefix = event_ids.prefix(self.received_at)

    @property
    def owner_key(self) -> bytes | None:
        """Whom the events belong to: the user's key, else the session's, else the visitor's, else none."""
        return self.user_key or self.session_key or self.visitor_key

    @property
    def record_key(self) -> bytes | None:
        """The same as the key of records."""
        return record_key(self.owner_key)

    def of_sender(self, keys: Keys) -> "RequestContext":
        """The context of the events that a backend sends for somebody in this request."""
        user_key, session_key = (None, None) if self.opted_out else (keys.user, keys.session)
        return replace(self, user_key=user_key, session_key=session_key, limit_key=keys.limit, clients={})

    def parts_of(self, client: ClientContext) -> RequestParts:
        """What an event with this context shares with others of the request."""
        stored = self.stored_fields
        return write_request_parts(
            sent_at=self.sent_at,
            received_at=self.received_at,
            site=client.site or DEFAULT_SITE,
            user_key=_text(self.user_key),
            visitor_key=_text(self.visitor_key),
            session_key=_text(self.session_key),
            country=self.location.country if "country" in stored else None,
            region=self.location.region if "region" in stored else None,
            language=client.language if "language" in stored else None,
            screen=client.screen if "screen" in stored else None,
            release=client.release if "release" in stored else None,
        )

    def new_id(self) -> str:
        """An id for an event that came without one."""
        return event_ids.from_prefix(self._id_prefix, self.random.take())


def _text(key: bytes | None) -> str | None:
    return None if key is None else key.hex()
