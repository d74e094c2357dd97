"""Which event types have a topic of their own: one setting for all that writes, creates or describes it."""

import re
from dataclasses import dataclass

from service_kit.settings import setting

# What Kafka allows in the name of a topic.
_ALLOWED = re.compile(r"[a-zA-Z0-9._-]{1,100}")
# `events-rejected` is another topic.
_TAKEN = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTopicsSettings:
    """The optional topics: copies of single event types."""

    event_topics: tuple[str, ...] = setting(
        (), help="Event types that are copied to a topic of their own, `events-TYPE`."
    )

    def __post_init__(self) -> None:
        """Raise ValueError for a type whose topic could not exist."""
        for event_type in self.event_topics:
            if not _ALLOWED.fullmatch(event_type):
                raise ValueError(
                    "FOOTFALL_EVENT_TOPICS must be event types of letters, digits, '.', '_' and '-', separated by "
                    f"commas, not {event_type!r}: Kafka allows no other characters in the name of a topic."
                )
            if event_type == _TAKEN:
                raise ValueError(
                    "FOOTFALL_EVENT_TOPICS cannot have 'rejected': events-rejected has the rejected events."
                )
