"""The collector: it accepts events over HTTP and publishes them to Kafka."""
