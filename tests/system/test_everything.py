"""Everything fails at random while clients send again, late and as somebody else: then all accounts agree.

`make faults-all` runs it with 300 faults (half an hour), `make test` with a few.
"""

import asyncio
import contextlib
import logging
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from confluent_kafka import KafkaException

from avro_schemas.wire.codec import decode
from tests.support.expected_aggregates import wrong_rates
from tests.support.retrying_clients import Ledger, live_together
from tests.system.conftest import running
from tests.system.stack import COLLECT, Stack, until

pytestmark = [pytest.mark.system, pytest.mark.faults, pytest.mark.timeout(7200)]
log = logging.getLogger(__name__)

FAULTS = int(os.environ.get("FAULT_ROUNDS", "7"))
SEED = int(os.environ.get("FAULT_SEED", "7"))
SECONDS_PER_FAULT = 4.0
# So few that people reach it.
EVENTS_PER_MINUTE = 60
VICTIMS = ("stream_app", "sinks", "producer_api", "kafka", "postgres")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    settings = {"FOOTFALL_ANONYMOUS_VISITORS": "true", "FOOTFALL_EVENTS_PER_MINUTE": str(EVENTS_PER_MINUTE)}
    yield from running(tmp_path / "data", settings=settings)


def test_rows_live_counts_and_acknowledgements_agree_whatever_fails(stack: Stack) -> None:
    ledger = send_while_everything_fails(stack)
    log.info("%d ids acknowledged, %d of them to several people; %s", *sizes(ledger), ledger.answers)

    ids = until(lambda: row_ids(stack), ledger.ids().__eq__, seconds=90)
    assert (ledger.ids() - ids, ids - ledger.ids()) == (set(), set())
    for event_id, event_type in stack.query("select event_id, event_type from events"):
        assert event_type in ledger.sent[event_id]
    rows = stack.rows_by_type()
    assert until(lambda: live(stack, "total"), rows.__eq__, seconds=120) == rows
    outcomes = until(lambda: live(stack, "outcome"), lambda found: not found.get("uncertain", 1), seconds=30)
    assert outcomes["uncertain"] == 0
    assert outcomes["counted"] + outcomes["late"] == len(ids)
    minutes_agree(stack, outcomes["late"])
    rates_agree(stack)

    # What came again without the cookies of the first time is one too: it may be anybody's.
    dead_letters = stack.query("select reason, record_value from dead_letters")
    assert {reason for reason, _value in dead_letters} <= {"event_id_conflict"}
    assert {decode(value)[1]["event_id"] for _reason, value in dead_letters} >= ledger.shared_ids()
    assert outcomes["rejected"] <= len(dead_letters)
    audited = stack.footfall("audit")
    assert audited.returncode == 0, audited.stdout


def send_while_everything_fails(stack: Stack) -> Ledger:
    def session(name: str) -> str:
        return stack.session(sub=name)["cookie"].removeprefix("session=")

    failing = threading.Thread(target=fail_at_random, args=(stack, FAULTS, Random(SEED)))
    failing.start()
    try:
        return asyncio.run(
            live_together(
                stack.url + COLLECT, session, people=20, seconds=FAULTS * SECONDS_PER_FAULT, pause=0.8, seed=SEED
            )
        )
    finally:
        failing.join()


def fail_at_random(stack: Stack, faults: int, chance: Random) -> None:
    """Kill or freeze one service after the other."""
    for number in range(faults):
        time.sleep(chance.uniform(0.2, 2 * SECONDS_PER_FAULT - 0.2))
        victim = VICTIMS[number % len(VICTIMS)] if number < len(VICTIMS) else chance.choice(VICTIMS)
        with contextlib.suppress(ProcessLookupError):  # it ended by itself, and has no successor yet
            if chance.random() < 0.3:
                freeze(stack, victim, chance.uniform(1, 8))
            else:
                stack.kill(victim)


def freeze(stack: Stack, service: str, seconds: float) -> None:
    pid = stack.state["services"][service]["pid"]
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


def live(stack: Stack, dimension: str) -> dict[str, int]:
    """Nothing while Kafka is away: what was killed last, and often, is started again after a pause."""
    try:
        return stack.live(dimension)
    except KafkaException:
        return {}


def sizes(ledger: Ledger) -> tuple[int, int]:
    return len(ledger.ids()), len(ledger.shared_ids())


def row_ids(stack: Stack) -> set[str]:
    return {event_id for (event_id,) in stack.query("select event_id from events")}


def minutes_agree(stack: Stack, late: int) -> None:
    """No minute has more than its rows, and what it has less was late."""
    stored: Counter[int] = Counter()
    for (minute,) in stack.query(
        "select extract(epoch from date_trunc('minute', occurred_at))::bigint from events"
    ):
        stored[minute * 1000] += 1
    live = live_minutes(stack)
    assert +(live - stored) == Counter()
    assert sum((stored - live).values()) == late


def rates_agree(stack: Stack) -> None:
    """Every verdict and every total of a minute is what a recount of the topic comes to, and none is missing."""
    events = sorted(stack.log("events"), key=lambda record: (record.partition, record.offset))

    def wrong() -> list[Any]:
        rates = [decode(rate.value)[1] for rate in stack.log("user-rates") if rate.value]
        log.info("%d verdicts and totals, %d of them final", len(rates), sum(rate["final"] for rate in rates))
        return wrong_rates(events, rates, EVENTS_PER_MINUTE)

    assert until(wrong, lambda found: not found, seconds=30) == []


def live_minutes(stack: Stack) -> Counter[int]:
    newest: dict[tuple[str, int, int], dict[str, int]] = {}
    offsets: dict[tuple[str, int, int], int] = {}
    for partial in stack.records("live-aggregates"):
        if (partial["dimension"], partial["window_seconds"]) in {("events", 60), ("events_of_programs", 60)}:
            window = partial["dimension"], partial["partition"], round(partial["window_start"].timestamp() * 1000)
            if partial["source_offset"] >= offsets.get(window, -1):
                newest[window], offsets[window] = partial["counts"], partial["source_offset"]
    found: Counter[int] = Counter()
    for (_dimension, _partition, start), counts in newest.items():
        found[start] += sum(counts.values())
    return found
