"""Every service with its settings and its metrics, for the pages about them."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import dashboard.metrics
import dashboard.settings
import footfall.jobs.smoke_test
import footfall.jobs.topics
import producer_api.metrics
import producer_api.settings
import registry.metrics
import registry.settings
import service_kit.metrics
import sinks.metrics
import sinks.settings
import stream_app.metrics
import stream_app.settings
from footfall.local.settings import LocalSettings
from service_kit.settings import variables

SETTINGS: Mapping[str, type[Any]] = {
    "Collector": producer_api.settings.Settings,
    "Stream app": stream_app.settings.Settings,
    "Sinks": sinks.settings.Settings,
    "Dashboard": dashboard.settings.Settings,
    "Registry": registry.settings.Settings,
    "footfall up": LocalSettings,
    "Topics job": footfall.jobs.topics.Settings,
    "Smoke test": footfall.jobs.smoke_test.Settings,
}
# Variables that commands read as defaults of their options.
COMMAND_VARIABLES: Mapping[str, str] = {
    "FOOTFALL_URL": "URL at which commands find collector, dashboard and registry.",
    "FOOTFALL_DEBUG": "Any value: commands that fail print where, as a Python traceback.",
    "FOOTFALL_PROBE_URLS": "URLs of the probes of stream app and sinks, separated by commas.",
}
# The modules that declare metrics, each with a registry of its own.
METRICS: Mapping[str, ModuleType] = {
    "Collector": producer_api.metrics,
    "Stream app": stream_app.metrics,
    "Sinks and Postgres": sinks.metrics,
    "Dashboard": dashboard.metrics,
    "Registry": registry.metrics,
    "Every service": service_kit.metrics,
}


def region(service: str) -> str:
    """The name of a service's region on a page."""
    return service.lower().replace(" ", "-")


def known_variables() -> set[str]:
    """Every variable that a service or command reads, and the `_FILE` variants of the secret ones."""
    declared = {name: field for cls in SETTINGS.values() for name, field in variables(cls).items()}
    files = {f"{name}_FILE" for name, field in declared.items() if "Secret" in str(field.type)}
    return declared.keys() | files | COMMAND_VARIABLES.keys()
