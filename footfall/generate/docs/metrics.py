"""docs/metrics.md: every metric, and the alerts and dashboards that use it."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import yaml
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from footfall.generate.regions import Regions
from footfall.generate.services import METRICS, region
from footfall.generate.tables import table

FILES = Path(__file__).parents[3] / "helm" / "files"
_MAX_LABELS = 4
# Metrics that no alert or dashboard uses, and when to look at them.
ONLY_BY_HAND = {
    "footfall_collector_clock_skew_seconds": "when event times look wrong: how far clients' clocks are off",
    "footfall_collector_opt_outs": "when user counts look low: how many visitors opted out",
    "footfall_collector_rejected_sessions": "when signed-in users appear as visitors",
    "footfall_collector_limited_users": "when users complain about 429",
    "footfall_collector_limiter_evictions": "when rate limits seem not to apply during a flood of requests",
    "footfall_collector_ip_database_built_timestamp_seconds": "when countries look wrong: how old the database is",
    "footfall_stream_early_batches": "after a recovery: batches that arrived before the seek and were ignored",
    "footfall_stream_gaps_refetched": "after a recovery: batches that were fetched again",
    "footfall_stream_uncommitted_records": "when lag does not fall: records behind a transaction of others",
    "footfall_stream_batch_records": "when tuning the consumer",
    "footfall_stream_changelog_foreign_records": "after a recovery; the log names them",
    "footfall_stream_naming_errors": "when a ranking counts much as `*`, or the log says that names fail",
    "footfall_sink_uncommitted_records": "when lag does not fall: records behind a transaction of others",
    "footfall_sink_batch_rows": "when tuning the batch size",
    "footfall_sink_batch_bytes": "when tuning the batch size",
    "footfall_sink_batch_max_rows": "when tuning the batch size",
    "footfall_sink_other_rows": "when proposed event types are missing: how many rows have none of their own",
    "footfall_sink_revoke_seconds": "when rebalances take long",
    "footfall_dashboard_request_seconds": "when the page feels slow",
    "footfall_registry_request_seconds": "when subscribers wait for schemas",
    "process_virtual_memory_bytes": "rarely: resident memory is more meaningful",
    "process_max_fds": "together with the open ones",
    "process_open_fds": "when connections seem to leak",
}


class Metric(NamedTuple):
    """A metric as it is declared."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str

    @property
    def series(self) -> tuple[str, ...]:
        """The names under which it is scraped."""
        if self.kind == "counter":
            return (f"{self.name}_total",)
        if self.kind == "histogram":
            return tuple(f"{self.name}_{part}" for part in ("bucket", "count", "sum"))
        return (self.name,)


def regions() -> Regions:
    """A table per service, and one for what all of them have."""
    used = uses()
    head = ("metric", "type", "labels", "meaning", "used by")
    return {
        region(service): table(head, [_row(metric, used) for metric in metrics(module)])
        for service, module in METRICS.items()
    }


def metrics(module: ModuleType) -> list[Metric]:
    """The metrics of the registry that a module declares, in the order of their declaration."""
    declared = list(vars(module).values())
    registry = next(each for each in declared if isinstance(each, CollectorRegistry))
    labels = {
        metric.name: _label_names(each)
        for each in declared
        if isinstance(each, Counter | Gauge | Histogram)
        for metric in each.describe()
    }
    return [
        Metric(each.name, each.type, labels.get(each.name, ()), each.documentation) for each in registry.collect()
    ]


def _label_names(collector: Counter | Gauge | Histogram) -> tuple[str, ...]:
    """The labels of a metric. prometheus_client shows them only in samples, so this makes one and removes it."""
    for count in range(1, _MAX_LABELS + 1):
        values = ("?",) * count
        try:
            collector.labels(*values)
        except ValueError:  # another number of labels, or none
            continue
        samples = [sample for metric in collector.collect() for sample in metric.samples]
        collector.remove(*values)
        return next(
            tuple(name for name, value in sample.labels.items() if value == "?")
            for sample in samples
            if "?" in sample.labels.values()
        )
    return ()


def uses() -> dict[str, list[str]]:
    """Where each scraped name is used: titles of dashboards, names of alerts."""
    used: dict[str, list[str]] = {}
    for where, expression in (*alert_expressions(), *panel_expressions()):
        for name in re.findall(r"\b(?:footfall|process)_\w+", expression):
            used.setdefault(name, [])
            if where not in used[name]:
                used[name].append(where)
    return used


def alert_expressions() -> Iterator[tuple[str, str]]:
    """Name and expression of each alert and recording rule."""
    for group in yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule.get("alert") or rule["record"], rule["expr"]


def panel_expressions() -> Iterator[tuple[str, str]]:
    """Title of the dashboard and expression of each of its queries."""
    for file in sorted((FILES / "dashboards").glob("*.json")):
        board = json.loads(file.read_text())
        for panel in panels(board["panels"]):
            for target in panel.get("targets", []):
                yield board["title"], target["expr"]


def panels(listed: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Panels, those in rows included."""
    for panel in listed:
        yield panel
        yield from panels(panel.get("panels", []))


def _row(metric: Metric, used: dict[str, list[str]]) -> list[str]:
    where = list(dict.fromkeys(place for name in metric.series for place in used.get(name, [])))
    used_by = ", ".join(where) or f"by hand: {ONLY_BY_HAND.get(metric.name, '?')}"
    return [f"`{metric.name}`", metric.kind, ", ".join(metric.labels), metric.meaning, used_by]
