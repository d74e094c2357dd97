"""Events of all kinds for the stream app, and a check that what it emits equals the topic."""

import asyncio
import random
import time
from collections.abc import Callable, Collection
from typing import Any

from avro_schemas.wire.codec import decode
from service_kit.kafka.settings import KafkaSettings
from tests.support.events import encoded, event, now_ms, user_key
from tests.support.expected_aggregates import expected_windows, wrong_rates
from tests.support.topics import KeyAndValue, Windows, live, read_all

KINDS: list[tuple[str, Callable[[random.Random], dict[str, Any]]]] = [
    ("click", lambda chance: {"element": "nav_menu"}),
    ("page_view", lambda chance: {"page": f"/{chance.randrange(20)}"}),
    ("button_click", lambda chance: {"button": chance.choice(["save", "buy"])}),
    ("form_submit", lambda chance: {"form": "signup", "success": chance.choice([True, False, None])}),
    ("error_encountered", lambda chance: {"kind": "TypeError", "message": "x is null", "page": "/"}),
]
# How visitors arrived, and where.
ARRIVALS: list[dict[str, Any]] = [
    {},
    {"channel": "direct", "site": "shop"},
    {"source": "www.example.org", "channel": "referral", "release": "1.2.3"},
    {"source": "news.example", "channel": "paid", "utm_campaign": "spring"},
]


def load(count: int, seed: int) -> list[KeyAndValue]:
    """Events of a hundred users, one in twenty sent twice or late, one in fifty not an event at all."""
    chance = random.Random(seed)
    records: list[KeyAndValue] = []
    for _ in range(count):
        key = user_key(f"user-{chance.randrange(100)}")
        event_type, data = chance.choice(KINDS)
        late = 3_600_000 if chance.random() < 0.05 else 0
        fields = event(event_type, now_ms(), user_key=key, occurred_at=now_ms() - late, event_data=data(chance))
        fields |= chance.choice(ARRIVALS) | {"country": chance.choice(["DE", "US", None])}
        records += [(key, encoded(fields))] * (2 if chance.random() < 0.05 else 1)
        if chance.random() < 0.02:
            records.append((key, b"not an event"))
    return records


async def assert_counts_equal_the_log(
    settings: KafkaSettings, seconds: float = 40, rows: Collection[tuple[int, int]] | None = None
) -> None:
    """Compare all that the stream app emits with a recount of the topic; nothing may be written meanwhile.

    `rows` is as in `expected_windows`.
    """
    read = await read_all(settings.kafka_bootstrap, settings.name("events"))
    records = sorted(read, key=lambda record: (record.partition, record.offset))
    expected = expected_windows(records, rows)
    counted, wrong = Windows(), [object()]
    deadline = time.monotonic() + seconds
    while (counted != expected or wrong) and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        emitted = await live(settings.kafka_bootstrap, settings.name("live-aggregates"))
        # What was taken out of a window may leave nothing there.
        counted = {window: counts for window, counts in emitted.items() if counts}
        if rows is not None:  # a correction leaves first uses as they are
            counted, expected = (
                {w: each[w] for w in each if w[0] != "first_uses"} for each in (counted, expected)
            )
        rates = await read_all(settings.kafka_bootstrap, settings.name("user-rates"))
        wrong = wrong_rates(records, [decode(rate.value)[1] for rate in rates])
    assert counted == expected, differences(counted, expected)
    assert wrong == []
    rejected = await read_all(settings.kafka_bootstrap, settings.name("events-rejected"))
    sources = {(r["source_partition"], r["source_offset"]) for r in (decode(x.value)[1] for x in rejected)}
    assert len(sources) == expected["outcome", 0, 0]["rejected"]


def differences(counted: Windows, expected: Windows) -> str:
    """Emitted and expected counts, window by window."""
    windows = sorted({*counted, *expected}, key=str)
    return "\n".join(
        f"{window}: emitted {counted.get(window)}, expected {expected.get(window)}"
        for window in windows
        if counted.get(window) != expected.get(window)
    )
