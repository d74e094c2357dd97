"""The same counts with Quix Streams: two counts per event in its state. Baseline of stream.py.

    uv run --no-project --with quixstreams==3.28.1 python -m benchmarks.quix_streams BOOTSTRAP TOPIC EVENTS

Prints seconds and CPU seconds between the first and the last tenth of the events, then exits.
"""

import logging
import os
import sys
import tempfile
import time
from typing import Any

from avro_schemas.wire.codec import decode


def main(bootstrap: str, topic: str, events: int) -> None:
    # Not a dependency: it pins an older confluent-kafka than the tests use.
    from quixstreams import Application  # type: ignore[import-not-found] # see above

    logging.disable()
    app = Application(
        broker_address=bootstrap,
        consumer_group="quix",
        auto_offset_reset="earliest",
        state_dir=tempfile.mkdtemp(),
        loglevel=None,
    )
    marks: list[tuple[float, float]] = []
    seen = 0

    def count(value: bytes, state: Any) -> None:
        nonlocal seen
        _schema, record = decode(value)
        for name in ("all", record["event_type"]):
            state.set(name, state.get(name, 0) + 1)
        seen += 1
        if seen in (events // 10, events * 9 // 10):
            marks.append((time.monotonic(), time.process_time()))
        if len(marks) == 2:
            print(f"\n{marks[1][0] - marks[0][0]} {marks[1][1] - marks[0][1]}", flush=True)
            os._exit(0)

    stream = app.dataframe(app.topic(topic, key_deserializer="bytes", value_deserializer="bytes"))
    stream.update(count, stateful=True)
    app.run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
