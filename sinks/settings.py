"""Settings of the sinks."""

from dataclasses import dataclass
from typing import Literal

from service_kit.kafka import KafkaSettings
from service_kit.retention import RetentionSettings
from service_kit.settings import Secret, setting

_DSN = "Where events land, as postgresql://user:password@host/database."
_LOG = "What to log."


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceSettings:
    """What maintenance and migrations need."""

    postgres_dsn: Secret = setting(help=_DSN)
    retention: RetentionSettings
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", help=_LOG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What landing needs."""

    kafka: KafkaSettings
    postgres_dsn: Secret = setting(help=_DSN)
    retention: RetentionSettings
    maintenance_interval_seconds: float = setting(
        0, help="Time from one round of maintenance to the next; 0 where something else runs them.", minimum=0
    )
    batch_rows: int = setting(5000, help="Events in one transaction, usually.", minimum=1, maximum=50_000)
    batch_max_rows: int = setting(20_000, help="… and while the lag grows.", minimum=1, maximum=50_000)
    batch_max_bytes: int = setting(
        4_194_304, help="Bytes of events in one transaction, about.", minimum=1024, maximum=67_108_864
    )
    batch_max_age_seconds: float = setting(0.2, help="Longest wait for a batch to fill.", minimum=0.01, maximum=10)
    statement_timeout_seconds: float = setting(
        30.0,
        help="Longest that Postgres may work on a batch before a smaller one is tried.",
        minimum=0.1,
        maximum=600,
    )
    group_instance_id: str | None = setting(
        None, help="Name of this process that survives restarts: it takes its partitions back at once."
    )
    group_session_timeout_seconds: float = setting(
        10.0, help="Silence after which a process's partitions go to others.", minimum=6, maximum=60
    )
    accept_gap: bool = setting(False, help="Go on although Kafka has already removed events that were not landed.")
    accept_new_topic: bool = setting(
        False, help="Go on with a topic that was recreated or is in another cluster, from its start."
    )
    accept_dead_letters: bool = setting(False, help="Go on however many records cannot land.")
    canary_url: str | None = setting(
        None, help="The collector's address, such as http://collector:8000: a canary is sent through it and timed."
    )
    canary_key: Secret | None = setting(None, help="Its key in FOOTFALL_BACKEND_KEYS of the collector.")
    canary_interval_seconds: float = setting(
        60.0, help="Time from one canary to the next.", minimum=1, maximum=3600
    )
    probe_port: int = setting(8080, help="Port for /healthz, /readyz and /metrics.", minimum=0, maximum=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", help=_LOG)
