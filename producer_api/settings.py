"""Settings of the collector."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from avro_schemas.installed import HELP as CONTRACT_HELP
from avro_schemas.installed import OwnContract
from producer_api.own_path import check_sdk_path
from producer_api.privacy.ip_locations import check_ip_database
from producer_api.privacy.stored_fields import DEFAULT_STORED_FIELDS, check_stored_fields
from producer_api.senders import backends
from producer_api.sites import check_sites
from service_kit import setting_checks
from service_kit.kafka.settings import KafkaSettings
from service_kit.public_url import PublicUrlSettings
from service_kit.retention import RetentionSettings
from service_kit.sessions.settings import SessionSettings
from service_kit.settings import Secret, setting

DEFAULT_MAX_UNKNOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    kafka: KafkaSettings
    contract: OwnContract | None = setting(None, help=CONTRACT_HELP)
    host: str = setting("0.0.0.0", help="Host or IP to listen on when served alone.")
    port: int = setting(3000, help="Port to listen on when served alone.", minimum=1, maximum=65535)
    trusted_proxies: tuple[str, ...] = setting(
        (),
        help="IPs or networks of proxies whose X-Forwarded-For is trusted, separated by commas.",
        check=setting_checks.proxies,
    )
    url: PublicUrlSettings = field(default_factory=PublicUrlSettings)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", help="Lowest level that is logged.")

    hash_key: Secret = setting(
        help="Key of the hashes of users, sessions and visitors.",
        min_length=16,
        check=setting_checks.hard_to_guess,
    )
    sessions: SessionSettings
    session_user_claim: str = setting("sub", help="Claim of the session token that names the user.")
    session_id_claim: str = setting("sid", help="Claim of the session token that names the session.")
    anonymous_visitors: bool = setting(
        False,
        help="Accept events of visitors without a session, known by a signed first-party cookie.",
    )
    visitor_cookie_days: int = setting(180, help="Lifetime of that cookie, in days.", minimum=1, maximum=400)
    backend_keys: Secret = setting(Secret(""), help="Keys of backends that send for users, as name=key,name=key.")
    trust_loopback: bool = setting(
        False, help="Accept events of visitors on this machine without a session; for development only."
    )
    allowed_origins: tuple[str, ...] = setting(
        (), help="Other origins whose pages may post, separated by commas.", check=setting_checks.origins
    )

    sdk_path: str = setting(
        "",
        help="A path of your choice, such as /insights, where the SDK (script.js) and the collect route (send) are"
        " served as well. Ad blockers know the usual paths.",
        check=check_sdk_path,
    )

    events_per_minute: int = setting(
        100, help="Events that a user (else a session, else a visitor) may send per minute.", minimum=1
    )
    events_per_minute_per_address: int = setting(
        6000, help="Events that one IP address (with IPv6: one /64) may send per minute.", minimum=1
    )
    events_per_minute_per_backend: int = setting(
        60_000, help="Events that a backend with a key may send per minute.", minimum=1
    )
    bytes_per_event: int = setting(
        4096,  # about ten times the JSON of a page view
        help="Bytes per minute that a sender may send for each event of its limit. Bodies count after"
        " decompression, also those of repeats and rejected events, and each request counts 1,024 more.",
        minimum=512,
    )
    cluster_limits: bool = setting(
        True, help="Follow the topic user-rates, so that a user's limit holds across all collectors."
    )

    unknown_events: Literal["reject", "accept"] = setting(
        "reject",
        help="What to do with events whose name is not in the catalogue: reject them, or accept them as custom"
        " events, which are then listed as proposed. `footfall up` accepts them.",
    )
    max_unknown_event_types: int = setting(
        DEFAULT_MAX_UNKNOWN,
        help="Different names outside the catalogue that are accepted per day from one IP address or backend.",
        minimum=1,
        maximum=10_000,
    )
    allowed_query_parameters: tuple[str, ...] = setting(
        (),
        help="Query parameters that are not removed from pages and referrers, separated by commas. UTM parameters"
        " are stored in fields of their own.",
    )
    sites: tuple[str, ...] = setting(
        (),
        help="Sites that events may name in context.site, separated by commas. By default, any.",
        check=check_sites,
    )
    stored_fields: tuple[str, ...] = setting(
        DEFAULT_STORED_FIELDS,
        help="Optional fields of events that are stored, separated by commas, or none. By default all but region.",
        check=check_stored_fields,
    )
    ip_database: Path | None = setting(
        None,
        help="File in MaxMind's format (.mmdb) in which the country of an IP is looked up before the IP is"
        " forgotten. A new version of the file is read within a minute.",
        check=check_ip_database,
    )
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    max_body_bytes: int = setting(1024 * 1024, help="Largest body after decompression, in bytes.", minimum=1024)
    max_compressed_bytes: int = setting(
        256 * 1024, help="Largest gzip body before decompression, in bytes.", minimum=256
    )
    max_events: int = setting(500, help="Largest number of events per request.", minimum=1, maximum=10_000)
    max_event_bytes: int = setting(
        32 * 1024,
        help="Largest event, in bytes: as a record, and half as large as its JSON may be.",
        minimum=1024,
        maximum=256 * 1024,
    )
    max_depth: int = setting(32, help="Deepest nesting of an event.", minimum=4, maximum=200)
    body_timeout_seconds: float = setting(10.0, help="How long a client may take to send its body.", minimum=0.1)

    publish_timeout_seconds: float = setting(
        1.5, help="How long to wait for Kafka's acknowledgement.", minimum=0.1
    )
    max_in_flight_bytes: int = setting(
        64 * 1024 * 1024,
        help="Bytes that may be in flight before requests are rejected.",
        minimum=1024 * 1024,
    )
    spool_dir: Path | None = setting(
        None, help="Folder for events that are accepted while Kafka is unavailable; without it they are rejected."
    )
    spool_max_bytes: int = setting(
        1024 * 1024 * 1024, help="Bytes that the spool may take on disk.", minimum=1024 * 1024
    )
    max_rejected_per_second: float = setting(
        50.0, help="Rejected events per second that are published to events-rejected; 0 publishes none.", minimum=0
    )
    drain_seconds: float = setting(
        0.0,
        help="How long to keep serving, while not ready, before stopping.",
        minimum=0,
        maximum=300,
    )

    def __post_init__(self) -> None:
        """Raise ValueError for settings that contradict each other."""
        if not self.sessions.has_keys:
            raise ValueError("Set FOOTFALL_SESSION_KEY or FOOTFALL_SESSION_JWKS_URL: the key that signs sessions.")
        try:
            backend_keys = backends.parse_keys(self.backend_keys.reveal())
        except ValueError as error:
            raise ValueError(f"FOOTFALL_BACKEND_KEYS must be {error}.") from error
        # Frontends and backends know the other keys; who knows this one can find the user behind a user key.
        for name, key in (
            ("FOOTFALL_SESSION_KEY", self.sessions.session_key or Secret("")),
            *backend_keys.items(),
        ):
            if key == self.hash_key:
                where = name if name.startswith("FOOTFALL_") else f"the key of {name} in FOOTFALL_BACKEND_KEYS"
                raise ValueError(f"FOOTFALL_HASH_KEY must differ from {where}.")
