"""Which names of event types are accepted. Names of the catalogue always are; others if the setting allows it."""

from functools import lru_cache

from avro_schemas.event_types import NAME_FORM, contract_spelling, did_you_mean, event_type_names, is_event_name
from avro_schemas.validation.fault import Fault, describe_value
from producer_api.settings import DEFAULT_MAX_UNKNOWN

_DAY_MS = 86_400_000
# Bounds memory, whoever sends: with this many names of all senders, the day begins again for everybody.
_MAX_REMEMBERED = 20_000


class EventNames:
    """Remembers, for a day, which unknown names each sender used, so that no sender can use any number of them."""

    def __init__(self, *, accepts_unknown: bool = False, max_unknown: int = DEFAULT_MAX_UNKNOWN) -> None:
        self._accepts_unknown, self._max_unknown = accepts_unknown, max_unknown
        self._day = self._remembered = 0
        self._used: dict[str, set[str]] = {}

    def fault(self, event_type: str, sender: str, now: int) -> Fault | None:
        """What is wrong with a name, if anything. `now` in milliseconds since 1970."""
        if event_type in event_type_names():
            return None
        if not self._accepts_unknown:
            return Fault("event_type_unknown", "/event_type", _suggestion(event_type), describe_value(event_type))
        if not is_event_name(event_type):
            return Fault("event_type_unknown", "/event_type", NAME_FORM, describe_value(event_type))
        if not self._is_granted(event_type, sender, now // _DAY_MS):
            expected = f"at most {self._max_unknown} names per day that are not in the catalogue"
            return Fault("too_many_event_types", "/event_type", expected, describe_value(event_type))
        return None

    def _is_granted(self, event_type: str, sender: str, day: int) -> bool:
        if day != self._day or self._remembered >= _MAX_REMEMBERED:
            self._day, self._remembered, self._used = day, 0, {}
        used = self._used.setdefault(sender, set())
        if event_type not in used:
            if len(used) >= self._max_unknown:
                return False
            used.add(event_type)
            self._remembered += 1
        return True


# Comparing with all names takes as long as everything else that is done with an event.
@lru_cache(maxsize=1_000)
def hint(event_type: str) -> str:
    """What to say about an accepted name that is not in the catalogue; empty for a name that is."""
    if event_type in event_type_names():
        return ""
    meant = did_you_mean(event_type)
    spelling = contract_spelling(event_type)
    rest = "it is recorded as a custom event."
    if meant:
        rest = f'did you mean "{meant}"?'
    elif spelling != event_type:
        rest = f'names there are in lower case with underscores, such as "{spelling}".'
    return f'"{event_type}" is not in the catalogue; {rest}'


def _suggestion(event_type: str) -> str:
    meant = did_you_mean(event_type)
    if meant:
        return f'did you mean "{meant}"?'
    known = ", ".join(sorted(event_type_names()))
    return f"one of {known}; `footfall types accept NAME` adds one, FOOTFALL_UNKNOWN_EVENTS=accept takes any"
