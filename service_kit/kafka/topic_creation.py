"""No client of ours creates a topic by asking for it, as a broker with auto.create.topics.enable would have it.

That is Kafka's default. Such a topic has one partition, the times of producers, and deletion in place of
compaction.
"""

from aiokafka.protocol.metadata import MetadataRequest


def forbid_topic_creation() -> None:
    """From now on, in this process, requests for metadata create nothing. aiokafka has no setting for it."""
    MetadataRequest.__init__.__defaults__ = (None, False)
