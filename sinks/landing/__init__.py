"""From Kafka to any store: fetch, decode, write, go on. Knows no database."""
