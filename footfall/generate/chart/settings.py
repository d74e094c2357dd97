"""The settings of each component that are values of the chart, and their names there."""

import dataclasses
import re
import typing
from collections.abc import Mapping
from typing import Any

import dashboard.settings
import footfall.jobs.smoke_test
import footfall.jobs.topics
import producer_api.settings
import registry.settings
import sinks.settings
import stream_app.settings
from avro_schemas.installed import SETTING
from service_kit.kafka.settings import KafkaSettings
from service_kit.retention import RetentionSettings
from service_kit.settings import PREFIX, Secret, variables

# By the component's key in the values.
CLASSES: Mapping[str, type[Any]] = {
    "collector": producer_api.settings.Settings,
    "streamApp": stream_app.settings.Settings,
    "sinks": sinks.settings.Settings,
    "dashboard": dashboard.settings.Settings,
    "registry": registry.settings.Settings,
    "topics": footfall.jobs.topics.Settings,
    "migrations": sinks.settings.MaintenanceSettings,
    "maintenance": sinks.settings.MaintenanceSettings,
    "test": footfall.jobs.smoke_test.Settings,
}
# Set by the chart itself, or through other values.
SET_BY_THE_CHART = {
    "FOOTFALL_PORT",
    "FOOTFALL_PROBE_PORT",
    "FOOTFALL_POSTGRES_DSN",
    "FOOTFALL_POSTGRES_SCHEMA",
    "FOOTFALL_GROUP_INSTANCE_ID",
    "FOOTFALL_SPOOL_DIR",
    "FOOTFALL_SPOOL_MAX_BYTES",
    "FOOTFALL_TOPIC_PARTITIONS",
    "FOOTFALL_TOPIC_REPLICATION_FACTOR",
    "FOOTFALL_TOPIC_MIN_INSYNC_REPLICAS",
    "FOOTFALL_CREATE_TOPICS",
    SETTING,
    *variables(KafkaSettings),
    *variables(RetentionSettings),
}
# Settings without effect in a component of the chart.
_WITHOUT_EFFECT = {
    # Maintenance is a CronJob.
    "sinks": {"FOOTFALL_MAINTENANCE_INTERVAL_SECONDS"},
    # The value is in the settings of the stream app, which copies the events; the chart passes it on.
    "topics": {"FOOTFALL_EVENT_TOPICS"},
    "registry": {"FOOTFALL_EVENT_TOPICS"},
    "test": set(variables(footfall.jobs.smoke_test.Settings)),
}
# Settings that several components share, by their own value.
SHARED: "Mapping[str, dataclasses.Field[Any]]" = {
    "retention.days": variables(RetentionSettings)["FOOTFALL_RETENTION_DAYS"],
    "retention.packAfterDays": variables(RetentionSettings)["FOOTFALL_PACK_AFTER_DAYS"],
}


def key_of(variable: str) -> str:
    """The value of a setting: FOOTFALL_DRAIN_SECONDS is drainSeconds."""
    return re.sub(r"_(.)", lambda match: match[1].upper(), variable.removeprefix(PREFIX).lower())


def plain(component: str) -> "dict[str, dataclasses.Field[Any]]":
    """The keys of a component's `settings`."""
    return {key: declared for key, declared, is_secret in _of(component) if not is_secret}


def secret(component: str) -> "dict[str, dataclasses.Field[Any]]":
    """The keys of a component's `secretKeys`."""
    return {key: declared for key, declared, is_secret in _of(component) if is_secret}


def _of(component: str) -> "list[tuple[str, dataclasses.Field[Any], bool]]":
    if component not in CLASSES:
        return []
    excluded = SET_BY_THE_CHART | _WITHOUT_EFFECT.get(component, set())
    return [
        (key_of(variable), declared, Secret in (declared.type, *typing.get_args(declared.type)))
        for variable, declared in variables(CLASSES[component]).items()
        if variable not in excluded
    ]
