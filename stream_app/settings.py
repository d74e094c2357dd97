"""Settings of the stream app."""

from dataclasses import dataclass, field
from typing import Literal

from avro_schemas.installed import HELP as CONTRACT_HELP
from avro_schemas.installed import OwnContract
from service_kit.event_topics import EventTopicsSettings
from service_kit.kafka.settings import KafkaSettings
from service_kit.kafka.unreadable import SkipSettings
from service_kit.probes import ALL_INTERFACES
from service_kit.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    kafka: KafkaSettings
    contract: OwnContract | None = setting(None, help=CONTRACT_HELP)
    events_per_minute: int = setting(100, help="Events that a user may send per minute.", minimum=1)
    user_totals_min_events: int = setting(
        20,
        help="Users with at least this many events in a minute get a total in `user-rates` after it.",
        minimum=1,
    )
    event_topics: EventTopicsSettings = field(default_factory=EventTopicsSettings)
    skip: SkipSettings = field(default_factory=SkipSettings)
    grace_seconds: int = setting(
        600, help="How long a window stays open for late events.", minimum=0, maximum=3000
    )
    checkpoint_interval_seconds: float = setting(
        0.25, help="How often state and outputs are written.", minimum=0.01
    )
    accept_new_topic: bool = setting(
        False,
        help="Go on although `events` was recreated (from its start) or lost its end (from there). "
        "Remove the setting afterwards.",
    )
    group_instance_id: str | None = setting(
        None,
        help="Name of this worker that survives restarts: it gets its partitions back without a rebalance.",
    )
    group_session_timeout_seconds: float = setting(
        10.0, help="A worker that is silent for this long loses its partitions to others.", minimum=6, maximum=60
    )
    max_ready_lag: int = setting(
        1_000_000, help="A worker that is this many records behind, over its partitions, is not ready.", minimum=1
    )
    probe_host: str = setting(ALL_INTERFACES, help="Host or IP to listen on for probes and metrics.")
    probe_port: int = setting(8080, help="Port for /healthz, /readyz and /metrics.", minimum=0, maximum=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", help="What to log.")
