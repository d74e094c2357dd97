"""Settings of the collector."""

from dataclasses import dataclass
from typing import Literal

from service_kit.environment import Secret, setting
from service_kit.kafka import KafkaSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    kafka: KafkaSettings
    host: str = setting("0.0.0.0", help="Address to listen on when served alone.")
    port: int = setting(3000, help="Port to listen on when served alone.", minimum=1, maximum=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", help="What to log.")

    hash_key: Secret = setting(help="Key of the hashes of users, sessions and addresses.", shortest=16)
    session_key: Secret = setting(help="Key that signs the session cookie (HS256).", shortest=16)
    session_cookie: str = setting("session", help="Name of the session cookie.")
    session_user_claim: str = setting("sub", help="Claim of the session that names the user.")
    session_id_claim: str = setting("sid", help="Claim of the session that names the session.")
    trust_loopback: bool = setting(
        False, help="Take events from this machine without a session; for development only."
    )
    allowed_origins: tuple[str, ...] = setting((), help="Other origins whose pages may post, separated by commas.")

    events_per_minute: int = setting(100, help="Events a user (or session) may send in a minute.", minimum=1)
    events_per_minute_per_address: int = setting(
        6000, help="Events that may come from one address in a minute.", minimum=1
    )
    custom_events: Literal["catalogue", "any"] = setting(
        "catalogue", help="Whether custom events must be in the catalogue."
    )
    most_body_bytes: int = setting(1024 * 1024, help="Largest body, after unpacking.", minimum=1024)
    most_events: int = setting(500, help="Most events in one request.", minimum=1)
    most_event_bytes: int = setting(32 * 1024, help="Largest event.", minimum=1024, maximum=256 * 1024)
    publish_seconds: float = setting(3.0, help="How long to wait for Kafka's acknowledgement.", minimum=0.1)
