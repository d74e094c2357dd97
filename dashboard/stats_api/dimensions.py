"""What the Stats API breaks down by: panels of the history under the names of their filters. No I/O."""

from collections.abc import Mapping
from types import MappingProxyType

from dashboard.filters import PropertyValue, property_value

# The panel of each dimension. But for entries and exits, a name of a row is a value of the filter of that name.
DIMENSIONS: Mapping[str, str] = MappingProxyType(
    {
        "type": "event_types",
        "page": "pages",
        "route": "routes",
        "entry_page": "entry_pages",
        "exit_page": "exit_pages",
        "entry_route": "entry_routes",
        "exit_route": "exit_routes",
        "source": "sources",
        "channel": "channels",
        "campaign": "campaigns",
        "country": "countries",
        "device": "devices",
        "browser": "browsers",
        "system": "systems",
        "language": "languages",
        "screen": "screens",
        "site": "sites",
        "hostname": "hostnames",
        "release": "releases",
        "button": "buttons",
        "form": "forms",
        "error": "errors",
        "metric": "web_vitals",
        "program": "programs",
        "prop": "features",
    }
)
# What counts visits only.
OF_VISITS_ALONE = frozenset({"entry_page", "exit_page", "entry_route", "exit_route"})


def panel_of(dimension: str) -> str | None:
    """The panel that has a dimension, which may be a property: `feature_used.feature`. None if there is none."""
    return "features" if property_of(dimension) else DIMENSIONS.get(dimension)


def property_of(dimension: str) -> PropertyValue | None:
    """The property that a dimension names, with an empty value."""
    return property_value(f"{dimension}:") if "." in dimension else None
