"""docs/contracts.md: the headers of an event."""

from avro_schemas.topic import EVENT_HEADERS
from footfall.generate.regions import Regions
from footfall.generate.tables import table


def regions() -> Regions:
    """The headers, as the catalogue shows them."""
    rows = [[f"`{name}`", meaning] for name, meaning in EVENT_HEADERS.items()]
    return {"event-headers": table(("header", "value"), rows)}
