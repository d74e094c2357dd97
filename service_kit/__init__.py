"""What all services share and that knows neither events nor topics: settings, logs, metrics, Kafka clients."""
