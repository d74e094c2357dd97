"""A count as in Faust's tutorials, to show why the stream app is different.

`python -m tests.support.plain_stream_app BOOTSTRAP`
"""

import sys
from typing import Any

import faust

from stream_app.engine.consumer import RawBatches

APP_ID, TABLE = "plain", "events"
CHANGELOG = f"{APP_ID}-{TABLE}-changelog"


def main(bootstrap: str) -> None:
    app = faust.App(
        APP_ID, broker=f"kafka://{bootstrap}", store="memory://", web_enabled=False, topic_partitions=12
    )
    app._create_directories = lambda: None
    counts = app.Table(TABLE, default=int, key_type=str, value_type=int)

    @app.agent(app.topic("events", schema=RawBatches()))  # type: ignore[untyped-decorator] # Faust has no types
    async def count(stream: Any) -> None:
        async for _event in stream.events():
            counts["all"] += 1

    faust.Worker(app, loglevel="ERROR", quiet=True, redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main(sys.argv[1])
