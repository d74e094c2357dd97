"""`event_data` without personal data, and what is read of it before: page, referrer, user agent. No I/O."""

from collections.abc import Collection, Iterator
from functools import cache
from typing import Any, NamedTuple

from avro_schemas.event_types import event_type_names
from avro_schemas.schema import CUSTOM, event_schema
from avro_schemas.validation.bounds import DEFAULT_MAX_LENGTH, MAX_PROPERTIES
from avro_schemas.validation.fault import Fault, describe_value, text_fault
from producer_api.intake.context import RequestContext
from producer_api.privacy.devices import encoded_device
from producer_api.privacy.redaction import is_suspicious, redact, redact_name, redact_nested
from producer_api.privacy.urls import NO_UTM, PLAIN_PATH, PageUrl, Utm, read_page, says_more, strip_url

MAX_UTM_LENGTH = 200
_MAX_USER_AGENT_LENGTH = 2_000


class Stripped(NamedTuple):
    """What is left of `event_data`, and what was read of it."""

    event_data: dict[str, Any]
    # As Avro bytes.
    device: bytes
    page: str | None
    # What the URL of the page says besides, if anything.
    url: PageUrl
    # As it was sent.
    referrer: str | None


def strip_event_data(
    event_data: dict[str, Any],
    context: RequestContext,
    found: list[Fault],
    *,
    is_custom: bool,
    allowed_parameters: Collection[str],
) -> Stripped:
    """What of `event_data` may be stored. Faults of the user agent, which is not stored, are added to `found`."""
    device, url, referrer = context.device, PLAIN_PATH, None
    stripped: dict[str, Any] = {}
    for name, value in event_data.items():
        kind = type(value)
        if kind is str:
            if name == "page":
                if says_more(value):
                    url = read_page(value, allowed_parameters)
                    value = url.page
            elif name == "referrer":
                referrer, value = value, strip_url(value, allowed_parameters)
            elif name == "user_agent":
                device = _device(value, context, found)
                continue
            # A longer text is too long for any field.
            if len(value) <= _max_text_length() and is_suspicious(value):
                value = redact(value, context.redactions[_label(name)], allowed_parameters)
        elif name == "user_agent":
            device = _device(value, context, found)
            continue
        elif is_custom or kind is dict:
            value = redact_nested(value, context.redactions["properties"], allowed_parameters)
        stripped[name] = value
    page = stripped.get("page")
    if is_custom and len(stripped) <= MAX_PROPERTIES and any(map(is_suspicious, stripped)):
        renamed: dict[str, Any] = {}
        for name, value in stripped.items():
            renamed[redact_name(name, context.redactions["properties"], renamed)] = value
        stripped = renamed
    return Stripped(stripped, device, page if type(page) is str else None, url, referrer)


def redact_utm(utm: Utm, context: RequestContext) -> Utm:
    """The UTM parameters without personal data, as long as they may be."""
    if utm is NO_UTM or not any(utm):
        return NO_UTM
    return tuple(_redact_utm(value, context) for value in utm)  # type: ignore[return-value] # as many as before


def _redact_utm(value: str | None, context: RequestContext) -> str | None:
    if value is not None and is_suspicious(value):
        value = redact(value, context.redactions["utm"])
    return value[:MAX_UTM_LENGTH] if value else None


def _device(user_agent: Any, context: RequestContext, found: list[Fault]) -> bytes:
    if type(user_agent) is not str:
        found.append(Fault("type_mismatch", "/event_data/user_agent", "text", describe_value(user_agent)))
    elif fault := text_fault(user_agent, "/event_data/user_agent", _MAX_USER_AGENT_LENGTH):
        found.append(fault)
    else:
        return encoded_device(user_agent, only_bot="device" not in context.stored_fields)
    return b""


def _label(name: str) -> str:
    return name if name in _field_names() else "properties"


@cache
def _field_names() -> frozenset[str]:
    """The names of all typed fields. As metric labels they are bounded, whatever clients send."""
    return frozenset(field["name"] for field in _typed_fields())


@cache
def _max_text_length() -> int:
    """How many characters the longest field may have."""
    max_length: int = max(field.get("maxLength", DEFAULT_MAX_LENGTH) for field in _typed_fields())
    return max(DEFAULT_MAX_LENGTH, max_length)


def _typed_fields() -> Iterator[dict[str, Any]]:
    types = (event_schema(event_type) for event_type in event_type_names())
    data = (schema.definition["fields"][-1]["type"] for schema in types if schema.name != CUSTOM)
    return (field for record in data for field in record["fields"])
