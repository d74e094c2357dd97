"""Which event types exist: the typed ones, and the custom ones that a line in `custom_events.yaml` names."""

import difflib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import yaml

from avro_schemas.schema import FOLDER, typed_events


@cache
def custom_events() -> Mapping[str, str]:
    """What each custom event means, by its name."""
    named: dict[str, str] = yaml.safe_load((FOLDER / "custom_events.yaml").read_text())
    return MappingProxyType(named)


@cache
def event_types() -> frozenset[str]:
    """The names of all events, typed and custom."""
    return frozenset(typed_events()) | frozenset(custom_events())


def did_you_mean(event_type: str) -> str | None:
    """The known event type that looks most like this one, if any does."""
    close = difflib.get_close_matches(event_type[:100].lower(), sorted(event_types()), n=1, cutoff=0.6)
    return close[0] if close else None
