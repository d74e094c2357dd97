"""The collector: HTTP in, acknowledged Kafka records out."""
