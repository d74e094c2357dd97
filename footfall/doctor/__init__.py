"""The checks of `footfall doctor`: environment, Kafka, Postgres and services; each finding has a fix."""
