"""docs/collect-reference.md: every setting, code, header and metric of the collector."""

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from avro_schemas.reasons import REASONS
from producer_api import headers
from producer_api.errors import status_of
from producer_api.metrics import REGISTRY
from producer_api.settings import Settings
from service_kit.environment import Secret, variables

# These never stand in an answer: they are reasons for records on a topic.
_OF_RECORDS = (
    "value_empty",
    "prefix_missing",
    "schema_unknown",
    "schema_unexpected",
    "body_undecodable",
    "row_refused",
)


def page() -> str:
    """The whole page."""
    return "\n".join(
        [
            "# The collector: every setting, code, header and metric",
            "",
            "Made from the code by `make generate`. [collect.md](collect.md) tells how they work together.",
            "",
            "## Settings",
            "",
            "Secrets may also come from a file: `FOOTFALL_HASH_KEY_FILE` names it.",
            "",
            *_table(("variable", "default", "what it does"), _settings()),
            "",
            "## Error codes",
            "",
            "The status is that of a request or of a single event. In a list each result has its own.",
            "",
            *_table(("code", "status", "meaning"), _codes()),
            "",
            "## Headers of requests",
            "",
            *_table(("header", "what for"), _rows(headers.REQUEST)),
            "",
            "## Headers of answers",
            "",
            *_table(("header", "what for"), _rows(headers.RESPONSE)),
            "",
            "## Metrics",
            "",
            "At `/metrics`, in Prometheus' format; counters end in `_total`.",
            "",
            *_table(("metric", "kind", "labels", "meaning"), _metrics()),
            "",
        ]
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def _settings() -> list[list[str]]:
    return [
        [f"`{name}`", _default(declared), declared.metadata["help"]]
        for name, declared in variables(Settings).items()
    ]


def _default(declared: "dataclasses.Field[Any]") -> str:
    default = declared.default
    if default is dataclasses.MISSING:
        return "required"
    if default is None or default in ((), ""):
        return ""
    if isinstance(default, Secret):
        return "`…`" if default.reveal() else ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def _codes() -> list[list[str]]:
    return [
        [f"`{code}`", "" if code in _OF_RECORDS else str(status_of(code)), meaning]
        for code, meaning in REASONS.items()
    ]


def _rows(described: Mapping[str, str]) -> list[list[str]]:
    return [[f"`{name}`", meaning] for name, meaning in described.items()]


def _metrics() -> list[list[str]]:
    declared = typing.cast(Iterable[Any], REGISTRY._collector_to_names)
    return [[f"`{each._name}`", each._type, ", ".join(each._labelnames), each._documentation] for each in declared]
