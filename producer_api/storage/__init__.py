"""Where accepted events are stored before they are answered: Kafka, or a spool on disk while it is unavailable."""
