"""The stream app as Faust stops it in the moment of its start: it joins the group with `events` alone, and exits.

`python -m tests.support.hasty_stream_app`
"""

import os
from collections.abc import Iterable
from typing import Any

from faust.transport.drivers.aiokafka import Consumer

from stream_app.__main__ import main
from stream_app.engine.consumer import BatchConsumer

if __name__ == "__main__":

    async def subscribe_to_events(self: BatchConsumer, _topics: Iterable[str]) -> None:
        await Consumer.subscribe(self, [self.app.events_topic])

    async def exit_when_assigned(_self: BatchConsumer, *_arguments: Any, **_options: Any) -> None:
        os._exit(0)

    BatchConsumer.subscribe = subscribe_to_events  # type: ignore[method-assign]
    BatchConsumer.on_partitions_assigned = exit_when_assigned
    main()
