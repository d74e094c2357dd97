"""The stream app, but it loses the first batch of each partition between fetching and folding.

`python -m tests.support.forgetful_stream_app`
"""

from typing import Any

from stream_app.__main__ import main
from stream_app.engine import agent
from stream_app.engine.app import FootfallApp

if __name__ == "__main__":
    fold_batch, lost = agent._fold_batch, set[int]()

    async def lose_the_first(app: FootfallApp, event: Any) -> None:
        if event.message.partition in lost:
            await fold_batch(app, event)
        lost.add(event.message.partition)

    agent._fold_batch = lose_the_first
    main()
