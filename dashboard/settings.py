"""Settings of the dashboard."""

from dataclasses import dataclass, field
from typing import Literal

from service_kit.kafka import KafkaSettings
from service_kit.retention import RetentionSettings
from service_kit.sessions.settings import SessionSettings
from service_kit.settings import Secret, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    kafka: KafkaSettings
    host: str = setting("0.0.0.0", help="Address to listen on when served alone.")
    port: int = setting(3000, help="Port to listen on when served alone.", minimum=1, maximum=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", help="What to log.")

    postgres_dsn: Secret | None = setting(
        None, help="The Postgres of the sinks, for the history; without it there is only the live page."
    )
    retention: RetentionSettings = field(default_factory=RetentionSettings)

    dashboard_token: Secret | None = setting(
        None, help="Who has this token may read the dashboard.", min_length=16
    )
    dashboard_role: str | None = setting(
        None, help="Sessions that have this role may read the dashboard; without it none may."
    )
    dashboard_role_claim: str = setting(
        "roles", help="Claim of the session that names its roles: a list, or words with spaces between."
    )
    sessions: SessionSettings = field(default_factory=SessionSettings)
    trust_loopback: bool = setting(
        False, help="Let this machine read without a token or session; for development only."
    )

    def __post_init__(self) -> None:
        """Raise ValueError where settings do not go together."""
        if self.dashboard_role and not self.sessions.has_keys:
            raise ValueError("FOOTFALL_DASHBOARD_ROLE needs FOOTFALL_SESSION_KEY or FOOTFALL_SESSION_JWKS_URL.")
