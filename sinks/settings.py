"""Settings of the sinks, read from the environment once at the start."""

from dataclasses import dataclass, field
from typing import Literal

from avro_schemas.installed import HELP as CONTRACT_HELP
from avro_schemas.installed import OwnContract
from service_kit.kafka.settings import KafkaSettings
from service_kit.kafka.unreadable import SkipSettings
from service_kit.postgres import PostgresSettings
from service_kit.probes import ALL_INTERFACES
from service_kit.retention import RetentionSettings
from service_kit.settings import Secret, setting

# Numbers of event types have two bytes. Far fewer are meant: each has lines in the roll-ups, for ever.
DEFAULT_MAX_PROPOSED = 1_000

_LOG = "What to log."


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceSettings:
    """For `maintain` and `migrate`."""

    postgres: PostgresSettings
    contract: OwnContract | None = setting(None, help=CONTRACT_HELP)
    retention: RetentionSettings
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", help=_LOG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """For landing."""

    kafka: KafkaSettings
    postgres: PostgresSettings
    contract: OwnContract | None = setting(None, help=CONTRACT_HELP)
    retention: RetentionSettings
    maintenance_interval_seconds: float = setting(
        0, help="Time between rounds of maintenance; 0 if something else runs them.", minimum=0
    )
    batch_rows: int = setting(5000, help="Events per transaction, usually.", minimum=1, maximum=50_000)
    batch_max_rows: int = setting(
        20_000, help="Events per transaction while the lag grows.", minimum=1, maximum=50_000
    )
    batch_max_bytes: int = setting(
        4_194_304, help="Bytes of events per transaction, approximately.", minimum=1024, maximum=67_108_864
    )
    batch_max_age_seconds: float = setting(
        0.2, help="Time that a batch may wait to fill.", minimum=0.01, maximum=10
    )
    statement_timeout_seconds: float = setting(
        30.0,
        help="Time that Postgres may take for a statement before a smaller batch is tried.",
        minimum=0.1,
        maximum=600,
    )
    visit_gap_minutes: float = setting(
        30.0,
        help="So long without an event ends a visit. With another value, all visits are derived again.",
        minimum=1,
        maximum=1440,
    )
    max_proposed_event_types: int = setting(
        DEFAULT_MAX_PROPOSED,
        help="Event types outside the catalogue that Postgres knows by name; events of further ones land as `*`.",
        minimum=1,
        maximum=20_000,
    )
    group_instance_id: str | None = setting(
        None, help="Name of this process in the group: after a restart it gets its partitions back immediately."
    )
    group_session_timeout_seconds: float = setting(
        10.0, help="How long a silent process keeps its partitions.", minimum=6, maximum=60
    )
    accept_gap: bool = setting(False, help="Go on although Kafka removed events before they landed.")
    accept_new_topic: bool = setting(
        False, help="Land a topic that was recreated, or is in another cluster, from its start."
    )
    accept_dead_letters: bool = setting(False, help="Store any number of records as dead letters.")
    skip: SkipSettings = field(default_factory=SkipSettings)
    canary_url: str | None = setting(
        None, help="URL of the collector, such as http://collector:8000, for the canary; none is sent without it."
    )
    canary_key: Secret | None = setting(
        None, help="Key of the canary: one of the collector's FOOTFALL_BACKEND_KEYS."
    )
    canary_interval_seconds: float = setting(60.0, help="Time between canaries.", minimum=1, maximum=3600)
    probe_host: str = setting(ALL_INTERFACES, help="Host or IP to listen on for probes and metrics.")
    probe_port: int = setting(8080, help="Port for /healthz, /readyz and /metrics.", minimum=0, maximum=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", help=_LOG)
