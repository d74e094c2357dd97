"""docs/collect-reference.md: every code, status and header of the collector; docs/collect.md: its
statuses, and the fields that are stored or not."""

from collections.abc import Mapping

from avro_schemas.reasons import REASONS, RECORD_REASONS
from footfall.generate.regions import Regions
from footfall.generate.tables import table
from producer_api.errors import STATUSES, status_of
from producer_api.privacy.stored_fields import DEFAULT_STORED_FIELDS, OPTIONAL_FIELDS
from producer_api.request import REQUEST_HEADERS, RESPONSE_HEADERS


def regions() -> Regions:
    """The codes with their statuses, and the headers of requests and responses."""
    return {
        "codes": table(("code", "status", "meaning"), _codes()),
        "request-headers": table(("header", "purpose"), _rows(REQUEST_HEADERS)),
        "response-headers": table(("header", "purpose"), _rows(RESPONSE_HEADERS)),
    }


def collect_regions() -> Regions:
    """What each HTTP status means and what a client does about it, and which optional fields are stored."""
    rows = [[str(number), status.meaning, status.advice] for number, status in STATUSES.items()]
    fields = [
        (f"`{name}`", "yes" if name in DEFAULT_STORED_FIELDS else "no", meaning)
        for name, meaning in OPTIONAL_FIELDS.items()
    ]
    return {
        "statuses": table(("status", "meaning", "what to do"), rows),
        "stored-fields": table(("field", "by default", "why"), fields),
    }


def _codes() -> list[list[str]]:
    return [
        [f"`{code}`", "" if code in RECORD_REASONS else str(status_of(code)), meaning]
        for code, meaning in REASONS.items()
    ]


def _rows(described: Mapping[str, str]) -> list[list[str]]:
    return [[f"`{name}`", meaning] for name, meaning in described.items()]
