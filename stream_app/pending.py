"""Events that are folded but not yet counted by name: many at once are counted cheaply."""

from dataclasses import dataclass, field

from avro_schemas.events import Row
from avro_schemas.projection import Group
from stream_app.dimensions import MINUTE_MS, SLOT_MS


@dataclass(slots=True)
class Minute:
    """The events of one minute, in the order of the log: keys, sessions, and the columns of the dimensions."""

    keys: list[bytes | None] = field(default_factory=list)
    sessions: list[bytes | None] = field(default_factory=list)
    common: list[Group] = field(default_factory=list)
    own: dict[str, list[Group]] = field(default_factory=dict)


class Pending:
    """What waits to be counted."""

    def __init__(self) -> None:
        self.slots: dict[int, list[str]] = {}
        self.minutes: dict[int, Minute] = {}
        self._slot = -1
        self._types: list[str] = []
        self._minute = Minute()

    def add(self, moment: int, key: bytes | None, row: Row) -> None:
        """Put an event down for the windows of `moment` (milliseconds since 1970)."""
        if moment // SLOT_MS != self._slot:
            self._turn_to(moment)
        schema, _id, _occurred_at, session_key, common, own = row
        minute = self._minute
        self._types.append(common[0])
        minute.keys.append(key)
        minute.sessions.append(session_key)
        minute.common.append(common)
        if own:
            minute.own.setdefault(schema, []).append(own)

    def _turn_to(self, moment: int) -> None:
        self._slot = moment // SLOT_MS
        self._types = self.slots.setdefault(self._slot, [])
        self._minute = self.minutes.setdefault(moment // MINUTE_MS, Minute())
