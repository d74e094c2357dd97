"""Checks of environment, Kafka, Postgres and services, each with a fix."""
