"""The same counts as a plain Faust application: one event at a time, `table[key] += 1`. Baseline of stream.py.

    python -m benchmarks.plain_faust BOOTSTRAP TOPIC EVENTS

Prints seconds and CPU seconds between the first and the last tenth of the events, then exits.
"""

import os
import sys
import time
from typing import Any

import faust

from avro_schemas.wire.codec import decode


class Raw(faust.Schema):  # type: ignore[misc] # Faust has no types here
    """Bytes, which the agent decodes."""

    def loads_key(self, app: Any, message: Any, **_options: Any) -> Any:
        return message.key

    def loads_value(self, app: Any, message: Any, **_options: Any) -> Any:
        return message.value


def main(bootstrap: str, topic: str, events: int) -> None:
    app = faust.App(
        "plain", broker=f"kafka://{bootstrap}", store="memory://", web_enabled=False, topic_partitions=12
    )
    users, types = app.Table("users", default=int), app.Table("types", default=int)
    marks: list[tuple[float, float]] = []
    seen = 0

    @app.agent(app.topic(topic, schema=Raw()))  # type: ignore[untyped-decorator] # Faust has no types
    async def count(stream: Any) -> None:
        nonlocal seen
        async for event in stream.events():
            _schema, record = decode(event.value)
            users[event.key.hex()] += 1
            types[record["event_type"]] += 1
            seen += 1
            if seen in (events // 10, events * 9 // 10):
                marks.append((time.monotonic(), time.process_time()))
            if len(marks) == 2:
                print(f"\n{marks[1][0] - marks[0][0]} {marks[1][1] - marks[0][1]}", flush=True)
                os._exit(0)

    faust.Worker(app, loglevel="ERROR", quiet=True, redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
