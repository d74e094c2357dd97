"""Whatever the collector accepts, everything behind it bears: nothing raises, and no record outgrows its topic."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas import event_ids
from avro_schemas.live_aggregates import HOUR_MS
from avro_schemas.wire.event_reader import decode_event
from dashboard.live.feed import event_entries
from producer_api.request import Sender
from tests.fuzz.cases import COUNT, cases
from tests.support.events import NOON, Record, encoded, event, user_key
from tests.support.odd_events import EVENTS, ODDITIES, SENDERS, Oddities
from tests.support.offline_services import (
    MAX_RECORD_BYTES,
    MINUTE,
    collected,
    emitted,
    everything,
    landed,
    new_state,
    recovered,
    shown,
)

# Five thousand events in `make test`, a hundred thousand in `make fuzz`.
EXAMPLES = COUNT // 10


@pytest.mark.timeout(3600 * 5)
@cases(EXAMPLES)
@given(ODDITIES, st.sampled_from(SENDERS))
def test_what_the_collector_accepts_every_reader_bears(oddities: Oddities, sender: Sender) -> None:
    kafka = collected(json.dumps(oddities.envelope()).encode(), sender, oddities.headers())
    for record in kafka.events:
        decode_event(record.value, record.timestamp)
        assert len(record.value or b"") < MAX_RECORD_BYTES
    assert all(len(value) < MAX_RECORD_BYTES for value in kafka.rejected)
    values = list[bytes]()
    if kafka.events:
        state = new_state()
        state.apply(kafka.events)
        whole = everything(state)
        assert state.outcomes["rejected"] == 0
        assert not state.counts.naming_errors
        values = emitted(whole)
        again = everything(recovered(whole))
        assert emitted(again)[: len(again.partials)] == values[: len(whole.partials)]
        landed(kafka.events)
    shown(values, kafka.rejected, NOON + MINUTE)
    orjson.dumps(event_entries(kafka.events))
    assert len(event_entries(kafka.events)) == len(kafka.events)


def test_odd_events_are_accepted_often_enough() -> None:
    """Else the test above would hold only because nothing gets through."""
    texts = ["LCP x", "😀" * 199, "\x01" * 200, "\0"]
    times = ["2024-01-15T10:30:00Z", "2043-01-01T00:00:00Z"]
    oddities = Oddities([1.79e308, -1, 2**64], texts, times, "2099-01-01T00:00:00Z", 1)
    assert len(collected(json.dumps(oddities.envelope()).encode(), Sender()).events) > EVENTS / 3


def long_names(make: Callable[[int], dict[str, Any]]) -> Iterator[Record]:
    """Within one hour, in each minute as many new names as a window has room for, and more."""
    for number in range(30 * 510):
        now = NOON + number // 510 * MINUTE
        yield Record(
            number,
            now,
            user_key("ann"),
            encoded(make(number) | {"occurred_at": now, "received_at": now, "event_id": new_id(now, number)}),
        )


def new_id(now: int, number: int) -> str:
    return event_ids.generate(now, number.to_bytes(event_ids.RANDOM_BYTES, "big"))


def test_long_names_of_a_whole_hour_fit_a_record_and_survive_a_recovery() -> None:
    def page_view(number: int) -> dict[str, Any]:
        return event(
            "page_view", event_data={"page": f"/{number}/" + "😀" * 200, "referrer": f"{number}" + "\x01" * 300}
        )

    state, left = new_state(), list(long_names(page_view))
    while left := list(state.apply(left)):
        state.snapshot()
    whole = everything(state)
    values = emitted(whole)
    (hour,) = [each.counts for each in whole.partials if each.dimension == "pages" and each.window_ms == HOUR_MS]
    assert hour is not None
    assert sum(hour.values()) == 30 * 510
    assert len(hour) == 501
    assert emitted(everything(recovered(whole)))[: len(whole.partials)] == values[: len(whole.partials)]
    shown(values, [], NOON + 30 * MINUTE)
