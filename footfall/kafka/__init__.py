"""What the command line asks of Kafka: topics, records and consumer lag."""
