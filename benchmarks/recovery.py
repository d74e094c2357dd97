"""A million users active in the last minute: size of a worker's state, and time to recover it after kill -9.

footfall bench recovery
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Producer

from avro_schemas import event_ids
from benchmarks.parts import broker, resident_mib
from benchmarks.stream import folded, metric
from footfall.kafka.topics import create_missing
from footfall.local import ports
from service_kit.kafka.settings import KafkaSettings
from tests.support.events import encoded, event

USERS, ROUNDS = 1_000_000, 3


def fill(bootstrap: str) -> None:
    """One event per user, written as fast as possible, so that all users are active in the same minute."""
    now = time.time_ns() // 1_000_000
    fields = event("click", now, user_key=bytes(16))
    template, old_id = encoded(fields), fields["event_id"].encode()
    producer = Producer(
        {"bootstrap.servers": bootstrap, "linger.ms": 50, "queue.buffering.max.messages": 2_000_000}
    )
    for number in range(USERS):
        event_id = event_ids.generate(now, os.urandom(event_ids.RANDOM_BYTES))
        producer.produce("events", template.replace(old_id, event_id.encode()), os.urandom(16).hex())
        if number % 10_000 == 0:
            producer.poll(0)
    assert producer.flush(60) == 0


@contextmanager
def worker(bootstrap: str) -> Iterator[tuple[int, int]]:
    """Process id and probe port of a worker, which is killed in the end."""
    port = ports.choose()
    environ = {"FOOTFALL_PROBE_PORT": str(port), "FOOTFALL_LOG_LEVEL": "ERROR"}
    environ |= {"FOOTFALL_KAFKA_BOOTSTRAP": bootstrap, "FOOTFALL_GROUP_INSTANCE_ID": "one"}
    process = subprocess.Popen(
        [sys.executable, "-m", "stream_app"], env=os.environ | environ, stdout=subprocess.DEVNULL
    )
    try:
        yield process.pid, port
    finally:
        process.kill()
        process.wait()


def main() -> None:
    with broker() as bootstrap:
        settings = KafkaSettings(kafka_bootstrap=bootstrap)
        asyncio.run(create_missing(settings))
        started = time.monotonic()
        fill(bootstrap)
        print(f"  {USERS:,} users wrote within {time.monotonic() - started:.0f} s")
        with worker(bootstrap) as (pid, port):
            while folded(port) < USERS or metric(port, "footfall_stream_lag_records"):
                time.sleep(0.1)
            print(f"  {resident_mib(pid):.0f} MiB with all of them")
        for _ in range(ROUNDS):
            started = time.monotonic()
            with worker(bootstrap) as (pid, port):
                while not metric(port, "footfall_stream_partitions"):
                    time.sleep(0.02)
                took = metric(port, "footfall_stream_recovery_seconds")
                whole = time.monotonic() - started
                print(f"recovery: {took:.1f} s, {whole:.1f} s from the start; {resident_mib(pid):.0f} MiB")


if __name__ == "__main__":
    main()
