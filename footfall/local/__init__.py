"""The local stack: Kafka, Postgres and the services on one machine, for `footfall up` and the tests."""
