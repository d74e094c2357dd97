"""docs/collect-reference.md: every code and header of the collector."""

from collections.abc import Mapping

from avro_schemas.reasons import OF_RECORDS, REASONS
from footfall.generate.tables import table
from producer_api import headers
from producer_api.errors import status_of


def page() -> str:
    """The whole page."""
    return "\n".join(
        [
            "# The collector: every code and header",
            "",
            "Made from the code by `make generate`. [collect.md](collect.md) tells how they work together; its settings are in",
            "[settings.md](settings.md#collector), its metrics in [metrics.md](metrics.md#collector).",
            "",
            "## Error codes",
            "",
            "The status is that of a request or of a single event. In a list each result has its own.",
            "",
            *table(("code", "status", "meaning"), _codes()),
            "",
            "## Headers of requests",
            "",
            *table(("header", "what for"), _rows(headers.REQUEST)),
            "",
            "## Headers of answers",
            "",
            *table(("header", "what for"), _rows(headers.RESPONSE)),
            "",
        ]
    )


def _codes() -> list[list[str]]:
    return [
        [f"`{code}`", "" if code in OF_RECORDS else str(status_of(code)), meaning]
        for code, meaning in REASONS.items()
    ]


def _rows(described: Mapping[str, str]) -> list[list[str]]:
    return [[f"`{name}`", meaning] for name, meaning in described.items()]
