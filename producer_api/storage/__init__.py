"""Where accepted events go before they are answered: Kafka, and while it is away a spool on the disk."""
