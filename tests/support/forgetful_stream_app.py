"""`python -m tests.support.forgetful_stream_app`: the stream app, losing the first batch of each partition on its way."""

from typing import Any

from stream_app.__main__ import main
from stream_app.engine import agent
from stream_app.engine.app import ExactApp

if __name__ == "__main__":
    fold, lost = agent._fold, set[int]()

    async def forget_the_first(app: ExactApp, event: Any) -> None:
        if event.message.partition in lost:
            await fold(app, event)
        lost.add(event.message.partition)

    agent._fold = forget_the_first
    main()
