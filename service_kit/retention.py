"""How long Postgres retains events: one setting for all that deletes them or says when they are deleted."""

from dataclasses import dataclass

from service_kit.settings import setting

# A client's own id may be a week old, and Kafka retains events for another week.
MIN_RETENTION_DAYS = 16
# Ten years: the longest period that the history draws, day by day.
MAX_RETENTION_DAYS = 3_650
# Only days that are over are packed.
MIN_PACK_AFTER_DAYS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings:
    """After how many days events are deleted, and after how many they are packed."""

    retention_days: int = setting(
        90,
        help="Days that events are retained in Postgres; the hourly and daily counts are never deleted.",
        minimum=MIN_RETENTION_DAYS,
        maximum=MAX_RETENTION_DAYS,
    )
    pack_after_days: int = setting(
        7,
        help="Days after which events are packed, which makes them smaller; they stay readable.",
        minimum=MIN_PACK_AFTER_DAYS,
        maximum=MAX_RETENTION_DAYS,
    )
