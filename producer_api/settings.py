"""Settings of the collector."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from producer_api.senders import backends
from service_kit.kafka import KafkaSettings
from service_kit.retention import RetentionSettings
from service_kit.sessions.settings import SessionSettings
from service_kit.settings import Secret, setting

_CAMPAIGN = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    kafka: KafkaSettings
    host: str = setting("0.0.0.0", help="Address to listen on when served alone.")
    port: int = setting(3000, help="Port to listen on when served alone.", minimum=1, maximum=65535)
    trusted_proxies: tuple[str, ...] = setting(
        (), help="Addresses or networks of proxies whose X-Forwarded-For names the visitor, separated by commas."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", help="What to log.")

    hash_key: Secret = setting(help="Key of the hashes of users, sessions and addresses.", min_length=16)
    sessions: SessionSettings
    session_user_claim: str = setting("sub", help="Claim of the session that names the user.")
    session_id_claim: str = setting("sid", help="Claim of the session that names the session.")
    anonymous_visitors: bool = setting(
        False, help="Take events of visitors without a session, known by a signed first-party cookie."
    )
    visitor_cookie_days: int = setting(180, help="How long that cookie lasts, in days.", minimum=1, maximum=400)
    backend_keys: Secret = setting(Secret(""), help="Keys of backends that send for users: name=key, by commas.")
    trust_loopback: bool = setting(
        False, help="Take events from this machine without a session; for development only."
    )
    allowed_origins: tuple[str, ...] = setting((), help="Other origins whose pages may post, separated by commas.")

    events_per_minute: int = setting(100, help="Events a user (or session) may send in a minute.", minimum=1)
    events_per_minute_per_address: int = setting(
        6000, help="Events that may come from one address in a minute.", minimum=1
    )
    events_per_minute_per_backend: int = setting(
        60_000, help="Events that a backend with a key may send in a minute.", minimum=1
    )
    cluster_limits: bool = setting(
        True, help="Follow the topic user-rates, so that a user's limit holds over all collectors."
    )

    custom_events: Literal["catalogue", "any"] = setting(
        "catalogue", help="Whether custom events must be in the catalogue."
    )
    allowed_query_parameters: tuple[str, ...] = setting(
        _CAMPAIGN, help="Query parameters that pages and referrers keep, separated by commas."
    )
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    max_body_bytes: int = setting(1024 * 1024, help="Largest body, after unpacking.", minimum=1024)
    max_compressed_bytes: int = setting(
        256 * 1024, help="Largest body before unpacking, if it is gzip.", minimum=256
    )
    max_events: int = setting(500, help="Most events in one request.", minimum=1, maximum=10_000)
    max_event_bytes: int = setting(32 * 1024, help="Largest event.", minimum=1024, maximum=256 * 1024)
    max_depth: int = setting(32, help="Deepest nesting of a body.", minimum=4, maximum=200)
    body_timeout_seconds: float = setting(10.0, help="How long a client may take to send its body.", minimum=0.1)

    publish_timeout_seconds: float = setting(
        1.5, help="How long to wait for Kafka's acknowledgement.", minimum=0.1
    )
    max_in_flight_bytes: int = setting(
        64 * 1024 * 1024, help="Bytes that may wait for Kafka before requests are refused.", minimum=1024 * 1024
    )
    spool_dir: Path | None = setting(
        None, help="Folder on a disk for events accepted while Kafka is away; without it they are refused."
    )
    spool_max_bytes: int = setting(
        1024 * 1024 * 1024, help="Bytes the spool may take on the disk.", minimum=1024 * 1024
    )
    max_rejected_per_second: float = setting(
        50.0, help="Rejected events a second that are kept in events-rejected; 0 keeps none.", minimum=0
    )
    drain_seconds: float = setting(
        0.0, help="How long to go on serving, not ready any more, before stopping.", minimum=0, maximum=300
    )

    def __post_init__(self) -> None:
        """Raise ValueError where settings do not go together."""
        if not self.sessions.has_keys:
            raise ValueError("Set FOOTFALL_SESSION_KEY or FOOTFALL_SESSION_JWKS_URL: what signs the sessions.")
        try:
            backends.keys_in(self.backend_keys.reveal())
        except ValueError as error:
            raise ValueError(f"FOOTFALL_BACKEND_KEYS must be {error}.") from error
