"""The stream app, but fetches wait for seconds, and a recovery begins seconds after its seek.

So a fetch goes on while partitions are assigned, which in a short time happens to few. `python -m
tests.support.slow_recovery_stream_app`
"""

import asyncio
from typing import Any

from faust.tables.recovery import Recovery

from stream_app.__main__ import main
from stream_app.engine import consumer

if __name__ == "__main__":
    consumer.FETCH_SECONDS = 4.0
    getmany, seek_offsets = consumer.BatchConsumer.getmany, Recovery._seek_offsets

    async def seek_and_wait(self: Recovery, *arguments: Any) -> None:
        await seek_offsets(self, *arguments)
        await asyncio.sleep(1)

    consumer.BatchConsumer.getmany = lambda self, timeout: getmany(self, 4.0)
    Recovery._seek_offsets = seek_and_wait
    main()
