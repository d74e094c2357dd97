"""The local stack: Kafka, Postgres and the services on one machine."""
