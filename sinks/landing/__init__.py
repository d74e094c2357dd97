"""From Kafka to any store: fetch, decode, write. Knows no database."""
