"""Everything that all services need to talk to Kafka."""
