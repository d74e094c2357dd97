"""The stream app without the recovery gate and the continuity check, to show what they are for.

`python -m tests.support.unguarded_stream_app`
"""

from stream_app.__main__ import main
from stream_app.engine import agent
from stream_app.engine.partitions import OwnedPartitions

if __name__ == "__main__":
    # Accepting as soon as the state is recovered, before the seek to its position.
    OwnedPartitions.accepting = property(lambda self: self.recovered, lambda self, value: None)  # type: ignore[assignment]
    # Every batch counts as contiguous.
    agent._is_contiguous = lambda owned, first: True
    main()
