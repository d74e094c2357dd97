"""Memory and CPU of a dashboard that follows `live-aggregates` of many partitions, each with all names it may have.

footfall bench live_state

An hour of partials, every dimension with as many names as busy sites have; of each number of partitions in a process of its
own. LIVE_PARTITIONS: which numbers, `12,100,400` by default (1,000 take minutes, and gigabytes).
"""

import multiprocessing
import os
import time
from collections.abc import Iterator
from random import Random
from typing import Any

from avro_schemas.key_sketch import KeySketch
from avro_schemas.live_aggregates import MINUTE_MS, SKETCHED, web_vital_bin
from avro_schemas.people_now import (
    MAX_LISTED,
    PEOPLE_NOW,
    Arrival,
    FirstView,
    LastView,
    PeopleOfMinute,
    Person,
    SignedIn,
    pack,
)
from avro_schemas.schema import latest
from avro_schemas.wire import codec
from benchmarks.parts import resident_mib
from dashboard.health.pipeline import PipelineHealth
from dashboard.live.rejected_events import RejectedEvents
from dashboard.live.snapshot import snapshot
from dashboard.live.state import LiveState

PARTITIONS = [int(each) for each in os.environ.get("LIVE_PARTITIONS", "12,100,400").split(",")]
MINUTES, VARIANTS = 60, 8
# How many names a busy site has in a minute of a partition; the stream app sends at most 500.
NAMES = {
    "events": 20,
    "late": 3,
    "duplicates": 3,
    "browsers": 15,
    "systems": 8,
    "devices": 4,
    "releases": 5,
    "sites": 3,
    "pages": 500,
    "sources": 100,
    "channels": 7,
    "campaigns": 20,
    "countries": 60,
    "buttons": 100,
    "forms": 20,
    "form_successes": 20,
    "errors": 50,
    "page_errors": 100,
    "properties": 500,
    "browsers_of_programs": 20,
    "events_of_programs": 3,
    "pages_of_programs": 200,
}
_METRICS = ("LCP", "INP", "CLS", "FCP", "TTFB")
# People of a minute and partition: more than lists have room for.
_PEOPLE = 1_000


def records() -> dict[str, list[bytes]]:
    """Encoded partials by dimension."""
    chance = Random(1)
    counts = {
        name: [_counts([f"{name} number {n}" for n in range(2 * size)], size, chance) for _ in range(VARIANTS)]
        for name, size in NAMES.items()
    }
    bins = [web_vital_bin(metric, 1.04**step) for metric in _METRICS for step in range(100, 200)]
    counts["web_vitals"] = [_counts(bins, len(bins) * 4 // 5, chance) for _ in range(VARIANTS)]
    found = {name: [_encoded(name, of_name, None) for of_name in each] for name, each in counts.items()}
    for name in SKETCHED:
        found[name] = [_encoded(name, {}, _sketch(chance)) for _ in range(VARIANTS)]
    found[PEOPLE_NOW] = [_encoded(PEOPLE_NOW, {}, _people(chance)) for _ in range(VARIANTS)]
    return found


def _counts(names: list[str], size: int, chance: Random) -> dict[str, int]:
    return {name: 1 + int(5_000 / (place + 1)) for place, name in enumerate(chance.sample(names, size))}


def _sketch(chance: Random) -> bytes:
    sketch = KeySketch()
    sketch.add(chance.randbytes(16) for _ in range(_PEOPLE))
    return sketch.to_bytes()


def _people(chance: Random) -> bytes:
    """The smallest of many keys, as the stream app lists them."""

    def keys() -> list[str]:
        return sorted(chance.randbytes(16).hex() for _ in range(_PEOPLE))[:MAX_LISTED]

    def person() -> Person:
        source = f"source {chance.randrange(100)}"
        arrivals = (Arrival(20, "search", source, None, "DE", "2026.11.3"),) if chance.random() < 0.2 else ()
        last_view = LastView(900, f"/page/{chance.randrange(500)}")
        return Person(20, 950, "2026.11.3", FirstView(20, "DE", "2026.11.3"), last_view, arrivals)

    users, visitors, signed_in = keys(), keys(), keys()
    return pack(
        PeopleOfMinute(
            {key: person() for key in users},
            {key: person() for key in visitors},
            {key: SignedIn(20, 950, user) for key, user in zip(signed_in, users, strict=True)},
            (users[-1], visitors[-1], signed_in[-1]),
        )
    )


def _encoded(name: str, counts: dict[str, int], sketch: bytes | None) -> bytes:
    record = {"dimension": name, "window_start": 1, "window_seconds": 60, "partition": 1, "source_offset": 1}
    return codec.encode(latest()["live_aggregate"], record | {"watermark": 1, "counts": counts, "sketch": sketch})


def partials(of_dimension: dict[str, list[bytes]], minute: int, partition: int) -> Iterator[dict[str, Any]]:
    """All partials of a minute and a partition, decoded."""
    for place, values in enumerate(of_dimension.values()):
        value = values[(minute + partition + place) % VARIANTS]
        for each in codec.decode_values([value], "live_aggregate"):
            yield each | {"window_start": minute * MINUTE_MS, "partition": partition, "source_offset": minute}


def follow(partitions: int) -> None:
    """Follow an hour, and print what that took."""
    of_dimension, state = records(), LiveState()
    now = time.time_ns() // 1_000_000
    newest, before, cpu, merged = now // MINUTE_MS, resident_mib(os.getpid()), time.process_time(), 0
    for minute in range(newest - MINUTES + 1, newest + 1):
        for partition in range(partitions):
            for each in partials(of_dimension, minute, partition):
                state.merge(each)
                merged += 1
    cpu = time.process_time() - cpu
    first = _snapshot_seconds(state, now)
    for each in partials(of_dimension, newest, 0):
        state.merge(each | {"source_offset": newest + 1})
    print(
        f"{partitions} partitions: {resident_mib(os.getpid()) - before:.0f} MiB for {merged:,} partials,"
        f" {1e6 * cpu / merged:.0f} µs of CPU each to decode and merge; the first snapshot takes"
        f" {1000 * first:.0f} ms, one after a change {1000 * _snapshot_seconds(state, now):.0f}",
        flush=True,
    )


def _snapshot_seconds(state: LiveState, now: int) -> float:
    cpu = time.process_time()
    snapshot(state, RejectedEvents(), PipelineHealth(has_postgres=False), now, connected=True)
    return time.process_time() - cpu


def main() -> None:
    for partitions in PARTITIONS:
        process = multiprocessing.get_context("spawn").Process(target=follow, args=(partitions,))
        process.start()
        process.join()


if __name__ == "__main__":
    main()
