"""`python -m tests.support.unguarded_stream_app`: the stream app without gate and continuity check, to show what they are for."""

from stream_app.__main__ import main
from stream_app.engine import agent
from stream_app.engine.partitions import OwnedPartitions

if __name__ == "__main__":
    # Open as soon as the state is recovered, before the seek to its position.
    OwnedPartitions.open = property(lambda self: self.ready, lambda self, value: None)  # type: ignore[assignment]
    # Every batch joins on.
    agent._joins_on = lambda owned, first: True
    main()
