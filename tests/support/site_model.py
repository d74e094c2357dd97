"""A model of a site whose events land, land late, land again, are erased, packed and dropped; and what must remain.

The model is a dictionary in memory. It shares no code with the sinks except the names of their views.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import psycopg

from avro_schemas.record_key import record_key
from service_kit.retention import RetentionSettings
from sinks import erasure
from sinks.audit import audit
from sinks.postgres.store import PostgresStore
from sinks.retention.maintenance import maintain
from tests.support import kill_points
from tests.support.days import Landed, noon
from tests.support.events import encoded, event, fresh_id, user_key

TYPES = ("click", "scroll", "page_view")
# Where maintenance is interrupted.
CUTS = (
    "sinks.retention.maintenance:_close",
    "sinks.retention.maintenance:_audit",
    "sinks.retention.maintenance:_pack",
    "sinks.retention.maintenance:_detach",
    "sinks.retention.maintenance:detach",
    "sinks.retention.maintenance:_drop",
    "sinks.retention.maintenance:set_state",
    "sinks.retention.packing:_unpack_small_blocks",
    "sinks.retention.packing:_assign_blocks",
    "sinks.retention.packing:_pack_block_range",
    "sinks.retention.packing:add_packed",
    "sinks.retention.rollups:fold",
)


@dataclass(frozen=True, slots=True)
class Sent:
    """An event that was sent."""

    event_id: str
    event_type: str
    user: str
    day: date
    value: bytes


class Interrupted(Exception):
    """Raised in the middle of maintenance."""


class Site:
    """Does the same to the database and to the model."""

    def __init__(
        self, store: PostgresStore, connection: psycopg.Connection, today: date, retention: RetentionSettings
    ) -> None:
        self._landed, self._connection, self._retention = Landed(store), connection, retention
        self.today = today
        self.sent: dict[str, Sent] = {}
        self.gone = set[str]()  # erased or dropped
        self.ever: Counter[str] = Counter()
        self._receipts = self._calls = 0

    def send(self, day: date, count: int, users: int, chance: Random) -> None:
        """Land events of a day, which may be over."""
        made = [self._event(day, f"user-{chance.randrange(users)}", chance.choice(TYPES)) for _ in range(count)]
        self.sent |= {each.event_id: each for each in made}
        self.ever.update(each.event_type for each in made)
        self._deliver(made)

    def send_again(self, days: int, count: int, chance: Random) -> None:
        """Land some events of the last days a second time, like a replay. Those of erased users must not land."""
        recent = [each for each in self.sent.values() if each.day > self.today - timedelta(days=days)]
        if recent:
            self._deliver(chance.choices(recent, k=count))

    def erase(self, user: str) -> None:
        """Erase what a user has sent so far."""
        self._receipts += 1
        at, key = datetime.fromtimestamp(self._now() / 1000, UTC), user_key(user)
        receipt = f"receipt-{self._receipts}"
        erasure.request(self._connection, key, at, receipt)
        erasure.remove(self._connection, receipt, at)
        self.gone |= {each.event_id for each in self.sent.values() if each.user == user}

    def maintain(self) -> list[str]:
        """Run a round. Return the messages of steps that failed."""
        steps = list(maintain(self._connection, today=self.today, retention=self._retention))
        oldest = self.today - timedelta(days=self._retention.retention_days)
        self.gone |= {each.event_id for each in self.sent.values() if each.day < oldest}
        return [step.message for step in steps if step.failed]

    def maintain_interrupted(self, chance: Random) -> None:
        """Run a round that ends before or after a step."""
        point, after, call = chance.choice(CUTS), chance.random() < 0.5, chance.choice([1, 1, 2, 3])
        with suppress(Interrupted), interrupting(point, after=after, call=call):
            self.maintain()

    def mismatches(self) -> list[str]:
        """Where the database differs from the model, after a complete round."""
        stored = Counter(name for (name,) in self._connection.execute("select event_id from events").fetchall())
        wanted = Counter(self.sent.keys() - self.gone)
        rolled_up = dict(
            self._connection.execute(
                "select event_type, sum(events)::int from events_hourly group by 1"
            ).fetchall()
        )
        found = audit(self._connection).mismatches()
        if stored != wanted:
            found.append(f"{len(wanted - stored)} events are missing, {len(stored - wanted)} are too many")
        if rolled_up != self.ever:
            found.append(f"the roll-up has {rolled_up}, not {dict(self.ever)}")
        return found

    def _deliver(self, made: list[Sent]) -> None:
        self._landed.land([(record_key(user_key(each.user)), each.value) for each in made], noon(self.today))

    def _event(self, day: date, user: str, event_type: str) -> Sent:
        fields = event(
            event_type,
            noon(day),
            event_id=fresh_id(noon(day)),
            user_key=user_key(user),
            received_at=self._now(),
        )
        return Sent(fields["event_id"], event_type, user, day, encoded(fields))

    def _now(self) -> int:
        """Later with every call, so that what is sent after an erasure is received after it."""
        self._calls += 1
        return noon(self.today) + self._calls


@contextmanager
def interrupting(point: str, *, after: bool, call: int) -> Iterator[None]:
    """Raise `Interrupted` in the n-th call of a function, before or after it has done its work."""
    owner, name = kill_points.find(point)
    original: Callable[..., Any] = getattr(owner, name)
    calls = iter(range(1, 1_000_000))

    def interrupted(*arguments: Any, **named: Any) -> Any:
        last = next(calls) == call
        if last and not after:
            raise Interrupted
        result = original(*arguments, **named)
        if last:
            raise Interrupted
        return result

    setattr(owner, name, interrupted)
    try:
        yield
    finally:
        setattr(owner, name, original)
