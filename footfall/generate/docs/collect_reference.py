"""docs/collect-reference.md: every code and header of the collector."""

from collections.abc import Mapping

from avro_schemas.reasons import REASONS, RECORD_REASONS
from footfall.generate.regions import Regions
from footfall.generate.tables import table
from producer_api import headers
from producer_api.errors import status_of


def regions() -> Regions:
    """The codes with their statuses, and the headers of requests and responses."""
    return {
        "codes": table(("code", "status", "meaning"), _codes()),
        "request-headers": table(("header", "purpose"), _rows(headers.REQUEST)),
        "response-headers": table(("header", "purpose"), _rows(headers.RESPONSE)),
    }


def _codes() -> list[list[str]]:
    return [
        [f"`{code}`", "" if code in RECORD_REASONS else str(status_of(code)), meaning]
        for code, meaning in REASONS.items()
    ]


def _rows(described: Mapping[str, str]) -> list[list[str]]:
    return [[f"`{name}`", meaning] for name, meaning in described.items()]
